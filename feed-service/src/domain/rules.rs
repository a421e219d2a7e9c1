//! The rules that several commands share, and how broken ones are gathered.

use hansa_proto::country::Country;
use hansa_proto::ids::{CampaignId, MemberId, NetworkId};
use hansa_proto::registry::MembershipState;

use super::{Rejection, State, Unreadable};
use hansa_proto::feed::{Campaign, CampaignState};
use hansa_proto::limits;

/// A rule that can refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The network has ended or merged.
    NetworkEnded,
    /// The member is retired.
    MemberRetired,
    /// A recorded fact needs a source.
    SourceMissing,
    /// A network named does not exist.
    NetworkUnknown,
    /// A member named does not exist.
    MemberUnknown,
    /// A campaign named does not exist.
    CampaignUnknown,
    /// A statement named does not exist.
    StatementUnknown,
    /// Who acts for the network is not an active member of it.
    NotAnActiveMember,
    /// The member has signed already.
    AlreadySigned,
    /// The statement is superseded, retracted or redacted.
    StatementClosed,
    /// The campaign has ended.
    CampaignEnded,
    /// The member takes part in the campaign already.
    AlreadyAParticipant,
    /// The member does not take part in the campaign.
    NotAParticipant,
    /// There are as many already as there may be.
    LimitReached,
}

impl Rule {
    /// Its name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Rule::NetworkEnded => "NETWORK_ENDED",
            Rule::MemberRetired => "MEMBER_RETIRED",
            Rule::SourceMissing => "SOURCE_MISSING",
            Rule::NetworkUnknown => "NETWORK_UNKNOWN",
            Rule::MemberUnknown => "MEMBER_UNKNOWN",
            Rule::CampaignUnknown => "CAMPAIGN_UNKNOWN",
            Rule::StatementUnknown => "STATEMENT_UNKNOWN",
            Rule::NotAnActiveMember => "NOT_AN_ACTIVE_MEMBER",
            Rule::AlreadySigned => "ALREADY_SIGNED",
            Rule::StatementClosed => "STATEMENT_CLOSED",
            Rule::CampaignEnded => "CAMPAIGN_ENDED",
            Rule::AlreadyAParticipant => "ALREADY_A_PARTICIPANT",
            Rule::NotAParticipant => "NOT_A_PARTICIPANT",
            Rule::LimitReached => "LIMIT_REACHED",
        }
    }

    /// In words, for people.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Rule::NetworkEnded => "the network has ended or merged",
            Rule::MemberRetired => "the member is retired",
            Rule::SourceMissing => "what names nobody behind it needs a source",
            Rule::NetworkUnknown => "the network does not exist",
            Rule::MemberUnknown => "the member does not exist",
            Rule::CampaignUnknown => "the campaign does not exist",
            Rule::StatementUnknown => "the statement does not exist",
            Rule::NotAnActiveMember => "who acts for the network is not an active member of it",
            Rule::AlreadySigned => "the member has signed already",
            Rule::StatementClosed => "the statement is superseded, retracted or redacted",
            Rule::CampaignEnded => "the campaign has ended",
            Rule::AlreadyAParticipant => "the member takes part already",
            Rule::NotAParticipant => "the member does not take part",
            Rule::LimitReached => "there are as many already as there may be",
        }
    }
}

/// A rule that was broken, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The rule.
    pub(crate) rule: Rule,
    /// Resource name of what broke it.
    pub(crate) subject: String,
}

/// Checks of one command: gathers every broken rule, and what the events need to know.
pub(super) struct Checks<'s> {
    state: &'s dyn State,
    broken: Vec<Broken>,
}

impl<'s> Checks<'s> {
    /// None made yet.
    pub(super) fn new(state: &'s dyn State) -> Checks<'s> {
        Checks { state, broken: Vec::new() }
    }

    /// Notes a broken rule.
    pub(super) fn broken(&mut self, rule: Rule, subject: impl ToString) {
        let broken = Broken { rule, subject: subject.to_string() };
        if !self.broken.contains(&broken) {
            self.broken.push(broken);
        }
    }

    /// A network that acts must exist and not have ended. Gives its subjects.
    pub(super) fn network(&mut self, id: &NetworkId) -> Result<Vec<String>, Unreadable> {
        let Some(network) = self.state.network(id)? else {
            self.broken(Rule::NetworkUnknown, id);
            return Ok(Vec::new());
        };
        if network.ended {
            self.broken(Rule::NetworkEnded, id);
        }
        Ok(network.themes)
    }

    /// A member that acts must exist and not be retired. Gives its country.
    pub(super) fn member(&mut self, id: &MemberId) -> Result<Option<Country>, Unreadable> {
        let Some(member) = self.state.member(id)? else {
            self.broken(Rule::MemberUnknown, id);
            return Ok(None);
        };
        if member.retired {
            self.broken(Rule::MemberRetired, id);
        }
        Ok(member.country)
    }

    /// Members that act, as [`Checks::member`]. Gives their countries, each once.
    pub(super) fn members(&mut self, ids: &[MemberId]) -> Result<Vec<Country>, Unreadable> {
        let mut countries = Vec::new();
        for id in ids {
            let country = self.member(id)?;
            countries.extend(country.filter(|country| !countries.contains(country)));
        }
        Ok(countries)
    }

    /// Who acts for a network must be an active member of it, and there must be such a network.
    pub(super) fn acting_member(
        &mut self,
        member: &MemberId,
        network: Option<&NetworkId>,
    ) -> Result<(), Unreadable> {
        self.member(member)?;
        let state = match network {
            Some(network) => self.state.membership(network, member)?,
            None => None,
        };
        if state != Some(MembershipState::Active) {
            self.broken(Rule::NotAnActiveMember, member);
        }
        Ok(())
    }

    /// A campaign that a new statement names must exist, run, and have room for it.
    pub(super) fn campaign_takes_statement(&mut self, id: &CampaignId) -> Result<(), Unreadable> {
        match self.state.campaign(id)? {
            None => self.broken(Rule::CampaignUnknown, id),
            Some(campaign) => self.takes_statement(&campaign),
        }
        Ok(())
    }

    /// A campaign that gets a statement must run and have room for it.
    pub(super) fn takes_statement(&mut self, campaign: &Campaign) {
        if campaign.state == CampaignState::Ended {
            self.broken(Rule::CampaignEnded, &campaign.id);
        }
        if campaign.statements.len() >= limits::CAMPAIGN_STATEMENTS {
            self.broken(Rule::LimitReached, &campaign.id);
        }
    }

    /// All that was broken, if anything was.
    pub(super) fn finish(self) -> Result<(), Rejection> {
        if self.broken.is_empty() { Ok(()) } else { Err(Rejection::Refused(self.broken)) }
    }
}

/// The etag one has seen must be the present one; an empty one is not checked.
pub(super) fn check_etag(seen: &str, actual: String) -> Result<(), Rejection> {
    if seen.is_empty() || seen == actual {
        return Ok(());
    }
    Err(Rejection::EtagMismatch { expected: seen.to_owned(), actual })
}
