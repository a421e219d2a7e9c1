//! What texts may be: pure checks, each answering with what is wrong.

use crate::limits::{LANGUAGE_CHARACTERS, LANGUAGE_SUBTAG_CHARACTERS, URI_CHARACTERS};

/// A name or title: required, one line, not blank, without white space around it.
pub(crate) fn title(text: &str, limit: usize) -> Result<(), String> {
    if text.is_empty() {
        return Err("is required".to_owned());
    }
    if text.trim().is_empty() {
        return Err("must not be blank".to_owned());
    }
    if text.trim().len() != text.len() {
        return Err("must not begin or end with white space".to_owned());
    }
    line(text, limit)
}

/// One line of text that may be empty.
pub(crate) fn line(text: &str, limit: usize) -> Result<(), String> {
    if may_hold_control(text) && text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    bounded(text, limit)
}

/// Text of any number of lines that may be empty.
pub(crate) fn prose(text: &str, limit: usize) -> Result<(), String> {
    lines(text)?;
    bounded(text, limit)
}

/// As [`prose`], bounded in bytes.
pub(crate) fn prose_of_bytes(text: &str, limit: usize) -> Result<(), String> {
    lines(text)?;
    if text.len() > limit {
        return Err(format!("has {} bytes, at most {limit}", text.len()));
    }
    Ok(())
}

/// An absolute http or https URI, or empty.
pub(crate) fn uri(text: &str) -> Result<(), String> {
    if !text.is_empty() && !is_web_uri(text) {
        return Err("must be an absolute http or https URI with a host".to_owned());
    }
    bounded(text, URI_CHARACTERS)
}

/// A BCP 47 tag, or empty.
pub(crate) fn language(text: &str) -> Result<(), String> {
    if !text.is_empty() && !is_language_tag(text) {
        return Err("must be a BCP 47 tag, such as `fr` or `pt-BR`".to_owned());
    }
    bounded(text, LANGUAGE_CHARACTERS)
}

/// A UN M49 code, or empty.
pub(crate) fn m49(text: &str) -> Result<(), String> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !text.is_empty() && !digits {
        return Err("must be a UN M49 code of three digits".to_owned());
    }
    Ok(())
}

fn lines(text: &str) -> Result<(), String> {
    let control = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if may_hold_control(text) && text.chars().any(control) {
        return Err("must not contain control characters other than newline and tab".to_owned());
    }
    Ok(())
}

/// Whether a control character may be there: by its bytes, many of which are looked at together.
fn may_hold_control(text: &str) -> bool {
    // U+0080 to U+009F begin with C2.
    let may_be = |byte: u8| (byte < b' ') | (byte == 0x7f) | (byte == 0xc2);
    text.bytes().fold(false, |may_hold, byte| may_hold | may_be(byte))
}

fn bounded(text: &str, limit: usize) -> Result<(), String> {
    // A text of no more bytes than the limit has no more characters either.
    if text.len() <= limit {
        return Ok(());
    }
    let count = text.chars().count();
    if count > limit {
        return Err(format!("has {count} characters, at most {limit}"));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_is_found() {
        for character in '\0'..='\u{7ff}' {
            let text = format!("a{character}b");
            assert_eq!(line(&text, 3).is_err(), character.is_control(), "{character:?}");
            let refused = character.is_control() && !matches!(character, '\n' | '\t');
            assert_eq!(prose(&text, 3).is_err(), refused, "{character:?}");
        }
    }
}
