//! LandscapeService: read-only statistics.
//!
//! Overview, tables and reach read totals the view keeps up to date, and walk networks but never
//! memberships. Overlaps and company have to walk memberships, and do it in steps.
//!
//! | file | answers |
//! | --- | --- |
//! | `tables.rs` | tables of networks |
//! | `activities.rs` | which words of sources mean which activity |
//! | `reach.rs` | how many networks each member belongs to |
//! | `overlap.rs` | which networks share members and themes |
//! | `co_members.rs` | who meets a member in networks |
//! | `passes.rs` | walking memberships in steps, and rankings kept for the pages that follow |

mod activities;
mod co_members;
mod overlap;
mod passes;
mod reach;
mod tables;

use hansa_proto::ids::NetworkId;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{MembershipState, NetworkState};
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ReadView, ViewError};
use pb::landscape_service_server::LandscapeService;
use prost::Message;
use tonic::{Request, Response, Status};

use crate::continent::Continent;
use crate::domain::Target;
use crate::lists::facts::{Row, Sort};
use crate::lists::filter::Filter;
use crate::lists::parse;
use crate::page::{Page, PageRequest};
use crate::query::{Queries, Wait};
use crate::view::{on_the_wire, tallies};
use crate::{status, view};
use co_members::{AskedCompany, Company};
use overlap::AskedOverlaps;
use passes::{Last, Place};
use reach::AskedReach;
use tables::{Placed, Table};

/// How many networks are looked at in one go.
const NETWORKS_AT_ONCE: usize = 500;

/// The service.
pub(crate) struct Landscape {
    queries: Queries,
    overlaps: Last<Option<NetworkId>>,
    company: Last<Company>,
}

impl Landscape {
    /// Over the view.
    pub(crate) fn new(queries: Queries) -> Landscape {
        Landscape { queries, overlaps: Last::new(), company: Last::new() }
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

    async fn get_table(
        &self,
        request: Request<pb::GetTableRequest>,
    ) -> Result<Response<pb::GetTableResponse>, Status> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        let asked = AskedTable::parse(request.get_ref()).map_err(status::malformed)?;
        let include_rows = request.get_ref().include_rows;
        let (table, position) = self.queries.read(wait, move |keys| asked.fill(keys)).await?;
        Ok(Response::new(table.into_pb(include_rows, position)))
    }

    async fn list_overlaps(
        &self,
        request: Request<pb::ListOverlapsRequest>,
    ) -> Result<Response<pb::ListOverlapsResponse>, Status> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        let asked = AskedOverlaps::parse(request.get_ref()).map_err(status::malformed)?;
        if let Some(network) = asked.network() {
            self.require(wait, Target::Network(network.clone())).await?;
        }
        let answer = asked.answer(&self.queries, wait, &self.overlaps).await?;
        let (overlaps, next_page_token, position) = answer;
        Ok(Response::new(pb::ListOverlapsResponse { overlaps, next_page_token, position }))
    }

    async fn list_co_members(
        &self,
        request: Request<pb::ListCoMembersRequest>,
    ) -> Result<Response<pb::ListCoMembersResponse>, Status> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        let asked = AskedCompany::parse(request.get_ref()).map_err(status::malformed)?;
        self.require(wait, Target::Member(asked.member().clone())).await?;
        let answer = asked.answer(&self.queries, wait, &self.company).await?;
        let (co_members, next_page_token, position) = answer;
        Ok(Response::new(pb::ListCoMembersResponse { co_members, next_page_token, position }))
    }

    async fn list_member_reach(
        &self,
        request: Request<pb::ListMemberReachRequest>,
    ) -> Result<Response<pb::ListMemberReachResponse>, Status> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        let asked = AskedReach::parse(request.get_ref()).map_err(status::malformed)?;
        let ((reaches, next_page_token), position) =
            self.queries.read(wait, move |keys| asked.look(keys)).await?;
        Ok(Response::new(pb::ListMemberReachResponse { reaches, next_page_token, position }))
    }
}

impl Landscape {
    /// NOT_FOUND when there is no such network or member.
    async fn require(&self, wait: Wait, target: Target) -> Result<(), Status> {
        let sought = target.clone();
        let look = move |keys: &ReadView<'_>| match &sought {
            Target::Network(id) => Ok(view::network(keys, id)?.is_some()),
            Target::Member(id) => Ok(view::member(keys, id)?.is_some()),
            Target::Membership(id) => Ok(view::membership(keys, id)?.is_some()),
        };
        match self.queries.read(wait, look).await? {
            (true, _) => Ok(()),
            (false, _) => Err(status::not_found(target.sort(), &target)),
        }
    }
}

/// Which table of which networks is asked for.
struct AskedTable {
    statistic: pb::Statistic,
    filter: Filter,
    include_rows: bool,
}

impl AskedTable {
    fn parse(request: &pb::GetTableRequest) -> Result<AskedTable, Violations> {
        let mut violations = Violations::default();
        let statistic = pb::Statistic::try_from(request.statistic).unwrap_or_default();
        if statistic == pb::Statistic::Unspecified {
            violations.push("statistic", "is required");
        }
        if statistic == pb::Statistic::ReachByRegion && !request.filter.is_empty() {
            violations.push("filter", "selects networks, and this table is of members");
        }
        let filter = parse::filter(&request.filter, Sort::Network, &mut violations);
        violations.finish()?;
        Ok(AskedTable { statistic, filter, include_rows: request.include_rows })
    }

    fn fill(&self, keys: &ReadView<'_>) -> Result<Table, ViewError> {
        let table = match self.statistic {
            pb::Statistic::RegionByScale => tables::region_by_scale,
            pb::Statistic::OriginScopeByScale => tables::origin_scope_by_scale,
            pb::Statistic::ActivityByOrigin => tables::activity_by_origin,
            pb::Statistic::PeriodByOrigin => tables::period_by_origin,
            pb::Statistic::KindByState => tables::kind_by_state,
            pb::Statistic::ReachByRegion | pb::Statistic::Unspecified => {
                return reach::reach_by_region(keys, self.include_rows);
            }
        };
        Ok(table(&self.networks(keys)?))
    }

    /// Networks that match, and where each is.
    fn networks(&self, keys: &ReadView<'_>) -> Result<Vec<Placed>, ViewError> {
        let mut networks = Vec::new();
        each_network(keys, |message| {
            if !self.filter.matches(Row::Network(&message)) {
                return Ok(());
            }
            let network = view::strict_network(message)?;
            let stated = network.m49_regions.iter().map(String::as_str);
            let mut continents = Continent::of_places(stated, network.countries.iter().copied());
            if continents.is_empty() {
                continents.extend(tallies::spread(keys, &network.id)?);
            }
            networks.push(Placed { network, continents });
            Ok(())
        })?;
        Ok(networks)
    }
}

/// Looks at every network, by id.
fn each_network(
    keys: &ReadView<'_>,
    mut look: impl FnMut(pb::Network) -> Result<(), ViewError>,
) -> Result<(), ViewError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let entries = keys.scan(view::NETWORKS, after.as_deref(), NETWORKS_AT_ONCE)?;
        for (_, value) in &entries {
            look(view::message(value)?)?;
        }
        match entries.into_iter().next_back() {
            Some((last, _)) => after = Some(last),
            None => return Ok(()),
        }
    }
}

/// Page and place of a request for a ranking; `list` names the method and what else it depends on.
fn place(
    page_size: i32,
    page_token: &str,
    list: &str,
    violations: &mut Violations,
) -> (PageRequest, Option<Place>) {
    let page = PageRequest::parse(page_size, page_token, b"", list, violations);
    let continued = page.after.as_deref().map(Place::from_bytes);
    if let Some(None) = continued {
        violations.push("page_token", "is not a token of this list");
    }
    (page, continued.flatten())
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
