//! What an event can be found by: one value on one axis of a filter.

use hansa_proto::pb::feed::v1 as pb;

/// An axis of a filter. The order is that of how few events a value of it usually has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Axis {
    /// The campaign it belongs to.
    Campaigns,
    /// The members it is about.
    Members,
    /// The network it happened in.
    Networks,
    /// Its subjects, in lower case.
    Themes,
    /// Countries of its members.
    Countries,
    /// What happened, as the number of the wire.
    Kinds,
}

impl Axis {
    /// As the field of a filter is called.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Axis::Campaigns => "campaigns",
            Axis::Members => "members",
            Axis::Networks => "networks",
            Axis::Themes => "themes",
            Axis::Countries => "countries",
            Axis::Kinds => "kinds",
        }
    }

    /// The letter it has in keys.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Axis::Campaigns => "p",
            Axis::Members => "m",
            Axis::Networks => "n",
            Axis::Themes => "t",
            Axis::Countries => "c",
            Axis::Kinds => "k",
        }
    }

    /// Whether an event has at most one value of it.
    pub(crate) fn is_single(self) -> bool {
        matches!(self, Axis::Campaigns | Axis::Kinds)
    }
}

/// A value on an axis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Term {
    /// The axis.
    pub(crate) axis: Axis,
    /// The value as events have it: a resource name, a country, a theme in lower case, a kind's number.
    pub(crate) value: String,
}

/// All an event can be found by, each once: what its resource is found by after it, and before it.
pub(crate) fn terms(event: &pb::Event) -> Vec<Term> {
    let one = |axis, value: &String| (!value.is_empty()).then(|| term(axis, value.clone()));
    let kind = term(Axis::Kinds, event.kind.to_string());
    let themes = event.themes.iter().map(|theme| term(Axis::Themes, theme.to_lowercase()));
    let members = event.members.iter().map(|member| term(Axis::Members, member.clone()));
    let countries = event.countries.iter().map(|country| term(Axis::Countries, country.clone()));
    let former = event.former.iter().flat_map(|former| {
        let themes = former.themes.iter().map(|theme| term(Axis::Themes, theme.to_lowercase()));
        let members = former.members.iter().map(|member| term(Axis::Members, member.clone()));
        let countries = former.countries.iter();
        let countries = countries.map(|country| term(Axis::Countries, country.clone()));
        let network = one(Axis::Networks, &former.network);
        network.into_iter().chain(members).chain(countries).chain(themes)
    });
    let mut terms: Vec<Term> = [kind]
        .into_iter()
        .chain(one(Axis::Networks, &event.network))
        .chain(one(Axis::Campaigns, &event.campaign))
        .chain(members)
        .chain(countries)
        .chain(themes)
        .chain(former)
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

fn term(axis: Axis, value: String) -> Term {
    Term { axis, value }
}
