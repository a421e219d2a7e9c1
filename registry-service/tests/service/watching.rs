//! WatchChanges: from positions, live, refused, and ended.

use hansa_proto::pb::registry::v1 as registry;
use registry::watch_changes_response::Message;
use tonic::{Code, Status, Streaming};

use super::harness::*;

fn after(position: u64) -> registry::WatchChangesRequest {
    registry::WatchChangesRequest { after_position: position, ..Default::default() }
}

async fn open(
    it: &mut Registry,
    request: registry::WatchChangesRequest,
) -> Result<(registry::WatchOpened, Streaming<registry::WatchChangesResponse>), Status> {
    let mut stream = it.client.watch_changes(request).await?.into_inner();
    match stream.message().await?.unwrap().message.unwrap() {
        Message::Opened(opened) => Ok((opened, stream)),
        other => panic!("opened comes first, not {other:?}"),
    }
}

/// The next commit; signs of life are passed over.
async fn next(stream: &mut Streaming<registry::WatchChangesResponse>) -> registry::Commit {
    loop {
        match stream.message().await.unwrap().unwrap().message.unwrap() {
            Message::Commit(commit) => return commit,
            Message::Progress(_) => {}
            Message::Opened(_) => panic!("opened comes once"),
        }
    }
}

#[tokio::test]
async fn a_watcher_gets_the_past_and_then_what_comes() {
    let (_data, mut it) = started().await;
    it.client.create_network(create_network("n")).await.unwrap();
    it.client.create_member(create_member("m")).await.unwrap();
    let (opened, mut stream) = open(&mut it, after(0)).await.unwrap();
    assert_eq!((opened.after_position, opened.head_position), (0, 2));
    assert_eq!((opened.identity.len(), opened.progress_interval.unwrap().seconds), (16, 15));
    let (first, second) = (next(&mut stream).await, next(&mut stream).await);
    assert_eq!((first.position, second.position), (1, 2));
    assert_eq!(first.principal, "anonymous");
    assert_eq!(first.changes[0].kind(), registry::ChangeKind::NetworkCreated);
    it.client.join_network(join("n", "m")).await.unwrap();
    let third = next(&mut stream).await;
    assert_eq!((third.position, third.chain.len()), (3, 32));
    assert_eq!(third.changes[0].occurred_at, year(2020));

    let request = registry::WatchChangesRequest {
        identity: opened.identity,
        chain: second.chain,
        ..after(2)
    };
    let (_, mut resumed) = open(&mut it, request).await.unwrap();
    assert_eq!(next(&mut resumed).await, third);
    it.stop().await;
}

#[tokio::test]
async fn a_watcher_of_another_history_is_refused() {
    let (_data, mut it) = started().await;
    it.client.create_network(create_network("n")).await.unwrap();
    let foreign = registry::WatchChangesRequest { identity: vec![1; 16].into(), ..after(0) };
    let refused = open(&mut it, foreign).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::FailedPrecondition, "CURSOR_FOREIGN".into()));
    let refused = open(&mut it, after(2)).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::OutOfRange, "CURSOR_IN_FUTURE".into()));
    for position in [0, 1] {
        let forked = registry::WatchChangesRequest { chain: vec![1; 32].into(), ..after(position) };
        let refused = open(&mut it, forked).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::DataLoss, "CHAIN_MISMATCH".into()));
    }
    let malformed = registry::WatchChangesRequest {
        identity: vec![1; 3].into(),
        progress_interval: Some(prost_types::Duration { seconds: 61, nanos: 0 }),
        ..after(0)
    };
    let refused = open(&mut it, malformed).await.unwrap_err();
    assert_eq!(fields(&refused), ["identity", "progress_interval"]);
    it.stop().await;
}

#[tokio::test]
async fn silence_is_broken_by_signs_of_life_that_name_the_last_commit_sent() {
    let (_data, mut it) = started().await;
    it.client.create_network(create_network("n")).await.unwrap();
    let request = registry::WatchChangesRequest {
        progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..after(0)
    };
    let (_, mut stream) = open(&mut it, request).await.unwrap();
    assert_eq!(next(&mut stream).await.position, 1);
    for _ in 0..2 {
        match stream.message().await.unwrap().unwrap().message.unwrap() {
            Message::Progress(progress) => {
                assert_eq!((progress.position, progress.head_position), (1, 1));
            }
            other => panic!("a sign of life, not {other:?}"),
        }
    }
    it.stop().await;
}

#[tokio::test]
async fn draining_ends_a_watch_with_a_reason() {
    let (_data, mut it) = started().await;
    let (_, mut stream) = open(&mut it, after(0)).await.unwrap();
    it.stop().await;
    let ended = stream.message().await.unwrap_err();
    assert_eq!(refusal(&ended), (Code::Unavailable, "NOT_SERVING".into()));
}

#[tokio::test]
async fn a_long_past_comes_whole_and_in_order_to_a_watcher_after_a_restart() {
    let (data, mut it) = started().await;
    for number in 0..200 {
        it.client.create_member(create_member(&format!("m{number}"))).await.unwrap();
    }
    it.kill().await;
    let mut it = Registry::start(data.path()).await;
    let (opened, mut stream) = open(&mut it, after(0)).await.unwrap();
    assert_eq!(opened.head_position, 200);
    for position in 1..=200 {
        assert_eq!(next(&mut stream).await.position, position);
    }
    it.stop().await;
}
