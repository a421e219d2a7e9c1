//! Texts and lists of bounded size. What is wrong is reported; what is returned then does not matter.

use crate::limits::{
    LANGUAGE_CHARACTERS, LANGUAGE_SUBTAG_CHARACTERS, SHA256_BYTES, URI_CHARACTERS,
};
use crate::path::Path;
use crate::violation::Violations;

/// A name or title: required, one line, not blank, without white space around it.
pub(crate) fn title(
    text: String,
    limit: usize,
    at: &Path<'_>,
    violations: &mut Violations,
) -> String {
    if text.is_empty() {
        violations.at(at, "is required");
    } else if text.trim().is_empty() {
        violations.at(at, "must not be blank");
    } else if text.trim().len() != text.len() {
        violations.at(at, "must not begin or end with white space");
    }
    line(text, limit, at, violations)
}

/// One line of text that may be empty.
pub(crate) fn line(
    text: String,
    limit: usize,
    at: &Path<'_>,
    violations: &mut Violations,
) -> String {
    if text.chars().any(char::is_control) {
        violations.at(at, "must not contain control characters");
    }
    bounded(text, limit, at, violations)
}

/// Text of any number of lines that may be empty.
pub(crate) fn prose(
    text: String,
    limit: usize,
    at: &Path<'_>,
    violations: &mut Violations,
) -> String {
    controls_of_prose(&text, at, violations);
    bounded(text, limit, at, violations)
}

/// Text of any number of lines, bounded in bytes, that may be empty.
pub(crate) fn prose_of_bytes(
    text: String,
    limit: usize,
    at: &Path<'_>,
    violations: &mut Violations,
) -> String {
    controls_of_prose(&text, at, violations);
    if text.len() > limit {
        violations.at(at, format!("has {} bytes, at most {limit}", text.len()));
    }
    text
}

fn controls_of_prose(text: &str, at: &Path<'_>, violations: &mut Violations) {
    let control = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if text.chars().any(control) {
        violations.at(at, "must not contain control characters other than newline and tab");
    }
}

fn bounded(text: String, limit: usize, at: &Path<'_>, violations: &mut Violations) -> String {
    // A text of no more bytes than the limit has no more characters either.
    if text.len() > limit {
        let count = text.chars().count();
        if count > limit {
            violations.at(at, format!("has {count} characters, at most {limit}"));
        }
    }
    text
}

/// Names in a list: each as [`title`].
pub(crate) fn titles(
    texts: Vec<String>,
    (count, limit): (usize, usize),
    at: &Path<'_>,
    violations: &mut Violations,
) -> Vec<String> {
    list(texts, count, at, violations, |text, at, violations| {
        Some(title(text, limit, at, violations))
    })
}

/// A list of at most so many items. Those that cannot be read are left out, and reported.
pub(crate) fn list<P, T>(
    items: Vec<P>,
    limit: usize,
    at: &Path<'_>,
    violations: &mut Violations,
    read: impl Fn(P, &Path<'_>, &mut Violations) -> Option<T>,
) -> Vec<T> {
    if items.len() > limit {
        violations.at(at, format!("has {} entries, at most {limit}", items.len()));
    }
    let indexed = items.into_iter().enumerate();
    indexed.filter_map(|(index, item)| read(item, &at.item(index), violations)).collect()
}

/// As [`list`], for sets: what is named again is left out.
pub(crate) fn distinct<P, T: PartialEq>(
    items: Vec<P>,
    limit: usize,
    at: &Path<'_>,
    violations: &mut Violations,
    read: impl Fn(P, &Path<'_>, &mut Violations) -> Option<T>,
) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(items.len().min(limit));
    for item in list(items, limit, at, violations, read).into_iter().take(limit) {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// An absolute http or https URI, or empty.
pub(crate) fn uri(text: String, at: &Path<'_>, violations: &mut Violations) -> String {
    if !text.is_empty() && !is_web_uri(&text) {
        violations.at(at, "must be an absolute http or https URI with a host");
    }
    bounded(text, URI_CHARACTERS, at, violations)
}

/// A BCP 47 tag, or empty.
pub(crate) fn language(text: String, at: &Path<'_>, violations: &mut Violations) -> String {
    if !text.is_empty() && !is_language_tag(&text) {
        violations.at(at, "must be a BCP 47 tag, such as `fr` or `pt-BR`");
    }
    bounded(text, LANGUAGE_CHARACTERS, at, violations)
}

/// A UN M49 code, or empty.
pub(crate) fn m49(text: String, at: &Path<'_>, violations: &mut Violations) -> String {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !text.is_empty() && !digits {
        violations.at(at, "must be a UN M49 code of three digits");
    }
    text
}

/// A SHA-256, or empty.
pub(crate) fn sha256(
    bytes: &[u8],
    at: &Path<'_>,
    violations: &mut Violations,
) -> Option<[u8; SHA256_BYTES]> {
    if bytes.is_empty() {
        return None;
    }
    let hash = bytes.try_into();
    hash.map_err(|_| violations.at(at, format!("must be {SHA256_BYTES} bytes, or empty"))).ok()
}

/// A number that counts something.
pub(crate) fn count(number: i64, at: &Path<'_>, violations: &mut Violations) -> i64 {
    if number < 0 {
        violations.at(at, "must be zero or more");
    }
    number
}

fn is_language_tag(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    let first = subtags.next().unwrap_or_default();
    let well_formed = |subtag: &str| {
        (1..=LANGUAGE_SUBTAG_CHARACTERS).contains(&subtag.len())
            && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    first.len() >= 2
        && well_formed(first)
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(well_formed)
}

/// Scheme, host and the characters of RFC 3986, and of RFC 3987 beyond ASCII: sources give both.
fn is_web_uri(uri: &str) -> bool {
    let strip = |scheme: &str| {
        let head = uri.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &uri[scheme.len()..])
    };
    let Some(rest) = strip("https://").or_else(|| strip("http://")) else { return false };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    is_authority(&rest[..end]) && rest.chars().all(is_uri_character) && escapes_are_whole(rest)
}

fn is_authority(authority: &str) -> bool {
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    let (host, port) = match host_and_port.strip_prefix('[') {
        Some(bracketed) => {
            let Some((address, rest)) = bracketed.split_once(']') else { return false };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            (address, rest.strip_prefix(':').or(rest.is_empty().then_some("")))
        }
        None => match host_and_port.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host_and_port, Some("")),
        },
    };
    let Some(port) = port else { return false };
    !host.is_empty()
        && !host.contains(['[', ']'])
        && (port.is_empty() || port.parse::<u16>().is_ok() && !port.starts_with('+'))
}

fn is_uri_character(character: char) -> bool {
    match character {
        '\u{21}'..='\u{7e}' => {
            !matches!(character, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
        }
        _ => !character.is_ascii() && !character.is_control() && !character.is_whitespace(),
    }
}

fn escapes_are_whole(text: &str) -> bool {
    let two_digits = |tail: &str| {
        let digits = tail.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    text.split('%').skip(1).all(two_digits)
}
