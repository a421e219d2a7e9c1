//! What a filter takes, as its values stand after an event: what it does not take has left it.

use std::collections::HashSet;

use hansa_proto::pb::feed::v1 as pb;

/// A filter without its kinds.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    networks: HashSet<String>,
    members: HashSet<String>,
    countries: HashSet<String>,
    themes: HashSet<String>,
    campaigns: HashSet<String>,
}

impl Taken {
    pub(super) fn new(filter: &pb::Filter) -> Self {
        let set = |values: &[String]| values.iter().cloned().collect();
        Self {
            networks: set(&filter.networks),
            members: set(&filter.members),
            countries: set(&filter.countries),
            themes: filter.themes.iter().map(|theme| theme.to_lowercase()).collect(),
            campaigns: set(&filter.campaigns),
        }
    }

    /// Whether what an event is about is taken after it.
    pub(super) fn takes(&self, event: &pb::Event) -> bool {
        let one =
            |wanted: &HashSet<String>, value: &String| wanted.is_empty() || wanted.contains(value);
        let any = |wanted: &HashSet<String>, values: &[String]| {
            wanted.is_empty() || values.iter().any(|value| wanted.contains(value))
        };
        let themes: Vec<String> = event.themes.iter().map(|theme| theme.to_lowercase()).collect();
        one(&self.networks, &event.network)
            && one(&self.campaigns, &event.campaign)
            && any(&self.members, &event.members)
            && any(&self.countries, &event.countries)
            && any(&self.themes, &themes)
    }

    /// Whether it takes resources by what others are like: themes of their networks, countries of their
    /// members. When those change, what depends on them comes and goes without events of its own.
    pub(super) fn by_others(&self) -> bool {
        !self.themes.is_empty() || !self.countries.is_empty()
    }

    /// Whether it takes all members of each network it takes.
    pub(super) fn all_members(&self) -> bool {
        self.members.is_empty() && self.countries.is_empty()
    }
}
