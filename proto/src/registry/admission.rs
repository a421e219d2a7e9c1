//! How one becomes a member of a network, strict: who decides, and who may belong.

pub use crate::enums::registry::AdmissionMode;

use crate::country::Country;
use crate::enums::registry::{MemberKind, MembershipClass};
use crate::fields::{Fields, distinct};
use crate::limits::{ADMISSION_KINDS, CLASS_RULES, COUNTRIES, M49_REGIONS, RULES_CHARACTERS};
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
    /// Who may belong, in whatever class. The default is all.
    pub eligibility: Eligibility,
    /// Who may belong in a class, beyond `eligibility`. At most one for a class; a class without one is
    /// open to all who are eligible.
    pub class_rules: Vec<ClassRule>,
    /// Whether the member's council must have voted first.
    pub council_vote_required: bool,
    /// Most ACTIVE and SUSPENDED members at a time. 0 means no limit.
    pub max_members: i64,
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
        let all = self.eligibility == Eligibility::default();
        pb::Admission {
            mode: self.mode.to_pb(),
            charter_required: self.charter_required,
            rules_stated: self.rules_stated.clone(),
            classes: self.classes.iter().map(|class| class.to_pb()).collect(),
            eligibility: (!all).then(|| self.eligibility.to_pb()),
            class_rules: self.class_rules.iter().map(ClassRule::to_pb).collect(),
            council_vote_required: self.council_vote_required,
            max_members: self.max_members,
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Admission) -> Result<Admission, Corrupt> {
        stored::read(message, Admission::read)
    }

    /// The rule of a class, when it has one of its own.
    pub fn rule_of(&self, class: MembershipClass) -> Option<&Eligibility> {
        let rule = self.class_rules.iter().find(|rule| rule.class == class)?;
        Some(&rule.eligibility)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Admission, fields: &mut Fields<'_>) -> Option<Admission> {
        let mode = fields
            .optional("mode", message.mode, AdmissionMode::from_pb)
            .unwrap_or(AdmissionMode::Open);
        let rules_stated = fields.prose("rules_stated", message.rules_stated, RULES_CHARACTERS);
        let classes = distinct(fields.values(
            "classes",
            message.classes,
            ADMISSION_KINDS,
            MembershipClass::from_pb,
        ));
        let eligibility = message.eligibility.unwrap_or_default();
        let eligibility = fields.message("eligibility", Some(eligibility), Eligibility::read);
        let class_rules =
            fields.list("class_rules", message.class_rules, CLASS_RULES, ClassRule::read);
        check_class_rules(&classes, &class_rules, fields);
        let max_members = fields.count("max_members", message.max_members);
        if fields.violated() {
            return None;
        }
        Some(Admission {
            mode,
            charter_required: message.charter_required,
            rules_stated,
            classes,
            eligibility: eligibility?,
            class_rules,
            council_vote_required: message.council_vote_required,
            max_members,
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
            eligibility: Eligibility::default(),
            class_rules: Vec::new(),
            council_vote_required: false,
            max_members: 0,
        }
    }
}

/// Who may belong in a class of membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassRule {
    /// The class.
    pub class: MembershipClass,
    /// Who may belong in it.
    pub eligibility: Eligibility,
}

impl ClassRule {
    /// As a message.
    pub fn to_pb(&self) -> pb::ClassRule {
        pb::ClassRule { class: self.class.to_pb(), eligibility: Some(self.eligibility.to_pb()) }
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::ClassRule, fields: &mut Fields<'_>) -> Option<ClassRule> {
        let class = fields.required("class", message.class, MembershipClass::from_pb);
        if message.eligibility.is_none() {
            fields.refuse("eligibility", "is required");
        }
        let eligibility = fields.message("eligibility", message.eligibility, Eligibility::read);
        Some(ClassRule { class: class?, eligibility: eligibility? })
    }
}

/// Who may belong. All that is given must hold; the default is everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Eligibility {
    /// Kinds of member. Empty means all.
    pub member_kinds: Vec<MemberKind>,
    /// Countries. Empty means all.
    pub countries: Vec<Country>,
    /// Countries whose members may not belong.
    pub excluded_countries: Vec<Country>,
    /// Continents, UN M49 codes of three digits. Empty means all.
    pub m49_regions: Vec<String>,
    /// Smallest population. 0 means no limit; with a limit, a member whose population is not known is
    /// refused.
    pub min_population: i64,
    /// Largest population. 0 means no limit; with a limit, a member whose population is not known is
    /// refused.
    pub max_population: i64,
    /// Only capitals.
    pub capitals_only: bool,
}

impl Eligibility {
    /// As a message.
    pub fn to_pb(&self) -> pb::Eligibility {
        pb::Eligibility {
            member_kinds: self.member_kinds.iter().map(|kind| kind.to_pb()).collect(),
            countries: self.countries.iter().map(Country::to_string).collect(),
            excluded_countries: self.excluded_countries.iter().map(Country::to_string).collect(),
            m49_regions: self.m49_regions.clone(),
            min_population: self.min_population,
            max_population: self.max_population,
            capitals_only: self.capitals_only,
        }
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Eligibility, fields: &mut Fields<'_>) -> Option<Eligibility> {
        let member_kinds = distinct(fields.values(
            "member_kinds",
            message.member_kinds,
            ADMISSION_KINDS,
            MemberKind::from_pb,
        ));
        let mut countries =
            |name, codes| distinct(fields.names(name, codes, COUNTRIES, Country::parse));
        let (only, never) = (message.countries, message.excluded_countries);
        let (countries, excluded_countries) =
            (countries("countries", only), countries("excluded_countries", never));
        let m49_regions = distinct(fields.m49s("m49_regions", message.m49_regions, M49_REGIONS));
        let min_population = fields.count("min_population", message.min_population);
        let max_population = fields.count("max_population", message.max_population);
        if max_population > 0 && max_population < min_population {
            fields.refuse("max_population", "must not be smaller than `min_population`");
        }
        if fields.violated() {
            return None;
        }
        Some(Eligibility {
            member_kinds,
            countries,
            excluded_countries,
            m49_regions,
            min_population,
            max_population,
            capitals_only: message.capitals_only,
        })
    }
}

/// One rule for a class at the most, and none for a class that is not offered.
fn check_class_rules(classes: &[MembershipClass], rules: &[ClassRule], fields: &mut Fields<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        let class = rule.class.as_str();
        if rules.iter().take(index).any(|before| before.class == rule.class) {
            fields.refuse("class_rules", format!("has two rules for the class {class}"));
        }
        if !classes.is_empty() && !classes.contains(&rule.class) {
            fields.refuse("class_rules", format!("has a rule for {class}, which is not offered"));
        }
    }
}
