//! Either service unplugged at any moment and plugged back: nothing lost, nothing twice, order kept.

use std::collections::BTreeMap;
use std::error::Error as _;

use hansa_proto::pb::feed::v1::{EventKind, Filter};
use hansa_proto::pb::registry::v1::JoinNetworkRequest;
use hansa_tests::events::events_to_head;
use hansa_tests::{World, make};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tonic::{Code, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plug {
    StopRegistry,
    KillRegistry,
    StopFeed,
    KillFeed,
}

const PLUGS: [Plug; 4] = [Plug::StopRegistry, Plug::KillRegistry, Plug::StopFeed, Plug::KillFeed];

impl Plug {
    async fn pull(self, world: &mut World) {
        match self {
            Plug::StopRegistry => {
                world.stop_registry().await;
                world.start_registry().await;
            }
            Plug::KillRegistry => {
                world.kill_registry().await;
                world.start_registry().await;
            }
            Plug::StopFeed => {
                world.stop_feed().await;
                world.start_feed().await;
            }
            Plug::KillFeed => {
                world.kill_feed().await;
                world.start_feed().await;
            }
        }
    }
}

/// Whether a call ended with its connection. A connection that says goodbye before a call was sent is INTERNAL to
/// tonic, with the transport's error as its source, which no status of a service has.
fn was_cut_off(status: &Status) -> bool {
    let by_transport = status.code() == Code::Internal && status.source().is_some();
    by_transport || matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lost_nothing_twice_order_kept() {
    let seed = 23;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::start().await;
    world.registry().create_network(make::network("eurocities")).await.unwrap();
    let mut pulled: BTreeMap<Plug, usize> = BTreeMap::new();
    let mut acknowledged = Vec::new();
    for number in 0..160 {
        let id = format!("city-{number:03}");
        world.registry().create_member(make::member(&id, "DE")).await.unwrap();
        let request = JoinNetworkRequest {
            request_id: format!("join-{number}"),
            ..make::join("eurocities", &id)
        };
        if random.random_range(0..5) == 0 {
            // The plug is pulled while the join is on its way.
            let plug = *PLUGS.choose(&mut random).unwrap();
            *pulled.entry(plug).or_default() += 1;
            let mut registry = world.registry();
            let sent = request.clone();
            let calling = tokio::spawn(async move { registry.join_network(sent).await });
            plug.pull(&mut world).await;
            match calling.await.unwrap() {
                Ok(_) => {}
                Err(status) => assert!(was_cut_off(&status), "{status:?}"),
            }
        }
        // Asked again with the same id, whatever became of the first: done once.
        let answer = world.registry().join_network(request).await.unwrap().into_inner();
        acknowledged.push((answer.position, make::member_name(&id)));
    }
    assert_eq!(pulled.len(), PLUGS.len(), "a plug was never pulled: {pulled:?}");

    world.feed_follows(acknowledged.last().unwrap().0).await;
    let filter = Filter { kinds: vec![EventKind::Joined.into()], ..Default::default() };
    let told: Vec<(u64, String)> = events_to_head(&mut world.feed(), Some(filter))
        .await
        .into_iter()
        .map(|event| (event.registry_position, event.members[0].clone()))
        .collect();
    assert_eq!(told, acknowledged);
    world.verify_journals().await;
}
