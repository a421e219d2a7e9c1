//! How a link fails in a run, and what has to be when it is whole again.

use super::Driver;
use crate::run::plan::{Apart, Link, Way};
use crate::world::within;

/// Numbers of commands that are no steps of their own.
const COMMANDS_FROM: usize = 2_000_000;

impl Driver {
    /// A link is cut or held up. Commands go on, of the registry and of the feed; one service may end and
    /// start again. When the link is whole, every subscriber gets all it is due.
    pub(super) async fn apart(&mut self, number: usize, apart: &Apart) {
        // Streams are open, so that somebody is cut off.
        for subscriber in self.subscribers.values_mut() {
            subscriber.read(&self.known).await;
        }
        self.world.note(&format!("{:?}", apart.fault()));
        match (apart.link, apart.delayed) {
            (Link::Registry, false) => self.world.links().registry.part(),
            (Link::Registry, true) => self.world.links().registry.delay(),
            (Link::Clients, false) => self.world.links().feed.part(),
            (Link::Clients, true) => self.world.links().feed.delay(),
        }
        self.feed_is_away = apart.link == Link::Registry;
        for (index, command) in apart.commands.iter().enumerate() {
            self.ask(COMMANDS_FROM + number * 100 + index, command, Way::Plainly).await;
        }
        if let Some(plug) = apart.restart {
            self.end_service(plug).await;
        }
        let links = self.world.links();
        let plug = match apart.link {
            Link::Registry => &links.registry,
            Link::Clients => &links.feed,
        };
        within(plug.touched()).await;
        self.ledger.fire(apart.fault());
        plug.join();
        self.world.note("whole again");
        self.feed_is_away = false;
        self.read_chronicle().await;
        for subscriber in self.subscribers.values_mut() {
            subscriber.read(&self.known).await;
        }
    }
}
