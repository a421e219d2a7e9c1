//! The words of the feed, one Rust enum for each enum of `hansa.feed.v1`.

use super::strict_enum;
use crate::pb::feed::v1 as pb;

strict_enum! {
    /// What a statement is.
    StatementKind {
        /// A declaration.
        Declaration = "declaration",
        /// A position paper.
        PositionPaper = "position_paper",
        /// An open letter.
        OpenLetter = "open_letter",
        /// A manifesto.
        Manifesto = "manifesto",
        /// A charter.
        Charter = "charter",
        /// A pledge or pact.
        Pledge = "pledge",
        /// A resolution.
        Resolution = "resolution",
        /// A press release.
        PressRelease = "press_release",
        /// A joint statement.
        JointStatement = "joint_statement",
        /// A call or petition.
        Call = "call",
        /// Anything else: `kind_stated` says what.
        Other = "other",
    }
}

strict_enum! {
    /// Where a statement is in its life.
    StatementState {
        /// Published, and stands.
        Published = "published",
        /// Corrected: `superseded_by` says by what.
        Superseded = "superseded",
        /// Withdrawn.
        Retracted = "retracted",
        /// Its content was erased.
        Redacted = "redacted",
    }
}

strict_enum! {
    /// What a campaign is.
    CampaignKind {
        /// The campaign of a front.
        Front = "front",
        /// Gathers pledges or commitments.
        Pledge = "pledge",
        /// Raises awareness.
        Awareness = "awareness",
        /// Lobbies for a demand.
        Lobbying = "lobbying",
        /// Gathers signatures.
        Petition = "petition",
        /// Exchanges practice or help.
        Exchange = "exchange",
        /// Against a cause that other networks stand for.
        CounterCampaign = "counter_campaign",
        /// Run by civil society.
        CivilSociety = "civil_society",
        /// Anything else: `kind_stated` says what.
        Other = "other",
    }
}

strict_enum! {
    /// Where a campaign is in its life.
    CampaignState {
        /// Runs.
        Active = "active",
        /// Ended: `outcome` says how.
        Ended = "ended",
    }
}

strict_enum! {
    /// What came of a campaign, in a word.
    OutcomeKind {
        /// The source does not say.
        NotKnown = "not_known",
        /// The demand was met.
        Won = "won",
        /// It was met in part.
        PartlyWon = "partly_won",
        /// It was not met.
        Lost = "lost",
        /// It was given up.
        Abandoned = "abandoned",
    }
}

strict_enum! {
    /// What can happen.
    EventKind {
        /// A network was recorded; `occurred_at` is when it was founded.
        NetworkFounded = "network_founded",
        /// What is known of a network changed.
        NetworkUpdated = "network_updated",
        /// A network got a relation to another.
        NetworkRelated = "network_related",
        /// A network ended or merged.
        NetworkEnded = "network_ended",
        /// A member was recorded.
        MemberRecorded = "member_recorded",
        /// What is known of a member changed.
        MemberUpdated = "member_updated",
        /// A member was retired.
        MemberRetired = "member_retired",
        /// A member asked to join a network.
        Applied = "applied",
        /// A member was invited into a network.
        Invited = "invited",
        /// A member joined a network.
        Joined = "joined",
        /// An application was rejected.
        Rejected = "rejected",
        /// What is known of a membership changed.
        MembershipChanged = "membership_changed",
        /// A member was suspended.
        Suspended = "suspended",
        /// A suspended member was reinstated.
        Reinstated = "reinstated",
        /// A member left a network, was expelled, or the network ended.
        Left = "left",
        /// A statement was published.
        StatementPublished = "statement_published",
        /// A member signed a statement.
        StatementSigned = "statement_signed",
        /// A statement was corrected: the body is the one superseded.
        StatementCorrected = "statement_corrected",
        /// A statement was withdrawn.
        StatementRetracted = "statement_retracted",
        /// A campaign was launched.
        CampaignLaunched = "campaign_launched",
        /// A member joined a campaign.
        CampaignJoined = "campaign_joined",
        /// A member left a campaign.
        CampaignLeft = "campaign_left",
        /// A campaign reached something.
        CampaignMilestone = "campaign_milestone",
        /// A campaign ended.
        CampaignEnded = "campaign_ended",
        /// A joint statement reached its threshold and took effect.
        StatementEffective = "statement_effective",
        /// Others lead a campaign.
        CampaignLeadsChanged = "campaign_leads_changed",
        /// A campaign was evaluated.
        CampaignEvaluated = "campaign_evaluated",
        /// A campaign went to another network.
        CampaignHandedOver = "campaign_handed_over",
        /// A statement became part of a campaign.
        CampaignStatementAttached = "campaign_statement_attached",
        /// The content of a statement was erased.
        StatementRedacted = "statement_redacted",
    }
}

strict_enum! {
    /// What a named subscription is doing.
    SubscriptionState {
        /// No stream is open and something waits.
        Stalled = "stalled",
        /// A stream sends the present state.
        Snapshot = "snapshot",
        /// A stream sends the past.
        CatchingUp = "catching_up",
        /// A stream is live.
        Live = "live",
        /// No stream is open and nothing waits.
        Idle = "idle",
    }
}

strict_enum! {
    /// What to do with a cursor older than what is kept, other than to fail.
    OnExpired {
        /// Start from the oldest event kept.
        FromOldest = "from_oldest",
        /// Send the present state first.
        Snapshot = "snapshot",
    }
}
