//! A campaign, strict: its milestones, its outcome, who takes part.

pub use crate::enums::feed::{CampaignKind, CampaignState, OutcomeKind};

use crate::common::{FrontType, Source, Target};
use crate::date::PartialDate;
use crate::enums;
use crate::ids::{CampaignId, MemberId, NetworkId, name_or_empty};
use crate::limits::*;
use crate::path::Path;
use crate::pb::feed::v1 as pb;
use crate::stored::{self, Corrupt, Recorded};
use crate::text;
use crate::violation::Violations;

/// A joint action to raise awareness or to win a demand.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its name.
    pub id: CampaignId,
    /// Title. Required, 1 to 1,000 characters.
    pub title: String,
    /// What it is. Required.
    pub kind: CampaignKind,
    /// The source's own word for what it is, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Which of the two kinds of front it is of. Unspecified means not a front, or not known.
    pub front_type: Option<FrontType>,
    /// The network that runs it, `networks/{id}`. Empty: none.
    pub network: Option<NetworkId>,
    /// Who acts for the network, `members/{id}`: an active member of it. Empty: the network itself.
    pub acting_member: Option<MemberId>,
    /// Members that lead it, `members/{id}`. At most 50.
    pub leads: Vec<MemberId>,
    /// Civil society and others who support it without taking part, in the source's words. At most 100 of
    /// at most 500 characters.
    pub supporters: Vec<String>,
    /// Whom it is aimed at. Absent means not stated.
    pub target: Option<Target>,
    /// What it demands, in words. At most 50 of at most 1,000 characters.
    pub demands: Vec<String>,
    /// Subjects. At most 50 of at most 100 characters.
    pub themes: Vec<String>,
    /// What it is about in short, at most 4,000 characters.
    pub summary: String,
    /// When it began. Absent means not known.
    pub started: Option<PartialDate>,
    /// When it ended. Absent means that it has not, or not known: see `state`.
    pub ended: Option<PartialDate>,
    /// What came of it. Absent while it has not ended.
    pub outcome: Option<Outcome>,
    /// What was reached, oldest first. Written with AddMilestone; at most 100.
    pub milestones: Vec<Milestone>,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 50. A campaign that names neither network nor leads needs one.
    pub sources: Vec<Source>,
    /// Where it is in its life. Set by the feed.
    pub state: CampaignState,
    /// What the service writes down with it.
    pub recorded: Recorded,
}

impl Campaign {
    /// From a message of a request.
    pub fn parse(
        message: pb::Campaign,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Campaign> {
        Campaign::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self, participant_count: i64) -> pb::Campaign {
        pb::Campaign {
            name: self.id.to_string(),
            title: self.title.clone(),
            kind: self.kind.to_pb(),
            kind_stated: self.kind_stated.clone(),
            front_type: self.front_type.map_or(0, FrontType::to_pb),
            network: name_or_empty(self.network.as_ref()),
            acting_member: name_or_empty(self.acting_member.as_ref()),
            leads: self.leads.iter().map(MemberId::to_string).collect(),
            supporters: self.supporters.clone(),
            target: self.target.as_ref().map(Target::to_pb),
            demands: self.demands.clone(),
            themes: self.themes.clone(),
            summary: self.summary.clone(),
            started: self.started.map(PartialDate::to_pb),
            ended: self.ended.map(PartialDate::to_pb),
            outcome: self.outcome.as_ref().map(Outcome::to_pb),
            milestones: self.milestones.iter().map(Milestone::to_pb).collect(),
            note: self.note.clone(),
            sources: self.sources.iter().map(Source::to_pb).collect(),
            state: self.state.to_pb(),
            etag: self.recorded.etag(),
            created_position: self.recorded.created_position,
            updated_position: self.recorded.updated_position,
            created_at: stored::timestamp(self.recorded.created_at_micros),
            updated_at: stored::timestamp(self.recorded.updated_at_micros),
            participant_count,
        }
    }

    /// From our own stored message, with what the feed set.
    pub fn from_stored(mut message: pb::Campaign) -> Result<Campaign, Corrupt> {
        let (root, mut violations) = (Path::root(""), Violations::default());
        let recorded = Recorded::from(&message);
        let state = CampaignState::from_pb(message.state);
        if state.is_none() {
            violations.push("state", "is required");
        }
        let ended =
            PartialDate::optional(message.ended.take(), &root.field("ended"), &mut violations);
        let outcome = message.outcome.take();
        let outcome = outcome
            .and_then(|outcome| Outcome::read(outcome, &root.field("outcome"), &mut violations));
        let milestones = text::list(
            std::mem::take(&mut message.milestones),
            MILESTONES,
            &root.field("milestones"),
            &mut violations,
            Milestone::read,
        );
        let campaign = Campaign::read(message, &root, &mut violations);
        violations.finish()?;
        let (Some(campaign), Some(state)) = (campaign, state) else {
            return Err(Corrupt::missing());
        };
        Ok(Campaign { state, ended, outcome, milestones, recorded, ..campaign })
    }

    pub(crate) fn read(
        message: pb::Campaign,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Campaign> {
        let before = violations.len();
        let id = CampaignId::required(&message.name, &at.field("name"), violations);
        let title = text::title(message.title, TITLE_CHARACTERS, &at.field("title"), violations);
        let kind =
            enums::required(message.kind, CampaignKind::from_pb, &at.field("kind"), violations);
        let kind_stated = text::line(
            message.kind_stated,
            KIND_STATED_CHARACTERS,
            &at.field("kind_stated"),
            violations,
        );
        let front_type = enums::optional(
            message.front_type,
            FrontType::from_pb,
            &at.field("front_type"),
            violations,
        );
        let network = NetworkId::optional(&message.network, &at.field("network"), violations);
        let acting_member =
            MemberId::optional(&message.acting_member, &at.field("acting_member"), violations);
        if acting_member.is_some() && message.network.is_empty() {
            violations.at(&at.field("acting_member"), "acts for a network, and none is named");
        }
        let leads = text::distinct(
            message.leads,
            LEADS,
            &at.field("leads"),
            violations,
            |name, at, violations| MemberId::required(&name, at, violations),
        );
        let supporters = text::titles(
            message.supporters,
            (SUPPORTERS, SUPPORTER_CHARACTERS),
            &at.field("supporters"),
            violations,
        );
        let target = message
            .target
            .and_then(|message| Target::read(message, &at.field("target"), violations));
        let demands = text::titles(
            message.demands,
            (DEMANDS, DEMAND_CHARACTERS),
            &at.field("demands"),
            violations,
        );
        let themes = text::titles(
            message.themes,
            (THEMES, THEME_CHARACTERS),
            &at.field("themes"),
            violations,
        );
        let summary =
            text::prose(message.summary, SUMMARY_CHARACTERS, &at.field("summary"), violations);
        let started = PartialDate::optional(message.started, &at.field("started"), violations);
        let note = text::prose(message.note, NOTE_CHARACTERS, &at.field("note"), violations);
        let sources =
            text::list(message.sources, SOURCES, &at.field("sources"), violations, Source::read);
        if violations.len() > before {
            return None;
        }
        Some(Campaign {
            id: id?,
            title,
            kind: kind?,
            kind_stated,
            front_type,
            network,
            acting_member,
            leads,
            supporters,
            target,
            demands,
            themes,
            summary,
            started,
            ended: None,
            outcome: None,
            milestones: Vec::new(),
            note,
            sources,
            state: CampaignState::Active,
            recorded: Recorded::default(),
        })
    }
}

/// What came of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// In a word. Required.
    pub kind: OutcomeKind,
    /// In words, at most 4,000 characters.
    pub summary: String,
}

impl Outcome {
    /// From a message of a request.
    pub fn parse(
        message: pb::Outcome,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Outcome> {
        Outcome::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Outcome {
        pb::Outcome { kind: self.kind.to_pb(), summary: self.summary.clone() }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Outcome) -> Result<Outcome, Corrupt> {
        stored::read(message, Outcome::read)
    }

    pub(crate) fn read(
        message: pb::Outcome,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Outcome> {
        let before = violations.len();
        let kind =
            enums::optional(message.kind, OutcomeKind::from_pb, &at.field("kind"), violations)
                .unwrap_or(OutcomeKind::NotKnown);
        let summary =
            text::prose(message.summary, SUMMARY_CHARACTERS, &at.field("summary"), violations);
        if violations.len() > before {
            return None;
        }
        Some(Outcome { kind, summary })
    }
}

/// Something a campaign reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Milestone {
    /// What. Required, 1 to 500 characters.
    pub title: String,
    /// When. Absent means not known.
    pub reached: Option<PartialDate>,
    /// Figures behind it. At most 20.
    pub figures: Vec<Figure>,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 20.
    pub sources: Vec<Source>,
}

impl Milestone {
    /// From a message of a request.
    pub fn parse(
        message: pb::Milestone,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Milestone> {
        Milestone::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Milestone {
        pb::Milestone {
            title: self.title.clone(),
            reached: self.reached.map(PartialDate::to_pb),
            figures: self.figures.iter().map(Figure::to_pb).collect(),
            note: self.note.clone(),
            sources: self.sources.iter().map(Source::to_pb).collect(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Milestone) -> Result<Milestone, Corrupt> {
        stored::read(message, Milestone::read)
    }

    pub(crate) fn read(
        message: pb::Milestone,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Milestone> {
        let before = violations.len();
        let title =
            text::title(message.title, MILESTONE_TITLE_CHARACTERS, &at.field("title"), violations);
        let reached = PartialDate::optional(message.reached, &at.field("reached"), violations);
        let figures =
            text::list(message.figures, FIGURES, &at.field("figures"), violations, Figure::read);
        let note = text::prose(message.note, NOTE_CHARACTERS, &at.field("note"), violations);
        let sources = text::list(
            message.sources,
            PART_SOURCES,
            &at.field("sources"),
            violations,
            Source::read,
        );
        if violations.len() > before {
            return None;
        }
        Some(Milestone { title, reached, figures, note, sources })
    }
}

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What is counted, such as `households housed`. Required, 1 to 200 characters.
    pub label: String,
    /// How much.
    pub value: f64,
    /// Unit, such as `EUR` or `t`, at most 50 characters. Empty: a plain number.
    pub unit: String,
}

impl Figure {
    /// From a message of a request.
    pub fn parse(message: pb::Figure, field: &str, violations: &mut Violations) -> Option<Figure> {
        Figure::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Figure {
        pb::Figure { label: self.label.clone(), value: self.value, unit: self.unit.clone() }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Figure) -> Result<Figure, Corrupt> {
        stored::read(message, Figure::read)
    }

    pub(crate) fn read(
        message: pb::Figure,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Figure> {
        let before = violations.len();
        let label =
            text::title(message.label, FIGURE_LABEL_CHARACTERS, &at.field("label"), violations);
        let value = message.value;
        if !value.is_finite() {
            violations.at(&at.field("value"), "must be a number");
        }
        let unit = text::line(message.unit, FIGURE_UNIT_CHARACTERS, &at.field("unit"), violations);
        if violations.len() > before {
            return None;
        }
        Some(Figure { label, value, unit })
    }
}

/// That a member takes or took part in a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participation {
    /// The campaign, `campaigns/{id}`.
    pub campaign: CampaignId,
    /// The member, `members/{id}`.
    pub member: MemberId,
    /// When it joined the campaign. Absent means not known.
    pub joined: Option<PartialDate>,
    /// When it left it. Absent means that it has not, or not known: see `active`.
    pub left: Option<PartialDate>,
    /// Whether it takes part.
    pub active: bool,
    /// Position of its last change. Set by the feed.
    pub position: u64,
}

impl Participation {
    /// From a message of a request, in this campaign and active: `campaign`, `active` and `position`
    /// in the message are ignored. Without a campaign everything is checked all the same.
    pub fn parse(
        message: pb::Participation,
        campaign: Option<&CampaignId>,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Participation> {
        let at = Path::root(field);
        if message.left.is_some() {
            violations.at(&at.field("left"), "must be absent: members leave with LeaveCampaign");
        }
        let message = pb::Participation { left: None, active: true, position: 0, ..message };
        Participation::read(message, campaign, &at, violations)
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Participation {
        pb::Participation {
            campaign: self.campaign.to_string(),
            member: self.member.to_string(),
            joined: self.joined.map(PartialDate::to_pb),
            left: self.left.map(PartialDate::to_pb),
            active: self.active,
            position: self.position,
        }
    }

    /// From our own stored message, with what the feed set.
    pub fn from_stored(message: pb::Participation) -> Result<Participation, Corrupt> {
        let (root, mut violations) = (Path::root(""), Violations::default());
        let campaign =
            CampaignId::required(&message.campaign, &root.field("campaign"), &mut violations);
        let participation = Participation::read(message, campaign.as_ref(), &root, &mut violations);
        violations.finish()?;
        participation.ok_or_else(Corrupt::missing)
    }

    fn read(
        message: pb::Participation,
        campaign: Option<&CampaignId>,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Participation> {
        let before = violations.len();
        let member = MemberId::required(&message.member, &at.field("member"), violations);
        let joined = PartialDate::optional(message.joined, &at.field("joined"), violations);
        let left = PartialDate::optional(message.left, &at.field("left"), violations);
        if violations.len() > before {
            return None;
        }
        Some(Participation {
            campaign: campaign?.clone(),
            member: member?,
            joined,
            left,
            active: message.active,
            position: message.position,
        })
    }
}
