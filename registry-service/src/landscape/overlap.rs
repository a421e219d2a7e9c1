//! Which networks overlap: shared members, counted by walking memberships, and shared themes.
//!
//! With n networks there are at most n(n−1)/2 pairs, and that is what a count of all of them holds in
//! memory, up to a limit; it looks at every membership once, and at every pair of networks of each
//! member, up to another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hansa_proto::ids::{MembershipId, NetworkId};
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::Network;
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ReadView, ViewError};
use prost::Message;
use tonic::Status;

use super::passes::{self, Exhausted, Last, MembersOf, Pass, Place, Ranking, STEP, networks_of};
use crate::lists::facts::{Row, Sort};
use crate::lists::filter::Filter;
use crate::lists::parse;
use crate::page::{PAGE_BYTES, PageRequest};
use crate::query::{Queries, Wait};
use crate::view::{self, tallies};

/// All index entries of memberships, by member.
const BELONGS: &[u8] = b"belongs/";

/// Which overlaps are asked for.
pub(super) struct AskedOverlaps {
    network: Option<NetworkId>,
    min_shared: u64,
    unrelated_only: bool,
    filter: Filter,
    page: PageRequest,
    continued: Option<Place>,
}

impl AskedOverlaps {
    pub(super) fn parse(request: &pb::ListOverlapsRequest) -> Result<AskedOverlaps, Violations> {
        let mut violations = Violations::default();
        let network = match request.network.as_str() {
            "" => None,
            name => match NetworkId::parse(name) {
                Ok(id) => Some(id),
                Err(problem) => {
                    violations.push("network", problem);
                    None
                }
            },
        };
        let min_shared = u64::try_from(request.min_shared).unwrap_or_else(|_| {
            violations.push("min_shared", "must be 0 or more");
            0
        });
        let unrelated_only = request.unrelated_only;
        let filter = parse::filter(&request.filter, Sort::Network, &mut violations);
        let list = format!(
            "ListOverlaps {} {min_shared} {unrelated_only} {}",
            request.network, request.filter
        );
        let (page, continued) =
            super::place(request.page_size, &request.page_token, &list, &mut violations);
        violations.finish()?;
        let min_shared = min_shared.max(1);
        Ok(AskedOverlaps { network, min_shared, unrelated_only, filter, page, continued })
    }

    /// The network asked about.
    pub(super) fn network(&self) -> Option<&NetworkId> {
        self.network.as_ref()
    }

    /// A page of them, and the token of the next.
    pub(super) async fn answer(
        self,
        queries: &Queries,
        wait: Wait,
        last: &Last<Option<NetworkId>>,
    ) -> Result<(Vec<pb::Overlap>, String, u64), Status> {
        let of = (self.network.clone(), self.continued.as_ref());
        let ranking = match &self.network {
            None => last.get(queries, wait, of, AllPairs::new, AllPairs::rank).await?,
            Some(network) => {
                let pass = || WithOne::new(network.clone());
                last.get(queries, wait, of, pass, WithOne::rank).await?
            }
        };
        let AskedOverlaps { network, filter, .. } = self;
        let look = move |keys: &ReadView<'_>| known(keys, network.as_ref(), &filter);
        let (networks, _) = queries.read(wait, look).await?;
        let mut overlaps = Vec::new();
        let mut bytes = 0;
        let mut end = Vec::new();
        for (shared, pair) in ranking.behind(self.continued.as_ref()) {
            let Some((one, other)) = networks.pair(pair) else { continue };
            let related = one.stands_to(other);
            if shared < self.min_shared {
                break;
            }
            if self.unrelated_only && related {
                continue;
            }
            if overlaps.len() == self.page.size || bytes > PAGE_BYTES {
                return Ok((overlaps, self.page.token_after(&end), ranking.position));
            }
            let shared_members = Shared::between(&one.id, &other.id, shared);
            let (found, _) = passes::complete(queries, wait, shared_members).await?;
            let overlap = overlap(one, other, shared, found.names);
            bytes += overlap.encoded_len();
            overlaps.push(overlap);
            end = ranking.place(shared, pair).to_bytes();
        }
        Ok((overlaps, String::new(), ranking.position))
    }
}

fn overlap(one: &Known, other: &Known, shared: u64, shared_members: Vec<String>) -> pb::Overlap {
    let share = |of: u64| if of == 0 { 0.0 } else { (shared as f64 / of as f64).min(1.0) };
    pb::Overlap {
        network: one.id.to_string(),
        other: other.id.to_string(),
        shared_members,
        shared_count: view::on_the_wire(shared),
        jaccard: share((one.members + other.members).saturating_sub(shared)),
        containment: share(one.members.min(other.members)),
        shared_themes: one.themes_shared_with(other),
        related: one.stands_to(other),
    }
}

/// What an overlap says of a network, beyond its members.
struct Known {
    id: NetworkId,
    members: u64,
    /// In small letters, and as the network has them.
    themes: BTreeMap<String, String>,
    related: BTreeSet<NetworkId>,
}

struct KnownNetworks(HashMap<String, Known>);

/// All networks that match, and the one asked about: there are few beside memberships.
fn known(
    keys: &ReadView<'_>,
    asked: Option<&NetworkId>,
    filter: &Filter,
) -> Result<KnownNetworks, ViewError> {
    let mut networks = HashMap::new();
    super::each_network(keys, |message| {
        let matches = filter.matches(Row::Network(&message));
        let network = view::strict_network(message)?;
        if !matches && asked != Some(&network.id) {
            return Ok(());
        }
        let known = Known::of(&network, view::count(keys, &network.id)?.active);
        networks.insert(network.id.id().to_owned(), known);
        Ok(())
    })?;
    Ok(KnownNetworks(networks))
}

impl KnownNetworks {
    fn pair(&self, label: &str) -> Option<(&Known, &Known)> {
        let (one, other) = label.split_once('/')?;
        Some((self.0.get(one)?, self.0.get(other)?))
    }
}

impl Known {
    fn of(network: &Network, members: u64) -> Known {
        Known {
            id: network.id.clone(),
            members,
            themes: network.themes.iter().map(|it| (it.to_lowercase(), it.clone())).collect(),
            related: network.relations.iter().map(|relation| relation.network.clone()).collect(),
        }
    }

    /// Whether a relation between the two is recorded, on whichever side.
    fn stands_to(&self, other: &Known) -> bool {
        self.related.contains(&other.id) || other.related.contains(&self.id)
    }

    fn themes_shared_with(&self, other: &Known) -> Vec<String> {
        let shared = self.themes.iter().filter(|(theme, _)| other.themes.contains_key(*theme));
        shared.map(|(_, theme)| theme.clone()).collect()
    }
}

/// Counts the members all networks share with each other.
struct AllPairs {
    /// Most pairs, and most looks at them.
    most: (usize, usize),
    looks: usize,
    exhausted: Option<Exhausted>,
    after: Option<Vec<u8>>,
    numbers: HashMap<NetworkId, u32>,
    pairs: HashMap<(u32, u32), u64>,
    /// Networks of the member the last step ended in the middle of.
    begun: Option<(String, Vec<u32>)>,
}

impl AllPairs {
    fn new() -> AllPairs {
        AllPairs::within(limits::OVERLAP_PAIRS, limits::OVERLAP_LOOKS)
    }

    fn within(pairs: usize, looks: usize) -> AllPairs {
        AllPairs {
            most: (pairs, looks),
            looks: 0,
            exhausted: None,
            after: None,
            numbers: HashMap::new(),
            pairs: HashMap::new(),
            begun: None,
        }
    }

    fn number(&mut self, network: NetworkId) -> u32 {
        let next = u32::try_from(self.numbers.len()).expect("there are less than 2^32 networks");
        *self.numbers.entry(network).or_insert(next)
    }

    fn count(&mut self, networks: &[u32]) {
        let (pairs, looks) = self.most;
        for (index, one) in networks.iter().enumerate() {
            for other in &networks[index + 1..] {
                self.looks += 1;
                if self.looks > looks {
                    let of = "pairs of networks of each member; ask with one network";
                    self.exhausted = Some(Exhausted { limit: looks, of });
                    return;
                }
                *self.pairs.entry((*one.min(other), *one.max(other))).or_default() += 1;
                if self.pairs.len() > pairs {
                    let of = "pairs of networks that share members; ask with one network";
                    self.exhausted = Some(Exhausted { limit: pairs, of });
                    return;
                }
            }
        }
    }

    fn rank(self, position: u64) -> Ranking {
        let mut ids = vec![""; self.numbers.len()];
        for (network, number) in &self.numbers {
            ids[*number as usize] = network.id();
        }
        let label = |(one, other): (u32, u32)| {
            let (one, other) = (ids[one as usize], ids[other as usize]);
            format!("{}/{}", one.min(other), one.max(other))
        };
        Ranking::new(position, self.pairs.into_iter().map(|(pair, count)| (count, label(pair))))
    }
}

impl Pass for AllPairs {
    fn exhausted(&self) -> Option<Exhausted> {
        self.exhausted
    }

    fn step(&mut self, keys: &ReadView<'_>) -> Result<bool, ViewError> {
        let entries = keys.scan(BELONGS, self.after.as_deref(), STEP)?;
        let done = entries.len() < STEP;
        for (key, value) in &entries {
            if !tallies::belongs_now(value)? {
                continue;
            }
            if self.exhausted.is_some() {
                return Ok(true);
            }
            let MembershipId { network, member } = view::indexed(key)?;
            let number = self.number(network);
            match &mut self.begun {
                Some((begun, networks)) if begun == member.id() => networks.push(number),
                _ => {
                    let next = (member.id().to_owned(), vec![number]);
                    if let Some((_, networks)) = self.begun.replace(next) {
                        self.count(&networks);
                    }
                }
            }
        }
        if done && let Some((_, networks)) = self.begun.take() {
            self.count(&networks);
        }
        self.after = entries.into_iter().next_back().map(|(key, _)| key);
        Ok(done)
    }
}

/// Counts the members one network shares with every other.
struct WithOne {
    network: NetworkId,
    members: MembersOf,
    shared: HashMap<NetworkId, u64>,
}

impl WithOne {
    fn new(network: NetworkId) -> WithOne {
        WithOne { members: MembersOf::new(&network), network, shared: HashMap::new() }
    }

    fn rank(self, position: u64) -> Ranking {
        let id = self.network.id().to_owned();
        let label = |other: NetworkId| format!("{id}/{}", other.id());
        Ranking::new(position, self.shared.into_iter().map(|(it, count)| (count, label(it))))
    }
}

impl Pass for WithOne {
    fn step(&mut self, keys: &ReadView<'_>) -> Result<bool, ViewError> {
        let (members, done) = self.members.next(keys, STEP / 10)?;
        for member in members {
            for other in networks_of(keys, &member)? {
                if other != self.network {
                    *self.shared.entry(other).or_default() += 1;
                }
            }
        }
        Ok(done)
    }
}

/// Finds the members two networks share, so many at most.
struct Shared {
    members: MembersOf,
    other: NetworkId,
    wanted: usize,
    names: Vec<String>,
}

impl Shared {
    fn between(one: &NetworkId, other: &NetworkId, shared: u64) -> Shared {
        let shared = usize::try_from(shared).unwrap_or(usize::MAX);
        let wanted = shared.min(limits::NAMES_OF_FIGURE);
        Shared {
            members: MembersOf::new(one),
            other: other.clone(),
            wanted,
            names: Vec::with_capacity(wanted),
        }
    }
}

impl Pass for Shared {
    fn step(&mut self, keys: &ReadView<'_>) -> Result<bool, ViewError> {
        let (members, last) = self.members.next(keys, STEP / 4)?;
        for member in members {
            let id = MembershipId { network: self.other.clone(), member };
            if passes::belongs(keys, &id)? {
                self.names.push(id.member.to_string());
            }
            if self.names.len() == self.wanted {
                return Ok(true);
            }
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_looks_are_counted_up_to_their_limits() {
        let mut pairs = AllPairs::within(3, 7);
        pairs.count(&[0, 1, 2]);
        pairs.count(&[2, 1, 0]);
        assert_eq!((pairs.exhausted, pairs.pairs.len(), pairs.looks), (None, 3, 6));
        pairs.count(&[0, 1]);
        assert_eq!((pairs.exhausted, pairs.pairs[&(0, 1)]), (None, 3));
        pairs.count(&[1, 2]);
        assert_eq!(pairs.exhausted.map(|it| it.limit), Some(7));

        let mut pairs = AllPairs::within(3, 100);
        pairs.count(&[0, 1, 2]);
        assert_eq!(pairs.exhausted, None);
        pairs.count(&(0..50).collect::<Vec<_>>());
        assert_eq!(pairs.exhausted.map(|it| it.limit), Some(3));
        assert_eq!(pairs.pairs.len(), 4, "nothing grows past the limit");
    }
}
