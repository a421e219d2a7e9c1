//! A member, strict.

pub use crate::enums::registry::{ExternalIdScheme, MemberKind, MemberState};

use crate::common::{GeoPoint, Name, Reading, Source};
use crate::country::Country;
use crate::date::PartialDate;
use crate::fields::{Fields, distinct};
use crate::ids::{MemberId, NetworkId, name_or_empty};
use crate::limits::*;
use crate::path::Path;
use crate::pb::registry::v1 as pb;
use crate::reading;
use crate::stored::{self, Corrupt, Recorded};
use crate::violation::Violations;

/// Somebody who can belong to networks: most often a municipality.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub id: MemberId,
    /// Its names and aliases by language; the first official one is shown. At least 1, at most 50.
    pub names: Vec<Name>,
    /// What it is.
    pub kind: MemberKind,
    /// The source's own word for what it is, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Country, ISO 3166-1 alpha-2, such as ES. None only for members that belong to no country.
    pub country: Option<Country>,
    /// UN M49 code of its continent, three digits. Empty means not known.
    pub m49_region: String,
    /// UN M49 code of its sub-region, three digits. Empty means not known.
    pub m49_subregion: String,
    /// Where it is. None means not known.
    pub point: Option<GeoPoint>,
    /// How many people live there, as sources state it. At most 50.
    pub populations: Vec<Population>,
    /// What others call it by. At most 50.
    pub external_ids: Vec<ExternalId>,
    /// The network it is, `networks/{id}`, when a network is itself a member of networks. Empty otherwise.
    pub network: Option<NetworkId>,
    /// Members it took over from, `members/{id}`. At most 50; each must exist.
    pub predecessors: Vec<MemberId>,
    /// Where it is in its life. Set by the registry; unspecified at creation means ACTIVE.
    pub state: MemberState,
    /// When it ceased to exist or to be counted. None means that it has not, or not known.
    pub retired: Option<PartialDate>,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 50.
    pub sources: Vec<Source>,
    /// Whether it is the capital of its country.
    pub capital: bool,
    /// What other sources say of fields above. At most 50.
    pub readings: Vec<Reading>,
    /// What the service writes down with it.
    pub recorded: Recorded,
}

impl Member {
    /// From a message of a request.
    pub fn parse(message: pb::Member, field: &str, violations: &mut Violations) -> Option<Member> {
        Member::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Member {
        pb::Member {
            name: self.id.to_string(),
            names: self.names.iter().map(Name::to_pb).collect(),
            kind: self.kind.to_pb(),
            kind_stated: self.kind_stated.clone(),
            country: self.country.map_or_else(String::new, |country| country.to_string()),
            m49_region: self.m49_region.clone(),
            m49_subregion: self.m49_subregion.clone(),
            point: self.point.as_ref().map(GeoPoint::to_pb),
            populations: self.populations.iter().map(Population::to_pb).collect(),
            external_ids: self.external_ids.iter().map(ExternalId::to_pb).collect(),
            network: name_or_empty(self.network.as_ref()),
            predecessors: self.predecessors.iter().map(MemberId::to_string).collect(),
            state: self.state.to_pb(),
            retired: self.retired.map(PartialDate::to_pb),
            note: self.note.clone(),
            sources: self.sources.iter().map(Source::to_pb).collect(),
            etag: self.recorded.etag(),
            created_position: self.recorded.created_position,
            updated_position: self.recorded.updated_position,
            created_at: stored::timestamp(self.recorded.created_at_micros),
            updated_at: stored::timestamp(self.recorded.updated_at_micros),
            capital: self.capital,
            readings: self.readings.iter().map(Reading::to_pb).collect(),
        }
    }

    /// From our own stored message, with what the registry set.
    pub fn from_stored(message: pb::Member) -> Result<Member, Corrupt> {
        stored::read(message, |mut message, fields| {
            let recorded = Recorded::from(&message);
            let state = std::mem::take(&mut message.state);
            let state = fields.required("state", state, MemberState::from_pb);
            let retired = fields.date("retired", message.retired);
            let member = Member::read(message, fields)?;
            Some(Member { state: state?, retired, recorded, ..member })
        })
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Member, fields: &mut Fields<'_>) -> Option<Member> {
        let id = fields.required_name("name", &message.name, MemberId::parse);
        if message.names.is_empty() {
            fields.refuse("names", "needs at least one name");
        }
        let names = fields.list("names", message.names, NAMES, Name::read);
        let kind = fields.required("kind", message.kind, MemberKind::from_pb);
        let kind_stated = fields.line("kind_stated", message.kind_stated, KIND_STATED_CHARACTERS);
        let country = fields.optional_name("country", &message.country, Country::parse);
        let m49_region = fields.m49("m49_region", message.m49_region);
        let m49_subregion = fields.m49("m49_subregion", message.m49_subregion);
        let point = fields.message("point", message.point, GeoPoint::read);
        let populations =
            fields.list("populations", message.populations, POPULATIONS, Population::read);
        let external_ids =
            fields.list("external_ids", message.external_ids, EXTERNAL_IDS, ExternalId::read);
        let network = fields.optional_name("network", &message.network, NetworkId::parse);
        let predecessors = distinct(fields.names(
            "predecessors",
            message.predecessors,
            PREDECESSORS,
            MemberId::parse,
        ));
        let state = state_in_request(message.state, fields);
        let note = fields.prose("note", message.note, NOTE_CHARACTERS);
        let sources = fields.list("sources", message.sources, SOURCES, Source::read);
        let readings = fields.list("readings", message.readings, READINGS, reading::of_member);
        if fields.violated() {
            return None;
        }
        Some(Member {
            id: id?,
            names,
            kind: kind?,
            kind_stated,
            country,
            m49_region,
            m49_subregion,
            point,
            populations,
            external_ids,
            network,
            predecessors,
            state,
            retired: None,
            note,
            sources,
            capital: message.capital,
            readings,
            recorded: Recorded::default(),
        })
    }
}

/// How many people live somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// The number, zero or more.
    pub count: i64,
    /// For when it is stated. None means not known.
    pub as_of: Option<PartialDate>,
    /// Who states it. At most 20.
    pub sources: Vec<Source>,
}

impl Population {
    /// From a message of a request.
    pub fn parse(
        message: pb::Population,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Population> {
        Population::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Population {
        pb::Population {
            count: self.count,
            as_of: self.as_of.map(PartialDate::to_pb),
            sources: self.sources.iter().map(Source::to_pb).collect(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Population) -> Result<Population, Corrupt> {
        stored::read(message, Population::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Population, fields: &mut Fields<'_>) -> Option<Population> {
        let count = fields.count("count", message.count);
        let as_of = fields.date("as_of", message.as_of);
        let sources = fields.list("sources", message.sources, PART_SOURCES, Source::read);
        if fields.violated() {
            return None;
        }
        Some(Population { count, as_of, sources })
    }
}

/// What another system calls a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalId {
    /// The other system. Required.
    pub scheme: ExternalIdScheme,
    /// The id there. Required, 1 to 100 characters.
    pub value: String,
    /// What it is called there, at most 300 characters. Empty means not recorded.
    pub label: String,
}

impl ExternalId {
    /// From a message of a request.
    pub fn parse(
        message: pb::ExternalId,
        field: &str,
        violations: &mut Violations,
    ) -> Option<ExternalId> {
        ExternalId::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::ExternalId {
        pb::ExternalId {
            scheme: self.scheme.to_pb(),
            value: self.value.clone(),
            label: self.label.clone(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::ExternalId) -> Result<ExternalId, Corrupt> {
        stored::read(message, ExternalId::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::ExternalId, fields: &mut Fields<'_>) -> Option<ExternalId> {
        let scheme = fields.required("scheme", message.scheme, ExternalIdScheme::from_pb);
        if let Some(scheme) = scheme.filter(|scheme| !is_id_of(*scheme, &message.value)) {
            fields.refuse("value", format!("must be {}", form_of(scheme)));
        }
        let value = fields.title("value", message.value, EXTERNAL_ID_CHARACTERS);
        let label = fields.line("label", message.label, EXTERNAL_LABEL_CHARACTERS);
        if fields.violated() {
            return None;
        }
        Some(ExternalId { scheme: scheme?, value, label })
    }
}

/// The state one can give a member; the other it reaches with RetireMember.
fn state_in_request(number: i32, fields: &mut Fields<'_>) -> MemberState {
    let state = fields.optional("state", number, MemberState::from_pb);
    if state == Some(MemberState::Retired) {
        fields.refuse("state", "must be ACTIVE: members are retired with RetireMember");
    }
    MemberState::Active
}

fn is_id_of(scheme: ExternalIdScheme, value: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match scheme {
        ExternalIdScheme::Geonames => number(value),
        ExternalIdScheme::Wikidata => value.strip_prefix('Q').is_some_and(number),
        ExternalIdScheme::UnLocode => {
            let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            value.len() == 5
                && value.bytes().all(allowed)
                && value.bytes().take(2).all(|byte| byte.is_ascii_uppercase())
        }
    }
}

const fn form_of(scheme: ExternalIdScheme) -> &'static str {
    match scheme {
        ExternalIdScheme::Geonames => "a number",
        ExternalIdScheme::Wikidata => "Q and a number",
        ExternalIdScheme::UnLocode => "a country and three characters, such as ESBCN",
    }
}
