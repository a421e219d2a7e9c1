//! `hansa statements` and `hansa campaigns`.

use anyhow::Result;
use hansa_client::CallError;
use hansa_proto::feed::{CampaignKind, CampaignState, StatementKind, StatementState};
use hansa_proto::ids::{CampaignId, StatementId};
use hansa_proto::pb::feed::v1 as feed;
use serde_json::Value;

use super::{
    CampaignAction, Campaigns, PAGE, StatementAction, Statements, optional, show_all, show_one,
    word,
};
use crate::json::{self, date_text};
use crate::output::answer;
use crate::values::bare;

pub(crate) async fn statements(arguments: Statements) -> Result<()> {
    let client = arguments.client.feed().await?.statements;
    let as_json = arguments.client.json;
    match arguments.action {
        StatementAction::Get { id, .. } => {
            let request = feed::GetStatementRequest { name: id.to_string(), min_position: 0 };
            let statement = answer(client.clone().get_statement(request).await)?.statement;
            let mut value = json::statement(&statement.unwrap_or_default());
            value["signatures"] = all_signatures(client, &id).await?.into();
            show_one(as_json, &value)
        }
        StatementAction::List(list) => {
            let network = optional(list.network.as_ref());
            let member = optional(list.member.as_ref());
            let headings = ["id", "title", "kind", "published", "issuer", "signed", "state"];
            show_all(
                as_json,
                &list.limit,
                &headings,
                json::statement,
                statement_row,
                |page_token, page_size| {
                    let mut client = client.clone();
                    let request = feed::ListStatementsRequest {
                        network: network.clone(),
                        member: member.clone(),
                        page_size,
                        page_token,
                        min_position: 0,
                    };
                    async move {
                        let page = answer(client.list_statements(request).await)?;
                        Ok((page.statements, page.next_page_token))
                    }
                },
            )
            .await
        }
    }
}

type StatementClient =
    feed::statement_service_client::StatementServiceClient<tonic::transport::Channel>;
type CampaignClient =
    feed::campaign_service_client::CampaignServiceClient<tonic::transport::Channel>;

async fn all_signatures(
    mut client: StatementClient,
    id: &StatementId,
) -> Result<Vec<Value>, CallError> {
    let mut request =
        feed::ListSignaturesRequest { name: id.to_string(), page_size: PAGE, ..Default::default() };
    let mut signatures = Vec::new();
    loop {
        let page = answer(client.list_signatures(request.clone()).await)?;
        signatures.extend(page.signatures.iter().map(json::signature));
        if page.next_page_token.is_empty() {
            return Ok(signatures);
        }
        request.page_token = page.next_page_token;
    }
}

fn statement_row(statement: &feed::Statement) -> Vec<String> {
    vec![
        bare(&statement.name).to_owned(),
        statement.title.clone(),
        word(StatementKind::from_pb(statement.kind).map(StatementKind::as_str)),
        date_text(statement.published.as_ref()).unwrap_or_default(),
        match statement.issuer_network.as_str() {
            "" => statement.issuer_members.iter().map(|id| bare(id)).collect::<Vec<_>>().join(", "),
            network => bare(network).to_owned(),
        },
        statement.signature_count.to_string(),
        word(StatementState::from_pb(statement.state).map(StatementState::as_str)),
    ]
}

pub(crate) async fn campaigns(arguments: Campaigns) -> Result<()> {
    let client = arguments.client.feed().await?.campaigns;
    let as_json = arguments.client.json;
    match arguments.action {
        CampaignAction::Get { id, .. } => {
            let request = feed::GetCampaignRequest { name: id.to_string(), min_position: 0 };
            let campaign = answer(client.clone().get_campaign(request).await)?.campaign;
            let mut value = json::campaign(&campaign.unwrap_or_default());
            value["participants"] = all_participants(client, &id).await?.into();
            show_one(as_json, &value)
        }
        CampaignAction::List(list) => {
            let network = optional(list.network.as_ref());
            let member = optional(list.member.as_ref());
            let headings = ["id", "title", "kind", "started", "network", "participants", "state"];
            show_all(
                as_json,
                &list.limit,
                &headings,
                json::campaign,
                campaign_row,
                |page_token, page_size| {
                    let mut client = client.clone();
                    let request = feed::ListCampaignsRequest {
                        network: network.clone(),
                        member: member.clone(),
                        page_size,
                        page_token,
                        min_position: 0,
                    };
                    async move {
                        let page = answer(client.list_campaigns(request).await)?;
                        Ok((page.campaigns, page.next_page_token))
                    }
                },
            )
            .await
        }
    }
}

async fn all_participants(
    mut client: CampaignClient,
    id: &CampaignId,
) -> Result<Vec<Value>, CallError> {
    let mut request = feed::ListParticipantsRequest {
        name: id.to_string(),
        page_size: PAGE,
        ..Default::default()
    };
    let mut participants = Vec::new();
    loop {
        let page = answer(client.list_participants(request.clone()).await)?;
        participants.extend(page.participants.iter().map(json::participation));
        if page.next_page_token.is_empty() {
            return Ok(participants);
        }
        request.page_token = page.next_page_token;
    }
}

fn campaign_row(campaign: &feed::Campaign) -> Vec<String> {
    vec![
        bare(&campaign.name).to_owned(),
        campaign.title.clone(),
        word(CampaignKind::from_pb(campaign.kind).map(CampaignKind::as_str)),
        date_text(campaign.started.as_ref()).unwrap_or_default(),
        bare(&campaign.network).to_owned(),
        campaign.participant_count.to_string(),
        word(CampaignState::from_pb(campaign.state).map(CampaignState::as_str)),
    ]
}
