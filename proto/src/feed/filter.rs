//! Which events one wants, strict: known kinds, real countries, well-formed names, and no filter that
//! can never match.

use std::collections::BTreeSet;

use super::EventKind;
use crate::country::Country;
use crate::fields::Fields;
use crate::ids::{CampaignId, MemberId, NetworkId};
use crate::limits::{COUNTRIES, FILTER_KINDS, FILTER_NAMES, FILTER_THEMES, THEME_CHARACTERS};
use crate::path::Path;
use crate::pb::feed::v1 as pb;
use crate::stored::{self, Corrupt};
use crate::violation::Violations;

/// Which events one wants. Values of one field are OR-ed, fields are AND-ed, an empty field takes
/// all. The default takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Kinds of event. Corrections, retractions and redactions pass this field whatever it says, unless
    /// `exclude_withdrawals`.
    pub kinds: BTreeSet<EventKind>,
    /// Networks.
    pub networks: BTreeSet<NetworkId>,
    /// Members.
    pub members: BTreeSet<MemberId>,
    /// Countries of members.
    pub countries: BTreeSet<Country>,
    /// Subjects, in lower case.
    pub themes: BTreeSet<String>,
    /// Campaigns.
    pub campaigns: BTreeSet<CampaignId>,
    /// Leave out corrections, retractions and redactions that `kinds` does not ask for.
    pub exclude_withdrawals: bool,
    /// Accept networks, members and campaigns that do not exist (yet).
    pub allow_unknown: bool,
}

impl Filter {
    /// From a message of a request.
    pub fn parse(message: pb::Filter, field: &str, violations: &mut Violations) -> Option<Filter> {
        Filter::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message; equal filters give equal messages.
    pub fn to_pb(&self) -> pb::Filter {
        pb::Filter {
            kinds: self.kinds.iter().map(|kind| kind.to_pb()).collect(),
            networks: self.networks.iter().map(NetworkId::to_string).collect(),
            members: self.members.iter().map(MemberId::to_string).collect(),
            countries: self.countries.iter().map(Country::to_string).collect(),
            themes: self.themes.iter().cloned().collect(),
            campaigns: self.campaigns.iter().map(CampaignId::to_string).collect(),
            exclude_withdrawals: self.exclude_withdrawals,
            allow_unknown: self.allow_unknown,
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Filter) -> Result<Filter, Corrupt> {
        stored::read(message, Filter::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Filter, fields: &mut Fields<'_>) -> Option<Filter> {
        let kinds = fields.values("kinds", message.kinds, FILTER_KINDS, EventKind::from_pb);
        let networks = fields.names("networks", message.networks, FILTER_NAMES, NetworkId::parse);
        let members = fields.names("members", message.members, FILTER_NAMES, MemberId::parse);
        let countries = fields.names("countries", message.countries, COUNTRIES, Country::parse);
        let themes = fields.titles("themes", message.themes, FILTER_THEMES, THEME_CHARACTERS);
        let campaigns =
            fields.names("campaigns", message.campaigns, FILTER_NAMES, CampaignId::parse);
        let filter = Filter {
            kinds: kinds.into_iter().collect(),
            networks: networks.into_iter().collect(),
            members: members.into_iter().collect(),
            countries: countries.into_iter().collect(),
            themes: themes.into_iter().map(|theme| theme.to_lowercase()).collect(),
            campaigns: campaigns.into_iter().collect(),
            exclude_withdrawals: message.exclude_withdrawals,
            allow_unknown: message.allow_unknown,
        };
        filter.check_axes(fields);
        (!fields.violated()).then_some(filter)
    }

    /// Refuses kinds that never carry what another field asks for.
    fn check_axes(&self, fields: &mut Fields<'_>) {
        let never = |can: fn(EventKind) -> bool| {
            !self.kinds.is_empty() && !self.kinds.iter().any(|kind| can(*kind))
        };
        let mut refuse = |field: &str, what: &str| {
            let problem = "nothing can ever match: no event of the kinds asked for has";
            fields.refuse(field, format!("{problem} {what}"));
        };
        if !self.campaigns.is_empty() && never(EventKind::can_have_campaign) {
            refuse("campaigns", "a campaign");
        }
        if !self.members.is_empty() && never(EventKind::can_have_members) {
            refuse("members", "members");
        }
        if !self.countries.is_empty() && never(EventKind::can_have_members) {
            refuse("countries", "members, and so countries");
        }
    }
}

impl EventKind {
    /// Whether events of this kind can be about members, and so about their countries.
    pub const fn can_have_members(self) -> bool {
        !matches!(
            self,
            EventKind::NetworkFounded
                | EventKind::NetworkUpdated
                | EventKind::NetworkRelated
                | EventKind::NetworkEnded
        )
    }

    /// Whether events of this kind can belong to a campaign.
    pub const fn can_have_campaign(self) -> bool {
        matches!(
            self,
            EventKind::StatementPublished
                | EventKind::StatementSigned
                | EventKind::StatementCorrected
                | EventKind::StatementRetracted
                | EventKind::CampaignLaunched
                | EventKind::CampaignJoined
                | EventKind::CampaignLeft
                | EventKind::CampaignMilestone
                | EventKind::CampaignEnded
                | EventKind::StatementEffective
                | EventKind::CampaignLeadsChanged
                | EventKind::CampaignEvaluated
                | EventKind::CampaignHandedOver
                | EventKind::CampaignStatementAttached
                | EventKind::StatementRedacted
        )
    }

    /// Whether events of this kind take back something said: they pass the kinds of a filter.
    pub const fn is_withdrawal(self) -> bool {
        matches!(
            self,
            EventKind::StatementCorrected
                | EventKind::StatementRetracted
                | EventKind::StatementRedacted
        )
    }
}
