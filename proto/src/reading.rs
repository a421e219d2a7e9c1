//! What sources say of a field that holds something else: readings stand side by side with it. Each names
//! a field of the message that holds it, and its value is of that field's type.

use std::str::FromStr;

use crate::common::{FrontType, Source};
use crate::country::Country;
use crate::date::PartialDate;
use crate::enums::{feed as feed_words, registry as words};
use crate::fields::Fields;
use crate::limits::{PART_SOURCES, READING_CHARACTERS, READING_NOTE_CHARACTERS};
use crate::path::Path;
use crate::pb::common::v1 as pb;
use crate::violation::Violations;

/// What a source says of a field that holds something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Name of the field, such as `founded`: a field of the message that holds the reading.
    pub field: String,
    /// What the source says.
    pub value: ReadingValue,
    /// Who says so. At least 1, at most 20.
    pub sources: Vec<Source>,
    /// Anything else worth knowing, at most 2,000 characters.
    pub note: String,
}

/// The value of a reading, of the type of its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadingValue {
    /// Of a field that is a date.
    Date(PartialDate),
    /// Of a field that is a number.
    Count(i64),
    /// Of any other field, in words.
    Text(String),
}

/// The message that holds a reading: it says which fields there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingOf {
    /// A network.
    Network,
    /// A member.
    Member,
    /// A term of a membership.
    Term,
    /// A statement.
    Statement,
    /// A campaign.
    Campaign,
}

impl Reading {
    /// From a message of a request.
    pub fn parse(
        message: pb::Reading,
        of: ReadingOf,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Reading> {
        let readable = match of {
            ReadingOf::Network => NETWORK,
            ReadingOf::Member => MEMBER,
            ReadingOf::Term => TERM,
            ReadingOf::Statement => STATEMENT,
            ReadingOf::Campaign => CAMPAIGN,
        };
        read(message, readable, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Reading {
        let value = match &self.value {
            ReadingValue::Date(date) => pb::reading::Value::Date(date.to_pb()),
            ReadingValue::Count(count) => pb::reading::Value::Count(*count),
            ReadingValue::Text(text) => pb::reading::Value::Text(text.clone()),
        };
        pb::Reading {
            field: self.field.clone(),
            value: Some(value),
            sources: self.sources.iter().map(Source::to_pb).collect(),
            note: self.note.clone(),
        }
    }
}

/// What the value of a field may be.
#[derive(Clone, Copy)]
enum Holds {
    Date,
    Count,
    Text,
    Word(fn(&str) -> Result<(), String>),
}

type Readable = (&'static str, Holds);

/// What can be read of a network.
const NETWORK: &[Readable] = &[
    ("names", Holds::Text),
    ("kind", Holds::Word(word::<words::NetworkKind>)),
    ("kind_stated", Holds::Text),
    ("front_type", Holds::Word(word::<FrontType>)),
    ("scale", Holds::Word(word::<words::Scale>)),
    ("origin", Holds::Word(word::<words::Origin>)),
    ("scope", Holds::Word(word::<words::Scope>)),
    ("themes", Holds::Text),
    ("activities", Holds::Text),
    ("founded", Holds::Date),
    ("ended", Holds::Date),
    ("founders", Holds::Text),
    ("sponsors", Holds::Text),
    ("seat", Holds::Text),
    ("stated_member_counts", Holds::Text),
    ("admission", Holds::Text),
    ("state", Holds::Word(word::<words::NetworkState>)),
    ("relations", Holds::Text),
    ("contributions", Holds::Text),
    ("note", Holds::Text),
    ("active_member_count", Holds::Count),
    ("countries", Holds::Text),
    ("m49_regions", Holds::Text),
    ("benefits", Holds::Text),
];

/// What can be read of a member.
const MEMBER: &[Readable] = &[
    ("names", Holds::Text),
    ("kind", Holds::Word(word::<words::MemberKind>)),
    ("kind_stated", Holds::Text),
    ("country", Holds::Word(country)),
    ("m49_region", Holds::Text),
    ("m49_subregion", Holds::Text),
    ("point", Holds::Text),
    ("populations", Holds::Text),
    ("external_ids", Holds::Text),
    ("network", Holds::Text),
    ("predecessors", Holds::Text),
    ("state", Holds::Word(word::<words::MemberState>)),
    ("retired", Holds::Date),
    ("note", Holds::Text),
    ("capital", Holds::Word(yes_or_no)),
];

/// What can be read of a term.
const TERM: &[Readable] = &[
    ("state", Holds::Word(word::<words::MembershipState>)),
    ("class", Holds::Word(word::<words::MembershipClass>)),
    ("roles", Holds::Text),
    ("grade", Holds::Text),
    ("representative", Holds::Text),
    ("applied", Holds::Date),
    ("invited", Holds::Date),
    ("charter_signed", Holds::Date),
    ("joined", Holds::Date),
    ("left", Holds::Date),
    ("as_of", Holds::Date),
    ("end_reason", Holds::Word(word::<words::EndReason>)),
    ("reason", Holds::Text),
    ("note", Holds::Text),
    ("council_voted", Holds::Date),
];

/// What can be read of a statement.
const STATEMENT: &[Readable] = &[
    ("kind", Holds::Word(word::<feed_words::StatementKind>)),
    ("kind_stated", Holds::Text),
    ("title", Holds::Text),
    ("language", Holds::Text),
    ("summary", Holds::Text),
    ("body", Holds::Text),
    ("document_uri", Holds::Text),
    ("issuer_network", Holds::Text),
    ("acting_member", Holds::Text),
    ("issuer_members", Holds::Text),
    ("authors_stated", Holds::Text),
    ("stated_signature_counts", Holds::Text),
    ("signature_count", Holds::Count),
    ("target", Holds::Text),
    ("supporters", Holds::Text),
    ("themes", Holds::Text),
    ("campaign", Holds::Text),
    ("published", Holds::Date),
    ("note", Holds::Text),
    ("reason", Holds::Text),
    ("effective_threshold", Holds::Count),
    ("effective", Holds::Word(yes_or_no)),
    ("further_targets", Holds::Text),
];

/// What can be read of a campaign.
const CAMPAIGN: &[Readable] = &[
    ("title", Holds::Text),
    ("kind", Holds::Word(word::<feed_words::CampaignKind>)),
    ("kind_stated", Holds::Text),
    ("front_type", Holds::Word(word::<FrontType>)),
    ("network", Holds::Text),
    ("acting_member", Holds::Text),
    ("leads", Holds::Text),
    ("supporters", Holds::Text),
    ("target", Holds::Text),
    ("demands", Holds::Text),
    ("themes", Holds::Text),
    ("summary", Holds::Text),
    ("started", Holds::Date),
    ("ended", Holds::Date),
    ("outcome", Holds::Text),
    ("milestones", Holds::Text),
    ("participant_count", Holds::Count),
    ("note", Holds::Text),
    ("evaluations", Holds::Text),
    ("statements", Holds::Text),
];

/// Reads a reading of a network.
pub(crate) fn of_network(message: pb::Reading, fields: &mut Fields<'_>) -> Option<Reading> {
    read(message, NETWORK, fields)
}

/// Reads a reading of a member.
pub(crate) fn of_member(message: pb::Reading, fields: &mut Fields<'_>) -> Option<Reading> {
    read(message, MEMBER, fields)
}

/// Reads a reading of a term.
pub(crate) fn of_term(message: pb::Reading, fields: &mut Fields<'_>) -> Option<Reading> {
    read(message, TERM, fields)
}

/// Reads a reading of a statement.
pub(crate) fn of_statement(message: pb::Reading, fields: &mut Fields<'_>) -> Option<Reading> {
    read(message, STATEMENT, fields)
}

/// Reads a reading of a campaign.
pub(crate) fn of_campaign(message: pb::Reading, fields: &mut Fields<'_>) -> Option<Reading> {
    read(message, CAMPAIGN, fields)
}

fn read(message: pb::Reading, readable: &[Readable], fields: &mut Fields<'_>) -> Option<Reading> {
    let holds = readable.iter().find(|(field, _)| *field == message.field).map(|(_, holds)| *holds);
    if holds.is_none() {
        let names: Vec<&str> = readable.iter().map(|(field, _)| *field).collect();
        fields.refuse("field", format!("must be one of {}", names.join(", ")));
    }
    let value = value(message.value, holds, fields);
    if message.sources.is_empty() {
        fields.refuse("sources", "needs at least one source");
    }
    let sources = fields.list("sources", message.sources, PART_SOURCES, Source::read);
    let note = fields.prose("note", message.note, READING_NOTE_CHARACTERS);
    if fields.violated() {
        return None;
    }
    Some(Reading { field: message.field, value: value?, sources, note })
}

/// The value, when it is of the type that the field holds; of a field that is not known any will do.
fn value(
    value: Option<pb::reading::Value>,
    holds: Option<Holds>,
    fields: &mut Fields<'_>,
) -> Option<ReadingValue> {
    use pb::reading::Value;
    match (value, holds) {
        (None, _) => fields.refuse("value", "is required"),
        (Some(Value::Date(date)), None | Some(Holds::Date)) => {
            return fields.date("date", Some(date)).map(ReadingValue::Date);
        }
        (Some(Value::Count(count)), None | Some(Holds::Count)) => {
            return Some(ReadingValue::Count(fields.count("count", count)));
        }
        (Some(Value::Text(text)), None | Some(Holds::Text)) => {
            return Some(ReadingValue::Text(in_words(text, fields)));
        }
        (Some(Value::Text(text)), Some(Holds::Word(check))) => {
            if let Err(problem) = check(&text) {
                fields.refuse("text", problem);
            }
            return Some(ReadingValue::Text(text));
        }
        (Some(_), Some(Holds::Date)) => fields.refuse("value", "must be a date: the field is one"),
        (Some(_), Some(Holds::Count)) => {
            fields.refuse("value", "must be a count: the field is a number");
        }
        (Some(_), Some(Holds::Text | Holds::Word(_))) => {
            fields.refuse("value", "must be a text: the field is neither a date nor a number");
        }
    }
    None
}

fn in_words(text: String, fields: &mut Fields<'_>) -> String {
    fields.required_prose("text", text, READING_CHARACTERS)
}

fn word<E: FromStr<Err = crate::enums::UnknownWord>>(text: &str) -> Result<(), String> {
    let unknown =
        |error: crate::enums::UnknownWord| format!("must be one of {}", error.allowed.join(", "));
    E::from_str(text).map(drop).map_err(unknown)
}

fn country(text: &str) -> Result<(), String> {
    Country::parse(text).map(drop)
}

fn yes_or_no(text: &str) -> Result<(), String> {
    match text {
        "true" | "false" => Ok(()),
        _ => Err("must be true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use prost::Message as _;
    use prost_types::FileDescriptorSet;
    use prost_types::field_descriptor_proto::{Label, Type};

    use super::*;

    /// Fields that are about the record and not about the world, or that have their own rules.
    const NOT_READ: &[&str] = &[
        "name",
        "readings",
        "sources",
        "etag",
        "created_position",
        "updated_position",
        "created_at",
        "updated_at",
        "certainty",
        "document_sha256",
        "superseded_by",
        "supersedes",
        "handovers",
        "content_sha256",
        "legal_ground",
        "redacted_position",
    ];

    #[test]
    fn every_field_of_the_contract_can_be_read_and_is_of_its_type() {
        let set = FileDescriptorSet::decode(crate::pb::FILE_DESCRIPTOR_SET).expect("our own");
        let tables = [
            ("Network", NETWORK),
            ("Member", MEMBER),
            ("Term", TERM),
            ("Statement", STATEMENT),
            ("Campaign", CAMPAIGN),
        ];
        for (message, table) in tables {
            let messages = set.file.iter().flat_map(|file| &file.message_type);
            let found = messages.into_iter().find(|it| it.name() == message).expect(message);
            let of_contract: Vec<(&str, bool, bool)> = found
                .field
                .iter()
                .filter(|field| !NOT_READ.contains(&field.name()))
                .filter(|field| !(message == "Campaign" && field.name() == "state"))
                .filter(|field| !(message == "Statement" && field.name() == "state"))
                .map(|field| {
                    let single = field.label() != Label::Repeated;
                    let date = single && field.type_name() == ".hansa.common.v1.PartialDate";
                    (field.name(), date, single && field.r#type() == Type::Int64)
                })
                .collect();
            let of_table: Vec<(&str, bool, bool)> = table
                .iter()
                .map(|(name, holds)| {
                    (*name, matches!(holds, Holds::Date), matches!(holds, Holds::Count))
                })
                .collect();
            let sorted = |mut fields: Vec<(&str, bool, bool)>| {
                fields.sort_unstable();
                fields.iter().map(|field| format!("{field:?}")).collect::<Vec<_>>()
            };
            assert_eq!(sorted(of_table), sorted(of_contract), "{message}");
        }
    }
}
