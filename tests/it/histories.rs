//! Seeded random runs: a model says what must become of each command, every subscriber gets what is due,
//! and the recorded history keeps every guarantee. Longer: `soak -- random`.

use std::collections::BTreeMap;

use hansa_client::subscription::{Item, Start as ClientStart, SubscribeOptions, Subscription};
use hansa_tests::World;
use hansa_tests::checker::{Guarantee, check};
use hansa_tests::events::{events_to_head, place};
use hansa_tests::run::{Fault, Plan, Step, Way, run};

use crate::story::Story;

const SEEDS: [u64; 3] = [1, 2, 3];
const STEPS: usize = 160;

#[tokio::test(flavor = "multi_thread")]
async fn seeds_keep_every_guarantee() {
    let mut fired: BTreeMap<Fault, usize> = BTreeMap::new();
    for seed in SEEDS {
        println!("seed {seed}");
        let report = Box::pin(run(&Plan::of(seed, STEPS))).await;
        println!("{:?} {:?} {:?}", report.commands, report.fired, report.looked_at);
        assert!(report.commands.0 > 50 && report.commands.1 > 5, "{:?}", report.commands);
        assert!(report.looked_at.events > 50 && report.looked_at.streams > 10);
        for (fault, count) in report.fired {
            *fired.entry(fault).or_default() += count;
        }
    }
    assert!(fired.len() >= 8, "some faults never came: {fired:?}");
}
