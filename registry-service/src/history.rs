//! ListHistory: what was recorded of a resource, by whom, when.
//!
//! The view knows at which positions a resource changed, the journal what was done there. A page reads a
//! bounded number of commits.

use hansa_journal::{Position, ReadLimit};
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use prost::Message;
use tonic::Status;

use crate::domain::Target;
use crate::lists::pages::{Asked, Digest, From};
use crate::page::PAGE_BYTES;
use crate::query::{Queries, Wait};
use crate::view::versions::{self, Subject};
use crate::{codec, status};

/// Most commits read for a page.
const COMMITS: usize = 200;
/// Bytes of commits after which a page reads no further one.
const COMMIT_BYTES: usize = 16 * 1024 * 1024;

/// A page of the history of a resource.
pub(crate) async fn list(
    queries: &Queries,
    wait: Wait,
    request: pb::ListHistoryRequest,
) -> Result<pb::ListHistoryResponse, Status> {
    let digested = pb::ListHistoryRequest {
        page_size: 0,
        page_token: String::new(),
        min_position: 0,
        ..request.clone()
    };
    let mut violations = Violations::default();
    let subject = subject(&request.name, &mut violations);
    let digest = Digest::of("ListHistory", &digested);
    let asked = Asked::parse(request.page_size, &request.page_token, digest, &mut violations);
    violations.finish().map_err(status::malformed)?;
    let subject = subject.expect("a name without violations was parsed");

    let mut page = Page::new(asked, request.descending);
    let (from, descending) = (page.from(), page.descending);
    let looked_up = subject.clone();
    // All of the first may have been on the page before; one more than needed tells that there is more.
    let limit = (page.asked.size + 2).min(COMMITS + 1);
    let (positions, position) = queries
        .read(wait, move |keys| versions::positions(keys, &looked_up, from, descending, limit))
        .await?;
    let positions = positions.ok_or_else(|| {
        let target = target(subject);
        status::not_found(target.sort(), &target)
    })?;
    for (read, changed_at) in positions.iter().enumerate() {
        if read == COMMITS || page.commit_bytes > COMMIT_BYTES || page.is_full() {
            page.more = true;
            break;
        }
        page.read(queries, &request.name, Position::new(*changed_at)).await?;
    }
    let next_page_token = page.token();
    Ok(pb::ListHistoryResponse { entries: page.entries, next_page_token, position })
}

fn subject(name: &str, violations: &mut Violations) -> Option<Subject> {
    let parsed = match name.split('/').collect::<Vec<_>>().as_slice() {
        ["networks", _] => NetworkId::parse(name).map(Subject::Network),
        ["members", _] => MemberId::parse(name).map(Subject::Member),
        ["networks", _, "memberships", _] => MembershipId::parse(name).map(Subject::Membership),
        _ => Err("must be the name of a network, a member or a membership".to_owned()),
    };
    parsed.inspect_err(|problem| violations.push("name", problem.clone())).ok()
}

fn target(subject: Subject) -> Target {
    match subject {
        Subject::Network(id) => Target::Network(id),
        Subject::Member(id) => Target::Member(id),
        Subject::Membership(id) => Target::Membership(id),
    }
}

/// A page on its way.
struct Page {
    asked: Asked,
    descending: bool,
    entries: Vec<pb::HistoryEntry>,
    /// Position and index of the last entry.
    last: Option<(Position, u32)>,
    bytes: usize,
    commit_bytes: usize,
    more: bool,
}

impl Page {
    fn new(asked: Asked, descending: bool) -> Page {
        let last = asked.from.as_ref().and_then(|from| {
            let index: [u8; 4] = from.after.as_slice().try_into().ok()?;
            Some((from.position, u32::from_be_bytes(index)))
        });
        let (entries, bytes, commit_bytes, more) = (Vec::new(), 0, 0, false);
        Page { asked, descending, entries, last, bytes, commit_bytes, more }
    }

    /// The position to go on at; changes of one commit may be on two pages.
    fn from(&self) -> Option<u64> {
        self.last.map(|(position, _)| position.get())
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= self.asked.size || self.bytes > PAGE_BYTES
    }

    fn token(&self) -> String {
        let last = self.last.filter(|_| self.more);
        last.map_or_else(String::new, |(position, index)| {
            self.asked.token(&From { position, after: index.to_be_bytes().to_vec() })
        })
    }

    /// Takes the changes of a resource in a commit, those that come after the last one taken.
    async fn read(
        &mut self,
        queries: &Queries,
        name: &str,
        position: Position,
    ) -> Result<(), Status> {
        let before = Position::new(position.get().saturating_sub(1));
        let reader = queries.reader();
        let one = ReadLimit { commits: 1, bytes: 0 };
        let stored = reader.read(before, one).await;
        let stored = stored.map_err(|error| status::journal(error, reader))?;
        let Some(stored) = stored.first().filter(|stored| stored.position == position) else {
            return Err(status::codec(codec::CodecError::new("a version", "it has no commit")));
        };
        self.commit_bytes += stored.body.len();
        let commit = codec::commit(&stored.body).map_err(status::codec)?;
        let pb::Commit { recorded_at, principal, request_id, changes, .. } = commit;
        let mut changes: Vec<(u32, pb::Change)> =
            (0..).zip(changes).filter(|(_, change)| is_of(change, name)).collect();
        if self.descending {
            changes.reverse();
        }
        for (index, change) in changes {
            if !self.comes_next(position, index) {
                continue;
            }
            if self.is_full() {
                self.more = true;
                return Ok(());
            }
            let entry = pb::HistoryEntry {
                position: position.get(),
                recorded_at,
                principal: principal.clone(),
                request_id: request_id.clone(),
                change: Some(change),
            };
            self.bytes += entry.encoded_len();
            self.entries.push(entry);
            self.last = Some((position, index));
        }
        Ok(())
    }

    fn comes_next(&self, position: Position, index: u32) -> bool {
        self.last.is_none_or(|last| match self.descending {
            true => (position, index) < last,
            false => (position, index) > last,
        })
    }
}

fn is_of(change: &pb::Change, name: &str) -> bool {
    match &change.resource {
        Some(pb::change::Resource::Network(network)) => network.name == name,
        Some(pb::change::Resource::Member(member)) => member.name == name,
        Some(pb::change::Resource::Membership(membership)) => membership.name == name,
        None => false,
    }
}
