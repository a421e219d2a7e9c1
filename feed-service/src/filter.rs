//! Which events a caller gets: values of a field OR-ed, fields AND-ed, an empty field takes all.
//! Corrections and retractions pass the kinds unless excluded, so that nobody keeps a withdrawn
//! statement; the other fields hold for them too.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use hansa_proto::feed::{EventKind, Filter};
use hansa_proto::pb::feed::v1 as pb;
use hansa_view::{Keys, ViewError};

use crate::domain::{Broken, Rule};
use crate::terms::Axis;
use crate::view::Lookup;
use crate::view::search::Axes;

/// A filter made ready to be held against stored events. Small, as each subscription has one.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    kinds: Values<i32>,
    networks: Values<String>,
    members: Values<String>,
    countries: Values<String>,
    themes: Values<String>,
    campaigns: Values<String>,
}

/// Values of a field, in order.
#[derive(Debug)]
struct Values<V>(Box<[V]>);

impl<V> Default for Values<V> {
    fn default() -> Values<V> {
        Values(Box::default())
    }
}

impl<V: Ord> FromIterator<V> for Values<V> {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Values<V> {
        let values: BTreeSet<V> = values.into_iter().collect();
        Values(values.into_iter().collect())
    }
}

impl<V> Values<V> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains<W: Ord + ?Sized>(&self, wanted: &W) -> bool
    where
        V: Borrow<W>,
    {
        self.0.binary_search_by(|value| value.borrow().cmp(wanted)).is_ok()
    }
}

impl Matcher {
    /// For a filter.
    pub(crate) fn new(filter: &Filter) -> Matcher {
        let mut kinds: BTreeSet<i32> = filter.kinds.iter().map(|kind| kind.to_pb()).collect();
        if !kinds.is_empty() && !filter.exclude_withdrawals {
            let withdrawals = EventKind::ALL.iter().filter(|kind| kind.is_withdrawal());
            kinds.extend(withdrawals.map(|kind| kind.to_pb()));
        }
        Matcher {
            kinds: kinds.into_iter().collect(),
            networks: names(&filter.networks),
            members: names(&filter.members),
            countries: names(&filter.countries),
            themes: filter.themes.iter().cloned().collect(),
            campaigns: names(&filter.campaigns),
        }
    }

    /// Whether an event is wanted.
    pub(crate) fn matches(&self, event: &pb::Event) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind)) && self.matches_state(event)
    }

    /// Whether a resource is wanted in a snapshot: kinds say which changes, not what there is. By what
    /// it is found by now, or was before the event.
    pub(crate) fn matches_state(&self, found_by: &pb::Event) -> bool {
        let former = found_by.former.as_ref();
        one_of(&self.campaigns, &found_by.campaign)
            && (one_of(&self.networks, &found_by.network)
                || former.is_some_and(|former| self.networks.contains(&former.network)))
            && (any_of(&self.members, &found_by.members)
                || former.is_some_and(|former| any_of(&self.members, &former.members)))
            && (any_of(&self.countries, &found_by.countries)
                || former.is_some_and(|former| any_of(&self.countries, &former.countries)))
            && (self.has_theme(&found_by.themes)
                || former.is_some_and(|former| self.has_theme(&former.themes)))
    }

    /// The axes that take not everything, each with its values as events have them.
    pub(crate) fn axes(&self) -> Axes {
        let kinds: Values<String> = self.kinds.0.iter().map(ToString::to_string).collect();
        let axes = [
            (Axis::Campaigns, &self.campaigns),
            (Axis::Members, &self.members),
            (Axis::Networks, &self.networks),
            (Axis::Themes, &self.themes),
            (Axis::Countries, &self.countries),
            (Axis::Kinds, &kinds),
        ];
        let narrow = axes.into_iter().filter(|(_, values)| !values.is_empty());
        narrow.map(|(axis, values)| (axis, values.0.to_vec())).collect()
    }

    fn has_theme(&self, themes: &[String]) -> bool {
        self.themes.is_empty()
            || themes.iter().any(|theme| self.themes.contains(&theme.to_lowercase()))
    }
}

fn names<T: ToString>(ids: impl IntoIterator<Item = T>) -> Values<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

fn one_of(wanted: &Values<String>, value: &str) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

fn any_of(wanted: &Values<String>, values: &[String]) -> bool {
    wanted.is_empty() || values.iter().any(|value| wanted.contains(value.as_str()))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hansa_proto::country::Country;
    use hansa_proto::ids::{CampaignId, MemberId, NetworkId};
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    fn a_kind() -> impl Strategy<Value = EventKind> {
        prop::sample::select(EventKind::ALL.to_vec())
    }

    fn a_country() -> impl Strategy<Value = Country> {
        prop::sample::select(vec!["ES", "FR", "BR"]).prop_map(|code| Country::parse(code).unwrap())
    }

    fn a_filter() -> impl Strategy<Value = Filter> {
        let network = "[ab]".prop_map(|id| NetworkId::from_id(&id).unwrap());
        let member = "[ab]".prop_map(|id| MemberId::from_id(&id).unwrap());
        let campaign = "[ab]".prop_map(|id| CampaignId::from_id(&id).unwrap());
        (
            btree_set(a_kind(), 0..4),
            btree_set(network, 0..2),
            btree_set(member, 0..2),
            btree_set(a_country(), 0..2),
            btree_set("[xy]", 0..2),
            btree_set(campaign, 0..2),
            any::<bool>(),
        )
            .prop_map(
                |(kinds, networks, members, countries, themes, campaigns, exclude)| Filter {
                    kinds,
                    networks,
                    members,
                    countries,
                    themes,
                    campaigns,
                    exclude_withdrawals: exclude,
                    allow_unknown: false,
                },
            )
    }

    fn a_former() -> impl Strategy<Value = pb::Former> {
        (prop::option::of("[abc]"), vec("[abc]", 0..2), vec(a_country(), 0..2), vec("[xyX]", 0..2))
            .prop_map(|(network, members, countries, themes)| pb::Former {
                network: network.map(|id| format!("networks/{id}")).unwrap_or_default(),
                members: members.iter().map(|id| format!("members/{id}")).collect(),
                countries: countries.iter().map(ToString::to_string).collect(),
                themes,
            })
    }

    fn an_event() -> impl Strategy<Value = pb::Event> {
        (
            a_kind(),
            prop::option::of("[abc]"),
            vec("[abc]", 0..3),
            vec(a_country(), 0..3),
            vec("[xyzXYZ]", 0..3),
            prop::option::of("[abc]"),
            prop::option::of(a_former()),
        )
            .prop_map(|(kind, network, members, countries, themes, campaign, former)| {
                pb::Event {
                    kind: kind.to_pb(),
                    network: network.map(|id| format!("networks/{id}")).unwrap_or_default(),
                    members: members.iter().map(|id| format!("members/{id}")).collect(),
                    countries: countries.iter().map(ToString::to_string).collect(),
                    themes,
                    campaign: campaign.map(|id| format!("campaigns/{id}")).unwrap_or_default(),
                    former,
                    ..Default::default()
                }
            })
    }

    /// The contract's words, one after the other, on strict values.
    fn wanted(filter: &Filter, event: &pb::Event) -> bool {
        let kind = EventKind::from_pb(event.kind).unwrap();
        if !filter.kinds.is_empty() && !filter.kinds.contains(&kind) {
            let withdrawn = [
                EventKind::StatementCorrected,
                EventKind::StatementRetracted,
                EventKind::StatementRedacted,
            ]
            .contains(&kind);
            if filter.exclude_withdrawals || !withdrawn {
                return false;
            }
        }
        let former = event.former.clone().unwrap_or_default();
        let networks = [&event.network, &former.network];
        let wanted =
            |name: &&String| NetworkId::parse(name).is_ok_and(|id| filter.networks.contains(&id));
        if !filter.networks.is_empty() && !networks.iter().any(wanted) {
            return false;
        }
        if !filter.campaigns.is_empty()
            && !CampaignId::parse(&event.campaign).is_ok_and(|id| filter.campaigns.contains(&id))
        {
            return false;
        }
        let members = event.members.iter().chain(&former.members);
        let members = members.map(|name| MemberId::parse(name).unwrap());
        if !filter.members.is_empty() && !members.into_iter().any(|id| filter.members.contains(&id))
        {
            return false;
        }
        let countries = event.countries.iter().chain(&former.countries);
        let countries = countries.map(|code| Country::parse(code).unwrap());
        if !filter.countries.is_empty()
            && !countries.into_iter().any(|code| filter.countries.contains(&code))
        {
            return false;
        }
        let themes = [event.themes.clone(), former.themes].concat();
        filter.themes.is_empty()
            || filter
                .themes
                .iter()
                .any(|want| themes.iter().any(|has| has.eq_ignore_ascii_case(want)))
    }

    proptest! {
        /// What passes is what the contract says, for any filter and any event.
        #[test]
        fn passes_what_the_contract_says(filter in a_filter(), event in an_event()) {
            prop_assert_eq!(Matcher::new(&filter).matches(&event), wanted(&filter, &event));
        }
    }

    #[test]
    fn themes_have_no_case() {
        let filter = Filter { themes: ["housing".to_owned()].into(), ..Default::default() };
        let about =
            |theme: &str| pb::Event { themes: vec![theme.to_owned()], ..Default::default() };
        for theme in ["housing", "Housing", "HOUSING"] {
            assert!(Matcher::new(&filter).matches(&about(theme)), "{theme}");
        }
        assert!(!Matcher::new(&filter).matches(&about("houses")));
    }

    #[test]
    fn a_withdrawal_passes_the_kinds_but_not_the_other_fields() {
        let about = |network: &str| pb::Event {
            kind: EventKind::StatementRetracted.to_pb(),
            network: network.to_owned(),
            ..Default::default()
        };
        let mut filter = Filter {
            kinds: [EventKind::Joined].into(),
            networks: [NetworkId::from_id("a").unwrap()].into(),
            ..Default::default()
        };
        assert!(Matcher::new(&filter).matches(&about("networks/a")));
        assert!(!Matcher::new(&filter).matches(&about("networks/b")));
        filter.exclude_withdrawals = true;
        assert!(!Matcher::new(&filter).matches(&about("networks/a")));
    }
}
