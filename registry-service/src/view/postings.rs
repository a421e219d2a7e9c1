//! Postings: in which lists of the view a resource stands, so that a filter or an order need not look at
//! every resource.
//!
//! | key | value | says |
//! | --- | --- | --- |
//! | `index/{network,member}/{field}/{value}/{id}` | nothing | it holds the value |
//! | `index/{network,member}/word/{word}/{id}` | nothing | one of its names holds the word, folded |
//! | `index/network/by-founded/{date}{id}` | nothing | when it was founded |
//! | `index/member/by-population/{number}{id}` | nothing | how many live there |
//! | `index/joined/{network}/{date}{member}` | nothing | when the last term of the membership began |
//! | `was/…`, as `index/…` | position: u64 | it stood there until the position |
//!
//! The first byte of a date or number is 0 when it is not known and 1 otherwise; then year (two bytes),
//! month and day, or eight bytes.

use std::collections::BTreeSet;

use hansa_proto::date::PartialDate;
use hansa_proto::ids::NetworkId;
use hansa_proto::pb::registry::v1 as pb;
use hansa_view::{Staging, ViewError};

use super::stored;
use crate::fold_text;
use crate::lists::facts::{Fact, Field, Row, Sort};

/// Prefix of postings as they are.
pub(crate) const INDEX: &str = "index/";
/// Prefix of postings as they were.
pub(crate) const WAS: &str = "was/";

/// Most bytes of a word in a key; longer ones are compared on the resource.
const WORD_BYTES: usize = 60;
/// Bytes of a date in a key.
pub(crate) const DATE_BYTES: usize = 5;
/// Bytes of a number in a key.
pub(crate) const NUMBER_BYTES: usize = 9;

/// The value of a field that is yes or no, and is yes.
pub(crate) const YES: &str = "yes";

/// Keys of postings, without the prefix that says whether they are or were.
pub(crate) type Postings = BTreeSet<Vec<u8>>;

/// The posting list of a value.
pub(crate) fn of_value(sort: Sort, field: Field, value: &str) -> Vec<u8> {
    format!("{}/{}/{value}/", sort.as_str(), field.as_str()).into_bytes()
}

/// The posting list of a whole word of a name.
pub(crate) fn of_word(sort: Sort, word: &str) -> Vec<u8> {
    [of_words_from(sort, word).as_slice(), b"/"].concat()
}

/// All posting lists of words of names that begin so.
pub(crate) fn of_words_from(sort: Sort, beginning: &str) -> Vec<u8> {
    let kept = beginning.get(..WORD_BYTES).unwrap_or(beginning);
    format!("{}/word/{kept}", sort.as_str()).into_bytes()
}

/// All networks in the order they were founded.
pub(crate) const BY_FOUNDED: &[u8] = b"network/by-founded/";
/// All members in the order of their population.
pub(crate) const BY_POPULATION: &[u8] = b"member/by-population/";

/// All memberships of a network in the order their last terms began.
pub(crate) fn by_joined(network: &NetworkId) -> Vec<u8> {
    format!("joined/{}/", network.id()).into_bytes()
}

/// A date so that bytes are ordered as dates are.
pub(crate) fn date_bytes(date: Option<PartialDate>) -> Vec<u8> {
    let Some(date) = date else { return vec![0; DATE_BYTES] };
    let year = u16::try_from(date.year()).expect("a year is 1 to 9999").to_be_bytes();
    let part = |part: Option<i32>| u8::try_from(part.unwrap_or(0)).expect("at most 31");
    vec![1, year[0], year[1], part(date.month()), part(date.day())]
}

/// A number so that bytes are ordered as numbers are.
pub(crate) fn number_bytes(number: Option<i64>) -> Vec<u8> {
    let Some(number) = number else { return vec![0; NUMBER_BYTES] };
    let number = u64::try_from(number).unwrap_or(0);
    [&[1], number.to_be_bytes().as_slice()].concat()
}

/// Bytes by which a resource is ordered by a field.
pub(crate) fn order_bytes(row: Row<'_>, field: Field) -> Vec<u8> {
    match row.facts(field).pop() {
        Some(Fact::Number(number)) => number_bytes(Some(number)),
        Some(Fact::Date(date)) => date_bytes(Some(date)),
        _ if field == Field::Population => number_bytes(None),
        _ => date_bytes(None),
    }
}

fn of_row(sort: Sort, row: Row<'_>, id: &str) -> Postings {
    let mut postings = Postings::new();
    for field in sort.posted() {
        for fact in row.facts(*field) {
            let value = match &fact {
                Fact::Text(value) => value,
                Fact::Flag(true) => YES,
                Fact::Flag(false) | Fact::Number(_) | Fact::Date(_) => continue,
            };
            postings.insert([of_value(sort, *field, value).as_slice(), id.as_bytes()].concat());
        }
    }
    for name in row.names() {
        for word in fold_text::words(&name.text) {
            postings.insert([of_word(sort, &word).as_slice(), id.as_bytes()].concat());
        }
    }
    postings
}

/// The postings of a network.
pub(super) fn of_network(network: &pb::Network) -> Postings {
    let id = bare(&network.name);
    let row = Row::Network(network);
    let mut postings = of_row(Sort::Network, row, id);
    let founded = order_bytes(row, Field::Founded);
    postings.insert([BY_FOUNDED, &founded, id.as_bytes()].concat());
    postings
}

/// The postings of a member.
pub(super) fn of_member(member: &pb::Member) -> Postings {
    let id = bare(&member.name);
    let row = Row::Member(member);
    let mut postings = of_row(Sort::Member, row, id);
    let population = order_bytes(row, Field::Population);
    postings.insert([BY_POPULATION, &population, id.as_bytes()].concat());
    postings
}

/// The posting of a membership.
fn of_membership(membership: &pb::Membership) -> Vec<u8> {
    let joined = membership.terms.last().and_then(|term| crate::as_of::date(term.joined.as_ref()));
    let (network, member) = (bare(&membership.network), bare(&membership.member));
    let date = date_bytes(joined);
    [b"joined/", network.as_bytes(), b"/", &date, member.as_bytes()].concat()
}

/// Keeps up with a membership that is new or changed.
pub(super) fn membership_changed(
    staging: &mut Staging,
    before: Option<&pb::Membership>,
    after: &pb::Membership,
) {
    let (stood, stands) = (before.map(of_membership), of_membership(after));
    if stood.as_ref() == Some(&stands) {
        return;
    }
    if let Some(stood) = stood {
        leave(staging, &stood, after.updated_position);
    }
    enter(staging, &stands);
}

fn bare(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Stages what a change at a position does to the postings of its resource.
pub(super) fn restage(staging: &mut Staging, before: &Postings, after: &Postings, position: u64) {
    before.difference(after).for_each(|gone| leave(staging, gone, position));
    after.difference(before).for_each(|new| enter(staging, new));
}

fn leave(staging: &mut Staging, posting: &[u8], position: u64) {
    staging.delete(&[INDEX.as_bytes(), posting].concat());
    staging.put([WAS.as_bytes(), posting].concat(), stored(&position.to_be_bytes()));
}

fn enter(staging: &mut Staging, posting: &[u8]) {
    staging.put([INDEX.as_bytes(), posting].concat(), stored(&[]));
}

/// The position until which a posting stood that is no more.
pub(crate) fn stood_until(value: &[u8]) -> Result<u64, ViewError> {
    let bytes = super::content(value)?.try_into();
    let bytes =
        bytes.map_err(|_| ViewError::Value("a posting's end has not 8 bytes".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The postings of everything there is, in the order of their keys.
#[cfg(test)]
pub(crate) fn recounted(keys: &hansa_view::ReadView<'_>) -> Result<Postings, ViewError> {
    use hansa_view::Keys;
    let mut postings = Postings::new();
    for (_, value) in keys.scan(super::NETWORKS, None, usize::MAX)? {
        postings.append(&mut of_network(&super::message(&value)?));
    }
    for (_, value) in keys.scan(super::MEMBERS, None, usize::MAX)? {
        postings.append(&mut of_member(&super::message(&value)?));
    }
    for (_, value) in keys.scan(b"membership/", None, usize::MAX)? {
        postings.insert(of_membership(&super::message(&value)?));
    }
    Ok(postings)
}
