//! How a command of the model is asked over gRPC.

use bytes::Bytes;
use hansa_proto::pb::feed::v1::{
    AddMilestoneRequest, Campaign, CampaignKind, CommitCursorRequest, CorrectStatementRequest,
    CreateSubscriptionRequest, DeleteSubscriptionRequest, EndCampaignRequest, JoinCampaignRequest,
    LaunchCampaignRequest, LeaveCampaignRequest, Milestone, Participation, PublishStatementRequest,
    RetractStatementRequest, SignStatementRequest, Subscription,
};
use hansa_proto::pb::registry::v1::batch_item::Change;
use hansa_proto::pb::registry::v1::{
    AdmissionMode, ApplyBatchRequest, ApproveMembershipRequest, BatchItem, EndNetworkRequest,
    InviteMemberRequest, LeaveNetworkRequest, Network, ReinstateMembershipRequest,
    RejectMembershipRequest, RetireMemberRequest, SuspendMembershipRequest, UpdateNetworkRequest,
};
use tonic::Status;

use crate::history::RecordedClients;
use crate::make;
use crate::model::{Admission, Command};

/// What goes with a command.
#[derive(Clone, Debug)]
pub(super) struct With {
    pub(super) request_id: String,
    pub(super) validate_only: bool,
    /// The feed knows as much of the registry first.
    pub(super) min_registry_position: u64,
    /// For a cursor to be committed.
    pub(super) cursor: Bytes,
}

/// Asks; gives the position.
pub(super) async fn ask(
    clients: &RecordedClients,
    command: &Command,
    with: With,
) -> Result<u64, Status> {
    match command.is_of_registry() {
        true => Box::pin(ask_registry(clients, command, with)).await,
        false => Box::pin(ask_feed(clients, command, with)).await,
    }
}

/// Sends a request made of these fields and what goes with every one.
macro_rules! sent {
    ($client:expr, $method:ident, $with:expr, $request:expr) => {{
        let mut request = $request;
        request.request_id = $with.request_id;
        request.validate_only = $with.validate_only;
        $client.$method(request).await?.into_inner().position
    }};
}

async fn ask_registry(
    clients: &RecordedClients,
    command: &Command,
    with: With,
) -> Result<u64, Status> {
    let mut registry = clients.registry();
    Ok(match command {
        Command::CreateNetwork { network, admission, themes } => {
            let mode = match admission {
                Admission::Open => AdmissionMode::Open,
                Admission::Approval => AdmissionMode::Approval,
                Admission::Invitation => AdmissionMode::Invitation,
            };
            let mut request = make::network_admitting(network, mode);
            request.network.as_mut().expect("just made").themes.clone_from(themes);
            sent!(registry, create_network, with, request)
        }
        Command::SetThemes { network, themes } => {
            let name = make::network_name(network);
            let network = Network { name, themes: themes.clone(), ..Default::default() };
            let update_mask = Some(prost_types::FieldMask { paths: vec!["themes".to_owned()] });
            let network = Some(network);
            let request = UpdateNetworkRequest { network, update_mask, ..Default::default() };
            sent!(registry, update_network, with, request)
        }
        Command::EndNetwork { network } => {
            let name = make::network_name(network);
            sent!(registry, end_network, with, EndNetworkRequest { name, ..Default::default() })
        }
        Command::CreateMember { member, country } => {
            sent!(registry, create_member, with, make::member(member, country))
        }
        Command::RetireMember { member } => {
            let name = make::member_name(member);
            sent!(registry, retire_member, with, RetireMemberRequest { name, ..Default::default() })
        }
        Command::Join { network, member } => {
            sent!(registry, join_network, with, make::join(network, member))
        }
        Command::JoinAll { network, members } => {
            let item = |member: &String| BatchItem {
                change: Some(Change::JoinNetwork(make::join(network, member))),
            };
            let items = members.iter().map(item).collect();
            sent!(registry, apply_batch, with, ApplyBatchRequest { items, ..Default::default() })
        }
        Command::Invite { network, member } => {
            let (network, member) = (make::network_name(network), make::member_name(member));
            let request = InviteMemberRequest { network, member, ..Default::default() };
            sent!(registry, invite_member, with, request)
        }
        Command::Approve { network, member } => {
            let name = make::membership_name(network, member);
            let request = ApproveMembershipRequest { name, ..Default::default() };
            sent!(registry, approve_membership, with, request)
        }
        Command::Reject { network, member } => {
            let name = make::membership_name(network, member);
            let request = RejectMembershipRequest { name, ..Default::default() };
            sent!(registry, reject_membership, with, request)
        }
        Command::Suspend { network, member } => {
            let name = make::membership_name(network, member);
            let request = SuspendMembershipRequest { name, ..Default::default() };
            sent!(registry, suspend_membership, with, request)
        }
        Command::Reinstate { network, member } => {
            let name = make::membership_name(network, member);
            let request = ReinstateMembershipRequest { name, ..Default::default() };
            sent!(registry, reinstate_membership, with, request)
        }
        Command::Leave { network, member } => {
            let name = make::membership_name(network, member);
            sent!(registry, leave_network, with, LeaveNetworkRequest { name, ..Default::default() })
        }
        _ => unreachable!("the feed is asked that"),
    })
}

async fn ask_feed(clients: &RecordedClients, command: &Command, with: With) -> Result<u64, Status> {
    let (mut feed, mut statements) = (clients.feed(), clients.statements());
    let mut campaigns = clients.campaigns();
    let min_registry_position = with.min_registry_position;
    Ok(match command {
        Command::Publish { statement, network, campaign, signatories, body_bytes } => {
            let signatories: Vec<&str> = signatories.iter().map(String::as_str).collect();
            let request = PublishStatementRequest {
                min_registry_position,
                ..published(statement, network, campaign, &signatories, *body_bytes)
            };
            sent!(statements, publish_statement, with, request)
        }
        Command::Sign { statement, member } => {
            let (name, member) = (format!("statements/{statement}"), make::member_name(member));
            let request =
                SignStatementRequest { name, member, min_registry_position, ..Default::default() };
            sent!(statements, sign_statement, with, request)
        }
        Command::Correct { statement, correction, network } => {
            let request = CorrectStatementRequest {
                name: format!("statements/{statement}"),
                statement: published(correction, network, "", &[], 0).statement,
                min_registry_position,
                ..Default::default()
            };
            sent!(statements, correct_statement, with, request)
        }
        Command::Retract { statement } => {
            let name = format!("statements/{statement}");
            let request = RetractStatementRequest { name, ..Default::default() };
            sent!(statements, retract_statement, with, request)
        }
        Command::Launch { campaign, network, leads, participants } => {
            let request = LaunchCampaignRequest {
                min_registry_position,
                ..launched(campaign, network, leads, participants)
            };
            sent!(campaigns, launch_campaign, with, request)
        }
        Command::JoinCampaign { campaign, member } => {
            let (name, member) = (format!("campaigns/{campaign}"), make::member_name(member));
            let request =
                JoinCampaignRequest { name, member, min_registry_position, ..Default::default() };
            sent!(campaigns, join_campaign, with, request)
        }
        Command::LeaveCampaign { campaign, member } => {
            let (name, member) = (format!("campaigns/{campaign}"), make::member_name(member));
            let request = LeaveCampaignRequest { name, member, ..Default::default() };
            sent!(campaigns, leave_campaign, with, request)
        }
        Command::AddMilestone { campaign } => {
            let title = "Something was reached".to_owned();
            let milestone = Some(Milestone { title, ..Default::default() });
            let name = format!("campaigns/{campaign}");
            let request = AddMilestoneRequest { name, milestone, ..Default::default() };
            sent!(campaigns, add_milestone, with, request)
        }
        Command::EndCampaign { campaign } => {
            let name = format!("campaigns/{campaign}");
            sent!(campaigns, end_campaign, with, EndCampaignRequest { name, ..Default::default() })
        }
        Command::CreateSubscription { subscription } => {
            let name = format!("subscriptions/{subscription}");
            let subscription = Some(Subscription { name, ..Default::default() });
            let request = CreateSubscriptionRequest { subscription, ..Default::default() };
            sent!(feed, create_subscription, with, request)
        }
        Command::CommitCursor { subscription, .. } => {
            let name = format!("subscriptions/{subscription}");
            let cursor = with.cursor.clone();
            let request = CommitCursorRequest { name, cursor, ..Default::default() };
            sent!(feed, commit_cursor, with, request)
        }
        Command::DeleteSubscription { subscription } => {
            let name = format!("subscriptions/{subscription}");
            let request = DeleteSubscriptionRequest { name, ..Default::default() };
            sent!(feed, delete_subscription, with, request)
        }
        _ => unreachable!("the registry is asked that"),
    })
}

fn published(
    id: &str,
    network: &str,
    campaign: &str,
    signatories: &[&str],
    body_bytes: usize,
) -> PublishStatementRequest {
    let mut request = make::statement(id, network, signatories);
    let statement = request.statement.get_or_insert_default();
    statement.body = "x".repeat(body_bytes);
    if !campaign.is_empty() {
        statement.campaign = format!("campaigns/{campaign}");
    }
    if network.is_empty() {
        statement.issuer_network.clear();
        statement.sources = vec![make::source()];
    }
    request
}

fn launched(
    id: &str,
    network: &str,
    leads: &[String],
    participants: &[String],
) -> LaunchCampaignRequest {
    let member = |id: &String| make::member_name(id);
    let campaign = Campaign {
        name: format!("campaigns/{id}"),
        title: format!("Campaign {id}"),
        kind: CampaignKind::Lobbying.into(),
        network: make::network_name(network),
        leads: leads.iter().map(member).collect(),
        ..Default::default()
    };
    let participants = participants.iter();
    let participants =
        participants.map(|id| Participation { member: member(id), ..Default::default() }).collect();
    LaunchCampaignRequest { campaign: Some(campaign), participants, ..Default::default() }
}
