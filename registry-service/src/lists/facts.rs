//! What a filter can ask of a network, a member or a membership: the fields, their sorts of value, and
//! what a resource holds in them. The view's postings are made of the same facts.

use hansa_proto::common::FrontType;
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{
    MemberKind, MemberState, MembershipClass, MembershipState, NetworkKind, NetworkState, Origin,
    RoleKind, Scale, Scope,
};

use super::sources;
use crate::as_of::date;
use crate::continent::Continent;
use crate::fold_text;

/// What lists hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Networks.
    Network,
    /// Members.
    Member,
    /// Memberships.
    Membership,
}

/// A field that filters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Field {
    Kind,
    Scale,
    Origin,
    Scope,
    FrontType,
    State,
    Class,
    Role,
    Theme,
    Country,
    Region,
    Capital,
    Population,
    Founded,
    Joined,
    Left,
    Source,
}

/// What a field holds, and so how it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// One of these words.
    OneOf(Vec<&'static str>),
    /// A country.
    Country,
    /// A continent.
    Region,
    /// Words of a source.
    Text,
    /// Yes or no.
    Flag,
    /// A number.
    Number,
    /// A date.
    Date,
}

/// One value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// A word, a code, or folded words with blanks between.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A date.
    Date(PartialDate),
}

macro_rules! words_of {
    ($enumeration:ty) => {
        Holds::OneOf(<$enumeration>::ALL.iter().map(|it| it.as_str()).collect())
    };
}

impl Sort {
    /// Its name in keys.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Sort::Network => "network",
            Sort::Member => "member",
            Sort::Membership => "membership",
        }
    }

    /// Fields of its filters.
    pub(crate) const fn fields(self) -> &'static [Field] {
        use Field::*;
        match self {
            Sort::Network => &[
                Kind, Scale, Origin, Scope, Theme, Country, Region, State, FrontType, Founded,
                Source,
            ],
            Sort::Member => &[Kind, Country, Region, State, Capital, Population, Source],
            Sort::Membership => &[State, Class, Role, Country, Region, Joined, Left, Source],
        }
    }

    /// Fields the view keeps postings of: those that leave few. The rest is compared on what is left.
    pub(crate) const fn posted(self) -> &'static [Field] {
        use Field::*;
        match self {
            Sort::Network => {
                &[Kind, Scale, Origin, Scope, Theme, Country, Region, State, FrontType]
            }
            Sort::Member => &[Kind, Country, Region, State, Capital],
            Sort::Membership => &[],
        }
    }

    /// What a field of its filters holds.
    pub(crate) fn holds(self, field: Field) -> Holds {
        match field {
            Field::Kind if self == Sort::Member => words_of!(MemberKind),
            Field::Kind => words_of!(NetworkKind),
            Field::Scale => words_of!(Scale),
            Field::Origin => words_of!(Origin),
            Field::Scope => words_of!(Scope),
            Field::FrontType => words_of!(FrontType),
            Field::State => match self {
                Sort::Network => words_of!(NetworkState),
                Sort::Member => words_of!(MemberState),
                Sort::Membership => words_of!(MembershipState),
            },
            Field::Class => words_of!(MembershipClass),
            Field::Role => words_of!(RoleKind),
            Field::Theme | Field::Source => Holds::Text,
            Field::Country => Holds::Country,
            Field::Region => Holds::Region,
            Field::Capital => Holds::Flag,
            Field::Population => Holds::Number,
            Field::Founded | Field::Joined | Field::Left => Holds::Date,
        }
    }
}

impl Field {
    /// Its name in filters and keys.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Field::Kind => "kind",
            Field::Scale => "scale",
            Field::Origin => "origin",
            Field::Scope => "scope",
            Field::FrontType => "front_type",
            Field::State => "state",
            Field::Class => "class",
            Field::Role => "role",
            Field::Theme => "theme",
            Field::Country => "country",
            Field::Region => "region",
            Field::Capital => "capital",
            Field::Population => "population",
            Field::Founded => "founded",
            Field::Joined => "joined",
            Field::Left => "left",
            Field::Source => "source",
        }
    }
}

/// A resource that a filter looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Row<'r> {
    /// A network.
    Network(&'r pb::Network),
    /// A member.
    Member(&'r pb::Member),
    /// A membership, and who belongs.
    Membership(&'r pb::Membership, &'r pb::Member),
}

fn word(value: Option<&'static str>) -> Vec<Fact> {
    value.map(|word| Fact::Text(word.to_owned())).into_iter().collect()
}

fn day(value: Option<&common::PartialDate>) -> Vec<Fact> {
    date(value).map(Fact::Date).into_iter().collect()
}

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Fact> {
    let given = values.into_iter().filter(|value| !value.is_empty());
    given.map(|value| Fact::Text(value.to_owned())).collect()
}

impl<'r> Row<'r> {
    /// What it holds in a field.
    pub(crate) fn facts(self, field: Field) -> Vec<Fact> {
        match self {
            Row::Network(network) => of_network(network, field),
            Row::Member(member) => of_member(member, field),
            Row::Membership(membership, member) => of_membership(membership, member, field),
        }
    }

    /// Its names; of a membership, those of who belongs.
    pub(crate) fn names(self) -> &'r [common::Name] {
        match self {
            Row::Network(network) => &network.names,
            Row::Member(member) | Row::Membership(_, member) => &member.names,
        }
    }
}

fn of_network(network: &pb::Network, field: Field) -> Vec<Fact> {
    match field {
        Field::Kind => word(NetworkKind::from_pb(network.kind).map(NetworkKind::as_str)),
        Field::Scale => word(Scale::from_pb(network.scale).map(Scale::as_str)),
        Field::Origin => word(Origin::from_pb(network.origin).map(Origin::as_str)),
        Field::Scope => word(Scope::from_pb(network.scope).map(Scope::as_str)),
        Field::FrontType => word(FrontType::from_pb(network.front_type).map(FrontType::as_str)),
        Field::State => word(NetworkState::from_pb(network.state).map(NetworkState::as_str)),
        Field::Theme => {
            let folded = network.themes.iter().map(|theme| fold_text::words(theme).join(" "));
            folded.filter(|theme| !theme.is_empty()).map(Fact::Text).collect()
        }
        Field::Country => texts(network.countries.iter().map(String::as_str)),
        Field::Region => {
            let countries = network.countries.iter().filter_map(|it| Country::parse(it).ok());
            let regions = network.m49_regions.iter().map(String::as_str);
            let continents = Continent::of_places(regions, countries);
            texts(continents.into_iter().map(Continent::m49))
        }
        Field::Founded => day(network.founded.as_ref()),
        Field::Source => sources::of_network(network),
        Field::Class
        | Field::Role
        | Field::Capital
        | Field::Population
        | Field::Joined
        | Field::Left => Vec::new(),
    }
}

fn of_member(member: &pb::Member, field: Field) -> Vec<Fact> {
    match field {
        Field::Kind => word(MemberKind::from_pb(member.kind).map(MemberKind::as_str)),
        Field::State => word(MemberState::from_pb(member.state).map(MemberState::as_str)),
        Field::Country => texts([member.country.as_str()]),
        Field::Region => {
            let country = Country::parse(&member.country).ok();
            let continent = Continent::of_place(country, &member.m49_region, &member.m49_subregion);
            word(continent.map(Continent::m49))
        }
        Field::Capital => vec![Fact::Flag(member.capital)],
        Field::Population => {
            let latest = member.populations.iter().max_by_key(|it| date(it.as_of.as_ref()));
            latest.map(|population| Fact::Number(population.count)).into_iter().collect()
        }
        Field::Source => sources::of_member(member),
        Field::Scale
        | Field::Origin
        | Field::Scope
        | Field::FrontType
        | Field::Theme
        | Field::Founded
        | Field::Class
        | Field::Role
        | Field::Joined
        | Field::Left => Vec::new(),
    }
}

fn of_membership(membership: &pb::Membership, member: &pb::Member, field: Field) -> Vec<Fact> {
    let last = membership.terms.last();
    let of_last = |facts: fn(&pb::Term) -> Vec<Fact>| last.map(facts).unwrap_or_default();
    match field {
        Field::State => {
            word(MembershipState::from_pb(membership.state).map(MembershipState::as_str))
        }
        Field::Class => {
            of_last(|term| word(MembershipClass::from_pb(term.class).map(MembershipClass::as_str)))
        }
        Field::Role => of_last(|term| {
            let kinds = term.roles.iter().filter_map(|role| RoleKind::from_pb(role.kind));
            texts(kinds.map(RoleKind::as_str))
        }),
        Field::Joined => of_last(|term| day(term.joined.as_ref())),
        Field::Left => of_last(|term| day(term.left.as_ref())),
        Field::Country | Field::Region => of_member(member, field),
        Field::Source => of_last(sources::of_term),
        Field::Kind
        | Field::Scale
        | Field::Origin
        | Field::Scope
        | Field::FrontType
        | Field::Theme
        | Field::Capital
        | Field::Population
        | Field::Founded => Vec::new(),
    }
}
