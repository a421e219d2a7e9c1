//! Lists of the registry: which resources, in which order, as recorded at one position from the first
//! page to the last.
//!
//! | file | answers |
//! | --- | --- |
//! | `facts.rs` | what a resource holds in the fields of filters |
//! | `filter.rs` | whether a resource matches a filter |
//! | `lex.rs`, `parse.rs` | filters as text |
//! | `pages.rs` | which page is asked for, and the token of the next |
//! | `sources.rs` | who says what a resource holds |
//! | `rows.rs` | the rows of a page as the answer holds them |
//! | `plan.rs` | which list of the view leads to what is asked for, looking at the fewest |
//! | `walk.rs` | walks it, for one page |
//!
//! A page looks at a bounded number of resources, and holds the view still only for a stretch of them:
//! as the position is the same for all pages, what is written meanwhile does not show.

pub(crate) mod facts;
pub(crate) mod filter;
mod lex;
pub(crate) mod pages;
pub(crate) mod parse;
mod plan;
mod rows;
mod sources;
#[cfg(test)]
mod tests;
mod walk;

use hansa_journal::Position;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{ReadView, ViewError};
use pb::change::Resource;

use crate::as_of;
use crate::view::versions;
use crate::view::{self, postings};
use facts::{Field, Row, Sort};
use filter::Filter;

pub(crate) use rows::Rows;
pub(crate) use walk::Walk;

/// Whose list it is.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    /// All networks.
    Networks,
    /// All members.
    Members,
    /// Memberships of a network, by member.
    OfNetwork(NetworkId),
    /// Memberships of a member, by network.
    OfMember(MemberId),
}

impl Scope {
    /// What it lists.
    pub(crate) const fn sort(&self) -> Sort {
        match self {
            Scope::Networks => Sort::Network,
            Scope::Members => Sort::Member,
            Scope::OfNetwork(_) | Scope::OfMember(_) => Sort::Membership,
        }
    }

    /// The field it can be ordered by, beside the name.
    const fn order_field(&self) -> Field {
        match self.sort() {
            Sort::Network => Field::Founded,
            Sort::Member => Field::Population,
            Sort::Membership => Field::Joined,
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// By this field; `None`: by name.
    pub(crate) field: Option<Field>,
    /// The other way.
    pub(crate) descending: bool,
}

impl Order {
    /// Reads `order_by` of a request.
    pub(crate) fn parse(text: &str, scope: &Scope, violations: &mut Violations) -> Order {
        let mut words = text.split_ascii_whitespace();
        let field = scope.order_field();
        let by = match words.next() {
            None | Some("name") => Some(None),
            Some(name) if name == field.as_str() => Some(Some(field)),
            Some(_) => None,
        };
        let descending = match (words.next(), words.next()) {
            (None, _) => Some(false),
            (Some("desc"), None) => Some(true),
            _ => None,
        };
        match by.zip(descending) {
            Some((field, descending)) => Order { field, descending },
            None => {
                let expected = format!(
                    "must be `name` or `{}`, with ` desc` behind it for the other way",
                    field.as_str()
                );
                violations.push("order_by", expected);
                Order { field: None, descending: false }
            }
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Of whom.
    pub(crate) scope: Scope,
    /// Which ones.
    pub(crate) filter: Filter,
    /// In which order.
    pub(crate) order: Order,
    /// As it was in the world on this date.
    pub(crate) as_of: Option<PartialDate>,
}

/// A resource that is asked for, and where it stands in the order.
pub(crate) struct Found {
    /// The resource; the members of a network are not counted yet.
    pub(crate) resource: Resource,
    /// Bytes that are ordered as the list is.
    pub(crate) order_key: Vec<u8>,
}

impl Query {
    /// The resource of an id at a position, when it is asked for. A membership of a network may be in
    /// hand, as it is now.
    fn find(
        &self,
        keys: &ReadView<'_>,
        id: &str,
        now: Option<&[u8]>,
        at: Position,
    ) -> Result<Option<Found>, ViewError> {
        match &self.scope {
            Scope::Networks => self.network(keys, network_id(id)?, at),
            Scope::Members => self.member(keys, member_id(id)?, at),
            Scope::OfNetwork(network) => {
                let id = MembershipId { network: network.clone(), member: member_id(id)? };
                let membership = match now {
                    Some(now) => versions::membership_shown(keys, &id, view::message(now)?, at)?,
                    None => versions::membership_at(keys, &id, at)?,
                };
                let by = id.member.id();
                membership.map_or(Ok(None), |found| self.membership(keys, &id, by, found, at))
            }
            Scope::OfMember(member) => {
                let id = MembershipId { network: network_id(id)?, member: member.clone() };
                let membership = versions::membership_at(keys, &id, at)?;
                let by = id.network.id();
                membership.map_or(Ok(None), |found| self.membership(keys, &id, by, found, at))
            }
        }
    }

    fn network(
        &self,
        keys: &ReadView<'_>,
        id: NetworkId,
        at: Position,
    ) -> Result<Option<Found>, ViewError> {
        let Some(network) = versions::network_at(keys, &id, at)? else { return Ok(None) };
        let order_key = self.order_key(Row::Network(&network), id.id());
        let network = match self.as_of {
            Some(day) => as_of::network(network, day),
            None => Some(network),
        };
        let matching = network.filter(|network| self.filter.matches(Row::Network(network)));
        Ok(matching
            .map(|network| Found { resource: Resource::Network(Box::new(network)), order_key }))
    }

    fn member(
        &self,
        keys: &ReadView<'_>,
        id: MemberId,
        at: Position,
    ) -> Result<Option<Found>, ViewError> {
        let Some(member) = versions::member_at(keys, &id, at)? else { return Ok(None) };
        let order_key = self.order_key(Row::Member(&member), id.id());
        let matches = self.filter.matches(Row::Member(&member));
        Ok(matches.then_some(Found { resource: Resource::Member(Box::new(member)), order_key }))
    }

    fn membership(
        &self,
        keys: &ReadView<'_>,
        id: &MembershipId,
        by: &str,
        held: pb::Membership,
        at: Position,
    ) -> Result<Option<Found>, ViewError> {
        let nobody = pb::Member::default();
        let order_key = self.order_key(Row::Membership(&held, &nobody), by);
        let Some(membership) = self.on_the_day(held) else { return Ok(None) };
        let matches = self.filter.is_all() || {
            let member = versions::member_at(keys, &id.member, at)?;
            let missing = || ViewError::Value("a membership is of no member".to_owned());
            self.filter.matches(Row::Membership(&membership, &member.ok_or_else(missing)?))
        };
        Ok(matches.then_some(Found { resource: Resource::Membership(membership), order_key }))
    }

    /// The membership of both a network and a member, when it is asked for.
    pub(crate) fn find_membership(
        &self,
        keys: &ReadView<'_>,
        id: &MembershipId,
        at: Position,
    ) -> Result<Option<pb::Membership>, ViewError> {
        let Some(held) = versions::membership_at(keys, id, at)? else { return Ok(None) };
        let found = self.membership(keys, id, "", held, at)?;
        Ok(found.and_then(|found| match found.resource {
            Resource::Membership(membership) => Some(membership),
            Resource::Network(_) | Resource::Member(_) => None,
        }))
    }

    fn on_the_day(&self, membership: pb::Membership) -> Option<pb::Membership> {
        match self.as_of {
            Some(day) => as_of::membership(membership, day),
            None => Some(membership),
        }
    }

    fn order_key(&self, row: Row<'_>, id: &str) -> Vec<u8> {
        let mut key = self.order.field.map(|field| postings::order_bytes(row, field));
        let key = key.get_or_insert_default();
        key.extend_from_slice(id.as_bytes());
        std::mem::take(key)
    }
}

fn network_id(id: &str) -> Result<NetworkId, ViewError> {
    NetworkId::from_id(id).map_err(ViewError::Value)
}

fn member_id(id: &str) -> Result<MemberId, ViewError> {
    MemberId::from_id(id).map_err(ViewError::Value)
}

/// The network with the number of its members at a position, or on a day; and how many memberships were
/// looked at to count them.
pub(crate) fn counted(
    keys: &ReadView<'_>,
    network: pb::Network,
    at: Position,
    day: Option<PartialDate>,
) -> Result<(pb::Network, usize), ViewError> {
    let id = NetworkId::parse(&network.name).map_err(ViewError::Value)?;
    let (active, looked_at) = match day {
        None => versions::active_at(keys, &id, at)?,
        Some(day) => versions::count_at(keys, &id, at, |membership| {
            as_of::membership(membership, day).is_some()
        })?,
    };
    let active_member_count = view::on_the_wire(active);
    Ok((pb::Network { active_member_count, ..network }, looked_at))
}
