//! MatchMembers: clues are parsed, looked up a few at a time, and answered in order.

use hansa_proto::common::GeoPoint;
use hansa_proto::country::Country;
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::ExternalId;
use hansa_proto::violation::Violations;
use tonic::Status;

use super::Registry;
use crate::matching::{self, Clue};
use crate::query::Wait;
use crate::status;

/// Clues looked up at once; nothing is recorded meanwhile.
const AT_ONCE: usize = 20;

impl Registry {
    pub(super) async fn matches(
        &self,
        wait: Wait,
        request: pb::MatchMembersRequest,
    ) -> Result<pb::MatchMembersResponse, Status> {
        let (clues, most) = parse(request).map_err(status::malformed)?;
        let mut matches = Vec::with_capacity(clues.len());
        let mut position = 0;
        for some in clues.chunks(AT_ONCE) {
            let some = some.to_vec();
            let look = move |keys: &hansa_view::ReadView<'_>| {
                some.iter().map(|clue| matching::candidates(keys, clue, most)).collect()
            };
            let (found, looked_at): (Vec<pb::MemberMatch>, u64) =
                self.queries.read(wait, look).await?;
            // What was recorded up to here, all of them have seen.
            if matches.is_empty() {
                position = looked_at;
            }
            matches.extend(found);
        }
        Ok(pb::MatchMembersResponse { matches, position })
    }
}

fn parse(request: pb::MatchMembersRequest) -> Result<(Vec<Clue>, usize), Violations> {
    let mut violations = Violations::default();
    let count = request.clues.len();
    if count == 0 {
        violations.push("clues", "is required");
    }
    if count > limits::CLUES {
        let most = limits::CLUES;
        violations.push("clues", format!("has {count} entries; at most {most} are allowed"));
    }
    let most = match request.max_candidates {
        0 => limits::CANDIDATES,
        most => most,
    };
    if !(1..=limits::CANDIDATES_MOST).contains(&most) {
        let limit = limits::CANDIDATES_MOST;
        violations.push("max_candidates", format!("must be 1 to {limit}, or 0 for the default"));
    }
    let clues = request.clues.into_iter().take(limits::CLUES).enumerate();
    let clues = clues
        .filter_map(|(index, clue)| parse_clue(clue, &format!("clues[{index}]"), &mut violations))
        .collect();
    violations.finish()?;
    Ok((clues, usize::try_from(most).unwrap_or_default()))
}

fn parse_clue(clue: pb::MemberClue, path: &str, violations: &mut Violations) -> Option<Clue> {
    let pb::MemberClue { name, country, external_ids, point } = clue;
    if name.chars().count() > limits::NAME_CHARACTERS {
        let most = limits::NAME_CHARACTERS;
        violations.push(format!("{path}.name"), format!("must have at most {most} characters"));
        return None;
    }
    if name.trim().is_empty() && external_ids.is_empty() && point.is_none() {
        violations.push(path, "needs a name, an id elsewhere or a point");
        return None;
    }
    if external_ids.len() > limits::EXTERNAL_IDS {
        let most = limits::EXTERNAL_IDS;
        violations.push(format!("{path}.external_ids"), format!("must be at most {most}"));
        return None;
    }
    let country = match country.is_empty() {
        true => None,
        false => Country::parse_either(&country)
            .map_err(|problem| violations.push(format!("{path}.country"), problem))
            .ok(),
    };
    let ids = external_ids.into_iter().enumerate();
    let external_ids = ids
        .filter_map(|(index, id)| {
            ExternalId::parse(id, &format!("{path}.external_ids[{index}]"), violations)
        })
        .collect();
    let point =
        point.and_then(|point| GeoPoint::parse(point, &format!("{path}.point"), violations));
    Some(Clue { words: Clue::words_of(&name), country, external_ids, point })
}
