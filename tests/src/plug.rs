//! A plug between a client and a service: pulled, it cuts every connection; held still, nothing passes
//! although the connections live; parted, there is no way through; delayed, what is sent waits on the way.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Connections to a service, through here. Dropped, they end.
pub struct Plug {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    /// How often it was pulled: a connection of before is cut.
    pulled: watch::Sender<u64>,
    /// Connections up to this number pass nothing on.
    still: watch::Sender<u64>,
    /// Bytes that the service may still send before it is pulled by itself.
    left: watch::Sender<Option<u64>>,
    connections: watch::Sender<u64>,
    /// Nobody gets through.
    parted: watch::Sender<bool>,
    /// What is sent waits here.
    delayed: watch::Sender<bool>,
    /// Connections cut or refused, and bytes that had to wait, since it was parted or delayed.
    touched: watch::Sender<u64>,
}

impl Plug {
    /// Before the service at a URL such as `http://127.0.0.1:50052`.
    pub async fn before(url: &str) -> Plug {
        let service: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            pulled: watch::Sender::new(0),
            still: watch::Sender::new(0),
            left: watch::Sender::new(None),
            connections: watch::Sender::new(0),
            parted: watch::Sender::new(false),
            delayed: watch::Sender::new(false),
            touched: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, service, Arc::clone(&shared)));
        Plug { address, shared, accepting }
    }

    /// Where a client connects.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection there is.
    pub fn pull(&self) {
        self.shared.pulled.send_modify(|pulled| *pulled += 1);
    }

    /// Pulls it by itself when the service has sent so many bytes more.
    pub fn pull_after(&self, bytes: u64) {
        self.shared.left.send_replace(Some(bytes));
    }

    /// Lets nothing more pass through the connections there are. Those made later work.
    pub fn hold_still(&self) {
        self.shared.still.send_replace(self.connections());
    }

    /// Cuts every connection, and refuses those that are made until it is joined.
    pub fn part(&self) {
        self.shared.touched.send_replace(0);
        self.shared.parted.send_replace(true);
        self.pull();
    }

    /// Lets nothing pass until it is joined; then everything comes.
    pub fn delay(&self) {
        self.shared.touched.send_replace(0);
        self.shared.delayed.send_replace(true);
    }

    /// Ends what [`Plug::part`] and [`Plug::delay`] began.
    pub fn join(&self) {
        self.shared.parted.send_replace(false);
        self.shared.delayed.send_replace(false);
    }

    /// Waits until parting or delaying it has had an effect on somebody.
    pub async fn touched(&self) {
        let mut touched = self.shared.touched.subscribe();
        touched.wait_for(|touched| *touched > 0).await.expect("the plug is there");
    }

    /// Connections made so far.
    pub fn connections(&self) -> u64 {
        *self.shared.connections.borrow()
    }
}

impl Shared {
    fn touch(&self) {
        self.touched.send_modify(|touched| *touched += 1);
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        self.accepting.abort();
        self.pull();
    }
}

async fn accept(listener: TcpListener, service: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.send_modify(|connections| *connections += 1);
        let number = *shared.connections.borrow();
        let mut pulled = shared.pulled.subscribe();
        if *shared.parted.borrow() {
            shared.touch();
            continue;
        }
        let Ok(server) = TcpStream::connect(service).await else { continue };
        client.set_nodelay(true).expect("it is a socket");
        server.set_nodelay(true).expect("it is a socket");
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let up = pass(from_client, to_server, number, &shared, false);
            let down = pass(from_server, to_client, number, &shared, true);
            tokio::select! {
                () = up => {}
                () = down => {}
                _ = pulled.changed() => shared.touch(),
            }
        });
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    shared: &Shared,
    counted: bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut still = shared.still.subscribe();
    let mut delayed = shared.delayed.subscribe();
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        if *still.borrow_and_update() >= number {
            // Held still for good: only its end remains.
            return std::future::pending().await;
        }
        if *delayed.borrow_and_update() {
            shared.touch();
            if delayed.wait_for(|delayed| !delayed).await.is_err() {
                return;
            }
        }
        let (passes, last) = match (counted, *shared.left.borrow()) {
            (true, Some(left)) if left <= read as u64 => (left as usize, true),
            _ => (read, false),
        };
        if counted {
            shared.left.send_modify(|left| *left = left.map(|left| left - passes as u64));
        }
        if to.write_all(&buffer[..passes]).await.is_err() {
            return;
        }
        if last {
            shared.left.send_replace(None);
            shared.pulled.send_modify(|pulled| *pulled += 1);
            return;
        }
    }
}
