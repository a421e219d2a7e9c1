//! A socket whose writes are kept until the task that made them asks for them: h2 writes each frame of more
//! than a few bytes by itself, which is a system call for each message.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

type Kept = Arc<Mutex<BytesMut>>;

/// What h2 reads from and writes to.
pub(super) struct Gathered {
    reader: OwnedReadHalf,
    kept: Kept,
}

/// Writes what was kept.
pub(super) struct Writer {
    writer: OwnedWriteHalf,
    kept: Kept,
}

/// Both sides of a socket, for one task.
pub(super) fn gathered(socket: TcpStream) -> (Gathered, Writer) {
    let ((reader, writer), kept) = (socket.into_split(), Kept::default());
    (Gathered { reader, kept: Arc::clone(&kept) }, Writer { writer, kept })
}

impl Writer {
    /// Writes all there is, and is ready only if that fails. Whoever polls h2 polls this right after it.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while !kept.is_empty() {
            match Pin::new(&mut self.writer).poll_write(cx, &kept) {
                Poll::Ready(Ok(count)) => kept.advance(count),
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }
}

impl AsyncRead for Gathered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().for_each(|part| kept.extend_from_slice(part));
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
