//! Teeth: a history made by hand that keeps every promise, and for each validator histories that differ
//! from it in one thing, which it has to find.

use hansa_proto::feed::Cursor;
use hansa_proto::pb::common::v1::PartialDate;
use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{
    Batch, CaughtUp, Event, EventKind, Filter, GetFeedStatusResponse, Opened, Progress,
    PublishStatementRequest, PublishStatementResponse, Snapshot, SnapshotEnd, Statement,
    SubscribeRequest, SubscribeResponse,
};
use hansa_proto::pb::registry::v1::change::Resource;
use hansa_proto::pb::registry::v1::{
    Change, ChangeKind, Commit, CreateNetworkRequest, CreateNetworkResponse, Network,
    WatchChangesRequest, WatchChangesResponse, watch_changes_response,
};
use prost::Message as _;

use super::{Guarantee, check};
use crate::history::{Direction, Line, What, json_of};

const SUBSCRIBE: &str = "/hansa.feed.v1.FeedService/Subscribe";
const STATUS: &str = "/hansa.feed.v1.FeedService/GetFeedStatus";
const PUBLISH: &str = "/hansa.feed.v1.StatementService/PublishStatement";
const CREATE: &str = "/hansa.registry.v1.RegistryService/CreateNetwork";
const WATCH: &str = "/hansa.registry.v1.RegistryService/WatchChanges";

/// A history under the hand.
#[derive(Default)]
struct Made {
    lines: Vec<Line>,
    calls: u64,
}

impl Made {
    fn line(&mut self, call: u64, what: What) {
        let order = self.lines.len() as u64 + 1;
        let (run, actor) = ("made".to_owned(), "hand".to_owned());
        self.lines.push(Line { run, order, actor, call, at_micros: 0, since_micros: order, what });
    }

    fn deed(&mut self, deed: &str) {
        self.line(0, What::Done { deed: deed.to_owned() });
    }

    /// A whole call.
    fn call(&mut self, method: &str, sent: &impl prost::Message, received: &[Vec<u8>], code: i32) {
        self.calls += 1;
        let call = self.calls;
        self.line(call, What::Called { method: method.to_owned() });
        let message = json_of(method, Direction::Request, &sent.encode_to_vec());
        self.line(call, What::Sent { message });
        for bytes in received {
            let message = json_of(method, Direction::Response, bytes);
            self.line(call, What::Received { message });
        }
        let reason = if code == 0 { "" } else { "REFUSED" }.to_owned();
        self.line(call, What::Ended { code, reason, message: String::new() });
    }

    fn subscribe(&mut self, request: &SubscribeRequest, messages: Vec<Message>) {
        let received: Vec<Vec<u8>> = messages
            .into_iter()
            .map(|message| SubscribeResponse { message: Some(message) }.encode_to_vec())
            .collect();
        self.call(SUBSCRIBE, request, &received, 14);
    }

    fn watch(&mut self, commits: Vec<Commit>) {
        let received: Vec<Vec<u8>> = commits
            .into_iter()
            .map(|commit| {
                let message = Some(watch_changes_response::Message::Commit(commit));
                WatchChangesResponse { message }.encode_to_vec()
            })
            .collect();
        self.call(WATCH, &WatchChangesRequest::default(), &received, 14);
    }

    fn broken(&self) -> Vec<Guarantee> {
        let mut broken: Vec<Guarantee> =
            check(&self.lines).unwrap().violations.iter().map(|it| it.guarantee).collect();
        broken.dedup();
        broken
    }
}

fn cursor(position: u64) -> bytes::Bytes {
    Cursor { identity: [7; 16], position }.encode()
}

fn opened(start: u64, head: u64) -> Message {
    Message::Opened(Opened {
        start_cursor: cursor(start),
        start_position: start,
        head_cursor: cursor(head),
        head_position: head,
        ..Default::default()
    })
}

fn batch(events: &[Event], at: u64) -> Message {
    Message::Batch(Batch { events: events.to_vec(), cursor: cursor(at) })
}

fn progress(at: u64, head: u64) -> Message {
    Message::Progress(Progress {
        cursor: cursor(at),
        position: at,
        head_cursor: cursor(head),
        head_position: head,
        ..Default::default()
    })
}

fn caught_up(at: u64) -> Message {
    Message::CaughtUp(CaughtUp { cursor: cursor(at), position: at })
}

fn network(id: &str) -> Network {
    Network { name: format!("networks/{id}"), etag: id.to_owned(), ..Default::default() }
}

/// Commit of the registry that records a network, and the event the feed makes of it.
fn founded(position: u64, id: &str) -> (Commit, Event) {
    let change = Change {
        kind: ChangeKind::NetworkCreated.into(),
        resource: Some(Resource::Network(network(id).into())),
        ..Default::default()
    };
    let commit = Commit {
        position,
        request_id: format!("create-{id}"),
        changes: vec![change],
        ..Default::default()
    };
    let event = Event {
        name: format!("events/{position}.0"),
        position,
        kind: EventKind::NetworkFounded.into(),
        network: format!("networks/{id}"),
        request_id: format!("create-{id}"),
        registry_position: position,
        body: Some(Body::NetworkBody(network(id).into())),
        ..Default::default()
    };
    (commit, event)
}

/// Events of a statement with so many signatures, in one commit.
fn published(position: u64, id: &str, signatures: u32) -> Vec<Event> {
    let of = |index: u32| Event {
        name: format!("events/{position}.{index}"),
        position,
        index,
        kind: match index {
            0 => EventKind::StatementPublished.into(),
            _ => EventKind::StatementSigned.into(),
        },
        request_id: format!("publish-{id}"),
        body: (index == 0).then(|| {
            let etag = position.to_string();
            let name = format!("statements/{id}");
            Body::StatementBody(Statement { name, etag, ..Default::default() }.into())
        }),
        ..Default::default()
    };
    (0..=signatures).map(of).collect()
}

/// Two networks and two statements.
fn told() -> Vec<Event> {
    let mut events = vec![founded(1, "a").1, founded(2, "b").1];
    events.extend(published(3, "s", 1));
    events.extend(published(4, "t", 0));
    events
}

fn from_beginning() -> SubscribeRequest {
    SubscribeRequest { start: Some(Start::Beginning(())), ..Default::default() }
}

fn after(position: u64) -> SubscribeRequest {
    SubscribeRequest { start: Some(Start::AfterCursor(cursor(position))), ..Default::default() }
}

fn statement(id: &str, title: &str) -> PublishStatementRequest {
    let (name, title) = (format!("statements/{id}"), title.to_owned());
    PublishStatementRequest {
        statement: Some(Statement { name, title, ..Default::default() }.into()),
        request_id: format!("publish-{id}"),
        ..Default::default()
    }
}

fn answer(id: &str, position: u64, replayed: bool) -> Vec<u8> {
    let (name, etag) = (format!("statements/{id}"), position.to_string());
    let statement = Some(Statement { name, etag, ..Default::default() }.into());
    PublishStatementResponse { statement, position, replayed }.encode_to_vec()
}

/// A subscriber who was told everything there is.
fn whole() -> Made {
    let mut made = Made::default();
    made.subscribe(
        &from_beginning(),
        vec![opened(0, 4), batch(&told()[..4], 3), batch(&told()[4..], 4), caught_up(4)],
    );
    made
}

#[test]
fn what_is_right_is_not_held_against_anybody() {
    let mut made = Made::default();
    let create = CreateNetworkRequest {
        network: Some(network("a")),
        request_id: "create-a".to_owned(),
        ..Default::default()
    };
    let created =
        CreateNetworkResponse { network: Some(network("a")), position: 1, replayed: false };
    made.call(CREATE, &create, &[created.encode_to_vec()], 0);
    made.call(PUBLISH, &statement("s", "one"), &[answer("s", 3, false)], 0);
    made.call(PUBLISH, &statement("s", "one"), &[answer("s", 3, true)], 0);
    made.call(PUBLISH, &statement("refused", "one"), &[], 9);
    made.subscribe(
        &from_beginning(),
        vec![
            opened(0, 4),
            batch(&told()[..4], 3),
            progress(3, 4),
            batch(&told()[4..], 4),
            caught_up(4),
        ],
    );
    made.deed("kill feed");
    made.deed("start feed");
    made.subscribe(&after(3), vec![opened(3, 4), batch(&told()[4..], 4)]);
    made.watch(vec![founded(1, "a").0, founded(2, "b").0]);
    let status = GetFeedStatusResponse {
        head_position: 4,
        head_cursor: cursor(4),
        registry_position: 2,
        ..Default::default()
    };
    made.call(STATUS, &Filter::default(), &[status.encode_to_vec()], 0);
    let mut request = SubscribeRequest { include_snapshot: true, ..from_beginning() };
    request.filter = Some(Filter { networks: vec!["networks/b".to_owned()], ..Default::default() });
    let state = Snapshot { networks: vec![network("b")], ..Default::default() };
    let end = SnapshotEnd { cursor: cursor(4), position: 4 };
    made.subscribe(
        &request,
        vec![opened(0, 4), Message::Snapshot(state), Message::SnapshotEnd(end)],
    );
    assert_eq!(check(&made.lines).unwrap().violations, []);
    assert_eq!(check(&made.lines).unwrap().looked_at.events, 5);
}

#[test]
fn ordered() {
    let mut made = whole();
    let (one, two) = (told()[0].clone(), told()[1].clone());
    made.subscribe(&from_beginning(), vec![opened(0, 4), batch(&[two, one], 2)]);
    assert!(made.broken().contains(&Guarantee::Ordered));

    let mut made = Made::default();
    made.watch(vec![founded(1, "a").0, founded(3, "b").0]);
    assert_eq!(made.broken(), [Guarantee::Ordered]);
}

#[test]
fn unique() {
    let mut made = whole();
    let (one, two) = (told()[0].clone(), told()[1].clone());
    let batches = vec![opened(0, 4), batch(std::slice::from_ref(&one), 1), batch(&[one, two], 2)];
    made.subscribe(&from_beginning(), batches);
    assert!(made.broken().contains(&Guarantee::Unique));

    // A cursor that is inclusive.
    let mut made = whole();
    made.subscribe(&after(1), vec![opened(1, 4), batch(&told()[..2], 2)]);
    assert!(made.broken().contains(&Guarantee::Unique));
}

#[test]
fn atomic() {
    let mut made = whole();
    let split = vec![opened(2, 4), batch(&told()[2..3], 3), batch(&told()[3..], 4)];
    made.subscribe(&after(2), split);
    assert!(made.broken().contains(&Guarantee::Atomic));
}

#[test]
fn complete() {
    // One that matches is missing, and the stream has gone past it.
    let mut made = whole();
    let gap = vec![opened(0, 4), batch(&told()[..1], 1), batch(&told()[4..], 4)];
    made.subscribe(&from_beginning(), gap);
    assert!(made.broken().contains(&Guarantee::Complete));

    // One that does not match comes.
    let mut made = whole();
    let filter = Filter { networks: vec!["networks/b".to_owned()], ..Default::default() };
    let request = SubscribeRequest { filter: Some(filter), ..from_beginning() };
    made.subscribe(&request, vec![opened(0, 4), batch(&told()[..2], 2)]);
    assert_eq!(made.broken(), [Guarantee::Complete]);

    // A stream that was to stop at the head stops before it.
    let mut made = whole();
    let request = SubscribeRequest { stop_at_head: true, ..from_beginning() };
    let messages = [opened(0, 4), batch(&told()[..2], 2)];
    let received: Vec<Vec<u8>> = messages
        .map(|message| SubscribeResponse { message: Some(message) }.encode_to_vec())
        .to_vec();
    made.call(SUBSCRIBE, &request, &received, 0);
    assert_eq!(made.broken(), [Guarantee::Complete]);
}

#[test]
fn resumable() {
    // The cursor of a batch is past an event that was not sent.
    let mut made = whole();
    made.subscribe(&from_beginning(), vec![opened(0, 4), batch(&told()[..1], 4)]);
    assert!(made.broken().contains(&Guarantee::Resumable));

    // A stream after a cursor starts elsewhere.
    let mut made = whole();
    let known = vec![opened(0, 4), batch(&told()[..2], 2), progress(2, 4)];
    made.subscribe(&from_beginning(), known);
    made.subscribe(
        &after(2),
        vec![
            Message::Opened(Opened {
                start_position: 3,
                start_cursor: cursor(3),
                ..Default::default()
            }),
            batch(&told()[4..], 4),
        ],
    );
    assert!(made.broken().contains(&Guarantee::Resumable));
}

#[test]
fn bookmarkable() {
    // Progress at an event that is still to come.
    let mut made = whole();
    made.subscribe(&from_beginning(), vec![opened(0, 4), progress(1, 4), batch(&told()[..2], 2)]);
    assert!(made.broken().contains(&Guarantee::Bookmarkable));

    // Progress that goes back.
    let mut made = whole();
    let back = vec![opened(0, 4), batch(&told()[..2], 2), progress(1, 4)];
    made.subscribe(&from_beginning(), back);
    assert_eq!(made.broken(), [Guarantee::Bookmarkable]);

    // More than 20,000 events without a sign of life.
    let mut made = Made::default();
    let many: Vec<Event> = (1..=25_000u64).flat_map(|at| published(at, "s", 0)).collect();
    made.subscribe(&from_beginning(), vec![opened(0, 25_000), batch(&many, 25_000)]);
    let nothing = Filter { networks: vec!["networks/none".to_owned()], ..Default::default() };
    let request = SubscribeRequest { filter: Some(nothing), ..from_beginning() };
    made.subscribe(&request, vec![opened(0, 25_000), caught_up(25_000)]);
    let silences = Guarantee::Bookmarkable.broken_in(&super::Observed::of(&made.lines).unwrap());
    assert_eq!(silences.len(), 1, "{silences:?}");
}

#[test]
fn durable_before_visible() {
    // What was seen is gone after the restart.
    let mut made = whole();
    made.deed("kill feed");
    made.deed("start feed");
    made.subscribe(&from_beginning(), vec![opened(0, 4), batch(&told()[..4], 4), caught_up(4)]);
    assert!(made.broken().contains(&Guarantee::Durable));

    // The head goes back.
    let mut made = whole();
    made.subscribe(&from_beginning(), vec![opened(0, 3)]);
    assert_eq!(made.broken(), [Guarantee::Durable]);

    // The same place says something else.
    let mut made = whole();
    let mut other = told()[0].clone();
    other.occurred_at = Some(PartialDate { year: 1999, ..Default::default() });
    made.subscribe(&from_beginning(), vec![opened(0, 4), batch(&[other], 1)]);
    assert_eq!(made.broken(), [Guarantee::Durable]);

    // An answer is older than what its asker had been told.
    let mut made = whole();
    made.call(PUBLISH, &statement("u", "one"), &[answer("u", 2, false)], 0);
    assert!(made.broken().contains(&Guarantee::Durable));
}

#[test]
fn snapshot_consistent() {
    for networks in [
        vec![network("a")],
        vec![network("a"), network("b"), network("c")],
        vec![network("a"), Network { note: "another".to_owned(), ..network("b") }],
    ] {
        let mut made = whole();
        let request = SubscribeRequest { include_snapshot: true, ..from_beginning() };
        let state = Message::Snapshot(Snapshot { networks, ..Default::default() });
        let end = Message::SnapshotEnd(SnapshotEnd { cursor: cursor(4), position: 4 });
        made.subscribe(&request, vec![opened(0, 4), state, end]);
        assert_eq!(made.broken(), [Guarantee::Snapshot]);
    }
}

#[test]
fn exactly_once_from_the_registry() {
    let (a, b, c) = (founded(1, "a").0, founded(2, "b").0, founded(3, "c").0);
    let status = |registry_position| {
        let (head_position, head_cursor) = (4, cursor(4));
        GetFeedStatusResponse {
            registry_position,
            head_position,
            head_cursor,
            ..Default::default()
        }
    };
    // A change is not told, is told otherwise, or in another order.
    for (commits, followed) in [
        (vec![a.clone(), b.clone(), c], 3),
        (vec![a.clone(), founded(2, "c").0], 2),
        (vec![founded(1, "b").0, founded(2, "a").0], 2),
    ] {
        let mut made = whole();
        made.watch(commits);
        made.call(STATUS, &Filter::default(), &[status(followed).encode_to_vec()], 0);
        assert_eq!(made.broken(), [Guarantee::ExactlyOnce]);
    }
    // A change is told twice.
    let mut made = Made::default();
    let again = Event { position: 3, name: "events/3.0".to_owned(), ..founded(2, "b").1 };
    let told = [founded(1, "a").1, founded(2, "b").1, again];
    made.subscribe(&from_beginning(), vec![opened(0, 4), batch(&told, 4), caught_up(4)]);
    made.watch(vec![a, b]);
    made.call(STATUS, &Filter::default(), &[status(2).encode_to_vec()], 0);
    assert_eq!(made.broken(), [Guarantee::ExactlyOnce]);
}

#[test]
fn an_acknowledged_write_is_present() {
    // Nothing of it stands anywhere; it stands elsewhere; something else was answered.
    for (id, given) in [
        ("u", answer("u", 4, false)),
        ("s", answer("s", 4, false)),
        ("t", answer("other", 4, false)),
    ] {
        let mut made = whole();
        made.call(PUBLISH, &statement(id, "one"), &[given], 0);
        assert!(made.broken().contains(&Guarantee::Acknowledged), "{id}");
    }
}

#[test]
fn a_request_id_is_done_once() {
    // Another payload is taken under the same id.
    let mut made = whole();
    made.call(PUBLISH, &statement("t", "one"), &[answer("t", 4, false)], 0);
    made.call(PUBLISH, &statement("t", "two"), &[answer("t", 4, true)], 0);
    assert_eq!(made.broken(), [Guarantee::RequestIdOnce]);

    // The same is done again.
    let mut made = Made::default();
    let twice = [published(1, "s", 0), published(2, "s", 0)].concat();
    made.subscribe(&from_beginning(), vec![opened(0, 2), batch(&twice, 2)]);
    assert_eq!(made.broken(), [Guarantee::RequestIdOnce]);

    // The first answer is not given again.
    let mut made = whole();
    made.call(PUBLISH, &statement("t", "one"), &[answer("t", 4, false)], 0);
    made.call(PUBLISH, &statement("t", "one"), &[answer("t", 4, false)], 0);
    assert_eq!(made.broken(), [Guarantee::RequestIdOnce]);
}

#[test]
fn a_refused_write_changes_nothing() {
    let mut made = whole();
    made.call(PUBLISH, &statement("t", "one"), &[], 9);
    assert_eq!(made.broken(), [Guarantee::RefusedChangesNothing]);

    let mut made = whole();
    let checked = PublishStatementRequest { validate_only: true, ..statement("t", "one") };
    made.call(PUBLISH, &checked, &[answer("t", 4, false)], 0);
    assert_eq!(made.broken(), [Guarantee::RefusedChangesNothing]);
}
