//! What a part of a snapshot, and what an event, does to the copy. An event's body is the resource after
//! its commit, so most of it is writing it down; signatures and participations only count, and only in
//! what was not told by the same commit.

use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::registry::v1 as registry;
use pb::event::Body;
use prost::Message as _;

use super::present::{Present, Told};
use super::taken::Taken;

impl Present {
    /// An empty copy of what a filter takes.
    pub(super) fn of(taken: &Taken) -> Present {
        Present { active: taken.all_members().then(Default::default), ..Present::default() }
    }

    /// Writes down a part of a snapshot.
    pub(super) fn begin(&mut self, snapshot: pb::Snapshot) {
        let pb::Snapshot { networks, members, memberships, campaigns } = snapshot;
        networks.into_iter().for_each(|network| self.network_is(network));
        members.into_iter().for_each(|member| self.member_is(member));
        memberships.into_iter().for_each(|membership| self.membership_is(membership));
        for campaign in campaigns {
            self.campaign_is(campaign, 0);
        }
    }

    /// Writes down an event. True: what the filter takes may have changed without an event for each.
    pub(super) fn change(&mut self, event: &pb::Event, taken: &Taken) -> bool {
        let taken_after = taken.takes(event);
        let Some(body) = event.body.clone() else { return false };
        match body {
            Body::NetworkBody(network) => {
                let known = self.networks.contains_key(&network.name);
                match taken_after {
                    true => self.network_is(*network),
                    false => self.network_is_gone(&network.name),
                }
                let moved = known != taken_after || event.former.is_some();
                moved && taken.by_others() && event.kind() != pb::EventKind::NetworkFounded
            }
            Body::MemberBody(member) => {
                let known = self.members.contains_key(&member.name);
                match taken_after {
                    true => self.member_is(*member),
                    false => self.member_is_gone(&member.name),
                }
                let moved = known != taken_after || event.former.is_some();
                moved && taken.by_others() && event.kind() != pb::EventKind::MemberRecorded
            }
            Body::MembershipBody(membership) => {
                self.membership_is(membership);
                false
            }
            Body::CampaignBody(campaign) => {
                match taken_after && campaign.state() == pb::CampaignState::Active {
                    true => self.campaign_is(*campaign, event.position),
                    false => self.campaign_is_gone(&campaign.name),
                }
                false
            }
            Body::ParticipationBody(participation) => {
                self.takes_part(&participation, event.position);
                false
            }
            Body::StatementBody(_) | Body::SignatureBody(_) => {
                self.say(event);
                self.belongs(event);
                false
            }
        }
    }

    /// Writes down what an event says of a statement.
    pub(super) fn say(&mut self, event: &pb::Event) {
        match event.body.clone() {
            Some(Body::StatementBody(statement)) => {
                let after = Told { resource: *statement, at: event.position };
                self.replaced(None, Some(&after.resource));
                let before = self.statements.insert(after.resource.name.clone(), after);
                self.replaced(before.as_ref().map(|told| &told.resource), None);
            }
            Some(Body::SignatureBody(signature)) => {
                let statement = self.statements.get_mut(&signature.statement);
                if let Some(told) = statement.filter(|told| told.at < event.position) {
                    self.bytes -= told.resource.encoded_len();
                    told.resource.signature_count += 1;
                    self.bytes += told.resource.encoded_len();
                }
            }
            _ => {}
        }
    }

    /// A statement that is published for a campaign becomes part of it.
    fn belongs(&mut self, event: &pb::Event) {
        let Some(Body::StatementBody(statement)) = &event.body else { return };
        if event.kind() != pb::EventKind::StatementPublished {
            return;
        }
        let campaign = self.campaigns.get_mut(&statement.campaign);
        let campaign =
            campaign.filter(|told| told.at < event.position).map(|told| &mut told.resource);
        if let Some(campaign) = campaign
            && !campaign.statements.contains(&statement.name)
        {
            self.bytes -= campaign.encoded_len();
            campaign.statements.push(statement.name.clone());
            self.bytes += campaign.encoded_len();
        }
    }

    fn takes_part(&mut self, participation: &pb::Participation, position: u64) {
        let campaign = self.campaigns.get_mut(&participation.campaign);
        let Some(told) = campaign.filter(|told| told.at < position) else { return };
        if !told.resource.leads.contains(&participation.member) {
            self.bytes -= told.resource.encoded_len();
            told.resource.participant_count += if participation.active { 1 } else { -1 };
            self.bytes += told.resource.encoded_len();
        }
    }

    fn network_is(&mut self, network: registry::Network) {
        self.replaced(None, Some(&network));
        let before = self.networks.insert(network.name.clone(), network);
        self.replaced(before.as_ref(), None);
    }

    fn network_is_gone(&mut self, name: &str) {
        let before = self.networks.remove(name);
        self.replaced(before.as_ref(), None);
    }

    fn member_is(&mut self, member: registry::Member) {
        self.replaced(None, Some(&member));
        let before = self.members.insert(member.name.clone(), member);
        self.replaced(before.as_ref(), None);
    }

    fn member_is_gone(&mut self, name: &str) {
        let before = self.members.remove(name);
        self.replaced(before.as_ref(), None);
    }

    fn membership_is(&mut self, membership: registry::Membership) {
        let active = |membership: &registry::Membership| {
            i64::from(membership.state() == registry::MembershipState::Active)
        };
        let (network, is_active) = (membership.network.clone(), active(&membership));
        let of_member = self.of_member.entry(membership.member.clone()).or_default();
        of_member.insert(membership.name.clone());
        self.replaced(None, Some(&membership));
        let before = self.memberships.insert(membership.name.clone(), membership);
        self.replaced(before.as_ref(), None);
        if let Some(counts) = &mut self.active {
            *counts.entry(network).or_default() += is_active - before.as_ref().map_or(0, active);
        }
    }

    fn campaign_is(&mut self, campaign: pb::Campaign, at: u64) {
        self.replaced(None, Some(&campaign));
        let before = self.campaigns.insert(campaign.name.clone(), Told { resource: campaign, at });
        self.replaced(before.as_ref().map(|told| &told.resource), None);
    }

    fn campaign_is_gone(&mut self, name: &str) {
        let before = self.campaigns.remove(name);
        self.replaced(before.as_ref().map(|told| &told.resource), None);
    }
}
