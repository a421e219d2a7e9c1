//! `hansa up --chaos`: what it plans and what happens is told line by line, and a client can ask for more.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use hansa_client::{Feed, Item, Subscription};
use hansa_proto::pb::chaos::v1::chaos_service_client::ChaosServiceClient;
use hansa_proto::pb::chaos::v1::{ApplyRequest, Fault, FaultKind, ListFaultsRequest};
use hansa_tests::make;
use hansa_tests::processes::Processes;
use serde_json::{Value, json};

const MEMBERS: usize = 20;

async fn read(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut positions = Vec::new();
    while positions.len() < count {
        if let Item::Events { events, .. } = subscription.next().await.unwrap().unwrap() {
            positions.extend(events.iter().map(|event| event.position));
        }
    }
    positions
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_and_what_fires_is_told_line_by_line() {
    let binary = Path::new(env!("CARGO_BIN_EXE_hansa"));
    let chaos = ["--chaos-listen", "127.0.0.1:0", "--chaos", "seed=4,faults=4,every=3,pause=0"];
    let hansa =
        tokio::task::spawn_blocking(move || Processes::start(binary, &chaos)).await.unwrap();
    let mut registry = hansa.clients().registry();
    let mut position = 0;
    for number in 0..MEMBERS {
        let request = make::member(&format!("member-{number}"), "ES");
        position = registry.create_member(request).await.unwrap().into_inner().position;
    }
    hansa.clients().feed_follows(position).await;

    let feed = Feed::connect(&hansa.clients().feed_url).await.unwrap();
    let mut subscription = Subscription::builder(&feed).batch_events(2).open();
    let everything: Vec<u64> = (1..=MEMBERS as u64).collect();
    assert_eq!(read(&mut subscription, MEMBERS).await, everything);
    let mut control =
        ChaosServiceClient::connect(hansa.chaos_url().unwrap().to_owned()).await.unwrap();
    let fault = |kind: FaultKind, after_events| {
        let fault = Fault { kind: kind.into(), after_events, ..Default::default() };
        ApplyRequest { fault: Some(fault) }
    };
    let cut = control.apply(fault(FaultKind::Reset, 0)).await.unwrap().into_inner();
    let number = cut.fault.unwrap().number;
    let waiting = ListFaultsRequest { wait_until_fired: number };
    let (listed, ()) = tokio::join!(control.list_faults(waiting), async {
        while !matches!(subscription.next().await, Some(Ok(Item::Resumed(_)))) {}
    });
    let listed = listed.unwrap().into_inner();
    assert_eq!((listed.faults.len(), listed.faults.last().unwrap().planned), (5, false));
    control.apply(fault(FaultKind::Drain, 1000)).await.unwrap();
    let refused = control.apply(fault(FaultKind::Unspecified, 0)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);

    drop((subscription, feed, control));
    let output = tokio::task::spawn_blocking(|| hansa.stop()).await.unwrap();
    let lines: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({ "seed": 4, "faults": 4 }));
    let planned: Vec<u64> = lines[1..5].iter().filter_map(|line| line["fault"].as_u64()).collect();
    assert_eq!(planned, [1, 2, 3, 4]);
    assert!(lines[1..5].iter().all(|line| line["planned"] == true && line["kind"].is_string()));
    let fired = |wanted: bool| -> Vec<u64> {
        let outcomes = lines.iter().filter(|line| line["fired"] == wanted);
        outcomes.filter_map(|line| line["fault"].as_u64()).collect()
    };
    assert_eq!((fired(true), fired(false)), (vec![1, 2, 3, 4, 5], vec![6]), "{output}");
}

#[test]
fn chaos_stays_on_this_machine_and_says_what_is_no_plan() {
    let said = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_hansa");
        let directory = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(binary);
        command.args(["up", "--registry-listen", "127.0.0.1:0", "--no-import", "--no-tail"]);
        command.arg("--data").arg(directory.path()).args(arguments);
        let ended = command.output().unwrap();
        assert!(!ended.status.success());
        String::from_utf8(ended.stderr).unwrap()
    };
    let everywhere = ["--chaos", "--chaos-listen", "127.0.0.1:0", "--feed-listen", "0.0.0.0:0"];
    assert!(said(&everywhere).contains("it is for tests on one machine"));
    assert!(said(&["--chaos", "seed=1,mayhem=3"]).contains("`mayhem` is none of"));
}
