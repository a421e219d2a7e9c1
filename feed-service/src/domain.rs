//! What the feed may be told, and what it makes of it: pure, and the same for the same state.
//!
//! `decide(state, slot, command)` gives events or a rejection. Events carry the resource as it is after
//! the commit, so that folding them into the view is writing it down. All rules that stand against a
//! command are reported at once.
//!
//! | file | decides |
//! | --- | --- |
//! | `registry.rs` | what follows from a commit of the registry |
//! | `statement.rs` | publishing, signing, correcting, retracting, redacting |
//! | `campaign.rs` | launching, joining, leaving, milestones, evaluations, statements, ending |
//! | `steering.rs` | who leads a campaign, and which network runs it |
//! | `closing.rs` | what becomes of the campaigns of a network that ends |
//! | `subscription.rs` | named subscriptions |
//! | `former.rs` | what an event takes away from where its resource was found |
//! | `rules.rs` | the rules several commands share |

mod campaign;
mod closing;
mod former;
mod registry;
mod rules;
mod statement;
mod steering;
mod subscription;
#[cfg(test)]
mod tests;

use std::error::Error;

use hansa_journal::Slot;
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::{
    Campaign, Cursor, Evaluation, EventKind, Milestone, Outcome, Participation, Signature,
    Statement, Subscription,
};
use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId, SubscriptionId};
use hansa_proto::registry::{Member, Membership, MembershipState, Network};

pub(crate) use former::Former;
pub(crate) use registry::{Followed, RegistryChange, RegistryCommit, RegistryResource};
pub(crate) use rules::{Broken, Rule};
pub(crate) use subscription::Kept;

/// What the feed is asked to do.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Record what follows from the next commit of the registry.
    RecordRegistryCommit(RegistryCommit),
    /// Publish a statement with its first signatures.
    PublishStatement {
        /// The statement; what the feed sets is set anew.
        statement: Box<Statement>,
        /// Who signs from the start.
        signings: Vec<Signing>,
    },
    /// A member signs.
    SignStatement {
        /// What.
        statement: StatementId,
        /// Who.
        signing: Signing,
    },
    /// Supersede a statement by another.
    CorrectStatement {
        /// Which.
        statement: StatementId,
        /// What takes its place.
        correction: Box<Statement>,
        /// Why.
        reason: String,
        /// The etag seen; empty: whatever it is.
        etag: String,
    },
    /// Withdraw a statement.
    RetractStatement {
        /// Which.
        statement: StatementId,
        /// Why.
        reason: String,
        /// When.
        occurred_at: Option<PartialDate>,
        /// The etag seen; empty: whatever it is.
        etag: String,
    },
    /// Erase the content of a statement.
    RedactStatement {
        /// Which.
        statement: StatementId,
        /// On what legal ground.
        legal_ground: String,
        /// The etag seen; empty: whatever it is.
        etag: String,
    },
    /// Launch a campaign with its first participants.
    LaunchCampaign {
        /// The campaign; what the feed sets is set anew.
        campaign: Box<Campaign>,
        /// Who takes part from the start.
        joinings: Vec<Joining>,
    },
    /// A member joins a campaign.
    JoinCampaign {
        /// Which.
        campaign: CampaignId,
        /// Who.
        joining: Joining,
    },
    /// A member leaves a campaign.
    LeaveCampaign {
        /// Which.
        campaign: CampaignId,
        /// Who.
        member: MemberId,
        /// When.
        left: Option<PartialDate>,
    },
    /// Record what a campaign reached.
    AddMilestone {
        /// Which.
        campaign: CampaignId,
        /// What.
        milestone: Milestone,
        /// The etag seen; empty: whatever it is.
        etag: String,
    },
    /// Record how a campaign did.
    EvaluateCampaign {
        /// Which.
        campaign: CampaignId,
        /// How.
        evaluation: Evaluation,
        /// The etag seen; empty: whatever it is.
        etag: String,
    },
    /// Make a published statement part of a campaign.
    AttachStatement {
        /// Which campaign.
        campaign: CampaignId,
        /// Which statement.
        statement: StatementId,
        /// The etag of the campaign seen; empty: whatever it is.
        etag: String,
    },
    /// Change who leads a campaign.
    ChangeLeads {
        /// Which.
        campaign: CampaignId,
        /// Who leads from now on, each once.
        leads: Vec<MemberId>,
        /// When.
        occurred_at: Option<PartialDate>,
        /// The etag seen; empty: whatever it is.
        etag: String,
    },
    /// Give a campaign to another network.
    HandOverCampaign {
        /// Which.
        campaign: CampaignId,
        /// Who runs it from now on.
        network: NetworkId,
        /// When.
        occurred_at: Option<PartialDate>,
        /// The etag seen; empty: whatever it is.
        etag: String,
    },
    /// Close the campaigns that still run although their network has ended: the feed asks this itself,
    /// when the commit that told of the end had no room for all of them.
    CloseCampaigns,
    /// Keep a subscription under a name.
    CreateSubscription(Box<Subscription>),
    /// Commit how far a named subscription has come.
    CommitCursor {
        /// Which.
        subscription: SubscriptionId,
        /// How far.
        cursor: Cursor,
        /// The cursor seen; none: whatever it is.
        expected: Option<Cursor>,
    },
    /// Delete a named subscription.
    DeleteSubscription(SubscriptionId),
    /// End a campaign.
    EndCampaign {
        /// Which.
        campaign: CampaignId,
        /// What came of it.
        outcome: Outcome,
        /// When.
        ended: Option<PartialDate>,
        /// The etag seen; empty: whatever it is.
        etag: String,
    },
}

/// That a member signs.
#[derive(Clone, Debug)]
pub(crate) struct Signing {
    /// Who.
    pub(crate) member: MemberId,
    /// The person who signs for it; may be empty.
    pub(crate) representative: String,
    /// When.
    pub(crate) signed: Option<PartialDate>,
}

/// That a member joins a campaign.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    /// Who.
    pub(crate) member: MemberId,
    /// When.
    pub(crate) joined: Option<PartialDate>,
}

/// An event that has no place yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewEvent {
    /// What happened.
    pub(crate) kind: EventKind,
    /// The network it happened in or to, or that issued the statement.
    pub(crate) network: Option<NetworkId>,
    /// The members it is about.
    pub(crate) members: Vec<MemberId>,
    /// Countries of those members, each once.
    pub(crate) countries: Vec<Country>,
    /// Subjects.
    pub(crate) themes: Vec<String>,
    /// The campaign it belongs to.
    pub(crate) campaign: Option<CampaignId>,
    /// When it happened in the world, as claimed.
    pub(crate) occurred_at: Option<PartialDate>,
    /// What the resource was found by before and is no more.
    pub(crate) former: Former,
    /// What it is about, as it is after the commit.
    pub(crate) body: Body,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// A network, with how many active members the registry counts.
    Network(Box<Network>, i64),
    /// A member.
    Member(Box<Member>),
    /// A membership.
    Membership(Box<Membership>),
    /// A statement, with how many have signed. One that was published by an earlier commit stands here
    /// without its content, which no rule depends on.
    Statement(Box<Statement>, i64),
    /// A signature.
    Signature(Signature),
    /// A campaign, with how many take part.
    Campaign(Box<Campaign>, i64),
    /// A participation.
    Participation(Participation),
}

/// What a command comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decided {
    /// What happened, in order; empty when nothing did.
    pub(crate) events: Vec<NewEvent>,
    /// Index of the event whose body answers the command.
    pub(crate) answer: usize,
    /// How far the registry is followed after this commit, when that changes.
    pub(crate) followed: Option<Followed>,
    /// What also follows, in order and each for itself. The commit takes as much of it from the front as
    /// it has room for; the rest stays due.
    pub(crate) following: Vec<NewEvent>,
    /// What becomes of a named subscription; there are no events then.
    pub(crate) kept: Option<Kept>,
    /// That everything is as the command wants it: the event that answers is not written.
    pub(crate) unchanged: bool,
}

impl Decided {
    /// Events of which the first answers.
    fn events(events: Vec<NewEvent>) -> Decided {
        Decided {
            events,
            answer: 0,
            followed: None,
            following: Vec::new(),
            kept: None,
            unchanged: false,
        }
    }

    /// Nothing is to be done; this event would answer.
    fn unchanged(answer: NewEvent) -> Decided {
        Decided { unchanged: true, ..Decided::events(vec![answer]) }
    }
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Rejection {
    /// The resource the command is about does not exist.
    #[error("{name} does not exist")]
    NotFound {
        /// What it would be.
        kind: &'static str,
        /// Its resource name.
        name: String,
    },
    /// The name is taken.
    #[error("{name} exists already")]
    AlreadyExists {
        /// What it is.
        kind: &'static str,
        /// Its resource name.
        name: String,
    },
    /// It has changed since it was seen.
    #[error("the etag is {actual}, not {expected}")]
    EtagMismatch {
        /// What the caller has seen.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// Rules stand against it: all that do.
    #[error("refused by {} rule(s)", .0.len())]
    Refused(Vec<Broken>),
    /// The request id was used with another payload.
    #[error("the request id was used with another payload")]
    RequestIdReused,
    /// There are as many named subscriptions as there may be.
    #[error("there are {limit} named subscriptions already")]
    TooManySubscriptions {
        /// How many there may be.
        limit: usize,
    },
    /// The cursor of a named subscription never goes back.
    #[error("the cursor committed is at {committed}, the one given at {given} is before it")]
    CursorBehind {
        /// Position of the cursor committed.
        committed: u64,
        /// Position of the cursor given.
        given: u64,
    },
    /// The registry's commit is not the next one.
    #[error("commit {position} of the registry does not follow {followed}")]
    RegistryGap {
        /// How far the registry is followed.
        followed: u64,
        /// The commit given.
        position: u64,
    },
    /// The registry's commit is of another journal than the one followed.
    #[error("the commit is of another registry than the one followed")]
    RegistryForeign,
}

/// Why there is no decision.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecided {
    /// The command is refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The state could not be read.
    #[error("the state could not be read")]
    Unreadable(#[source] Unreadable),
}

/// The state could not be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Unreadable(pub(crate) Box<dyn Error + Send + Sync>);

impl From<Unreadable> for Undecided {
    fn from(unreadable: Unreadable) -> Undecided {
        Undecided::Unreadable(unreadable)
    }
}

/// What the feed needs to know of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NetworkFacts {
    /// Whether it has ended or merged.
    pub(crate) ended: bool,
    /// When it ended or merged, if that is known.
    pub(crate) ended_on: Option<PartialDate>,
    /// The network it merged into.
    pub(crate) merged_into: Option<NetworkId>,
    /// Its subjects.
    pub(crate) themes: Vec<String>,
}

/// What the feed needs to know of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberFacts {
    /// Whether it is retired.
    pub(crate) retired: bool,
    /// Its country.
    pub(crate) country: Option<Country>,
}

/// What decisions are made against.
pub(crate) trait State {
    /// A network of the registry, as far as followed.
    fn network(&self, id: &NetworkId) -> Result<Option<NetworkFacts>, Unreadable>;
    /// A member of the registry, as far as followed.
    fn member(&self, id: &MemberId) -> Result<Option<MemberFacts>, Unreadable>;
    /// The state of a membership of the registry, as far as followed.
    fn membership(
        &self,
        network: &NetworkId,
        member: &MemberId,
    ) -> Result<Option<MembershipState>, Unreadable>;
    /// A statement, without its content.
    fn statement(&self, id: &StatementId) -> Result<Option<Statement>, Unreadable>;
    /// How many have signed a statement.
    fn signature_count(&self, id: &StatementId) -> Result<i64, Unreadable>;
    /// Whether a member has signed a statement.
    fn has_signed(&self, id: &StatementId, member: &MemberId) -> Result<bool, Unreadable>;
    /// A campaign.
    fn campaign(&self, id: &CampaignId) -> Result<Option<Campaign>, Unreadable>;
    /// How many take part in a campaign, leads not counted.
    fn participant_count(&self, id: &CampaignId) -> Result<i64, Unreadable>;
    /// A participation, also one that has ended.
    fn participation(
        &self,
        id: &CampaignId,
        member: &MemberId,
    ) -> Result<Option<Participation>, Unreadable>;
    /// Campaigns of a network that run, in the order of their names: at most `limit`, and not many more
    /// than a commit could hold.
    fn running_campaigns(
        &self,
        network: &NetworkId,
        limit: usize,
    ) -> Result<Vec<Campaign>, Unreadable>;
    /// A network that has ended while campaigns of it still run.
    fn network_to_close(&self) -> Result<Option<NetworkId>, Unreadable>;
    /// How many named subscriptions there are; counted up to as many as there may be.
    fn subscription_count(&self) -> Result<usize, Unreadable>;
    /// A named subscription.
    fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, Unreadable>;
    /// How far the registry is followed; none before the first commit.
    fn followed(&self) -> Result<Option<Followed>, Unreadable>;
}

/// Decides a command for the slot its commit would take.
pub(crate) fn decide(
    state: &dyn State,
    slot: Slot,
    command: Command,
) -> Result<Decided, Undecided> {
    match command {
        Command::RecordRegistryCommit(commit) => registry::record(state, slot, commit),
        Command::CloseCampaigns => closing::close(state, slot),
        Command::PublishStatement { statement, signings } => {
            statement::publish(state, slot, *statement, signings)
        }
        Command::SignStatement { statement, signing } => {
            statement::sign(state, slot, &statement, signing)
        }
        Command::CorrectStatement { statement, correction, reason, etag } => {
            statement::correct(state, slot, &statement, *correction, reason, &etag)
        }
        Command::RetractStatement { statement, reason, occurred_at, etag } => {
            statement::retract(state, slot, &statement, reason, occurred_at, &etag)
        }
        Command::RedactStatement { statement, legal_ground, etag } => {
            statement::redact(state, slot, &statement, legal_ground, &etag)
        }
        Command::LaunchCampaign { campaign, joinings } => {
            campaign::launch(state, slot, *campaign, joinings)
        }
        Command::JoinCampaign { campaign, joining } => {
            campaign::join(state, slot, &campaign, joining)
        }
        Command::LeaveCampaign { campaign, member, left } => {
            campaign::leave(state, slot, &campaign, &member, left)
        }
        Command::AddMilestone { campaign, milestone, etag } => {
            campaign::add_milestone(state, slot, &campaign, milestone, &etag)
        }
        Command::EvaluateCampaign { campaign, evaluation, etag } => {
            campaign::evaluate(state, slot, &campaign, evaluation, &etag)
        }
        Command::AttachStatement { campaign, statement, etag } => {
            campaign::attach(state, slot, &campaign, statement, &etag)
        }
        Command::ChangeLeads { campaign, leads, occurred_at, etag } => {
            steering::change_leads(state, slot, &campaign, leads, occurred_at, &etag)
        }
        Command::HandOverCampaign { campaign, network, occurred_at, etag } => {
            steering::hand_over(state, slot, &campaign, network, occurred_at, &etag)
        }
        Command::CreateSubscription(subscription) => {
            subscription::create(state, slot, *subscription)
        }
        Command::CommitCursor { subscription, cursor, expected } => {
            subscription::commit_cursor(state, slot, &subscription, cursor, expected)
        }
        Command::DeleteSubscription(id) => subscription::delete(state, id),
        Command::EndCampaign { campaign, outcome, ended, etag } => {
            campaign::end(state, slot, &campaign, outcome, ended, &etag)
        }
    }
}
