//! Which list of the view leads to what is asked for, looking at the fewest resources.
//!
//! Every part of the filter that must hold and that the view has a posting list of is a way. The shortest
//! is found by looking at the beginnings of all, then at longer ones, so that finding it costs no more
//! than walking it. What the list gives is compared with the whole filter; a part under OR or NOT is only
//! compared.

use std::collections::BTreeSet;

use hansa_journal::Position;
use hansa_view::{Keys, ReadView, ViewError};

use super::facts::{Field, Sort};
use super::filter::{Comparison, Filter, Value};
use super::{Query, Scope};
use crate::view;
use crate::view::postings::{self, INDEX, WAS};

/// Most resources that are put in order for one page. Few in tests, so that they go past it.
pub(super) const GATHERED: usize = if cfg!(test) { 5 } else { 2_000 };
/// How far posting lists are looked into, one after the other.
const PROBES: [usize; 3] = [GATHERED.div_ceil(32), GATHERED.div_ceil(4), GATHERED + 1];

/// Where resources come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A list in the order asked for: what follows its prefix is the order key.
    Listed(List),
    /// Ids in no order.
    Gathered(BTreeSet<String>),
}

/// Keys with one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Of resources, which are never taken away.
    Stored(Vec<u8>),
    /// Of postings, as they are and were.
    Posted(Vec<u8>),
}

impl List {
    /// The prefixes its keys have; the second one those of postings that were.
    pub(super) fn prefixes(&self, now: bool) -> (Vec<u8>, Option<Vec<u8>>) {
        match self {
            List::Stored(prefix) => (prefix.clone(), None),
            List::Posted(list) => {
                let was = (!now).then(|| [WAS.as_bytes(), list].concat());
                ([INDEX.as_bytes(), list].concat(), was)
            }
        }
    }
}

/// A list all that is asked for stands in.
struct Way {
    list: List,
    /// Whether what follows its prefix is an id, or the rest of a word and an id.
    by_id: bool,
}

/// Chooses the source of a query.
pub(super) fn plan(keys: &ReadView<'_>, query: &Query, at: Position) -> Result<Source, ViewError> {
    let now = keys.applied() == at;
    let ways = ways(query);
    let shortest = shortest(keys, &ways, now)?;
    match (query.order.field, shortest) {
        (None, Some(way)) if way.by_id => Ok(Source::Listed(way.list.clone())),
        (_, Some(way)) => Ok(Source::Gathered(gathered(keys, &way.list, now, GATHERED)?)),
        (None, None) => {
            let by_id = ways.into_iter().find(|way| way.by_id);
            Ok(Source::Listed(by_id.map_or_else(|| stored(&query.scope), |way| way.list)))
        }
        (Some(_), None) => match order_list(&query.scope) {
            Some(list) => Ok(Source::Listed(list)),
            // At most as many as there are networks.
            None => Ok(Source::Gathered(gathered(keys, &stored(&query.scope), now, usize::MAX)?)),
        },
    }
}

fn stored(scope: &Scope) -> List {
    List::Stored(match scope {
        Scope::Networks => view::NETWORKS.to_vec(),
        Scope::Members => view::MEMBERS.to_vec(),
        Scope::OfNetwork(network) => view::memberships_of_network(network),
        Scope::OfMember(member) => view::memberships_of_member(member),
    })
}

/// The list in the order of the scope's field.
fn order_list(scope: &Scope) -> Option<List> {
    match scope {
        Scope::Networks => Some(List::Posted(postings::BY_FOUNDED.to_vec())),
        Scope::Members => Some(List::Posted(postings::BY_POPULATION.to_vec())),
        Scope::OfNetwork(network) => Some(List::Posted(postings::by_joined(network))),
        Scope::OfMember(_) => None,
    }
}

/// Bytes before the id in what follows the prefix of the order list.
pub(super) const fn order_bytes(field: Option<Field>) -> usize {
    match field {
        None => 0,
        Some(Field::Population) => postings::NUMBER_BYTES,
        Some(_) => postings::DATE_BYTES,
    }
}

fn ways(query: &Query) -> Vec<Way> {
    let posted = match query.scope {
        Scope::Networks => Sort::Network,
        Scope::Members | Scope::OfNetwork(_) => Sort::Member,
        Scope::OfMember(_) => return Vec::new(),
    };
    let parts = match &query.filter {
        Filter::And(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut ways: Vec<Way> = parts.iter().flat_map(|part| ways_of(query, posted, part)).collect();
    if matches!(query.scope, Scope::OfNetwork(_)) && !ways.is_empty() {
        ways.push(Way { list: stored(&query.scope), by_id: true });
    }
    ways
}

fn ways_of(query: &Query, posted: Sort, part: &Filter) -> Vec<Way> {
    let exact = |list| Way { list: List::Posted(list), by_id: true };
    match part {
        Filter::Compare { field, comparison: Comparison::Equal, value } => {
            // On another day the state may be another one; that of a membership is not its member's.
            let is_other =
                *field == Field::State && (query.as_of.is_some() || posted != query.scope.sort());
            match posted_value(value) {
                Some(value) if posted.posted().contains(field) && !is_other => {
                    vec![exact(postings::of_value(posted, *field, value))]
                }
                _ => Vec::new(),
            }
        }
        Filter::Named(phrase) => {
            let (last, before) = phrase.words.split_last().expect("a phrase has a word");
            let mut ways: Vec<Way> =
                before.iter().map(|word| exact(postings::of_word(posted, word))).collect();
            ways.push(match phrase.whole {
                true => exact(postings::of_word(posted, last)),
                false => {
                    let list = List::Posted(postings::of_words_from(posted, last));
                    Way { list, by_id: false }
                }
            });
            ways
        }
        Filter::And(_)
        | Filter::Or(_)
        | Filter::Not(_)
        | Filter::Compare { .. }
        | Filter::Present(_)
        | Filter::Has(..) => Vec::new(),
    }
}

/// The one value there may be a posting list of.
fn posted_value(value: &Value) -> Option<&str> {
    match value {
        Value::AnyOf(values) => match values.as_slice() {
            [value] => Some(value),
            _ => None,
        },
        Value::Flag(true) => Some(postings::YES),
        Value::Flag(false) | Value::Number(_) | Value::Date(_) => None,
    }
}

/// The way with the fewest keys, when one has few.
fn shortest<'w>(
    keys: &ReadView<'_>,
    ways: &'w [Way],
    now: bool,
) -> Result<Option<&'w Way>, ViewError> {
    for probe in PROBES {
        let mut best: Option<(usize, &Way)> = None;
        for way in ways {
            let length = length(keys, &way.list, now, probe)?;
            if length < probe && best.is_none_or(|(shortest, _)| length < shortest) {
                best = Some((length, way));
            }
        }
        if let Some((_, way)) = best {
            return Ok(Some(way));
        }
    }
    Ok(None)
}

fn length(keys: &ReadView<'_>, list: &List, now: bool, limit: usize) -> Result<usize, ViewError> {
    let (prefix, was) = list.prefixes(now);
    let mut length = keys.scan(&prefix, None, limit)?.len();
    if let Some(was) = was {
        length += keys.scan(&was, None, limit)?.len();
    }
    Ok(length)
}

fn gathered(
    keys: &ReadView<'_>,
    list: &List,
    now: bool,
    limit: usize,
) -> Result<BTreeSet<String>, ViewError> {
    let (prefix, was) = list.prefixes(now);
    let mut ids = BTreeSet::new();
    for prefix in [Some(prefix), was].into_iter().flatten() {
        for (key, _) in keys.scan(&prefix, None, limit)? {
            let id = key.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            ids.insert(id_text(id)?.to_owned());
        }
    }
    Ok(ids)
}

/// The id at the end of a key.
pub(super) fn id_text(id: &[u8]) -> Result<&str, ViewError> {
    std::str::from_utf8(id).map_err(|_| ViewError::Value("an id is not text".to_owned()))
}
