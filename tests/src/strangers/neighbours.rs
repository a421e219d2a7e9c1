//! Who behaves well beside the strangers: a caller that writes and a subscriber that reads everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hansa_chassis::clock::Stopwatch;
use hansa_proto::pb::feed::v1::EventKind;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use tokio::task::JoinHandle;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::Clients;
use crate::events::from_beginning;
use crate::make;
use crate::world::within;

/// How the caller beside the strangers fared.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    /// Members it wrote.
    pub written: usize,
    /// How often it was asked to come back.
    pub refused: usize,
    /// How long a write took, durable: half of them, 99 of 100, and the longest.
    pub took: [Duration; 3],
}

/// One that writes members, one after the other, and one that is told of them.
pub(super) struct Neighbours {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
    writing: JoinHandle<(usize, Vec<Duration>)>,
    reading: JoinHandle<Vec<String>>,
    stream_done: Arc<AtomicUsize>,
}

impl Neighbours {
    pub(super) async fn begin(clients: &Clients) -> Neighbours {
        let stop = Arc::new(AtomicBool::new(false));
        let written = Arc::new(AtomicUsize::new(0));
        let stream_done = Arc::new(AtomicUsize::new(usize::MAX));
        let mut registry = clients.registry();
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&written));
        let writing = tokio::spawn(async move {
            let (mut refused, mut took) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let number = counted.load(Ordering::Relaxed);
                let stopwatch = Stopwatch::start();
                match within(registry.create_member(make::member(&member(number), "PT"))).await {
                    Ok(_) => {
                        took.push(stopwatch.elapsed());
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(status) => {
                        refusal(&status);
                        refused += 1;
                    }
                }
            }
            (refused, took)
        });
        let mut feed = clients.feed();
        let mut stream =
            within(feed.subscribe(from_beginning())).await.expect("it subscribes").into_inner();
        let until = Arc::clone(&stream_done);
        let reading = tokio::spawn(async move {
            let mut told: Vec<String> = Vec::new();
            while told.len() < until.load(Ordering::Relaxed) {
                // A sign of life comes often enough for the condition to be looked at again.
                let response = stream.message().await.expect("it streams").expect("it goes on");
                let Some(Message::Batch(batch)) = response.message else { continue };
                let members = batch.events.iter().filter(|event| {
                    event.kind() == EventKind::MemberRecorded
                        && event.members[0].contains("neighbour")
                });
                told.extend(members.map(|event| event.members[0].clone()));
            }
            told
        });
        Neighbours { stop, written, writing, reading, stream_done }
    }

    /// How much was written so far.
    pub(super) fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }

    /// Waits until so much more was written.
    pub(super) async fn go_on(&self, more: usize) {
        let wanted = self.written() + more;
        within(async {
            while self.written() < wanted {
                assert!(!self.writing.is_finished(), "the caller failed");
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Ends them: what was told is what was written, in its order.
    pub(super) async fn end(self, clients: &Clients) -> Beside {
        self.stop.store(true, Ordering::Relaxed);
        let (refused, mut took) = self.writing.await.expect("the caller goes on");
        let written = self.written.load(Ordering::Relaxed);
        self.stream_done.store(written + 1, Ordering::Relaxed);
        // One more, so that the subscriber looks again.
        let last = make::member(&member(written), "PT");
        within(clients.registry().create_member(last)).await.expect("it is written");
        let told = within(self.reading).await.expect("the subscriber goes on");
        let expected: Vec<String> = (0..=written).map(|n| make::member_name(&member(n))).collect();
        assert_eq!(told, expected, "what was told is not what was written");
        took.sort_unstable();
        let at = |hundredths: usize| took[(took.len() - 1) * hundredths / 100];
        Beside { written, refused, took: [at(50), at(99), at(100)] }
    }
}

fn member(number: usize) -> String {
    format!("neighbour-{number}")
}

/// A refusal for want of room says when to come back.
pub(super) fn refusal(status: &Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let details = status.get_error_details();
    let retry = details.retry_info().expect("RetryInfo");
    assert!(retry.retry_delay.is_some(), "{status:?}");
    assert!(details.quota_failure().is_some() || details.error_info().is_some(), "{status:?}");
}
