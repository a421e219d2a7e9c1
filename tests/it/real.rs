//! The real data set in a pair that tests share and only read: imported when the first test asks for it,
//! gone with the last one that holds it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread::JoinHandle;

use hansa_client::import::{DataSet, Source};
use hansa_client::{Feed, Registry};
use hansa_proto::pb::feed::v1::{Campaign, GetCampaignRequest, GetStatementRequest, Statement};
use hansa_proto::pb::registry::v1::{
    GetMemberRequest, GetMembershipRequest, GetNetworkRequest, Member, Membership, Network,
};
use hansa_tests::{Clients, World, make};
use tokio::sync::oneshot;

/// A pair with everything in it, and all of it in the feed.
pub(crate) struct Real {
    clients: Clients,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

static SHARED: Mutex<Weak<Real>> = Mutex::new(Weak::new());

/// The pair, imported unless another test holds it.
pub(crate) async fn data() -> Arc<Real> {
    // The import runs on a thread of its own: the pair outlives the runtime of the test that asked first.
    tokio::task::spawn_blocking(|| {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(real) = shared.upgrade() {
            return real;
        }
        let real = Arc::new(Real::start());
        *shared = Arc::downgrade(&real);
        real
    })
    .await
    .unwrap()
}

impl Real {
    fn start() -> Real {
        let (ready, imported) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let world = World::start().await;
                import(&world).await;
                ready.send(world.clients()).unwrap();
                let _dropped_or_told = stopped.await;
            });
        });
        let clients = imported.recv().unwrap();
        Real { clients, stop: Some(stop), thread: Some(thread) }
    }

    /// Clients of the pair.
    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// A network by its id.
    pub(crate) async fn network(&self, id: &str) -> Network {
        let request = GetNetworkRequest { name: make::network_name(id), ..Default::default() };
        let response = self.clients.registry().get_network(request).await.unwrap().into_inner();
        response.network.unwrap()
    }

    /// A member by its id.
    pub(crate) async fn member(&self, id: &str) -> Member {
        let request = GetMemberRequest { name: make::member_name(id), ..Default::default() };
        let response = self.clients.registry().get_member(request).await.unwrap().into_inner();
        response.member.unwrap()
    }

    /// A membership by its ids.
    pub(crate) async fn membership(&self, network: &str, member: &str) -> Membership {
        let name = make::membership_name(network, member);
        let request = GetMembershipRequest { name, ..Default::default() };
        let response = self.clients.registry().get_membership(request).await.unwrap().into_inner();
        response.membership.unwrap()
    }

    /// A statement by its id.
    pub(crate) async fn statement(&self, id: &str) -> Statement {
        let request =
            GetStatementRequest { name: format!("statements/{id}"), ..Default::default() };
        let response = self.clients.statements().get_statement(request).await.unwrap().into_inner();
        *response.statement.unwrap()
    }

    /// A campaign by its id.
    pub(crate) async fn campaign(&self, id: &str) -> Campaign {
        let request = GetCampaignRequest { name: format!("campaigns/{id}"), ..Default::default() };
        let response = self.clients.campaigns().get_campaign(request).await.unwrap().into_inner();
        response.campaign.unwrap()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn import(world: &World) {
    let data = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../data"));
    let plan = DataSet::read(Source::Directory(&data)).unwrap().plan().unwrap();
    let registry = Registry::connect(&world.registry_url()).await.unwrap();
    let feed = Feed::connect(&world.feed_url()).await.unwrap();
    let report = plan.run(&registry, &feed, &mut |_| ()).await.unwrap();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    world.feed_follows(report.registry_position).await;
}
