//! A network, strict: how one becomes a member of it, how it stands to others, who pays.

pub use crate::enums::registry::{
    AdmissionMode, NetworkKind, NetworkState, Origin, RelationKind, Scale, Scope,
};

use crate::common::{FrontType, Money, Name, Source, StatedCount};
use crate::country::Country;
use crate::date::PartialDate;
use crate::enums;
use crate::enums::registry::{MemberKind, MembershipClass};
use crate::ids::NetworkId;
use crate::limits::*;
use crate::path::Path;
use crate::pb::registry::v1 as pb;
use crate::stored::{self, Corrupt, Recorded};
use crate::text;
use crate::violation::Violations;

/// A city network in the widest sense: anything that local governments belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub id: NetworkId,
    /// Its names, acronyms and aliases; the first official one is shown. At least 1, at most 50.
    pub names: Vec<Name>,
    /// What it is. Required.
    pub kind: NetworkKind,
    /// The source's own word for what it is, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Which of the two kinds of front it is. Unspecified means not a front, or not known.
    pub front_type: Option<FrontType>,
    /// How far it reaches. Unspecified means not known.
    pub scale: Option<Scale>,
    /// Where it stands between grassroots and co-opted (Lacroix 2021). Unspecified means not known.
    pub origin: Option<Origin>,
    /// Whether it has many subjects or one. Unspecified means not known.
    pub scope: Option<Scope>,
    /// Subjects, in the source's words. At most 50 of at most 100 characters.
    pub themes: Vec<String>,
    /// What it does, in the source's words. At most 50 of at most 200 characters.
    pub activities: Vec<String>,
    /// When it began. Absent means not known.
    pub founded: Option<PartialDate>,
    /// When it ended or merged. Absent means that it has not, or that the date is not known: see `state`.
    pub ended: Option<PartialDate>,
    /// Who founded it, in the source's words. At most 50 of at most 500 characters.
    pub founders: Vec<String>,
    /// Who pays for it or stands behind it, in the source's words. At most 50 of at most 500 characters.
    pub sponsors: Vec<String>,
    /// Where it sits, in the source's words, at most 200 characters. Empty means not known.
    pub seat: String,
    /// How many members sources say it has; the number held is `active_member_count`.
    pub stated_member_counts: Vec<StatedCount>,
    /// How one becomes a member. Absent means open to all, no charter.
    pub admission: Admission,
    /// Where it is in its life. Set by the registry; given at creation it may be ANNOUNCED, ACTIVE or
    /// DORMANT, and unspecified means ACTIVE.
    pub state: NetworkState,
    /// How it stands to other networks. Written with RelateNetworks.
    pub relations: Vec<Relation>,
    /// Money behind it, given or received. At most 50.
    pub contributions: Vec<Contribution>,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 50.
    pub sources: Vec<Source>,
    /// What the service writes down with it.
    pub recorded: Recorded,
}

impl Network {
    /// From a message of a request.
    pub fn parse(
        message: pb::Network,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Network> {
        Network::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self, active_member_count: i64) -> pb::Network {
        pb::Network {
            name: self.id.to_string(),
            names: self.names.iter().map(Name::to_pb).collect(),
            kind: self.kind.to_pb(),
            kind_stated: self.kind_stated.clone(),
            front_type: self.front_type.map_or(0, FrontType::to_pb),
            scale: self.scale.map_or(0, Scale::to_pb),
            origin: self.origin.map_or(0, Origin::to_pb),
            scope: self.scope.map_or(0, Scope::to_pb),
            themes: self.themes.clone(),
            activities: self.activities.clone(),
            founded: self.founded.map(PartialDate::to_pb),
            ended: self.ended.map(PartialDate::to_pb),
            founders: self.founders.clone(),
            sponsors: self.sponsors.clone(),
            seat: self.seat.clone(),
            stated_member_counts: self
                .stated_member_counts
                .iter()
                .map(StatedCount::to_pb)
                .collect(),
            admission: Some(self.admission.to_pb()),
            state: self.state.to_pb(),
            relations: self.relations.iter().map(Relation::to_pb).collect(),
            contributions: self.contributions.iter().map(Contribution::to_pb).collect(),
            note: self.note.clone(),
            sources: self.sources.iter().map(Source::to_pb).collect(),
            etag: self.recorded.etag(),
            created_position: self.recorded.created_position,
            updated_position: self.recorded.updated_position,
            created_at: stored::timestamp(self.recorded.created_at_micros),
            updated_at: stored::timestamp(self.recorded.updated_at_micros),
            active_member_count,
        }
    }

    /// From our own stored message, with what the registry set.
    pub fn from_stored(mut message: pb::Network) -> Result<Network, Corrupt> {
        let (root, mut violations) = (Path::root(""), Violations::default());
        let recorded = Recorded::from(&message);
        let state = std::mem::take(&mut message.state);
        let state =
            enums::required(state, NetworkState::from_pb, &root.field("state"), &mut violations);
        let ended =
            PartialDate::optional(message.ended.take(), &root.field("ended"), &mut violations);
        let relations = text::list(
            std::mem::take(&mut message.relations),
            RELATIONS,
            &root.field("relations"),
            &mut violations,
            Relation::read,
        );
        let network = Network::read(message, &root, &mut violations);
        violations.finish()?;
        let (Some(network), Some(state)) = (network, state) else { return Err(Corrupt::missing()) };
        Ok(Network { state, ended, relations, recorded, ..network })
    }

    pub(crate) fn read(
        message: pb::Network,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Network> {
        let before = violations.len();
        let id = NetworkId::required(&message.name, &at.field("name"), violations);
        if message.names.is_empty() {
            violations.at(&at.field("names"), "needs at least one name");
        }
        let names = text::list(message.names, NAMES, &at.field("names"), violations, Name::read);
        let kind =
            enums::required(message.kind, NetworkKind::from_pb, &at.field("kind"), violations);
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
        let scale = enums::optional(message.scale, Scale::from_pb, &at.field("scale"), violations);
        let origin =
            enums::optional(message.origin, Origin::from_pb, &at.field("origin"), violations);
        let scope = enums::optional(message.scope, Scope::from_pb, &at.field("scope"), violations);
        let themes = text::titles(
            message.themes,
            (THEMES, THEME_CHARACTERS),
            &at.field("themes"),
            violations,
        );
        let activities = text::titles(
            message.activities,
            (ACTIVITIES, ACTIVITY_CHARACTERS),
            &at.field("activities"),
            violations,
        );
        let founded = PartialDate::optional(message.founded, &at.field("founded"), violations);
        let founders = text::titles(
            message.founders,
            (FOUNDERS, FOUNDER_CHARACTERS),
            &at.field("founders"),
            violations,
        );
        let sponsors = text::titles(
            message.sponsors,
            (FOUNDERS, FOUNDER_CHARACTERS),
            &at.field("sponsors"),
            violations,
        );
        let seat = text::line(message.seat, SEAT_CHARACTERS, &at.field("seat"), violations);
        let stated_member_counts = text::list(
            message.stated_member_counts,
            STATED_COUNTS,
            &at.field("stated_member_counts"),
            violations,
            StatedCount::read,
        );
        let admission = message.admission.map_or_else(
            || Some(Admission::default()),
            |admission| Admission::read(admission, &at.field("admission"), violations),
        );
        let state = state_in_request(message.state, &at.field("state"), violations);
        let contributions = text::list(
            message.contributions,
            CONTRIBUTIONS,
            &at.field("contributions"),
            violations,
            Contribution::read,
        );
        let note = text::prose(message.note, NOTE_CHARACTERS, &at.field("note"), violations);
        let sources =
            text::list(message.sources, SOURCES, &at.field("sources"), violations, Source::read);
        if violations.len() > before {
            return None;
        }
        Some(Network {
            id: id?,
            names,
            kind: kind?,
            kind_stated,
            front_type,
            scale,
            origin,
            scope,
            themes,
            activities,
            founded,
            ended: None,
            founders,
            sponsors,
            seat,
            stated_member_counts,
            admission: admission?,
            state,
            relations: Vec::new(),
            contributions,
            note,
            sources,
            recorded: Recorded::default(),
        })
    }
}

/// How one becomes a member of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Who decides. Unspecified means ADMISSION_MODE_OPEN.
    pub mode: AdmissionMode,
    /// Whether the charter must be signed first.
    pub charter_required: bool,
    /// The rules in the source's words, at most 2,000 characters. Empty means not stated.
    pub rules_stated: String,
    /// Classes of membership offered. Empty means all.
    pub classes: Vec<MembershipClass>,
    /// Kinds of member that may belong. Empty means all.
    pub member_kinds: Vec<MemberKind>,
    /// Countries whose members may belong, ISO 3166-1 alpha-2. Empty means all.
    pub countries: Vec<Country>,
    /// Smallest population a member may have. 0 means no limit; with a limit, a member whose population
    /// is not known is refused.
    pub min_population: i64,
}

impl Admission {
    /// From a message of a request.
    pub fn parse(
        message: pb::Admission,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Admission> {
        Admission::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Admission {
        pb::Admission {
            mode: self.mode.to_pb(),
            charter_required: self.charter_required,
            rules_stated: self.rules_stated.clone(),
            classes: self.classes.iter().map(|class| class.to_pb()).collect(),
            member_kinds: self.member_kinds.iter().map(|kind| kind.to_pb()).collect(),
            countries: self.countries.iter().map(Country::to_string).collect(),
            min_population: self.min_population,
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Admission) -> Result<Admission, Corrupt> {
        stored::read(message, Admission::read)
    }

    pub(crate) fn read(
        message: pb::Admission,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Admission> {
        let before = violations.len();
        let mode =
            enums::optional(message.mode, AdmissionMode::from_pb, &at.field("mode"), violations)
                .unwrap_or(AdmissionMode::Open);
        let charter_required = message.charter_required;
        let rules_stated = text::prose(
            message.rules_stated,
            RULES_CHARACTERS,
            &at.field("rules_stated"),
            violations,
        );
        let classes =
            kinds(message.classes, MembershipClass::from_pb, &at.field("classes"), violations);
        let member_kinds =
            kinds(message.member_kinds, MemberKind::from_pb, &at.field("member_kinds"), violations);
        let countries = text::distinct(
            message.countries,
            COUNTRIES,
            &at.field("countries"),
            violations,
            |code, at, violations| Country::required(&code, at, violations),
        );
        let min_population =
            text::count(message.min_population, &at.field("min_population"), violations);
        if violations.len() > before {
            return None;
        }
        Some(Admission {
            mode,
            charter_required,
            rules_stated,
            classes,
            member_kinds,
            countries,
            min_population,
        })
    }
}

/// How one network stands to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// What it is to the other. Required.
    pub kind: RelationKind,
    /// The other network, `networks/{id}`. Required, must exist.
    pub network: NetworkId,
    /// The source's own word for the relation, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Since when. Absent means not known.
    pub since: Option<PartialDate>,
    /// Anything else worth knowing, at most 2,000 characters.
    pub note: String,
    /// Who says so. At most 20.
    pub sources: Vec<Source>,
}

impl Relation {
    /// From a message of a request.
    pub fn parse(
        message: pb::Relation,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Relation> {
        Relation::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Relation {
        pb::Relation {
            kind: self.kind.to_pb(),
            network: self.network.to_string(),
            kind_stated: self.kind_stated.clone(),
            since: self.since.map(PartialDate::to_pb),
            note: self.note.clone(),
            sources: self.sources.iter().map(Source::to_pb).collect(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Relation) -> Result<Relation, Corrupt> {
        stored::read(message, Relation::read)
    }

    pub(crate) fn read(
        message: pb::Relation,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Relation> {
        let before = violations.len();
        let kind =
            enums::required(message.kind, RelationKind::from_pb, &at.field("kind"), violations);
        let network = NetworkId::required(&message.network, &at.field("network"), violations);
        let kind_stated = text::line(
            message.kind_stated,
            KIND_STATED_CHARACTERS,
            &at.field("kind_stated"),
            violations,
        );
        let since = PartialDate::optional(message.since, &at.field("since"), violations);
        let note =
            text::prose(message.note, RELATION_NOTE_CHARACTERS, &at.field("note"), violations);
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
        Some(Relation { kind: kind?, network: network?, kind_stated, since, note, sources })
    }
}

/// Money behind a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// How much. Absent means that the source gives no amount.
    pub amount: Option<Money>,
    /// Who gave it, in the source's words, at most 500 characters. Empty means not stated.
    pub contributor: String,
    /// What for, at most 2,000 characters. Empty means not stated.
    pub note: String,
}

impl Contribution {
    /// From a message of a request.
    pub fn parse(
        message: pb::Contribution,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Contribution> {
        Contribution::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Contribution {
        pb::Contribution {
            amount: self.amount.as_ref().map(Money::to_pb),
            contributor: self.contributor.clone(),
            note: self.note.clone(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Contribution) -> Result<Contribution, Corrupt> {
        stored::read(message, Contribution::read)
    }

    pub(crate) fn read(
        message: pb::Contribution,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Contribution> {
        let before = violations.len();
        let amount = message
            .amount
            .and_then(|message| Money::read(message, &at.field("amount"), violations));
        let contributor = text::line(
            message.contributor,
            FOUNDER_CHARACTERS,
            &at.field("contributor"),
            violations,
        );
        let note =
            text::prose(message.note, CONTRIBUTION_NOTE_CHARACTERS, &at.field("note"), violations);
        if violations.len() > before {
            return None;
        }
        Some(Contribution { amount, contributor, note })
    }
}

impl Default for Admission {
    /// Open to all, no charter.
    fn default() -> Admission {
        Admission {
            mode: AdmissionMode::Open,
            charter_required: false,
            rules_stated: String::new(),
            classes: Vec::new(),
            member_kinds: Vec::new(),
            countries: Vec::new(),
            min_population: 0,
        }
    }
}

/// The states one can give a network; the others it reaches with EndNetwork.
fn state_in_request(number: i32, at: &Path<'_>, violations: &mut Violations) -> NetworkState {
    let state = enums::optional(number, NetworkState::from_pb, at, violations);
    if matches!(state, Some(NetworkState::Ended | NetworkState::Merged)) {
        violations.at(at, "must be ANNOUNCED, ACTIVE or DORMANT: networks end with EndNetwork");
    }
    state.unwrap_or(NetworkState::Active)
}

fn kinds<E: PartialEq>(
    numbers: Vec<i32>,
    from_pb: fn(i32) -> Option<E>,
    at: &Path<'_>,
    violations: &mut Violations,
) -> Vec<E> {
    text::distinct(numbers, ADMISSION_KINDS, at, violations, |number, at, violations| {
        enums::required(number, from_pb, at, violations)
    })
}
