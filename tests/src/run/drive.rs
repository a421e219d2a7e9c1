//! How the steps of a plan are done, one after the other, and what is checked after each.

mod apart;
mod end;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hansa_proto::pb::feed::v1::subscribe_request::Start;
use hansa_proto::pb::feed::v1::{Event, Filter, GetFeedStatusRequest, SubscribeRequest};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tonic::{Code, Status};

use super::ask::{With, ask};
use super::faults::{Fault, Ledger};
use super::plan::{self, From, Plan, Plug, Step, Way};
use super::subscriber::{Subscriber, heals};
use crate::World;
use crate::checker::LookedAt;
use crate::history::{Cut, RecordedClients};
use crate::model::{Command, Expected, Model, Refusal, Told};
use crate::refusal;
use crate::world::within;

/// What is more than the window of a stream, and than what a service holds for who does not read.
const MORE_THAN_A_WINDOW: usize = 128 * 1024;

/// Clocks are set within so much of the present.
const YEARS_MICROS: i64 = 30 * 365 * 86_400 * 1_000_000;

/// What came of a run; anything wrong has panicked before.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Steps done.
    pub steps: usize,
    /// Commands that were done, and that were refused.
    pub commands: (usize, usize),
    /// How often each fault fired.
    pub fired: BTreeMap<Fault, usize>,
    /// What the validators looked at.
    pub looked_at: LookedAt,
    /// What is the same in every run of the seed.
    pub same: Vec<String>,
}

/// Does a plan.
pub async fn run(plan: &Plan) -> Report {
    let mut driver = Box::pin(Driver::new(plan)).await;
    let mut clocks = plan.clocks.then(|| StdRng::seed_from_u64(plan.seed));
    for (number, step) in plan.steps.iter().enumerate() {
        if let Some(random) = &mut clocks {
            driver.set_clocks(random);
        }
        Box::pin(driver.step(number, step)).await;
    }
    Box::pin(driver.end(plan)).await
}

struct Driver {
    world: World,
    clients: RecordedClients,
    model: Model,
    /// Reads everything as it comes.
    chronicle: Subscriber,
    /// The cursor before the first event.
    before_all: Bytes,
    /// Everything the feed has told.
    known: Vec<Event>,
    /// What it has to tell, in all.
    expected: Vec<Told>,
    registry_position: u64,
    feed_is_away: bool,
    subscribers: BTreeMap<usize, Subscriber>,
    /// Those who came after the first, for their names.
    came: usize,
    ledger: Ledger,
    asked: BTreeMap<usize, Asked>,
    /// Commands done and refused.
    commands: (usize, usize),
}

/// A command that was asked.
#[derive(Clone)]
struct Asked {
    command: Command,
    with: With,
    /// Position of its commit; none: it made none.
    done_at: Option<u64>,
}

impl Driver {
    async fn new(plan: &Plan) -> Driver {
        let of = format!("seed {}", plan.seed);
        let world = match plan.partitions {
            true => World::start_recorded_with_links("partitions", &of).await,
            false => World::start_recorded("random", &of).await,
        };
        let clients = world.recorded("publisher");
        let everything = Filter::default();
        let mut chronicle =
            Subscriber::new(world.recorded("chronicle"), everything, Start::Beginning(()));
        chronicle.open().await.expect("the feed serves");
        let before_all = chronicle.cursor().expect("it has opened").clone();
        Driver {
            world,
            clients,
            model: Model::default(),
            chronicle,
            before_all,
            known: Vec::new(),
            expected: Vec::new(),
            registry_position: 0,
            feed_is_away: false,
            subscribers: BTreeMap::new(),
            came: 0,
            ledger: plan.faults(),
            asked: BTreeMap::new(),
            commands: (0, 0),
        }
    }

    fn set_clocks(&mut self, random: &mut StdRng) {
        let clocks = self.world.clocks();
        for clock in [&clocks.registry, &clocks.feed] {
            let before = clock.now_micros();
            clock.set_ahead(random.random_range(-YEARS_MICROS..YEARS_MICROS));
            assert_ne!(clock.now_micros(), before);
        }
        self.ledger.fire(Fault::ClocksSet);
    }

    async fn step(&mut self, number: usize, step: &Step) {
        match step {
            Step::Ask(command, way) => self.ask(number, command, *way).await,
            Step::Again(earlier) => self.ask_again(*earlier).await,
            Step::Reuse(earlier, command) => self.reuse(*earlier, command).await,
            Step::Subscribe { subscriber, filter, from } => {
                self.subscribe(*subscriber, filter, *from).await;
            }
            Step::Read { subscriber } => self.read(*subscriber).await,
            Step::Disconnect { subscriber } => self.disconnect(*subscriber).await,
            Step::CutStream { after } => self.cut_stream(*after).await,
            Step::Snapshot { filter } => self.snapshot(filter).await,
            Step::ReadNamed { subscription } => self.read_named(subscription).await,
            Step::Flood { first } => self.flood(number, *first).await,
            Step::Restart(plug) => self.restart(*plug).await,
            Step::FeedAway => {
                self.world.stop_feed().await;
                self.feed_is_away = true;
            }
            Step::FeedBack => {
                self.world.start_feed().await;
                self.feed_is_away = false;
                self.ledger.fire(Fault::FeedAway);
                self.read_chronicle().await;
            }
            Step::Apart(apart) => self.apart(number, apart).await,
        }
    }

    // Commands.

    async fn ask(&mut self, number: usize, command: &Command, way: Way) {
        let cursor = match command {
            Command::CommitCursor { back: true, .. } => self.before_all.clone(),
            _ => self.chronicle.cursor().expect("it has opened").clone(),
        };
        let with = With {
            request_id: format!("step-{number}"),
            validate_only: way == Way::OnlyToCheck,
            min_registry_position: self.registry_position,
            cursor,
        };
        let expected = match way {
            Way::OnlyToCheck => self.model.check(command),
            _ => self.model.ask(command),
        };
        match way {
            Way::Plainly | Way::OnlyToCheck => {}
            Way::AnswerLost => self.lose_an_answer(command, &with).await,
            Way::ServiceKilled => self.kill_meanwhile(command, &with).await,
        }
        let answer = self.answered(command, &with).await;
        let done_at = self.compare(command, way, &expected, answer);
        let asked = Asked { command: command.clone(), with, done_at };
        self.asked.insert(number, asked);
        if way != Way::OnlyToCheck {
            self.follow(expected).await;
        }
    }

    /// Asks until somebody says what became of it.
    async fn answered(&self, command: &Command, with: &With) -> Result<u64, Status> {
        within(async {
            loop {
                match ask(&self.clients, command, with.clone()).await {
                    Err(status) if heals(&status) => tokio::task::yield_now().await,
                    answer => return answer,
                }
            }
        })
        .await
    }

    async fn lose_an_answer(&mut self, command: &Command, with: &With) {
        let channel = match command.is_of_registry() {
            true => self.clients.registry_channel(),
            false => self.clients.feed_channel(),
        };
        let before = channel.fired();
        channel.cut(Cut::Answer);
        let lost = ask(&self.clients, command, with.clone()).await;
        assert_eq!(lost.map_err(|status| status.code()), Err(Code::Unknown), "it was answered");
        if channel.fired() > before {
            self.ledger.fire(Fault::AnswerLost);
        }
    }

    async fn kill_meanwhile(&mut self, command: &Command, with: &With) {
        let (clients, asked, with) = (self.clients.clone(), command.clone(), with.clone());
        let asking = tokio::spawn(async move { ask(&clients, &asked, with).await });
        tokio::task::yield_now().await;
        let registry = command.is_of_registry();
        self.end_service(Plug { registry, kill: true, delete_view: false }).await;
        // It may have been answered, refused or cut off: asked again it is told which.
        drop(within(asking).await.expect("a call does not panic"));
        self.ledger.fire(Fault::KillDuringCall);
    }

    /// What became of a command has to be what the model says. Gives the position of what was done.
    fn compare(
        &mut self,
        command: &Command,
        way: Way,
        expected: &Expected,
        answer: Result<u64, Status>,
    ) -> Option<u64> {
        match (expected, answer) {
            (Expected::Done(told), Ok(position)) => {
                self.commands.0 += 1;
                let of_subscription = !command.is_of_registry() && told.is_empty();
                let wrote = way != Way::OnlyToCheck && (of_subscription || !told.is_empty());
                if command.is_of_registry() {
                    self.registry_position = self.registry_position.max(position);
                }
                wrote.then_some(position)
            }
            (Expected::Refused(refusal), Err(status)) => {
                self.commands.1 += 1;
                assert!(is_it(refusal, &status), "{command:?}: {refusal:?}, not {status:?}");
                None
            }
            (expected, answer) => panic!("{command:?}: {expected:?}, not {answer:?}"),
        }
    }

    /// What has to be told is told, in the order in which it was done.
    async fn follow(&mut self, expected: Expected) {
        if let Expected::Done(told) = expected {
            self.expected.extend(told);
        }
        if !self.feed_is_away {
            self.read_chronicle().await;
        }
    }

    async fn read_chronicle(&mut self) {
        self.feed_follows().await;
        let reading = self.chronicle.read_to(self.expected.len()).await;
        self.known.extend(reading.events);
        for (event, told) in self.known.iter().zip(&self.expected).rev().take(64) {
            assert_eq!(Told::by(event), *told, "{}", event.name);
        }
        assert_eq!(self.known.len(), self.expected.len(), "it told more than it had to");
    }

    async fn feed_follows(&self) {
        let min_registry_position = self.registry_position;
        within(async {
            let request = GetFeedStatusRequest { min_registry_position };
            while let Err(status) = self.clients.feed().get_feed_status(request).await {
                assert!(heals(&status), "the feed's status: {status:?}");
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn ask_again(&mut self, earlier: usize) {
        let Some(Asked { command, with, done_at }) = self.asked.get(&earlier).cloned() else {
            return;
        };
        if let Some(position) = done_at {
            let answer = self.answered(&command, &with).await;
            let answer = answer.unwrap_or_else(|status| panic!("{command:?} again: {status:?}"));
            assert_eq!(answer, position, "{command:?} was done twice");
            return;
        }
        // Nothing was kept of it, so it is asked as if for the first time; but a cursor is of its time.
        if matches!(command, Command::CommitCursor { .. }) {
            return;
        }
        let expected = self.model.ask(&command);
        let answer = self.answered(&command, &with).await;
        let done_at = self.compare(&command, Way::Plainly, &expected, answer);
        self.asked.insert(earlier, Asked { command, with, done_at });
        self.follow(expected).await;
    }

    async fn reuse(&mut self, earlier: usize, other: &Command) {
        let Some(asked) = self.asked.get(&earlier).filter(|asked| asked.done_at.is_some()) else {
            return;
        };
        let with = asked.with.clone();
        let status = self.answered(other, &with).await.expect_err("the id is taken");
        let reused = Refusal { reason: "REQUEST_ID_REUSED", rules: BTreeSet::new() };
        assert!(is_it(&reused, &status), "{status:?}");
    }

    // Subscribers.

    fn newcomer(&mut self, what: &str) -> RecordedClients {
        self.came += 1;
        self.world.recorded_afar(&format!("{what}-{}", self.came))
    }

    async fn subscribe(&mut self, subscriber: usize, filter: &Filter, from: From) {
        if let Some(mut before) = self.subscribers.remove(&subscriber) {
            before.read(&self.known).await;
        }
        let start = match from {
            From::Beginning => Start::Beginning(()),
            From::End => Start::End(()),
            From::Last(count) => Start::Last(count),
        };
        let clients = self.newcomer(&format!("subscriber-{subscriber}"));
        let mut fresh = Subscriber::new(clients, filter.clone(), start);
        fresh.open_at_last(&mut Default::default()).await;
        fresh.check_start(from, &self.known);
        self.subscribers.insert(subscriber, fresh);
    }

    async fn read(&mut self, subscriber: usize) {
        if let Some(subscriber) = self.subscribers.get_mut(&subscriber) {
            subscriber.read(&self.known).await;
        }
    }

    async fn disconnect(&mut self, subscriber: usize) {
        let Some(subscriber) = self.subscribers.get_mut(&subscriber) else { return };
        subscriber.open_at_last(&mut Default::default()).await;
        if subscriber.disconnect() {
            self.ledger.fire(Fault::Disconnect);
        }
    }

    async fn cut_stream(&mut self, after: usize) {
        let clients = self.newcomer("cut");
        let mut reader = Subscriber::new(clients, Filter::default(), Start::Beginning(()));
        reader.cut_first(after);
        let reading = reader.read(&self.known).await;
        if reader.cuts() > 0 && reading.broken > 0 {
            self.ledger.fire(Fault::StreamCut);
        }
    }

    async fn snapshot(&mut self, filter: &Filter) {
        let request = SubscribeRequest {
            start: Some(Start::Beginning(())),
            filter: Some(filter.clone()),
            include_snapshot: true,
            stop_at_head: true,
            max_batch_bytes: 1_024,
            ..Default::default()
        };
        let clients = self.newcomer("snapshot");
        let stream = clients.feed().subscribe(request).await.expect("it subscribes");
        let mut stream = stream.into_inner();
        while within(stream.message()).await.expect("it streams").is_some() {}
    }

    async fn read_named(&mut self, subscription: &str) {
        let start = Start::Subscription(format!("subscriptions/{subscription}"));
        let clients = self.newcomer("named");
        let mut reader = Subscriber::new(clients, Filter::default(), start);
        if self.model.has_subscription(subscription) {
            reader.read(&self.known).await;
            return;
        }
        let status = reader.open().await.expect_err("there is no such subscription");
        assert_eq!(status.code(), Code::NotFound, "{status:?}");
    }

    /// The first subscriber takes everything, and has a stream that it does not read meanwhile.
    async fn flood(&mut self, number: usize, first: usize) {
        let slow = self.subscribers.get_mut(&0).expect("it has subscribed");
        slow.disconnect();
        slow.read(&self.known).await;
        for (index, command) in plan::flood(first).iter().enumerate() {
            let number = 1_000_000 + number * 10 + index;
            self.ask(number, command, Way::Plainly).await;
        }
        let slow = self.subscribers.get_mut(&0).expect("it has subscribed");
        let reading = slow.read(&self.known).await;
        if reading.bytes > MORE_THAN_A_WINDOW && reading.broken == 0 {
            self.ledger.fire(Fault::SlowReader);
        }
    }

    // Services.

    async fn restart(&mut self, plug: Plug) {
        self.end_service(plug).await;
        self.ledger.fire(if plug.kill { Fault::Kill } else { Fault::Stop });
        self.read_chronicle().await;
    }

    async fn end_service(&mut self, plug: Plug) {
        match (plug.registry, plug.kill) {
            (true, true) => self.world.kill_registry().await,
            (true, false) => self.world.stop_registry().await,
            (false, true) => self.world.kill_feed().await,
            (false, false) => self.world.stop_feed().await,
        }
        if plug.delete_view {
            let data = match plug.registry {
                true => self.world.registry_data(),
                false => self.world.feed_data(),
            };
            std::fs::remove_dir_all(data.join("view")).expect("there is a view to delete");
            self.ledger.fire(Fault::ViewDeleted);
        }
        match plug.registry {
            true => self.world.start_registry().await,
            false => self.world.start_feed().await,
        }
    }
}

/// Whether a status is the refusal that was expected.
fn is_it(expected: &Refusal, status: &Status) -> bool {
    let told = refusal::Refusal::of(status);
    let is_rule = |part: &&String| !part.contains(['.', '[', '_']) || part.to_uppercase() == **part;
    let rules: BTreeSet<&str> = told.about.iter().filter(is_rule).map(String::as_str).collect();
    told.reason == expected.reason && (expected.rules.is_empty() || rules == expected.rules)
}
