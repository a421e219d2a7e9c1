//! Pages of a list: how many, after what, and the opaque token that leads to the next.
//!
//! A token is hexadecimal: a version byte, eight bytes of SHA-256 over what the list is of, and the
//! end of the last key. A token of another list is refused.

use hansa_proto::limits;
use hansa_proto::violation::Violations;
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 8;

/// Bytes after which a page takes no further item, so that a message stays below what clients take.
pub(crate) const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageRequest {
    /// Most items.
    pub(crate) size: usize,
    /// Prefix of the keys listed.
    pub(crate) prefix: Vec<u8>,
    /// The last key of the page before.
    pub(crate) after: Option<Vec<u8>>,
    digest: [u8; DIGEST_BYTES],
}

impl PageRequest {
    /// Reads `page_size` and `page_token` of a request that lists `prefix`; `list` names the method and
    /// whatever else the list depends on.
    pub(crate) fn parse(
        page_size: i32,
        page_token: &str,
        prefix: &[u8],
        list: &str,
        violations: &mut Violations,
    ) -> PageRequest {
        let digest = digest(list, prefix);
        let after = match page_token {
            "" => None,
            token => match ending(token, &digest) {
                Some(ending) => Some([prefix, &ending].concat()),
                None => {
                    violations.push("page_token", "is not a token of this list");
                    None
                }
            },
        };
        PageRequest { size: size(page_size, violations), prefix: prefix.to_vec(), after, digest }
    }

    /// The token that leads to what comes after a key of the list.
    pub(crate) fn token_after(&self, key: &[u8]) -> String {
        let ending = key.strip_prefix(self.prefix.as_slice()).unwrap_or(key);
        let bytes = [&[VERSION], self.digest.as_slice(), ending].concat();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How many items `page_size` asks for.
pub(crate) fn size(page_size: i32, violations: &mut Violations) -> usize {
    let asked = match page_size {
        0 => limits::PAGE_SIZE,
        1..=limits::PAGE_SIZE_MOST => page_size,
        _ => {
            violations.push("page_size", format!("must be 0 to {}", limits::PAGE_SIZE_MOST));
            limits::PAGE_SIZE
        }
    };
    usize::try_from(asked).expect("a page size is positive")
}

fn digest(list: &str, prefix: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut hash = Sha256::new();
    hash.update(list.as_bytes());
    hash.update([0]);
    hash.update(prefix);
    let whole: [u8; 32] = hash.finalize().into();
    *whole.first_chunk().expect("SHA-256 has 32 bytes")
}

/// The end of the last key, when the token is one of this list.
fn ending(token: &str, digest: &[u8; DIGEST_BYTES]) -> Option<Vec<u8>> {
    let bytes = unhexed(token)?;
    let (version, rest) = bytes.split_first()?;
    let (of, ending) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    (*version == VERSION && of == digest && !ending.is_empty()).then(|| ending.to_vec())
}

/// Bytes written as hexadecimal digits.
pub(crate) fn unhexed(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
            _ => None,
        })
        .collect()
}

/// Items of a page, and the key of the last when there are more.
#[derive(Debug, Default)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// The last key, when more comes after it.
    pub(crate) more_after: Option<Vec<u8>>,
}

impl<T> Page<T> {
    /// Makes items of one entry more than the page may hold, until it is full.
    pub(crate) fn fill<E>(
        entries: Vec<(Vec<u8>, Vec<u8>)>,
        size: usize,
        mut item: impl FnMut(&[u8], &[u8]) -> Result<(T, usize), E>,
    ) -> Result<Page<T>, E> {
        let mut page = Page { items: Vec::new(), more_after: None };
        let mut bytes = 0;
        let mut last = None;
        for (key, value) in entries {
            if page.items.len() == size || bytes > PAGE_BYTES {
                page.more_after = last;
                return Ok(page);
            }
            let (next, length) = item(&key, &value)?;
            page.items.push(next);
            bytes += length;
            last = Some(key);
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn request(size: i32, token: &str, prefix: &str) -> (PageRequest, Violations) {
        let mut violations = Violations::default();
        let page =
            PageRequest::parse(size, token, prefix.as_bytes(), "ListThings", &mut violations);
        (page, violations)
    }

    #[test]
    fn a_token_leads_back_to_its_key() {
        let (first, _) = request(0, "", "a/");
        assert_eq!((first.size, first.after.as_deref()), (100, None));
        let token = first.token_after(b"a/xyz");
        let (second, violations) = request(7, &token, "a/");
        assert!(violations.is_empty());
        assert_eq!((second.size, second.after.as_deref()), (7, Some(&b"a/xyz"[..])));
    }

    #[test]
    fn a_foreign_or_malformed_token_is_refused() {
        let (first, _) = request(0, "", "a/");
        let token = first.token_after(b"a/xyz");
        let (_, of_another_list) = request(0, &token, "b/");
        assert!(!of_another_list.is_empty());
        for malformed in ["x", "0", "zz", "é", "01", &token[2..], &token[..18]] {
            assert!(!request(0, malformed, "a/").1.is_empty(), "{malformed}");
        }
    }

    #[test]
    fn a_size_out_of_range_is_refused() {
        for size in [-1, 1001, i32::MIN, i32::MAX] {
            assert!(!request(size, "", "a/").1.is_empty(), "{size}");
        }
        assert!(request(1000, "", "a/").1.is_empty());
    }

    #[test]
    fn a_page_ends_when_full_and_says_whether_there_is_more() {
        let entries = |count: u8| (0..count).map(|n| (vec![n], vec![n])).collect::<Vec<_>>();
        let fill = |count, size, bytes| {
            Page::fill(entries(count), size, |key, _| Ok::<_, ()>((key[0], bytes))).unwrap()
        };
        assert_eq!(fill(3, 3, 1).more_after, None);
        assert_eq!(fill(3, 2, 1).more_after, Some(vec![1]));
        let large = fill(3, 3, PAGE_BYTES + 1);
        assert_eq!((large.items, large.more_after), (vec![0], Some(vec![0])));
    }
}
