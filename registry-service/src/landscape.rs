//! LandscapeService: read-only statistics, from totals the view keeps up to date, so that an overview
//! costs the same whatever the registry holds.

use hansa_proto::ids::NetworkId;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{MembershipState, NetworkState};
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ReadView, ViewError};
use pb::landscape_service_server::LandscapeService;
use prost::Message;
use tonic::{Request, Response, Status};

use crate::page::{Page, PageRequest};
use crate::query::{Queries, Wait};
use crate::view::on_the_wire;
use crate::{status, view};

/// The service.
pub(crate) struct Landscape {
    queries: Queries,
}

impl Landscape {
    /// Over the view.
    pub(crate) fn new(queries: Queries) -> Landscape {
        Landscape { queries }
    }
}

#[tonic::async_trait]
impl LandscapeService for Landscape {
    async fn get_overview(
        &self,
        request: Request<pb::GetOverviewRequest>,
    ) -> Result<Response<pb::GetOverviewResponse>, Status> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        let (overview, position) = self.queries.read(wait, overview).await?;
        Ok(Response::new(pb::GetOverviewResponse { position, ..overview }))
    }

    async fn list_member_counts(
        &self,
        request: Request<pb::ListMemberCountsRequest>,
    ) -> Result<Response<pb::ListMemberCountsResponse>, Status> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        let request = request.into_inner();
        let mut violations = Violations::default();
        let asked = PageRequest::parse(
            request.page_size,
            &request.page_token,
            view::NETWORKS,
            "ListMemberCounts",
            &mut violations,
        );
        violations.finish().map_err(status::malformed)?;
        let ((counts, next_page_token), position) =
            self.queries.read(wait, move |keys| member_counts(keys, &asked)).await?;
        Ok(Response::new(pb::ListMemberCountsResponse { counts, next_page_token, position }))
    }
}

fn overview(keys: &ReadView<'_>) -> Result<pb::GetOverviewResponse, ViewError> {
    let mut overview = pb::GetOverviewResponse {
        member_count: on_the_wire(view::total_members(keys)?),
        term_count: on_the_wire(view::total_terms(keys)?),
        ..pb::GetOverviewResponse::default()
    };
    for state in NetworkState::ALL {
        let count = on_the_wire(view::total_networks(keys, *state)?);
        overview.network_count += count;
        if count > 0 {
            overview.networks.push(pb::NetworkStateCount { state: state.to_pb(), count });
        }
    }
    for state in MembershipState::ALL {
        let count = on_the_wire(view::total_memberships(keys, *state)?);
        overview.membership_count += count;
        if count > 0 {
            overview.memberships.push(pb::MembershipStateCount { state: state.to_pb(), count });
        }
    }
    Ok(overview)
}

fn member_counts(
    keys: &ReadView<'_>,
    asked: &PageRequest,
) -> Result<(Vec<pb::MemberCount>, String), ViewError> {
    let entries = keys.scan(&asked.prefix, asked.after.as_deref(), asked.size + 1)?;
    let page = Page::fill(entries, asked.size, |_, value| {
        let network: pb::Network = view::message(value)?;
        let id = NetworkId::parse(&network.name).map_err(ViewError::Value)?;
        let count = view::count(keys, &id)?;
        let row = pb::MemberCount {
            network: network.name,
            held_active: on_the_wire(count.active),
            held: on_the_wire(count.held),
            stated: network.stated_member_counts,
        };
        let bytes = row.encoded_len();
        Ok::<_, ViewError>((row, bytes))
    })?;
    let token = page.more_after.map(|key| asked.token_after(&key)).unwrap_or_default();
    Ok((page.items, token))
}
