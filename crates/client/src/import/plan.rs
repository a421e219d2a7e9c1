//! The order of an import: members, then networks by their founding, then everything else by its
//! date, undated first. A step comes at its own date or when the last thing it needs is there,
//! whichever is later: a statement waits for the campaign it names, an end for what it would shut out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use hansa_proto::date::PartialDate;

use super::beside::Beside;
use super::problem::Problems;
use super::read::DataSet;
use super::step::{Fact, Kind, Step};
use super::{campaigns, cooperations, members, memberships, networks, relations, statements};

/// The calls of an import, in order.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
}

impl Plan {
    /// How many calls it makes.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many calls of a kind come from a file.
    pub fn count(&self, file: &str, kind: Kind) -> usize {
        self.steps.iter().filter(|step| step.at.file == file && step.kind == kind).count()
    }
}

impl DataSet {
    /// Turns rows into calls. Every row that means nothing is reported, not only the first.
    pub fn plan(&self) -> Result<Plan, Problems> {
        let mut problems = Problems::default();
        let beside = Beside::of(self, &mut problems);
        let mut steps = Vec::new();
        steps.extend(self.members.iter().map(|row| members::step(row, &beside, &mut problems)));
        for row in &self.networks {
            steps.extend(networks::steps(row, &self.relations, &beside, &mut problems));
        }
        steps.extend(self.relations.iter().map(|row| relations::step(row, &mut problems)));
        for row in &self.cooperations {
            steps.extend(cooperations::steps(row, &mut problems));
        }
        for row in &self.memberships {
            steps.push(memberships::step(row, &beside, &mut problems));
        }
        for row in &self.campaigns {
            steps.extend(campaigns::steps(row, &beside, &mut problems));
        }
        for row in &self.statements {
            steps.push(statements::step(row, &beside, &mut problems));
        }
        // Sorting is stable: of one kind, the order of the files stays.
        steps.sort_by_key(|step| step.kind);
        problems.finish(Plan { steps: ordered(steps) })
    }
}

/// What comes first of all that could come now.
type Turn = Reverse<(u8, Option<PartialDate>, usize)>;

fn turn(step: &Step, index: usize) -> Turn {
    let phase = match step.kind {
        Kind::Member => 0,
        Kind::Network | Kind::Cooperation => 1,
        _ => 2,
    };
    Reverse((phase, step.date, index))
}

/// Orders steps by turn, each after the steps that make what it needs.
fn ordered(steps: Vec<Step>) -> Vec<Step> {
    let mut makers: HashMap<&Fact, Vec<usize>> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        for fact in &step.makes {
            makers.entry(fact).or_default().push(index);
        }
    }
    let mut waiting_for = vec![0_usize; steps.len()];
    let mut waited_by: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (index, step) in steps.iter().enumerate() {
        for maker in step.needs.iter().flat_map(|fact| makers.get(fact).into_iter().flatten()) {
            waiting_for[index] += 1;
            waited_by[*maker].push(index);
        }
    }
    let ready = (0..steps.len()).filter(|index| waiting_for[*index] == 0);
    let mut ready: BinaryHeap<Turn> = ready.map(|index| turn(&steps[index], index)).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(Reverse((_, _, index))) = ready.pop() {
        order.push(index);
        for waiting in &waited_by[index] {
            waiting_for[*waiting] -= 1;
            if waiting_for[*waiting] == 0 {
                ready.push(turn(&steps[*waiting], *waiting));
            }
        }
    }
    let mut steps: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    let ordered: Vec<Step> = order.into_iter().filter_map(|index| steps[index].take()).collect();
    assert!(steps.iter().all(Option::is_none), "needs run from endings to uses to makings only");
    ordered
}
