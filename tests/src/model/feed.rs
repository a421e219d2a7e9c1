//! Statements, signatures, campaigns, participations and named subscriptions.

use std::collections::BTreeSet;

use hansa_proto::pb::feed::v1::EventKind;

use super::{Campaign, Command, Model, Refusal, Rules, Statement, Told, refused};

type Done = Result<Vec<Told>, Refusal>;

impl Model {
    pub(super) fn ask_feed(&mut self, command: &Command) -> Done {
        match command {
            Command::Publish { statement, network, campaign, signatories, .. } => {
                self.publish(statement, network, campaign, signatories)
            }
            Command::Sign { statement, member } => self.sign(statement, member),
            Command::Correct { statement, correction, network } => {
                self.correct(statement, correction, network)
            }
            Command::Retract { statement } => self.retract(statement),
            Command::Launch { campaign, network, leads, participants } => {
                self.launch(campaign, network, leads, participants)
            }
            Command::JoinCampaign { campaign, member } => self.join_campaign(campaign, member),
            Command::LeaveCampaign { campaign, member } => self.leave_campaign(campaign, member),
            Command::AddMilestone { campaign } => {
                self.campaigns.get(campaign).ok_or(refused("NOT_FOUND"))?;
                Ok(vec![self.of_campaign(EventKind::CampaignMilestone, campaign)])
            }
            Command::EndCampaign { campaign } => self.end_campaign(campaign),
            Command::CreateSubscription { subscription } => {
                match self.subscriptions.insert(subscription.clone(), false) {
                    None => Ok(Vec::new()),
                    Some(_) => Err(refused("ALREADY_EXISTS")),
                }
            }
            Command::CommitCursor { subscription, back } => self.commit(subscription, *back),
            Command::DeleteSubscription { subscription } => {
                self.subscriptions.remove(subscription).ok_or(refused("NOT_FOUND"))?;
                Ok(Vec::new())
            }
            _ => unreachable!("the registry is asked that"),
        }
    }

    fn publish(&mut self, id: &str, network: &str, campaign: &str, signatories: &[String]) -> Done {
        if self.statements.contains_key(id) {
            return Err(refused("ALREADY_EXISTS"));
        }
        let mut rules = Rules::default();
        self.issued(network, campaign, &mut rules);
        let mut signed = BTreeSet::new();
        for member in signatories {
            self.acts(member, &mut rules);
            rules.against(!signed.insert(member.clone()), "ALREADY_SIGNED");
        }
        rules.finish()?;
        let statement = Statement {
            network: network.to_owned(),
            campaign: campaign.to_owned(),
            stands: true,
            signed,
        };
        self.statements.insert(id.to_owned(), statement);
        let mut told = vec![self.of_statement(EventKind::StatementPublished, id)];
        told.extend(signatories.iter().map(|member| self.of_signature(id, member)));
        Ok(told)
    }

    fn sign(&mut self, id: &str, member: &str) -> Done {
        let statement = self.statements.get(id).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(!statement.stands, "STATEMENT_CLOSED");
        rules.against(statement.signed.contains(member), "ALREADY_SIGNED");
        self.acts(member, &mut rules);
        rules.finish()?;
        if let Some(statement) = self.statements.get_mut(id) {
            statement.signed.insert(member.to_owned());
        }
        Ok(vec![self.of_signature(id, member)])
    }

    /// The one superseded is told first, then the new one; signatures stay with the old one.
    fn correct(&mut self, id: &str, correction: &str, network: &str) -> Done {
        let statement = self.statements.get(id).ok_or(refused("NOT_FOUND"))?;
        if self.statements.contains_key(correction) {
            return Err(refused("ALREADY_EXISTS"));
        }
        let mut rules = Rules::default();
        rules.against(!statement.stands, "STATEMENT_CLOSED");
        self.issued(network, "", &mut rules);
        rules.finish()?;
        if let Some(statement) = self.statements.get_mut(id) {
            statement.stands = false;
        }
        let mut told = vec![self.of_statement(EventKind::StatementCorrected, id)];
        told.extend(self.publish(correction, network, "", &[])?);
        Ok(told)
    }

    fn retract(&mut self, id: &str) -> Done {
        let statement = self.statements.get_mut(id).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(!statement.stands, "STATEMENT_CLOSED");
        rules.finish()?;
        statement.stands = false;
        Ok(vec![self.of_statement(EventKind::StatementRetracted, id)])
    }

    fn launch(
        &mut self,
        id: &str,
        network: &str,
        leads: &[String],
        participants: &[String],
    ) -> Done {
        if self.campaigns.contains_key(id) {
            return Err(refused("ALREADY_EXISTS"));
        }
        let mut rules = Rules::default();
        self.issued(network, "", &mut rules);
        leads.iter().for_each(|lead| self.acts(lead, &mut rules));
        let mut active = BTreeSet::new();
        for member in participants {
            self.acts(member, &mut rules);
            rules.against(!active.insert(member.clone()), "ALREADY_A_PARTICIPANT");
        }
        rules.finish()?;
        let (network, leads) = (network.to_owned(), leads.to_vec());
        self.campaigns.insert(id.to_owned(), Campaign { network, leads, runs: true, active });
        let mut told = vec![self.of_campaign(EventKind::CampaignLaunched, id)];
        let joined = |member: &String| self.of_participation(EventKind::CampaignJoined, id, member);
        told.extend(participants.iter().map(joined));
        Ok(told)
    }

    fn join_campaign(&mut self, id: &str, member: &str) -> Done {
        let campaign = self.campaigns.get(id).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(!campaign.runs, "CAMPAIGN_ENDED");
        rules.against(campaign.active.contains(member), "ALREADY_A_PARTICIPANT");
        self.acts(member, &mut rules);
        rules.finish()?;
        if let Some(campaign) = self.campaigns.get_mut(id) {
            campaign.active.insert(member.to_owned());
        }
        Ok(vec![self.of_participation(EventKind::CampaignJoined, id, member)])
    }

    fn leave_campaign(&mut self, id: &str, member: &str) -> Done {
        let campaign = self.campaigns.get_mut(id).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(!campaign.runs, "CAMPAIGN_ENDED");
        rules.against(!self.members.contains_key(member), "MEMBER_UNKNOWN");
        rules.against(!campaign.active.contains(member), "NOT_A_PARTICIPANT");
        rules.finish()?;
        campaign.active.remove(member);
        Ok(vec![self.of_participation(EventKind::CampaignLeft, id, member)])
    }

    fn end_campaign(&mut self, id: &str) -> Done {
        let campaign = self.campaigns.get_mut(id).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(!campaign.runs, "CAMPAIGN_ENDED");
        rules.finish()?;
        campaign.runs = false;
        Ok(vec![self.of_campaign(EventKind::CampaignEnded, id)])
    }

    /// The campaigns of a network that ends, end with it, in the order of their names.
    pub(super) fn end_campaigns_of(&mut self, network: &str) -> Vec<Told> {
        let running = self.campaigns.iter_mut();
        let running = running.filter(|(_, campaign)| campaign.runs && campaign.network == network);
        let ended: Vec<String> = running
            .map(|(id, campaign)| {
                campaign.runs = false;
                id.clone()
            })
            .collect();
        ended.iter().map(|id| self.of_campaign(EventKind::CampaignEnded, id)).collect()
    }

    /// A cursor moves forwards; one before the first event goes back once another was committed.
    fn commit(&mut self, id: &str, back: bool) -> Done {
        let committed = self.subscriptions.get_mut(id).ok_or(refused("NOT_FOUND"))?;
        if back && *committed {
            return Err(refused("CURSOR_BEHIND"));
        }
        *committed |= !back;
        Ok(Vec::new())
    }

    /// Whoever issues something must exist and not have ended, and so must the campaign it belongs to.
    /// What no network issues, a source tells.
    fn issued(&self, network: &str, campaign: &str, rules: &mut Rules) {
        match self.networks.get(network) {
            None if network.is_empty() => {}
            None => rules.against(true, "NETWORK_UNKNOWN"),
            Some(network) => rules.against(network.ended, "NETWORK_ENDED"),
        }
        if campaign.is_empty() {
            return;
        }
        match self.campaigns.get(campaign) {
            None => rules.against(true, "CAMPAIGN_UNKNOWN"),
            Some(campaign) => rules.against(!campaign.runs, "CAMPAIGN_ENDED"),
        }
    }

    /// Whoever acts must exist and not be retired.
    fn acts(&self, member: &str, rules: &mut Rules) {
        match self.members.get(member) {
            None => rules.against(true, "MEMBER_UNKNOWN"),
            Some(member) => rules.against(member.retired, "MEMBER_RETIRED"),
        }
    }

    fn of_statement(&self, kind: EventKind, id: &str) -> Told {
        let statement = &self.statements[id];
        Told {
            kind,
            network: statement.network.clone(),
            members: Vec::new(),
            countries: Vec::new(),
            themes: self.themes(&statement.network),
            campaign: statement.campaign.clone(),
        }
    }

    fn of_signature(&self, id: &str, member: &str) -> Told {
        let members = vec![member.to_owned()];
        let countries = self.countries(&members);
        Told { members, countries, ..self.of_statement(EventKind::StatementSigned, id) }
    }

    fn of_campaign(&self, kind: EventKind, id: &str) -> Told {
        let campaign = &self.campaigns[id];
        Told {
            kind,
            network: campaign.network.clone(),
            members: campaign.leads.clone(),
            countries: self.countries(&campaign.leads),
            themes: self.themes(&campaign.network),
            campaign: id.to_owned(),
        }
    }

    fn of_participation(&self, kind: EventKind, id: &str, member: &str) -> Told {
        let members = vec![member.to_owned()];
        let countries = self.countries(&members);
        Told { members, countries, ..self.of_campaign(kind, id) }
    }
}
