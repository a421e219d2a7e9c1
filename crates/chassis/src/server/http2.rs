//! HTTP/2 on one connection: the calls that come over it are answered, and their bodies sent, by its own task.
//!
//! What concerns many of its streams wakes one task, which looks after those of them that have something to
//! do, and then writes: no call waits for another thread to let go of the connection, and none moves between
//! processors by itself. So no handler may keep a thread: what takes long is done elsewhere, and awaited; a write
//! that comes alone is not, where the disk is quick (`writer/turn.rs` of hansa-journal).
//!
//! | file | answers |
//! | --- | --- |
//! | `call.rs` | one call: what its answer waits for, and when it is dropped |
//! | `followers.rs` | streams that are sent the same |
//! | `request.rs` | how the body of a request is read |
//! | `alive.rs` | whether the other side is still there |

mod alive;
mod call;
mod followers;
mod request;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::unconstrained;
use tokio_util::task::TaskTracker;

use super::answering::Answering;
use super::gather::Gather;
use super::life::Life;
use super::limits;
use alive::Alive;
use call::{Alone, Call};
use followers::Followers;

/// What one connection is served with.
pub(super) struct Terms {
    pub(super) max_streams: u32,
    /// After how long a silence the other side is asked, and how long it may take to answer.
    pub(super) keepalive: (Duration, Duration),
    pub(super) answering: Answering,
    /// Counts the calls.
    pub(super) tracker: TaskTracker,
    pub(super) life: Arc<Life>,
}

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Http2(#[from] h2::Error),
    #[error("the other side does not answer")]
    Gone,
}

/// See the top of this file.
pub(super) struct Http2<S> {
    connection: h2::server::Connection<Gather<S>, Bytes>,
    alive: Alive,
    terms: Terms,
    open: FuturesUnordered<Alone>,
    followers: Followers,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http2<S> {
    /// Begins to speak; the client has begun.
    pub(super) async fn greet(stream: S, terms: Terms) -> Result<Http2<S>, Failed> {
        let stream = Gather::new(stream, Arc::clone(&terms.life));
        let mut connection = h2::server::Builder::new()
            .initial_window_size(limits::WINDOW_BYTES)
            .initial_connection_window_size(limits::WINDOW_BYTES)
            .max_header_list_size(limits::HEADER_BYTES_MAX)
            .max_concurrent_streams(terms.max_streams)
            .max_pending_accept_reset_streams(limits::PENDING_RESETS_MAX)
            .max_local_error_reset_streams(Some(limits::ERROR_RESETS_MAX))
            .max_send_buffer_size(limits::SEND_BUFFER_BYTES)
            .handshake(stream)
            .await?;
        let pings = connection.ping_pong().expect("nobody has taken it before");
        let alive = Alive::new(pings, Arc::clone(&terms.life), terms.keepalive);
        let (open, followers) = (FuturesUnordered::new(), Followers::default());
        Ok(Http2 { connection, alive, terms, open, followers })
    }

    /// Says that no more calls are taken; those that are open go on.
    pub(super) fn finish(&mut self) {
        self.connection.graceful_shutdown();
    }

    /// Serves until the connection ends. What is open then is dropped with it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        // What a turn added is written in the next one (`gather.rs`), which is taken at once.
        let mut turns = 0;
        while turns < 2 {
            // The calls first, so that the connection sends what they have to say in the same turn.
            if self.poll_open(cx) {
                turns = 0;
            }
            if self.alive.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failed::Gone));
            }
            turns += 1;
            while let Poll::Ready(call) = self.connection.poll_accept(cx) {
                match call {
                    Some(Ok((request, respond))) => {
                        self.open.push(Alone::new(Call::begin(request, respond, &self.terms)));
                        turns = 0;
                    }
                    Some(Err(error)) => return Poll::Ready(Err(error.into())),
                    None => return Poll::Ready(Ok(())),
                }
            }
            if self.followers.are_stirred() {
                turns = 0;
            }
        }
        Poll::Pending
    }

    /// Each call has a say once, however many others of the connection had one before it: no budget that
    /// they share makes the last of them wait for another turn. Whether some of them have more to say.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> bool {
        let (mut following, mut alone) = (Vec::new(), Vec::new());
        let open = &mut self.open;
        let mut calls = pin!(unconstrained(std::future::poll_fn(|cx| {
            while let Poll::Ready(Some(done)) = open.poll_next_unpin(cx) {
                following.extend(done);
            }
            Poll::<()>::Pending
        })));
        let _ = calls.as_mut().poll(cx);
        self.followers.poll(cx, |call| alone.push(Alone::new(call)));
        for (call, follows) in following {
            alone.extend(self.followers.join(call, follows).err().map(Alone::staying));
        }
        let more = !alone.is_empty();
        self.open.extend(alone);
        more
    }
}
