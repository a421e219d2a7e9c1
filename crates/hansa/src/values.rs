//! How arguments are written: ids bare or in full, dates as precise as one knows, words of the
//! contract, sources as a citation with an address behind it.

use std::str::FromStr;

use bytes::Bytes;
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId, SubscriptionId};
use hansa_proto::pb::common::v1::Source;
use hansa_proto::pb::registry::v1::Role;
use hansa_proto::registry::RoleKind;

macro_rules! id {
    ($function:ident, $id:ident) => {
        pub(crate) fn $function(text: &str) -> Result<$id, String> {
            match text.contains('/') {
                true => $id::parse(text),
                false => $id::from_id(text),
            }
        }
    };
}

id!(network, NetworkId);
id!(member, MemberId);
id!(statement, StatementId);
id!(campaign, CampaignId);
id!(subscription, SubscriptionId);

pub(crate) fn country(text: &str) -> Result<Country, String> {
    Country::parse(&text.to_ascii_uppercase())
}

pub(crate) fn date(text: &str) -> Result<PartialDate, String> {
    PartialDate::from_str(text).map_err(|_| "write 2018, 2018-09 or 2018-09-26".to_owned())
}

/// A citation, and behind a bar where it can be read; or only the address.
pub(crate) fn source(text: &str) -> Result<Source, String> {
    let (citation, uri) = match text.split_once('|') {
        Some((citation, uri)) => (citation.trim(), uri.trim()),
        None if text.starts_with("http") => (text, text),
        None => (text.trim(), ""),
    };
    if citation.is_empty() {
        return Err("write 'Author, title, date' or 'Author, title, date | https://…'".to_owned());
    }
    Ok(Source { citation: citation.to_owned(), uri: uri.to_owned(), note: String::new() })
}

/// A kind of role, and behind an equals sign the source's own words; other words alone are kept.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    let (word, stated) = text.split_once('=').unwrap_or((text, ""));
    match (RoleKind::from_str(word), stated) {
        (Ok(kind), stated) => Ok(Role { kind: kind.to_pb(), stated: stated.to_owned() }),
        (Err(_), "") => Ok(Role { kind: RoleKind::Other.to_pb(), stated: text.to_owned() }),
        (Err(unknown), _) => Err(unknown.to_string()),
    }
}

/// A moment, UTC: a day or more precise.
pub(crate) fn moment(text: &str) -> Result<prost_types::Timestamp, String> {
    let full = match text.contains('T') {
        true => text.to_owned(),
        false => format!("{text}T00:00:00Z"),
    };
    full.parse().map_err(|_| "write 2026-11-22 or 2026-11-22T15:00:00Z".to_owned())
}

/// Bytes in hexadecimal digits, such as cursors.
pub(crate) fn from_hex(text: &str) -> Option<Bytes> {
    let digits = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !digits || !text.len().is_multiple_of(2) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>().map(Bytes::from)
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id in a resource name: what comes after the last slash.
pub(crate) fn bare(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ids_may_be_bare_or_in_full() {
        assert_eq!(member("es-barcelona").unwrap(), member("members/es-barcelona").unwrap());
        assert!(member("networks/es-barcelona").is_err());
        assert!(member("Barcelona").is_err());
    }

    #[test]
    fn sources_are_citations_with_an_address() {
        assert_eq!(source("A, b").unwrap().uri, "");
        let both = source("A, b | https://example.org").unwrap();
        assert_eq!((both.citation.as_str(), both.uri.as_str()), ("A, b", "https://example.org"));
        let address = source("https://example.org").unwrap();
        assert_eq!(address.citation, address.uri);
        assert!(source("").is_err());
    }

    #[test]
    fn roles_keep_the_words_of_the_source() {
        assert_eq!(role("founder").unwrap().stated, "");
        assert_eq!(role("founder=co-initiator").unwrap().stated, "co-initiator");
        assert_eq!(role("envoy").unwrap().kind, RoleKind::Other.to_pb());
        assert!(role("envoy=to the EU").is_err());
    }

    #[test]
    fn cursors_are_hexadecimal_and_come_back_as_they_were() {
        assert_eq!(to_hex(&from_hex("00ff10").unwrap()), "00ff10");
        for malformed in ["0", "zz", "é0", "+1"] {
            assert!(from_hex(malformed).is_none(), "{malformed}");
        }
    }
}
