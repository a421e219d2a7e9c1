//! CampaignService: joint actions, who takes part, what they reach and how they end.

use std::sync::Arc;

use hansa_proto::feed::{Campaign, Evaluation, Milestone, Outcome};
use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId};
use hansa_proto::limits;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use pb::campaign_service_server::CampaignService;
use pb::event::Body;
use tonic::{Request, Response, Status};

use super::pages::{self, Mark};
use super::{Feed, envelope, read};
use crate::domain::Command;
use crate::status;
use crate::view::Lookup;

const KIND: &str = "hansa.feed.v1.Campaign";

/// The service.
pub(super) struct Campaigns(pub(super) Arc<Feed>);

#[tonic::async_trait]
impl CampaignService for Campaigns {
    async fn launch_campaign(
        &self,
        request: Request<pb::LaunchCampaignRequest>,
    ) -> Result<Response<pb::LaunchCampaignResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = launch(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::LaunchCampaignResponse {
            campaign: campaign(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn join_campaign(
        &self,
        request: Request<pb::JoinCampaignRequest>,
    ) -> Result<Response<pb::JoinCampaignResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = join(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::JoinCampaignResponse {
            participation: participation(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn leave_campaign(
        &self,
        request: Request<pb::LeaveCampaignRequest>,
    ) -> Result<Response<pb::LeaveCampaignResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = leave(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::LeaveCampaignResponse {
            participation: participation(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn add_milestone(
        &self,
        request: Request<pb::AddMilestoneRequest>,
    ) -> Result<Response<pb::AddMilestoneResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = add_milestone(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::AddMilestoneResponse {
            campaign: campaign(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn end_campaign(
        &self,
        request: Request<pb::EndCampaignRequest>,
    ) -> Result<Response<pb::EndCampaignResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = end(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::EndCampaignResponse {
            campaign: campaign(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn get_campaign(
        &self,
        request: Request<pb::GetCampaignRequest>,
    ) -> Result<Response<pb::GetCampaignResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        let message = request.into_inner();
        let mut violations = Violations::default();
        let id = read::name(&message.name, "name", CampaignId::parse, &mut violations);
        violations.finish().map_err(status::malformed)?;
        let id = id.expect("what violates nothing was read");
        self.0.applied(message.min_position, patience).await?;
        let (campaign, position) = self
            .0
            .query(move |keys| Ok((Lookup(keys).campaign_message(&id)?, keys.applied().get())))
            .await?;
        let campaign = campaign.ok_or_else(|| status::not_found(KIND, message.name))?;
        Ok(Response::new(pb::GetCampaignResponse { campaign: Some(campaign), position }))
    }

    async fn list_campaigns(
        &self,
        request: Request<pb::ListCampaignsRequest>,
    ) -> Result<Response<pb::ListCampaignsResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        let mut message = request.into_inner();
        let mut violations = Violations::default();
        let network =
            read::optional_name(&message.network, "network", NetworkId::parse, &mut violations);
        let member =
            read::optional_name(&message.member, "member", MemberId::parse, &mut violations);
        if !message.network.is_empty() && !message.member.is_empty() {
            violations.push("member", "must not be given together with `network`");
        }
        let size = pages::size(std::mem::take(&mut message.page_size), &mut violations);
        let token = std::mem::take(&mut message.page_token);
        let min_position = std::mem::take(&mut message.min_position);
        let mark = Mark::of("ListCampaigns", &message);
        let after = mark.id_place(&token, &mut violations);
        violations.finish().map_err(status::malformed)?;
        self.0.applied(min_position, patience).await?;
        let (page, position) = self
            .0
            .query(move |keys| {
                let (network, member) = (network.as_ref(), member.as_ref());
                let page = Lookup(keys).campaigns(network, member, after.as_deref(), size)?;
                Ok((page, keys.applied().get()))
            })
            .await?;
        Ok(Response::new(pb::ListCampaignsResponse {
            campaigns: page.rows,
            next_page_token: mark.next(page.more_after),
            position,
        }))
    }

    async fn list_participants(
        &self,
        request: Request<pb::ListParticipantsRequest>,
    ) -> Result<Response<pb::ListParticipantsResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        let mut message = request.into_inner();
        let mut violations = Violations::default();
        let id = read::name(&message.name, "name", CampaignId::parse, &mut violations);
        let size = pages::size(std::mem::take(&mut message.page_size), &mut violations);
        let token = std::mem::take(&mut message.page_token);
        let min_position = std::mem::take(&mut message.min_position);
        let mark = Mark::of("ListParticipants", &message);
        let after = mark.id_place(&token, &mut violations);
        violations.finish().map_err(status::malformed)?;
        let id = id.expect("what violates nothing was read");
        self.0.applied(min_position, patience).await?;
        let (page, position) = self
            .0
            .query(move |keys| {
                let lookup = Lookup(keys);
                let page = match lookup.campaign_message(&id)? {
                    Some(_) => Some(lookup.participations(&id, after.as_deref(), size)?),
                    None => None,
                };
                Ok((page, keys.applied().get()))
            })
            .await?;
        let page = page.ok_or_else(|| status::not_found(KIND, message.name))?;
        Ok(Response::new(pb::ListParticipantsResponse {
            participants: page.rows,
            next_page_token: mark.next(page.more_after),
            position,
        }))
    }

    async fn change_leads(
        &self,
        request: Request<pb::ChangeLeadsRequest>,
    ) -> Result<Response<pb::ChangeLeadsResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = change_leads(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::ChangeLeadsResponse {
            campaign: campaign(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn evaluate_campaign(
        &self,
        request: Request<pb::EvaluateCampaignRequest>,
    ) -> Result<Response<pb::EvaluateCampaignResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = evaluate(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::EvaluateCampaignResponse {
            campaign: campaign(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn attach_statement(
        &self,
        request: Request<pb::AttachStatementRequest>,
    ) -> Result<Response<pb::AttachStatementResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = attach(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::AttachStatementResponse {
            campaign: campaign(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn hand_over_campaign(
        &self,
        request: Request<pb::HandOverCampaignRequest>,
    ) -> Result<Response<pb::HandOverCampaignResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = hand_over(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::HandOverCampaignResponse {
            campaign: campaign(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }
}

fn campaign(body: Body) -> Option<pb::Campaign> {
    match body {
        Body::CampaignBody(campaign) => Some(*campaign),
        _ => None,
    }
}

fn participation(body: Body) -> Option<pb::Participation> {
    match body {
        Body::ParticipationBody(participation) => Some(participation),
        _ => None,
    }
}

fn launch(message: pb::LaunchCampaignRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::required(message.campaign, "campaign", violations)
        .and_then(|campaign| Campaign::parse(campaign, "campaign", violations));
    let joinings =
        read::first_members(message.participants, "participants", violations, read::joining);
    Some(Command::LaunchCampaign { campaign: Box::new(campaign?), joinings })
}

fn join(message: pb::JoinCampaignRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::name(&message.name, "name", CampaignId::parse, violations);
    let member = read::name(&message.member, "member", MemberId::parse, violations);
    let joined = read::date(message.occurred_at, "occurred_at", violations);
    let joining = crate::domain::Joining { member: member?, joined };
    Some(Command::JoinCampaign { campaign: campaign?, joining })
}

fn leave(message: pb::LeaveCampaignRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::name(&message.name, "name", CampaignId::parse, violations);
    let member = read::name(&message.member, "member", MemberId::parse, violations);
    let left = read::date(message.occurred_at, "occurred_at", violations);
    Some(Command::LeaveCampaign { campaign: campaign?, member: member?, left })
}

fn add_milestone(message: pb::AddMilestoneRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::name(&message.name, "name", CampaignId::parse, violations);
    let milestone = read::required(message.milestone, "milestone", violations)
        .and_then(|milestone| Milestone::parse(milestone, "milestone", violations));
    Some(Command::AddMilestone { campaign: campaign?, milestone: milestone?, etag: message.etag })
}

fn end(message: pb::EndCampaignRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::name(&message.name, "name", CampaignId::parse, violations);
    let outcome = Outcome::parse(message.outcome.unwrap_or_default(), "outcome", violations);
    let ended = read::date(message.ended, "ended", violations);
    Some(Command::EndCampaign { campaign: campaign?, outcome: outcome?, ended, etag: message.etag })
}

fn change_leads(message: pb::ChangeLeadsRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::name(&message.name, "name", CampaignId::parse, violations);
    let leads =
        read::distinct_names(message.leads, "leads", limits::LEADS, MemberId::parse, violations);
    let occurred_at = read::date(message.occurred_at, "occurred_at", violations);
    let etag = message.etag;
    Some(Command::ChangeLeads { campaign: campaign?, leads, occurred_at, etag })
}

fn evaluate(message: pb::EvaluateCampaignRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::name(&message.name, "name", CampaignId::parse, violations);
    let evaluation = read::required(message.evaluation, "evaluation", violations)
        .and_then(|evaluation| Evaluation::parse(evaluation, "evaluation", violations));
    let etag = message.etag;
    Some(Command::EvaluateCampaign { campaign: campaign?, evaluation: evaluation?, etag })
}

fn attach(message: pb::AttachStatementRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::name(&message.name, "name", CampaignId::parse, violations);
    let statement = read::name(&message.statement, "statement", StatementId::parse, violations);
    let etag = message.etag;
    Some(Command::AttachStatement { campaign: campaign?, statement: statement?, etag })
}

fn hand_over(message: pb::HandOverCampaignRequest, violations: &mut Violations) -> Option<Command> {
    let campaign = read::name(&message.name, "name", CampaignId::parse, violations);
    let network = read::name(&message.network, "network", NetworkId::parse, violations);
    let occurred_at = read::date(message.occurred_at, "occurred_at", violations);
    let etag = message.etag;
    Some(Command::HandOverCampaign { campaign: campaign?, network: network?, occurred_at, etag })
}
