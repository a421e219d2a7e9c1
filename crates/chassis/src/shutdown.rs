//! When to stop. Two ways, and everything that runs long watches for both:
//!
//! - **drain**: take no new work, finish what is under way, then end. What SIGINT and SIGTERM ask for.
//! - **kill**: let go of everything now, as if the process had died. A second signal asks for it, and
//!   tests that want a crash.
//!
//! Neither can be taken back. A kill is not a drain: what waits for [`Shutdown::drained`] alone sleeps
//! on, so that a killed service says no goodbye; [`Shutdown::stopping`] waits for either.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A handle on one process' end. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    kill: CancellationToken,
}

impl Shutdown {
    /// Nothing has been asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to drain.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Whether draining has begun.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Returns once draining has begun; never because of a kill.
    pub async fn drained(&self) {
        self.drain.cancelled().await;
    }

    /// Ends everything now, without draining.
    pub fn kill(&self) {
        self.kill.cancel();
    }

    /// Whether everything was told to end now.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.kill.is_cancelled()
    }

    /// Returns once everything was told to end now.
    pub async fn killed(&self) {
        self.kill.cancelled().await;
    }

    /// Returns once draining has begun or everything was told to end now.
    pub async fn stopping(&self) {
        tokio::select! {
            () = self.drained() => {}
            () = self.killed() => {}
        }
    }

    /// Lets SIGINT and SIGTERM begin to drain from now on, and a second one kill. Needs a runtime.
    pub fn on_signals(&self) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            while !shutdown.is_killed() {
                let name = tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                    () = shutdown.killed() => return,
                };
                shutdown.signalled(name);
            }
        });
        Ok(())
    }

    fn signalled(&self, name: &str) {
        if self.draining() {
            tracing::warn!(signal = name, "second signal: ending at once");
            return self.kill();
        }
        tracing::info!(signal = name, "draining; a second signal ends at once");
        self.drain();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clones_share_the_drain_and_a_kill_is_not_a_drain() {
        let shutdown = Shutdown::new();
        let other = shutdown.clone();
        other.kill();
        shutdown.killed().await;
        shutdown.stopping().await;
        assert!(!shutdown.draining());
        other.drain();
        shutdown.drained().await;
        assert!(shutdown.draining());
    }

    #[test]
    fn the_first_signal_drains_and_the_second_kills() {
        let shutdown = Shutdown::new();
        shutdown.signalled("SIGTERM");
        assert!(shutdown.draining() && !shutdown.is_killed());
        shutdown.signalled("SIGINT");
        assert!(shutdown.is_killed());
    }

    #[tokio::test]
    async fn a_signal_from_outside_reaches_the_handle() {
        let shutdown = Shutdown::new();
        shutdown.on_signals().expect("a runtime is there");
        for (signal, told) in
            [("-TERM", Shutdown::draining as fn(&Shutdown) -> bool), ("-INT", Shutdown::is_killed)]
        {
            assert!(!told(&shutdown));
            let id = std::process::id().to_string();
            let sent = tokio::task::spawn_blocking(move || {
                std::process::Command::new("kill").args([signal, &id]).status()
            });
            assert!(sent.await.is_ok_and(|sent| sent.is_ok_and(|status| status.success())));
            match signal {
                "-TERM" => shutdown.drained().await,
                _ => shutdown.killed().await,
            }
            assert!(told(&shutdown));
        }
    }
}
