//! Snapshot-consistent: the present state a subscriber was sent is what the events up to its position
//! come to, for what the filter takes.

use std::collections::BTreeMap;

use hansa_proto::pb::feed::v1::event::Body;
use hansa_proto::pb::feed::v1::subscribe_response::Message;
use hansa_proto::pb::feed::v1::{Campaign, CampaignState, Filter, Snapshot};
use hansa_proto::pb::registry::v1::{Member, Membership, Network};

use super::Found;
use super::filter::{FoundBy, matches_state};
use super::observed::{Observed, Stream};

/// Networks, members, memberships and campaigns that run, by name.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    networks: BTreeMap<String, Network>,
    members: BTreeMap<String, Member>,
    memberships: BTreeMap<String, Membership>,
    campaigns: BTreeMap<String, Campaign>,
}

pub(super) fn consistent(observed: &Observed) -> Vec<Found> {
    let mut found = Vec::new();
    for stream in observed.streams.iter().filter(|stream| stream.request.include_snapshot) {
        let Some((line, position)) = whole(stream) else { continue };
        if !observed.knows_all_up_to(position) {
            continue;
        }
        let expected = State::at(observed, position).taken_by(&stream.filter);
        let mut sent = State::default();
        for (_, message) in &stream.frames {
            if let Message::Snapshot(snapshot) = message {
                sent.add(snapshot);
            }
        }
        if let Some(problem) = expected.differs_from(&sent) {
            found.push((vec![stream.began, line], format!("at {position}, {problem}")));
        }
    }
    found
}

/// Where the state was whole, and at which position.
fn whole(stream: &Stream) -> Option<(u64, u64)> {
    stream.frames.iter().find_map(|(line, message)| match message {
        Message::SnapshotEnd(end) => Some((*line, end.position)),
        _ => None,
    })
}

impl State {
    /// What the events up to a position come to.
    fn at(observed: &Observed, position: u64) -> State {
        let mut state = State::default();
        for seen in observed.events.range(..=(position, u32::MAX)).map(|(_, seen)| seen) {
            match seen.event.body.clone() {
                Some(Body::NetworkBody(it)) => drop(state.networks.insert(it.name.clone(), *it)),
                Some(Body::MemberBody(it)) => drop(state.members.insert(it.name.clone(), *it)),
                Some(Body::MembershipBody(it)) => {
                    drop(state.memberships.insert(it.name.clone(), it));
                }
                Some(Body::CampaignBody(it)) => state.campaign(*it),
                _ => {}
            }
        }
        state
    }

    fn add(&mut self, snapshot: &Snapshot) {
        let Snapshot { networks, members, memberships, campaigns } = snapshot.clone();
        self.networks.extend(networks.into_iter().map(|it| (it.name.clone(), it)));
        self.members.extend(members.into_iter().map(|it| (it.name.clone(), it)));
        self.memberships.extend(memberships.into_iter().map(|it| (it.name.clone(), it)));
        campaigns.into_iter().for_each(|campaign| self.campaign(campaign));
    }

    /// Who takes part in a campaign and which statements belong to it, other events tell.
    fn campaign(&mut self, campaign: Campaign) {
        let name = campaign.name.clone();
        match campaign.state() {
            CampaignState::Active => {
                let alone = Campaign { participant_count: 0, statements: Vec::new(), ..campaign };
                self.campaigns.insert(name, alone);
            }
            _ => drop(self.campaigns.remove(&name)),
        }
    }

    /// What of it an event about each would be found by.
    fn taken_by(&self, filter: &Filter) -> State {
        let takes = |found_by: FoundBy| matches_state(filter, &found_by);
        let mut taken = self.clone();
        taken.networks.retain(|name, network| {
            takes(FoundBy {
                networks: vec![name.clone()],
                themes: network.themes.clone(),
                ..Default::default()
            })
        });
        taken.members.retain(|name, _| {
            let members = vec![name.clone()];
            let countries = self.countries(&members);
            takes(FoundBy { members, countries, ..Default::default() })
        });
        taken.memberships.retain(|_, membership| {
            let members = vec![membership.member.clone()];
            takes(FoundBy {
                networks: vec![membership.network.clone()],
                countries: self.countries(&members),
                themes: self.themes(&membership.network),
                members,
                ..Default::default()
            })
        });
        taken.campaigns.retain(|name, campaign| takes(self.campaign_is_found_by(name, campaign)));
        taken
    }

    fn campaign_is_found_by(&self, name: &str, campaign: &Campaign) -> FoundBy {
        let mut members = campaign.leads.clone();
        members.push(campaign.acting_member.clone());
        members.retain(|member| !member.is_empty());
        let themes = match campaign.themes.is_empty() {
            true => self.themes(&campaign.network),
            false => campaign.themes.clone(),
        };
        FoundBy {
            networks: vec![campaign.network.clone()],
            countries: self.countries(&members),
            members,
            themes,
            campaign: name.to_owned(),
        }
    }

    fn countries(&self, members: &[String]) -> Vec<String> {
        let known = members.iter().filter_map(|name| self.members.get(name));
        known.map(|member| member.country.clone()).filter(|country| !country.is_empty()).collect()
    }

    fn themes(&self, network: &str) -> Vec<String> {
        self.networks.get(network).map(|network| network.themes.clone()).unwrap_or_default()
    }

    fn differs_from(&self, sent: &State) -> Option<String> {
        difference("network", &self.networks, &sent.networks)
            .or_else(|| difference("member", &self.members, &sent.members))
            .or_else(|| difference("membership", &self.memberships, &sent.memberships))
            .or_else(|| difference("campaign", &self.campaigns, &sent.campaigns))
    }
}

fn difference<T: PartialEq>(
    what: &str,
    expected: &BTreeMap<String, T>,
    sent: &BTreeMap<String, T>,
) -> Option<String> {
    for (name, value) in expected {
        match sent.get(name) {
            None => return Some(format!("the {what} {name} is missing")),
            Some(other) if other != value => return Some(format!("the {what} {name} is another")),
            Some(_) => {}
        }
    }
    let more = sent.keys().find(|name| !expected.contains_key(*name));
    more.map(|name| format!("the {what} {name} does not belong there"))
}
