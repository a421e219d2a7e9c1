//! What decisions and queries read: rows by key, pages by prefix. The same code reads the settled view
//! and a view with staged changes on top.

use hansa_journal::limits::COMMIT_BYTES;
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::{Campaign, Participation, Statement, Subscription};
use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId, SubscriptionId};
use hansa_proto::limits;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::registry::MembershipState;
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ViewError};
use prost::Message;

use super::index::Place;
use super::{CauseRow, MemberRow, NetworkRow, RequestRow, keys};
use crate::codec;
use crate::domain::{Followed, MemberFacts, NetworkFacts, State, Unreadable};

/// Keys read as what they hold.
pub(crate) struct Lookup<'k, K: Keys>(pub(crate) &'k K);

/// Part of an ordered list: its rows, and the key of the last when there are more.
pub(crate) struct Rows<R> {
    /// The rows.
    pub(crate) rows: Vec<R>,
    /// Where the next page continues after; none: this was the last.
    pub(crate) more_after: Option<String>,
}

impl<K: Keys> Lookup<'_, K> {
    fn row<M: Message + Default>(&self, key: &[u8]) -> Result<Option<M>, ViewError> {
        let Some(bytes) = self.0.get(key)? else {
            return Ok(None);
        };
        M::decode(bytes.as_slice()).map(Some).map_err(damaged)
    }

    fn count(&self, key: &[u8]) -> Result<i64, ViewError> {
        let Some(bytes) = self.0.get(key)? else {
            return Ok(0);
        };
        let bytes = bytes.try_into().map_err(|_| damaged("a count has not eight bytes"))?;
        Ok(i64::from_be_bytes(bytes))
    }

    pub(crate) fn network_facts(&self, id: &NetworkId) -> Result<Option<NetworkFacts>, ViewError> {
        let row: Option<NetworkRow> = self.row(&keys::network(id))?;
        row.map(facts).transpose()
    }

    pub(crate) fn member_facts(&self, id: &MemberId) -> Result<Option<MemberFacts>, ViewError> {
        let Some(row) = self.row::<MemberRow>(&keys::member(id))? else {
            return Ok(None);
        };
        let country = match row.country.as_str() {
            "" => None,
            code => Some(Country::parse(code).map_err(damaged)?),
        };
        Ok(Some(MemberFacts { retired: row.retired, country }))
    }

    pub(super) fn membership_state(
        &self,
        network: &NetworkId,
        member: &MemberId,
    ) -> Result<Option<MembershipState>, ViewError> {
        let Some(bytes) = self.0.get(&keys::membership(network, member))? else {
            return Ok(None);
        };
        let number = bytes.first_chunk().copied().map(i32::from_be_bytes);
        let number = number.ok_or_else(|| damaged("a membership has no state"))?;
        let state = MembershipState::from_pb(number);
        state.map(Some).ok_or_else(|| damaged("a membership has an unknown state"))
    }

    /// Where the content of a statement was told, oldest first.
    pub(crate) fn told_at(&self, id: &StatementId) -> Result<Vec<Place>, ViewError> {
        let prefix = keys::told(id);
        let place = |(key, _): (Vec<u8>, Vec<u8>)| {
            let (position, index) = key.get(prefix.len()..)?.split_first_chunk()?;
            let index = index.try_into().ok().map(u32::from_be_bytes)?;
            Some(Place { position: u64::from_be_bytes(*position), index })
        };
        let places = self.0.scan(prefix.as_bytes(), None, usize::MAX)?.into_iter().map(place);
        let places: Option<Vec<Place>> = places.collect();
        places.ok_or_else(|| damaged("a place has a wrong length"))
    }

    /// All statements that are redacted.
    pub(crate) fn redacted(&self) -> Result<Vec<StatementId>, ViewError> {
        let prefix = keys::REDACTED;
        let entries = self.0.scan(prefix.as_bytes(), None, usize::MAX)?;
        let id = |(key, _): (Vec<u8>, Vec<u8>)| {
            let id = std::str::from_utf8(&key[prefix.len()..]).map_err(damaged)?;
            StatementId::from_id(id).map_err(damaged)
        };
        entries.into_iter().map(id).collect()
    }

    /// A statement as callers see it, but for its content.
    pub(crate) fn statement_message(
        &self,
        id: &StatementId,
    ) -> Result<Option<pb::Statement>, ViewError> {
        let Some(statement) = self.row::<pb::Statement>(&keys::statement(id))? else {
            return Ok(None);
        };
        let signature_count = self.count(&keys::signature_count(id))?;
        Ok(Some(pb::Statement { signature_count, ..statement }))
    }

    /// A campaign as callers see it.
    pub(crate) fn campaign_message(
        &self,
        id: &CampaignId,
    ) -> Result<Option<pb::Campaign>, ViewError> {
        let Some(campaign) = self.campaign_row(id)? else {
            return Ok(None);
        };
        let participant_count = self.count(&keys::participant_count(id))?;
        let statements = self.statements_of_campaign(id)?;
        Ok(Some(pb::Campaign { participant_count, statements, ..campaign }))
    }

    /// A campaign as stored, without what other keys hold.
    pub(super) fn campaign_row(&self, id: &CampaignId) -> Result<Option<pb::Campaign>, ViewError> {
        self.row(&keys::campaign(id))
    }

    fn statements_of_campaign(&self, id: &CampaignId) -> Result<Vec<String>, ViewError> {
        let prefix = keys::statements_of_campaign(id);
        let entries = self.0.scan(prefix.as_bytes(), None, limits::CAMPAIGN_STATEMENTS)?;
        let mut statements = Vec::with_capacity(entries.len());
        for (key, _) in entries {
            let key = std::str::from_utf8(&key).map_err(damaged)?;
            let (_, statement) = key.rsplit_once('/').ok_or_else(|| damaged("no statement"))?;
            statements.push(StatementId::from_id(statement).map_err(damaged)?.to_string());
        }
        Ok(statements)
    }

    /// Whether a campaign of this network runs.
    pub(super) fn runs_a_campaign(&self, network: &NetworkId) -> Result<bool, ViewError> {
        let prefix = keys::campaigns_that_run(network);
        Ok(!self.0.scan(prefix.as_bytes(), None, 1)?.is_empty())
    }

    /// A network that has ended while campaigns of it still run, and what caused it.
    pub(crate) fn to_close(&self) -> Result<Option<(NetworkId, CauseRow)>, ViewError> {
        let prefix = keys::TO_CLOSE;
        let first = self.0.scan(prefix.as_bytes(), None, 1)?.pop();
        let Some((key, value)) = first else { return Ok(None) };
        let id = std::str::from_utf8(&key[prefix.len()..]).map_err(damaged)?;
        let id = NetworkId::from_id(id).map_err(damaged)?;
        Ok(Some((id, CauseRow::decode(value.as_slice()).map_err(damaged)?)))
    }

    /// Campaigns of a network that run: no more than `limit`, nor many more than a commit could hold.
    fn campaigns_that_run(
        &self,
        network: &NetworkId,
        limit: usize,
    ) -> Result<Vec<pb::Campaign>, ViewError> {
        let prefix = keys::campaigns_that_run(network);
        let mut campaigns = Vec::new();
        let mut bytes = 0;
        for (key, _) in self.0.scan(prefix.as_bytes(), None, limit)? {
            if bytes > COMMIT_BYTES {
                break;
            }
            let id = std::str::from_utf8(&key[prefix.len()..]).map_err(damaged)?;
            let id = CampaignId::from_id(id).map_err(damaged)?;
            let campaign = self.campaign_message(&id)?;
            let campaign = campaign.ok_or_else(|| damaged("a campaign that runs is missing"))?;
            bytes += campaign.encoded_len();
            campaigns.push(campaign);
        }
        Ok(campaigns)
    }

    pub(super) fn signature_message(
        &self,
        id: &StatementId,
        member: &MemberId,
    ) -> Result<Option<pb::Signature>, ViewError> {
        self.row(&keys::signature(id, member))
    }

    pub(super) fn participation_message(
        &self,
        id: &CampaignId,
        member: &MemberId,
    ) -> Result<Option<pb::Participation>, ViewError> {
        self.row(&keys::participation(id, member))
    }

    pub(super) fn signatures_held(&self, id: &StatementId) -> Result<i64, ViewError> {
        self.count(&keys::signature_count(id))
    }

    pub(super) fn participants_held(&self, id: &CampaignId) -> Result<i64, ViewError> {
        self.count(&keys::participant_count(id))
    }

    /// Which event answers a request, when it was made before.
    pub(crate) fn request(&self, request_id: &str) -> Result<Option<RequestRow>, ViewError> {
        self.row(&keys::request(request_id))
    }

    /// A named subscription.
    pub(crate) fn named(&self, id: &SubscriptionId) -> Result<Option<Subscription>, ViewError> {
        let message = self.row::<pb::Subscription>(&keys::subscription(id))?;
        message.map(Subscription::from_stored).transpose().map_err(damaged)
    }

    /// Named subscriptions by name.
    pub(crate) fn all_named(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Rows<Subscription>, ViewError> {
        self.page(keys::SUBSCRIPTIONS, after, limit, |_, value| {
            let message = pb::Subscription::decode(value).map_err(damaged)?;
            Subscription::from_stored(message).map_err(damaged)
        })
    }

    /// How far the registry is followed.
    pub(crate) fn place(&self) -> Result<Option<Followed>, ViewError> {
        let Some(bytes) = self.0.get(keys::FOLLOWED)? else {
            return Ok(None);
        };
        codec::decode_followed(&bytes).map(Some).map_err(damaged)
    }

    /// Statements by name, without their content: all, those a network issued, or those a member issued
    /// or signed.
    pub(crate) fn statements(
        &self,
        network: Option<&NetworkId>,
        member: Option<&MemberId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Rows<pb::Statement>, ViewError> {
        let prefix = match (network, member) {
            (Some(network), _) => keys::statements_of_network(network),
            (None, Some(member)) => keys::statements_of_member(member),
            (None, None) => keys::STATEMENTS.to_owned(),
        };
        self.page(&prefix, after, limit, |id, _| {
            let id = StatementId::from_id(id).map_err(damaged)?;
            self.statement_message(&id)?.ok_or_else(|| damaged("a statement listed is missing"))
        })
    }

    /// Campaigns by name: all, those of a network, or those a member leads or took part in.
    pub(crate) fn campaigns(
        &self,
        network: Option<&NetworkId>,
        member: Option<&MemberId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Rows<pb::Campaign>, ViewError> {
        let prefix = match (network, member) {
            (Some(network), _) => keys::campaigns_of_network(network),
            (None, Some(member)) => keys::campaigns_of_member(member),
            (None, None) => keys::CAMPAIGNS.to_owned(),
        };
        self.page(&prefix, after, limit, |id, _| {
            let id = CampaignId::from_id(id).map_err(damaged)?;
            self.campaign_message(&id)?.ok_or_else(|| damaged("a campaign listed is missing"))
        })
    }

    /// Signatures of a statement by member.
    pub(crate) fn signatures(
        &self,
        id: &StatementId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Rows<pb::Signature>, ViewError> {
        let prefix = keys::signatures(id);
        self.page(&prefix, after, limit, |_, value| pb::Signature::decode(value).map_err(damaged))
    }

    /// Participations in a campaign by member.
    pub(crate) fn participations(
        &self,
        id: &CampaignId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Rows<pb::Participation>, ViewError> {
        let prefix = keys::participations(id);
        self.page(&prefix, after, limit, |_, value| {
            pb::Participation::decode(value).map_err(damaged)
        })
    }

    /// Rows under a prefix, after the id of the last one of the page before.
    fn page<R>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        row: impl Fn(&str, &[u8]) -> Result<R, ViewError>,
    ) -> Result<Rows<R>, ViewError> {
        let after = after.map(|id| format!("{prefix}{id}").into_bytes());
        let mut entries = self.0.scan(prefix.as_bytes(), after.as_deref(), limit + 1)?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let mut rows = Vec::with_capacity(entries.len());
        let mut last = None;
        for (key, value) in entries {
            let id = std::str::from_utf8(&key[prefix.len()..]).map_err(damaged)?;
            rows.push(row(id, &value)?);
            last = Some(id.to_owned());
        }
        Ok(Rows { rows, more_after: last.filter(|_| more) })
    }
}

fn facts(row: NetworkRow) -> Result<NetworkFacts, ViewError> {
    let mut violations = Violations::default();
    let date = |date| PartialDate::parse(date, "ended_on", &mut violations);
    let ended_on = row.ended_on.and_then(date);
    violations.finish().map_err(damaged)?;
    let merged_into = match row.merged_into.as_str() {
        "" => None,
        name => Some(NetworkId::parse(name).map_err(damaged)?),
    };
    Ok(NetworkFacts { ended: row.ended, ended_on, merged_into, themes: row.themes })
}

fn damaged(problem: impl ToString) -> ViewError {
    ViewError::Value(problem.to_string())
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Unreadable {
    Unreadable(Box::new(error))
}

impl<K: Keys> State for Lookup<'_, K> {
    fn network(&self, id: &NetworkId) -> Result<Option<NetworkFacts>, Unreadable> {
        self.network_facts(id).map_err(unreadable)
    }

    fn member(&self, id: &MemberId) -> Result<Option<MemberFacts>, Unreadable> {
        self.member_facts(id).map_err(unreadable)
    }

    fn membership(
        &self,
        network: &NetworkId,
        member: &MemberId,
    ) -> Result<Option<MembershipState>, Unreadable> {
        self.membership_state(network, member).map_err(unreadable)
    }

    fn statement(&self, id: &StatementId) -> Result<Option<Statement>, Unreadable> {
        let message = self.statement_message(id).map_err(unreadable)?;
        message.map(Statement::from_stored).transpose().map_err(unreadable)
    }

    fn signature_count(&self, id: &StatementId) -> Result<i64, Unreadable> {
        self.signatures_held(id).map_err(unreadable)
    }

    fn has_signed(&self, id: &StatementId, member: &MemberId) -> Result<bool, Unreadable> {
        Ok(self.signature_message(id, member).map_err(unreadable)?.is_some())
    }

    fn campaign(&self, id: &CampaignId) -> Result<Option<Campaign>, Unreadable> {
        let message = self.campaign_message(id).map_err(unreadable)?;
        message.map(Campaign::from_stored).transpose().map_err(unreadable)
    }

    fn participant_count(&self, id: &CampaignId) -> Result<i64, Unreadable> {
        self.participants_held(id).map_err(unreadable)
    }

    fn participation(
        &self,
        id: &CampaignId,
        member: &MemberId,
    ) -> Result<Option<Participation>, Unreadable> {
        let message = self.participation_message(id, member).map_err(unreadable)?;
        message.map(Participation::from_stored).transpose().map_err(unreadable)
    }

    fn running_campaigns(
        &self,
        network: &NetworkId,
        limit: usize,
    ) -> Result<Vec<Campaign>, Unreadable> {
        let messages = self.campaigns_that_run(network, limit).map_err(unreadable)?;
        let campaigns = messages.into_iter().map(Campaign::from_stored);
        campaigns.collect::<Result<_, _>>().map_err(unreadable)
    }

    fn network_to_close(&self) -> Result<Option<NetworkId>, Unreadable> {
        Ok(self.to_close().map_err(unreadable)?.map(|(network, _)| network))
    }

    fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, Unreadable> {
        self.named(id).map_err(unreadable)
    }

    fn subscription_count(&self) -> Result<usize, Unreadable> {
        let rows = self.0.scan(keys::SUBSCRIPTIONS.as_bytes(), None, limits::SUBSCRIPTIONS);
        Ok(rows.map_err(unreadable)?.len())
    }

    fn followed(&self) -> Result<Option<Followed>, Unreadable> {
        self.place().map_err(unreadable)
    }
}
