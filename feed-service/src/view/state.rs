//! The present state as a snapshot tells it: networks, members, memberships and campaigns that run,
//! page by page. Each is told as an event about it would be found: by its network, its members, their
//! countries, its themes and its campaign.

use hansa_proto::feed::CampaignState;
use hansa_proto::ids::{CampaignId, MemberId, MembershipId, NetworkId};
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::registry::v1 as registry;
use hansa_view::{Keys, ViewError};
use prost::Message;

use super::{Lookup, Told, keys};
use crate::filter::Matcher;

/// Rows looked at for one page.
const ROWS: usize = 512;

/// What of the view a snapshot is made of.
pub(crate) const PREFIXES: [&[u8]; 6] = [b"n/", b"m/", b"b/", b"c/", b"cs/", b"pc/"];

/// Part of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Section {
    /// Networks.
    #[default]
    Networks,
    /// Members.
    Members,
    /// Memberships.
    Memberships,
    /// Campaigns that run.
    Campaigns,
}

/// Where a page begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    section: Section,
    after: Option<Vec<u8>>,
}

/// A page of the state.
pub(crate) struct Page {
    /// What matches; perhaps nothing.
    pub(crate) snapshot: pb::Snapshot,
    /// Where the next page begins; none: this was the last.
    pub(crate) next: Option<Place>,
}

/// Reads a page of about so many bytes.
pub(crate) fn page(
    keys: &impl Keys,
    matcher: &Matcher,
    place: Place,
    bytes: usize,
) -> Result<Page, ViewError> {
    let prefix = match place.section {
        Section::Networks => keys::NETWORKS,
        Section::Members => keys::MEMBERS,
        Section::Memberships => keys::MEMBERSHIPS,
        Section::Campaigns => keys::CAMPAIGNS,
    };
    let rows = keys.scan(prefix.as_bytes(), place.after.as_deref(), ROWS)?;
    let looked_at_all = rows.len() < ROWS;
    let mut next = place.section.next().map(|section| Place { section, after: None });
    let mut teller = Teller { lookup: Lookup(keys), matcher, snapshot: pb::Snapshot::default() };
    let (mut told, count) = (0, rows.len());
    for (number, (key, value)) in rows.into_iter().enumerate() {
        told += teller.tell(place.section, &value)?;
        let last = number + 1 == count;
        if (last && !looked_at_all) || (!last && told >= bytes) {
            next = Some(Place { section: place.section, after: Some(key) });
            break;
        }
    }
    Ok(Page { snapshot: teller.snapshot, next })
}

impl Section {
    fn next(self) -> Option<Section> {
        match self {
            Section::Networks => Some(Section::Members),
            Section::Members => Some(Section::Memberships),
            Section::Memberships => Some(Section::Campaigns),
            Section::Campaigns => None,
        }
    }
}

/// Adds what matches to a part of the snapshot.
struct Teller<'t, K: Keys> {
    lookup: Lookup<'t, K>,
    matcher: &'t Matcher,
    snapshot: pb::Snapshot,
}

impl<K: Keys> Teller<'_, K> {
    /// The bytes it came to; 0 when it does not match.
    fn tell(&mut self, section: Section, value: &[u8]) -> Result<usize, ViewError> {
        match section {
            Section::Networks => self.network(value),
            Section::Members => self.member(value),
            Section::Memberships => self.membership(value),
            Section::Campaigns => self.campaign(value),
        }
    }

    fn network(&mut self, value: &[u8]) -> Result<usize, ViewError> {
        let row = Told::decode(value).map_err(damaged)?;
        let network = registry::Network::decode(row.told.as_slice()).map_err(damaged)?;
        let found_by = pb::Event {
            network: network.name.clone(),
            themes: network.themes.clone(),
            ..Default::default()
        };
        Ok(add(&mut self.snapshot.networks, network, self.matcher.matches_state(&found_by)))
    }

    fn member(&mut self, value: &[u8]) -> Result<usize, ViewError> {
        let row = Told::decode(value).map_err(damaged)?;
        let member = registry::Member::decode(row.told.as_slice()).map_err(damaged)?;
        let found_by = pb::Event {
            members: vec![member.name.clone()],
            countries: vec![member.country.clone()],
            ..Default::default()
        };
        Ok(add(&mut self.snapshot.members, member, self.matcher.matches_state(&found_by)))
    }

    fn membership(&mut self, value: &[u8]) -> Result<usize, ViewError> {
        let told = value.get(4..).ok_or_else(|| damaged("a membership is short"))?;
        let membership = registry::Membership::decode(told).map_err(damaged)?;
        let id = MembershipId::parse(&membership.name).map_err(damaged)?;
        let themes = self.lookup.network_facts(&id.network)?.map(|facts| facts.themes);
        let found_by = pb::Event {
            network: NetworkId::to_string(&id.network),
            members: vec![id.member.to_string()],
            countries: self.country(&id.member)?,
            themes: themes.unwrap_or_default(),
            ..Default::default()
        };
        Ok(add(&mut self.snapshot.memberships, membership, self.matcher.matches_state(&found_by)))
    }

    fn campaign(&mut self, value: &[u8]) -> Result<usize, ViewError> {
        let row = pb::Campaign::decode(value).map_err(damaged)?;
        if row.state != CampaignState::Active.to_pb() {
            return Ok(0);
        }
        let id = CampaignId::parse(&row.name).map_err(damaged)?;
        let campaign = self.lookup.campaign_message(&id)?;
        let campaign = campaign.ok_or_else(|| damaged("a campaign is missing"))?;
        let mut members = campaign.leads.clone();
        if !campaign.acting_member.is_empty() && !members.contains(&campaign.acting_member) {
            members.push(campaign.acting_member.clone());
        }
        let mut countries = Vec::new();
        for member in &members {
            countries.extend(self.country(&MemberId::parse(member).map_err(damaged)?)?);
        }
        let mut themes = campaign.themes.clone();
        if themes.is_empty() && !campaign.network.is_empty() {
            let network = NetworkId::parse(&campaign.network).map_err(damaged)?;
            themes = self.lookup.network_facts(&network)?.map(|it| it.themes).unwrap_or_default();
        }
        let found_by = pb::Event {
            network: campaign.network.clone(),
            campaign: campaign.name.clone(),
            members,
            countries,
            themes,
            ..Default::default()
        };
        Ok(add(&mut self.snapshot.campaigns, campaign, self.matcher.matches_state(&found_by)))
    }

    fn country(&self, member: &MemberId) -> Result<Vec<String>, ViewError> {
        let country = self.lookup.member_facts(member)?.and_then(|facts| facts.country);
        Ok(country.iter().map(ToString::to_string).collect())
    }
}

fn add<M: Message>(list: &mut Vec<M>, message: M, matches: bool) -> usize {
    if !matches {
        return 0;
    }
    let bytes = message.encoded_len();
    list.push(message);
    bytes
}

fn damaged(problem: impl ToString) -> ViewError {
    ViewError::Value(problem.to_string())
}
