//! The power goes under both services at once: what was acknowledged over gRPC is there afterwards, the
//! feed tells every join once and in order, and both go on; whatever became of the views.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use hansa_journal::disk::{Cut, SimulatedDisk};
use hansa_proto::pb::feed::v1::EventKind;
use hansa_tests::events::events_to_head;
use hansa_tests::on_disk::{OnDisk, copy_directory};
use hansa_tests::{Clients, make};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tempfile::TempDir;
use tonic::{Code, Status};

const STORIES: u64 = 24;
const CALLERS: u64 = 4;
const CUTS: usize = 18;

/// Both disks, with a real directory for the views.
struct Machine {
    directory: TempDir,
    registry: SimulatedDisk,
    feed: SimulatedDisk,
}

impl Machine {
    fn new() -> Machine {
        let directory = tempfile::tempdir().unwrap();
        let disk = |name| SimulatedDisk::new(&directory.path().join(name));
        Machine { registry: disk("registry"), feed: disk("feed"), directory }
    }

    async fn start(&self) -> Result<(OnDisk, OnDisk, Clients), String> {
        let data = |name| self.directory.path().join(name);
        let registry = OnDisk::registry(Arc::new(self.registry.clone()), &data("registry")).await?;
        let feed = Arc::new(self.feed.clone());
        let feed = match OnDisk::feed(feed, &data("feed"), &registry.url).await {
            Ok(feed) => feed,
            Err(error) => {
                registry.end().await?;
                return Err(error);
            }
        };
        let clients = Clients { registry_url: registry.url.clone(), feed_url: feed.url.clone() };
        Ok((registry, feed, clients))
    }
}

/// One write and where it was done, when both disks had been asked for so many changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Write {
    Network,
    Member(u64),
    Join(u64),
    Publish(u64),
}

#[derive(Clone, Copy)]
struct Acknowledged {
    write: Write,
    position: u64,
    changes: (usize, usize),
}

impl Write {
    /// Asks for it; the same request every time.
    async fn ask(self, clients: &Clients) -> Result<(u64, bool), Status> {
        match self {
            Write::Network => {
                let mut request = make::network("n");
                request.request_id = format!("{self:?}");
                let made = clients.registry().create_network(request).await?.into_inner();
                Ok((made.position, made.replayed))
            }
            Write::Member(number) => {
                let mut request = make::member(&format!("m-{number}"), "ES");
                request.request_id = format!("{self:?}");
                let made = clients.registry().create_member(request).await?.into_inner();
                Ok((made.position, made.replayed))
            }
            Write::Join(number) => {
                let mut request = make::join("n", &format!("m-{number}"));
                request.request_id = format!("{self:?}");
                let joined = clients.registry().join_network(request).await?.into_inner();
                Ok((joined.position, joined.replayed))
            }
            Write::Publish(number) => {
                let member = format!("m-{number}");
                let mut request = make::statement(&format!("s-{number}"), "n", &[&member]);
                request.request_id = format!("{self:?}");
                let published = clients.statements().publish_statement(request).await?.into_inner();
                Ok((published.position, published.replayed))
            }
        }
    }

    fn of(number: u64) -> Vec<Write> {
        vec![Write::Member(number), Write::Join(number), Write::Publish(number)]
    }
}

/// Callers that write at the same time; every acknowledgement with how far the disks were by then. A
/// caller stops at an error.
async fn told(machine: &Machine, clients: &Clients) -> (Vec<Acknowledged>, Vec<Status>) {
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (registry, feed) = (machine.registry.clone(), machine.feed.clone());
        let clients = clients.clone();
        callers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in (caller..STORIES).step_by(CALLERS as usize) {
                for write in Write::of(number) {
                    if let Write::Publish(_) = write {
                        let joined: &Acknowledged = acknowledged.last().unwrap();
                        clients.feed_follows(joined.position).await;
                    }
                    match write.ask(&clients).await {
                        Ok((position, _)) => {
                            // The feed first: it cannot have read what the registry has not.
                            let of_feed = feed.operations().len();
                            let changes = (registry.operations().len(), of_feed);
                            acknowledged.push(Acknowledged { write, position, changes });
                        }
                        Err(status) => return (acknowledged, Some(status)),
                    }
                }
            }
            (acknowledged, None)
        });
    }
    let ended = callers.join_all().await;
    let (acknowledged, errors): (Vec<_>, Vec<_>) = ended.into_iter().unzip();
    (acknowledged.concat(), errors.into_iter().flatten().collect())
}

/// Everything acknowledged is answered as before; the feed and the registry agree; both go on.
async fn assert_all_there(clients: &Clients, acknowledged: &[Acknowledged], case: &str) {
    for known in acknowledged {
        let again = known.write.ask(clients).await;
        let again = again.unwrap_or_else(|status| panic!("{case}: {:?}: {status:?}", known.write));
        assert_eq!(again, (known.position, true), "{case}: {:?}", known.write);
    }
    if !acknowledged.iter().any(|known| known.write == Write::Network) {
        Write::Network.ask(clients).await.unwrap();
    }
    // Of what was not acknowledged, each write is there or can be made now.
    let mut joined = HashMap::new();
    for number in 0..STORIES {
        for write in Write::of(number) {
            let (position, _) = write.ask(clients).await.unwrap_or_else(|status| {
                panic!("{case}: {write:?} can neither be found nor made: {status:?}")
            });
            if let Write::Join(_) = write {
                joined.insert(format!("{write:?}"), position);
                clients.feed_follows(position).await;
            }
        }
    }
    let events = events_to_head(&mut clients.feed(), None).await;
    let joins: Vec<(String, u64)> = events
        .into_iter()
        .filter(|event| event.kind() == EventKind::Joined)
        .map(|event| (event.request_id, event.registry_position))
        .collect();
    assert!(joins.is_sorted_by(|one, next| one.1 < next.1), "{case}: repeated or out of order");
    assert_eq!(joins.into_iter().collect::<HashMap<_, _>>(), joined, "{case}");
}

/// What becomes of the views: each as it was in the end, which no power cut makes, for a view is never ahead
/// of what is durable; as it was half-way; lost.
fn put_views(ended: &Path, half_way: &Path, data: &Path, choice: u32) {
    for service in ["registry", "feed"] {
        let view = Path::new(service).join("view");
        std::fs::remove_dir_all(data.join(&view)).unwrap();
        match choice % 3 {
            0 => copy_directory(&ended.join(&view), &data.join(&view)),
            1 => copy_directory(&half_way.join(&view), &data.join(&view)),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_services_survive_power_cuts_wherever_they_fall() {
    let mut story = Machine::new();
    let (registry, feed, clients) = story.start().await.unwrap();
    let network = Write::Network.ask(&clients).await.unwrap().0;
    let begun = (story.registry.operations().len(), story.feed.operations().len());
    clients.feed_follows(network).await;
    feed.stop().await;
    registry.stop().await;
    let half_way = tempfile::tempdir().unwrap();
    copy_directory(story.directory.path(), half_way.path());

    let (registry, feed, clients) = story.start().await.unwrap();
    let (mut acknowledged, errors) = told(&story, &clients).await;
    assert!(errors.is_empty(), "{errors:?}");
    acknowledged.push(Acknowledged { write: Write::Network, position: network, changes: begun });
    feed.stop().await;
    registry.stop().await;
    assert_eq!(acknowledged.len() as u64, 3 * STORIES + 1);
    let ended = tempfile::tempdir().unwrap();
    copy_directory(story.directory.path(), ended.path());

    let seed = 20_260_301;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut views_refused = 0;
    for round in 0..CUTS {
        // The moment of one acknowledgement; the registry perhaps up to three changes further.
        let moment = acknowledged.choose(&mut random).unwrap().changes;
        let cut = *[Cut::Lost, Cut::Torn(random.random()), Cut::Torn(random.random()), Cut::Kept]
            .choose(&mut random)
            .unwrap();
        let further = moment.0 + random.random_range(0..4);
        let (of_registry, of_feed) = (further.min(story.registry.operations().len()), moment.1);
        let case = format!("round {round}, {cut:?}, after {of_registry} and {of_feed} changes");
        let views = random.random();
        put_views(ended.path(), half_way.path(), story.directory.path(), views);
        let after = Machine {
            registry: story.registry.after_cut(of_registry, cut),
            feed: story.feed.after_cut(of_feed, cut),
            directory: story.directory,
        };
        let started = match after.start().await {
            Err(error) if views % 3 == 0 && error.contains("the view has seen commits up to") => {
                views_refused += 1;
                put_views(ended.path(), half_way.path(), after.directory.path(), 2);
                after.start().await
            }
            started => started,
        };
        let (registry, feed, clients) = started.unwrap_or_else(|error| panic!("{case}: {error}"));
        let until_then: Vec<Acknowledged> = acknowledged
            .iter()
            .filter(|known| known.changes.0 <= moment.0 && known.changes.1 <= moment.1)
            .copied()
            .collect();
        assert_all_there(&clients, &until_then, &case).await;
        feed.stop().await;
        registry.stop().await;
        story.directory = after.directory;
    }
    assert!(views_refused > 0, "no view was ever ahead");
}

/// The power goes while both run and are written to: whoever was answered was answered truly.
#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_under_load_is_an_unknown_outcome_at_worst() {
    for (seed, victim) in [(1, "registry"), (2, "feed"), (3, "registry"), (4, "feed")] {
        let machine = Machine::new();
        let (registry, feed, clients) = machine.start().await.unwrap();
        let network = Write::Network.ask(&clients).await.unwrap().0;
        clients.feed_follows(network).await;
        let disk = if victim == "registry" { &machine.registry } else { &machine.feed };
        disk.cut_after(disk.asked() + StdRng::seed_from_u64(seed).random_range(10..60));
        // A caller of the feed must not wait for a registry that is gone.
        let telling = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            tell_until_it_fails(&clients).await
        });
        let (acknowledged, error) = telling.await.expect("the power goes within the story");
        let allowed = [Code::Unknown, Code::Unavailable, Code::Cancelled];
        assert!(allowed.contains(&error.code()), "{error:?}");
        let (registry, feed) = (registry.end().await, feed.end().await);
        let failed = if victim == "registry" { registry } else { feed };
        assert!(failed.is_err(), "the {victim} goes on without a disk");

        let after = Machine {
            registry: machine.registry.after_cut(machine.registry.operations().len(), Cut::Lost),
            feed: machine.feed.after_cut(machine.feed.operations().len(), Cut::Torn(seed)),
            directory: machine.directory,
        };
        let (registry, feed, clients) = after.start().await.unwrap();
        assert_all_there(&clients, &acknowledged, &format!("seed {seed}, {victim}")).await;
        feed.stop().await;
        registry.stop().await;
    }
}

async fn tell_until_it_fails(clients: &Clients) -> (Vec<Acknowledged>, Status) {
    let mut acknowledged = Vec::new();
    for number in 0..STORIES {
        for write in [Write::Member(number), Write::Join(number), Write::Publish(number)] {
            match write.ask(clients).await {
                Ok((position, _)) => {
                    acknowledged.push(Acknowledged { write, position, changes: (0, 0) });
                }
                // The feed does not know the member yet.
                Err(status) if status.code() == Code::FailedPrecondition => {}
                Err(status) => return (acknowledged, status),
            }
        }
    }
    panic!("the power never went");
}
