//! A campaign, strict: its milestones, its outcome, how it was evaluated, who takes part.

pub use crate::enums::feed::{CampaignKind, CampaignState, OutcomeKind};

use crate::common::{FrontType, Reading, Source, Target};
use crate::date::PartialDate;
use crate::fields::{Fields, distinct};
use crate::ids::{CampaignId, MemberId, NetworkId, StatementId, name_or_empty};
use crate::limits::*;
use crate::path::Path;
use crate::pb::feed::v1 as pb;
use crate::reading;
use crate::stored::{self, Corrupt, Recorded};
use crate::violation::Violations;

/// A joint action to raise awareness or to win a demand.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its name.
    pub id: CampaignId,
    /// Title. Required, 1 to 1,000 characters.
    pub title: String,
    /// What it is.
    pub kind: CampaignKind,
    /// The source's own word for what it is, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Which of the two kinds of front it is of. None means not a front, or not known.
    pub front_type: Option<FrontType>,
    /// The network that runs it, `networks/{id}`. None: none.
    pub network: Option<NetworkId>,
    /// Who acts for the network, `members/{id}`: an active member of it. None: the network itself.
    pub acting_member: Option<MemberId>,
    /// Members that lead it, `members/{id}`. At most 50.
    pub leads: Vec<MemberId>,
    /// Civil society and others who support it without taking part, in the source's words. At most 100 of
    /// at most 500 characters.
    pub supporters: Vec<String>,
    /// Whom it is aimed at. None means not stated.
    pub target: Option<Target>,
    /// What it demands, in words. At most 50 of at most 1,000 characters.
    pub demands: Vec<String>,
    /// Subjects. At most 50 of at most 100 characters.
    pub themes: Vec<String>,
    /// What it is about in short, at most 4,000 characters.
    pub summary: String,
    /// When it began. None means not known.
    pub started: Option<PartialDate>,
    /// When it ended. None means that it has not, or not known: see `state`.
    pub ended: Option<PartialDate>,
    /// What came of it. None while it has not ended.
    pub outcome: Option<Outcome>,
    /// What was reached, oldest first. Written with AddMilestone; at most 100.
    pub milestones: Vec<Milestone>,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 50. A campaign that names neither network nor leads needs one.
    pub sources: Vec<Source>,
    /// What came of it by its own or others' measure, oldest first. Written with EvaluateCampaign; at
    /// most 20.
    pub evaluations: Vec<Evaluation>,
    /// Statements that belong to it, `statements/{id}`. Written by publishing with the campaign or with
    /// AttachStatement; at most 1,000.
    pub statements: Vec<StatementId>,
    /// Networks that ran it before, oldest first. Set by the feed; at most 100.
    pub handovers: Vec<Handover>,
    /// What other sources say of fields above. At most 50.
    pub readings: Vec<Reading>,
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
        Campaign::read(message, &mut Fields::new(&Path::root(field), violations))
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
            evaluations: self.evaluations.iter().map(Evaluation::to_pb).collect(),
            statements: self.statements.iter().map(StatementId::to_string).collect(),
            handovers: self.handovers.iter().map(Handover::to_pb).collect(),
            readings: self.readings.iter().map(Reading::to_pb).collect(),
        }
    }

    /// From our own stored message, with what the feed set.
    pub fn from_stored(message: pb::Campaign) -> Result<Campaign, Corrupt> {
        stored::read(message, |mut message, fields| {
            let recorded = Recorded::from(&message);
            let state = fields.required("state", message.state, CampaignState::from_pb);
            let ended = fields.date("ended", message.ended);
            let outcome = fields.message("outcome", message.outcome.take(), Outcome::read);
            let milestones = std::mem::take(&mut message.milestones);
            let milestones = fields.list("milestones", milestones, MILESTONES, Milestone::read);
            let evaluations = std::mem::take(&mut message.evaluations);
            let evaluations =
                fields.list("evaluations", evaluations, EVALUATIONS, Evaluation::read);
            let statements = std::mem::take(&mut message.statements);
            let statements =
                fields.names("statements", statements, CAMPAIGN_STATEMENTS, StatementId::parse);
            let handovers = std::mem::take(&mut message.handovers);
            let handovers = fields.list("handovers", handovers, HANDOVERS, Handover::read);
            let campaign = Campaign::read(message, fields)?;
            let campaign = Campaign { evaluations, statements, handovers, ..campaign };
            Some(Campaign { state: state?, ended, outcome, milestones, recorded, ..campaign })
        })
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Campaign, fields: &mut Fields<'_>) -> Option<Campaign> {
        let id = fields.required_name("name", &message.name, CampaignId::parse);
        let title = fields.title("title", message.title, TITLE_CHARACTERS);
        let kind = fields.required("kind", message.kind, CampaignKind::from_pb);
        let kind_stated = fields.line("kind_stated", message.kind_stated, KIND_STATED_CHARACTERS);
        let front_type = fields.optional("front_type", message.front_type, FrontType::from_pb);
        let network = fields.optional_name("network", &message.network, NetworkId::parse);
        let acting_member =
            fields.optional_name("acting_member", &message.acting_member, MemberId::parse);
        if acting_member.is_some() && message.network.is_empty() {
            fields.refuse("acting_member", "acts for a network, and none is named");
        }
        let leads = distinct(fields.names("leads", message.leads, LEADS, MemberId::parse));
        let supporters =
            fields.titles("supporters", message.supporters, SUPPORTERS, SUPPORTER_CHARACTERS);
        let target = fields.message("target", message.target, Target::read);
        let demands = fields.titles("demands", message.demands, DEMANDS, DEMAND_CHARACTERS);
        let themes = fields.titles("themes", message.themes, THEMES, THEME_CHARACTERS);
        let summary = fields.prose("summary", message.summary, SUMMARY_CHARACTERS);
        let started = fields.date("started", message.started);
        let note = fields.prose("note", message.note, NOTE_CHARACTERS);
        let sources = fields.list("sources", message.sources, SOURCES, Source::read);
        let readings = fields.list("readings", message.readings, READINGS, reading::of_campaign);
        if fields.violated() {
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
            evaluations: Vec::new(),
            statements: Vec::new(),
            handovers: Vec::new(),
            readings,
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
        Outcome::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Outcome {
        pb::Outcome { kind: self.kind.to_pb(), summary: self.summary.clone() }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Outcome) -> Result<Outcome, Corrupt> {
        stored::read(message, Outcome::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Outcome, fields: &mut Fields<'_>) -> Option<Outcome> {
        let kind = fields
            .optional("kind", message.kind, OutcomeKind::from_pb)
            .unwrap_or(OutcomeKind::NotKnown);
        let summary = fields.prose("summary", message.summary, SUMMARY_CHARACTERS);
        if fields.violated() {
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
    /// When. None means not known.
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
        Milestone::read(message, &mut Fields::new(&Path::root(field), violations))
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

    /// From the fields of a message within a request.
    pub fn read(message: pb::Milestone, fields: &mut Fields<'_>) -> Option<Milestone> {
        let title = fields.title("title", message.title, MILESTONE_TITLE_CHARACTERS);
        let reached = fields.date("reached", message.reached);
        let figures = fields.list("figures", message.figures, FIGURES, Figure::read);
        let note = fields.prose("note", message.note, NOTE_CHARACTERS);
        let sources = fields.list("sources", message.sources, PART_SOURCES, Source::read);
        if fields.violated() {
            return None;
        }
        Some(Milestone { title, reached, figures, note, sources })
    }
}

/// How a campaign did.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// In words. Required, 1 to 4,000 characters.
    pub summary: String,
    /// Figures behind it. At most 20.
    pub figures: Vec<Figure>,
    /// When. None means not known.
    pub evaluated: Option<PartialDate>,
    /// Who says so. At most 20.
    pub sources: Vec<Source>,
}

impl Evaluation {
    /// From a message of a request.
    pub fn parse(
        message: pb::Evaluation,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Evaluation> {
        Evaluation::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Evaluation {
        pb::Evaluation {
            summary: self.summary.clone(),
            figures: self.figures.iter().map(Figure::to_pb).collect(),
            evaluated: self.evaluated.map(PartialDate::to_pb),
            sources: self.sources.iter().map(Source::to_pb).collect(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Evaluation) -> Result<Evaluation, Corrupt> {
        stored::read(message, Evaluation::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Evaluation, fields: &mut Fields<'_>) -> Option<Evaluation> {
        let summary = fields.required_prose("summary", message.summary, SUMMARY_CHARACTERS);
        let figures = fields.list("figures", message.figures, FIGURES, Figure::read);
        let evaluated = fields.date("evaluated", message.evaluated);
        let sources = fields.list("sources", message.sources, PART_SOURCES, Source::read);
        if fields.violated() {
            return None;
        }
        Some(Evaluation { summary, figures, evaluated, sources })
    }
}

/// That a campaign went from one network to another. Only the feed writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// The network that ran it before, `networks/{id}`. None: none did.
    pub from_network: Option<NetworkId>,
    /// When. None means not known.
    pub occurred_at: Option<PartialDate>,
    /// Position of the handover.
    pub position: u64,
}

impl Handover {
    /// As a message.
    pub fn to_pb(&self) -> pb::Handover {
        pb::Handover {
            from_network: name_or_empty(self.from_network.as_ref()),
            occurred_at: self.occurred_at.map(PartialDate::to_pb),
            position: self.position,
        }
    }

    fn read(message: pb::Handover, fields: &mut Fields<'_>) -> Option<Handover> {
        let from = fields.optional_name("from_network", &message.from_network, NetworkId::parse);
        let occurred_at = fields.date("occurred_at", message.occurred_at);
        if fields.violated() {
            return None;
        }
        Some(Handover { from_network: from, occurred_at, position: message.position })
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
        Figure::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Figure {
        pb::Figure { label: self.label.clone(), value: self.value, unit: self.unit.clone() }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Figure) -> Result<Figure, Corrupt> {
        stored::read(message, Figure::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Figure, fields: &mut Fields<'_>) -> Option<Figure> {
        let label = fields.title("label", message.label, FIGURE_LABEL_CHARACTERS);
        let value = message.value;
        if !value.is_finite() {
            fields.refuse("value", "must be a number");
        }
        let unit = fields.line("unit", message.unit, FIGURE_UNIT_CHARACTERS);
        if fields.violated() {
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
    /// When it joined the campaign. None means not known.
    pub joined: Option<PartialDate>,
    /// When it left it. None means that it has not, or not known: see `active`.
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
        let mut fields = Fields::new(&at, violations);
        if message.left.is_some() {
            fields.refuse("left", "must be absent: members leave with LeaveCampaign");
        }
        let message = pb::Participation { left: None, active: true, position: 0, ..message };
        Participation::read(message, campaign.cloned(), &mut fields)
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
        stored::read(message, |message, fields| {
            let campaign = fields.required_name("campaign", &message.campaign, CampaignId::parse);
            Participation::read(message, campaign, fields)
        })
    }

    fn read(
        message: pb::Participation,
        campaign: Option<CampaignId>,
        fields: &mut Fields<'_>,
    ) -> Option<Participation> {
        let member = fields.required_name("member", &message.member, MemberId::parse);
        let joined = fields.date("joined", message.joined);
        let left = fields.date("left", message.left);
        if fields.violated() {
            return None;
        }
        Some(Participation {
            campaign: campaign?,
            member: member?,
            joined,
            left,
            active: message.active,
            position: message.position,
        })
    }
}
