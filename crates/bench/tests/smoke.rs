//! A tiny world, whole: made, imported, read, restarted with and without its view.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use hansa_bench::fill::fill;
use hansa_bench::measure::Load;
use hansa_bench::scale::{measure, table};
use hansa_bench::service::Place;
use hansa_bench::world::{Plan, World};
use hansa_proto::pb::registry::v1 as pb;

const PLAN: Plan = Plan { seed: 11, networks: 30, members: 200, memberships: 600 };

#[tokio::test(flavor = "multi_thread")]
async fn a_world_is_in_the_registry_as_it_was_made() {
    let data = tempfile::tempdir().unwrap();
    let world = Arc::new(World::new(PLAN));
    let running = Place::Here.start(data.path()).await.unwrap();
    fill(&running.registry, &world, |_| {}).await.unwrap();
    let mut landscape = running.registry.landscape.clone();
    let overview = landscape.get_overview(pb::GetOverviewRequest::default()).await.unwrap();
    let overview = overview.into_inner();
    assert_eq!(overview.network_count as usize, PLAN.networks);
    assert_eq!(overview.member_count as usize, PLAN.members);
    assert_eq!(overview.membership_count as usize, world.memberships());
    let counts = pb::ListMemberCountsRequest { page_size: 1000, ..Default::default() };
    let counts = landscape.list_member_counts(counts).await.unwrap().into_inner().counts;
    let held: Vec<usize> = counts.iter().map(|count| count.held as usize).collect();
    assert_eq!(held, world.sizes());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn measurements_come_as_a_table() {
    let data = tempfile::tempdir().unwrap();
    let load = Load { callers: 2, lasting: Duration::from_millis(200) };
    let measured = measure(&Place::Here, PLAN, load, data.path()).await.unwrap();
    let text = table(&[measured.clone(), measured]);
    assert!(text.starts_with("| memberships | "), "{text}");
    assert!(text.contains("| point read, p99 | "), "{text}");
    assert!(text.lines().all(|line| line.matches('|').count() == 4), "{text}");
}
