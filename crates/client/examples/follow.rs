//! Follows a feed and keeps a copy of the present state: prints what happens, and how much the copy holds.
//!
//! ```sh
//! cargo run -p hansa-client --example follow -- http://127.0.0.1:50052
//! ```
#![allow(clippy::print_stdout)]

use anyhow::{Context as _, Result};
use hansa_client::{Feed, Item, Present, Subscription, SubscriptionError};

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).context("which feed? http://127.0.0.1:50052")?;
    let feed = Feed::connect(&url).await?;
    let mut mirror = Subscription::builder(&feed).mirror()?;
    let reader = mirror.reader();
    while let Some(item) = mirror.next().await {
        match item.map_err(explained)? {
            Item::Events { events, position, .. } => {
                for event in &events {
                    println!("{} {:?}", event.name, event.kind());
                }
                let active = reader.read(|present| present.memberships().count());
                println!("the copy is at {position} and holds {active} memberships");
            }
            Item::SnapshotEnd(end) => {
                println!("the state at {}: {:?}", end.position, reader.read(Present::size));
            }
            Item::Gap(gap) => println!("what happened up to {} is not kept any more", gap.up_to),
            Item::Interrupted { cause, retry_in } => {
                println!("{cause}; trying again in {:.1} s", retry_in.as_secs_f64());
            }
            _ => {}
        }
    }
    Ok(())
}

/// What ended it, with the way out.
fn explained(error: SubscriptionError) -> anyhow::Error {
    let way_out = error.way_out();
    anyhow::Error::new(error).context(way_out)
}
