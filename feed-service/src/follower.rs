//! Follows the registry: each of its commits once, in order, for ever.
//!
//! It resumes after the place in the feed's own view, where the commit that recorded a change of the
//! registry also recorded how far the registry was followed: exactly once in the feed's journal.
//!
//! Setbacks (no connection, silence, a gap) are tried again, with growing pauses. What trying again
//! cannot mend halts it: another registry, another history, or something in the registry that this feed
//! does not know. The feed then answers and streams what it has, and its health says NOT_SERVING.

mod gathering;
mod pipeline;
mod session;

use std::sync::Arc;
use std::time::Duration;

use hansa_chassis::health::Health;
use hansa_journal::{Writer, WriterState};
use hansa_view::View;
use rand::Rng;
use tokio::sync::watch;

use crate::machine::FeedMachine;

/// Pauses between attempts: from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Follows the registry.
pub(crate) struct Follower {
    pub(crate) registry: String,
    pub(crate) writer: Writer<FeedMachine>,
    pub(crate) view: Arc<View>,
    pub(crate) state: watch::Receiver<WriterState>,
    pub(crate) connected: watch::Sender<bool>,
    pub(crate) health: Health,
}

/// Why a session with the registry ended.
#[derive(Debug)]
enum Setback {
    /// Trying again may help.
    Retry(String),
    /// Trying again does not help.
    Halt(String),
    /// The feed's own writer has ended.
    WriterGone,
}

impl Follower {
    /// Follows until something cannot be mended, or the writer ends. Dropping it is safe at any time.
    pub(crate) async fn follow(mut self) {
        let serving = |state: &WriterState| *state == WriterState::Serving;
        if self.state.wait_for(serving).await.is_err() {
            return;
        }
        let mut pause = PAUSES.0;
        loop {
            let ended = self.session().await;
            if self.connected.send_replace(false) {
                pause = PAUSES.0;
            }
            match ended {
                Setback::Retry(why) => {
                    tracing::warn!(registry = self.registry, why, "lost the registry");
                }
                Setback::Halt(why) => return self.halt(&why).await,
                Setback::WriterGone => return,
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    async fn halt(&self, why: &str) {
        tracing::error!(registry = self.registry, why, "the registry is followed no more");
        for name in crate::SERVICES {
            self.health.not_serving(name).await;
        }
    }
}

/// Between half of a pause and all of it, so that feeds do not come back together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..=1.0))
}
