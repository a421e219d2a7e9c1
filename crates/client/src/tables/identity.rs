//! Who is meant. An id that exists, a decision, or one certain match is taken; everything else is
//! proposed, and left out until somebody decides.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::ids::MemberId;
use hansa_proto::pb::registry::v1 as pb;

use super::{Held, Observation, Sheet, TableError};
use crate::Registry;

/// A match from here on is certain, when no other is.
const CERTAIN: f64 = 0.85;
/// Somebody who is so likely meant is not made anew without a decision.
const LIKELY: f64 = 0.6;
/// Clues of one call.
const CLUES: usize = 500;

/// Somebody who may be meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// `members/{id}`.
    pub member: String,
    /// Its shown name.
    pub name: String,
    /// How likely, 0 to 1.
    pub score: f64,
    /// Why.
    pub reasons: Vec<String>,
}

/// A name that nobody was certainly meant by.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmatched {
    /// Its cell.
    pub member: String,
    /// What else is known.
    pub country: String,
    /// Lines it stands on.
    pub at: Vec<String>,
    /// Who may be meant.
    pub proposals: Vec<Proposal>,
}

/// Decisions of people: which member a cell means.
#[derive(Clone, Debug, Default)]
pub struct Decisions(BTreeMap<String, String>);

/// A cell whose member does not exist yet.
const NEW: &str = "new";

impl Decisions {
    /// From a sheet with the columns `text` and `member`, where `new` stands for a member to be made.
    pub fn of_sheet(sheet: &Sheet) -> Result<Decisions, TableError> {
        let sheet = sheet.whole()?;
        let column = |name: &str| sheet.columns.iter().position(|column| column == name);
        let (Some(text), Some(member)) = (column("text"), column("member")) else {
            let problem = "decisions have the columns `text` and `member`".to_owned();
            return Err(TableError::Malformed { at: format!("{}:1", sheet.file), problem });
        };
        let rows = sheet.rows.iter();
        Ok(Decisions(
            rows.map(|row| (row.cell(text).to_owned(), row.cell(member).to_owned())).collect(),
        ))
    }
}

/// Who is meant by each cell.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// Members by cell and country.
    pub(super) known: BTreeMap<(String, String), MemberId>,
    /// Members to be made, once each.
    pub(super) new: Vec<pb::Member>,
    pub(super) unmatched: Vec<Unmatched>,
}

/// What tells clues apart.
pub(super) fn cell_of(observation: &Observation) -> (String, String) {
    (observation.member.clone(), observation.clue.country.clone())
}

/// Finds out who is meant.
pub(super) async fn identify(
    registry: &Registry,
    held: &Held,
    observations: &[Observation],
    decisions: &Decisions,
    create_missing: bool,
) -> Result<Identities, TableError> {
    let mut identities = Identities::default();
    let mut open: BTreeMap<(String, String), Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        let cell = cell_of(observation);
        let decided = decisions.0.get(&observation.member).unwrap_or(&observation.member);
        match held.member(decided) {
            Some(member) => drop(identities.known.insert(cell, member)),
            None => open.entry(cell).or_default().push(observation),
        }
    }
    let open: Vec<_> = open.into_iter().collect();
    let mut made = BTreeSet::new();
    for some in open.chunks(CLUES) {
        let clues = some.iter().map(|(_, rows)| rows[0].clue.clone()).collect();
        let request = pb::MatchMembersRequest { clues, ..Default::default() };
        let matches = registry.registry.clone().match_members(request).await?.into_inner().matches;
        for ((cell, rows), found) in some.iter().zip(matches) {
            if let Some(member) = certain(&found) {
                identities.known.insert(cell.clone(), member);
                continue;
            }
            let wanted_new = decisions.0.get(&cell.0).is_some_and(|it| it == NEW);
            let unlikely = found.candidates.iter().all(|candidate| candidate.score < LIKELY);
            let new = match wanted_new || (create_missing && unlikely) {
                true => new_member(held, &mut made, rows[0]),
                false => None,
            };
            match new {
                Some((id, member)) => {
                    identities.known.insert(cell.clone(), id);
                    identities.new.push(member);
                }
                None => identities.unmatched.push(unmatched(cell, rows, found)),
            }
        }
    }
    Ok(identities)
}

/// The one certain candidate.
fn certain(found: &pb::MemberMatch) -> Option<MemberId> {
    let mut certain = found.candidates.iter().filter(|candidate| candidate.score >= CERTAIN);
    // An id elsewhere decides over any number of names.
    let best = certain.next()?;
    match certain.next() {
        Some(next) if best.score < 1.0 || next.score >= 1.0 => None,
        _ => MemberId::parse(&best.member).ok(),
    }
}

/// A member made of what a row says; none without a country, or when its id is taken.
fn new_member(
    held: &Held,
    made: &mut BTreeSet<MemberId>,
    row: &Observation,
) -> Option<(MemberId, pb::Member)> {
    let country = hansa_proto::country::Country::parse_either(&row.clue.country).ok()?;
    let words: String = deunicode::deunicode_with_tofu(&row.member, " ")
        .to_ascii_lowercase()
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    let id =
        MemberId::from_id(&format!("{}-{words}", country.as_str().to_ascii_lowercase())).ok()?;
    if held.members.contains(id.id()) || !made.insert(id.clone()) {
        return None;
    }
    let name = hansa_proto::pb::common::v1::Name {
        text: row.member.clone(),
        ..hansa_proto::pb::common::v1::Name::default()
    };
    let member = pb::Member {
        name: id.to_string(),
        names: vec![name],
        kind: pb::MemberKind::Municipality.into(),
        country: country.to_string(),
        point: row.clue.point,
        external_ids: row.clue.external_ids.clone(),
        sources: row.term.sources.clone(),
        ..pb::Member::default()
    };
    Some((id, member))
}

fn unmatched(
    (member, country): &(String, String),
    rows: &[&Observation],
    found: pb::MemberMatch,
) -> Unmatched {
    let proposals = found.candidates.into_iter().map(|candidate| Proposal {
        member: candidate.member,
        name: candidate.display_name,
        score: candidate.score,
        reasons: candidate.reasons,
    });
    Unmatched {
        member: member.clone(),
        country: country.clone(),
        at: rows.iter().map(|row| row.at.clone()).collect(),
        proposals: proposals.collect(),
    }
}
