//! Which page of a list is asked for, and the opaque token of the next.
//!
//! A token is hexadecimal: a version byte, eight bytes of SHA-256 over the request without its page, the
//! position the first page was shown at, and where the page before ended. With another request, or with
//! none that this service made, it is refused.

use hansa_journal::Position;
use hansa_proto::violation::Violations;
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::page;

const VERSION: u8 = 2;
const DIGEST_BYTES: usize = 8;

/// What the list is of: the method and the request without its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    /// Of a method and a request whose fields about the page are empty.
    pub(crate) fn of(method: &str, request: &impl Message) -> Digest {
        let mut hash = Sha256::new();
        hash.update(method.as_bytes());
        hash.update([0]);
        hash.update(request.encode_to_vec());
        let whole: [u8; 32] = hash.finalize().into();
        Digest(*whole.first_chunk().expect("SHA-256 has 32 bytes"))
    }
}

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Most items.
    pub(crate) size: usize,
    /// Where the page before ended; `None`: it is the first.
    pub(crate) from: Option<From>,
    digest: Digest,
}

/// Where a page goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct From {
    /// The position all pages are shown at.
    pub(crate) position: Position,
    /// Order key of the last resource that was looked at.
    pub(crate) after: Vec<u8>,
}

impl Asked {
    /// Reads `page_size` and `page_token` of a request.
    pub(crate) fn parse(
        page_size: i32,
        page_token: &str,
        digest: Digest,
        violations: &mut Violations,
    ) -> Asked {
        let from = match page_token {
            "" => None,
            token => {
                let from = decoded(token, digest);
                if from.is_none() {
                    violations.push("page_token", "is not a token of this list");
                }
                from
            }
        };
        Asked { size: page::size(page_size, violations), from, digest }
    }

    /// The token of the page that goes on there.
    pub(crate) fn token(&self, from: &From) -> String {
        let position = from.position.get().to_be_bytes();
        let Digest(digest) = self.digest;
        let bytes = [&[VERSION], digest.as_slice(), &position, &from.after].concat();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn decoded(token: &str, digest: Digest) -> Option<From> {
    let bytes = page::unhexed(token)?;
    let (version, rest) = bytes.split_first()?;
    let (of, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let (position, after) = rest.split_first_chunk::<8>()?;
    if *version != VERSION || Digest(*of) != digest || after.is_empty() {
        return None;
    }
    let position = Position::new(u64::from_be_bytes(*position));
    Some(From { position, after: after.to_vec() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hansa_proto::pb::registry::v1::ListNetworksRequest;

    use super::*;

    fn asked(filter: &str, token: &str) -> (Asked, Violations) {
        let mut violations = Violations::default();
        let request = ListNetworksRequest { filter: filter.into(), ..Default::default() };
        let digest = Digest::of("ListNetworks", &request);
        (Asked::parse(0, token, digest, &mut violations), violations)
    }

    #[test]
    fn a_token_leads_back_to_its_place() {
        let from = From { position: Position::new(7), after: b"x".to_vec() };
        let token = asked("a", "").0.token(&from);
        let (next, violations) = asked("a", &token);
        assert!(violations.is_empty());
        assert_eq!(next.from, Some(from));
    }

    #[test]
    fn a_foreign_or_malformed_token_is_refused() {
        let from = From { position: Position::new(7), after: b"x".to_vec() };
        let token = asked("a", "").0.token(&from);
        assert!(!asked("b", &token).1.is_empty());
        for malformed in ["x", "0", "zz", "é", "01", &token[2..], &token[..34]] {
            assert!(!asked("a", malformed).1.is_empty(), "{malformed}");
        }
    }
}
