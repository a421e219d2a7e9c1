//! Who meets a member in networks. It walks the memberships of the networks the member belongs to, and
//! holds a count for everybody it meets, up to a limit.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hansa_proto::ids::{MemberId, NetworkId};
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{ReadView, ViewError};
use prost::Message;
use tonic::Status;

use super::passes::{Exhausted, Last, MembersOf, Pass, Place, Ranking, STEP, networks_of};
use crate::lists::facts::{Row, Sort};
use crate::lists::filter::Filter;
use crate::lists::parse;
use crate::page::{PAGE_BYTES, PageRequest};
use crate::query::{Queries, Wait};
use crate::view;

/// Whose company is asked for.
pub(super) struct AskedCompany {
    member: MemberId,
    networks: Networks,
    page: PageRequest,
    continued: Option<Place>,
}

impl AskedCompany {
    pub(super) fn parse(request: &pb::ListCoMembersRequest) -> Result<AskedCompany, Violations> {
        let mut violations = Violations::default();
        let member = MemberId::parse(&request.member);
        if let Err(problem) = &member {
            violations.push("member", problem.clone());
        }
        let filter = parse::filter(&request.filter, Sort::Network, &mut violations);
        let list = format!("ListCoMembers {} {}", request.member, request.filter);
        let (page, continued) =
            super::place(request.page_size, &request.page_token, &list, &mut violations);
        violations.finish()?;
        let member = member.expect("a name that does not parse is a violation");
        let networks = Networks { words: request.filter.clone(), filter: Arc::new(filter) };
        Ok(AskedCompany { member, networks, page, continued })
    }

    /// The member asked about.
    pub(super) fn member(&self) -> &MemberId {
        &self.member
    }

    /// A page of them, and the token of the next.
    pub(super) async fn answer(
        self,
        queries: &Queries,
        wait: Wait,
        last: &Last<Company>,
    ) -> Result<(Vec<pb::CoMember>, String, u64), Status> {
        let company = (self.member.clone(), self.networks.words.clone());
        let of = (company, self.continued.as_ref());
        let pass = || Met::new(self.member.clone(), self.networks.clone(), limits::CO_MEMBERS);
        let ranking = last.get(queries, wait, of, pass, Met::rank).await?;
        let met: Vec<(u64, String)> = ranking
            .behind(self.continued.as_ref())
            .take(self.page.size + 1)
            .map(|(count, id)| (count, id.to_owned()))
            .collect();
        let (member, networks) = (self.member.clone(), self.networks.clone());
        let look =
            move |keys: &ReadView<'_>| shared_networks(keys, networks.of(keys, &member)?, met);
        let (met, _) = queries.read(wait, look).await?;

        let mut co_members = Vec::new();
        let mut bytes = 0;
        let mut end = Vec::new();
        for (id, co_member) in met {
            if co_members.len() == self.page.size || bytes > PAGE_BYTES {
                return Ok((co_members, self.page.token_after(&end), ranking.position));
            }
            bytes += co_member.encoded_len();
            end = ranking.place(co_member.shared_count.unsigned_abs(), &id).to_bytes();
            co_members.push(co_member);
        }
        Ok((co_members, String::new(), ranking.position))
    }
}

fn shared_networks(
    keys: &ReadView<'_>,
    own: BTreeSet<NetworkId>,
    met: Vec<(u64, String)>,
) -> Result<Vec<(String, pb::CoMember)>, ViewError> {
    let co_member = |(count, id): (u64, String)| {
        let other = MemberId::from_id(&id).map_err(ViewError::Value)?;
        let theirs = networks_of(keys, &other)?;
        let shared =
            theirs.iter().filter(|network| own.contains(network)).take(limits::NAMES_OF_FIGURE);
        let row = pb::CoMember {
            member: other.to_string(),
            shared_count: view::on_the_wire(count),
            shared_networks: shared.map(ToString::to_string).collect(),
        };
        Ok((id, row))
    };
    met.into_iter().map(co_member).collect()
}

/// Whose company, and in which networks, in words.
pub(super) type Company = (MemberId, String);

/// Networks in which company counts.
#[derive(Clone)]
struct Networks {
    words: String,
    filter: Arc<Filter>,
}

impl Networks {
    /// Those of them that a member belongs to now.
    fn of(&self, keys: &ReadView<'_>, member: &MemberId) -> Result<BTreeSet<NetworkId>, ViewError> {
        let mut networks = BTreeSet::new();
        for id in networks_of(keys, member)? {
            let network = view::network(keys, &id)?;
            if network.is_some_and(|it| self.filter.matches(Row::Network(&it))) {
                networks.insert(id);
            }
        }
        Ok(networks)
    }
}

/// Counts whom a member meets, network by network.
struct Met {
    member: MemberId,
    among: Networks,
    /// Networks still to be walked; absent before the first step.
    networks: Option<Vec<NetworkId>>,
    walked: Option<MembersOf>,
    met: HashMap<MemberId, u64>,
    /// Most members met.
    most: usize,
}

impl Met {
    fn new(member: MemberId, among: Networks, most: usize) -> Met {
        Met { member, among, networks: None, walked: None, met: HashMap::new(), most }
    }

    fn rank(self, position: u64) -> Ranking {
        let counts = self.met.into_iter().map(|(id, count)| (count, id.id().to_owned()));
        Ranking::new(position, counts)
    }
}

impl Pass for Met {
    fn exhausted(&self) -> Option<Exhausted> {
        let of = "members met in networks";
        (self.met.len() > self.most).then_some(Exhausted { limit: self.most, of })
    }

    fn step(&mut self, keys: &ReadView<'_>) -> Result<bool, ViewError> {
        let networks = match &mut self.networks {
            Some(networks) => networks,
            None => {
                let networks = self.among.of(keys, &self.member)?;
                self.networks.insert(networks.into_iter().collect())
            }
        };
        let walked = match (&mut self.walked, networks.pop()) {
            (Some(walked), None) => walked,
            (Some(walked), Some(next)) => {
                networks.push(next);
                walked
            }
            (None, Some(next)) => self.walked.insert(MembersOf::new(&next)),
            (None, None) => return Ok(true),
        };
        let (members, last) = walked.next(keys, STEP)?;
        for member in members.into_iter().filter(|member| *member != self.member) {
            *self.met.entry(member).or_default() += 1;
        }
        if last {
            self.walked = None;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_more_than_may_be_met_is_too_many() {
        let id = |id: &str| MemberId::from_id(id).unwrap();
        let all = Networks { words: String::new(), filter: Arc::new(Filter::all()) };
        let mut company = Met::new(id("a"), all, 2);
        company.met.extend([(id("b"), 1), (id("c"), 7)]);
        assert_eq!(company.exhausted(), None);
        company.met.insert(id("d"), 1);
        assert_eq!(company.exhausted().map(|it| it.limit), Some(2));
    }
}
