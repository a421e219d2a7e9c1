//! Backups taken beside the services, and what is restored of them: the same answers, from any point in
//! time, and nobody mixes up two histories.

use std::path::Path;
use std::sync::Arc;

use hansa_journal::disk::RealDisk;
use hansa_journal::{Commit, Copied};
use hansa_proto::pb::feed::v1::{EventKind, GetFeedStatusRequest, GetFeedStatusResponse};
use hansa_proto::pb::registry::v1::{ListNetworksRequest, WatchChangesRequest};
use hansa_tests::events::{after, batches, events_to_head, messages_to_head, place};
use hansa_tests::on_disk::OnDisk;
use hansa_tests::refusal::{Refusal, refusal};
use hansa_tests::{Clients, make};
use tempfile::TempDir;
use tonic::Code;

/// A pair over the data directory of `hansa up`: `registry` and `feed` in it.
struct Pair {
    registry: OnDisk,
    feed: OnDisk,
}

impl Pair {
    async fn over(data: &Path) -> Pair {
        let disk = RealDisk::shared();
        let registry = OnDisk::registry(Arc::clone(&disk), &data.join("registry")).await.unwrap();
        let feed = OnDisk::feed(disk, &data.join("feed"), &registry.url).await.unwrap();
        Pair { registry, feed }
    }

    fn clients(&self) -> Clients {
        Clients { registry_url: self.registry.url.clone(), feed_url: self.feed.url.clone() }
    }

    async fn stop(self) {
        self.feed.stop().await;
        self.registry.stop().await;
    }

    /// Members who join a network, one after the other; where the last stands.
    async fn joins(&self, numbers: std::ops::Range<u32>) -> u64 {
        let clients = self.clients();
        let mut last = 0;
        for number in numbers {
            let id = format!("m-{number}");
            clients.registry().create_member(make::member(&id, "ES")).await.unwrap();
            let mut join = make::join("n", &id);
            join.request_id = id;
            last = clients.registry().join_network(join).await.unwrap().into_inner().position;
        }
        clients.feed_follows(last).await;
        last
    }

    async fn status(&self) -> GetFeedStatusResponse {
        let mut feed = self.clients().feed();
        feed.get_feed_status(GetFeedStatusRequest::default()).await.unwrap().into_inner()
    }

    /// Who joined, as the feed tells it.
    async fn told(&self) -> Vec<String> {
        let events = events_to_head(&mut self.clients().feed(), None).await;
        let joins = events.into_iter().filter(|event| event.kind() == EventKind::Joined);
        joins.map(|event| event.request_id).collect()
    }
}

fn ids(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("m-{number}")).collect()
}

/// Backs up like `hansa backup`: the feed first, so that the registry has all it had read.
fn backup(data: &Path, to: &Path) -> Vec<Copied> {
    let copied = ["feed/journal", "registry/journal"]
        .map(|journal| hansa_journal::copy(&data.join(journal), &to.join(journal)).unwrap());
    copied.into()
}

/// Restores what was recorded in each of the two journals up to a position.
fn restore(from: &Path, to: &Path, feed: u64, registry: u64) {
    for (journal, last) in [("feed/journal", feed), ("registry/journal", registry)] {
        let wanted = &mut |commit: &Commit| commit.position.get() <= last;
        hansa_journal::restore(&from.join(journal), &to.join(journal), wanted).unwrap();
    }
}

async fn begun(data: &TempDir) -> Pair {
    let pair = Pair::over(data.path()).await;
    pair.clients().registry().create_network(make::network("n")).await.unwrap();
    pair
}

/// While it is written to, a backup is a state that was: whole, of one moment of each service, and
/// the registry's no earlier than what the feed had read of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_the_services_is_restored_and_goes_on() {
    let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pair = begun(&data).await;
    let backups = async {
        let mut rounds = Vec::new();
        for _ in 0..4 {
            let (data, copy) = (data.path().to_owned(), copy.path().to_owned());
            rounds.push(tokio::task::spawn_blocking(move || backup(&data, &copy)).await.unwrap());
        }
        rounds
    };
    let (_, rounds) = tokio::join!(pair.joins(0..40), backups);
    let last = backup(data.path(), copy.path());
    assert!(last.iter().all(|copied| copied.segments > 3), "{last:?}");
    assert!(rounds.iter().flatten().all(|copied| copied.last <= last[1].last));
    let again = backup(data.path(), copy.path());
    assert!(again.iter().all(|copied| copied.written == 0), "nothing has changed: {again:?}");
    pair.joins(40..45).await;
    let later = backup(data.path(), copy.path());
    let written = |copied: &Copied| copied.written < copied.segments / 2;
    assert!(later.iter().all(written), "closed segments are not copied again: {later:?}");
    let told = pair.told().await;
    pair.stop().await;

    let restored = tempfile::tempdir().unwrap();
    restore(copy.path(), restored.path(), u64::MAX, u64::MAX);
    let pair = Pair::over(restored.path()).await;
    assert_eq!(pair.told().await, told);
    pair.joins(45..50).await;
    assert_eq!(pair.told().await, ids(0..50));
    pair.stop().await;
}

/// Any point in time is one that was.
#[tokio::test(flavor = "multi_thread")]
async fn every_position_can_be_restored() {
    let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pair = begun(&data).await;
    let last = pair.joins(0..6).await;
    pair.stop().await;
    backup(data.path(), copy.path());
    for position in (1..=last).step_by(3) {
        let restored = tempfile::tempdir().unwrap();
        restore(copy.path(), restored.path(), 0, position);
        let pair = Pair::over(restored.path()).await;
        pair.clients().feed_follows(position).await;
        let joined = u32::try_from((position - 1) / 2).unwrap();
        assert_eq!(pair.told().await, ids(0..joined), "at {position}");
        let request = ListNetworksRequest::default();
        let listed = pair.clients().registry().list_networks(request).await.unwrap().into_inner();
        assert_eq!(listed.networks[0].active_member_count, i64::from(joined));
        pair.stop().await;
    }
}

/// The registry is put back to an earlier place. A feed that had read no further goes on by itself; one
/// that had says that this is another history, and mixes nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_put_back_is_another_history_to_whoever_had_read_further() {
    let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pair = begun(&data).await;
    let kept = pair.joins(0..3).await;
    let before = pair.status().await;
    let cursor = before.head_cursor.to_vec();
    // The feed of this moment, and that of a later one.
    let early = tempfile::tempdir().unwrap();
    backup(data.path(), early.path());
    let further = pair.joins(3..5).await;
    pair.stop().await;
    backup(data.path(), copy.path());

    // Read no further than what is kept.
    let restored = tempfile::tempdir().unwrap();
    restore(early.path(), &restored.path().join("a"), u64::MAX, kept);
    let pair = Pair::over(&restored.path().join("a")).await;
    pair.joins(7..9).await;
    assert_eq!(pair.told().await, [ids(0..3), ids(7..9)].concat());
    let after_all = pair.status().await;
    assert_ne!(after_all.registry_identity, before.registry_identity);
    assert_ne!(after_all.identity, before.identity);
    // A subscriber who stood there too goes on with its old cursor, and the ones sent of old events.
    let messages = messages_to_head(&mut pair.clients().feed(), after(Some(&cursor))).await;
    let resumed: Vec<String> = batches(messages)
        .into_iter()
        .flat_map(|(events, _)| events)
        .filter(|event| event.kind() == EventKind::Joined)
        .map(|event| event.request_id)
        .collect();
    assert_eq!(resumed, ids(7..9));
    pair.stop().await;

    // Read further.
    let wanted = restored.path().join("b");
    restore(copy.path(), &wanted, u64::MAX, kept);
    let pair = Pair::over(&wanted).await;
    let refused = WatchChangesRequest {
        after_position: further,
        identity: before.registry_identity.clone(),
        ..Default::default()
    };
    let refused = refusal(pair.clients().registry().watch_changes(refused).await);
    assert_eq!(refused, Refusal::expected(Code::FailedPrecondition, "CURSOR_FOREIGN", &[]));
    // The feed says so, tells nothing of the other history, and still answers what it has.
    let (clients, feed) = (pair.clients(), pair.feed);
    feed.not_serving("hansa.feed.v1.FeedService").await;
    let request = make::member("m-9", "ES");
    clients.registry().create_member(request).await.unwrap();
    let join = make::join("n", "m-9");
    let position = clients.registry().join_network(join).await.unwrap().into_inner().position;
    assert!(position <= further, "the registry gives its positions anew");
    let events = events_to_head(&mut clients.feed(), None).await;
    let joins = events.iter().filter(|event| event.kind() == EventKind::Joined);
    let joins: Vec<&str> = joins.map(|event| event.request_id.as_str()).collect();
    assert_eq!(joins, ids(0..5));
    assert!(events.is_sorted_by_key(place));
    feed.stop().await;

    // The way out: the feed is put back as well, to where it had read no more than is kept.
    let wanted = restored.path().join("c");
    hansa_journal::restore(
        &early.path().join("feed/journal"),
        &wanted.join("journal"),
        &mut |_: &Commit| true,
    )
    .unwrap();
    let feed = OnDisk::feed(RealDisk::shared(), &wanted, &pair.registry.url).await.unwrap();
    let clients = Clients { feed_url: feed.url.clone(), ..clients };
    clients.feed_follows(position).await;
    let events = events_to_head(&mut clients.feed(), None).await;
    let joins = events.iter().filter(|event| event.kind() == EventKind::Joined).count();
    assert_eq!(joins, 4, "the three kept, and the new one");
    feed.stop().await;
    pair.registry.stop().await;
}

/// A subscriber of a feed that was put back: one who had read no further goes on, one who had is refused.
#[tokio::test(flavor = "multi_thread")]
async fn cursors_of_a_feed_put_back() {
    let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pair = begun(&data).await;
    pair.joins(0..4).await;
    let messages = messages_to_head(&mut pair.clients().feed(), after(None)).await;
    let cursors: Vec<(u64, Vec<u8>)> = batches(messages)
        .into_iter()
        .map(|(events, cursor)| (events.last().unwrap().position, cursor))
        .collect();
    pair.stop().await;
    backup(data.path(), copy.path());
    let kept = cursors[cursors.len() / 2].0;
    let restored = tempfile::tempdir().unwrap();
    restore(copy.path(), restored.path(), kept, u64::MAX);
    let pair = Pair::over(restored.path()).await;
    pair.clients().feed_follows(9).await;
    for (position, cursor) in cursors {
        let subscribed = pair.clients().feed().subscribe(after(Some(&cursor))).await;
        match position <= kept {
            true => drop(subscribed.unwrap()),
            false => {
                let expected = Refusal::expected(Code::FailedPrecondition, "CURSOR_FOREIGN", &[]);
                assert_eq!(Refusal::of(&subscribed.map(drop).unwrap_err()), expected);
            }
        }
    }
    pair.stop().await;
}
