//! Counting that has to walk memberships: in steps, between which the writer goes on, one count at a time,
//! and the last result kept for the pages that follow.
//!
//! Everything recorded up to the position a result is of is in it; what was recorded while it was being
//! counted may be.

use std::cmp::Reverse;
use std::sync::Arc;

use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::MembershipState;
use hansa_view::{Keys, ReadView, ViewError};
use tokio::sync::Mutex;
use tonic::Status;

use crate::domain;
use crate::query::{Queries, Wait};
use crate::status;
use crate::view::{self, tallies};

/// How many keys a step looks at, so that the writer waits for a moment only.
pub(super) const STEP: usize = 2_000;

/// Something that is counted in steps.
pub(super) trait Pass: Send + 'static {
    /// Goes on where the step before ended; true when it is done.
    fn step(&mut self, keys: &ReadView<'_>) -> Result<bool, ViewError>;

    /// What there is too much of, when it has counted as much as it may.
    fn exhausted(&self) -> Option<Exhausted> {
        None
    }
}

/// A count that would take too much memory or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted {
    /// Most there may be.
    pub(super) limit: usize,
    /// Of what, and what to ask instead.
    pub(super) of: &'static str,
}

/// Takes a pass to its end; gives the position its first step stood at.
pub(super) async fn complete<P: Pass>(
    queries: &Queries,
    wait: Wait,
    mut pass: P,
) -> Result<(P, u64), Status> {
    let mut first = None;
    loop {
        let step = move |keys: &ReadView<'_>| {
            let done = pass.step(keys)?;
            Ok((pass, done))
        };
        let ((walked, done), position) = queries.read(wait, step).await?;
        pass = walked;
        let first = *first.get_or_insert(position);
        if let Some(Exhausted { limit, of }) = pass.exhausted() {
            return Err(status::too_much_to_count(limit, of));
        }
        if done {
            return Ok((pass, first));
        }
    }
}

/// Labels by a count, highest first, and by themselves where the counts are the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ranking {
    /// Everything recorded up to here is in it.
    pub(super) position: u64,
    entries: Vec<(u64, Box<str>)>,
}

/// A place in a ranking, kept in page tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Position of the ranking.
    pub(super) position: u64,
    count: u64,
    label: String,
}

impl Ranking {
    pub(super) fn new(position: u64, counts: impl Iterator<Item = (u64, String)>) -> Ranking {
        let mut entries: Vec<_> = counts.map(|(count, it)| (count, it.into_boxed_str())).collect();
        entries.sort_unstable_by(|(a, x), (b, y)| (Reverse(a), x).cmp(&(Reverse(b), y)));
        Ranking { position, entries }
    }

    /// Entries behind a place, with the place each is at.
    pub(super) fn behind(&self, place: Option<&Place>) -> impl Iterator<Item = (u64, &str)> {
        let start = place.map_or(0, |place| {
            let last = (Reverse(place.count), place.label.as_str());
            self.entries.partition_point(|(count, it)| (Reverse(*count), it.as_ref()) <= last)
        });
        self.entries[start..].iter().map(|(count, label)| (*count, label.as_ref()))
    }

    /// The place of an entry.
    pub(super) fn place(&self, count: u64, label: &str) -> Place {
        Place { position: self.position, count, label: label.to_owned() }
    }
}

impl Place {
    /// As the end of a page token.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let numbers = [self.position.to_be_bytes(), self.count.to_be_bytes()].concat();
        [numbers.as_slice(), self.label.as_bytes()].concat()
    }

    /// From the end of a page token.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Place> {
        let (position, rest) = bytes.split_first_chunk::<8>()?;
        let (count, label) = rest.split_first_chunk::<8>()?;
        let label = std::str::from_utf8(label).ok()?.to_owned();
        let (position, count) = (u64::from_be_bytes(*position), u64::from_be_bytes(*count));
        Some(Place { position, count, label })
    }
}

/// The last ranking of a kind, and for what it was made.
pub(super) struct Last<K> {
    kept: Mutex<Option<(K, Arc<Ranking>)>>,
}

impl<K: PartialEq> Last<K> {
    pub(super) fn new() -> Last<K> {
        Last { kept: Mutex::new(None) }
    }

    /// The ranking a page continues, or the present one; made when it is not kept.
    pub(super) async fn get<P: Pass>(
        &self,
        queries: &Queries,
        wait: Wait,
        (key, continued): (K, Option<&Place>),
        pass: impl FnOnce() -> P,
        rank: impl FnOnce(P, u64) -> Ranking,
    ) -> Result<Arc<Ranking>, Status> {
        let ((), position) = queries.read(wait, |_| Ok(())).await?;
        // Held while it counts: whoever asks the same meanwhile finds it ready, and whoever asks
        // something else does not count beside it.
        let mut kept = self.kept.lock().await;
        if let Some((of, ranking)) = &*kept
            && *of == key
            && (ranking.position >= position
                || continued.is_some_and(|place| place.position == ranking.position))
        {
            return Ok(Arc::clone(ranking));
        }
        let (done, position) = complete(queries, wait, pass()).await?;
        let ranking = Arc::new(rank(done, position));
        *kept = Some((key, Arc::clone(&ranking)));
        Ok(ranking)
    }
}

/// The ids of the members that belong to a network now, a step at a time.
pub(super) struct MembersOf {
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
}

impl MembersOf {
    pub(super) fn new(network: &NetworkId) -> MembersOf {
        MembersOf { prefix: view::memberships_of_network(network), after: None }
    }

    /// The next few, and whether they were the last.
    pub(super) fn next(
        &mut self,
        keys: &ReadView<'_>,
        limit: usize,
    ) -> Result<(Vec<MemberId>, bool), ViewError> {
        let entries = keys.scan(&self.prefix, self.after.as_deref(), limit)?;
        let last = entries.len() < limit;
        let mut members = Vec::new();
        for (_, value) in &entries {
            let membership: pb::Membership = view::message(value)?;
            let active = MembershipState::from_pb(membership.state).is_some_and(domain::is_active);
            if active {
                members.push(MemberId::parse(&membership.member).map_err(ViewError::Value)?);
            }
        }
        self.after = entries.into_iter().next_back().map(|(key, _)| key).or(self.after.take());
        Ok((members, last))
    }
}

/// The networks a member belongs to now.
pub(super) fn networks_of(
    keys: &ReadView<'_>,
    member: &MemberId,
) -> Result<Vec<NetworkId>, ViewError> {
    let prefix = view::memberships_of_member(member);
    let mut networks = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let entries = keys.scan(&prefix, after.as_deref(), STEP)?;
        for (key, value) in &entries {
            if tallies::belongs_now(value)? {
                networks.push(view::indexed(key)?.network);
            }
        }
        match entries.into_iter().next_back() {
            Some((last, _)) => after = Some(last),
            None => return Ok(networks),
        }
    }
}

/// Whether a member belongs to a network now.
pub(super) fn belongs(keys: &ReadView<'_>, id: &MembershipId) -> Result<bool, ViewError> {
    keys.get(&view::belongs_key(id))?.map_or(Ok(false), |value| tallies::belongs_now(&value))
}
