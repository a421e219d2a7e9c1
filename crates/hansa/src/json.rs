//! What resources and events look like as JSON: the field names of the .proto files, enums as words,
//! dates as `2018-09`, bytes in hexadecimal digits, times as RFC 3339. What is absent is left out.

mod event;
mod feed;
mod registry;

pub(crate) use event::{event, headline};
pub(crate) use feed::{campaign, participation, signature, statement};
pub(crate) use registry::{change, history_entry, member, membership, network};

use hansa_proto::common::{NameKind, TargetKind};
use hansa_proto::pb::common::v1 as pb;
use serde_json::{Map, Value};

/// An object, field by field.
#[derive(Default)]
pub(crate) struct Object(Map<String, Value>);

impl Object {
    /// A field that is always there.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// A field that is left out when it is absent, empty or unspecified.
    pub(crate) fn given(self, field: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        match empty(&value) {
            true => self,
            false => self.with(field, value),
        }
    }

    /// A list that is left out when it is empty.
    pub(crate) fn list<T>(self, field: &str, parts: &[T], render: impl Fn(&T) -> Value) -> Self {
        self.given(field, parts.iter().map(render).collect::<Vec<_>>())
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(parts) => parts.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(_) | Value::Object(_) => false,
    }
}

/// A word of an enum, or null.
fn word(value: Option<&'static str>) -> Value {
    value.map_or(Value::Null, Value::from)
}

/// The word of a number in an enum of the contract.
macro_rules! word_of {
    ($enum:ty, $number:expr) => {
        $crate::json::word(<$enum>::from_pb($number).map(<$enum>::as_str))
    };
}
use word_of;

pub(crate) fn date(date: Option<&pb::PartialDate>) -> Value {
    date_text(date).map_or(Value::Null, Value::from)
}

pub(crate) fn date_text(date: Option<&pb::PartialDate>) -> Option<String> {
    let pb::PartialDate { year, month, day, latest } = *date?;
    let date = day_text(year, month, day);
    Some(match latest {
        None => date,
        Some(end) => format!("{date}..{}", day_text(end.year, end.month, end.day)),
    })
}

fn day_text(year: i32, month: i32, day: i32) -> String {
    match (month, day) {
        (0, _) => format!("{year:04}"),
        (month, 0) => format!("{year:04}-{month:02}"),
        (month, day) => format!("{year:04}-{month:02}-{day:02}"),
    }
}

fn time(time: Option<&prost_types::Timestamp>) -> Value {
    time.map_or(Value::Null, |time| time.to_string().into())
}

fn source(source: &pb::Source) -> Value {
    Object::default()
        .with("citation", source.citation.as_str())
        .given("uri", source.uri.as_str())
        .given("note", source.note.as_str())
        .into()
}

fn name(name: &pb::Name) -> Value {
    Object::default()
        .with("text", name.text.as_str())
        .given("language", name.language.as_str())
        .given("kind", word_of!(NameKind, name.kind))
        .into()
}

fn stated_count(count: &pb::StatedCount) -> Value {
    Object::default()
        .with("count", count.count)
        .given("as_of", date(count.as_of.as_ref()))
        .list("sources", &count.sources, source)
        .into()
}

fn reading(reading: &pb::Reading) -> Value {
    use pb::reading::Value as Says;
    let value = match &reading.value {
        Some(Says::Date(says)) => date(Some(says)),
        Some(Says::Count(count)) => (*count).into(),
        Some(Says::Text(text)) => text.as_str().into(),
        None => Value::Null,
    };
    Object::default()
        .with("field", reading.field.as_str())
        .with("value", value)
        .list("sources", &reading.sources, source)
        .given("note", reading.note.as_str())
        .into()
}

fn target(target: Option<&pb::Target>) -> Value {
    target.map_or(Value::Null, |target| {
        Object::default()
            .with("name", target.name.as_str())
            .given("kind", word_of!(TargetKind, target.kind))
            .into()
    })
}

/// The name that is shown: the first official one.
pub(crate) fn shown(names: &[pb::Name]) -> &str {
    let official = names
        .iter()
        .find(|name| matches!(NameKind::from_pb(name.kind), None | Some(NameKind::Official)));
    official.or(names.first()).map_or("", |name| name.text.as_str())
}
