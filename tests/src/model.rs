//! What the registry and the feed have to say to a sequence of commands, by docs/guarantees.md and the
//! comments of the contract alone: which events come of each, in which order, or why it is refused.
//!
//! It is small on purpose: it knows who exists, who belongs, what stands and what runs, and nothing of
//! journals, views, positions or the wire. A command goes through `Model::ask`, which gives what must
//! become of it and remembers the effect.
//!
//! | file | knows |
//! | --- | --- |
//! | `registry.rs` | networks, members, memberships |
//! | `feed.rs` | statements, signatures, campaigns, participations, named subscriptions |

mod feed;
mod registry;

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::pb::feed::v1::{Event, EventKind};

/// What can be asked. Names are bare ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Command {
    CreateNetwork {
        network: String,
        admission: Admission,
        themes: Vec<String>,
    },
    SetThemes {
        network: String,
        themes: Vec<String>,
    },
    EndNetwork {
        network: String,
    },
    CreateMember {
        member: String,
        country: String,
    },
    RetireMember {
        member: String,
    },
    Join {
        network: String,
        member: String,
    },
    JoinAll {
        network: String,
        members: Vec<String>,
    },
    Invite {
        network: String,
        member: String,
    },
    Approve {
        network: String,
        member: String,
    },
    Reject {
        network: String,
        member: String,
    },
    Suspend {
        network: String,
        member: String,
    },
    Reinstate {
        network: String,
        member: String,
    },
    Leave {
        network: String,
        member: String,
    },
    Publish {
        statement: String,
        network: String,
        campaign: String,
        signatories: Vec<String>,
        body_bytes: usize,
    },
    Sign {
        statement: String,
        member: String,
    },
    Correct {
        statement: String,
        correction: String,
        network: String,
    },
    Retract {
        statement: String,
    },
    Launch {
        campaign: String,
        network: String,
        leads: Vec<String>,
        participants: Vec<String>,
    },
    JoinCampaign {
        campaign: String,
        member: String,
    },
    LeaveCampaign {
        campaign: String,
        member: String,
    },
    AddMilestone {
        campaign: String,
    },
    EndCampaign {
        campaign: String,
    },
    CreateSubscription {
        subscription: String,
    },
    CommitCursor {
        subscription: String,
        back: bool,
    },
    DeleteSubscription {
        subscription: String,
    },
}

impl Command {
    /// Whether the registry is asked, not the feed.
    pub fn is_of_registry(&self) -> bool {
        use Command::*;
        matches!(
            self,
            CreateNetwork { .. }
                | SetThemes { .. }
                | EndNetwork { .. }
                | CreateMember { .. }
                | RetireMember { .. }
                | Join { .. }
                | JoinAll { .. }
                | Invite { .. }
                | Approve { .. }
                | Reject { .. }
                | Suspend { .. }
                | Reinstate { .. }
                | Leave { .. }
        )
    }
}

/// How a network takes members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Admission {
    Open,
    Approval,
    Invitation,
}

/// What must become of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is done, and these events come of it: none when all was so already, or when nobody is told.
    Done(Vec<Told>),
    /// It is refused for this reason, with these rules.
    Refused(Refusal),
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `ErrorInfo.reason`.
    pub reason: &'static str,
    /// Types of the violations of a `PreconditionFailure`.
    pub rules: BTreeSet<&'static str>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Told {
    pub kind: EventKind,
    pub network: String,
    pub members: Vec<String>,
    pub countries: Vec<String>,
    pub themes: Vec<String>,
    pub campaign: String,
}

impl Told {
    /// What an event that came says.
    pub fn by(event: &Event) -> Told {
        let id = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
        Told {
            kind: event.kind(),
            network: id(&event.network),
            members: event.members.iter().map(id).collect(),
            countries: event.countries.clone(),
            themes: event.themes.clone(),
            campaign: id(&event.campaign),
        }
    }
}

/// Everything there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    networks: BTreeMap<String, Network>,
    members: BTreeMap<String, Member>,
    /// By network and member.
    memberships: BTreeMap<(String, String), Standing>,
    statements: BTreeMap<String, Statement>,
    campaigns: BTreeMap<String, Campaign>,
    /// Whether a cursor was committed.
    subscriptions: BTreeMap<String, bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Network {
    admission: Admission,
    themes: Vec<String>,
    ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    country: String,
    retired: bool,
}

/// Where the last term of a membership stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Applied,
    Invited,
    Active,
    Suspended,
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    network: String,
    campaign: String,
    stands: bool,
    signed: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Campaign {
    network: String,
    leads: Vec<String>,
    runs: bool,
    active: BTreeSet<String>,
}

impl Model {
    /// What must become of a command, and its effect.
    pub fn ask(&mut self, command: &Command) -> Expected {
        let before = self.clone();
        let done = match command.is_of_registry() {
            true => self.ask_registry(command),
            false => self.ask_feed(command),
        };
        match done {
            Ok(told) => Expected::Done(told),
            Err(refusal) => {
                *self = before;
                Expected::Refused(refusal)
            }
        }
    }

    /// What must become of a command, without its effect.
    pub fn check(&self, command: &Command) -> Expected {
        self.clone().ask(command)
    }

    /// Memberships that are active, by network and member: what a fold of all joins must come to.
    pub fn active(&self) -> BTreeSet<(String, String)> {
        let belongs =
            |standing: &Standing| matches!(standing, Standing::Active | Standing::Suspended);
        let active = self.memberships.iter().filter(|(_, standing)| belongs(standing));
        active.map(|(pair, _)| pair.clone()).collect()
    }

    /// Whether there is a named subscription.
    pub fn has_subscription(&self, id: &str) -> bool {
        self.subscriptions.contains_key(id)
    }

    /// The networks there are, ended or not.
    pub fn networks(&self) -> impl Iterator<Item = &String> {
        self.networks.keys()
    }

    fn themes(&self, network: &str) -> Vec<String> {
        self.networks.get(network).map(|network| network.themes.clone()).unwrap_or_default()
    }

    fn country(&self, member: &str) -> Option<String> {
        self.members.get(member).map(|member| member.country.clone())
    }

    /// Countries of members, each once, in the order of the members.
    fn countries(&self, members: &[String]) -> Vec<String> {
        let mut countries: Vec<String> = Vec::new();
        for country in members.iter().filter_map(|member| self.country(member)) {
            if !countries.contains(&country) {
                countries.push(country);
            }
        }
        countries
    }
}

/// Rules that stand against a command, gathered.
#[derive(Default)]
struct Rules(BTreeSet<&'static str>);

impl Rules {
    fn against(&mut self, broken: bool, rule: &'static str) {
        if broken {
            self.0.insert(rule);
        }
    }

    fn finish(self) -> Result<(), Refusal> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Refusal { reason: "REFUSED", rules: self.0 }),
        }
    }
}

fn refused(reason: &'static str) -> Refusal {
    Refusal { reason, rules: BTreeSet::new() }
}
