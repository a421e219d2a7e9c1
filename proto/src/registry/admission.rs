//! How one becomes a member of a network, strict.

pub use crate::enums::registry::AdmissionMode;

use crate::country::Country;
use crate::enums::registry::{MemberKind, MembershipClass};
use crate::fields::{Fields, distinct};
use crate::limits::{ADMISSION_KINDS, COUNTRIES, RULES_CHARACTERS};
use crate::path::Path;
use crate::pb::registry::v1 as pb;
use crate::stored::{self, Corrupt};
use crate::violation::Violations;

/// How one becomes a member of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Who decides.
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
        Admission::read(message, &mut Fields::new(&Path::root(field), violations))
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

    /// From the fields of a message within a request.
    pub fn read(message: pb::Admission, fields: &mut Fields<'_>) -> Option<Admission> {
        let mode = fields
            .optional("mode", message.mode, AdmissionMode::from_pb)
            .unwrap_or(AdmissionMode::Open);
        let charter_required = message.charter_required;
        let rules_stated = fields.prose("rules_stated", message.rules_stated, RULES_CHARACTERS);
        let classes = distinct(fields.values(
            "classes",
            message.classes,
            ADMISSION_KINDS,
            MembershipClass::from_pb,
        ));
        let member_kinds = distinct(fields.values(
            "member_kinds",
            message.member_kinds,
            ADMISSION_KINDS,
            MemberKind::from_pb,
        ));
        let countries =
            distinct(fields.names("countries", message.countries, COUNTRIES, Country::parse));
        let min_population = fields.count("min_population", message.min_population);
        if fields.violated() {
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
