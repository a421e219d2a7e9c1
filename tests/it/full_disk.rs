//! Disks that fill up and disks that fail, under either service, over gRPC: writes are refused or the
//! process ends; reads and streams go on; nothing acknowledged is lost, nothing is done twice.

use std::sync::Arc;

use hansa_journal::disk::{DiskFault, SimulatedDisk};
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{EventKind, GetStatementRequest};
use hansa_proto::pb::registry::v1::GetNetworkRequest;
use hansa_tests::events::{events_to_head, from_beginning};
use hansa_tests::on_disk::OnDisk;
use hansa_tests::refusal::Refusal;
use hansa_tests::{Clients, make};
use tempfile::TempDir;
use tonic::{Code, Status};

struct Pair {
    directory: TempDir,
    disks: [SimulatedDisk; 2],
    registry: Option<OnDisk>,
    feed: Option<OnDisk>,
}

/// Which of the two has the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Registry,
    Feed,
}

impl Pair {
    async fn start() -> Pair {
        let directory = tempfile::tempdir().unwrap();
        let disk = |name| SimulatedDisk::new(&directory.path().join(name));
        let disks = [disk("registry"), disk("feed")];
        let mut pair = Pair { directory, disks, registry: None, feed: None };
        pair.start_missing().await;
        pair
    }

    async fn start_missing(&mut self) {
        let data = |name| self.directory.path().join(name);
        if self.registry.is_none() {
            let disk = Arc::new(self.disks[0].clone());
            self.registry = Some(OnDisk::registry(disk, &data("registry")).await.unwrap());
        }
        if self.feed.is_none() {
            let disk = Arc::new(self.disks[1].clone());
            let url = &self.registry.as_ref().unwrap().url;
            self.feed = Some(OnDisk::feed(disk, &data("feed"), url).await.unwrap());
        }
    }

    fn disk(&self, victim: Victim) -> &SimulatedDisk {
        &self.disks[victim as usize]
    }

    fn clients(&self) -> Clients {
        Clients {
            registry_url: self.registry.as_ref().unwrap().url.clone(),
            feed_url: self.feed.as_ref().unwrap().url.clone(),
        }
    }

    /// Writes a network, or a statement; where it was done, and whether before.
    async fn write(&self, victim: Victim, id: &str) -> Result<(u64, bool), Status> {
        match victim {
            Victim::Registry => {
                let mut request = make::network(id);
                request.request_id = id.to_owned();
                let made = self.clients().registry().create_network(request).await?.into_inner();
                Ok((made.position, made.replayed))
            }
            Victim::Feed => {
                let mut request = make::statement(id, "first", &[]);
                request.request_id = id.to_owned();
                let made =
                    self.clients().statements().publish_statement(request).await?.into_inner();
                Ok((made.position, made.replayed))
            }
        }
    }

    /// Fills the disk up, and writes until what the journal has written ahead is used up too; what was
    /// written.
    async fn fill(&self, victim: Victim) -> Vec<String> {
        let disk = self.disk(victim);
        disk.limit(Some(disk.used()));
        let mut written = Vec::new();
        loop {
            let id = format!("more-{}", written.len());
            match self.write(victim, &id).await {
                Ok(_) => written.push(id),
                Err(refused) if refused.code() == Code::ResourceExhausted => break,
                Err(other) => panic!("{other}"),
            }
        }
        disk.limit(Some(disk.used()));
        written
    }

    async fn get(&self, victim: Victim, id: &str) -> Result<(), Code> {
        let got = match victim {
            Victim::Registry => {
                let request =
                    GetNetworkRequest { name: make::network_name(id), ..Default::default() };
                self.clients().registry().get_network(request).await.map(drop)
            }
            Victim::Feed => {
                let name = format!("statements/{id}");
                let request = GetStatementRequest { name, ..Default::default() };
                self.clients().statements().get_statement(request).await.map(drop)
            }
        };
        got.map_err(|status| status.code())
    }

    /// The one in trouble has ended by itself; says why.
    async fn failure(&mut self, victim: Victim) -> String {
        let service = match victim {
            Victim::Registry => self.registry.take(),
            Victim::Feed => self.feed.take(),
        };
        service.unwrap().failure().await
    }

    async fn stop(self) {
        for service in [self.feed, self.registry].into_iter().flatten() {
            service.stop().await;
        }
    }
}

/// A pair in which a network and a statement stand.
async fn begun() -> Pair {
    let pair = Pair::start().await;
    let (founded, _) = pair.write(Victim::Registry, "first").await.unwrap();
    pair.clients().feed_follows(founded).await;
    pair.write(Victim::Feed, "first").await.unwrap();
    pair
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    for victim in [Victim::Registry, Victim::Feed] {
        let pair = begun().await;
        let mut stream = pair.clients().feed().subscribe(from_beginning()).await.unwrap();
        let disk = pair.disk(victim);
        let more = pair.fill(victim).await;
        for room in [0, 1, 60, 200] {
            disk.limit(Some(disk.used() + room));
            let refused = pair.write(victim, "next").await.unwrap_err();
            assert_eq!(
                Refusal::of(&refused),
                Refusal::expected(Code::ResourceExhausted, "DISK_FULL", &[])
            );
            assert_eq!(pair.get(victim, "first").await, Ok(()), "reads go on");
            assert_eq!(
                pair.get(victim, "next").await,
                Err(Code::NotFound),
                "nothing is left of it"
            );
        }
        disk.limit(None);
        let (position, replayed) = pair.write(victim, "next").await.unwrap();
        assert!(!replayed, "{victim:?}: it was refused, and yet done");
        assert_eq!(pair.write(victim, "next").await.unwrap(), (position, true));
        if victim == Victim::Registry {
            pair.clients().feed_follows(position).await;
        }
        // The stream that was open all the time tells it, once.
        let mut told = Vec::new();
        while told.iter().filter(|id| *id == "next").count() == 0 {
            let message = stream.get_mut().message().await.unwrap().unwrap().message;
            if let Some(Message::Batch(batch)) = message {
                told.extend(batch.events.into_iter().map(|event| event.request_id));
            }
        }
        let mut expected = vec!["first".to_owned(), "first".to_owned()];
        expected.extend(more);
        expected.push("next".to_owned());
        assert_eq!(told, expected);
        pair.stop().await;
    }
}

/// The feed's disk is full while the registry goes on: what it could not record comes later, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_without_room_follows_when_there_is_some() {
    let pair = begun().await;
    let disk = pair.disk(Victim::Feed);
    pair.fill(Victim::Feed).await;
    let mut last = 0;
    for number in 0..5 {
        last = pair.write(Victim::Registry, &format!("n-{number}")).await.unwrap().0;
    }
    assert_eq!(pair.get(Victim::Feed, "first").await, Ok(()), "reads go on");
    disk.limit(None);
    pair.clients().feed_follows(last).await;
    let events = events_to_head(&mut pair.clients().feed(), None).await;
    let founded = events.iter().filter(|event| event.kind() == EventKind::NetworkFounded);
    let founded: Vec<&str> = founded.map(|event| event.request_id.as_str()).collect();
    assert_eq!(founded, ["first", "n-0", "n-1", "n-2", "n-3", "n-4"]);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_and_answers_on_a_full_disk() {
    for victim in [Victim::Registry, Victim::Feed] {
        let mut pair = begun().await;
        let disk = pair.disk(victim).clone();
        disk.limit(Some(disk.used()));
        match victim {
            Victim::Registry => pair.registry.take().unwrap().stop().await,
            Victim::Feed => pair.feed.take().unwrap().stop().await,
        }
        // What the journal no longer takes, something else does.
        disk.limit(Some(disk.used()));
        pair.start_missing().await;
        assert_eq!(pair.get(victim, "first").await, Ok(()));
        let refused = pair.write(victim, "next").await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        disk.limit(None);
        pair.write(victim, "next").await.unwrap();
        // The feed follows another address of the registry only after a start of its own.
        pair.stop().await;
    }
}

/// A write or a sync that fails: the outcome is not known, the process ends, nothing is tried again, and
/// the request id tells what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_io_error_ends_the_service_and_is_never_tried_again() {
    for victim in [Victim::Registry, Victim::Feed] {
        // The first change of an append is the write, the second the sync.
        for later in [0, 1] {
            let mut pair = begun().await;
            let disk = pair.disk(victim).clone();
            disk.fail(disk.asked() + later, DiskFault::Broken);
            let unknown = pair.write(victim, "next").await.unwrap_err();
            let expected = Refusal::expected(Code::Unknown, "OUTCOME_UNKNOWN", &[]);
            assert_eq!(Refusal::of(&unknown), expected);
            let asked = disk.asked();
            let why = pair.failure(victim).await;
            assert!(why.contains("input/output error"), "{why}");
            assert_eq!((disk.fired(), disk.asked()), (1, asked), "an fsync is never tried again");

            pair.start_missing().await;
            assert_eq!(pair.get(victim, "first").await, Ok(()));
            let there = pair.get(victim, "next").await.is_ok();
            let (position, replayed) = pair.write(victim, "next").await.unwrap();
            assert_eq!(replayed, there, "the request id tells what became of it");
            assert_eq!(pair.write(victim, "next").await.unwrap(), (position, true));
            pair.stop().await;
        }
    }
}
