//! What a seed plans: a list of faults that depends on nothing but the numbers of the plan.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use crate::fault::Fault;
use crate::kind::Kind;

/// The most faults of one plan.
pub const FAULTS_MAX: u32 = 1_000;
/// The most events between two faults.
pub const EVERY_MAX: u32 = 10_000;
/// The largest weight.
pub const WEIGHT_MAX: u32 = 1_000;

/// From what faults are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// How many faults.
    pub faults: u32,
    /// Each fires after 0 to so many events more.
    pub every: u32,
    /// How often each kind is drawn, where it is not [`Kind::weight`].
    pub weights: BTreeMap<Kind, u32>,
}

impl Plan {
    /// What a seed plans when nothing else is said.
    pub fn of_seed(seed: u64) -> Plan {
        Plan { seed, faults: 12, every: 8, weights: BTreeMap::new() }
    }

    /// The faults, in the order they will fire.
    pub fn draw(&self) -> Vec<Fault> {
        let mut dice = Dice(self.seed);
        (0..self.faults).map_while(|_| self.draw_one(&mut dice)).collect()
    }

    /// None when every weight is 0.
    fn draw_one(&self, dice: &mut Dice) -> Option<Fault> {
        let total: u64 = Kind::ALL.into_iter().map(|kind| self.weight(kind)).sum();
        let mut left = dice.up_to(total.checked_sub(1)?);
        let drawn = Kind::ALL.into_iter().find(|kind| {
            let weight = self.weight(*kind);
            let hit = left < weight;
            left = left.saturating_sub(weight);
            hit
        })?;
        let mut fault = Fault::of(drawn);
        fault.after_events = dice.number(0, self.every);
        // Drawn for every kind alike, so that another weight changes no more than it must.
        let (short, times) = (dice.number(20, 200), dice.number(1, 3));
        match drawn {
            Kind::Delay => fault.duration = Some(Duration::from_millis(short.into())),
            kind if kind.turns_away() => {
                fault.times = times;
                fault.retry_after = Duration::from_millis(short.into());
            }
            Kind::Drain => fault.retry_after = Duration::from_millis(short.into()),
            _ => {}
        }
        Some(fault)
    }

    fn weight(&self, kind: Kind) -> u64 {
        self.weights.get(&kind).copied().unwrap_or(kind.weight()).into()
    }
}

/// `seed=7,faults=20,every=5,cut=4,pause=0`: `cut` stands for all ways to cut a stream.
impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Plan, String> {
        let mut seed = None;
        let mut plan = Plan::of_seed(0);
        for part in text.split(',').map(str::trim) {
            let (key, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not KEY=NUMBER"))?;
            let number = |max: u64| match value.parse() {
                Ok(number) if number <= max => Ok(number),
                _ => Err(format!("{key}: `{value}` is not a whole number up to {max}")),
            };
            let small = |max: u32| number(max.into()).map(|number| number as u32);
            match key {
                "seed" => seed = Some(number(u64::MAX)?),
                "faults" => plan.faults = small(FAULTS_MAX)?,
                "every" => plan.every = small(EVERY_MAX)?,
                "cut" => {
                    let weight = small(WEIGHT_MAX)?;
                    plan.weights.extend(Kind::CUTS.map(|kind| (kind, weight)));
                }
                kind => drop(plan.weights.insert(kind.parse()?, small(WEIGHT_MAX)?)),
            }
        }
        plan.seed = seed.ok_or("seed=NUMBER is missing")?;
        if plan.draw().len() < plan.faults as usize {
            return Err("every weight is 0: there is nothing to draw".to_owned());
        }
        Ok(plan)
    }
}

/// SplitMix64, written out so that a seed means the same with every version of every library.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `max`. The odds are off by less than one in 2^40 for what is asked here.
    fn up_to(&mut self, max: u64) -> u64 {
        self.next() % (max + 1)
    }

    fn number(&mut self, min: u32, max: u32) -> u32 {
        min + self.up_to(u64::from(max - min)) as u32
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_seed_always_plans_the_same() {
        let drawn = Plan::of_seed(7).draw();
        assert_eq!(drawn, Plan::of_seed(7).draw());
        assert_ne!(drawn, Plan::of_seed(8).draw());
        let told: Vec<String> = drawn
            .iter()
            .take(4)
            .map(|fault| format!("{}@{}", fault.kind, fault.after_events))
            .collect();
        // Written down: tests of clients name seeds.
        assert_eq!(told, ["go_away@6", "half_close@3", "disconnect@5", "refuse@4"]);
    }

    #[test]
    fn weights_say_what_is_drawn() {
        let plan: Plan =
            "seed=1,faults=200,every=0,cut=0,refuse=0,delay=0,pause=0".parse().unwrap();
        assert!(
            plan.draw().iter().all(|fault| fault.kind == Kind::Drain && fault.after_events == 0)
        );
        let plan: Plan = "seed=1,faults=500".parse().unwrap();
        let drawn = plan.draw();
        for kind in Kind::ALL {
            let there = drawn.iter().any(|fault| fault.kind == kind);
            assert_eq!(there, kind.weight() > 0, "{kind}");
        }
    }

    #[test]
    fn what_is_not_a_plan_is_told() {
        for (text, told) in [
            ("", "KEY=NUMBER"),
            ("faults=3", "seed=NUMBER is missing"),
            ("seed=x", "`x` is not a whole number"),
            ("seed=1,faults=1001", "up to 1000"),
            ("seed=1,mayhem=2", "`mayhem` is none of reset"),
            ("seed=1,cut=0,refuse=0,delay=0,pause=0,drain=0", "every weight is 0"),
        ] {
            let problem = text.parse::<Plan>().unwrap_err();
            assert!(problem.contains(told), "{text}: {problem}");
        }
    }
}
