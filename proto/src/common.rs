//! What the registry and the feed both speak of: sources, names, places, money, stated counts, targets.

pub use crate::enums::common::{FrontType, NameKind, TargetKind};

pub use crate::reading::{Reading, ReadingOf, ReadingValue};

use crate::date::PartialDate;
use crate::fields::Fields;
use crate::limits::*;
use crate::path::Path;
use crate::pb::common::v1 as pb;
use crate::stored::{self, Corrupt};
use crate::violation::Violations;

/// Where a fact comes from. Facts that contradict each other stand side by side, each with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Author, title, publisher and date, as one would cite it. Required, 1 to 1,000 characters.
    pub citation: String,
    /// Where it can be read: an absolute http or https URI of at most 2,000 characters. Empty means
    /// that none is known.
    pub uri: String,
    /// What this source adds or how it differs, at most 2,000 characters. Empty means nothing to add.
    pub note: String,
}

impl Source {
    /// From a message of a request.
    pub fn parse(message: pb::Source, field: &str, violations: &mut Violations) -> Option<Source> {
        Source::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Source {
        pb::Source {
            citation: self.citation.clone(),
            uri: self.uri.clone(),
            note: self.note.clone(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Source) -> Result<Source, Corrupt> {
        stored::read(message, Source::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Source, fields: &mut Fields<'_>) -> Option<Source> {
        let citation = fields.title("citation", message.citation, CITATION_CHARACTERS);
        let uri = fields.uri("uri", message.uri);
        let note = fields.prose("note", message.note, SOURCE_NOTE_CHARACTERS);
        if fields.violated() {
            return None;
        }
        Some(Source { citation, uri, note })
    }
}

/// A name of something, in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name itself. Required, 1 to 300 characters.
    pub text: String,
    /// BCP 47 tag of the language, such as `fr` or `pt-BR`. Empty means that it is not stated.
    pub language: String,
    /// What sort of name it is.
    pub kind: NameKind,
}

impl Name {
    /// From a message of a request.
    pub fn parse(message: pb::Name, field: &str, violations: &mut Violations) -> Option<Name> {
        Name::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Name {
        pb::Name {
            text: self.text.clone(),
            language: self.language.clone(),
            kind: self.kind.to_pb(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Name) -> Result<Name, Corrupt> {
        stored::read(message, Name::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Name, fields: &mut Fields<'_>) -> Option<Name> {
        let text = fields.title("text", message.text, NAME_CHARACTERS);
        let language = fields.language("language", message.language);
        let kind =
            fields.optional("kind", message.kind, NameKind::from_pb).unwrap_or(NameKind::Official);
        if fields.violated() {
            return None;
        }
        Some(Name { text, language, kind })
    }
}

/// A point on the Earth, WGS 84.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoPoint {
    /// Degrees north of the equator, -90 to 90.
    pub latitude: f64,
    /// Degrees east of Greenwich, -180 to 180.
    pub longitude: f64,
}

impl GeoPoint {
    /// From a message of a request.
    pub fn parse(
        message: pb::GeoPoint,
        field: &str,
        violations: &mut Violations,
    ) -> Option<GeoPoint> {
        GeoPoint::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::GeoPoint {
        pb::GeoPoint { latitude: self.latitude, longitude: self.longitude }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::GeoPoint) -> Result<GeoPoint, Corrupt> {
        stored::read(message, GeoPoint::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::GeoPoint, fields: &mut Fields<'_>) -> Option<GeoPoint> {
        let latitude = degrees("latitude", message.latitude, 90.0, fields);
        let longitude = degrees("longitude", message.longitude, 180.0, fields);
        if fields.violated() {
            return None;
        }
        Some(GeoPoint { latitude, longitude })
    }
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// ISO 4217 code, three capital letters, such as EUR. Required.
    pub currency: String,
    /// Whole units of the currency, zero or more.
    pub units: i64,
    /// Billionths of a unit, 0 to 999,999,999.
    pub nanos: i32,
}

impl Money {
    /// From a message of a request.
    pub fn parse(message: pb::Money, field: &str, violations: &mut Violations) -> Option<Money> {
        Money::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Money {
        pb::Money { currency: self.currency.clone(), units: self.units, nanos: self.nanos }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Money) -> Result<Money, Corrupt> {
        stored::read(message, Money::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Money, fields: &mut Fields<'_>) -> Option<Money> {
        let capital = message.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if message.currency.len() != CURRENCY_LETTERS || !capital {
            fields.refuse("currency", "must be three capital letters, such as EUR");
        }
        if !(0..=NANOS).contains(&message.nanos) {
            fields.refuse("nanos", format!("must be 0 to {NANOS}"));
        }
        let units = fields.count("units", message.units);

        if fields.violated() {
            return None;
        }
        Some(Money { currency: message.currency, units, nanos: message.nanos })
    }
}

/// How many there are of something, as a source states it, beside what the registry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedCount {
    /// The number stated, zero or more.
    pub count: i64,
    /// For when the source states it. None means that the source does not say.
    pub as_of: Option<PartialDate>,
    /// Who states it. May be empty when the fact around it names its sources.
    pub sources: Vec<Source>,
}

impl StatedCount {
    /// From a message of a request.
    pub fn parse(
        message: pb::StatedCount,
        field: &str,
        violations: &mut Violations,
    ) -> Option<StatedCount> {
        StatedCount::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::StatedCount {
        pb::StatedCount {
            count: self.count,
            as_of: self.as_of.map(PartialDate::to_pb),
            sources: self.sources.iter().map(Source::to_pb).collect(),
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::StatedCount) -> Result<StatedCount, Corrupt> {
        stored::read(message, StatedCount::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::StatedCount, fields: &mut Fields<'_>) -> Option<StatedCount> {
        let count = fields.count("count", message.count);
        let as_of = fields.date("as_of", message.as_of);
        let sources = fields.list("sources", message.sources, PART_SOURCES, Source::read);
        if fields.violated() {
            return None;
        }
        Some(StatedCount { count, as_of, sources })
    }
}

/// Whom or what a statement or a campaign is aimed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name as the source gives it. Required, 1 to 500 characters.
    pub name: String,
    /// What it is. None means that the source does not let one say.
    pub kind: Option<TargetKind>,
}

impl Target {
    /// From a message of a request.
    pub fn parse(message: pb::Target, field: &str, violations: &mut Violations) -> Option<Target> {
        Target::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Target {
        pb::Target { name: self.name.clone(), kind: self.kind.map_or(0, TargetKind::to_pb) }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Target) -> Result<Target, Corrupt> {
        stored::read(message, Target::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Target, fields: &mut Fields<'_>) -> Option<Target> {
        let name = fields.title("name", message.name, TARGET_CHARACTERS);
        let kind = fields.optional("kind", message.kind, TargetKind::from_pb);
        if fields.violated() {
            return None;
        }
        Some(Target { name, kind })
    }
}

/// An angle from the equator or from Greenwich; not a number is not an angle.
fn degrees(name: &str, value: f64, most: f64, fields: &mut Fields<'_>) -> f64 {
    if !(-most..=most).contains(&value) {
        fields.refuse(name, format!("must be -{most} to {most} degrees"));
    }
    value
}
