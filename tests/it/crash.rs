//! Real processes, killed with SIGKILL; the long run is `soak -- crash`.

use std::collections::BTreeSet;
use std::path::Path;

use hansa_tests::crash::{Moment, Plan, own_program, run};

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_and_repeat_nothing() {
    let executable = Path::new(env!("CARGO_BIN_EXE_soak"));
    let plan = Plan {
        seed: 51,
        rounds: 20,
        registry: own_program(executable, "registry"),
        feed: own_program(executable, "feed"),
        binaries: None,
    };
    println!("seed {}", plan.seed);
    let report = run(&plan, |_, _| {}).await;
    println!("{report:?}");
    let moments: BTreeSet<Moment> = report.kills.keys().map(|(moment, _)| *moment).collect();
    assert_eq!(moments.len(), 9, "a moment never came: {:?}", report.kills);
    assert!(report.joins_told > 20, "hardly any load: {report:?}");
    assert!(report.asked_again > 0, "no answer was ever lost: {report:?}");
    assert!(report.redacted > 0, "nothing was ever redacted: {report:?}");
}
