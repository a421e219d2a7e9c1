//! Which word of the files means which word of the contract. A word that is in none of these tables
//! is an error of its row; only roles and relations, whose own words are kept, may be any.

use hansa_proto::pb::common::v1::{FrontType, TargetKind};
use hansa_proto::pb::feed::v1::{CampaignKind, StatementKind};
use hansa_proto::pb::registry::v1::{
    EndReason, MemberKind, MembershipClass, MembershipState, NetworkKind, Origin, RelationKind,
    RoleKind, Scale, Scope,
};

/// Words and what they mean.
pub(super) type Words<T> = &'static [(&'static str, T)];

pub(super) const NETWORK_KINDS: Words<NetworkKind> = &[
    ("city_network", NetworkKind::CityNetwork),
    ("network_of_regions", NetworkKind::CityNetwork),
    ("national_association", NetworkKind::NationalAssociation),
    ("representative_body", NetworkKind::RepresentativeBody),
    ("front", NetworkKind::Front),
    ("movement", NetworkKind::Movement),
    ("project_network", NetworkKind::ProjectNetwork),
    ("forum", NetworkKind::Forum),
    ("programme", NetworkKind::Programme),
    ("cultural_programme", NetworkKind::Programme),
    ("pact", NetworkKind::Pact),
    ("pledge", NetworkKind::Pledge),
    ("label", NetworkKind::Pledge),
    ("working_body", NetworkKind::WorkingBody),
    ("branch", NetworkKind::Branch),
    ("network_of_networks", NetworkKind::NetworkOfNetworks),
    ("twinning", NetworkKind::Cooperation),
    ("project", NetworkKind::Cooperation),
    ("observatory", NetworkKind::Observatory),
    ("atlas", NetworkKind::Observatory),
    ("platform", NetworkKind::Observatory),
    ("fund", NetworkKind::Fund),
    ("civil_society_org", NetworkKind::CivilSociety),
    ("civil_society_coalition", NetworkKind::CivilSociety),
    ("campaign_coalition", NetworkKind::CivilSociety),
    ("think_tank", NetworkKind::CivilSociety),
    ("association", NetworkKind::Other),
    ("state_body", NetworkKind::Other),
];

pub(super) const COOPERATION_KINDS: Words<NetworkKind> = &[
    ("twinning_agreement", NetworkKind::Cooperation),
    ("cooperation_project", NetworkKind::Cooperation),
    ("sister_city_aid", NetworkKind::Cooperation),
    ("network_aid", NetworkKind::Cooperation),
    ("institutional_change", NetworkKind::Cooperation),
    ("fund", NetworkKind::Fund),
    ("event", NetworkKind::Forum),
];

pub(super) const FRONT_TYPES: Words<FrontType> = &[
    ("against_policy", FrontType::AgainstPolicy),
    ("against_common_risk", FrontType::AgainstCommonRisk),
];

pub(super) const SCALES: Words<Scale> =
    &[("national", Scale::National), ("regional", Scale::Regional), ("global", Scale::Global)];

pub(super) const ORIGINS: Words<Origin> =
    &[("grassroots", Origin::Grassroots), ("co-opted", Origin::CoOpted)];

pub(super) const SCOPES: Words<Scope> =
    &[("generalist", Scope::Generalist), ("specialised", Scope::Specialised)];

/// What the status of a network says about its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Announced,
    Active,
    Ended,
    Merged,
}

pub(super) const NETWORK_STATUSES: Words<Life> = &[
    ("active", Life::Active),
    ("in_creation", Life::Announced),
    ("proposed", Life::Announced),
    ("ended", Life::Ended),
    ("merged", Life::Merged),
];

pub(super) const MEMBER_KINDS: Words<MemberKind> = &[
    ("city", MemberKind::Municipality),
    ("municipality", MemberKind::Municipality),
    ("island_municipality", MemberKind::Municipality),
    ("local_government_area", MemberKind::Municipality),
    ("metropolitan_area", MemberKind::MetropolitanArea),
    ("district", MemberKind::District),
    ("borough", MemberKind::District),
    ("metropolitan_borough", MemberKind::District),
    ("intermunicipal_body", MemberKind::Grouping),
    ("region", MemberKind::Region),
    ("regional_council", MemberKind::Region),
    ("island_council", MemberKind::Region),
    ("province", MemberKind::Region),
    ("county", MemberKind::Region),
    ("department", MemberKind::Region),
    ("state", MemberKind::FederatedState),
    ("territory", MemberKind::FederatedState),
    ("association", MemberKind::Association),
];

/// `accredited` is kept as a word in the note.
pub(super) const CLASSES: Words<MembershipClass> = &[
    ("full", MembershipClass::Full),
    ("associate", MembershipClass::Associate),
    ("signatory", MembershipClass::Signatory),
    ("certified", MembershipClass::Certified),
    ("accredited", MembershipClass::Certified),
    ("candidate", MembershipClass::Candidate),
    ("participant", MembershipClass::Participant),
    ("unspecified", MembershipClass::Unspecified),
];

pub(super) const MEMBERSHIP_STATUSES: Words<(MembershipState, EndReason)> = &[
    ("active", (MembershipState::Active, EndReason::Unspecified)),
    ("historical", (MembershipState::Ended, EndReason::Historical)),
    ("left", (MembershipState::Ended, EndReason::Left)),
    ("candidate", (MembershipState::Applied, EndReason::Unspecified)),
    ("invited", (MembershipState::Invited, EndReason::Unspecified)),
];

pub(super) const STATEMENT_KINDS: Words<StatementKind> = &[
    ("declaration", StatementKind::Declaration),
    ("position_paper", StatementKind::PositionPaper),
    ("position_statement", StatementKind::PositionPaper),
    ("open_letter", StatementKind::OpenLetter),
    ("manifesto", StatementKind::Manifesto),
    ("charter", StatementKind::Charter),
    ("pledge", StatementKind::Pledge),
    ("pact", StatementKind::Pledge),
    ("resolution", StatementKind::Resolution),
    ("press_statement", StatementKind::PressRelease),
    ("joint_statement", StatementKind::JointStatement),
    ("call", StatementKind::Call),
    ("petition", StatementKind::Call),
    ("strategy", StatementKind::Other),
    ("public_comment", StatementKind::Other),
    ("endorsement", StatementKind::Other),
    ("founding_act", StatementKind::Other),
];

pub(super) const TARGET_KINDS: Words<TargetKind> = &[
    ("national_government", TargetKind::NationalGovernment),
    ("international_institution", TargetKind::InternationalInstitution),
    ("parliament", TargetKind::Parliament),
    ("court", TargetKind::Court),
    ("network", TargetKind::Network),
    ("company", TargetKind::Company),
    ("public", TargetKind::Public),
];

pub(super) const CAMPAIGN_KINDS: Words<CampaignKind> = &[
    ("front", CampaignKind::Front),
    ("pledge_campaign", CampaignKind::Pledge),
    ("commitment_campaign", CampaignKind::Pledge),
    ("awareness_campaign", CampaignKind::Awareness),
    ("lobbying_campaign", CampaignKind::Lobbying),
    ("demand", CampaignKind::Lobbying),
    ("petition", CampaignKind::Petition),
    ("exchange_campaign", CampaignKind::Exchange),
    ("counter_campaign", CampaignKind::CounterCampaign),
    ("civil_society_campaign", CampaignKind::CivilSociety),
];

/// Whether the status of a campaign says that it is over.
pub(super) const CAMPAIGN_STATUSES: Words<bool> =
    &[("active", false), ("ended", true), ("historical", true)];

/// What a relation means; its own word is kept, so any other is OTHER.
pub(super) fn relation_kind(word: &str) -> RelationKind {
    match word {
        "branch_of" => RelationKind::BranchOf,
        "section_of" => RelationKind::SectionOf,
        "commission_of" => RelationKind::CommissionOf,
        "working_group_of" => RelationKind::WorkingGroupOf,
        "merged_into" => RelationKind::MergedInto,
        "pledge_of" => RelationKind::PledgeOf,
        "seeded_by" => RelationKind::OffshootOf,
        "national_network_of" => RelationKind::NationalNetworkOf,
        "project_of" | "programme_of" | "fund_of" | "initiative_of" => RelationKind::UndertakingOf,
        "created_by" | "promoted_by" => RelationKind::CreatedBy,
        "supported_by" | "endorsed_by" => RelationKind::SupportedBy,
        "partner_of" => RelationKind::PartnerOf,
        "member_of" => RelationKind::MemberOf,
        _ => RelationKind::Other,
    }
}

/// What a role means, by how its word begins; its own word is kept, so any other is OTHER.
/// Longer beginnings come first.
const ROLES: Words<RoleKind> = &[
    ("initial_signatory", RoleKind::Founder),
    ("inaugural_participant", RoleKind::Founder),
    ("co-initiator", RoleKind::Founder),
    ("co-founder", RoleKind::Founder),
    ("initiator", RoleKind::Founder),
    ("founder", RoleKind::Founder),
    ("promoter", RoleKind::Founder),
    ("president_of_steering_committee", RoleKind::Board),
    ("president_elect", RoleKind::Board),
    ("president", RoleKind::Chair),
    ("co-president", RoleKind::Chair),
    ("co-chair", RoleKind::Chair),
    ("chair of", RoleKind::Lead),
    ("chair", RoleKind::Chair),
    ("core_group", RoleKind::CoreGroup),
    ("host", RoleKind::Host),
    ("co-host", RoleKind::Host),
    ("secretariat_host", RoleKind::Host),
    ("national_secretariat", RoleKind::Host),
    ("steering_committee", RoleKind::Board),
    ("executive_committee", RoleKind::Board),
    ("vice_president", RoleKind::Board),
    ("vice_chair", RoleKind::Board),
    ("first_vice_chair", RoleKind::Board),
    ("second_vice_chair", RoleKind::Board),
    ("treasurer", RoleKind::Board),
    ("secretary", RoleKind::Board),
    ("lead_partner", RoleKind::Lead),
    ("lead", RoleKind::Lead),
    ("coordinator", RoleKind::Lead),
    ("partner", RoleKind::Partner),
    ("sponsor", RoleKind::Sponsor),
];

pub(super) fn role_kind(word: &str) -> RoleKind {
    let known = ROLES.iter().find(|(beginning, _)| word.starts_with(beginning));
    known.map_or(RoleKind::Other, |(_, kind)| *kind)
}
