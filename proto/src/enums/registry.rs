//! The words of the registry, one Rust enum for each enum of `hansa.registry.v1`.

use super::strict_enum;
use crate::pb::registry::v1 as pb;

strict_enum! {
    /// What a network is. `kind_stated` keeps the source's own word.
    NetworkKind {
        /// A durable organisation of local governments for exchange and better policy.
        CityNetwork = "city_network",
        /// An association of a country's local governments.
        NationalAssociation = "national_association",
        /// A network that seeks to represent cities as a group.
        RepresentativeBody = "representative_body",
        /// A temporary alliance around one demand (Malé 2019).
        Front = "front",
        /// Like-minded cities without a centre or a member list.
        Movement = "movement",
        /// A network formed for a funded project, with a limited life.
        ProjectNetwork = "project_network",
        /// A forum, institutional or not.
        Forum = "forum",
        /// A programme.
        Programme = "programme",
        /// A pact that cities sign.
        Pact = "pact",
        /// A pledge or label that cities sign or receive.
        Pledge = "pledge",
        /// A working group or commission of another network.
        WorkingBody = "working_body",
        /// A branch or section of another network, for a country or a continent.
        Branch = "branch",
        /// A network whose members are networks.
        NetworkOfNetworks = "network_of_networks",
        /// A twinning, a project or an act of aid between local governments.
        Cooperation = "cooperation",
        /// An observatory, an atlas or another place where knowledge is gathered.
        Observatory = "observatory",
        /// A fund.
        Fund = "fund",
        /// A civil society organisation, coalition or think tank around city networks.
        CivilSociety = "civil_society",
        /// Anything else: `kind_stated` says what.
        Other = "other",
    }
}

strict_enum! {
    /// How far a network reaches (Lacroix 2021).
    Scale {
        /// One country.
        National = "national",
        /// Several countries of one continent.
        Regional = "regional",
        /// Several continents.
        Global = "global",
    }
}

strict_enum! {
    /// Where a network comes from: a gradient with two ends, not two boxes (Lacroix 2021).
    Origin {
        /// Founded by local governments with civil society, with little or no state support.
        Grassroots = "grassroots",
        /// Nearer to grassroots.
        MostlyGrassroots = "mostly_grassroots",
        /// In the middle.
        Mixed = "mixed",
        /// Nearer to co-opted.
        MostlyCoOpted = "mostly_co_opted",
        /// Created or taken in by international organisations or governments, with their money.
        CoOpted = "co_opted",
    }
}

strict_enum! {
    /// Whether a network has many subjects or one.
    Scope {
        /// Many subjects.
        Generalist = "generalist",
        /// Created for one.
        Specialised = "specialised",
    }
}

strict_enum! {
    /// Where a network is in its life.
    NetworkState {
        /// Proposed or being created; nobody can join yet.
        Announced = "announced",
        /// At work.
        Active = "active",
        /// Not ended, but nothing happens.
        Dormant = "dormant",
        /// Ended.
        Ended = "ended",
        /// Went into another network: see its MERGED_INTO relation.
        Merged = "merged",
    }
}

strict_enum! {
    /// Who decides that somebody becomes a member.
    AdmissionMode {
        /// Whoever joins is a member at once.
        Open = "open",
        /// Who joins has applied, and is a member when approved.
        Approval = "approval",
        /// Only who was invited can join.
        Invitation = "invitation",
        /// There is no member list: nobody can join (movements).
        NoMemberList = "no_member_list",
    }
}

strict_enum! {
    /// What a network is to another.
    RelationKind {
        /// Its branch for a country or continent.
        BranchOf = "branch_of",
        /// Its section.
        SectionOf = "section_of",
        /// Its commission.
        CommissionOf = "commission_of",
        /// Its working group.
        WorkingGroupOf = "working_group_of",
        /// Went into it.
        MergedInto = "merged_into",
        /// A pledge its members sign.
        PledgeOf = "pledge_of",
        /// Grew out of it.
        OffshootOf = "offshoot_of",
        /// Its national network.
        NationalNetworkOf = "national_network_of",
        /// Its project, programme, fund or other undertaking.
        UndertakingOf = "undertaking_of",
        /// Created or promoted by it.
        CreatedBy = "created_by",
        /// Supported or endorsed by it.
        SupportedBy = "supported_by",
        /// Its partner.
        PartnerOf = "partner_of",
        /// Its member, where the source says no more.
        MemberOf = "member_of",
        /// Anything else: `kind_stated` says what.
        Other = "other",
    }
}

strict_enum! {
    /// What a member is.
    MemberKind {
        /// A city, town or other municipality.
        Municipality = "municipality",
        /// A metropolitan area.
        MetropolitanArea = "metropolitan_area",
        /// A district or borough.
        District = "district",
        /// A grouping of municipalities.
        Grouping = "grouping",
        /// A region, province, county or department.
        Region = "region",
        /// A state of a federation or a territory.
        FederatedState = "federated_state",
        /// An association of local governments.
        Association = "association",
        /// A person, such as a mayor.
        Person = "person",
        /// A civil society organisation.
        CivilSociety = "civil_society",
        /// An international organisation.
        InternationalOrganisation = "international_organisation",
        /// A national government.
        NationalGovernment = "national_government",
        /// A university or research body.
        Academic = "academic",
        /// A business.
        Business = "business",
        /// A network that is itself a member: `network` says which.
        Network = "network",
    }
}

strict_enum! {
    /// Where a member is in its life.
    MemberState {
        /// Exists.
        Active = "active",
        /// Abolished, renamed into another or no longer counted: it can join and sign nothing.
        Retired = "retired",
    }
}

strict_enum! {
    /// Systems that give places ids.
    ExternalIdScheme {
        /// GeoNames, a number.
        Geonames = "geonames",
        /// Wikidata, Q and a number.
        Wikidata = "wikidata",
        /// UN/LOCODE, country and three characters.
        UnLocode = "un_locode",
    }
}

strict_enum! {
    /// Where a membership is in its life.
    MembershipState {
        /// Asked to join and waits for approval.
        Applied = "applied",
        /// Was invited and has not joined yet.
        Invited = "invited",
        /// Belongs.
        Active = "active",
        /// Belongs, with its rights suspended.
        Suspended = "suspended",
        /// Belongs no more, or never came to belong: `end_reason` says which.
        Ended = "ended",
    }
}

strict_enum! {
    /// Class of membership.
    MembershipClass {
        /// Full member.
        Full = "full",
        /// Associate member.
        Associate = "associate",
        /// Observer.
        Observer = "observer",
        /// Signatory of the text that makes the network.
        Signatory = "signatory",
        /// Certified or accredited.
        Certified = "certified",
        /// Candidate.
        Candidate = "candidate",
        /// Partner.
        Partner = "partner",
        /// Participant.
        Participant = "participant",
    }
}

strict_enum! {
    /// Roles of members in networks.
    RoleKind {
        /// Founder, initiator or first signatory.
        Founder = "founder",
        /// Chair, president or one of several.
        Chair = "chair",
        /// Of the core group of a front.
        CoreGroup = "core_group",
        /// Hosts the network, its secretariat or its founding.
        Host = "host",
        /// Of the board, the executive or the steering committee.
        Board = "board",
        /// Leads or coordinates.
        Lead = "lead",
        /// Gives in a cooperation.
        Donor = "donor",
        /// Receives in a cooperation.
        Recipient = "recipient",
        /// Partner.
        Partner = "partner",
        /// Pays.
        Sponsor = "sponsor",
        /// Anything else: `stated` says what.
        Other = "other",
    }
}

strict_enum! {
    /// Why a term ended.
    EndReason {
        /// It left.
        Left = "left",
        /// It was expelled.
        Expelled = "expelled",
        /// Its application was rejected.
        Rejected = "rejected",
        /// The network ended or merged.
        NetworkEnded = "network_ended",
        /// It was a member once; the source does not say that it still is.
        Historical = "historical",
    }
}

strict_enum! {
    /// What can happen in the registry.
    ChangeKind {
        /// A network was recorded.
        NetworkCreated = "network_created",
        /// What is known of a network changed.
        NetworkUpdated = "network_updated",
        /// A network got a relation to another.
        NetworkRelated = "network_related",
        /// A network ended or merged.
        NetworkEnded = "network_ended",
        /// A member was recorded.
        MemberCreated = "member_created",
        /// What is known of a member changed.
        MemberUpdated = "member_updated",
        /// A member was retired.
        MemberRetired = "member_retired",
        /// A member asked to join.
        MembershipApplied = "membership_applied",
        /// A member was invited.
        MembershipInvited = "membership_invited",
        /// A member became one: joined, was approved, or is recorded as having joined.
        MembershipJoined = "membership_joined",
        /// An application was rejected.
        MembershipRejected = "membership_rejected",
        /// Class, roles, grade, representative, dates or sources changed.
        MembershipChanged = "membership_changed",
        /// A member was suspended.
        MembershipSuspended = "membership_suspended",
        /// A suspended member was reinstated.
        MembershipReinstated = "membership_reinstated",
        /// A member left, was expelled, or its network ended: the term's `end_reason` says which.
        MembershipEnded = "membership_ended",
    }
}

strict_enum! {
    /// How sure an answer is, when dates are known in part only.
    Certainty {
        /// The dates say so.
        Certain = "certain",
        /// The dates allow it: one is missing, or not precise enough.
        Possible = "possible",
    }
}

strict_enum! {
    /// What can become of a row of an import.
    ImportOutcome {
        /// Recorded.
        Applied = "applied",
        /// It was so already, or an earlier import did it.
        Unchanged = "unchanged",
        /// Refused; nothing of it was recorded.
        Refused = "refused",
    }
}

strict_enum! {
    /// What can be exported.
    ExportKind {
        /// Networks.
        Networks = "networks",
        /// Members.
        Members = "members",
        /// Memberships.
        Memberships = "memberships",
    }
}

strict_enum! {
    /// Tables of networks.
    Statistic {
        /// Networks by continent and scale (Lacroix 2021, Table 1).
        RegionByScale = "region_by_scale",
        /// Networks by origin and scope, and scale (Lacroix 2021, Table 2).
        OriginScopeByScale = "origin_scope_by_scale",
        /// Share of the networks of an origin that have an activity (Lacroix 2021, Graph 1).
        ActivityByOrigin = "activity_by_origin",
        /// Networks created, by ten years and origin (Lacroix 2021, Graph 2).
        PeriodByOrigin = "period_by_origin",
        /// Networks by kind and state.
        KindByState = "kind_by_state",
        /// Members by how many networks they belong to, and continent.
        ReachByRegion = "reach_by_region",
    }
}
