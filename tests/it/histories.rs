//! Seeded random runs: a model says what must become of each command, every subscriber gets what is due,
//! and the recorded history keeps every guarantee. Longer: `soak -- random`.

use std::collections::BTreeMap;

use hansa_client::{Feed, Item, Subscription};
use hansa_tests::World;
use hansa_tests::checker::{Guarantee, check};
use hansa_tests::events::{
    after, batches, events_to_head, from_beginning, messages_to_head, place,
};
use hansa_tests::make;
use hansa_tests::run::{Fault, Plan, Step, run};

const SEEDS: [u64; 3] = [1, 2, 3];
const STEPS: usize = 240;

#[tokio::test(flavor = "multi_thread")]
async fn seeds_keep_every_guarantee() {
    let mut fired: BTreeMap<Fault, usize> = BTreeMap::new();
    for seed in SEEDS {
        println!("seed {seed}");
        let plan = Plan::of(seed, STEPS);
        let plan = if seed == 3 { plan.and_clocks() } else { plan };
        let report = Box::pin(run(&plan)).await;
        println!("{:?} {:?} {:?}", report.commands, report.fired, report.looked_at);
        assert!(report.commands.0 > 60 && report.commands.1 > 20, "{:?}", report.commands);
        assert!(report.looked_at.events > 80 && report.looked_at.streams > 30);
        for (fault, count) in report.fired {
            *fired.entry(fault).or_default() += count;
        }
    }
    assert_eq!(fired.len(), 10, "some faults never came: {fired:?}");
}

/// Links between registry, feed and subscribers are cut and held up, services end meanwhile; when the links
/// are whole again everybody is told everything, and the same seed tells the same story.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_and_delays_lose_nothing() {
    let mut fired: BTreeMap<Fault, usize> = BTreeMap::new();
    let mut stories: BTreeMap<u64, Vec<Vec<String>>> = BTreeMap::new();
    for seed in [31, 32, 31] {
        println!("seed {seed}");
        let report = Box::pin(run(&Plan::with_partitions(seed, 150))).await;
        println!("{:?} {:?} {:?}", report.commands, report.fired, report.looked_at);
        stories.entry(seed).or_default().push(report.same);
        for (fault, count) in report.fired {
            *fired.entry(fault).or_default() += count;
        }
    }
    let links = [
        Fault::RegistryParted,
        Fault::RegistryDelayed,
        Fault::ClientsParted,
        Fault::ClientsDelayed,
    ];
    assert!(links.iter().all(|fault| fired.contains_key(fault)), "some never came: {fired:?}");
    let told = &stories[&31];
    assert!(told[0].len() > 200, "hardly anything happened: {}", told[0].len());
    assert_eq!(told[0], told[1]);
}

/// The story does not depend on how long anything takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_seed_tells_the_same_story_again() {
    let plan = Plan::of(7, 200);
    println!("seed {}", plan.seed);
    let first = Box::pin(run(&plan)).await;
    let second = Box::pin(run(&plan)).await;
    assert!(first.same.len() > 300, "hardly anything happened: {}", first.same.len());
    for (one, other) in first.same.iter().zip(&second.same) {
        assert_eq!(one, other);
    }
    assert_eq!(first.same.len(), second.same.len());
}

/// A fault that cannot fire fails the run.
#[tokio::test(flavor = "multi_thread")]
async fn a_planned_fault_that_does_not_fire_fails_the_run() {
    let mut plan = Plan::of(8, 60);
    println!("seed {}", plan.seed);
    // There is no such subscriber to disconnect.
    plan.steps.push(Step::Disconnect { subscriber: 1_000 });
    let failed = tokio::spawn(async move { Box::pin(run(&plan)).await.steps });
    let panic = failed.await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("planned faults did not fire: Disconnect"), "{text}");
}

/// What a test of a world does is written down, and put through the validators.
#[tokio::test(flavor = "multi_thread")]
async fn a_world_can_be_recorded() {
    let mut world = World::start_recorded("recorded", "one network").await;
    let clients = world.recorded("somebody");
    let create = make::network("anvita");
    let made = clients.registry().create_network(create).await.unwrap().into_inner();
    world.feed_follows(made.position).await;
    world.kill_feed().await;
    world.start_feed().await;
    let mut stream = clients.feed().subscribe(from_beginning()).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_none() {}
    drop(stream);
    let lines = world.recording().lines();
    let text: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
    for expected in [
        r#""what":"begun","of":"one network""#,
        r#""what":"called","method":"/hansa.registry.v1.RegistryService/CreateNetwork""#,
        r#""name":"networks/anvita""#,
        r#""what":"ended","code":0"#,
        r#""what":"done","deed":"kill feed""#,
        r#""what":"received","message":{"opened":"#,
        r#""what":"abandoned""#,
    ] {
        assert!(text.iter().any(|line| line.contains(expected)), "{expected}");
    }
    assert!(lines.windows(2).all(|pair| pair[1].order == pair[0].order + 1));
    assert!(lines.windows(2).all(|pair| pair[1].since_micros >= pair[0].since_micros));
    let verdict = check(&lines).unwrap();
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
    assert_eq!(verdict.looked_at.streams, 1);
}

/// Every test that has a world ends with `verify`: one whose journal is damaged fails, whatever it checked.
#[tokio::test(flavor = "multi_thread")]
async fn a_world_ends_with_its_journals_verified() {
    let damaged = tokio::spawn(async {
        let world = World::start().await;
        for number in 0..4 {
            let request = make::network(&format!("network-{number}"));
            world.registry().create_network(request).await.unwrap();
        }
        let journal = world.registry_data().join("journal");
        let segment = std::fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path());
        let segment = segment
            .filter(|path| path.is_file())
            .max_by_key(|path| std::fs::metadata(path).unwrap().len());
        let segment = segment.unwrap();
        let mut bytes = std::fs::read(&segment).unwrap();
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        let early = written / 4;
        bytes[early] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
    });
    let panic = damaged.await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("journal"), "{text}");
}

/// What a client has kept goes on after a restart where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_where_it_was() {
    let mut world = World::start().await;
    let feed = Feed::connect(&world.feed_url()).await.unwrap();
    let mut subscription = Subscription::builder(&feed).open();
    let mut told = Vec::new();
    for round in 1..=3 {
        for number in 0..4 {
            let request = make::network(&format!("network-{round}-{number}"));
            world.registry().create_network(request).await.unwrap();
        }
        while told.len() < round * 4 {
            if let Item::Events { events, .. } = subscription.next().await.unwrap().unwrap() {
                told.extend(events.iter().map(place));
            }
        }
        world.kill_feed().await;
        world.start_feed().await;
    }
    world.feed_follows(12).await;
    let all = events_to_head(&mut world.feed(), None).await;
    assert_eq!(told, all.iter().map(place).collect::<Vec<_>>());
    // Whoever takes over with the cursor it has kept is told nothing again.
    let kept = subscription.cursor().unwrap().clone();
    let rest = messages_to_head(&mut world.feed(), after(Some(&kept))).await;
    assert!(batches(rest).iter().all(|(events, _)| events.is_empty()));
}

/// The names of the validators are those of the page that promises them.
#[test]
fn every_guarantee_has_its_validator() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    for guarantee in Guarantee::ALL {
        assert!(page.contains(guarantee.name()), "{}", guarantee.name());
    }
    let rows = page.lines().filter(|line| line.starts_with("| **"));
    let named: Vec<&str> = rows.filter_map(|row| row.split("**").nth(1)).collect();
    for name in named {
        assert!(Guarantee::ALL.iter().any(|it| it.name() == name), "{name} has no validator");
    }
}
