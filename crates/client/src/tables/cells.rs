//! How a cell becomes a date, a class, roles, sources, and back, so that what is written can be read.

use std::str::FromStr;

use hansa_proto::date::PartialDate;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{EndReason, MembershipClass, MembershipState, RoleKind};
use serde_json::{Value, json};

/// A date, or an interval with `/` between its ends; nothing when the cell is empty.
pub(super) fn date(text: &str) -> Result<Option<common::PartialDate>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let one = |text: &str| {
        PartialDate::from_str(text.trim())
            .map_err(|_| format!("`{text}` is not a date: write 2018, 2018-09 or 2018-09-26"))
    };
    let date = match text.split_once('/') {
        None => one(text)?,
        Some((from, to)) => one(from)?.until(one(to)?)?,
    };
    Ok(Some(date.to_pb()))
}

/// A date as a cell.
pub(super) fn of_date(date: Option<&common::PartialDate>) -> String {
    let Some(date) = date else { return String::new() };
    let part = |year: i32, month: i32, day: i32| match (month, day) {
        (0, _) => format!("{year:04}"),
        (month, 0) => format!("{year:04}-{month:02}"),
        (month, day) => format!("{year:04}-{month:02}-{day:02}"),
    };
    let from = part(date.year, date.month, date.day);
    match &date.latest {
        None => from,
        Some(to) => format!("{from}/{}", part(to.year, to.month, to.day)),
    }
}

macro_rules! words {
    ($read:ident, $write:ident, $kind:ty) => {
        pub(super) fn $read(text: &str) -> Result<i32, String> {
            if text.is_empty() {
                return Ok(0);
            }
            let word = text.to_ascii_lowercase().replace([' ', '-'], "_");
            <$kind>::from_str(&word).map(<$kind>::to_pb).map_err(|error| error.to_string())
        }

        pub(super) fn $write(number: i32) -> String {
            <$kind>::from_pb(number).map(|kind| kind.as_str().to_owned()).unwrap_or_default()
        }
    };
}

words!(state, of_state, MembershipState);
words!(class, of_class, MembershipClass);
words!(end_reason, of_end_reason, EndReason);

/// Roles with `;` between them, where words that are no kind are kept as they are, or as JSON.
pub(super) fn roles(text: &str) -> Result<Vec<pb::Role>, String> {
    match text.starts_with('[') {
        true => roles_of_json(text),
        false => Ok(plain_roles(text)),
    }
}

fn roles_of_json(text: &str) -> Result<Vec<pb::Role>, String> {
    let list: Vec<Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let role = |role: &Value| {
        let kind = RoleKind::from_str(role["kind"].as_str().unwrap_or_default());
        let stated = role["stated"].as_str().unwrap_or_default().to_owned();
        Ok(pb::Role { kind: kind.map_err(|error| error.to_string())?.to_pb(), stated })
    };
    list.iter().map(role).collect()
}

fn plain_roles(text: &str) -> Vec<pb::Role> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (word, stated) = part.split_once('=').unwrap_or((part, ""));
            match RoleKind::from_str(word) {
                Ok(kind) => pb::Role { kind: kind.to_pb(), stated: stated.to_owned() },
                Err(_) => pb::Role { kind: RoleKind::Other.to_pb(), stated: part.to_owned() },
            }
        })
        .collect()
}

pub(super) fn of_roles(roles: &[pb::Role]) -> String {
    let role = |role: &pb::Role| {
        let kind = RoleKind::from_pb(role.kind).map_or("other", RoleKind::as_str);
        match role.stated.is_empty() {
            true => kind.to_owned(),
            false => format!("{kind}={}", role.stated),
        }
    };
    let plain = roles.iter().map(role).collect::<Vec<_>>().join(";");
    if plain_roles(&plain) == roles {
        return plain;
    }
    let role = |role: &pb::Role| {
        let kind = RoleKind::from_pb(role.kind).map_or("other", RoleKind::as_str);
        json!({ "kind": kind, "stated": role.stated })
    };
    Value::Array(roles.iter().map(role).collect()).to_string()
}

/// Sources as JSON, or one citation.
pub(super) fn sources(text: &str) -> Result<Vec<common::Source>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if !text.starts_with('[') {
        return Ok(vec![common::Source { citation: text.to_owned(), ..Default::default() }]);
    }
    let list: Vec<Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let part = |source: &Value, name: &str| source[name].as_str().unwrap_or_default().to_owned();
    let source = |source: &Value| common::Source {
        citation: part(source, "citation"),
        uri: part(source, "uri"),
        note: part(source, "note"),
    };
    Ok(list.iter().map(source).collect())
}

pub(super) fn of_sources(sources: &[common::Source]) -> String {
    if sources.is_empty() {
        return String::new();
    }
    let source = |source: &common::Source| {
        let mut object = serde_json::Map::new();
        let parts = [("citation", &source.citation), ("uri", &source.uri), ("note", &source.note)];
        for (name, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
            object.insert(name.to_owned(), json!(text));
        }
        Value::Object(object)
    };
    Value::Array(sources.iter().map(source).collect()).to_string()
}
