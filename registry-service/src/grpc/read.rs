//! Reads: one resource, or a page of them.

use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ReadView, ViewError};
use prost::Message;
use tonic::Status;

use super::Registry;
use crate::domain::Target;
use crate::page::{Page, PageRequest};
use crate::query::Wait;
use crate::{status, view};

/// The resource of a name, or NOT_FOUND.
fn found<T>(resource: Option<T>, target: &Target) -> Result<T, Status> {
    resource.ok_or_else(|| status::not_found(target.sort(), target))
}

/// A name that must be there.
fn name<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<T, Status> {
    let mut violations = Violations::default();
    let parsed = super::write::name(text, "name", parse, &mut violations);
    violations.finish().map_err(status::malformed)?;
    Ok(parsed.expect("a name without violations was parsed"))
}

/// A page of messages stored under the prefix.
fn page<M: Message + Default>(
    keys: &ReadView<'_>,
    request: &PageRequest,
    finish: impl Fn(&[u8], &[u8]) -> Result<M, ViewError>,
) -> Result<(Vec<M>, String), ViewError> {
    // One more than asked for tells whether there is a next page.
    let entries = keys.scan(&request.prefix, request.after.as_deref(), request.size + 1)?;
    let page = Page::fill(entries, request.size, |key, value| {
        let item = finish(key, value)?;
        let bytes = item.encoded_len();
        Ok::<_, ViewError>((item, bytes))
    })?;
    let token = page.more_after.map(|key| request.token_after(&key)).unwrap_or_default();
    Ok((page.items, token))
}

impl Registry {
    pub(super) async fn network(
        &self,
        wait: Wait,
        request: pb::GetNetworkRequest,
    ) -> Result<pb::GetNetworkResponse, Status> {
        let id = name(&request.name, NetworkId::parse)?;
        let target = Target::Network(id.clone());
        let (network, position) =
            self.queries.read(wait, move |keys| view::network(keys, &id)).await?;
        Ok(pb::GetNetworkResponse { network: Some(found(network, &target)?), position })
    }

    pub(super) async fn networks(
        &self,
        wait: Wait,
        request: pb::ListNetworksRequest,
    ) -> Result<pb::ListNetworksResponse, Status> {
        let asked =
            asked_page(request.page_size, &request.page_token, view::NETWORKS, "ListNetworks")?;
        let ((networks, next_page_token), position) = self
            .queries
            .read(wait, move |keys| {
                page(keys, &asked, |_, value| view::counted(keys, view::message(value)?))
            })
            .await?;
        Ok(pb::ListNetworksResponse { networks, next_page_token, position })
    }

    pub(super) async fn member(
        &self,
        wait: Wait,
        request: pb::GetMemberRequest,
    ) -> Result<pb::GetMemberResponse, Status> {
        let id = name(&request.name, MemberId::parse)?;
        let target = Target::Member(id.clone());
        let (member, position) =
            self.queries.read(wait, move |keys| view::member(keys, &id)).await?;
        Ok(pb::GetMemberResponse { member: Some(found(member, &target)?), position })
    }

    pub(super) async fn members(
        &self,
        wait: Wait,
        request: pb::ListMembersRequest,
    ) -> Result<pb::ListMembersResponse, Status> {
        let asked =
            asked_page(request.page_size, &request.page_token, view::MEMBERS, "ListMembers")?;
        let ((members, next_page_token), position) = self
            .queries
            .read(wait, move |keys| page(keys, &asked, |_, value| view::message(value)))
            .await?;
        Ok(pb::ListMembersResponse { members, next_page_token, position })
    }

    pub(super) async fn membership(
        &self,
        wait: Wait,
        request: pb::GetMembershipRequest,
    ) -> Result<pb::GetMembershipResponse, Status> {
        let id = name(&request.name, MembershipId::parse)?;
        let target = Target::Membership(id.clone());
        let (membership, position) =
            self.queries.read(wait, move |keys| view::membership(keys, &id)).await?;
        Ok(pb::GetMembershipResponse { membership: Some(found(membership, &target)?), position })
    }

    pub(super) async fn memberships(
        &self,
        wait: Wait,
        request: pb::ListMembershipsRequest,
    ) -> Result<pb::ListMembershipsResponse, Status> {
        let asked = AskedMemberships::parse(&request).map_err(status::malformed)?;
        let ((memberships, next_page_token), position) =
            self.queries.read(wait, move |keys| asked.look(keys)).await?;
        Ok(pb::ListMembershipsResponse { memberships, next_page_token, position })
    }
}

fn asked_page(
    page_size: i32,
    page_token: &str,
    prefix: &[u8],
    list: &str,
) -> Result<PageRequest, Status> {
    let mut violations = Violations::default();
    let asked = PageRequest::parse(page_size, page_token, prefix, list, &mut violations);
    violations.finish().map_err(status::malformed)?;
    Ok(asked)
}

/// Which memberships are asked for.
enum AskedMemberships {
    OfNetwork(PageRequest),
    OfMember(PageRequest),
    Both(MembershipId),
}

impl AskedMemberships {
    fn parse(request: &pb::ListMembershipsRequest) -> Result<AskedMemberships, Violations> {
        let mut violations = Violations::default();
        let network =
            super::write::optional(&request.network, "network", NetworkId::parse, &mut violations);
        let member =
            super::write::optional(&request.member, "member", MemberId::parse, &mut violations);
        if request.network.is_empty() && request.member.is_empty() {
            violations.push("network", "is required, or member is");
        }
        let prefix = match (&network, &member) {
            (Some(network), Some(member)) => {
                [view::memberships_of_network(network), member.id().into()].concat()
            }
            (Some(network), None) => view::memberships_of_network(network),
            (None, Some(member)) => view::memberships_of_member(member),
            (None, None) => Vec::new(),
        };
        let page = PageRequest::parse(
            request.page_size,
            &request.page_token,
            &prefix,
            "ListMemberships",
            &mut violations,
        );
        violations.finish()?;
        Ok(match (network, member) {
            (Some(network), Some(member)) => {
                AskedMemberships::Both(MembershipId { network, member })
            }
            (_, Some(_)) => AskedMemberships::OfMember(page),
            (_, None) => AskedMemberships::OfNetwork(page),
        })
    }

    fn look(&self, keys: &ReadView<'_>) -> Result<(Vec<pb::Membership>, String), ViewError> {
        match self {
            AskedMemberships::OfNetwork(asked) => {
                page(keys, asked, |_, value| view::message(value))
            }
            AskedMemberships::OfMember(asked) => {
                page(keys, asked, |key, _| view::indexed_membership(keys, key))
            }
            AskedMemberships::Both(id) => {
                Ok((view::membership(keys, id)?.into_iter().collect(), String::new()))
            }
        }
    }
}
