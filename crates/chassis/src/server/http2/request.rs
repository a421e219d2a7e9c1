//! The body of a request. What was read of it is given back to the sender's window at once: how much is held
//! is counted where it is held (`arrival.rs`).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use h2::{Reason, RecvStream};
use hyper::body::{Body, Bytes, Frame};

/// A body on its way in.
pub(super) struct Coming {
    stream: RecvStream,
    data_ended: bool,
}

impl Coming {
    pub(super) fn new(stream: RecvStream) -> Coming {
        Coming { stream, data_ended: false }
    }
}

impl Body for Coming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.data_ended {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(bytes)) => {
                    // It fails when the connection has ended, and then nobody waits for it.
                    let _ = self.stream.flow_control().release_capacity(bytes.len());
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Err(error)) => return Poll::Ready(unless_it_ended(error)),
                None => self.data_ended = true,
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => unless_it_ended(error),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}

/// A sender that says no more without an error has said all.
fn unless_it_ended<T>(error: h2::Error) -> Option<Result<T, h2::Error>> {
    Some(Err(error)).filter(|error| {
        let reason = error.as_ref().err().and_then(h2::Error::reason);
        reason != Some(Reason::NO_ERROR)
    })
}
