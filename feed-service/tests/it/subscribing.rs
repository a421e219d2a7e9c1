//! Subscriptions: Ordered, Unique, Atomic, Complete, Resumable, Bookmarkable, and how they end.

use std::collections::BTreeMap;

use bytes::Bytes;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::registry::v1::MemberState;
use pb::subscribe_request::Start;
use pb::subscribe_response::Message;
use tonic::{Code, Streaming};

use crate::feed::{Feed, events, from_beginning, publication, reason, rules, small_registry};
use crate::registry::{self, Registry};

/// A feed of the small registry, with a statement and several signatures in one commit.
async fn small_feed(data: &std::path::Path) -> (Registry, Feed) {
    let registry = small_registry().await;
    let feed = Feed::start(data, &registry).await;
    feed.followed(3).await;
    let publish = publication("a", &["barcelona", "madrid"]);
    feed.statements().publish_statement(publish).await.unwrap();
    feed.statements().publish_statement(publication("b", &[])).await.unwrap();
    (registry, feed)
}

fn after(cursor: &Bytes) -> pb::SubscribeRequest {
    pb::SubscribeRequest { start: Some(Start::AfterCursor(cursor.clone())), ..Default::default() }
}

async fn next(stream: &mut Streaming<pb::SubscribeResponse>) -> Message {
    stream.message().await.unwrap().unwrap().message.unwrap()
}

#[tokio::test]
async fn all_there_is_comes_in_order_and_whole() {
    let data = tempfile::tempdir().unwrap();
    let (_registry, feed) = small_feed(data.path()).await;
    let messages = feed.read_to_head(from_beginning()).await;
    let Some(Message::Opened(opened)) = messages.first() else { panic!("Opened comes first") };
    assert_eq!((opened.start_position, opened.head_position), (0, 5));
    let Some(Message::Progress(last)) = messages.last() else { panic!("Progress comes last") };
    assert_eq!((last.position, &last.cursor), (5, &opened.head_cursor));
    let names: Vec<String> = events(&messages).into_iter().map(|event| event.name).collect();
    let expected = ["1.0", "2.0", "2.1", "3.0", "4.0", "4.1", "4.2", "5.0"];
    assert_eq!(names, expected.map(|name| format!("events/{name}")));
    feed.stop().await;
}

/// Resuming after any cursor gives exactly what would have followed, with every filter and every cap.
#[tokio::test]
async fn every_cursor_continues_exactly() {
    let data = tempfile::tempdir().unwrap();
    let (_registry, feed) = small_feed(data.path()).await;
    let about_madrid =
        pb::Filter { members: vec!["members/madrid".to_owned()], ..Default::default() };
    for filter in [None, Some(about_madrid)] {
        for max_batch_events in [1, 2, 256] {
            let request = pb::SubscribeRequest {
                filter: filter.clone(),
                max_batch_events,
                ..from_beginning()
            };
            let messages = feed.read_to_head(request.clone()).await;
            let all = events(&messages);
            let mut cursors = 0;
            for (index, message) in messages.iter().enumerate() {
                let cursor = match message {
                    Message::Opened(opened) => &opened.start_cursor,
                    Message::Batch(batch) => &batch.cursor,
                    Message::Progress(progress) => &progress.cursor,
                    other => panic!("{other:?} in a stream that stops at the head"),
                };
                cursors += 1;
                let seen = events(&messages[..=index]).len();
                let resumed =
                    pb::SubscribeRequest { start: after(cursor).start, ..request.clone() };
                assert_eq!(events(&feed.read_to_head(resumed).await), all[seen..]);
            }
            assert!(cursors >= 3, "too few cursors to prove anything");
        }
    }
    feed.stop().await;
}

/// A filter that takes some events of a commit gets those and no others, with the cursor of the commit:
/// cursors do not depend on the filter.
#[tokio::test]
async fn of_a_commit_comes_what_matches() {
    let data = tempfile::tempdir().unwrap();
    let (_registry, feed) = small_feed(data.path()).await;
    let cursors = |messages: &[Message]| -> BTreeMap<u64, Bytes> {
        let batches = messages.iter().filter_map(|message| match message {
            Message::Batch(batch) => Some((batch.events.last()?.position, batch.cursor.clone())),
            _ => None,
        });
        batches.collect()
    };
    let one_by_one = pb::SubscribeRequest { max_batch_events: 1, ..from_beginning() };
    let whole_commits = feed.read_to_head(one_by_one.clone()).await;
    let (all, cursor_at) = (events(&whole_commits), cursors(&whole_commits));
    let mut in_part = 0;
    for member in ["members/madrid", "members/barcelona"] {
        let filter = pb::Filter {
            members: vec![member.to_owned()],
            allow_unknown: true,
            ..Default::default()
        };
        let request = pb::SubscribeRequest { filter: Some(filter), ..one_by_one.clone() };
        let wanted = |event: &&pb::Event| event.members.iter().any(|it| it == member);
        let expected: Vec<pb::Event> = all.iter().filter(wanted).cloned().collect();
        let messages = feed.read_to_head(request).await;
        assert_eq!(events(&messages), expected, "{member}");
        for (position, cursor) in cursors(&messages) {
            assert_eq!(cursor, cursor_at[&position], "after {position}");
        }
        let whole = |position| all.iter().filter(|event| event.position == position).count();
        let taken = |position| expected.iter().filter(|event| event.position == position).count();
        in_part += (1..=5).filter(|at| taken(*at) > 0 && taken(*at) < whole(*at)).count();
    }
    assert!(in_part > 0, "no commit was taken in part");
    feed.stop().await;
}

#[tokio::test]
async fn caps_hold_except_for_a_large_commit() {
    let data = tempfile::tempdir().unwrap();
    let (_registry, feed) = small_feed(data.path()).await;
    for request in [
        pb::SubscribeRequest { max_batch_events: 1, ..from_beginning() },
        pb::SubscribeRequest { max_batch_bytes: 1_024, ..from_beginning() },
    ] {
        let messages = feed.read_to_head(request).await;
        let mut batches = 0;
        for message in &messages {
            let Message::Batch(batch) = message else { continue };
            batches += 1;
            let positions: std::collections::BTreeSet<u64> =
                batch.events.iter().map(|event| event.position).collect();
            let bytes: usize = batch.events.iter().map(prost::Message::encoded_len).sum();
            assert!(positions.len() == 1 || bytes <= 1_024);
            let whole = events(&messages);
            let whole = whole.iter().filter(|event| positions.contains(&event.position)).count();
            assert_eq!(whole, batch.events.len(), "a commit in two batches");
        }
        assert!(batches > 1);
    }
    feed.stop().await;
}

#[tokio::test]
async fn what_is_new_comes_when_it_is_durable() {
    let data = tempfile::tempdir().unwrap();
    let (registry, feed) = small_feed(data.path()).await;
    let end = pb::SubscribeRequest { start: Some(Start::End(())), ..Default::default() };
    let mut live = feed.subscribe(end).await.unwrap();
    assert!(matches!(next(&mut live).await, Message::Opened(_)));
    let Message::CaughtUp(caught_up) = next(&mut live).await else { panic!("not caught up") };
    assert_eq!(caught_up.position, 5);
    registry.commit(vec![registry::member("paris", MemberState::Active)]);
    let Message::Batch(batch) = next(&mut live).await else { panic!("not the new event") };
    assert_eq!(batch.events[0].members, ["members/paris"]);
    let get = pb::GetEventRequest { name: batch.events[0].name.clone(), min_position: 0 };
    let got = feed.events().get_event(get).await.unwrap().into_inner();
    assert_eq!(got.event.as_ref(), batch.events.first());
    feed.stop().await;
}

#[tokio::test]
async fn a_quiet_stream_gives_signs_of_life() {
    let data = tempfile::tempdir().unwrap();
    let (_registry, feed) = small_feed(data.path()).await;
    let nothing = pb::Filter {
        campaigns: vec!["campaigns/none".to_owned()],
        allow_unknown: true,
        ..Default::default()
    };
    let request = pb::SubscribeRequest {
        filter: Some(nothing),
        progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..from_beginning()
    };
    let mut quiet = feed.subscribe(request).await.unwrap();
    assert!(matches!(next(&mut quiet).await, Message::Opened(_)));
    assert!(matches!(next(&mut quiet).await, Message::CaughtUp(_)));
    let Message::Progress(progress) = next(&mut quiet).await else { panic!("no sign of life") };
    assert_eq!((progress.position, progress.head_position), (5, 5));
    feed.stop().await;
}

/// A run of events that nobody asked for is reported on the way, and resuming there misses nothing:
/// whether its few commits are read, or its many jumped over by the index.
#[tokio::test]
async fn a_long_run_without_a_match_gives_progress() {
    for (commits, members) in [(12, 1_000), (120, 100)] {
        long_run_without_a_match(commits, members).await;
    }
}

async fn long_run_without_a_match(commits: u64, members: i32) {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    for round in 0..commits {
        let member =
            |number: i32| registry::member(&format!("m-{round}-{number}"), MemberState::Active);
        registry.commit((0..members).map(member).collect());
    }
    registry.commit(vec![registry::joined("fearless", "madrid")]);
    let last = commits + 4;
    feed.followed(last).await;
    let joins = pb::Filter { kinds: vec![pb::EventKind::Joined as i32], ..Default::default() };
    let request = pb::SubscribeRequest { filter: Some(joins.clone()), ..from_beginning() };
    let messages = feed.read_to_head(request.clone()).await;
    assert_eq!(events(&messages).len(), 2);
    let Some(Message::Progress(progress)) = messages.get(2) else {
        panic!("{:?}", messages.get(2))
    };
    assert!(progress.position > 3 && progress.position < last);
    let resumed = pb::SubscribeRequest { start: after(&progress.cursor).start, ..request };
    assert_eq!(events(&feed.read_to_head(resumed).await), events(&messages)[1..]);

    // A list asks the index, and does not look at what does not match.
    let mut list = pb::ListEventsRequest { filter: Some(joins), ..Default::default() };
    for descending in [false, true] {
        let mut listed = Vec::new();
        let mut pages = 0;
        list = pb::ListEventsRequest { descending, page_token: String::new(), ..list };
        loop {
            let page = feed.events().list_events(list.clone()).await.unwrap().into_inner();
            pages += 1;
            listed.extend(page.events);
            if page.next_page_token.is_empty() {
                break;
            }
            list.page_token = page.next_page_token;
        }
        assert_eq!((listed.len(), pages), (2, 1));
    }
    feed.stop().await;
}

#[tokio::test]
async fn cursors_that_cannot_be_taken_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let (_registry, feed) = small_feed(data.path()).await;
    let head = feed.followed(3).await.head_cursor.to_vec();
    let mut future = head.clone();
    *future.last_mut().unwrap() += 1;
    let mut foreign = head.clone();
    foreign[1] ^= 1;
    for (cursor, code, expected) in [
        (future, Code::OutOfRange, "CURSOR_IN_FUTURE"),
        (foreign, Code::FailedPrecondition, "CURSOR_FOREIGN"),
        (head[1..].to_vec(), Code::InvalidArgument, "MALFORMED"),
        (Vec::new(), Code::InvalidArgument, "MALFORMED"),
    ] {
        let refused = feed.subscribe(after(&cursor.into())).await.unwrap_err();
        assert_eq!(reason(&refused), (code, expected.to_owned()));
    }
    let refused = feed.subscribe(pb::SubscribeRequest::default()).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::InvalidArgument, "MALFORMED".to_owned()));
    let unknown = pb::Filter {
        networks: vec!["networks/none".to_owned()],
        members: vec!["members/none".to_owned()],
        campaigns: vec!["campaigns/none".to_owned()],
        ..Default::default()
    };
    let request = pb::SubscribeRequest { filter: Some(unknown), ..from_beginning() };
    let refused = feed.subscribe(request).await.unwrap_err();
    let refused: Vec<String> = rules(&refused).into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(refused, ["NETWORK_UNKNOWN", "MEMBER_UNKNOWN", "CAMPAIGN_UNKNOWN"]);
    feed.stop().await;
}

#[tokio::test]
async fn draining_is_announced_and_ends_the_stream() {
    let data = tempfile::tempdir().unwrap();
    let (_registry, feed) = small_feed(data.path()).await;
    let mut live = feed.subscribe(from_beginning()).await.unwrap();
    while !matches!(next(&mut live).await, Message::CaughtUp(_)) {}
    feed.drain();
    let Message::Notice(notice) = next(&mut live).await else { panic!("no notice") };
    assert_eq!(notice.kind, pb::NoticeKind::Draining as i32);
    let ended = live.message().await.unwrap_err();
    assert_eq!(reason(&ended), (Code::Unavailable, "NOT_SERVING".to_owned()));
    drop(live);
    feed.stop().await;
}

#[tokio::test]
async fn pages_are_pinned_and_whole_in_both_directions() {
    let data = tempfile::tempdir().unwrap();
    let (registry, feed) = small_feed(data.path()).await;
    let all = feed.all_events().await;
    for descending in [false, true] {
        let mut list = pb::ListEventsRequest { page_size: 3, descending, ..Default::default() };
        let mut listed = Vec::new();
        let mut following = feed.followed(0).await.registry_position;
        loop {
            let page = feed.events().list_events(list.clone()).await.unwrap().into_inner();
            listed.extend(page.events);
            if page.next_page_token.is_empty() {
                break;
            }
            list.page_token = page.next_page_token;
            // What happens meanwhile belongs to another list.
            let id = format!("new-{descending}-{}", listed.len());
            following = registry.commit(vec![registry::member(&id, MemberState::Active)]);
            feed.followed(following).await;
        }
        assert!(following > 3);
        if descending {
            let newest = listed.iter().map(|event| event.position).max().unwrap();
            let mut expected: Vec<pb::Event> = feed.all_events().await;
            expected.retain(|event| event.position <= newest);
            expected.reverse();
            assert_eq!(listed, expected);
        } else {
            assert_eq!(listed, all);
        }
    }
    feed.stop().await;
}

/// A reader that stops reading misses nothing, and is told that it is not live any more.
#[tokio::test]
async fn who_does_not_read_falls_behind_and_catches_up() {
    let data = tempfile::tempdir().unwrap();
    let (registry, feed) = small_feed(data.path()).await;
    let mut live = feed.subscribe_apart(from_beginning()).await;
    while !matches!(next(&mut live).await, Message::CaughtUp(_)) {}
    // Far more than connection and stream buffer.
    for number in 0..6_000 {
        let id = format!("{}-{number}", "m".repeat(80));
        registry.commit(vec![registry::member(&id, MemberState::Active)]);
    }
    feed.followed(6_003).await;
    let (mut positions, mut fell_behind) = (Vec::new(), 0);
    loop {
        match next(&mut live).await {
            Message::Batch(batch) => {
                positions.extend(batch.events.iter().map(|event| event.position));
            }
            Message::FellBehind(_) => fell_behind += 1,
            Message::Progress(progress) => assert!(progress.position < 6_005, "never fell behind"),
            Message::CaughtUp(caught_up) if caught_up.position == 6_005 => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fell_behind, 1);
    assert_eq!(positions, (6..=6_005).collect::<Vec<u64>>());
    drop(live);
    feed.stop().await;
}

#[tokio::test]
async fn subscriptions_are_counted_and_given_back() {
    let data = tempfile::tempdir().unwrap();
    let registry = small_registry().await;
    let mut config = feed_service::Config::new(data.path().to_owned(), registry.uri.clone());
    config.streams.max_subscriptions = 1;
    let feed = Feed::start_with(config).await;
    feed.health_becomes(tonic_health::pb::health_check_response::ServingStatus::Serving).await;
    let mut only = feed.subscribe(from_beginning()).await.unwrap();
    assert!(matches!(next(&mut only).await, Message::Opened(_)));
    let refused = feed.subscribe(from_beginning()).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "STREAM_QUOTA".to_owned()));
    drop(only);
    let mut tries = 0;
    while let Err(status) = feed.subscribe(from_beginning()).await {
        // The server learns of the cancellation a moment later.
        assert_eq!(reason(&status).1, "STREAM_QUOTA");
        tries += 1;
        assert!(tries < 1_000, "the place was never given back");
    }
    feed.stop().await;
}
