//! A subscriber that reads as far as it is due: until it has everything its filter takes of what is
//! known, and resumes after its last cursor when its stream breaks.

use bytes::Bytes;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{Event, Filter, SubscribeRequest, SubscribeResponse};
use prost::Message as _;
use tonic::{Code, Status, Streaming};

use super::plan::From;
use crate::checker::matches;
use crate::history::{Cut, RecordedClients};
use crate::world::within;

/// A subscriber.
pub(super) struct Subscriber {
    clients: RecordedClients,
    filter: Filter,
    start: Start,
    /// Nothing up to here is due.
    floor: Option<u64>,
    cursor: Option<Bytes>,
    stream: Option<Streaming<SubscribeResponse>>,
    /// Places of what came.
    got: Vec<(u64, u32)>,
}

/// What a reading came to.
#[derive(Default)]
pub(super) struct Reading {
    /// Bytes of the events that came.
    pub(super) bytes: usize,
    /// Streams that broke meanwhile.
    pub(super) broken: usize,
    /// The events.
    pub(super) events: Vec<Event>,
}

impl Subscriber {
    /// One that has not begun yet.
    pub(super) fn new(clients: RecordedClients, filter: Filter, start: Start) -> Subscriber {
        let (floor, cursor, stream) = (None, None, None);
        Subscriber { clients, filter, start, floor, cursor, stream, got: Vec::new() }
    }

    /// Opens its stream, so that what happens from now on is sent to it.
    pub(super) async fn open(&mut self) -> Result<(), Status> {
        if self.stream.is_some() {
            return Ok(());
        }
        let named = matches!(self.start, Start::Subscription(_));
        let start = match &self.cursor {
            Some(cursor) => Start::AfterCursor(cursor.clone()),
            None => self.start.clone(),
        };
        let filter = (!named).then(|| self.filter.clone());
        let request = SubscribeRequest {
            start: Some(start),
            filter: filter.filter(|filter| *filter != Filter::default()),
            max_batch_events: 16,
            ..Default::default()
        };
        let mut feed = self.clients.feed();
        let mut stream = within(feed.subscribe(request)).await?.into_inner();
        let opened = match within(stream.message()).await? {
            Some(SubscribeResponse { message: Some(Message::Opened(opened)) }) => opened,
            other => panic!("not opened first: {other:?}"),
        };
        self.floor.get_or_insert(opened.start_position);
        self.cursor = Some(opened.start_cursor);
        self.stream = Some(stream);
        Ok(())
    }

    /// Where it started has to be where it was asked to.
    pub(super) fn check_start(&self, from: From, known: &[Event]) {
        let due = self.due(known);
        let matching = known.iter().filter(|event| matches(&self.filter, event)).count();
        match from {
            From::Beginning => assert_eq!(due.len(), matching, "from the beginning"),
            From::End => assert_eq!(due, [], "from the end"),
            From::Last(count) => {
                // The commit of the first comes whole.
                let count = matching.min(usize::try_from(count).unwrap_or(usize::MAX));
                let first = due.first().map_or(0, |first| first.0);
                let after_first = due.iter().filter(|place| place.0 > first).count();
                assert!(due.len() >= count, "{} of the last {count}", due.len());
                assert!(due.is_empty() || after_first < count, "more than the last {count}");
            }
        }
    }

    /// Everything due to it of what is known.
    fn due(&self, known: &[Event]) -> Vec<(u64, u32)> {
        let floor = self.floor.expect("it has opened");
        let wanted = |event: &&Event| event.position > floor && matches(&self.filter, event);
        known.iter().filter(wanted).map(|event| (event.position, event.index)).collect()
    }

    /// Where it started.
    pub(super) fn cursor(&self) -> Option<&Bytes> {
        self.cursor.as_ref()
    }

    /// The open stream is not read on.
    pub(super) fn disconnect(&mut self) -> bool {
        self.stream.take().is_some()
    }

    /// Its first stream breaks after so many messages.
    pub(super) fn cut_first(&mut self, after: usize) {
        self.clients.feed_channel().cut(Cut::After(after));
    }

    /// Cuts that took something away.
    pub(super) fn cuts(&self) -> usize {
        self.clients.feed_channel().fired()
    }

    /// Reads until so many events have come in all. Signs of life are not what it waits for.
    pub(super) async fn read_to(&mut self, count: usize) -> Reading {
        let mut reading = Reading::default();
        within(async {
            while self.got.len() < count {
                self.open_at_last(&mut reading).await;
                let stream = self.stream.as_mut().expect("it is open");
                match stream.message().await {
                    Ok(Some(response)) => self.take(response, &mut reading),
                    Ok(None) => self.broken(&mut reading),
                    Err(status) => {
                        assert!(heals(&status), "a stream ended: {status:?}");
                        self.broken(&mut reading);
                    }
                }
            }
        })
        .await;
        reading
    }

    /// Reads until everything due of what is known has come. What comes has to be what is due.
    pub(super) async fn read(&mut self, known: &[Event]) -> Reading {
        let mut reading = Reading::default();
        self.open_at_last(&mut reading).await;
        let due = self.due(known);
        let read = self.read_to(due.len()).await;
        assert_eq!(self.got, due, "what came is not what is due: {:?}", self.filter);
        Reading { broken: reading.broken + read.broken, ..read }
    }

    /// Opens its stream, however often it has to ask.
    pub(super) async fn open_at_last(&mut self, reading: &mut Reading) {
        while let Err(status) = self.open().await {
            assert!(heals(&status), "a stream is refused: {status:?}");
            self.broken(reading);
            tokio::task::yield_now().await;
        }
    }

    fn broken(&mut self, reading: &mut Reading) {
        self.stream = None;
        reading.broken += 1;
    }

    fn take(&mut self, response: SubscribeResponse, reading: &mut Reading) {
        let cursor = match response.message.expect("a message") {
            Message::Batch(batch) => {
                for event in batch.events {
                    self.got.push((event.position, event.index));
                    reading.bytes += event.encoded_len();
                    reading.events.push(event);
                }
                batch.cursor
            }
            Message::Progress(progress) => progress.cursor,
            Message::CaughtUp(caught_up) => caught_up.cursor,
            Message::FellBehind(behind) => behind.cursor,
            Message::Notice(_) => return,
            other => panic!("nobody asked for {other:?}"),
        };
        self.cursor = Some(cursor);
    }
}

/// Whether another try may help: the service was cut off, or the connection.
pub(super) fn heals(status: &Status) -> bool {
    [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal].contains(&status.code())
}
