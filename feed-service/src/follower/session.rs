//! One connection to the registry: from its place in the view until something goes wrong.

use std::pin::Pin;
use std::time::Duration;

use hansa_journal::{Chain, JournalId, Position};
use hansa_proto::limits::PROGRESS_SECONDS;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::progress;
use hansa_proto::registry::{ChangeKind, Member, Membership, Network};
use hansa_proto::violation::Violations;
use pb::registry_service_client::RegistryServiceClient;
use pb::watch_changes_response::Message;
use tokio::time::Sleep;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};

use super::pipeline::Pipeline;
use super::{Follower, Setback};
use crate::domain::{Followed, RegistryChange, RegistryCommit, RegistryResource};
use crate::view::Lookup;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Most bytes of a message: a commit has at most one MiB, and what it grows by on the wire is little.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Silence of this many progress intervals means that the stream is dead.
const SILENT_INTERVALS: f64 = 2.5;

impl Follower {
    /// Follows until something goes wrong.
    pub(super) async fn session(&self) -> Setback {
        let mut pipeline = Pipeline::new(&self.writer);
        let Err(setback) = self.run_session(&mut pipeline).await;
        // What is under way moves the place the next session resumes after.
        match pipeline.finish().await {
            Err(worse @ (Setback::Halt(_) | Setback::WriterGone)) => worse,
            Err(Setback::Retry(_)) | Ok(()) => setback,
        }
    }

    async fn run_session(
        &self,
        pipeline: &mut Pipeline<'_>,
    ) -> Result<std::convert::Infallible, Setback> {
        let place = self.view.query(|keys| Lookup(keys).place()).await;
        let place = place.map_err(|error| Setback::Halt(error.to_string()))?;
        pipeline.close_campaigns().await?;
        let mut stream = self.watch(place).await?;
        let usual = Duration::from_secs(PROGRESS_SECONDS.unsigned_abs());
        let first = next(&mut stream, usual.mul_f64(SILENT_INTERVALS)).await?;
        let opened = opened(first, place)?;
        tracing::info!(
            registry = self.registry,
            after = %opened.after,
            identity = %opened.identity,
            "following the registry"
        );
        self.connected.send_replace(true);
        let mut last = opened.after;
        let mut rest = None;
        loop {
            match pipeline.waits() {
                Some(Duration::ZERO) => {
                    rest = None;
                    pipeline.hand_in().await?;
                }
                Some(time) if rest.is_none() => rest = Some(Box::pin(tokio::time::sleep(time))),
                _ => {}
            }
            let message = tokio::select! {
                biased;
                () = passed(&mut rest) => continue,
                recorded = pipeline.oldest() => {
                    recorded?;
                    continue;
                }
                message = next(&mut stream, opened.silence) => message?,
            };
            let Some(Message::Commit(commit)) = message.message else {
                continue;
            };
            let position = Position::new(commit.position);
            if position <= last {
                continue;
            }
            if position != last.next() {
                return Err(Setback::Retry(format!("commit {position} came after {last}")));
            }
            pipeline.take(read(commit, &opened)?);
            last = position;
        }
    }

    async fn watch(
        &self,
        place: Option<Followed>,
    ) -> Result<Streaming<pb::WatchChangesResponse>, Setback> {
        let endpoint = Endpoint::from_shared(self.registry.clone())
            .map_err(|error| Setback::Halt(format!("{}: {error}", self.registry)))?;
        let channel = endpoint
            .tcp_nodelay(true)
            .connect_timeout(CONNECT)
            .connect()
            .await
            .map_err(|error| Setback::Retry(described(&error)))?;
        let request = pb::WatchChangesRequest {
            after_position: place.map_or(0, |place| place.position.get()),
            identity: place
                .map(|place| place.identity.as_bytes().to_vec())
                .unwrap_or_default()
                .into(),
            chain: place.map(|place| place.chain.as_bytes().to_vec()).unwrap_or_default().into(),
            progress_interval: None,
        };
        let mut client =
            RegistryServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES);
        let asked = tokio::time::timeout(CONNECT, client.watch_changes(request)).await;
        match asked {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(refused(&status)),
            Err(_) => Err(Setback::Retry("the registry does not answer".to_owned())),
        }
    }
}

/// How a stream was opened.
struct Opened {
    identity: JournalId,
    /// Under which identity it was followed before, if under another.
    continues: Option<JournalId>,
    after: Position,
    silence: Duration,
}

fn opened(first: pb::WatchChangesResponse, place: Option<Followed>) -> Result<Opened, Setback> {
    let Some(Message::Opened(opened)) = first.message else {
        return Err(Setback::Retry("the stream does not begin with Opened".to_owned()));
    };
    let identity: [u8; 16] = opened
        .identity
        .as_ref()
        .try_into()
        .map_err(|_| Setback::Retry("the registry has no identity of 16 bytes".to_owned()))?;
    let identity = JournalId::from_bytes(identity);
    // Asked with the identity, the position and the chain value followed so far, the registry would have
    // refused had it another history up to there: it was restored or repaired, and lost nothing of that.
    let continues = place.map(|place| place.identity).filter(|followed| *followed != identity);
    if let Some(before) = continues {
        tracing::warn!(%before, %identity, "the registry goes on under another identity");
    }
    let after = place.map_or(Position::ORIGIN, |place| place.position);
    if opened.after_position != after.get() {
        let problem = format!("asked for what is after {after}, not {}", opened.after_position);
        return Err(Setback::Retry(problem));
    }
    let interval = opened.progress_interval.and_then(progress::duration);
    let interval = interval.unwrap_or(Duration::from_secs(PROGRESS_SECONDS.unsigned_abs()));
    Ok(Opened { identity, continues, after, silence: interval.mul_f64(SILENT_INTERVALS) })
}

/// Waits until it is over; for ever when there is none.
async fn passed(rest: &mut Option<Pin<Box<Sleep>>>) {
    match rest {
        Some(rest) => rest.await,
        None => std::future::pending().await,
    }
}

async fn next(
    stream: &mut Streaming<pb::WatchChangesResponse>,
    silence: Duration,
) -> Result<pb::WatchChangesResponse, Setback> {
    match tokio::time::timeout(silence, stream.message()).await {
        Ok(Ok(Some(message))) => Ok(message),
        Ok(Ok(None)) => Err(Setback::Retry("the registry ended the stream".to_owned())),
        Ok(Err(status)) => Err(refused(&status)),
        Err(_) => Err(Setback::Retry(format!("the registry was silent for {silence:?}"))),
    }
}

/// WatchChanges fails a precondition only for a cursor of another journal.
fn refused(status: &Status) -> Setback {
    let why = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        Code::FailedPrecondition | Code::DataLoss => Setback::Halt(why),
        _ => Setback::Retry(why),
    }
}

/// A commit as strict types; what this feed does not know is no reason to go on without it.
fn read(commit: pb::Commit, opened: &Opened) -> Result<RegistryCommit, Setback> {
    let position = commit.position;
    let unknown = |what: &str| {
        Setback::Halt(format!("commit {position} of the registry: {what} is not known here"))
    };
    let chain: [u8; 32] = commit.chain.as_ref().try_into().map_err(|_| {
        Setback::Halt(format!("commit {position} of the registry has no chain value of 32 bytes"))
    })?;
    let changes = commit.changes.into_iter().map(|change| {
        let kind = ChangeKind::from_pb(change.kind)
            .ok_or_else(|| unknown(&format!("change kind {}", change.kind)))?;
        let mut violations = Violations::default();
        let occurred_at = change.occurred_at.and_then(|date| {
            hansa_proto::date::PartialDate::parse(date, "occurred_at", &mut violations)
        });
        violations.finish().map_err(|problem| unknown(&problem.to_string()))?;
        let resource = change.resource.ok_or_else(|| unknown("what changed"))?;
        let resource = resource_of(resource).map_err(|problem| unknown(&problem))?;
        Ok(RegistryChange { kind, occurred_at, resource })
    });
    Ok(RegistryCommit {
        place: Followed {
            position: Position::new(position),
            chain: Chain::from_bytes(chain),
            identity: opened.identity,
        },
        continues: opened.continues,
        principal: commit.principal,
        request_id: commit.request_id,
        changes: changes.collect::<Result<_, Setback>>()?,
    })
}

fn resource_of(resource: pb::change::Resource) -> Result<RegistryResource, String> {
    use pb::change::Resource;
    let corrupt = |problem: hansa_proto::Corrupt| problem.to_string();
    Ok(match resource {
        Resource::Network(network) => {
            let active_members = network.active_member_count;
            let network = Network::from_stored(*network).map_err(corrupt)?;
            RegistryResource::Network(Box::new(network), active_members)
        }
        Resource::Member(member) => {
            RegistryResource::Member(Box::new(Member::from_stored(*member).map_err(corrupt)?))
        }
        Resource::Membership(membership) => {
            let membership = Membership::from_stored(membership).map_err(corrupt)?;
            RegistryResource::Membership(Box::new(membership))
        }
    })
}

fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
