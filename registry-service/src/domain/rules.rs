//! The rules that can refuse a command, and how every one that fails is collected.

use std::fmt;

use super::Rejection;

/// A rule that is against a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleViolation {
    /// Which rule.
    pub(crate) rule: Rule,
    /// The resource it is about.
    pub(crate) subject: String,
    /// What is wrong, in words.
    pub(crate) description: String,
}

/// Rules that can refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// The network has ended or merged.
    NetworkEnded,
    /// The network is only announced.
    NetworkNotActive,
    /// The member is retired.
    MemberRetired,
    /// The network has no member list.
    NoMemberList,
    /// The network takes only whom it has invited.
    NotInvited,
    /// The charter must be signed first.
    CharterNotSigned,
    /// The network does not offer the class.
    ClassNotOffered,
    /// Members of this kind cannot belong.
    KindNotEligible,
    /// Members of this country cannot belong.
    CountryNotEligible,
    /// The population is too small, or not known.
    PopulationTooSmall,
    /// It belongs, has applied or is invited already.
    AlreadyAMember,
    /// There is no application.
    NotApplied,
    /// The membership is not active.
    NotActive,
    /// The membership is not suspended.
    NotSuspended,
    /// The membership has ended.
    MembershipEnded,
    /// A recorded fact needs a source.
    SourceMissing,
    /// A resource cannot stand in this relation to itself.
    SelfRelation,
    /// The state cannot change this way.
    StateNotReachable,
    /// A network named does not exist.
    NetworkUnknown,
    /// A member named does not exist.
    MemberUnknown,
    /// There are as many already as there may be.
    LimitReached,
    /// The council must have voted first.
    CouncilVoteMissing,
    /// Members of this continent cannot belong.
    RegionNotEligible,
    /// Only capitals can belong.
    NotACapital,
    /// The population is too large, or not known.
    PopulationTooLarge,
    /// The network has as many members as it takes.
    NetworkFull,
}

impl Rule {
    /// Every rule of the registry.
    #[cfg(test)]
    pub(crate) const ALL: [Rule; 26] = [
        Rule::NetworkEnded,
        Rule::NetworkNotActive,
        Rule::MemberRetired,
        Rule::NoMemberList,
        Rule::NotInvited,
        Rule::CharterNotSigned,
        Rule::ClassNotOffered,
        Rule::KindNotEligible,
        Rule::CountryNotEligible,
        Rule::PopulationTooSmall,
        Rule::AlreadyAMember,
        Rule::NotApplied,
        Rule::NotActive,
        Rule::NotSuspended,
        Rule::MembershipEnded,
        Rule::SourceMissing,
        Rule::SelfRelation,
        Rule::StateNotReachable,
        Rule::NetworkUnknown,
        Rule::MemberUnknown,
        Rule::LimitReached,
        Rule::CouncilVoteMissing,
        Rule::RegionNotEligible,
        Rule::NotACapital,
        Rule::PopulationTooLarge,
        Rule::NetworkFull,
    ];

    /// Its name in the contract.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Rule::NetworkEnded => "NETWORK_ENDED",
            Rule::NetworkNotActive => "NETWORK_NOT_ACTIVE",
            Rule::MemberRetired => "MEMBER_RETIRED",
            Rule::NoMemberList => "NO_MEMBER_LIST",
            Rule::NotInvited => "NOT_INVITED",
            Rule::CharterNotSigned => "CHARTER_NOT_SIGNED",
            Rule::ClassNotOffered => "CLASS_NOT_OFFERED",
            Rule::KindNotEligible => "KIND_NOT_ELIGIBLE",
            Rule::CountryNotEligible => "COUNTRY_NOT_ELIGIBLE",
            Rule::PopulationTooSmall => "POPULATION_TOO_SMALL",
            Rule::AlreadyAMember => "ALREADY_A_MEMBER",
            Rule::NotApplied => "NOT_APPLIED",
            Rule::NotActive => "NOT_ACTIVE",
            Rule::NotSuspended => "NOT_SUSPENDED",
            Rule::MembershipEnded => "MEMBERSHIP_ENDED",
            Rule::SourceMissing => "SOURCE_MISSING",
            Rule::SelfRelation => "SELF_RELATION",
            Rule::StateNotReachable => "STATE_NOT_REACHABLE",
            Rule::NetworkUnknown => "NETWORK_UNKNOWN",
            Rule::MemberUnknown => "MEMBER_UNKNOWN",
            Rule::LimitReached => "LIMIT_REACHED",
            Rule::CouncilVoteMissing => "COUNCIL_VOTE_MISSING",
            Rule::RegionNotEligible => "REGION_NOT_ELIGIBLE",
            Rule::NotACapital => "NOT_A_CAPITAL",
            Rule::PopulationTooLarge => "POPULATION_TOO_LARGE",
            Rule::NetworkFull => "NETWORK_FULL",
        }
    }
}

/// Collects every rule that fails, so that a caller learns of all at once.
#[derive(Default)]
pub(super) struct Rules(Vec<RuleViolation>);

impl Rules {
    /// Adds a violation when the rule fails.
    pub(super) fn refuse_if(
        &mut self,
        fails: bool,
        rule: Rule,
        subject: &dyn fmt::Display,
        description: impl fmt::Display,
    ) {
        if fails {
            self.0.push(RuleViolation {
                rule,
                subject: subject.to_string(),
                description: description.to_string(),
            });
        }
    }

    /// Nothing fails, or everything that does.
    pub(super) fn finish(self) -> Result<(), Rejection> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Rejection::Refused(self.0)),
        }
    }
}
