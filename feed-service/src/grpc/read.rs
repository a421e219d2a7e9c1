//! How fields of requests are read: into a strict value, or a violation with the path of the field.

use hansa_proto::date::PartialDate;
use hansa_proto::fields::{Fields, distinct};
use hansa_proto::ids::MemberId;
use hansa_proto::limits;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;

use crate::domain::{Joining, Signing};

/// A name that is required.
pub(super) fn name<T>(
    text: &str,
    field: &str,
    parse: impl Fn(&str) -> Result<T, String>,
    violations: &mut Violations,
) -> Option<T> {
    if text.is_empty() {
        violations.push(field, "is required");
        return None;
    }
    parse(text).map_err(|problem| violations.push(field, problem)).ok()
}

/// A name where empty means none.
pub(super) fn optional_name<T>(
    text: &str,
    field: &str,
    parse: impl Fn(&str) -> Result<T, String>,
    violations: &mut Violations,
) -> Option<T> {
    if text.is_empty() { None } else { name(text, field, parse, violations) }
}

/// At most so many names, each kept once.
pub(super) fn distinct_names<T: PartialEq>(
    texts: Vec<String>,
    field: &str,
    most: usize,
    parse: fn(&str) -> Result<T, String>,
    violations: &mut Violations,
) -> Vec<T> {
    distinct(Fields::of_request(violations).names(field, texts, most, parse))
}

/// A message that is required.
pub(super) fn required<T>(
    message: Option<T>,
    field: &str,
    violations: &mut Violations,
) -> Option<T> {
    if message.is_none() {
        violations.push(field, "is required");
    }
    message
}

/// A date, absent where not stated.
pub(super) fn date(
    message: Option<common::PartialDate>,
    field: &str,
    violations: &mut Violations,
) -> Option<PartialDate> {
    message.and_then(|message| PartialDate::parse(message, field, violations))
}

/// Words of at most so many characters.
pub(super) fn words(text: String, most: usize, field: &str, violations: &mut Violations) -> String {
    Fields::of_request(violations).prose(field, text, most)
}

/// That a member signs.
pub(super) fn signing(
    signature: pb::Signature,
    prefix: &str,
    violations: &mut Violations,
) -> Option<Signing> {
    let field = |name: &str| format!("{prefix}{name}");
    let member = name(&signature.member, &field("member"), MemberId::parse, violations);
    let representative = Fields::of_request(violations).line(
        &field("representative"),
        signature.representative,
        limits::REPRESENTATIVE_CHARACTERS,
    );
    let signed = date(signature.signed, &field("signed"), violations);
    Some(Signing { member: member?, representative, signed })
}

/// That a member joins a campaign. Who joins has not left.
pub(super) fn joining(
    participation: pb::Participation,
    prefix: &str,
    violations: &mut Violations,
) -> Option<Joining> {
    let field = |name: &str| format!("{prefix}{name}");
    let member = name(&participation.member, &field("member"), MemberId::parse, violations);
    let joined = date(participation.joined, &field("joined"), violations);
    if participation.left.is_some() {
        violations.push(field("left"), "must be absent: use LeaveCampaign");
    }
    Some(Joining { member: member?, joined })
}

/// At most as many first members as a commit has room for, each read by `read`.
pub(super) fn first_members<M, T>(
    messages: Vec<M>,
    field: &str,
    violations: &mut Violations,
    read: impl Fn(M, &str, &mut Violations) -> Option<T>,
) -> Vec<T> {
    let most = limits::FIRST_MEMBERS;
    if messages.len() > most {
        violations.push(field, format!("has more than {most} entries"));
        return Vec::new();
    }
    let numbered = messages.into_iter().enumerate();
    numbered
        .filter_map(|(index, message)| read(message, &format!("{field}[{index}]."), violations))
        .collect()
}
