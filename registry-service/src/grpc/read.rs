//! Reads: one resource, or a page of them, now, as recorded at a position, as it was on a day.

use hansa_chassis::framed;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::ReadView;
use tonic::{Response, Status};

use super::Registry;
use super::write::{name, optional};
use crate::domain::Target;
use crate::lists::filter::Filter;
use crate::lists::pages::{Asked, Digest, From};
use crate::lists::{self, Order, Query, Rows, Scope, Walk, parse};
use crate::query::Wait;
use crate::view::versions;
use crate::{as_of, status};

/// The resource of a name, or NOT_FOUND.
fn found<T>(resource: Option<T>, target: &Target) -> Result<T, Status> {
    resource.ok_or_else(|| status::not_found(target.sort(), target))
}

/// A name that must be there, and a date that may.
fn named<T>(
    text: &str,
    parse: fn(&str) -> Result<T, String>,
    as_of: Option<common::PartialDate>,
) -> Result<(T, Option<PartialDate>), Status> {
    let mut violations = Violations::default();
    let parsed = name(text, "name", parse, &mut violations);
    let day = as_of.and_then(|date| PartialDate::parse(date, "as_of", &mut violations));
    violations.finish().map_err(status::malformed)?;
    Ok((parsed.expect("a name without violations was parsed"), day))
}

impl Registry {
    pub(super) async fn network(
        &self,
        wait: Wait,
        request: pb::GetNetworkRequest,
    ) -> Result<pb::GetNetworkResponse, Status> {
        let (id, day) = named(&request.name, NetworkId::parse, request.as_of)?;
        let target = Target::Network(id.clone());
        let at = self.queries.shown_at(wait, request.at_position).await?;
        let look = move |keys: &ReadView<'_>| {
            let held = versions::network_at(keys, &id, at)?;
            let shown = match day {
                Some(day) => held.and_then(|held| as_of::network(held, day)),
                None => held,
            };
            let counted = shown.map(|shown| lists::counted(keys, shown, at, day)).transpose()?;
            Ok(counted.map(|(network, _)| network))
        };
        let (network, _) = self.queries.read(wait, look).await?;
        let network = Some(found(network, &target)?);
        Ok(pb::GetNetworkResponse { network, position: at.get() })
    }

    pub(super) async fn networks(
        &self,
        wait: Wait,
        request: pb::ListNetworksRequest,
    ) -> Result<Response<pb::ListNetworksResponse>, Status> {
        let digested = pb::ListNetworksRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let asked = AskedList {
            scope: Scope::Networks,
            filter: &request.filter,
            order_by: &request.order_by,
            as_of: request.as_of,
            page_size: request.page_size,
            page_token: &request.page_token,
            digest: Digest::of("ListNetworks", &digested),
        };
        let (query, page) = asked.parse(Violations::default()).map_err(status::malformed)?;
        let listed = self.list(wait, query, page, request.at_position).await?;
        let Listed { rows, next_page_token, position } = listed;
        let networks = Vec::new();
        let rest = pb::ListNetworksResponse { networks, next_page_token, position };
        Ok(framed::message(rows.into_frame(&rest)))
    }

    pub(super) async fn member(
        &self,
        wait: Wait,
        request: pb::GetMemberRequest,
    ) -> Result<pb::GetMemberResponse, Status> {
        let (id, _) = named(&request.name, MemberId::parse, None)?;
        let target = Target::Member(id.clone());
        let at = self.queries.shown_at(wait, request.at_position).await?;
        let look = move |keys: &ReadView<'_>| versions::member_at(keys, &id, at);
        let member = self.queries.glance(wait, look).await?;
        Ok(pb::GetMemberResponse { member: Some(found(member, &target)?), position: at.get() })
    }

    pub(super) async fn members(
        &self,
        wait: Wait,
        request: pb::ListMembersRequest,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        let digested = pb::ListMembersRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let asked = AskedList {
            scope: Scope::Members,
            filter: &request.filter,
            order_by: &request.order_by,
            as_of: None,
            page_size: request.page_size,
            page_token: &request.page_token,
            digest: Digest::of("ListMembers", &digested),
        };
        let (query, page) = asked.parse(Violations::default()).map_err(status::malformed)?;
        let listed = self.list(wait, query, page, request.at_position).await?;
        let Listed { rows, next_page_token, position } = listed;
        let members = Vec::new();
        let rest = pb::ListMembersResponse { members, next_page_token, position };
        Ok(framed::message(rows.into_frame(&rest)))
    }

    pub(super) async fn membership(
        &self,
        wait: Wait,
        request: pb::GetMembershipRequest,
    ) -> Result<pb::GetMembershipResponse, Status> {
        let (id, day) = named(&request.name, MembershipId::parse, request.as_of)?;
        let target = Target::Membership(id.clone());
        let at = self.queries.shown_at(wait, request.at_position).await?;
        let look = move |keys: &ReadView<'_>| versions::membership_at(keys, &id, at);
        let held = self.queries.glance(wait, look).await?;
        let shown = match day {
            Some(day) => held.and_then(|held| as_of::membership(held, day)),
            None => held,
        };
        let membership = Some(found(shown, &target)?);
        Ok(pb::GetMembershipResponse { membership, position: at.get() })
    }

    pub(super) async fn memberships(
        &self,
        wait: Wait,
        request: pb::ListMembershipsRequest,
    ) -> Result<Response<pb::ListMembershipsResponse>, Status> {
        let mut violations = Violations::default();
        let network = optional(&request.network, "network", NetworkId::parse, &mut violations);
        let member = optional(&request.member, "member", MemberId::parse, &mut violations);
        if request.network.is_empty() && request.member.is_empty() {
            violations.push("network", "is required, or member is");
        }
        let both = network.clone().zip(member.clone());
        // With neither the request is refused, whatever scope stands here.
        let scope = match (network, member) {
            (Some(network), _) => Scope::OfNetwork(network),
            (None, Some(member)) => Scope::OfMember(member),
            (None, None) => Scope::Networks,
        };
        let scope_is_known = !matches!(scope, Scope::Networks);
        let digested = pb::ListMembershipsRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let asked = AskedList {
            filter: if scope_is_known { &request.filter } else { "" },
            order_by: if scope_is_known { &request.order_by } else { "" },
            scope,
            as_of: request.as_of,
            page_size: request.page_size,
            page_token: &request.page_token,
            digest: Digest::of("ListMemberships", &digested),
        };
        let (query, page) = asked.parse(violations).map_err(status::malformed)?;
        if let Some((network, member)) = both {
            let id = MembershipId { network, member };
            let answer = self.membership_of_both(wait, query, id, request.at_position).await;
            return answer.map(Response::new);
        }
        let listed = self.list(wait, query, page, request.at_position).await?;
        let Listed { rows, next_page_token, position } = listed;
        let memberships = Vec::new();
        let rest = pb::ListMembershipsResponse { memberships, next_page_token, position };
        Ok(framed::message(rows.into_frame(&rest)))
    }

    async fn membership_of_both(
        &self,
        wait: Wait,
        query: Query,
        id: MembershipId,
        at_position: u64,
    ) -> Result<pb::ListMembershipsResponse, Status> {
        let at = self.queries.shown_at(wait, at_position).await?;
        let look = move |keys: &ReadView<'_>| query.find_membership(keys, &id, at);
        let membership = self.queries.glance(wait, look).await?;
        Ok(pb::ListMembershipsResponse {
            memberships: membership.into_iter().collect(),
            next_page_token: String::new(),
            position: at.get(),
        })
    }

    /// A page of a list, a stretch at a time.
    async fn list(
        &self,
        wait: Wait,
        query: Query,
        page: Asked,
        at_position: u64,
    ) -> Result<Listed, Status> {
        let (at_position, after) = match &page.from {
            Some(from) => (from.position.get(), Some(from.after.clone())),
            None => (at_position, None),
        };
        let position = self.queries.shown_at(wait, at_position).await?;
        let mut walk = Walk::new(query, position, page.size, after);
        if walk.may_be_short() {
            walk = self.queries.glance(wait, move |keys| walk.glance(keys)).await?;
        }
        while !walk.is_done() {
            (walk, _) = self.queries.read(wait, move |keys| walk.step(keys)).await?;
        }
        let (rows, after) = walk.into_page();
        let next = after.map(|after| page.token(&From { position, after }));
        let next_page_token = next.unwrap_or_default();
        Ok(Listed { rows, next_page_token, position: position.get() })
    }
}

/// A page of a list.
struct Listed {
    rows: Rows,
    next_page_token: String,
    position: u64,
}

/// The fields that all lists have.
struct AskedList<'r> {
    scope: Scope,
    filter: &'r str,
    order_by: &'r str,
    as_of: Option<common::PartialDate>,
    page_size: i32,
    page_token: &'r str,
    digest: Digest,
}

impl AskedList<'_> {
    fn parse(self, mut violations: Violations) -> Result<(Query, Asked), Violations> {
        let page = Asked::parse(self.page_size, self.page_token, self.digest, &mut violations);
        let filter: Filter = parse::filter(self.filter, self.scope.sort(), &mut violations);
        let order = Order::parse(self.order_by, &self.scope, &mut violations);
        let day = self.as_of.and_then(|date| PartialDate::parse(date, "as_of", &mut violations));
        violations.finish()?;
        Ok((Query { scope: self.scope, filter, order, as_of: day }, page))
    }
}
