//! What is done in a run, step by step: a function of the seed and of nothing else.

use hansa_proto::pb::feed::v1::{EventKind, Filter};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::faults::{Fault, Ledger};
use crate::model::{Admission, Command};

const COUNTRIES: [&str; 4] = ["ES", "DE", "FR", "BR"];
const THEMES: [&str; 4] = ["Housing", "water", "Tourism", "tax"];
const NETWORKS: usize = 5;
const MEMBERS: usize = 14;
/// Networks and members that may be recorded later.
const MORE: usize = 4;
/// Subscribers with filters, of which a plan knows the numbers.
const SUBSCRIBERS: usize = 5;
/// A body of which a few fill the window of a stream.
const LARGE_BODY: usize = 48 * 1024;

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The seed it is a function of.
    pub seed: u64,
    /// Whether the network between those who talk is cut and held up too.
    pub partitions: bool,
    /// Whether the clocks of both services are set before each step.
    pub clocks: bool,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Step {
    /// A command is asked.
    Ask(Command, Way),
    /// An earlier command is asked again with its request id: the number of its step.
    Again(usize),
    /// The request id of an earlier step is used for another command.
    Reuse(usize, Command),
    /// A subscriber begins, with a filter.
    Subscribe { subscriber: usize, filter: Filter, from: From },
    /// A subscriber reads everything that is due to it.
    Read { subscriber: usize },
    /// A subscriber goes away; it resumes when it reads again.
    Disconnect { subscriber: usize },
    /// Somebody reads everything, and the first stream breaks after so many messages.
    CutStream { after: usize },
    /// Somebody reads the present state.
    Snapshot { filter: Filter },
    /// Somebody reads from the cursor of a named subscription.
    ReadNamed { subscription: String },
    /// Statements that fill the window of every subscriber who does not read.
    Flood { first: usize },
    /// A service ends and starts again.
    Restart(Plug),
    /// The feed ends, and the registry goes on.
    FeedAway,
    /// The feed starts again.
    FeedBack,
    /// A link is cut or held up while much goes on, and is whole again.
    Apart(Apart),
}

/// A link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Between the feed and the registry.
    Registry,
    /// Between subscribers and the feed.
    Clients,
}

/// How a link fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Apart {
    /// Which.
    pub link: Link,
    /// What is sent waits, and comes in the end; otherwise connections are cut and refused.
    pub delayed: bool,
    /// A service that ends and starts again meanwhile.
    pub restart: Option<Plug>,
    /// What is asked meanwhile. The first is done for certain.
    pub commands: Vec<Command>,
}

impl Apart {
    /// The fault it is.
    pub fn fault(&self) -> Fault {
        match (self.link, self.delayed) {
            (Link::Registry, false) => Fault::RegistryParted,
            (Link::Registry, true) => Fault::RegistryDelayed,
            (Link::Clients, false) => Fault::ClientsParted,
            (Link::Clients, true) => Fault::ClientsDelayed,
        }
    }
}

/// Where a subscriber begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Before the first event.
    Beginning,
    /// After the last one.
    End,
    /// Before the last so many that match.
    Last(u32),
}

/// How a command is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Once.
    Plainly,
    /// Only to check it.
    OnlyToCheck,
    /// Its answer is lost, and it is asked again.
    AnswerLost,
    /// Its service is cut off meanwhile, and it is asked again.
    ServiceKilled,
}

/// Which service ends, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plug {
    /// The registry, not the feed.
    pub registry: bool,
    /// Cut off, not asked to end.
    pub kill: bool,
    /// Its view is deleted before it starts again.
    pub delete_view: bool,
}

impl Plan {
    /// The plan of a seed, of about so many steps.
    pub fn of(seed: u64, steps: usize) -> Plan {
        Plan::with(seed, steps, false)
    }

    /// The same, in which links are cut and held up too.
    pub fn with_partitions(seed: u64, steps: usize) -> Plan {
        Plan::with(seed, steps, true)
    }

    /// The same plan, with clocks that jump years back and forth.
    pub fn and_clocks(self) -> Plan {
        Plan { clocks: true, ..self }
    }

    fn with(seed: u64, steps: usize, partitions: bool) -> Plan {
        let mut planner = Planner {
            random: StdRng::seed_from_u64(seed),
            steps: Vec::new(),
            feed_is_away: false,
            subscribed: [false; SUBSCRIBERS],
            made: [0; 3],
            pairs: Vec::new(),
            partitions,
            apart: 0,
        };
        planner.begin();
        while planner.steps.len() < steps {
            planner.step();
        }
        planner.finish();
        Plan { seed, partitions, clocks: false, steps: planner.steps }
    }

    /// The faults it holds.
    pub fn faults(&self) -> Ledger {
        let mut ledger = Ledger::default();
        for step in &self.steps {
            match step {
                Step::Ask(_, Way::AnswerLost) => ledger.plan(Fault::AnswerLost),
                Step::Ask(_, Way::ServiceKilled) => ledger.plan(Fault::KillDuringCall),
                Step::Disconnect { .. } => ledger.plan(Fault::Disconnect),
                Step::CutStream { .. } => ledger.plan(Fault::StreamCut),
                Step::Flood { .. } => ledger.plan(Fault::SlowReader),
                Step::Restart(plug) => {
                    ledger.plan(if plug.kill { Fault::Kill } else { Fault::Stop });
                    if plug.delete_view {
                        ledger.plan(Fault::ViewDeleted);
                    }
                }
                Step::FeedAway => ledger.plan(Fault::FeedAway),
                Step::Apart(apart) => ledger.plan(apart.fault()),
                _ => {}
            }
            if self.clocks {
                ledger.plan(Fault::ClocksSet);
            }
        }
        ledger
    }
}

/// What becomes a plan.
struct Planner {
    random: StdRng,
    steps: Vec<Step>,
    feed_is_away: bool,
    subscribed: [bool; SUBSCRIBERS],
    /// Statements, campaigns and subscriptions asked for so far.
    made: [usize; 3],
    /// Who asked to join what, or was invited.
    pairs: Vec<(String, String)>,
    partitions: bool,
    /// Links that failed so far.
    apart: usize,
}

impl Planner {
    /// Networks of every admission, members, and one subscriber of everything that is slow.
    fn begin(&mut self) {
        for number in 0..NETWORKS {
            let admission =
                [Admission::Open, Admission::Open, Admission::Approval, Admission::Invitation];
            let network = format!("n-{number}");
            let themes = self.themes();
            let admission = admission[number % 4];
            self.ask(Command::CreateNetwork { network, admission, themes });
        }
        for number in 0..MEMBERS {
            let country = COUNTRIES[number % COUNTRIES.len()].to_owned();
            self.ask(Command::CreateMember { member: format!("m-{number}"), country });
        }
        for subscriber in 0..SUBSCRIBERS {
            self.subscribe(subscriber);
        }
    }

    fn finish(&mut self) {
        if self.feed_is_away {
            self.steps.push(Step::FeedBack);
        }
        for subscriber in 0..SUBSCRIBERS {
            self.steps.push(Step::Read { subscriber });
        }
        self.steps.push(Step::Snapshot { filter: Filter::default() });
    }

    fn step(&mut self) {
        if self.feed_is_away {
            return match self.below(6) {
                0 => {
                    self.feed_is_away = false;
                    self.steps.push(Step::FeedBack);
                }
                _ => self.registry_command(),
            };
        }
        if self.partitions && self.below(12) == 0 {
            return self.part();
        }
        match self.below(100) {
            0..38 => self.registry_command(),
            38..66 => self.feed_command(),
            66..78 => {
                let subscriber = self.below(SUBSCRIBERS);
                self.steps.push(Step::Read { subscriber });
            }
            78..81 => {
                let subscriber = self.below(SUBSCRIBERS);
                self.steps.push(Step::Disconnect { subscriber });
                self.steps.push(Step::Read { subscriber });
            }
            81..84 => self.cut_stream(),
            84..87 => {
                let subscriber = self.below(SUBSCRIBERS);
                self.subscribe(subscriber);
            }
            87..89 => {
                let filter = self.filter();
                self.steps.push(Step::Snapshot { filter });
            }
            89..91 => self.read_named(),
            91..93 => self.ask_again(),
            93..95 => self.flood(),
            95..98 => self.restart(),
            _ => {
                self.feed_is_away = true;
                self.steps.push(Step::FeedAway);
            }
        }
    }

    fn ask(&mut self, command: Command) {
        let way = match self.below(24) {
            0 => Way::OnlyToCheck,
            1 => Way::AnswerLost,
            2 if !self.feed_is_away => Way::ServiceKilled,
            _ => Way::Plainly,
        };
        // What everything else needs is done for certain.
        let needed = self.steps.len() < NETWORKS + MEMBERS;
        let way = if needed && way == Way::OnlyToCheck { Way::Plainly } else { way };
        self.steps.push(Step::Ask(command, way));
    }

    fn registry_command(&mut self) {
        let (network, member) = self.pair();
        let command = match self.below(24) {
            0..8 => {
                let (network, member) = self.new_pair();
                Command::Join { network, member }
            }
            8 | 9 => {
                let members = (0..=self.below(4)).map(|_| self.member()).collect();
                Command::JoinAll { network, members }
            }
            10..12 => {
                let (network, member) = self.new_pair();
                Command::Invite { network, member }
            }
            12..14 => Command::Approve { network, member },
            14 => Command::Reject { network, member },
            15 | 16 => Command::Suspend { network, member },
            17 => Command::Reinstate { network, member },
            18..21 => Command::Leave { network, member },
            21 => Command::SetThemes { network, themes: self.themes() },
            22 if self.below(8) == 0 => Command::EndNetwork { network },
            22 => {
                let admission = Admission::Open;
                let network = format!("n-{}", self.below(NETWORKS + MORE));
                Command::CreateNetwork { network, admission, themes: self.themes() }
            }
            _ if self.below(6) == 0 => Command::RetireMember { member },
            _ => {
                let member = format!("m-{}", self.below(MEMBERS + MORE));
                let country = COUNTRIES[self.below(4)].to_owned();
                Command::CreateMember { member, country }
            }
        };
        self.ask(command);
    }

    fn feed_command(&mut self) {
        let (network, member) = (self.network(), self.member());
        let command = match self.below(24) {
            0..5 => self.publish(network),
            5..9 => Command::Sign { statement: self.earlier("s", 0), member },
            9 | 10 => {
                let statement = self.earlier("s", 0);
                Command::Correct { statement, correction: self.fresh("s", 0), network }
            }
            11 => Command::Retract { statement: self.earlier("s", 0) },
            12..14 => {
                let leads = (0..self.below(3)).map(|number| format!("m-{number}")).collect();
                let participants = (0..self.below(3)).map(|_| self.member()).collect();
                Command::Launch { campaign: self.fresh("c", 1), network, leads, participants }
            }
            14..17 => Command::JoinCampaign { campaign: self.earlier("c", 1), member },
            17 => Command::LeaveCampaign { campaign: self.earlier("c", 1), member },
            18 => Command::AddMilestone { campaign: self.earlier("c", 1) },
            19 => Command::EndCampaign { campaign: self.earlier("c", 1) },
            20 => Command::CreateSubscription { subscription: self.fresh("b", 2) },
            21 | 22 => {
                let back = self.below(4) == 0;
                Command::CommitCursor { subscription: self.earlier("b", 2), back }
            }
            _ => Command::DeleteSubscription { subscription: self.earlier("b", 2) },
        };
        self.ask(command);
    }

    fn publish(&mut self, network: String) -> Command {
        let campaign = match self.below(3) {
            0 => self.earlier("c", 1),
            _ => String::new(),
        };
        let signatories = (0..self.below(3)).map(|_| self.member()).collect();
        Command::Publish {
            statement: self.fresh("s", 0),
            network,
            campaign,
            signatories,
            body_bytes: 0,
        }
    }

    fn ask_again(&mut self) {
        let asked: Vec<usize> = (0..self.steps.len())
            .filter(|index| matches!(&self.steps[*index], Step::Ask(_, way) if *way != Way::OnlyToCheck))
            .collect();
        let Some(earlier) = asked.choose(&mut self.random).copied() else { return };
        if self.below(3) > 0 {
            return self.steps.push(Step::Again(earlier));
        }
        let Step::Ask(command, _) = &self.steps[earlier] else { return };
        let other = match command.is_of_registry() {
            true => {
                Command::CreateMember { member: "another".to_owned(), country: "PT".to_owned() }
            }
            false => Command::Retract { statement: "another".to_owned() },
        };
        self.steps.push(Step::Reuse(earlier, other));
    }

    fn read_named(&mut self) {
        let subscription = self.earlier("b", 2);
        self.steps.push(Step::ReadNamed { subscription });
    }

    fn cut_stream(&mut self) {
        // Fewer than there are: Opened, what is there in two batches, CaughtUp.
        let after = self.below(3);
        self.steps.push(Step::CutStream { after });
    }

    fn flood(&mut self) {
        let first = self.made[0];
        self.made[0] += 4;
        self.steps.push(Step::Flood { first });
        self.steps.push(Step::Read { subscriber: 0 });
    }

    fn restart(&mut self) {
        let plug = Plug {
            registry: self.below(2) == 0,
            kill: self.below(2) == 0,
            delete_view: self.below(4) == 0,
        };
        self.steps.push(Step::Restart(plug));
    }

    /// Each way in turn, so that none is missing.
    fn part(&mut self) {
        self.apart += 1;
        let link = if self.apart.is_multiple_of(2) { Link::Clients } else { Link::Registry };
        let delayed = self.apart / 2 % 2 == 1;
        let kill = self.below(2) == 0;
        // A service that ends cuts its connections, so nothing would be delayed on them.
        let restart = (!delayed && self.below(2) == 0).then(|| Plug {
            registry: self.below(2) == 0,
            kill,
            delete_view: false,
        });
        let first = Command::CreateMember {
            member: format!("apart-{}", self.apart),
            country: COUNTRIES[self.below(4)].to_owned(),
        };
        let joins = (0..self.below(6)).map(|_| {
            let (network, member) = self.new_pair();
            Command::Join { network, member }
        });
        let commands = std::iter::once(first).chain(joins).collect();
        self.steps.push(Step::Apart(Apart { link, delayed, restart, commands }));
    }

    /// The first subscriber takes everything, so that a flood concerns it.
    fn subscribe(&mut self, subscriber: usize) {
        let filter = if subscriber == 0 { Filter::default() } else { self.filter() };
        let first = !std::mem::replace(&mut self.subscribed[subscriber], true);
        let from = match self.below(4) {
            _ if first => From::Beginning,
            0 => From::End,
            1 => From::Last(1 + u32::try_from(self.below(12)).unwrap_or(0)),
            _ => From::Beginning,
        };
        self.steps.push(Step::Subscribe { subscriber, filter, from });
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter { allow_unknown: true, ..Default::default() };
        if self.below(3) == 0 {
            let networks = (0..=self.below(2)).map(|_| format!("networks/{}", self.network()));
            filter.networks = networks.collect();
        }
        if self.below(3) == 0 {
            let members = (0..=self.below(4)).map(|_| format!("members/{}", self.member()));
            filter.members = members.collect();
        }
        if self.below(4) == 0 {
            filter.countries = vec![COUNTRIES[self.below(4)].to_owned()];
        }
        if self.below(4) == 0 {
            filter.themes = vec![THEMES[self.below(4)].to_uppercase()];
        }
        if self.below(3) == 0 {
            let kinds =
                [EventKind::Joined, EventKind::StatementPublished, EventKind::CampaignJoined];
            filter.kinds = vec![kinds[self.below(3)].into()];
            filter.exclude_withdrawals = self.below(2) == 0;
        }
        filter
    }

    fn themes(&mut self) -> Vec<String> {
        let mut themes: Vec<String> =
            (0..self.below(3)).map(|_| THEMES[self.below(4)].to_owned()).collect();
        themes.dedup();
        themes
    }

    /// Seldom one that nobody has recorded yet.
    fn network(&mut self) -> String {
        format!("n-{}", self.seldom_more_than(NETWORKS))
    }

    fn member(&mut self) -> String {
        format!("m-{}", self.seldom_more_than(MEMBERS))
    }

    /// Who may belong to something by now, usually one of the last.
    fn pair(&mut self) -> (String, String) {
        let back = self.below(12);
        match self.pairs.len().checked_sub(1 + back) {
            Some(at) => self.pairs[at].clone(),
            None => (self.network(), self.member()),
        }
    }

    fn new_pair(&mut self) -> (String, String) {
        let pair = (self.network(), self.member());
        self.pairs.push(pair.clone());
        pair
    }

    fn seldom_more_than(&mut self, bound: usize) -> usize {
        if self.below(8) == 0 { self.below(bound + MORE) } else { self.below(bound) }
    }

    fn fresh(&mut self, letter: &str, kind: usize) -> String {
        self.made[kind] += 1;
        format!("{letter}-{}", self.made[kind] - 1)
    }

    /// Usually one of the last.
    fn earlier(&mut self, letter: &str, kind: usize) -> String {
        let back = self.below(8);
        format!("{letter}-{}", self.made[kind].saturating_sub(back))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }
}

/// The statements of a flood.
pub(super) fn flood(first: usize) -> Vec<Command> {
    (first..first + 4)
        .map(|number| Command::Publish {
            statement: format!("s-{number}"),
            network: String::new(),
            campaign: String::new(),
            signatories: Vec::new(),
            body_bytes: LARGE_BODY,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_function_of_its_seed() {
        assert_eq!(Plan::of(1, 300), Plan::of(1, 300));
        assert_ne!(Plan::of(1, 300), Plan::of(2, 300));
    }

    #[test]
    fn every_fault_is_planned_sooner_or_later() {
        let planned = format!("{:?}", Plan::of(1, 3_000).faults());
        for fault in [
            Fault::Stop,
            Fault::Kill,
            Fault::KillDuringCall,
            Fault::AnswerLost,
            Fault::StreamCut,
            Fault::Disconnect,
            Fault::SlowReader,
            Fault::ViewDeleted,
            Fault::FeedAway,
        ] {
            assert!(planned.contains(&format!("{fault:?}")), "{fault:?}");
        }
    }
}
