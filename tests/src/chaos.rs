//! A world behind a front that lets things go wrong: for tests of clients.

use std::net::SocketAddr;

pub use hansa_chaos::{Fault, Firing, Front, Kind, Known, Plan};
use tokio::net::TcpListener;

use crate::World;

/// A front before the feed of this world, which has to run. Dropped, the front ends.
///
/// Without a plan it hands on, until a fault is applied to it.
pub async fn before(world: &World, plan: Option<&Plan>) -> Front {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let feed = world.feed_url();
    let feed: SocketAddr = feed.trim_start_matches("http://").parse().expect("an address");
    Front::start(listener, feed, plan, Box::new(|_| {})).await.expect("the feed runs")
}

/// What of a plan has not fired. A test that planned it did not test it.
pub fn unfired(front: &Front) -> Vec<Known> {
    front.faults().into_iter().filter(|known| known.firing.is_none()).collect()
}
