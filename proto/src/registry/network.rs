//! A network, strict: how it stands to others, who pays.

pub use crate::enums::registry::{NetworkKind, NetworkState, Origin, RelationKind, Scale, Scope};

use super::Admission;
use crate::common::{FrontType, Money, Name, Reading, Source, StatedCount};
use crate::country::Country;
use crate::date::PartialDate;
use crate::fields::{Fields, distinct};
use crate::ids::NetworkId;
use crate::limits::*;
use crate::path::Path;
use crate::pb::registry::v1 as pb;
use crate::reading;
use crate::stored::{self, Corrupt, Recorded};
use crate::violation::Violations;

/// A city network in the widest sense: anything that local governments belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub id: NetworkId,
    /// Its names, acronyms and aliases; the first official one is shown. At least 1, at most 50.
    pub names: Vec<Name>,
    /// What it is.
    pub kind: NetworkKind,
    /// The source's own word for what it is, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Which of the two kinds of front it is. None means not a front, or not known.
    pub front_type: Option<FrontType>,
    /// How far it reaches. None means not known.
    pub scale: Option<Scale>,
    /// Where it stands between grassroots and co-opted (Lacroix 2021). None means not known.
    pub origin: Option<Origin>,
    /// Whether it has many subjects or one. None means not known.
    pub scope: Option<Scope>,
    /// Subjects, in the source's words. At most 50 of at most 100 characters.
    pub themes: Vec<String>,
    /// What it does, in the source's words. At most 50 of at most 200 characters.
    pub activities: Vec<String>,
    /// When it began. None means not known.
    pub founded: Option<PartialDate>,
    /// When it ended or merged. None means that it has not, or that the date is not known: see `state`.
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
    /// Countries it works in. Empty means not stated.
    pub countries: Vec<Country>,
    /// Continents it works in, UN M49 codes of three digits, at most 10. Empty means that they follow
    /// from `countries`, or are not known.
    pub m49_regions: Vec<String>,
    /// What other sources say of fields above. At most 50.
    pub readings: Vec<Reading>,
    /// What a member gets from belonging, in the source's words. At most 50 of at most 500 characters.
    pub benefits: Vec<String>,
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
        Network::read(message, &mut Fields::new(&Path::root(field), violations))
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
            countries: self.countries.iter().map(Country::to_string).collect(),
            m49_regions: self.m49_regions.clone(),
            readings: self.readings.iter().map(Reading::to_pb).collect(),
            benefits: self.benefits.clone(),
        }
    }

    /// From our own stored message, with what the registry set.
    pub fn from_stored(message: pb::Network) -> Result<Network, Corrupt> {
        stored::read(message, |mut message, fields| {
            let recorded = Recorded::from(&message);
            let state = std::mem::take(&mut message.state);
            let state = fields.required("state", state, NetworkState::from_pb);
            let ended = fields.date("ended", message.ended);
            let relations = std::mem::take(&mut message.relations);
            let relations = fields.list("relations", relations, RELATIONS, Relation::read);
            let network = Network::read(message, fields)?;
            Some(Network { state: state?, ended, relations, recorded, ..network })
        })
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Network, fields: &mut Fields<'_>) -> Option<Network> {
        let id = fields.required_name("name", &message.name, NetworkId::parse);
        if message.names.is_empty() {
            fields.refuse("names", "needs at least one name");
        }
        let names = fields.list("names", message.names, NAMES, Name::read);
        let kind = fields.required("kind", message.kind, NetworkKind::from_pb);
        let kind_stated = fields.line("kind_stated", message.kind_stated, KIND_STATED_CHARACTERS);
        let front_type = fields.optional("front_type", message.front_type, FrontType::from_pb);
        let scale = fields.optional("scale", message.scale, Scale::from_pb);
        let origin = fields.optional("origin", message.origin, Origin::from_pb);
        let scope = fields.optional("scope", message.scope, Scope::from_pb);
        let themes = fields.titles("themes", message.themes, THEMES, THEME_CHARACTERS);
        let activities =
            fields.titles("activities", message.activities, ACTIVITIES, ACTIVITY_CHARACTERS);
        let founded = fields.date("founded", message.founded);
        let founders = fields.titles("founders", message.founders, FOUNDERS, FOUNDER_CHARACTERS);
        let sponsors = fields.titles("sponsors", message.sponsors, FOUNDERS, FOUNDER_CHARACTERS);
        let seat = fields.line("seat", message.seat, SEAT_CHARACTERS);
        let stated_member_counts = fields.list(
            "stated_member_counts",
            message.stated_member_counts,
            STATED_COUNTS,
            StatedCount::read,
        );
        let admission = message.admission.unwrap_or_default();
        let admission = fields.message("admission", Some(admission), Admission::read);
        let state = state_in_request(message.state, fields);
        let contributions =
            fields.list("contributions", message.contributions, CONTRIBUTIONS, Contribution::read);
        let note = fields.prose("note", message.note, NOTE_CHARACTERS);
        let sources = fields.list("sources", message.sources, SOURCES, Source::read);
        let countries =
            distinct(fields.names("countries", message.countries, COUNTRIES, Country::parse));
        let m49_regions = distinct(fields.m49s("m49_regions", message.m49_regions, M49_REGIONS));
        let readings = fields.list("readings", message.readings, READINGS, reading::of_network);
        let benefits = fields.titles("benefits", message.benefits, BENEFITS, BENEFIT_CHARACTERS);
        if fields.violated() {
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
            countries,
            m49_regions,
            readings,
            benefits,
            recorded: Recorded::default(),
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
    /// Since when. None means not known.
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
        Relation::read(message, &mut Fields::new(&Path::root(field), violations))
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

    /// From the fields of a message within a request.
    pub fn read(message: pb::Relation, fields: &mut Fields<'_>) -> Option<Relation> {
        let kind = fields.required("kind", message.kind, RelationKind::from_pb);
        let network = fields.required_name("network", &message.network, NetworkId::parse);
        let kind_stated = fields.line("kind_stated", message.kind_stated, KIND_STATED_CHARACTERS);
        let since = fields.date("since", message.since);
        let note = fields.prose("note", message.note, RELATION_NOTE_CHARACTERS);
        let sources = fields.list("sources", message.sources, PART_SOURCES, Source::read);
        if fields.violated() {
            return None;
        }
        Some(Relation { kind: kind?, network: network?, kind_stated, since, note, sources })
    }
}

/// Money behind a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// How much. None means that the source gives no amount.
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
        Contribution::read(message, &mut Fields::new(&Path::root(field), violations))
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

    /// From the fields of a message within a request.
    pub fn read(message: pb::Contribution, fields: &mut Fields<'_>) -> Option<Contribution> {
        let amount = fields.message("amount", message.amount, Money::read);
        let contributor = fields.line("contributor", message.contributor, FOUNDER_CHARACTERS);
        let note = fields.prose("note", message.note, CONTRIBUTION_NOTE_CHARACTERS);
        if fields.violated() {
            return None;
        }
        Some(Contribution { amount, contributor, note })
    }
}

/// The states one can give a network; the others it reaches with EndNetwork.
fn state_in_request(number: i32, fields: &mut Fields<'_>) -> NetworkState {
    let state = fields.optional("state", number, NetworkState::from_pb);
    if matches!(state, Some(NetworkState::Ended | NetworkState::Merged)) {
        fields
            .refuse("state", "must be ANNOUNCED, ACTIVE or DORMANT: networks end with EndNetwork");
    }
    state.unwrap_or(NetworkState::Active)
}
