//! Whether the other side is still there: when nothing came for a while it is asked, and when nothing comes
//! then either, it is gone.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep};

use crate::server::life::Life;

/// See the top of this file.
pub(super) struct Alive {
    pings: PingPong,
    life: Arc<Life>,
    interval: Duration,
    timeout: Duration,
    /// What had come when it was looked at last, and when that was.
    heard: (u64, Instant),
    asked: bool,
    /// Until there may be something to do.
    sleep: Pin<Box<Sleep>>,
}

impl Alive {
    pub(super) fn new(
        pings: PingPong,
        life: Arc<Life>,
        (interval, timeout): (Duration, Duration),
    ) -> Alive {
        let heard = (life.heard(), Instant::now());
        let sleep = Box::pin(sleep(interval));
        Alive { pings, life, interval, timeout, heard, asked: false, sleep }
    }

    /// Ready when the other side is gone. Asked in every turn of the connection, before it reads.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let heard = self.life.heard();
        if heard != self.heard.0 {
            (self.heard, self.asked) = ((heard, Instant::now()), false);
        }
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            if self.asked {
                return Poll::Ready(());
            }
            let due = self.heard.1 + self.interval;
            let now = Instant::now();
            if due > now {
                self.sleep.as_mut().reset(due);
                continue;
            }
            // An answer that came is taken; one that has not come yet is as good for this question.
            let _ = self.pings.poll_pong(cx);
            let _ = self.pings.send_ping(Ping::opaque());
            self.asked = true;
            self.sleep.as_mut().reset(now + self.timeout);
        }
    }
}
