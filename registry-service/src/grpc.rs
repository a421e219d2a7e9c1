//! RegistryService: one method per RPC. Each parses, submits or queries, and renders; nothing is
//! decided here.

mod batch;
mod matching;
mod read;
mod write;

use std::pin::Pin;

use futures_util::stream::Stream;
use hansa_chassis::clock::Clock;
use hansa_chassis::framed::{self, NoMessages};
use hansa_chassis::shutdown::Shutdown;
use hansa_journal::Writer;
use hansa_proto::pb::registry::v1 as pb;
use pb::registry_service_server::RegistryService;
use tonic::{Request, Response, Status, Streaming};

use crate::export;
use crate::import::Imports;
use crate::machine::RegistryMachine;
use crate::query::{Queries, Wait};
use crate::{changes, history};
pub(crate) use batch::command;
use write::Written;
pub(crate) use write::{PRINCIPAL, hash_of};

/// The service: a writer for commands, queries for the rest.
pub(crate) struct Registry {
    writer: Writer<RegistryMachine>,
    queries: Queries,
    imports: Imports,
    clock: Clock,
    shutdown: Shutdown,
}

impl Registry {
    /// Over a started writer.
    pub(crate) fn new(
        writer: Writer<RegistryMachine>,
        queries: Queries,
        imports: Imports,
        clock: Clock,
        shutdown: Shutdown,
    ) -> Registry {
        Registry { writer, queries, imports, clock, shutdown }
    }
}

type Answered<T> = Result<Response<T>, Status>;

/// Renders what was written as the response of a method that answers with one kind of resource.
macro_rules! render {
    ($response:ident { $resource:ident: $take:ident } of $written:expr) => {{
        let Written { resource, position, replayed } = $written;
        let $resource = Some(write::$take(resource)?);
        Ok(Response::new(pb::$response { $resource, position, replayed }))
    }};
}

#[tonic::async_trait]
impl RegistryService for Registry {
    async fn create_network(
        &self,
        request: Request<pb::CreateNetworkRequest>,
    ) -> Answered<pb::CreateNetworkResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(CreateNetworkResponse { network: network } of written)
    }

    async fn get_network(
        &self,
        request: Request<pb::GetNetworkRequest>,
    ) -> Answered<pb::GetNetworkResponse> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        self.network(wait, request.into_inner()).await.map(Response::new)
    }

    async fn list_networks(
        &self,
        request: Request<pb::ListNetworksRequest>,
    ) -> Answered<pb::ListNetworksResponse> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        self.networks(wait, request.into_inner()).await
    }

    async fn update_network(
        &self,
        request: Request<pb::UpdateNetworkRequest>,
    ) -> Answered<pb::UpdateNetworkResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(UpdateNetworkResponse { network: network } of written)
    }

    async fn end_network(
        &self,
        request: Request<pb::EndNetworkRequest>,
    ) -> Answered<pb::EndNetworkResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(EndNetworkResponse { network: network } of written)
    }

    async fn relate_networks(
        &self,
        request: Request<pb::RelateNetworksRequest>,
    ) -> Answered<pb::RelateNetworksResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(RelateNetworksResponse { network: network } of written)
    }

    async fn create_member(
        &self,
        request: Request<pb::CreateMemberRequest>,
    ) -> Answered<pb::CreateMemberResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(CreateMemberResponse { member: member } of written)
    }

    async fn get_member(
        &self,
        request: Request<pb::GetMemberRequest>,
    ) -> Answered<pb::GetMemberResponse> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        self.member(wait, request.into_inner()).await.map(Response::new)
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Answered<pb::ListMembersResponse> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        self.members(wait, request.into_inner()).await
    }

    async fn update_member(
        &self,
        request: Request<pb::UpdateMemberRequest>,
    ) -> Answered<pb::UpdateMemberResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(UpdateMemberResponse { member: member } of written)
    }

    async fn retire_member(
        &self,
        request: Request<pb::RetireMemberRequest>,
    ) -> Answered<pb::RetireMemberResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(RetireMemberResponse { member: member } of written)
    }

    async fn join_network(
        &self,
        request: Request<pb::JoinNetworkRequest>,
    ) -> Answered<pb::JoinNetworkResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(JoinNetworkResponse { membership: membership } of written)
    }

    async fn invite_member(
        &self,
        request: Request<pb::InviteMemberRequest>,
    ) -> Answered<pb::InviteMemberResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(InviteMemberResponse { membership: membership } of written)
    }

    async fn record_membership(
        &self,
        request: Request<pb::RecordMembershipRequest>,
    ) -> Answered<pb::RecordMembershipResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(RecordMembershipResponse { membership: membership } of written)
    }

    async fn approve_membership(
        &self,
        request: Request<pb::ApproveMembershipRequest>,
    ) -> Answered<pb::ApproveMembershipResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(ApproveMembershipResponse { membership: membership } of written)
    }

    async fn reject_membership(
        &self,
        request: Request<pb::RejectMembershipRequest>,
    ) -> Answered<pb::RejectMembershipResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(RejectMembershipResponse { membership: membership } of written)
    }

    async fn change_membership(
        &self,
        request: Request<pb::ChangeMembershipRequest>,
    ) -> Answered<pb::ChangeMembershipResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(ChangeMembershipResponse { membership: membership } of written)
    }

    async fn suspend_membership(
        &self,
        request: Request<pb::SuspendMembershipRequest>,
    ) -> Answered<pb::SuspendMembershipResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(SuspendMembershipResponse { membership: membership } of written)
    }

    async fn reinstate_membership(
        &self,
        request: Request<pb::ReinstateMembershipRequest>,
    ) -> Answered<pb::ReinstateMembershipResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(ReinstateMembershipResponse { membership: membership } of written)
    }

    async fn leave_network(
        &self,
        request: Request<pb::LeaveNetworkRequest>,
    ) -> Answered<pb::LeaveNetworkResponse> {
        let written = self.write(request.into_inner()).await?;
        render!(LeaveNetworkResponse { membership: membership } of written)
    }

    async fn get_membership(
        &self,
        request: Request<pb::GetMembershipRequest>,
    ) -> Answered<pb::GetMembershipResponse> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        self.membership(wait, request.into_inner()).await.map(Response::new)
    }

    async fn list_memberships(
        &self,
        request: Request<pb::ListMembershipsRequest>,
    ) -> Answered<pb::ListMembershipsResponse> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        self.memberships(wait, request.into_inner()).await
    }

    type WatchChangesStream = NoMessages<pb::WatchChangesResponse>;

    async fn watch_changes(
        &self,
        request: Request<pb::WatchChangesRequest>,
    ) -> Answered<Self::WatchChangesStream> {
        self.queries.require_serving()?;
        let reader = self.queries.reader().clone();
        let (clock, shutdown) = (self.clock.clone(), self.shutdown.clone());
        let frames = changes::watch(reader, clock, shutdown, request.into_inner()).await?;
        Ok(framed::response(frames))
    }

    async fn list_history(
        &self,
        request: Request<pb::ListHistoryRequest>,
    ) -> Answered<pb::ListHistoryResponse> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        history::list(&self.queries, wait, request.into_inner()).await.map(Response::new)
    }

    async fn apply_batch(
        &self,
        request: Request<pb::ApplyBatchRequest>,
    ) -> Answered<pb::ApplyBatchResponse> {
        self.apply(request.into_inner()).await.map(Response::new)
    }

    async fn match_members(
        &self,
        request: Request<pb::MatchMembersRequest>,
    ) -> Answered<pb::MatchMembersResponse> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        self.matches(wait, request.into_inner()).await.map(Response::new)
    }

    type ImportStream = Pin<Box<dyn Stream<Item = Result<pb::ImportResponse, Status>> + Send>>;

    async fn import(
        &self,
        request: Request<Streaming<pb::ImportRequest>>,
    ) -> Answered<Self::ImportStream> {
        self.queries.require_serving()?;
        Ok(Response::new(Box::pin(self.imports.import(request.into_inner()))))
    }

    type ExportStream = Pin<Box<dyn Stream<Item = Result<pb::ExportResponse, Status>> + Send>>;

    async fn export(&self, request: Request<pb::ExportRequest>) -> Answered<Self::ExportStream> {
        let wait = Wait::until(request.get_ref().min_position, request.metadata());
        let (queries, shutdown) = (self.queries.clone(), self.shutdown.clone());
        let stream = export::export(queries, shutdown, wait, request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream)))
    }
}
