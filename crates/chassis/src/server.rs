//! How a process listens, and how its server ends.
//!
//! [`serve`] speaks gRPC (HTTP/2) and gRPC-Web (HTTP/1 or HTTP/2) on one port, with health and
//! reflection beside the services it is given. It ends in one of three ways, and in each of them no
//! connection and no call of it is left when it returns:
//!
//! - **drained**: asked to drain, it becomes NOT_SERVING, stops accepting and lets open calls end.
//!   Services end their own streams when [`Shutdown::drained`] says so.
//! - **deadline**: what has not ended by `drain_deadline` is dropped.
//! - **killed**: everything is dropped at once.
//!
//! There is no TLS and no authentication yet, so nothing but loopback is listened on.
//!
//! The size of a received message is limited where each service is made (`max_decoding_message_size`;
//! tonic's default, 4 MiB, is meant): the server sees only frames.

mod answering;
mod arrival;
mod calls;
mod connections;
mod gather;
mod hello;
mod http2;
mod life;
mod limits;
mod origin;
mod services;
mod tasks;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

pub use calls::patience;
pub use limits::Limits;
pub use services::Services;

pub use crate::config::ServeOptions;
use crate::health::Health;
use crate::shutdown::Shutdown;
use connections::Connections;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Others could reach it, and nothing would ask who they are.
    #[error(
        "{address} can be reached from other machines, and there is neither TLS nor authentication \
         yet: listen on 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("cannot listen on {address}")]
    Refused {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Why a server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It was handed a listener that it must not serve, or one of unknown address.
    #[error("this listener cannot be served")]
    Listener(#[from] BindError),
    /// The listener does not know its address.
    #[error("the listener has no address")]
    Address(#[source] io::Error),
    /// The service descriptions could not be read.
    #[error("the descriptor set of the services is damaged")]
    Descriptors(#[source] tonic_reflection::server::Error),
}

/// Listens on a loopback address; port 0 lets the system choose. Returns the address it got.
pub async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    require_loopback(address)?;
    let refused = |source| BindError::Refused { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

fn require_loopback(address: SocketAddr) -> Result<(), BindError> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(BindError::NotLoopback { address })
}

/// Serves until the shutdown ends it; see the top of this file for how. Dropping the future is a kill
/// that nobody waits for.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    health: Health,
    descriptor_set: &'static [u8],
    options: ServeOptions,
    shutdown: Shutdown,
) -> Result<(), ServeError> {
    require_loopback(listener.local_addr().map_err(ServeError::Address)?)?;
    let services = with_own_services(services, &health, descriptor_set).await?;
    let connections = Connections::new(services, &options.limits);

    tokio::select! {
        () = connections.accept(&listener) => {}
        () = shutdown.stopping() => {}
    }
    if shutdown.is_killed() {
        drop(listener);
        connections.drop_all().await;
        return Ok(());
    }
    health.drain().await;
    health.end_watches().await;
    drop(listener);
    drain(connections, options.drain_deadline, &shutdown).await;
    Ok(())
}

async fn drain(connections: Connections, deadline: Duration, shutdown: &Shutdown) {
    connections.stop();
    tokio::select! {
        () = connections.ended() => return,
        () = tokio::time::sleep(deadline) => {
            tracing::warn!(?deadline, open = connections.open(), "dropping what has not ended");
        }
        () = shutdown.killed() => {}
    }
    connections.drop_all().await;
}

/// Adds health v1 and reflection, v1 and v1alpha, to the services.
async fn with_own_services(
    services: Services,
    health: &Health,
    descriptor_set: &'static [u8],
) -> Result<Services, ServeError> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptor_set)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(services
        .and(health.service().await)
        .and(reflection().build_v1().map_err(ServeError::Descriptors)?)
        .and(reflection().build_v1alpha().map_err(ServeError::Descriptors)?))
}

#[cfg(test)]
mod tests;
