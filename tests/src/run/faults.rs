//! Which faults were planned, and which fired.

use std::collections::BTreeMap;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A service is stopped, as by a signal, and started again.
    Stop,
    /// A service is cut off and started again.
    Kill,
    /// A service is cut off while a call of it is under way.
    KillDuringCall,
    /// A call is done, and its answer lost.
    AnswerLost,
    /// A stream breaks after some messages.
    StreamCut,
    /// A subscriber goes away and comes back with its cursor.
    Disconnect,
    /// More is sent to a subscriber than fits into its window before it reads on.
    SlowReader,
    /// A view is deleted while its service is stopped.
    ViewDeleted,
    /// The feed is away while the registry goes on.
    FeedAway,
    /// The feed cannot reach the registry: its connections are cut, new ones refused.
    RegistryParted,
    /// What the registry and the feed send each other waits on the way.
    RegistryDelayed,
    /// Subscribers cannot reach the feed.
    ClientsParted,
    /// What the feed and its subscribers send each other waits on the way.
    ClientsDelayed,
    /// The clocks of both services are set, by up to thirty years.
    ClocksSet,
}

/// How often each fault was planned, and how often it fired.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    planned: BTreeMap<Fault, usize>,
    fired: BTreeMap<Fault, usize>,
}

impl Ledger {
    /// Enters a fault of a plan.
    pub fn plan(&mut self, fault: Fault) {
        *self.planned.entry(fault).or_default() += 1;
    }

    /// Notes that a fault has had its effect.
    pub fn fire(&mut self, fault: Fault) {
        *self.fired.entry(fault).or_default() += 1;
    }

    /// How often each fired.
    pub fn fired(&self) -> &BTreeMap<Fault, usize> {
        &self.fired
    }

    /// Faults that were planned more often than they fired.
    ///
    /// # Errors
    /// Names each with how often it was planned and fired.
    pub fn settle(&self) -> Result<(), String> {
        let fired = |fault: &Fault| self.fired.get(fault).copied().unwrap_or(0);
        let missing = self.planned.iter().filter(|(fault, planned)| fired(fault) < **planned);
        let missing: Vec<String> = missing
            .map(|(fault, planned)| format!("{fault:?}: {} of {planned}", fired(fault)))
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(format!("planned faults did not fire: {}", missing.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_did_not_fire_is_named() {
        let mut ledger = Ledger::default();
        ledger.plan(Fault::Kill);
        ledger.plan(Fault::Kill);
        ledger.fire(Fault::Kill);
        assert_eq!(ledger.settle().unwrap_err(), "planned faults did not fire: Kill: 1 of 2");
        ledger.fire(Fault::Kill);
        ledger.settle().unwrap();
    }
}
