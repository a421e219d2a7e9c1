//! Rounds of kill -9: real processes, cut off at random moments and in planned phases, under load through
//! gRPC.
//!
//! A kill planned for a phase is made by the disk the process is given (`killing.rs`), so that it falls
//! into it; one that does not come fails the run. Kills at random moments come from here.
//!
//! Callers do the same small story again and again: a member is recorded, joins, sometimes leaves, and
//! signs a statement, of which some are redacted. Every request carries an id, so that one whose answer
//! was lost is asked again. After each round: what was acknowledged is answered as before, at its position;
//! the feed tells each join once, in the registry's order; no file of the feed holds what was redacted; the
//! journals are whole.

mod moment;
mod step;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hansa_proto::pb::feed::v1::EventKind;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tonic::Status;

use crate::events::{after, batches, messages_to_head};
use crate::killing::Death;
use crate::make;
use crate::on_disk::copy_directory;
use crate::world::{Clients, PATIENCE, free_address, serving, within};

pub use moment::Moment;

use moment::MOMENTS;
use step::Step;

/// Stands before the number of its story in the title of each statement, and nowhere else.
const PHRASE: &str = "the title of the story ";
const NETWORKS: u64 = 4;
const CALLERS: usize = 8;
/// Answers of earlier rounds asked for again after each round.
const SAMPLE: usize = 25;
/// A world is begun anew after so many rounds: what is rebuilt again and again should stay small.
const ROUNDS_OF_A_WORLD: usize = 50;
/// Stories told in a round, unless a planned kill has not come by then.
const STORIES: u64 = 60;
/// A file of a journal is closed after so many bytes, so that one begins in every round.
const SEGMENT_BYTES: u64 = 8 * 1024;

/// What is done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The same seed kills at the same moments, as far as the system lets it.
    pub seed: u64,
    /// Rounds of killing and checking.
    pub rounds: usize,
    /// Command that runs the registry; `--data DIR --listen ADDRESS --segment-bytes BYTES` is added, and
    /// `--die PHASE:OPERATION` where a kill is planned.
    pub registry: Vec<String>,
    /// Command that runs the feed; the same and `--registry URL` are added.
    pub feed: Vec<String>,
    /// The directory of `registry-service` and `feed-service`, which run wherever no kill is planned for a
    /// phase.
    pub binaries: Option<PathBuf>,
}

/// Which process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// The registry.
    Registry,
    /// The feed.
    Feed,
    /// Both, one right after the other.
    Both,
}

/// What came of it; anything lost, repeated or reordered has panicked before.
#[derive(Debug, Default)]
pub struct Report {
    /// Kills by moment and victim.
    pub kills: BTreeMap<(Moment, Victim), usize>,
    /// Requests answered.
    pub acknowledged: usize,
    /// Requests whose answer was lost, and that were asked again.
    pub asked_again: usize,
    /// Joins told by the feed.
    pub joins_told: usize,
    /// Statements that are redacted.
    pub redacted: usize,
}

/// What callers have learnt, shared by all of them.
#[derive(Default)]
struct Learnt {
    acknowledged: HashMap<(Step, u64), u64>,
    /// Stories cut off in the middle.
    unfinished: Vec<u64>,
}

/// Runs the rounds, so many in a world; `progress` hears of each.
pub async fn run(plan: &Plan, progress: impl Fn(usize, &Report)) -> Report {
    let mut report = Report::default();
    let mut done = 0;
    while done < plan.rounds {
        let rounds = ROUNDS_OF_A_WORLD.min(plan.rounds - done);
        let seed = plan.seed.wrapping_add(done as u64);
        let mut soak = Soak::new(&Plan { seed, ..plan.clone() }).await;
        soak.begin().await;
        for round in 0..rounds {
            soak.round(done + round).await;
            progress(done + round, &soak.report);
        }
        report.add(soak.finish().await);
        done += rounds;
    }
    report
}

impl Report {
    fn add(&mut self, other: Report) {
        for (kind, kills) in other.kills {
            *self.kills.entry(kind).or_default() += kills;
        }
        self.acknowledged += other.acknowledged;
        self.asked_again += other.asked_again;
        self.joins_told += other.joins_told;
        self.redacted += other.redacted;
    }
}

struct Soak {
    plan: Plan,
    directory: tempfile::TempDir,
    random: StdRng,
    addresses: (SocketAddr, SocketAddr),
    registry: Option<Process>,
    feed: Option<Process>,
    learnt: Arc<Mutex<Learnt>>,
    next_number: Arc<AtomicU64>,
    cursor: Option<Vec<u8>>,
    told: Vec<(String, u64)>,
    report: Report,
}

impl Soak {
    async fn new(plan: &Plan) -> Soak {
        Soak {
            plan: plan.clone(),
            directory: tempfile::tempdir().expect("a temporary directory"),
            random: StdRng::seed_from_u64(plan.seed),
            addresses: (free_address().await, free_address().await),
            registry: None,
            feed: None,
            learnt: Arc::default(),
            next_number: Arc::default(),
            cursor: None,
            told: Vec::new(),
            report: Report::default(),
        }
    }

    fn clients(&self) -> Clients {
        Clients {
            registry_url: format!("http://{}", self.addresses.0),
            feed_url: format!("http://{}", self.addresses.1),
        }
    }

    fn data(&self, victim: Victim) -> PathBuf {
        self.directory.path().join(format!("{victim:?}"))
    }

    async fn begin(&mut self) {
        self.start_all().await;
        for number in 0..NETWORKS {
            let request = make::network(&format!("n-{number}"));
            self.clients().registry().create_network(request).await.expect("a new network");
        }
    }

    async fn round(&mut self, round: usize) {
        // Every moment comes, with every victim, before any comes again more often than the others.
        let moment = MOMENTS[round % MOMENTS.len()];
        let victims: &[Victim] = match moment {
            Moment::Erasing => &[Victim::Feed],
            // An old view of the feed would bring back what was redacted since.
            Moment::Replaying => &[Victim::Registry],
            Moment::UnderLoad | Moment::Starting => &[Victim::Registry, Victim::Feed, Victim::Both],
            _ => &[Victim::Registry, Victim::Feed],
        };
        let victim = *victims.choose(&mut self.random).expect("there are victims");
        match moment {
            Moment::UnderLoad => self.kill_under_load(victim).await,
            Moment::Starting => self.kill_while_starting(victim).await,
            Moment::Opening | Moment::Replaying | Moment::Rebuilding => {
                self.die_while_starting(moment, victim).await;
            }
            Moment::Appending | Moment::Syncing | Moment::Rolling | Moment::Erasing => {
                self.die_under_load(moment, victim).await;
            }
        }
        *self.report.kills.entry((moment, victim)).or_default() += 1;
        if round.is_multiple_of(10) {
            self.verify_journals();
        }
        self.start_all().await;
        self.resolve_unfinished().await;
        self.check_acknowledged().await;
        self.check_feed().await;
        self.check_redacted().await;
    }

    async fn kill_under_load(&mut self, victim: Victim) {
        let callers = self.callers(STORIES);
        let until = Duration::from_micros(self.random.random_range(0..150_000));
        tokio::time::sleep(until).await;
        self.kill(victim);
        callers.end().await;
    }

    /// Callers write until the victim dies as planned.
    async fn die_under_load(&mut self, moment: Moment, victim: Victim) {
        self.kill(victim);
        let death = moment.death(&mut self.random);
        self.spawn(victim, death);
        within(serving(self.url(victim))).await;
        let callers = self.callers(u64::MAX);
        self.died(moment, victim).await;
        callers.end().await;
    }

    /// Kills what runs, starts it again and kills it at a random moment of its start.
    async fn kill_while_starting(&mut self, victim: Victim) {
        self.kill(victim);
        for part in parts(victim) {
            self.spawn(part, None);
        }
        let until = Duration::from_micros(self.random.random_range(0..60_000));
        tokio::time::sleep(until).await;
        self.kill(victim);
    }

    /// Has the victim die as planned while it starts.
    async fn die_while_starting(&mut self, moment: Moment, victim: Victim) {
        self.kill(victim);
        let (view, behind) = (self.data(victim).join("view"), self.directory.path().join("behind"));
        if moment == Moment::Replaying && !behind.exists() {
            // What it had seen by now, to be put back after it has seen more.
            copy_directory(&view, &behind);
            self.spawn(victim, None);
            within(serving(self.url(victim))).await;
            self.callers(STORIES).done().await;
            self.kill(victim);
        }
        if matches!(moment, Moment::Replaying | Moment::Rebuilding) {
            std::fs::remove_dir_all(&view).expect("there is a view to delete");
        }
        if moment == Moment::Replaying {
            copy_directory(&behind, &view);
        }
        let death = moment.death(&mut self.random);
        self.spawn(victim, death);
        self.died(moment, victim).await;
    }

    /// Waits until a process that is to die has died, by SIGKILL and nothing else.
    async fn died(&mut self, moment: Moment, victim: Victim) {
        let place = match victim {
            Victim::Registry => &mut self.registry,
            _ => &mut self.feed,
        };
        let mut process = place.take().expect("it was started");
        let ended = tokio::task::spawn_blocking(move || process.0.wait());
        let ended = within(ended).await.expect("it is waited for").expect("it can be waited for");
        assert_eq!(ended.signal(), Some(9), "{moment:?} of {victim:?}: {ended}");
    }

    /// Callers that tell so many stories together.
    fn callers(&self, stories: u64) -> Callers {
        let (stop, stopped) = watch::channel(false);
        let mut callers = JoinSet::new();
        let last = self.next_number.load(Ordering::Relaxed).saturating_add(stories);
        for _ in 0..CALLERS {
            callers.spawn(tell_stories(
                self.clients(),
                self.learnt.clone(),
                self.next_number.clone(),
                last,
                stopped.clone(),
            ));
        }
        Callers { callers, stop }
    }

    fn url(&self, part: Victim) -> String {
        match part {
            Victim::Registry => self.clients().registry_url,
            _ => self.clients().feed_url,
        }
    }

    fn spawn(&mut self, part: Victim, death: Option<Death>) {
        let data = self.data(part);
        let (program, name, address, place) = match part {
            Victim::Registry => {
                (&self.plan.registry, "registry-service", self.addresses.0, &mut self.registry)
            }
            _ => (&self.plan.feed, "feed-service", self.addresses.1, &mut self.feed),
        };
        let mut command = match &self.plan.binaries {
            Some(binaries) if death.is_none() => Command::new(binaries.join(name)),
            _ => Command::new(&program[0]),
        };
        if death.is_some() || self.plan.binaries.is_none() {
            command.args(&program[1..]);
        }
        command.arg("--data").arg(data);
        command.arg("--listen").arg(address.to_string());
        command.arg("--segment-bytes").arg(SEGMENT_BYTES.to_string());
        if let Some(death) = death {
            command.arg("--die").arg(death.to_string());
        }
        if part == Victim::Feed {
            command.arg("--registry").arg(format!("http://{}", self.addresses.0));
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        *place = Some(Process(child.expect("the program starts")));
    }

    fn kill(&mut self, victim: Victim) {
        for part in parts(victim) {
            // Dropping kills and waits.
            match part {
                Victim::Registry => drop(self.registry.take()),
                _ => drop(self.feed.take()),
            }
        }
    }

    /// Whatever does not run is started; returns when both serve.
    async fn start_all(&mut self) {
        if self.registry.is_none() {
            self.spawn(Victim::Registry, None);
        }
        if self.feed.is_none() {
            self.spawn(Victim::Feed, None);
        }
        let clients = self.clients();
        within(serving(clients.registry_url)).await;
        within(serving(clients.feed_url)).await;
    }

    /// Stories that were cut off are told to their end with the same request ids.
    async fn resolve_unfinished(&mut self) {
        let unfinished = std::mem::take(&mut self.learnt.lock().await.unfinished);
        for number in unfinished {
            self.report.asked_again += 1;
            let told = tell(&self.clients(), &self.learnt, number).await;
            told.unwrap_or_else(|status| panic!("story {number} cannot be finished: {status:?}"));
        }
    }

    /// What was acknowledged is answered as it was then.
    async fn check_acknowledged(&mut self) {
        let learnt = self.learnt.lock().await;
        let mut known: Vec<_> = learnt.acknowledged.iter().map(|(key, at)| (*key, *at)).collect();
        drop(learnt);
        known.sort_unstable();
        self.report.acknowledged = known.len();
        let clients = self.clients();
        for ((step, number), position) in known.choose_multiple(&mut self.random, SAMPLE) {
            let again = step.ask(&clients, *number, 0).await;
            let again = again.unwrap_or_else(|status| panic!("{step:?}-{number}: {status:?}"));
            assert_eq!(again, (*position, true), "{step:?}-{number} was acknowledged otherwise");
        }
    }

    /// The feed tells every join once, in the registry's order, at the position acknowledged.
    async fn check_feed(&mut self) {
        let clients = self.clients();
        let (joined, last) = {
            let learnt = self.learnt.lock().await;
            let joins = learnt.acknowledged.iter().filter(|((step, _), _)| *step == Step::Join);
            let joined: HashMap<String, u64> =
                joins.map(|((step, number), at)| (step.request_id(*number), *at)).collect();
            let last = joined.values().copied().max().unwrap_or(0);
            (joined, last)
        };
        clients.feed_follows(last).await;
        let request = after(self.cursor.as_deref());
        for (events, cursor) in batches(messages_to_head(&mut clients.feed(), request).await) {
            self.cursor = Some(cursor);
            let joins = events.into_iter().filter(|event| event.kind() == EventKind::Joined);
            self.told.extend(joins.map(|event| (event.request_id, event.registry_position)));
        }
        let positions: Vec<u64> = self.told.iter().map(|(_, position)| *position).collect();
        assert!(positions.is_sorted_by(|one, next| one < next), "joins repeated or out of order");
        let told: HashMap<String, u64> = self.told.iter().cloned().collect();
        assert_eq!(told.len(), self.told.len(), "a join told twice");
        assert_eq!(told, joined, "the feed and the answers differ");
        self.report.joins_told = told.len();
    }

    /// What was redacted stands in no file of the feed; what was not stands there.
    async fn check_redacted(&mut self) {
        let learnt = self.learnt.lock().await;
        let numbers = |step| {
            let known = learnt.acknowledged.keys().filter(move |(known, _)| *known == step);
            known.map(|(_, number)| *number).collect::<BTreeSet<u64>>()
        };
        let (published, redacted) = (numbers(Step::Publish), numbers(Step::Redact));
        let found = numbers_in_files(&self.data(Victim::Feed));
        let expected: BTreeSet<u64> = published.difference(&redacted).copied().collect();
        assert_eq!(found, expected, "redacted were {redacted:?}");
        self.report.redacted = redacted.len();
    }

    fn verify_journals(&self) {
        for part in parts(Victim::Both) {
            let journal = self.data(part).join("journal");
            hansa_journal::verify(&journal)
                .unwrap_or_else(|error| panic!("{}: {error}", journal.display()));
        }
    }

    async fn finish(mut self) -> Report {
        self.kill(Victim::Both);
        self.verify_journals();
        self.report
    }
}

fn parts(victim: Victim) -> Vec<Victim> {
    match victim {
        Victim::Both => vec![Victim::Registry, Victim::Feed],
        part => vec![part],
    }
}

/// Callers at work.
struct Callers {
    callers: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Callers {
    /// Waits until all stories are told.
    async fn done(self) {
        within(self.callers.join_all()).await;
    }

    /// Has each of them end with the story it is telling.
    async fn end(self) {
        self.stop.send_replace(true);
        self.done().await;
    }
}

/// Tells one story after the other until all are told, or told to stop.
async fn tell_stories(
    clients: Clients,
    learnt: Arc<Mutex<Learnt>>,
    next_number: Arc<AtomicU64>,
    last: u64,
    stopped: watch::Receiver<bool>,
) {
    while !*stopped.borrow() {
        let number = next_number.fetch_add(1, Ordering::Relaxed);
        if number >= last {
            return;
        }
        if tell(&clients, &learnt, number).await.is_err() {
            learnt.lock().await.unfinished.push(number);
        }
    }
}

async fn tell(clients: &Clients, learnt: &Mutex<Learnt>, number: u64) -> Result<(), Status> {
    let mut registry_position = 0;
    for step in Step::of(number) {
        let asking = step.ask(clients, number, registry_position);
        let answer = tokio::time::timeout(PATIENCE, asking);
        let (position, _) = answer.await.expect("a call ends within a minute")?;
        if !matches!(step, Step::Publish | Step::Redact) {
            registry_position = position;
        }
        let known = learnt.lock().await.acknowledged.insert((step, number), position);
        assert!(known.is_none_or(|known| known == position), "{step:?}-{number} was done twice");
    }
    Ok(())
}

/// The numbers of the stories whose statement's title stands in a file under a directory.
fn numbers_in_files(directory: &Path) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    for entry in std::fs::read_dir(directory).expect("there is a directory") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            numbers.extend(numbers_in_files(&path));
            continue;
        }
        // A file of a running service may be gone by now.
        let bytes = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let titles = text.split(PHRASE).skip(1).filter_map(|after| after.split('.').next());
        numbers.extend(titles.filter_map(|number| number.parse::<u64>().ok()));
    }
    numbers
}

/// A child process; dropped, it is killed with SIGKILL and waited for.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nobody to kill, and waiting says how it ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program in this process's own executable that runs a service: `soak registry`, `soak feed`.
pub fn own_program(executable: &Path, service: &str) -> Vec<String> {
    vec![executable.display().to_string(), service.to_owned()]
}
