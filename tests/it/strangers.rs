//! Load and strangers, against both services as processes of their own. Longer:
//! `soak -- strangers --subscriptions 10000 --connections 100`.

use std::path::PathBuf;

use hansa_tests::strangers::{Plan, run};

#[tokio::test(flavor = "multi_thread")]
async fn strangers_cost_their_neighbours_nothing() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_soak"));
    let plan = Plan { program, subscriptions: 1_000, connections: 10, times: 1 };
    let report = Box::pin(run(&plan)).await;
    println!("{report:#?}");
    assert!(report.strangers.values().all(|count| *count > 0), "{:?}", report.strangers);
    assert!(report.beside.written >= 15, "{:?}", report.beside);
}
