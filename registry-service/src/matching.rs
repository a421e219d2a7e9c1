//! Who may be meant by names, codes or places from elsewhere: proposals with scores and reasons. Nothing
//! is ever merged.
//!
//! A score of 1 is the same id elsewhere. The same name in the same country is 0.9, without a country
//! 0.8; names that are only alike get less, the distance of places moves a score a little, and who
//! shares the very name with others gets less for it. From [`CERTAIN`] on a score is as good as an id
//! to a person who knows the field; below, somebody has to look.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::common::{GeoPoint, NameKind};
use hansa_proto::country::Country;
use hansa_proto::ids::MemberId;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{ExternalId, ExternalIdScheme, Member, MemberState};
use hansa_view::{Keys, ViewError};

use crate::view::clues;
use crate::{codec, fold_text, view};

/// Who shares a name and country with others is below this.
const CERTAIN: f64 = 0.85;
/// Below this nobody is proposed.
const WORTH_A_LOOK: f64 = 0.3;
/// Most members looked at for one way of finding them.
const LOOKED_AT: usize = 60;
/// Letters of a name that must be right for it to be found with a slip in the rest.
const FIRST_LETTERS: usize = 3;
/// Mean radius of the Earth in kilometres.
const EARTH_KM: f64 = 6_371.0;

/// What is known of somebody.
#[derive(Clone, Debug)]
pub(crate) struct Clue {
    /// Words of the name, folded; empty: no name.
    pub(crate) words: Vec<String>,
    pub(crate) country: Option<Country>,
    pub(crate) external_ids: Vec<ExternalId>,
    pub(crate) point: Option<GeoPoint>,
}

impl Clue {
    /// Words of a name.
    pub(crate) fn words_of(name: &str) -> Vec<String> {
        fold_text::words(name)
    }
}

/// Who may be meant by a clue, best first.
pub(crate) fn candidates(
    keys: &dyn Keys,
    clue: &Clue,
    most: usize,
) -> Result<pb::MemberMatch, ViewError> {
    let mut found = Vec::new();
    for id in looked_at(keys, clue)? {
        let Some(member) = view::member(keys, &id)? else { continue };
        let member = codec::member_from_pb(member).map_err(view::undecodable)?;
        found.extend(judged(clue, &member));
    }
    share(&mut found);
    found.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| one.member.cmp(&other.member))
    });
    found.truncate(most);
    let candidates = found.into_iter().map(Candidate::into_pb).collect();
    Ok(pb::MemberMatch { candidates })
}

/// Members worth a look, each once.
fn looked_at(keys: &dyn Keys, clue: &Clue) -> Result<BTreeSet<MemberId>, ViewError> {
    let mut found = BTreeSet::new();
    for known in &clue.external_ids {
        found.extend(clues::known(keys, known.scheme, &known.value, LOOKED_AT)?);
    }
    let whole = clue.words.join(" ");
    if !whole.is_empty() {
        found.extend(clues::called(keys, &format!("{whole}/"), LOOKED_AT)?);
        found.extend(clues::called(keys, &whole, LOOKED_AT)?);
        for word in &clue.words {
            let first: String = word.chars().take(FIRST_LETTERS.max(word.len() / 2)).collect();
            found.extend(clues::called(keys, &first, LOOKED_AT)?);
        }
    }
    if let Some(point) = &clue.point {
        found.extend(clues::near(keys, point, LOOKED_AT)?);
    }
    Ok(found)
}

struct Candidate {
    member: String,
    display_name: String,
    score: f64,
    /// The name is the very one.
    same_name: bool,
    reasons: Vec<String>,
}

impl Candidate {
    fn into_pb(self) -> pb::MemberCandidate {
        let Candidate { member, display_name, score, reasons, .. } = self;
        // Two digits are more than a score can mean.
        pb::MemberCandidate {
            member,
            display_name,
            score: (score * 100.0).round() / 100.0,
            reasons,
        }
    }
}

/// What speaks for a member; `None` when it is not worth a look.
fn judged(clue: &Clue, member: &Member) -> Option<Candidate> {
    let same_country = match (clue.country, member.country) {
        (Some(wanted), Some(actual)) if wanted != actual => return None,
        (wanted, actual) => wanted.is_some() && actual.is_some(),
    };
    let mut reasons = Vec::new();
    let (likeness, same_name) = likeness(clue, member, &mut reasons);
    let mut score = likeness * if same_country { 0.9 } else { 0.8 };
    if same_country && likeness > 0.0 {
        reasons.push("same country".to_owned());
    }
    score = with_distance(clue, member, score, &mut reasons);
    score = with_ids(clue, member, score, &mut reasons);
    if member.state == MemberState::Retired {
        score *= 0.95;
        reasons.push("retired".to_owned());
    }
    let shown = member.names.iter().find(|name| name.kind == NameKind::Official);
    (score >= WORTH_A_LOOK).then(|| Candidate {
        member: member.id.to_string(),
        display_name: shown.or(member.names.first()).map(|it| it.text.clone()).unwrap_or_default(),
        score,
        same_name,
        reasons,
    })
}

/// How much a name is like the one of the clue, 0 to 1, and whether it is the very one.
fn likeness(clue: &Clue, member: &Member, reasons: &mut Vec<String>) -> (f64, bool) {
    if clue.words.is_empty() {
        return (0.0, false);
    }
    let whole = clue.words.join(" ");
    let mut best = (0.0, String::new());
    for name in &member.names {
        let words = Clue::words_of(&name.text);
        if words == clue.words {
            let what = if name.kind == NameKind::Official { "same name" } else { "same alias" };
            reasons.push(what.to_owned());
            return (1.0, true);
        }
        let within = contains(&words, &clue.words) || contains(&clue.words, &words);
        let alike = shared_pairs(&whole, &words.join(" "));
        let alike = if within { alike.max(0.7) } else { alike };
        if alike > best.0 {
            best = (alike, format!("like `{}`", name.text));
        }
    }
    if best.0 >= 0.4 {
        reasons.push(best.1);
        return (best.0 * 0.9, false);
    }
    (0.0, false)
}

/// Whether the words stand in the others next to each other.
fn contains(words: &[String], part: &[String]) -> bool {
    !part.is_empty() && words.windows(part.len()).any(|window| window == part)
}

/// Shared pairs of letters of all, 0 to 1 (Dice).
fn shared_pairs(one: &str, other: &str) -> f64 {
    let (one, other) = (pairs(one), pairs(other));
    let all = one.values().sum::<usize>() + other.values().sum::<usize>();
    let shared: usize =
        one.iter().map(|(pair, count)| (*count).min(other.get(pair).copied().unwrap_or(0))).sum();
    if all == 0 { 0.0 } else { 2.0 * shared as f64 / all as f64 }
}

fn pairs(text: &str) -> BTreeMap<[u8; 2], usize> {
    let mut pairs = BTreeMap::new();
    for pair in text.as_bytes().windows(2) {
        *pairs.entry([pair[0], pair[1]]).or_default() += 1;
    }
    pairs
}

fn with_distance(clue: &Clue, member: &Member, score: f64, reasons: &mut Vec<String>) -> f64 {
    let (Some(clue_point), Some(point)) = (&clue.point, &member.point) else { return score };
    let distance = kilometres(clue_point, point);
    let only_place = clue.words.is_empty();
    let moved = match distance {
        near if near <= 5.0 && only_place => 0.6,
        near if near <= 15.0 && only_place => 0.4,
        _ if only_place => 0.0,
        near if near <= 5.0 && score > 0.0 => score + 0.08,
        near if near <= 25.0 && score > 0.0 => score + 0.04,
        far if far > 100.0 => score * 0.5,
        _ => score,
    };
    if moved > 0.0 {
        reasons.push(format!("{distance:.0} km away"));
    }
    moved
}

fn kilometres(one: &GeoPoint, other: &GeoPoint) -> f64 {
    let (from, to) = (one.latitude.to_radians(), other.latitude.to_radians());
    let across = (other.longitude - one.longitude).to_radians();
    let half =
        ((to - from) / 2.0).sin().powi(2) + from.cos() * to.cos() * (across / 2.0).sin().powi(2);
    2.0 * EARTH_KM * half.sqrt().min(1.0).asin()
}

/// An id elsewhere decides, for or against.
fn with_ids(clue: &Clue, member: &Member, score: f64, reasons: &mut Vec<String>) -> f64 {
    let mut against = false;
    for wanted in &clue.external_ids {
        let of_scheme = member.external_ids.iter().filter(|known| known.scheme == wanted.scheme);
        let values: Vec<&str> = of_scheme.map(|known| known.value.as_str()).collect();
        if values.iter().any(|value| value.eq_ignore_ascii_case(&wanted.value)) {
            reasons.insert(0, format!("same {} id", scheme(wanted.scheme)));
            return 1.0;
        }
        if !values.is_empty() && score > 0.0 {
            reasons.push(format!("another {} id", scheme(wanted.scheme)));
            against = true;
        }
    }
    if against { score * 0.5 } else { score }
}

const fn scheme(scheme: ExternalIdScheme) -> &'static str {
    match scheme {
        ExternalIdScheme::Geonames => "GeoNames",
        ExternalIdScheme::Wikidata => "Wikidata",
        ExternalIdScheme::UnLocode => "UN/LOCODE",
    }
}

/// A name that several bear proves less.
fn share(found: &mut [Candidate]) {
    let bearers = found.iter().filter(|candidate| candidate.same_name).count();
    if bearers < 2 {
        return;
    }
    let shared = found.iter_mut().filter(|candidate| candidate.same_name);
    for candidate in shared.filter(|candidate| candidate.score < 1.0) {
        candidate.score = (candidate.score * 0.9).min(CERTAIN - 0.01);
        candidate.reasons.push(format!("{bearers} members are called so"));
    }
}

#[cfg(test)]
mod tests;
