//! A synthetic world: networks, members and memberships from a seed, the same from the same seed.
//!
//! Its skew is that of the real data set in `data/` (measured on memberships.csv and members.csv):
//!
//! * sizes of networks fall with their rank r as r^-1.05, and no network has more than a fifth of all
//!   members (the largest of the real ones has 98 of 593);
//! * networks of a member fall with its rank as r^-0.5 (444 of 581 members are in one network, one is
//!   in 15);
//! * members are in the countries of members.csv, in proportion to the rows there;
//! * 91 of 100 memberships are active, the others ended; 41 of 100 say when they were joined.

use hansa_proto::pb::common::v1::{GeoPoint, Name, PartialDate, Source};
use hansa_proto::pb::registry::v1 as pb;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const SIZE_EXPONENT: f64 = 1.05;
const REACH_EXPONENT: f64 = 0.5;
const LARGEST_SHARE: usize = 5;
const ACTIVE: f64 = 0.91;
const JOIN_KNOWN: f64 = 0.41;

/// Countries and rows of members.csv: those with two or more.
const COUNTRIES: [(&str, u32); 40] = [
    ("IT", 84),
    ("DE", 75),
    ("US", 62),
    ("ES", 36),
    ("PL", 34),
    ("NZ", 33),
    ("JP", 25),
    ("FR", 22),
    ("GB", 18),
    ("PT", 15),
    ("CN", 12),
    ("NL", 12),
    ("BR", 10),
    ("AU", 9),
    ("SE", 8),
    ("AR", 7),
    ("BE", 7),
    ("IN", 5),
    ("NO", 5),
    ("ZA", 5),
    ("CA", 4),
    ("CH", 4),
    ("GR", 4),
    ("MX", 4),
    ("TW", 4),
    ("FI", 3),
    ("TR", 3),
    ("BD", 2),
    ("BJ", 2),
    ("BO", 2),
    ("CM", 2),
    ("CO", 2),
    ("HR", 2),
    ("IL", 2),
    ("MA", 2),
    ("ML", 2),
    ("MR", 2),
    ("PR", 2),
    ("UA", 2),
    ("VN", 2),
];
const THEMES: [&str; 6] =
    ["migration", "climate", "housing", "culture", "health", "local government"];
const ACTIVITIES: [&str; 6] = [
    "knowledge exchange",
    "awareness campaign",
    "lobbying",
    "guidance to members",
    "charter",
    "project funding",
];

/// How large a world is, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The same seed makes the same world.
    pub seed: u64,
    /// Networks.
    pub networks: usize,
    /// Members.
    pub members: usize,
    /// Memberships, as near as networks and members allow.
    pub memberships: usize,
}

/// A world: how many members each network has. All else is made when it is asked for.
#[derive(Debug)]
pub struct World {
    plan: Plan,
    sizes: Vec<usize>,
}

impl World {
    /// The world of a plan.
    pub fn new(plan: Plan) -> World {
        World { plan, sizes: sizes(&plan) }
    }

    /// What it was made of.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many memberships there are.
    pub fn memberships(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// How many members each network has, the largest first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Everything there is to do to make it, in order: networks, members, memberships.
    pub fn items(&self) -> impl Iterator<Item = pb::BatchItem> + '_ {
        let networks = (0..self.plan.networks).map(|index| {
            let network = Some(self.network(index));
            let create = pb::CreateNetworkRequest { network, ..Default::default() };
            pb::batch_item::Change::CreateNetwork(create)
        });
        let members = (0..self.plan.members).map(|index| {
            let create =
                pb::CreateMemberRequest { member: Some(self.member(index)), ..Default::default() };
            pb::batch_item::Change::CreateMember(create)
        });
        let memberships = (0..self.plan.networks).flat_map(|network| {
            let mut random = self.random(2, network);
            self.members_of(network).into_iter().map(move |member| {
                pb::batch_item::Change::RecordMembership(membership(network, member, &mut random))
            })
        });
        networks
            .chain(members)
            .chain(memberships)
            .map(|change| pb::BatchItem { change: Some(change) })
    }

    /// The members of a network, in order.
    pub fn members_of(&self, network: usize) -> Vec<usize> {
        let chosen = self.chosen(network);
        (0..chosen.len()).filter(|member| chosen[*member]).collect()
    }

    /// Those who are no members of a network, in order.
    pub fn strangers_to(&self, network: usize) -> impl Iterator<Item = usize> + use<> {
        let chosen = self.chosen(network);
        (0..chosen.len()).filter(move |member| !chosen[*member])
    }

    /// Of each member, whether it is one of a network.
    fn chosen(&self, network: usize) -> Vec<bool> {
        let size = self.sizes[network];
        let mut random = self.random(1, network);
        let mut chosen = vec![false; self.plan.members];
        let mut left = size;
        while left > 0 {
            let member = ranked(self.plan.members, random.random());
            left -= usize::from(!chosen[member]);
            chosen[member] = true;
        }
        chosen
    }

    /// A source of randomness for one purpose and resource.
    fn random(&self, purpose: u64, index: usize) -> StdRng {
        let index = index as u64;
        StdRng::seed_from_u64(self.plan.seed ^ purpose.rotate_left(60) ^ index.rotate_left(20))
    }

    fn network(&self, index: usize) -> pb::Network {
        let mut random = self.random(3, index);
        let scale = [pb::Scale::Global, pb::Scale::Regional, pb::Scale::National];
        let scale = scale[random.random_range(0..3)];
        let origin =
            if random.random_bool(0.4) { pb::Origin::Grassroots } else { pb::Origin::CoOpted };
        pb::Network {
            name: network_name(index),
            names: vec![named(format!("Synthetic network {index}"))],
            kind: pb::NetworkKind::CityNetwork.into(),
            scale: scale.into(),
            origin: origin.into(),
            scope: random.random_range(1..=2),
            themes: vec![THEMES[random.random_range(0..THEMES.len())].to_owned()],
            activities: vec![ACTIVITIES[random.random_range(0..ACTIVITIES.len())].to_owned()],
            founded: Some(year(random.random_range(1950..2025))),
            countries: match scale {
                pb::Scale::National => vec![country(&mut random).to_owned()],
                _ => Vec::new(),
            },
            sources: vec![source()],
            ..Default::default()
        }
    }

    fn member(&self, index: usize) -> pb::Member {
        let mut random = self.random(4, index);
        let count = 1_000 + (1e7 / (index as f64 + 1.0)) as i64;
        pb::Member {
            name: member_name(index),
            names: vec![named(format!("Synthetic city {index}"))],
            kind: pb::MemberKind::Municipality.into(),
            country: country(&mut random).to_owned(),
            point: Some(GeoPoint {
                latitude: random.random_range(-60.0..70.0),
                longitude: random.random_range(-180.0..180.0),
            }),
            populations: vec![pb::Population { count, ..Default::default() }],
            sources: vec![source()],
            ..Default::default()
        }
    }
}

/// The name of a network.
pub fn network_name(index: usize) -> String {
    format!("networks/n{index:05}")
}

/// The name of a member.
pub fn member_name(index: usize) -> String {
    format!("members/c{index:07}")
}

/// The name of a membership.
pub fn membership_name(network: usize, member: usize) -> String {
    format!("{}/memberships/c{member:07}", network_name(network))
}

fn membership(network: usize, member: usize, random: &mut StdRng) -> pb::RecordMembershipRequest {
    let active = random.random_bool(ACTIVE);
    let joined = random.random_bool(JOIN_KNOWN).then(|| year(random.random_range(1990..2025)));
    let term = match active {
        true => pb::Term { state: pb::MembershipState::Active.into(), ..Default::default() },
        false => pb::Term {
            state: pb::MembershipState::Ended.into(),
            end_reason: pb::EndReason::Historical.into(),
            ..Default::default()
        },
    };
    let term = pb::Term {
        class: pb::MembershipClass::Full.into(),
        joined,
        sources: vec![source()],
        ..term
    };
    pb::RecordMembershipRequest {
        network: network_name(network),
        member: member_name(member),
        term: Some(term),
        ..Default::default()
    }
}

/// As long as the sources of the real data are: 144 characters on average.
fn source() -> Source {
    Source {
        citation:
            "Synthetic world, made from a seed to measure how large a registry can be, and of \
                   nothing that anybody said, n.d."
                .to_owned(),
        uri: "https://synthetic.example/a-page".to_owned(),
        note: String::new(),
    }
}

fn named(text: String) -> Name {
    Name { text, ..Default::default() }
}

fn year(year: i32) -> PartialDate {
    PartialDate { year, ..Default::default() }
}

fn country(random: &mut StdRng) -> &'static str {
    let all: u32 = COUNTRIES.iter().map(|(_, rows)| rows).sum();
    let mut left = random.random_range(0..all);
    for (country, rows) in COUNTRIES {
        match left.checked_sub(rows) {
            None => return country,
            Some(rest) => left = rest,
        }
    }
    COUNTRIES[0].0
}

/// A rank drawn with a probability that falls as `r^-REACH_EXPONENT`, by the inverse of its integral.
fn ranked(count: usize, uniform: f64) -> usize {
    let rank = count as f64 * uniform.powf(1.0 / (1.0 - REACH_EXPONENT));
    (rank as usize).min(count - 1)
}

/// Sizes of networks by rank: what a network may not have goes to the others.
fn sizes(plan: &Plan) -> Vec<usize> {
    let most = (plan.members / LARGEST_SHARE).max(1);
    let weights: Vec<f64> =
        (0..plan.networks).map(|rank| (rank as f64 + 1.0).powf(-SIZE_EXPONENT)).collect();
    let mut sizes = vec![0; plan.networks];
    let mut left = plan.memberships as f64;
    let mut weight: f64 = weights.iter().sum();
    for (size, own) in sizes.iter_mut().zip(&weights) {
        let fair = (left * own / weight).round();
        *size = (fair as usize).clamp(1, most);
        left = (left - *size as f64).max(0.0);
        weight -= own;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const PLAN: Plan = Plan { seed: 7, networks: 100, members: 5_000, memberships: 20_000 };

    #[test]
    fn a_world_is_as_large_as_planned_and_the_same_from_the_same_seed() {
        let world = World::new(PLAN);
        let count = world.memberships();
        assert!(count.abs_diff(PLAN.memberships) <= PLAN.memberships / 100, "{count}");
        assert_eq!(world.items().count(), PLAN.networks + PLAN.members + count);
        let again = World::new(PLAN);
        assert!(world.items().eq(again.items()));
        let other = World::new(Plan { seed: 8, ..PLAN });
        assert_ne!(world.members_of(3), other.members_of(3));
    }

    #[test]
    fn it_is_skewed_as_the_real_data_is() {
        let world = World::new(PLAN);
        assert!(world.sizes().is_sorted_by(|a, b| a >= b));
        assert!(world.sizes()[0] <= PLAN.members / LARGEST_SHARE);
        let mut reach: BTreeMap<usize, usize> = BTreeMap::new();
        for network in 0..PLAN.networks {
            for member in world.members_of(network) {
                *reach.entry(member).or_default() += 1;
            }
        }
        let most = reach.values().max().copied().unwrap_or_default();
        let average = PLAN.memberships / PLAN.members;
        assert!(most > 4 * average, "the best connected member is in {most} networks");
    }
}
