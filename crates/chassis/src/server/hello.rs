//! What a connection speaks: who begins as HTTP/2 does speaks that, everybody else HTTP/1.

use std::io::{self, Cursor};

use tokio::io::{AsyncReadExt as _, Chain, Join, join};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// What a client of HTTP/2 begins with; a request of HTTP/1 differs in it somewhere.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that is read from its beginning again.
pub(super) type Rewound = Join<Chain<Cursor<Vec<u8>>, OwnedReadHalf>, OwnedWriteHalf>;

/// What it speaks.
pub(super) enum Hello {
    /// HTTP/2.
    Http2(Rewound),
    /// Anything else.
    Http1(Rewound),
}

/// Reads until it is known; an error, too, when it ends before.
pub(super) async fn hello(stream: TcpStream) -> io::Result<Hello> {
    let (mut reader, writer) = stream.into_split();
    let mut heard = Vec::with_capacity(PREFACE.len());
    while heard.len() < PREFACE.len() && PREFACE.starts_with(&heard) {
        let rest = (PREFACE.len() - heard.len()) as u64;
        if (&mut reader).take(rest).read_buf(&mut heard).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let speaks = if heard == PREFACE { Hello::Http2 } else { Hello::Http1 };
    Ok(speaks(join(Cursor::new(heard).chain(reader), writer)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// What is found of bytes that come in pieces, and what is read of it afterwards.
    async fn heard(pieces: &[&[u8]]) -> io::Result<(bool, Vec<u8>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let hearing = tokio::spawn(hello(stream));
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(client);
        let (http2, mut rewound) = match hearing.await.unwrap()? {
            Hello::Http2(rewound) => (true, rewound),
            Hello::Http1(rewound) => (false, rewound),
        };
        let mut read = Vec::new();
        rewound.read_to_end(&mut read).await.unwrap();
        Ok((http2, read))
    }

    #[tokio::test]
    async fn the_preface_decides_however_it_comes_and_nothing_is_lost() {
        let whole = [PREFACE, b"more"].concat();
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        for pieces in [&bytes[..], &[&whole[..]]] {
            assert_eq!(heard(pieces).await.unwrap(), (true, whole.clone()));
        }
        for other in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/1.1\r\n\r\nSM\r\n", b"X"] {
            assert_eq!(heard(&[other]).await.unwrap(), (false, other.to_vec()));
        }
        for short in [&b""[..], b"PRI * "] {
            assert!(heard(&[short]).await.is_err());
        }
    }
}
