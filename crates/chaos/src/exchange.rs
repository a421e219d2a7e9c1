//! One call through the front: what the feed says is handed on, message by message, and before each it is
//! looked whether a fault is due.

use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{Notice, NoticeKind, SubscribeRequest, SubscribeResponse};
use http::{HeaderMap, request};
use tokio::sync::watch;

use crate::caller::{Caller, Ended, Wish};
use crate::control::{Call, Moment, Upheaval};
use crate::expiry::{Floor, Seen};
use crate::fault::{Fault, SUBSCRIBE};
use crate::feed::{Asked, Connection, Heard};
use crate::frames::{Frame, Frames};
use crate::front::Shared;
use crate::kind::Kind;
use crate::status;

/// The most bytes of a request to subscribe.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// See the top of this file.
pub(crate) struct Exchange {
    front: Arc<Shared>,
    method: String,
    call: Call,
    caller: Caller,
    changes: watch::Receiver<u64>,
    upheavals: watch::Receiver<Option<Upheaval>>,
    /// What nothing is kept before, when it is a subscription.
    floor: Option<Floor>,
}

impl Exchange {
    pub(crate) fn new(front: Arc<Shared>, head: &request::Parts, caller: Caller) -> Exchange {
        let method = head.uri.path().trim_start_matches('/').to_owned();
        let call = front.control.call(&method);
        let (mut changes, mut upheavals) = (front.control.changes(), front.control.upheavals());
        changes.borrow_and_update();
        upheavals.borrow_and_update();
        Exchange { front, method, call, caller, changes, upheavals, floor: None }
    }

    /// Runs it to its end, whichever that is.
    pub(crate) async fn run(mut self, feed: &Connection, head: request::Parts, body: RecvStream) {
        let Err(Ended) = self.hand_on(feed, head, body).await;
    }

    async fn hand_on(
        &mut self,
        feed: &Connection,
        head: request::Parts,
        body: RecvStream,
    ) -> Result<std::convert::Infallible, Ended> {
        self.look_for_faults(Moment::Opening, None).await?;
        let asked = match self.is_subscription() {
            true => Asked::Whole(self.asked_of_subscribe(body).await?),
            false => Asked::Coming(body),
        };
        let mask = self.front.control.mask();
        let Some(mut call) = feed.call(&head, asked, mask).await else {
            return Err(self.caller.end_with(&status::unreachable()));
        };
        loop {
            tokio::select! {
                biased;
                () = self.caller.gone() => return Err(Ended),
                Ok(()) = self.upheavals.changed(), if self.is_subscription() => {
                    let upheaval = *self.upheavals.borrow_and_update();
                    if let Some(upheaval) = upheaval {
                        return Err(self.undergo(upheaval).await);
                    }
                }
                Ok(()) = self.changes.changed() => {
                    self.changes.borrow_and_update();
                    self.look_for_faults(Moment::Idle, None).await?;
                }
                heard = call.next() => match heard {
                    Ok(heard) => self.hear(heard).await?,
                    Err(_) => return Err(self.caller.reset().await),
                }
            }
        }
    }

    async fn hear(&mut self, heard: Heard) -> Result<(), Ended> {
        let mask = self.front.control.mask();
        match heard {
            Heard::Head { mut head, is_end } => {
                *head.headers_mut() = status::masked(head.headers().clone(), &mask);
                self.caller.begin(head, is_end)?;
                if is_end { Err(Ended) } else { Ok(()) }
            }
            Heard::Message(frame) => {
                let frame = match &self.floor {
                    Some(floor) => floor.raise(frame),
                    None => frame,
                };
                let events = self.events_in(&frame);
                self.look_for_faults(Moment::Message(events), Some(&frame)).await?;
                self.caller.send(mask.outward(frame.into_bytes())).await?;
                self.front.control.passed(self.call, events);
                Ok(())
            }
            Heard::End { rest, trailers } => {
                if !rest.is_empty() {
                    self.caller.send(rest).await?;
                }
                match trailers {
                    Some(trailers) => Err(self.caller.end(status::masked(trailers, &mask))),
                    None => Err(self.caller.end(HeaderMap::new())),
                }
            }
        }
    }

    fn is_subscription(&self) -> bool {
        self.method == SUBSCRIBE
    }

    fn events_in(&self, frame: &Frame) -> u32 {
        if !self.is_subscription() {
            return 0;
        }
        match frame.read::<SubscribeResponse>().and_then(|response| response.message) {
            Some(Message::Batch(batch)) => u32::try_from(batch.events.len()).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    /// The request to subscribe, with its cursor seen as expired when that is due.
    async fn asked_of_subscribe(&mut self, mut body: RecvStream) -> Result<Bytes, Ended> {
        let mut frames = Frames::default();
        let mut length = 0;
        while let Some(bytes) = body.data().await {
            let bytes = bytes.map_err(|_| Ended)?;
            length += bytes.len();
            if length > REQUEST_BYTES_MAX {
                return Err(self.caller.reset().await);
            }
            let _ = body.flow_control().release_capacity(bytes.len());
            frames.push(&bytes);
        }
        let Some(frame) = frames.pop() else { return Ok(frames.rest()) };
        let Some(floor) = self.front.control.floor() else { return Ok(frame.into_bytes()) };
        let mask = self.front.control.mask();
        let mut inward = Frames::default();
        inward.push(&mask.inward(frame.clone().into_bytes()));
        let Some(request) = inward.pop().and_then(|frame| frame.read::<SubscribeRequest>()) else {
            return Ok(frame.into_bytes());
        };
        let seen = floor.see(&self.front.client, request, &mask).await;
        self.floor = Some(floor);
        match seen {
            Seen::Valid => Ok(frame.into_bytes()),
            Seen::Answered(status) => {
                self.front.control.expired(self.call);
                Err(self.caller.end_with(&status))
            }
            Seen::Replaced(request, expired) => {
                if expired {
                    self.front.control.expired(self.call);
                }
                // The feed gets it through the mask once more.
                Ok(mask.outward(Frame::of(&*request).into_bytes()))
            }
        }
    }

    async fn look_for_faults(&mut self, moment: Moment, next: Option<&Frame>) -> Result<(), Ended> {
        while let Some(fault) = self.front.control.due(&self.method, self.call, moment) {
            self.suffer(&fault, next).await?;
        }
        Ok(())
    }

    async fn suffer(&mut self, fault: &Fault, next: Option<&Frame>) -> Result<(), Ended> {
        Err(match fault.kind {
            Kind::Reset => self.caller.reset().await,
            Kind::ExpireCursors => match Floor::at_head(&self.front.client).await {
                Ok(floor) => {
                    self.front.control.keep_from(floor);
                    // Not by a reset, which may take what has come and was not read: the client is to have
                    // a cursor that can expire.
                    self.caller.end_with(&status::not_serving(fault.retry_after))
                }
                Err(status) => self.caller.end_with(&status),
            },
            Kind::Disconnect => self.caller.end_connection(Wish::Disconnect).await,
            Kind::GoAway => self.caller.end_connection(Wish::GoAway).await,
            Kind::HalfClose | Kind::Truncate => {
                let half = match fault.kind {
                    Kind::Truncate => next.map(Frame::half).unwrap_or_default(),
                    _ => Bytes::new(),
                };
                let Err(ended) = self.caller.end_without_trailers(half).await;
                ended
            }
            Kind::Unavailable => self.caller.end_with(&status::not_serving(fault.retry_after)),
            Kind::Refuse => self.caller.end_with(&status::turned_away(fault.retry_after)),
            Kind::Drain | Kind::NewIdentity => {
                let upheaval = self.front.control.cause(fault);
                self.undergo(upheaval).await
            }
            Kind::Delay => return self.be_silent(Some(fault.delay())).await,
            Kind::Pause => return self.be_silent(fault.duration).await,
        })
    }

    /// Says nothing for a while; or until the caller has had enough.
    async fn be_silent(&mut self, length: Option<std::time::Duration>) -> Result<(), Ended> {
        let silence = async {
            match length {
                Some(length) => tokio::time::sleep(length).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.caller.gone() => Err(Ended),
            () = silence => Ok(()),
        }
    }

    /// What happens to all subscriptions.
    async fn undergo(&mut self, upheaval: Upheaval) -> Ended {
        let delay = upheaval.retry_after;
        if upheaval.kind != Kind::Drain {
            // Not by a reset, for the same reason.
            return self.caller.end_with(&status::not_serving(delay));
        }
        let retry_after = prost_types::Duration {
            seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(delay.subsec_nanos()).unwrap_or(0),
        };
        let notice = Message::Notice(Notice {
            kind: NoticeKind::Draining.into(),
            message: "the feed is stopping; resume after the last cursor".to_owned(),
            retry_after: Some(retry_after),
        });
        let notice = Frame::of(&SubscribeResponse { message: Some(notice) });
        match self.caller.send(notice.into_bytes()).await {
            Ok(()) => self.caller.end_with(&status::not_serving(delay)),
            Err(ended) => ended,
        }
    }
}
