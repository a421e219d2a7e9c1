//! Page sizes and page tokens. A token says where the page before ended and belongs to one request: it
//! is refused when anything but the page size has changed.

use hansa_proto::limits;
use hansa_proto::violation::Violations;
use prost::Message;
use sha2::{Digest, Sha256};

/// First byte of every token.
const VERSION: u8 = 1;
/// Bytes that tell requests apart.
const MARK_BYTES: usize = 8;

/// What a list request is, apart from which page of it: a hash of its method and fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark([u8; MARK_BYTES]);

impl Mark {
    /// Of a method and its request, from which everything about the page was taken out.
    pub(super) fn of(method: &str, request: &impl Message) -> Mark {
        let mut hash = Sha256::new();
        hash.update(method);
        hash.update([0]);
        hash.update(request.encode_to_vec());
        let digest: [u8; 32] = hash.finalize().into();
        Mark(*digest.first_chunk().expect("a digest has 32 bytes"))
    }

    /// The token after this place.
    pub(super) fn token(&self, place: &[u8]) -> String {
        let bytes = [VERSION].iter().chain(&self.0).chain(place);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// The token of the next page; empty when there is none.
    pub(super) fn next(&self, more_after: Option<String>) -> String {
        more_after.map(|id| self.token(id.as_bytes())).unwrap_or_default()
    }

    /// The place of a token; none for the first page.
    pub(super) fn place(&self, token: &str, violations: &mut Violations) -> Option<Vec<u8>> {
        if token.is_empty() {
            return None;
        }
        let bytes = unhex(token);
        let place = bytes.as_deref().and_then(|bytes| {
            bytes.strip_prefix(&[VERSION])?.strip_prefix(&self.0).map(<[u8]>::to_vec)
        });
        if place.is_none() {
            violations.push("page_token", "is not the token of a page of this request");
        }
        place
    }

    /// The place of a token as an id.
    pub(super) fn id_place(&self, token: &str, violations: &mut Violations) -> Option<String> {
        let place = self.place(token, violations)?;
        let id = String::from_utf8(place);
        id.map_err(|_| violations.push("page_token", "is damaged")).ok()
    }
}

/// Rows of a page; 0 means the usual number.
pub(super) fn size(asked: i32, violations: &mut Violations) -> usize {
    let size = if asked == 0 { limits::PAGE_SIZE } else { asked };
    if !(1..=limits::PAGE_SIZE_MOST).contains(&size) {
        violations.push("page_size", format!("must be 0 to {}", limits::PAGE_SIZE_MOST));
    }
    usize::try_from(size).unwrap_or(1)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hansa_proto::pb::feed::v1 as pb;

    fn mark(network: &str) -> Mark {
        let network = network.to_owned();
        Mark::of("List", &pb::ListStatementsRequest { network, ..Default::default() })
    }

    #[test]
    fn a_token_gives_its_place_back_to_its_own_request_alone() {
        let token = mark("networks/a").token(b"there");
        let mut violations = Violations::default();
        let place = mark("networks/a").id_place(&token, &mut violations);
        assert_eq!(place.as_deref(), Some("there"));
        assert!(violations.is_empty());
        assert_eq!(mark("networks/b").place(&token, &mut violations), None);
        assert_eq!(violations.into_vec()[0].field, "page_token");
    }

    #[test]
    fn junk_is_no_token() {
        for token in ["0", "zz", "01", "é", "+1+1", &"01".repeat(40)] {
            let mut violations = Violations::default();
            assert_eq!(mark("networks/a").place(token, &mut violations), None, "{token}");
            assert!(!violations.is_empty(), "{token}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let mut violations = Violations::default();
        assert_eq!(size(0, &mut violations), 100);
        assert_eq!(size(1000, &mut violations), 1000);
        assert!(violations.is_empty());
        size(-1, &mut violations);
        size(1001, &mut violations);
        assert_eq!(violations.len(), 2);
    }
}
