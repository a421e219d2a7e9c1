//! Which events a caller gets: values of a field OR-ed, fields AND-ed, an empty field takes all.
//! Corrections and retractions pass the kinds unless excluded, so that nobody keeps a withdrawn
//! statement; the other fields hold for them too.

use std::collections::HashSet;

use hansa_proto::feed::{EventKind, Filter};
use hansa_proto::pb::feed::v1 as pb;
use hansa_view::{Keys, ViewError};

use crate::domain::{Broken, Rule};
use crate::view::Lookup;

/// A filter made ready to be held against stored events.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    kinds: HashSet<i32>,
    networks: HashSet<String>,
    members: HashSet<String>,
    countries: HashSet<String>,
    themes: HashSet<String>,
    campaigns: HashSet<String>,
}

impl Matcher {
    /// For a filter.
    pub(crate) fn new(filter: &Filter) -> Matcher {
        let mut kinds: HashSet<i32> = filter.kinds.iter().map(|kind| kind.to_pb()).collect();
        if !kinds.is_empty() && !filter.exclude_withdrawals {
            let withdrawals = EventKind::ALL.iter().filter(|kind| kind.is_withdrawal());
            kinds.extend(withdrawals.map(|kind| kind.to_pb()));
        }
        Matcher {
            kinds,
            networks: names(&filter.networks),
            members: names(&filter.members),
            countries: names(&filter.countries),
            themes: filter.themes.iter().cloned().collect(),
            campaigns: names(&filter.campaigns),
        }
    }

    /// Whether an event is wanted.
    pub(crate) fn matches(&self, event: &pb::Event) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && one_of(&self.networks, &event.network)
            && one_of(&self.campaigns, &event.campaign)
            && any_of(&self.members, &event.members)
            && any_of(&self.countries, &event.countries)
            && self.has_theme(event)
    }

    fn has_theme(&self, event: &pb::Event) -> bool {
        self.themes.is_empty()
            || event.themes.iter().any(|theme| self.themes.contains(&theme.to_lowercase()))
    }
}

fn names<T: ToString>(ids: impl IntoIterator<Item = T>) -> HashSet<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

fn one_of(wanted: &HashSet<String>, value: &str) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

fn any_of(wanted: &HashSet<String>, values: &[String]) -> bool {
    wanted.is_empty() || values.iter().any(|value| wanted.contains(value))
}

/// What a filter names that does not exist.
pub(crate) fn unknown<K: Keys>(
    filter: &Filter,
    lookup: &Lookup<'_, K>,
) -> Result<Vec<Broken>, ViewError> {
    let mut broken = Vec::new();
    if filter.allow_unknown {
        return Ok(broken);
    }
    for id in &filter.networks {
        if lookup.network_facts(id)?.is_none() {
            broken.push(Broken { rule: Rule::NetworkUnknown, subject: id.to_string() });
        }
    }
    for id in &filter.members {
        if lookup.member_facts(id)?.is_none() {
            broken.push(Broken { rule: Rule::MemberUnknown, subject: id.to_string() });
        }
    }
    for id in &filter.campaigns {
        if lookup.campaign_message(id)?.is_none() {
            broken.push(Broken { rule: Rule::CampaignUnknown, subject: id.to_string() });
        }
    }
    Ok(broken)
}
