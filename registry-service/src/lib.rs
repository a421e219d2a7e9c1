//! The registry: which networks exist and who belongs to which, how, since when, says who.
//!
//! Promise: nothing is answered or streamed before it is durable in the journal; the view in
//! `data/view` can be deleted at any time while the service is down, and is made again from the
//! journal in `data/journal`.
//!
//! | file | answers |
//! | --- | --- |
//! | `config.rs` | how the registry runs |
//! | `domain.rs`, `domain/` | what may happen: commands, rules, changes; pure |
//! | `codec.rs` | domain ⇄ stored bytes |
//! | `view.rs` | the key table, folding, look-ups |
//! | `machine.rs` | decide, encode, stage, settle |
//! | `grpc.rs`, `grpc/` | RegistryService |
//! | `as_of.rs` | who belonged on a day |
//! | `lists.rs`, `lists/` | filters, orders, pages that hold still |
//! | `history.rs` | what was recorded of a resource |
//! | `fold_text.rs` | texts as they are searched |
//! | `query.rs`, `page.rs` | how reads wait, and how lists are paged |
//! | `changes.rs` | WatchChanges |
//! | `import.rs`, `import/` | Import |
//! | `export.rs` | Export |
//! | `matching.rs` | who may be meant by names, codes and places from elsewhere |
//! | `landscape.rs` | LandscapeService |
//! | `status.rs` | how a failure is told |

mod as_of;
mod changes;
mod codec;
mod config;
mod continent;
mod domain;
mod export;
#[cfg(test)]
mod fixtures;
mod fold_text;
mod grpc;
mod history;
mod import;
mod landscape;
mod lists;
mod machine;
mod matching;
mod page;
mod query;
mod status;
mod view;

use std::future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hansa_chassis::health::Health;
use hansa_chassis::server::{self, ServeError, Services};
use hansa_chassis::shutdown::Shutdown;
use hansa_journal::disk::{Disk, RealDisk};
use hansa_journal::{
    Fault, Journal, OpenError, SegmentJournal, SegmentOptions, Started, Writer, WriterState,
};
use hansa_proto::pb;
use hansa_view::{Opening, View, ViewError};
use pb::registry::v1::landscape_service_server::{self, LandscapeServiceServer};
use pb::registry::v1::registry_service_server::{self, RegistryServiceServer};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use config::Config;

use grpc::Registry;
use import::Imports;
use landscape::Landscape;
use machine::RegistryMachine;
use query::Queries;

/// Services this process answers for.
const SERVICES: [&str; 2] =
    [registry_service_server::SERVICE_NAME, landscape_service_server::SERVICE_NAME];

/// Why the registry could not run, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data directory cannot be made.
    #[error("the data directory {directory} cannot be used")]
    Data {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The journal does not open.
    #[error("the journal does not open")]
    Journal(#[source] OpenError),
    /// The view does not open, not even as an empty one.
    #[error("the view does not open")]
    View(#[source] ViewError),
    /// The writer does not start.
    #[error("the writer does not start")]
    Start(#[source] Fault),
    /// The writer failed: what is durable stays so, and a new start replays it.
    #[error("the writer failed: {0}")]
    Writer(Arc<str>),
    /// The server failed.
    #[error("the server failed")]
    Serve(#[source] ServeError),
}

/// Runs the registry on a listener until the shutdown ends it, or until its storage fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    run_on(RealDisk::shared(), config, listener, shutdown).await
}

/// Like [`run`], with the journal on a disk of the caller's.
pub async fn run_on(
    disk: Arc<dyn Disk>,
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let (options, queue) = (config.writer_options(), config.queue);
    let clock = config.clock.clone();
    let serve_options = config.serve.clone();
    let (journal, view) = tokio::task::spawn_blocking(move || open(disk, &config))
        .await
        .expect("opening the data does not panic")?;
    let machine = RegistryMachine::new(view.clone());
    let Started { writer, reader, state } =
        Writer::start(journal, machine, options).map_err(RunError::Start)?;

    let health = Health::new();
    // Whoever asks first is told too.
    for service in SERVICES {
        health.not_serving(service).await;
    }
    let queries = Queries::new(view.clone(), reader, state.clone());
    let imports = Imports::new(writer.clone(), queue, shutdown.clone());
    let registry = Registry::new(writer.clone(), queries.clone(), imports, clock, shutdown.clone());
    let services = Services::default()
        .and(RegistryServiceServer::new(registry))
        .and(LandscapeServiceServer::new(Landscape::new(queries)));
    let serving = server::serve(
        listener,
        services,
        health.clone(),
        pb::FILE_DESCRIPTOR_SET,
        serve_options,
        shutdown.clone(),
    );
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = follow(state.clone(), &health) => {
            shutdown.drain();
            serving.await
        }
    };
    writer.stop().await;
    if let WriterState::Failed(reason) = &*state.borrow() {
        view.condemn(reason);
        return Err(RunError::Writer(reason.clone()));
    }
    served.map_err(RunError::Serve)
}

/// Opens the journal, and the view over it. Blocking.
fn open(disk: Arc<dyn Disk>, config: &Config) -> Result<(Arc<dyn Journal>, Arc<View>), RunError> {
    let options = SegmentOptions { segment_bytes: config.segment_bytes };
    let journal = SegmentJournal::open_on(disk, &config.data.join("journal"), options)
        .map_err(RunError::Journal)?;
    let directory = config.data.join("view");
    if let Err(source) = std::fs::create_dir_all(&directory) {
        return Err(RunError::Data { directory, source });
    }
    let (view, opening) =
        View::open(&directory, view::FORMAT, journal.identity()).map_err(RunError::View)?;
    let (tail, _) = journal.tail();
    match opening {
        Opening::Fresh => tracing::info!(%tail, "new view"),
        Opening::Kept => tracing::info!(%tail, "view kept"),
        Opening::Rebuilt { reason } => tracing::warn!(%tail, reason, "view emptied"),
    }
    Ok((Arc::new(journal), Arc::new(view)))
}

/// Keeps the health up to date; returns when the writer has failed.
async fn follow(mut state: watch::Receiver<WriterState>, health: &Health) {
    loop {
        let now = state.borrow_and_update().clone();
        for service in SERVICES {
            match now {
                WriterState::Serving => health.serving(service).await,
                WriterState::Replaying { .. } | WriterState::Failed(_) | WriterState::Stopped => {
                    health.not_serving(service).await
                }
            }
        }
        if let WriterState::Failed(reason) = now {
            tracing::error!(%reason, "the writer failed; the registry stops");
            return;
        }
        if state.changed().await.is_err() {
            // The writer has ended for good; whoever stopped it goes on.
            return future::pending().await;
        }
    }
}
