//! What a history says was called, answered and streamed, and what is known of both journals from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{
    Event, Filter, ListEventsResponse, SubscribeRequest, SubscribeResponse,
};
use hansa_proto::pb::registry::v1::{Commit, WatchChangesResponse, watch_changes_response};
use serde_json::Value;

use super::filter::matches;
use crate::history::{Line, What, message_of};

const SUBSCRIBE: &str = "/hansa.feed.v1.FeedService/Subscribe";
const LIST_EVENTS: &str = "/hansa.feed.v1.FeedService/ListEvents";
const WATCH: &str = "/hansa.registry.v1.RegistryService/WatchChanges";

/// The place of an event: position and index.
pub(super) type Place = (u64, u32);

/// A call with all its messages.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Its path.
    pub method: String,
    /// The line at which it began.
    pub began: u64,
    /// What was sent, with lines.
    pub sent: Vec<(u64, Value)>,
    /// What was received, with lines.
    pub received: Vec<(u64, Value)>,
    /// How it ended, if the caller was told.
    pub end: Option<End>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct End {
    /// The line.
    pub line: u64,
    /// The gRPC code.
    pub code: i32,
    /// The reason given; empty: none.
    pub reason: String,
}

/// A subscription as its subscriber saw it.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The line at which it was asked for.
    pub began: u64,
    /// What was asked for.
    pub request: SubscribeRequest,
    /// The filter it has, also when it is that of a named subscription.
    pub filter: Filter,
    /// What came, with lines.
    pub frames: Vec<(u64, Message)>,
    /// How it ended, if it did.
    pub end: Option<End>,
}

/// An event and the first line that shows it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The event.
    pub event: Event,
    /// The line.
    pub line: u64,
}

/// Everything a history says.
#[derive(Debug, Default)]
pub struct Observed {
    /// Calls by number.
    pub calls: BTreeMap<u64, Call>,
    /// Subscriptions in the order in which they began.
    pub streams: Vec<Stream>,
    /// Pages of events: line, whether newest first, events.
    pub pages: Vec<(u64, bool, Vec<Event>)>,
    /// Every event anybody saw.
    pub events: BTreeMap<Place, Seen>,
    /// The same place with another content: lines of both.
    pub conflicts: Vec<(u64, u64, String)>,
    /// What each watcher of the registry saw: line and commit.
    pub watched: Vec<Vec<(u64, Commit)>>,
    /// Every commit of the registry anybody saw, with its first line.
    pub commits: BTreeMap<u64, (u64, Commit)>,
    /// What position each cursor stands for, and the line that says so.
    pub cursors: HashMap<Bytes, (u64, u64)>,
    /// Cursors that were said to stand for two positions.
    pub split_cursors: Vec<(u64, u64)>,
    /// What was done to the services, with lines.
    pub deeds: Vec<(u64, String)>,
    /// Stretches of the feed of which everything is known: after the first, up to the second.
    known: Vec<(u64, u64)>,
}

impl Observed {
    /// Reads the lines of a history.
    ///
    /// # Errors
    /// Says which line cannot be read.
    pub fn of(lines: &[Line]) -> Result<Observed, String> {
        let mut observed = Observed::default();
        for line in lines {
            observed.line(line);
        }
        let calls = observed.calls.clone();
        let filters = named_filters(&calls)?;
        for call in calls.values() {
            match call.method.as_str() {
                SUBSCRIBE => observed.streams.extend(stream(call, &filters)?),
                LIST_EVENTS => observed.page(call)?,
                WATCH => observed.watcher(call)?,
                _ => {}
            }
        }
        observed.streams.sort_by_key(|stream| stream.began);
        observed.learn();
        Ok(observed)
    }

    fn line(&mut self, line: &Line) {
        let call = self.calls.entry(line.call).or_default();
        match &line.what {
            What::Begun { .. } => {}
            What::Done { deed } => self.deeds.push((line.order, deed.clone())),
            What::Called { method } => {
                call.method.clone_from(method);
                call.began = line.order;
            }
            What::Sent { message } => call.sent.push((line.order, message.clone())),
            What::Received { message } => call.received.push((line.order, message.clone())),
            What::Ended { code, reason, .. } => {
                let end = End { line: line.order, code: *code, reason: reason.clone() };
                call.end = Some(end);
            }
            What::Abandoned => {}
        }
    }

    fn page(&mut self, call: &Call) -> Result<(), String> {
        for (line, message) in &call.received {
            let descending = call.sent.first().is_some_and(|(_, it)| it["descending"] == true);
            let page: ListEventsResponse =
                read("hansa.feed.v1.ListEventsResponse", *line, message)?;
            self.pages.push((*line, descending, page.events));
        }
        Ok(())
    }

    fn watcher(&mut self, call: &Call) -> Result<(), String> {
        let mut commits = Vec::new();
        for (line, message) in &call.received {
            let name = "hansa.registry.v1.WatchChangesResponse";
            let response: WatchChangesResponse = read(name, *line, message)?;
            if let Some(watch_changes_response::Message::Commit(commit)) = response.message {
                commits.push((*line, commit));
            }
        }
        self.watched.push(commits);
        Ok(())
    }

    /// Gathers what all of it together says of both journals.
    fn learn(&mut self) {
        for (line, commit) in self.watched.clone().into_iter().flatten() {
            let known = self.commits.entry(commit.position).or_insert((line, commit.clone()));
            if known.1 != commit {
                let problem = format!("commit {} of the registry differs", commit.position);
                self.conflicts.push((known.0, line, problem));
            }
        }
        for (line, _, events) in self.pages.clone() {
            events.into_iter().for_each(|event| self.event(line, event));
        }
        for stream in self.streams.clone() {
            for (line, message) in &stream.frames {
                for (cursor, position) in cursors_of(message) {
                    let known = self.cursors.entry(cursor).or_insert((position, *line));
                    if known.0 != position {
                        self.split_cursors.push((known.1, *line));
                    }
                }
                if let Message::Batch(batch) = message {
                    batch.events.iter().for_each(|event| self.event(*line, event.clone()));
                }
            }
        }
        self.learn_of_subscriptions();
        let everything = |stream: &&Stream| stream.filter == Filter::default();
        let known = self.streams.iter().filter(everything);
        let known: Vec<(u64, u64)> = known.filter_map(|stream| self.covered(stream)).collect();
        self.known = joined(known);
    }

    fn event(&mut self, line: u64, event: Event) {
        let place = (event.position, event.index);
        let seen = Seen { event: event.clone(), line };
        let known = self.events.entry(place).or_insert(seen);
        if known.event != event && !is_redaction(&known.event, &event) {
            let problem = format!("{} differs", event.name);
            self.conflicts.push((known.line, line, problem));
        }
    }

    /// Cursors of named subscriptions have no position beside them: their bytes are known from streams.
    fn learn_of_subscriptions(&mut self) {
        let status = "/hansa.feed.v1.FeedService/GetFeedStatus";
        for call in self.calls.values().filter(|call| call.method == status) {
            for (line, message) in &call.received {
                let head = (bytes_of(&message["headCursor"]), number(&message["headPosition"]));
                if let (Some(cursor), position) = head {
                    self.cursors.entry(cursor).or_insert((position, *line));
                }
            }
        }
    }

    /// From where to where a subscriber was sent everything that matches: after the first, up to the
    /// second. None: it never opened.
    pub(super) fn covered(&self, stream: &Stream) -> Option<(u64, u64)> {
        let from = stream.floor()?;
        let mut to = from;
        for (_, message) in &stream.frames {
            if stream.is_before_snapshot_end(message) {
                continue;
            }
            to = to.max(self.reached(message).unwrap_or(0));
        }
        let whole = stream.end.as_ref().is_some_and(|end| end.code == 0);
        if stream.request.stop_at_head && whole {
            to = to.max(stream.opened_head());
        }
        Some((from, to))
    }

    /// Up to where a message says that everything was sent.
    pub(super) fn reached(&self, message: &Message) -> Option<u64> {
        match message {
            Message::Batch(batch) => {
                let last = batch.events.last().map(|event| event.position);
                self.cursors.get(&batch.cursor).map(|known| known.0).max(last)
            }
            Message::Progress(progress) => Some(progress.position),
            Message::CaughtUp(caught_up) => Some(caught_up.position),
            Message::FellBehind(behind) => Some(behind.position),
            Message::SnapshotEnd(end) => Some(end.position),
            Message::Opened(_) | Message::Notice(_) | Message::Snapshot(_) => None,
        }
    }

    /// Events anybody saw after a position and up to another that a filter takes.
    pub(super) fn matching(&self, filter: &Filter, from: u64, to: u64) -> BTreeSet<Place> {
        if from >= to {
            return BTreeSet::new();
        }
        let between = self.events.range((from + 1, 0)..=(to, u32::MAX));
        let wanted = between.filter(|(_, seen)| matches(filter, &seen.event));
        wanted.map(|(place, _)| *place).collect()
    }

    /// Whether everything of the feed up to a position is known.
    pub(super) fn knows_all_up_to(&self, position: u64) -> bool {
        position == 0 || self.known.first().is_some_and(|(from, to)| *from == 0 && *to >= position)
    }

    /// Whether everything at a position of the feed is known.
    pub(super) fn knows(&self, position: u64) -> bool {
        self.known.iter().any(|(from, to)| *from < position && position <= *to)
    }
}

impl Stream {
    /// The first message, if it came.
    pub(super) fn opened(&self) -> Option<&hansa_proto::pb::feed::v1::Opened> {
        match self.frames.first() {
            Some((_, Message::Opened(opened))) => Some(opened),
            _ => None,
        }
    }

    fn opened_head(&self) -> u64 {
        self.opened().map_or(0, |opened| opened.head_position)
    }

    /// Nothing up to here is sent. None: nobody knows yet.
    pub(super) fn floor(&self) -> Option<u64> {
        let opened = self.opened()?;
        if !self.request.include_snapshot {
            return Some(opened.start_position);
        }
        self.frames.iter().find_map(|(_, message)| match message {
            Message::SnapshotEnd(end) => Some(end.position),
            _ => None,
        })
    }

    /// Whether a message came while the present state was still sent: cursors then stand at the origin.
    pub(super) fn is_before_snapshot_end(&self, message: &Message) -> bool {
        let end = |it: &Message| matches!(it, Message::SnapshotEnd(_));
        let Some(end) = self.frames.iter().position(|(_, it)| end(it)) else {
            return self.request.include_snapshot;
        };
        self.frames[..end].iter().any(|(_, it)| std::ptr::eq(it, message))
    }

    /// The places of all events that came, with lines.
    pub(super) fn places(&self) -> Vec<(u64, Place)> {
        let batches = self.frames.iter().filter_map(|(line, message)| match message {
            Message::Batch(batch) => Some((*line, batch)),
            _ => None,
        });
        batches
            .flat_map(|(line, batch)| {
                batch.events.iter().map(move |event| (line, (event.position, event.index)))
            })
            .collect()
    }
}

/// Only a redaction changes what was told, and says so.
fn is_redaction(one: &Event, other: &Event) -> bool {
    let redacted = |event: &Event| event.redacted_position > 0;
    let alike = (&one.name, one.kind, &one.network) == (&other.name, other.kind, &other.network);
    alike && (redacted(one) || redacted(other))
}

fn stream(call: &Call, filters: &HashMap<String, Filter>) -> Result<Option<Stream>, String> {
    let Some((line, message)) = call.sent.first() else { return Ok(None) };
    let request: SubscribeRequest = read("hansa.feed.v1.SubscribeRequest", *line, message)?;
    let mut frames = Vec::new();
    for (line, message) in &call.received {
        let response: SubscribeResponse = read("hansa.feed.v1.SubscribeResponse", *line, message)?;
        frames.extend(response.message.map(|message| (*line, message)));
    }
    let named = match &request.start {
        Some(Start::Subscription(name)) => filters.get(name).cloned(),
        _ => None,
    };
    let filter = named.or_else(|| request.filter.clone()).unwrap_or_default();
    let filter = Filter { allow_unknown: false, ..filter };
    Ok(Some(Stream { began: call.began, request, filter, frames, end: call.end.clone() }))
}

/// The filters of named subscriptions: those they were made with. A name is not used twice in a run.
fn named_filters(calls: &BTreeMap<u64, Call>) -> Result<HashMap<String, Filter>, String> {
    let create = "/hansa.feed.v1.FeedService/CreateSubscription";
    let mut filters = HashMap::new();
    for call in calls.values().filter(|call| call.method == create) {
        let Some((line, message)) = call.sent.first() else { continue };
        let subscription = &message["subscription"];
        let filter = match &subscription["filter"] {
            Value::Null => Filter::default(),
            filter => read("hansa.feed.v1.Filter", *line, filter)?,
        };
        filters.insert(subscription["name"].as_str().unwrap_or_default().to_owned(), filter);
    }
    Ok(filters)
}

fn read<M: prost::Message + Default>(name: &str, line: u64, json: &Value) -> Result<M, String> {
    message_of(name, json).map_err(|problem| format!("line {line}: {problem}"))
}

/// Cursors in a message that have their position beside them.
fn cursors_of(message: &Message) -> Vec<(Bytes, u64)> {
    match message {
        Message::Opened(it) => vec![
            (it.start_cursor.clone(), it.start_position),
            (it.head_cursor.clone(), it.head_position),
        ],
        Message::Progress(it) => {
            vec![(it.cursor.clone(), it.position), (it.head_cursor.clone(), it.head_position)]
        }
        Message::CaughtUp(it) => vec![(it.cursor.clone(), it.position)],
        Message::FellBehind(it) => vec![(it.cursor.clone(), it.position)],
        Message::SnapshotEnd(it) => vec![(it.cursor.clone(), it.position)],
        Message::Batch(_) | Message::Notice(_) | Message::Snapshot(_) => Vec::new(),
    }
}

/// A number of canonical JSON, which has 64 bits in quotes and leaves out 0.
pub(super) fn number(json: &Value) -> u64 {
    json.as_str().and_then(|text| text.parse().ok()).or_else(|| json.as_u64()).unwrap_or(0)
}

/// Bytes of canonical JSON, by way of a message that has nothing else.
fn bytes_of(json: &Value) -> Option<Bytes> {
    json.as_str()?;
    let progress = serde_json::json!({ "cursor": json });
    let message =
        message_of::<hansa_proto::pb::feed::v1::CaughtUp>("hansa.feed.v1.CaughtUp", &progress);
    message.ok().map(|message| message.cursor)
}

/// Stretches with those that meet joined, in order.
fn joined(mut stretches: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    stretches.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in stretches {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}
