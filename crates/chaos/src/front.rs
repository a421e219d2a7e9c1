//! The front itself: it listens, and each connection to it has one to the feed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use h2::{Ping, PingPong, Reason};
use hansa_proto::pb::feed::v1::GetFeedStatusRequest;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

use crate::caller::{Caller, Wish};
use crate::control::{Control, Report};
use crate::exchange::Exchange;
use crate::fault::{Fault, Known};
use crate::feed::{self, Connection};
use crate::kind::Kind;
use crate::plan::Plan;

/// Wishes of calls that wait on one connection; more calls wait until theirs is taken.
const WISHES: usize = 64;

/// A front before a feed. Dropped, it ends with all its connections.
pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
    _guard: DropGuard,
}

/// What all its connections share.
pub(crate) struct Shared {
    pub(crate) control: Control,
    /// For what the front itself wants to know.
    pub(crate) client: FeedServiceClient<Channel>,
    feed: SocketAddr,
    dropped: CancellationToken,
}

/// Why there is no front.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A front is for tests on one machine.
    #[error("the chaos front listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The listener does not know its address.
    #[error("the listener has no address")]
    Address(#[source] io::Error),
    /// The feed's address is none.
    #[error("{0} cannot be connected to")]
    Malformed(SocketAddr, #[source] tonic::transport::Error),
    /// The feed says nothing about itself.
    #[error("the feed at {0} does not answer")]
    Feed(SocketAddr, #[source] Box<tonic::Status>),
}

impl Front {
    /// Stands before the feed at an address, which has to serve. Without a plan it does nothing but hand
    /// on, until a fault is applied.
    pub async fn start(
        listener: TcpListener,
        feed: SocketAddr,
        plan: Option<&Plan>,
        report: Report,
    ) -> Result<Front, StartError> {
        let address = listener.local_addr().map_err(StartError::Address)?;
        if !address.ip().to_canonical().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let client = feed::client(feed).map_err(|error| StartError::Malformed(feed, error))?;
        let status = client.clone().get_feed_status(GetFeedStatusRequest::default()).await;
        let status = status.map_err(|status| StartError::Feed(feed, Box::new(status)))?;
        let identity = status.into_inner().identity.as_ref().try_into().unwrap_or_default();
        let dropped = CancellationToken::new();
        let control = Control::new(identity, report);
        control.set_plan(plan);
        let shared = Arc::new(Shared { control, client, feed, dropped: dropped.clone() });
        let accepting = accept(listener, shared.clone());
        tokio::spawn(dropped.clone().run_until_cancelled_owned(accepting));
        Ok(Front { address, shared, _guard: dropped.drop_guard() })
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets a fault happen; its number.
    pub fn apply(&self, fault: Fault) -> u64 {
        self.shared.control.apply(fault).number
    }

    /// All faults since the front was set.
    pub fn faults(&self) -> Vec<Known> {
        self.shared.control.faults().0
    }

    /// Returns when the fault of this number has fired.
    pub async fn fired(&self, number: u64) {
        self.shared.control.fired(number).await;
    }

    /// Forgets all faults and what they changed, and plans anew.
    pub fn set_plan(&self, plan: Option<&Plan>) -> Vec<Known> {
        self.shared.control.set_plan(plan)
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

/// What was planned and did not happen is said in the end.
impl Drop for Front {
    fn drop(&mut self) {
        self.shared.control.report_unfired();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let serving = serve(stream, shared.clone());
                tokio::spawn(shared.dropped.clone().run_until_cancelled_owned(serving));
            }
            Err(error) => {
                tracing::warn!(%error, "the chaos front cannot accept a connection");
                tokio::task::yield_now().await;
            }
        }
    }
}

/// One connection, until it ends or is ended.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let Ok(mut http) = h2::server::handshake(stream).await else { return };
    let feed = Arc::new(Connection::new(shared.feed, shared.dropped.clone()));
    let (wish, mut wishes) = mpsc::channel(WISHES);
    let mut upheavals = shared.control.upheavals();
    upheavals.borrow_and_update();
    let (arrived, arrivals) = mpsc::channel(WISHES);
    if let Some(pings) = http.ping_pong() {
        tokio::spawn(shared.dropped.clone().run_until_cancelled_owned(tell(pings, arrivals)));
    }
    loop {
        tokio::select! {
            accepted = http.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                let (head, body) = request.into_parts();
                let caller = Caller::new(respond, wish.clone());
                let exchange = Exchange::new(shared.clone(), &head, caller);
                let feed = feed.clone();
                let running = async move { exchange.run(&feed, head, body).await };
                tokio::spawn(shared.dropped.clone().run_until_cancelled_owned(running));
            }
            Some(wish) = wishes.recv() => match wish {
                Wish::Disconnect => return,
                Wish::GoAway => http.abrupt_shutdown(Reason::NO_ERROR),
                // Who is one too many is told at once.
                Wish::Arrived(tell) => drop(arrived.try_send(tell)),
            },
            Ok(()) = upheavals.changed() => {
                let upheaval = *upheavals.borrow_and_update();
                if upheaval.is_some_and(|upheaval| upheaval.kind == Kind::Drain) {
                    http.graceful_shutdown();
                }
            }
        }
    }
}

/// Tells whoever asks that all said before has arrived: frames arrive in order, and an answered ping is
/// one of them.
async fn tell(mut pings: PingPong, mut arrivals: mpsc::Receiver<oneshot::Sender<()>>) {
    while let Some(tell) = arrivals.recv().await {
        let _ = pings.ping(Ping::opaque()).await;
        let _ = tell.send(());
    }
}
