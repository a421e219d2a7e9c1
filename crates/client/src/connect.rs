//! How one reaches the registry and the feed: one connection each, shared by every clone.

use std::time::Duration;

use hansa_proto::pb::feed::v1::campaign_service_client::CampaignServiceClient;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use hansa_proto::pb::feed::v1::statement_service_client::StatementServiceClient;
use hansa_proto::pb::registry::v1::landscape_service_client::LandscapeServiceClient;
use hansa_proto::pb::registry::v1::registry_service_client::RegistryServiceClient;
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// A page of a thousand resources with long texts, and the largest batch there can be.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The largest frame of HTTP/2 that is taken: what a service has ready at once comes in one.
const FRAME_BYTES_MAX: u32 = 1024 * 1024;

/// The services of the registry, over one connection.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Networks, members and memberships.
    pub registry: RegistryServiceClient<Channel>,
    /// Statistics.
    pub landscape: LandscapeServiceClient<Channel>,
}

/// The services of the feed, over one connection.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Events.
    pub events: FeedServiceClient<Channel>,
    /// Statements and signatures.
    pub statements: StatementServiceClient<Channel>,
    /// Campaigns and their participants.
    pub campaigns: CampaignServiceClient<Channel>,
    /// How to connect once more.
    endpoint: Option<Endpoint>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The text is not a URL one can connect to.
    #[error("`{url}` is not the URL of a service: write it like http://127.0.0.1:50051")]
    Malformed {
        /// What was given.
        url: String,
    },
    /// Nobody answers there.
    #[error(
        "nothing answers at {url}: start the services with `hansa up`, or name another address \
         with --registry and --feed (HANSA_REGISTRY, HANSA_FEED)"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// What the transport says.
        #[source]
        source: tonic::transport::Error,
    },
}

impl Registry {
    /// Connects to the registry at a URL such as `http://127.0.0.1:50051`.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Ok(Self::on(connect(url).await?))
    }

    /// The registry behind a connection that is there already.
    pub fn on(channel: Channel) -> Self {
        Self {
            registry: RegistryServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            landscape: LandscapeServiceClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        }
    }
}

impl Feed {
    /// Connects to the feed at a URL such as `http://127.0.0.1:50052`.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let feed = Self::on(connect(url).await?);
        Ok(Self { endpoint: Some(endpoint(url)?), ..feed })
    }

    /// Events, over a connection that is made when it is needed; over the present one when that was given
    /// with [`Feed::on`].
    pub(crate) fn events_over_another_connection(&self) -> FeedServiceClient<Channel> {
        match &self.endpoint {
            Some(endpoint) => events_on(endpoint.connect_lazy()),
            None => self.events.clone(),
        }
    }

    /// The feed behind a connection that is there already.
    pub fn on(channel: Channel) -> Self {
        Self {
            events: events_on(channel.clone()),
            statements: StatementServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            campaigns: CampaignServiceClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            endpoint: None,
        }
    }
}

fn events_on(channel: Channel) -> FeedServiceClient<Channel> {
    FeedServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

async fn connect(url: &str) -> Result<Channel, ConnectError> {
    let endpoint = endpoint(url)?;
    endpoint
        .connect()
        .await
        .map_err(|source| ConnectError::Unreachable { url: url.to_owned(), source })
}

fn endpoint(url: &str) -> Result<Endpoint, ConnectError> {
    let malformed = || ConnectError::Malformed { url: url.to_owned() };
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| malformed())?;
    if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().host().is_none() {
        return Err(malformed());
    }
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        // Without it every small call waits for the acknowledgement of the one before.
        .tcp_nodelay(true)
        .max_frame_size(FRAME_BYTES_MAX)
        .tcp_keepalive(Some(KEEPALIVE_INTERVAL))
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_url_needs_scheme_and_host() {
        for url in ["", "localhost:50051", "https://localhost:50051", "http://", "not a url"] {
            let problem = endpoint(url).err().unwrap().to_string();
            assert!(problem.contains(&format!("`{url}`")), "{problem}");
        }
        assert!(endpoint("http://127.0.0.1:50051").is_ok());
    }

    #[tokio::test]
    async fn an_address_where_nobody_listens_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let problem = Registry::connect(&url).await.err().unwrap().to_string();
        assert!(problem.contains(&url) && problem.contains("hansa up"), "{problem}");
    }
}
