//! What Hansa wants to be beside its peers, and what it was: ratios of one run, as all take turns, so that
//! what else the machine does touches both. Beside each goal stands the same ratio of its floor: what lies
//! below Hansa, alone. A goal that the floor misses is out of reach by these means.

use super::figure::{Figure, median, spread};
use super::{Contender, Runs, Work};

/// A figure that a goal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    PerSecond,
    Processor,
    P50,
    P99,
}

/// At most, or at least, so many times what the peer has; without a peer, that much itself.
#[derive(Clone, Copy, Debug)]
struct Goal {
    work: Work,
    who: Contender,
    peer: Option<Contender>,
    of: Of,
    bound: Bound,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};
use Contender::{
    Etcd, FloorCall, FloorCopying, FloorDecoding, FloorHttp2, FloorSync, HansaFeed, HansaFollowed,
    HansaJoin, HansaMembership, HansaRaw, HansaStatement, Nats,
};
use Of::{P50, P99, PerSecond, Processor};

const fn goal(work: Work, who: Contender, peer: Option<Contender>, of: Of, bound: Bound) -> Goal {
    Goal { work, who, peer, of, bound }
}

const GOALS: [Goal; 22] = [
    goal(Work::Write, HansaJoin, Some(Etcd), PerSecond, AtLeast(2.0)),
    goal(Work::Write, HansaJoin, Some(Etcd), Processor, AtMost(0.5)),
    goal(Work::Write, HansaFollowed, Some(Etcd), PerSecond, AtLeast(2.0)),
    goal(Work::Write, HansaFollowed, Some(Etcd), Processor, AtMost(0.5)),
    goal(Work::Write, HansaStatement, Some(Etcd), PerSecond, AtLeast(2.0)),
    goal(Work::Write, HansaStatement, Some(Etcd), Processor, AtMost(0.5)),
    goal(Work::WriteAlone, HansaJoin, Some(Etcd), P50, AtMost(0.8)),
    goal(Work::WriteAlone, HansaFollowed, Some(Etcd), P50, AtMost(0.8)),
    goal(Work::WriteAlone, HansaStatement, Some(Etcd), P50, AtMost(0.8)),
    goal(Work::Read, HansaMembership, Some(Etcd), PerSecond, AtLeast(2.5)),
    goal(Work::FanOut, HansaFeed, Some(Nats), PerSecond, AtLeast(1.5)),
    goal(Work::FanOut, HansaFeed, Some(Nats), Processor, AtMost(0.5)),
    goal(Work::FanOut, HansaFeed, None, Processor, AtMost(0.22)),
    goal(Work::FanOut, HansaFeed, Some(Etcd), PerSecond, AtLeast(10.0)),
    goal(Work::FanOut, HansaFeed, Some(Etcd), Processor, AtMost(0.05)),
    goal(Work::SlowFanOut, HansaFeed, Some(Nats), P50, AtMost(2.0)),
    goal(Work::SlowFanOut, HansaFeed, None, P99, AtMost(5_000.0)),
    goal(Work::SlowFanOut, HansaFeed, None, Processor, AtMost(2.5)),
    goal(Work::Replay, HansaFeed, Some(Nats), PerSecond, AtLeast(5.0)),
    goal(Work::Replay, HansaFeed, Some(Nats), Processor, AtMost(0.5)),
    goal(Work::Replay, HansaRaw, None, PerSecond, AtLeast(2_500_000.0)),
    goal(Work::Replay, HansaRaw, None, Processor, AtMost(0.25)),
];

impl Of {
    fn name(self) -> &'static str {
        match self {
            PerSecond => "a second",
            Processor => "server CPU s/M",
            P50 => "p50 µs",
            P99 => "p99 µs",
        }
    }

    fn of(self, figure: &Figure) -> Option<f64> {
        match self {
            PerSecond => Some(figure.per_second),
            Processor => figure.cpu_per_million,
            P50 => figure.p50,
            P99 => figure.p99,
        }
    }
}

impl Bound {
    fn text(self, times: bool) -> String {
        let (sign, bound) = match self {
            AtLeast(bound) => ("≥", bound),
            AtMost(bound) => ("≤", bound),
        };
        format!("{sign} {bound}{}", if times { "×" } else { "" })
    }

    fn holds(self, value: f64) -> bool {
        match self {
            AtLeast(bound) => value >= bound,
            AtMost(bound) => value <= bound,
        }
    }
}

impl Goal {
    fn runs<'r>(&self, all: &'r [Runs], contender: Contender) -> Option<&'r Runs> {
        all.iter().find(|runs| runs.work == self.work && runs.contender == contender)
    }

    /// What lies below, and has the same figure; a call, and the sync it waits for, are one after the other.
    fn floors(&self) -> &'static [Contender] {
        match (self.work, self.of) {
            (Work::Write, _) => &[FloorCall],
            (Work::WriteAlone, _) => &[FloorCall, FloorSync],
            (Work::FanOut | Work::SlowFanOut, _) => &[FloorHttp2],
            (Work::Replay, PerSecond) if self.who == HansaFeed => &[FloorDecoding],
            (Work::Replay, _) if self.who == HansaRaw => &[FloorCopying],
            _ => &[],
        }
    }

    /// The figure of a contender, turn by turn; none where it failed.
    fn values(&self, all: &[Runs], contender: Contender) -> Option<Vec<Option<f64>>> {
        let value = |figure: &Option<Figure>| figure.as_ref().and_then(|it| self.of.of(it));
        Some(self.runs(all, contender)?.figures.iter().map(value).collect())
    }

    /// What each run of somebody, or of several one after the other, came to: turn by turn, where none
    /// failed.
    fn measured(&self, all: &[Runs], who: &[Contender]) -> Option<Vec<f64>> {
        let own = who.iter().map(|who| self.values(all, *who)).collect::<Option<Vec<_>>>()?;
        let own = (0..own.first()?.len()).map(|turn| own.iter().map(|runs| runs[turn]).sum());
        let measured: Vec<f64> = match self.peer {
            None => own.flatten().collect(),
            Some(peer) => {
                let peers = self.values(all, peer)?;
                own.zip(peers)
                    .filter_map(|(own, peer): (Option<f64>, _)| Some(own? / peer?))
                    .collect()
            }
        };
        Some(measured).filter(|measured| !measured.is_empty())
    }

    fn met(&self, measured: &[f64]) -> &'static str {
        let median = median(&mut measured.to_vec());
        if median.is_some_and(|median| self.bound.holds(median)) { "met" } else { "missed" }
    }
}

/// The table of goals, in Markdown: of those whose works and peers were measured.
pub fn table(all: &[Runs]) -> String {
    let mut text = String::from(
        "| work | who | figure | of | goal | measured | | floor |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for goal in GOALS {
        let Some(measured) = goal.measured(all, &[goal.who]) else { continue };
        let floor = goal.measured(all, goal.floors()).map_or_else(String::new, |floor| {
            let met = goal.met(&floor);
            format!("{}, {met}", spread(floor))
        });
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {floor} |\n",
            goal.work.title(),
            goal.who.title(goal.work),
            goal.of.name(),
            goal.peer.map_or("itself", |peer| peer.title(goal.work)),
            goal.bound.text(goal.peer.is_some()),
            spread(measured.clone()),
            goal.met(&measured),
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::server::Usage;

    fn runs(work: Work, contender: Contender, counts: &[Option<u64>]) -> Runs {
        let usage = |cpu| Usage { cpu, resident: 0 };
        let run = |count: &u64| Figure::new(*count, 1.0, usage(0.0), usage(1.0));
        let figures = counts.iter().map(|count| count.as_ref().map(run)).collect();
        Runs { work, contender, figures }
    }

    #[test]
    fn a_goal_is_measured_turn_by_turn() {
        let peer = runs(Work::Read, Etcd, &[Some(10), None, Some(100)]);
        let own = runs(Work::Read, HansaMembership, &[Some(30), Some(1), Some(200)]);
        let text = table(&[peer, own]);
        let row = "| point read, 64 callers | Hansa, membership | a second | etcd, serializable get | ≥ 2.5× | 2.00 [2.00..3.00] | missed |  |";
        assert_eq!(text.lines().nth(2), Some(row));
        assert_eq!(text.lines().count(), 3, "what was not measured is left out");
    }

    #[test]
    fn a_floor_is_the_sum_of_what_is_done_one_after_the_other() {
        let took = |contender, micros: &[u64]| {
            let one = |micros: &u64| {
                let took = vec![std::time::Duration::from_micros(*micros)];
                Some(Figure::of_rate(1.0).with_latencies(took))
            };
            let figures = micros.iter().map(one).collect();
            Runs { work: Work::WriteAlone, contender, figures }
        };
        let mut all = vec![took(Etcd, &[100, 200]), took(HansaJoin, &[150, 300])];
        let row = "| durable write, one caller | Hansa, join | p50 µs | etcd put | ≤ 0.8× | 1.50 [1.50..1.50] | missed |";
        assert_eq!(table(&all).lines().nth(2), Some(format!("{row}  |").as_str()));
        all.push(took(FloorCall, &[60, 20]));
        all.push(took(FloorSync, &[30, 20]));
        let row = format!("{row} 0.20 [0.20..0.90], met |");
        assert_eq!(table(&all).lines().nth(2), Some(row.as_str()));
    }
}
