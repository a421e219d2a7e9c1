//! A connection that gathers writes. HTTP/2 writes each frame by itself, and that is a system call for each
//! message of a few hundred bytes with many streams on one connection, and for each 16 KiB of a stream that
//! sends much. Here writes are kept until a turn of the connection adds nothing more or there is no room;
//! those that would not fit anyway go out at once, behind whatever waits.
//!
//! ```text
//!  turn 1   read · frame frame frame · flush      kept; the connection asks for another turn
//!  turn 2   read · frame · flush                  more came meanwhile: kept
//!  turn 3   read ·         flush                  nothing was added: one write
//! ```
//!
//! The other turn is taken at once (`http2.rs`). No timer: nothing waits for time to pass.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::life::Life;

/// What is kept at most: four of the largest frames that HTTP/2 has unless a client takes larger ones.
const KEPT_BYTES: usize = 4 * (16 * 1024 + 9);

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Gather<S> {
    stream: S,
    life: Arc<Life>,
    kept: Vec<u8>,
    /// How much of it was written.
    written: usize,
    /// Whether something was added in this turn.
    added: bool,
    /// Whether another turn was asked for in this one.
    asked: bool,
}

impl<S> Gather<S> {
    pub(super) fn new(stream: S, life: Arc<Life>) -> Gather<S> {
        let (kept, written, added, asked) = (Vec::new(), 0, false, false);
        Gather { stream, life, kept, written, added, asked }
    }
}

impl<S: AsyncWrite + Unpin> Gather<S> {
    fn poll_write_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.kept.len() {
            let rest = &self.kept[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        if self.kept.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.written = 0;
        // A burst is not paid for in memory for ever after.
        match self.kept.capacity() > 4 * self.kept.len().max(1024) {
            true => self.kept = Vec::new(),
            false => self.kept.clear(),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    /// Each turn of a connection begins with reading.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        (self.added, self.asked) = (false, false);
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.life.hear(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes = parts.iter().map(|part| part.len()).sum::<usize>();
        if self.kept.len() + bytes > KEPT_BYTES {
            ready!(self.poll_write_kept(cx))?;
        }
        if self.kept.len() + bytes <= KEPT_BYTES {
            for part in parts {
                self.kept.extend_from_slice(part);
            }
            self.added |= bytes > 0;
            return Poll::Ready(Ok(bytes));
        }
        ready!(self.poll_write_kept(cx))?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.added && self.written == 0 {
            if !self.asked {
                self.asked = true;
                cx.waker().wake_by_ref();
            }
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_write_kept(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_kept(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    /// What was written, each write by itself.
    #[derive(Default)]
    struct Socket {
        writes: Vec<Vec<u8>>,
    }

    impl AsyncRead for Socket {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Socket {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes.push(bytes.to_vec());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[derive(Default)]
    struct Turns(AtomicUsize);

    impl Wake for Turns {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One turn of a connection: reads, writes these and flushes after each, as HTTP/2 does.
    fn turn(gather: &mut Gather<Socket>, turns: &Arc<Turns>, writes: &[&[u8]]) {
        let waker = Waker::from(Arc::clone(turns));
        let mut cx = Context::from_waker(&waker);
        let mut memory = [0; 64];
        let mut buffer = ReadBuf::new(&mut memory);
        let _ = Pin::new(&mut *gather).poll_read(&mut cx, &mut buffer);
        for bytes in writes {
            let written = Pin::new(&mut *gather).poll_write(&mut cx, bytes);
            assert!(matches!(written, Poll::Ready(Ok(count)) if count == bytes.len()));
            assert!(Pin::new(&mut *gather).poll_flush(&mut cx).is_ready());
        }
        assert!(Pin::new(&mut *gather).poll_flush(&mut cx).is_ready());
    }

    fn connection() -> (Gather<Socket>, Arc<Turns>) {
        (Gather::new(Socket::default(), Arc::default()), Arc::default())
    }

    #[test]
    fn small_writes_of_turns_that_follow_each_other_go_out_as_one() {
        let (mut gather, turns) = connection();
        turn(&mut gather, &turns, &[b"a", b"b"]);
        turn(&mut gather, &turns, &[b"c"]);
        assert_eq!((gather.stream.writes.len(), turns.0.load(Ordering::Relaxed)), (0, 2));
        turn(&mut gather, &turns, &[]);
        assert_eq!(gather.stream.writes, [b"abc".to_vec()]);
        assert_eq!(turns.0.load(Ordering::Relaxed), 2, "nothing is left to ask for");
    }

    #[test]
    fn large_writes_go_out_at_once_behind_what_waits() {
        let (mut gather, turns) = connection();
        let large = vec![7; KEPT_BYTES + 1];
        turn(&mut gather, &turns, &[b"a", &large]);
        assert_eq!(gather.stream.writes, [b"a".to_vec(), large]);
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let (mut gather, turns) = connection();
        let small = vec![7; 16 * 1024 + 9];
        turn(&mut gather, &turns, &[&small[..]; 20]);
        assert!(gather.kept.len() <= KEPT_BYTES && gather.kept.capacity() <= 2 * KEPT_BYTES);
        let written: usize = gather.stream.writes.iter().map(Vec::len).sum();
        assert_eq!(written + gather.kept.len(), 20 * small.len());
    }
}
