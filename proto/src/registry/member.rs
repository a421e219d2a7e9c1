//! A member, strict.

pub use crate::enums::registry::{ExternalIdScheme, MemberKind, MemberState};

use crate::common::{GeoPoint, Name, Source};
use crate::country::Country;
use crate::date::PartialDate;
use crate::enums;
use crate::ids::{MemberId, NetworkId, name_or_empty};
use crate::limits::*;
use crate::path::Path;
use crate::pb::registry::v1 as pb;
use crate::stored::{self, Corrupt, Recorded};
use crate::text;
use crate::violation::Violations;

/// Somebody who can belong to networks: most often a municipality.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub id: MemberId,
    /// Its names and aliases by language; the first official one is shown. At least 1, at most 50.
    pub names: Vec<Name>,
    /// What it is. Required.
    pub kind: MemberKind,
    /// The source's own word for what it is, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Country, ISO 3166-1 alpha-2, such as ES. Empty only for members that belong to no country.
    pub country: Option<Country>,
    /// UN M49 code of its continent, three digits. Empty means not known.
    pub m49_region: String,
    /// UN M49 code of its sub-region, three digits. Empty means not known.
    pub m49_subregion: String,
    /// Where it is. Absent means not known.
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
    /// When it ceased to exist or to be counted. Absent means that it has not, or not known.
    pub retired: Option<PartialDate>,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 50.
    pub sources: Vec<Source>,
    /// What the service writes down with it.
    pub recorded: Recorded,
}

impl Member {
    /// From a message of a request.
    pub fn parse(message: pb::Member, field: &str, violations: &mut Violations) -> Option<Member> {
        Member::read(message, &Path::root(field), violations)
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
        }
    }

    /// From our own stored message, with what the registry set.
    pub fn from_stored(mut message: pb::Member) -> Result<Member, Corrupt> {
        let (root, mut violations) = (Path::root(""), Violations::default());
        let recorded = Recorded::from(&message);
        let state = std::mem::take(&mut message.state);
        let state =
            enums::required(state, MemberState::from_pb, &root.field("state"), &mut violations);
        let retired =
            PartialDate::optional(message.retired.take(), &root.field("retired"), &mut violations);
        let member = Member::read(message, &root, &mut violations);
        violations.finish()?;
        let (Some(member), Some(state)) = (member, state) else { return Err(Corrupt::missing()) };
        Ok(Member { state, retired, recorded, ..member })
    }

    pub(crate) fn read(
        message: pb::Member,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Member> {
        let before = violations.len();
        let id = MemberId::required(&message.name, &at.field("name"), violations);
        if message.names.is_empty() {
            violations.at(&at.field("names"), "needs at least one name");
        }
        let names = text::list(message.names, NAMES, &at.field("names"), violations, Name::read);
        let kind =
            enums::required(message.kind, MemberKind::from_pb, &at.field("kind"), violations);
        let kind_stated = text::line(
            message.kind_stated,
            KIND_STATED_CHARACTERS,
            &at.field("kind_stated"),
            violations,
        );
        let country = Country::optional(&message.country, &at.field("country"), violations);
        let m49_region = text::m49(message.m49_region, &at.field("m49_region"), violations);
        let m49_subregion =
            text::m49(message.m49_subregion, &at.field("m49_subregion"), violations);
        let point = message
            .point
            .and_then(|message| GeoPoint::read(message, &at.field("point"), violations));
        let populations = text::list(
            message.populations,
            POPULATIONS,
            &at.field("populations"),
            violations,
            Population::read,
        );
        let external_ids = text::list(
            message.external_ids,
            EXTERNAL_IDS,
            &at.field("external_ids"),
            violations,
            ExternalId::read,
        );
        let network = NetworkId::optional(&message.network, &at.field("network"), violations);
        let predecessors = text::distinct(
            message.predecessors,
            PREDECESSORS,
            &at.field("predecessors"),
            violations,
            |name, at, violations| MemberId::required(&name, at, violations),
        );
        let state = state_in_request(message.state, &at.field("state"), violations);
        let note = text::prose(message.note, NOTE_CHARACTERS, &at.field("note"), violations);
        let sources =
            text::list(message.sources, SOURCES, &at.field("sources"), violations, Source::read);
        if violations.len() > before {
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
            recorded: Recorded::default(),
        })
    }
}

/// How many people live somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// The number, zero or more.
    pub count: i64,
    /// For when it is stated. Absent means not known.
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
        Population::read(message, &Path::root(field), violations)
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

    pub(crate) fn read(
        message: pb::Population,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Population> {
        let before = violations.len();
        let count = text::count(message.count, &at.field("count"), violations);
        let as_of = PartialDate::optional(message.as_of, &at.field("as_of"), violations);
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
        ExternalId::read(message, &Path::root(field), violations)
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

    pub(crate) fn read(
        message: pb::ExternalId,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<ExternalId> {
        let before = violations.len();
        let scheme = enums::required(
            message.scheme,
            ExternalIdScheme::from_pb,
            &at.field("scheme"),
            violations,
        );
        if let Some(scheme) = scheme.filter(|scheme| !is_id_of(*scheme, &message.value)) {
            violations.at(&at.field("value"), format!("must be {}", form_of(scheme)));
        }
        let value =
            text::title(message.value, EXTERNAL_ID_CHARACTERS, &at.field("value"), violations);
        let label =
            text::line(message.label, EXTERNAL_LABEL_CHARACTERS, &at.field("label"), violations);
        if violations.len() > before {
            return None;
        }
        Some(ExternalId { scheme: scheme?, value, label })
    }
}

/// The state one can give a member; the other it reaches with RetireMember.
fn state_in_request(number: i32, at: &Path<'_>, violations: &mut Violations) -> MemberState {
    let state = enums::optional(number, MemberState::from_pb, at, violations);
    if state == Some(MemberState::Retired) {
        violations.at(at, "must be ACTIVE: members are retired with RetireMember");
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
