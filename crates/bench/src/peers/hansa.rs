//! Hansa at the work of the peers: joins, statements, reads and imports, as in production.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hansa_chassis::clock::Stopwatch;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::statement_service_client::StatementServiceClient;
use hansa_proto::pb::feed::v1::{
    GetFeedStatusRequest, PublishStatementRequest, Statement, StatementKind,
};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::pb::registry::v1::landscape_service_client::LandscapeServiceClient;
use hansa_proto::pb::registry::v1::registry_service_client::RegistryServiceClient;
use prost::Message as _;
use tonic::transport::{Channel, Endpoint};

use super::calls::Callers;
use super::fan::Published;
use super::figure::Figure;
use super::server::{Executables, Server};
use super::unary::{Method, any, unary};
use crate::fill::{fill, import};
use crate::measure::sample;
use crate::service::Registry;
use crate::world::{Plan, World, member_name, network_name};

/// Networks that are joined, and statements speak for.
const NETWORKS: usize = 20;
/// Members that join each of them.
const MEMBERS: usize = 50_000;

/// A registry with networks and members, and no membership but those of [`World`].
#[derive(Debug)]
pub struct Filled {
    registry: Server,
    world: Arc<World>,
}

/// A registry, and the feed that follows it.
#[derive(Debug)]
pub struct Pair {
    /// The registry.
    pub filled: Filled,
    feed: Server,
}

/// Connections to a server.
pub async fn channels(server: &Server, connections: usize) -> Result<Vec<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..connections {
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address))?;
        channels.push(endpoint.tcp_nodelay(true).connect().await?);
    }
    Ok(channels)
}

/// Clients of a registry.
pub async fn registry(server: &Server) -> Result<Registry> {
    let channel = channels(server, 1).await?.remove(0);
    Ok(Registry {
        registry: RegistryServiceClient::new(channel.clone()),
        landscape: LandscapeServiceClient::new(channel),
    })
}

impl Filled {
    /// Starts a registry and fills it.
    pub async fn start(executables: &Executables) -> Result<Filled> {
        let registry = Server::registry(&executables.registry).await?;
        let plan =
            Plan { seed: 1, networks: NETWORKS, members: MEMBERS, memberships: NETWORKS * 500 };
        let world = Arc::new(World::new(plan));
        fill(&self::registry(&registry).await?, &world, |_| {}).await?;
        Ok(Filled { registry, world })
    }
}

impl Pair {
    /// Starts both, and waits until the feed has followed what the registry is filled with.
    pub async fn start(executables: &Executables) -> Result<Pair> {
        let filled = Filled::start(executables).await?;
        let feed = Server::feed(&executables.feed, &filled.registry).await?;
        let pair = Pair { filled, feed };
        pair.followed().await?;
        Ok(pair)
    }

    /// Waits until the feed has read everything the registry has.
    async fn followed(&self) -> Result<()> {
        let mut registry = registry(&self.filled.registry).await?.registry;
        let network = pb::GetNetworkRequest { name: network_name(0), ..Default::default() };
        let head = registry.get_network(network).await?.into_inner().position;
        let mut feed = FeedServiceClient::new(channels(&self.feed, 1).await?.remove(0));
        let mut turn = tokio::time::interval(Duration::from_millis(20));
        loop {
            let status = feed.get_feed_status(GetFeedStatusRequest::default()).await?.into_inner();
            if status.registry_position >= head {
                return Ok(());
            }
            turn.tick().await;
        }
    }
}

/// Joins, each of a member that was not in the network.
pub async fn joins(filled: &Filled, callers: Callers) -> Result<Figure> {
    let members: Vec<Vec<usize>> =
        (0..NETWORKS).map(|network| filled.world.strangers_to(network).collect()).collect();
    let method = Method {
        path: "/hansa.registry.v1.RegistryService/JoinNetwork",
        request: move |number| {
            let (network, place) = (number as usize % NETWORKS, number as usize / NETWORKS);
            let member = members[network].get(place).context("everybody has joined everything")?;
            let (network, member) = (network_name(network), member_name(*member));
            Ok(pb::JoinNetworkRequest { network, member, ..Default::default() })
        },
        answer: any,
    };
    unary(&filled.registry, callers, method).await
}

/// The title of a statement.
const TITLE: &str = "A statement";

/// A declaration whose title and body are as long as a payload.
pub fn statement(number: u64, body: Published) -> PublishStatementRequest {
    let statement = Statement {
        name: format!("statements/s{number:09}"),
        kind: StatementKind::Declaration.into(),
        title: TITLE.to_owned(),
        body: String::from_utf8(body).unwrap_or_default(),
        issuer_network: network_name(number as usize % NETWORKS),
        ..Default::default()
    };
    PublishStatementRequest { statement: Some(statement.into()), ..Default::default() }
}

/// Clients that publish.
pub async fn publishers(
    server: &Server,
    connections: usize,
) -> Result<Vec<StatementServiceClient<Channel>>> {
    Ok(channels(server, connections).await?.into_iter().map(StatementServiceClient::new).collect())
}

/// Publishes statements.
pub async fn publish(pair: &Pair, callers: Callers) -> Result<Figure> {
    let method = Method {
        path: "/hansa.feed.v1.StatementService/PublishStatement",
        request: |number| Ok(statement(number, vec![b'x'; super::fan::PAYLOAD - TITLE.len()])),
        answer: any,
    };
    unary(&pair.feed, callers, method).await
}

/// Reads memberships at random.
pub async fn gets(filled: &Filled, callers: Callers) -> Result<Figure> {
    let names = sample(&filled.world, 10_000);
    let method = Method {
        path: "/hansa.registry.v1.RegistryService/GetMembership",
        request: move |number: u64| {
            let name = names[number.wrapping_mul(0x9e37_79b9) as usize % names.len()].clone();
            Ok(pb::GetMembershipRequest { name, ..Default::default() })
        },
        answer: |answer: &[u8]| {
            pb::GetMembershipResponse::decode(answer)?.membership.context("it is not there")?;
            Ok(())
        },
    };
    unary(&filled.registry, callers, method).await
}

/// Imports memberships into a registry that has their networks and members already.
pub async fn imports(executables: &Executables, memberships: usize) -> Result<Figure> {
    let server = Server::registry(&executables.registry).await?;
    let registry = registry(&server).await?;
    let plan = Plan { seed: 1, networks: 200, members: memberships / 5, memberships };
    let world = Arc::new(World::new(plan));
    let first = plan.networks + plan.members;
    import(&registry, &world, 0..first, |_| {}).await?;
    let before = server.usage()?;
    let whole = Stopwatch::start();
    import(&registry, &world, first..first + world.memberships(), |_| {}).await?;
    let count = world.memberships() as u64;
    Ok(Figure::new(count, whole.elapsed().as_secs_f64(), before, server.usage()?))
}
