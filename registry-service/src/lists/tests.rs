//! Random histories: a list read page by page while it is written is what a naive evaluation of every
//! resource at the position of its first page gives.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use hansa_journal::{Chain, JournalId};
use hansa_proto::country::Country;
use hansa_proto::registry::{Member, MemberKind, Membership, MembershipState, Population, Term};
use hansa_view::{Staging, View};
use proptest::prelude::*;

use super::*;
use crate::{codec, domain, fixtures};

/// Names and how they fold.
const NAMES: [(&str, &str); 6] = [
    ("Köln", "koln"),
    ("Cologne", "cologne"),
    ("Kolding", "kolding"),
    ("Łódź Kolding", "lodz kolding"),
    ("São Paulo", "sao paulo"),
    ("Paulo", "paulo"),
];
const COUNTRIES: [&str; 3] = ["DE", "BR", "PL"];
const CONTINENTS: [(&str, &[&str]); 2] = [("Europe", &["DE", "PL"]), ("South America", &["BR"])];

/// What the model knows of a member.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    names: Vec<usize>,
    country: usize,
    capital: bool,
    population: Option<i64>,
    joined: Option<(i32, MembershipState)>,
}

fn known() -> impl Strategy<Value = Known> {
    let state = prop::sample::select(vec![MembershipState::Active, MembershipState::Ended]);
    (
        prop::collection::vec(0..NAMES.len(), 1..3),
        0..COUNTRIES.len(),
        any::<bool>(),
        proptest::option::of(0..4_i64),
        proptest::option::of((2000..2004, state)),
    )
        .prop_map(|(names, country, capital, population, joined)| Known {
            names,
            country,
            capital,
            population,
            joined,
        })
}

/// A filter, as text and as plain code.
#[derive(Clone, Debug)]
enum Ask {
    Country(usize),
    NotCountry(usize),
    Region(usize),
    Capital(bool),
    Population(&'static str, i64),
    Joined(&'static str, i32),
    State(MembershipState),
    Begins(&'static str),
    Phrase(&'static str),
    All(Vec<Ask>),
    Any(Vec<Ask>),
    Not(Box<Ask>),
}

fn word_ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        prop::sample::select(vec!["kol", "Köln", "c", "paulo", "lodz-kold", "x"])
            .prop_map(Ask::Begins),
        prop::sample::select(vec!["koln", "kol", "São Paulo", "paulo sao", "łódź"])
            .prop_map(Ask::Phrase),
    ]
}

fn ask(of_members: bool) -> impl Strategy<Value = Ask> {
    let operators = || prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let state = prop::sample::select(vec![MembershipState::Active, MembershipState::Ended]);
    let own = if of_members {
        prop_oneof![
            any::<bool>().prop_map(Ask::Capital),
            (operators(), 0..4_i64).prop_map(|(operator, value)| Ask::Population(operator, value)),
        ]
        .boxed()
    } else {
        prop_oneof![
            state.prop_map(Ask::State),
            (operators(), 2000..2004).prop_map(|(operator, year)| Ask::Joined(operator, year)),
        ]
        .boxed()
    };
    let leaf = prop_oneof![
        (0..COUNTRIES.len()).prop_map(Ask::Country),
        (0..COUNTRIES.len()).prop_map(Ask::NotCountry),
        (0..CONTINENTS.len()).prop_map(Ask::Region),
        word_ask(),
        own,
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(Ask::All),
            1 => prop::collection::vec(inner.clone(), 1..3).prop_map(Ask::Any),
            1 => inner.prop_map(|it| Ask::Not(Box::new(it))),
        ]
    })
}

fn compare<T: PartialOrd>(value: Option<T>, operator: &str, with: T) -> bool {
    let Some(value) = value else { return operator == "!=" };
    match operator {
        "=" => value == with,
        "!=" => value != with,
        "<" => value < with,
        "<=" => value <= with,
        ">" => value > with,
        _ => value >= with,
    }
}

impl Ask {
    fn text(&self) -> String {
        let each = |asks: &[Ask], between: &str| {
            let texts: Vec<String> = asks.iter().map(|ask| format!("({})", ask.text())).collect();
            texts.join(between)
        };
        match self {
            Ask::Country(country) => format!("country = {}", COUNTRIES[*country]),
            Ask::NotCountry(country) => format!("country != {}", COUNTRIES[*country]),
            Ask::Region(region) => format!("region = \"{}\"", CONTINENTS[*region].0),
            Ask::Capital(capital) => format!("capital = {capital}"),
            Ask::Population(operator, value) => format!("population {operator} {value}"),
            Ask::Joined(operator, year) => format!("joined {operator} {year}"),
            Ask::State(state) => format!("state = {state}"),
            Ask::Begins(word) => (*word).to_owned(),
            Ask::Phrase(words) => format!("\"{words}\""),
            Ask::All(asks) => each(asks, " "),
            Ask::Any(asks) => each(asks, " OR "),
            Ask::Not(ask) => format!("NOT ({})", ask.text()),
        }
    }

    fn holds(&self, known: &Known) -> bool {
        let folded = known.names.iter().map(|name| format!(" {} ", NAMES[*name].1));
        let mut folded = folded.into_iter();
        match self {
            Ask::Country(country) => known.country == *country,
            Ask::NotCountry(country) => known.country != *country,
            Ask::Region(region) => CONTINENTS[*region].1.contains(&COUNTRIES[known.country]),
            Ask::Capital(capital) => known.capital == *capital,
            Ask::Population(operator, value) => compare(known.population, operator, *value),
            Ask::Joined(operator, year) => {
                compare(known.joined.map(|(joined, _)| joined), operator, *year)
            }
            Ask::State(state) => known.joined.is_some_and(|(_, held)| held == *state),
            Ask::Begins(word) => {
                let looked_for = match *word {
                    "Köln" => " koln".to_owned(),
                    "lodz-kold" => " lodz kold".to_owned(),
                    word => format!(" {word}"),
                };
                folded.any(|name| name.contains(&looked_for))
            }
            Ask::Phrase(words) => {
                let looked_for = match *words {
                    "São Paulo" => "sao paulo",
                    "łódź" => "lodz",
                    words => words,
                };
                folded.any(|name| name.contains(&format!(" {looked_for} ")))
            }
            Ask::All(asks) => asks.iter().all(|ask| ask.holds(known)),
            Ask::Any(asks) => asks.iter().any(|ask| ask.holds(known)),
            Ask::Not(ask) => !ask.holds(known),
        }
    }
}

type Model = BTreeMap<String, Known>;

/// A view that is written change by change, and what the model knows after each.
struct World {
    view: Arc<View>,
    staging: Staging,
    models: Vec<Model>,
    network: NetworkId,
}

impl World {
    fn new(directory: &std::path::Path) -> World {
        let identity = JournalId::from_bytes([7; 16]);
        let (view, _) = View::open(directory, view::FORMAT, identity).unwrap();
        let view = Arc::new(view);
        let mut staging = Staging::new(view.clone());
        let mut network = fixtures::network("n");
        network.recorded.created_position = 1;
        network.recorded.updated_position = 1;
        let id = network.id.clone();
        fold(&mut staging, domain::Resource::Network(Box::new(network)));
        let mut world = World { view, staging, models: vec![Model::new()], network: id };
        world.settle();
        world
    }

    /// Positions are 1 for the network, and one more for each member written.
    fn head(&self) -> u64 {
        self.models.len() as u64
    }

    fn settle(&mut self) {
        self.models.push(self.models.last().unwrap().clone());
        self.models.pop();
        self.staging.keep();
        self.staging.settle(Position::new(self.head()), Chain::from_bytes([1; 32])).unwrap();
    }

    fn write(&mut self, id: usize, known: Known) {
        let id = format!("m{id}");
        let mut model = self.models.last().unwrap().clone();
        let before = model.get(&id).cloned();
        let created = self.created(&id);
        // A membership stays: who has joined once has joined.
        let joined = known.joined.or(before.as_ref().and_then(|before| before.joined));
        let known = Known { joined, ..known };
        model.insert(id.clone(), known.clone());
        self.models.push(model);
        let position = self.head();
        let recorded = |created: Option<u64>| {
            let mut recorded = fixtures::member("x").recorded;
            recorded.created_position = created.unwrap_or(position);
            recorded.updated_position = position;
            recorded
        };
        let mut member = fixtures::member(&id);
        member.recorded = recorded(created.0);
        describe(&mut member, &known);
        let member_id = member.id.clone();
        fold(&mut self.staging, domain::Resource::Member(Box::new(member)));
        if let Some((year, state)) = joined {
            let mut term: Term = fixtures::term(state);
            term.joined = Some(year.to_string().parse().unwrap());
            let membership = Membership {
                id: MembershipId { network: self.network.clone(), member: member_id },
                terms: vec![term],
                recorded: recorded(created.1),
            };
            fold(&mut self.staging, domain::Resource::Membership(Box::new(membership)));
        }
        self.settle();
    }

    /// Positions at which a member and its membership were first recorded.
    fn created(&self, id: &str) -> (Option<u64>, Option<u64>) {
        let first = |holds: fn(&Known) -> bool| {
            let found = self.models.iter().position(|model| model.get(id).is_some_and(holds));
            found.map(|index| index as u64 + 1)
        };
        (first(|_| true), first(|known| known.joined.is_some()))
    }

    fn naive(&self, at: u64, asked: &Asked) -> Vec<String> {
        let model = &self.models[usize::try_from(at).unwrap() - 1];
        let rows = model.iter().filter(|(_, known)| asked.of_members || known.joined.is_some());
        let mut rows: Vec<(&String, &Known)> = rows
            .filter(|(_, known)| asked.ask.as_ref().is_none_or(|ask| ask.holds(known)))
            .collect();
        let value = |known: &Known| match asked.of_members {
            true => known.population,
            false => known.joined.map(|(year, _)| i64::from(year)),
        };
        if asked.by_field {
            rows.sort_by_key(|(id, known)| (value(known), (*id).clone()));
        }
        if asked.descending {
            rows.reverse();
        }
        rows.into_iter().map(|(id, _)| id.clone()).collect()
    }

    fn page(
        &self,
        asked: &Asked,
        at: u64,
        after: Option<Vec<u8>>,
    ) -> (Vec<String>, Option<Vec<u8>>) {
        let mut walk = Walk::new(asked.query(&self.network), Position::new(at), asked.size, after);
        while !walk.is_done() {
            walk = self.view.read(|keys| walk.step(keys)).unwrap();
        }
        let (rows, after) = walk.into_page();
        let names = match asked.of_members {
            true => answered::<pb::ListMembersResponse>(rows)
                .members
                .into_iter()
                .map(|member| member.name)
                .collect(),
            false => answered::<pb::ListMembershipsResponse>(rows)
                .memberships
                .into_iter()
                .map(|membership| membership.name)
                .collect::<Vec<_>>(),
        };
        assert!(names.len() <= asked.size);
        let id = |name: &String| name.rsplit('/').next().unwrap().to_owned();
        (names.iter().map(id).collect(), after)
    }
}

/// The response that holds these rows alone.
fn answered<T: prost::Message + Default>(rows: Rows) -> T {
    T::decode(&rows.into_frame(&T::default())[5..]).unwrap()
}

fn fold(staging: &mut Staging, resource: domain::Resource) {
    view::fold(staging, &codec::resource_to_pb(&resource, 0)).unwrap();
}

fn describe(member: &mut Member, known: &Known) {
    let name = member.names[0].clone();
    let named = |index: &usize| hansa_proto::common::Name {
        text: NAMES[*index].0.to_owned(),
        ..name.clone()
    };
    member.names = known.names.iter().map(named).collect();
    member.country = Some(Country::parse(COUNTRIES[known.country]).unwrap());
    member.kind = if known.capital { MemberKind::Municipality } else { MemberKind::Region };
    member.capital = known.capital;
    let population = |count| Population { count, as_of: None, sources: Vec::new() };
    member.populations = known.population.map(population).into_iter().collect();
}

#[derive(Clone, Debug)]
struct Asked {
    of_members: bool,
    ask: Option<Ask>,
    by_field: bool,
    descending: bool,
    size: usize,
    behind: u64,
}

impl Asked {
    fn query(&self, network: &NetworkId) -> Query {
        let scope = match self.of_members {
            true => Scope::Members,
            false => Scope::OfNetwork(network.clone()),
        };
        let mut violations = Violations::default();
        let text = self.ask.as_ref().map(Ask::text).unwrap_or_default();
        let filter = parse::filter(&text, scope.sort(), &mut violations);
        assert!(violations.is_empty(), "{text}: {violations:?}");
        let field = self.by_field.then(|| scope.order_field());
        let order = Order { field, descending: self.descending };
        Query { scope, filter, order, as_of: None }
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    any::<bool>().prop_flat_map(|of_members| {
        let ask = proptest::option::weighted(0.9, ask(of_members));
        (ask, any::<bool>(), any::<bool>(), 1..6_usize, 0..6_u64).prop_map(
            move |(ask, by_field, descending, size, behind)| Asked {
                of_members,
                ask,
                by_field,
                descending,
                size,
                behind,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pages_never_tear(
        before in prop::collection::vec((0..14_usize, known()), 1..40),
        meanwhile in prop::collection::vec((0..14_usize, known()), 40),
        asked in prop::collection::vec(asked(), 1..8),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut world = World::new(directory.path());
        let mut meanwhile = meanwhile.into_iter();
        for (id, known) in before {
            world.write(id, known);
        }
        for asked in asked {
            let at = world.head().saturating_sub(asked.behind).max(1);
            let mut listed = Vec::new();
            let mut after = None;
            loop {
                let (page, next) = world.page(&asked, at, after);
                listed.extend(page);
                after = next;
                if after.is_none() {
                    break;
                }
                if let Some((id, known)) = meanwhile.next() {
                    world.write(id, known);
                }
            }
            prop_assert_eq!(listed, world.naive(at, &asked), "at {} {:?}", at, asked);
        }
    }
}
