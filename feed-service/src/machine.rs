//! The feed as a deterministic machine over its commits: decide, encode, stage, settle.

use std::sync::Arc;

use bytes::Bytes;
use hansa_journal::limits::COMMIT_BYTES;
use hansa_journal::{
    Chain, Commit, Decision, Erasure, Fault, JournalId, Machine, Position, Refused, Slot,
};
use hansa_proto::ids::RequestId;
use hansa_proto::limits;
use hansa_proto::pb::feed::v1 as pb;
use hansa_view::{Staging, View, ViewError};
use pb::event::Body;
use prost::Message as _;
use tokio::sync::watch;

use crate::codec::{self, Answered, CommitMeta, Origin};
use crate::domain::{self, Command, Decided, Followed, Kept, NewEvent, Rejection, Undecided};
use crate::view::index::Unlisted;
use crate::view::{self, CauseRow, Lookup};

/// A command with what surrounds it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Who asks.
    pub(crate) principal: String,
    /// What makes a retry safe, if the caller gave it.
    pub(crate) request_id: Option<RequestId>,
    /// SHA-256 of the payload of a request with an id.
    pub(crate) payload_hash: [u8; 32],
    /// Whether only to check.
    pub(crate) validate_only: bool,
    /// What is asked.
    pub(crate) command: Command,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// It was done, or could be: the event whose body answers it, and the position.
    Done(Box<pb::Event>, Position),
    /// What becomes, or could become, of a named subscription, and the position.
    Kept(Kept, Position),
    /// It was done before, in that commit, at that index.
    Replayed(Position, u32),
    /// What follows from the registry was recorded, or had been.
    Recorded {
        /// Whether campaigns still run whose network has ended; not asked when nothing said so.
        campaigns_to_close: bool,
    },
}

/// How far the registry is followed, and since which position of the feed's own journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Following {
    /// The place in the registry.
    pub(crate) registry: Followed,
    /// Position of the feed at which this is visible.
    pub(crate) since: Position,
}

/// The feed.
pub(crate) struct FeedMachine {
    identity: JournalId,
    staging: Staging,
    unlisted: Unlisted,
    contents: Contents,
    following: watch::Sender<Option<Following>>,
}

impl FeedMachine {
    /// Over a view of the journal of this identity, whose commits `read` reads. Tells over `following`
    /// what is visible.
    pub(crate) fn new(
        identity: JournalId,
        view: Arc<View>,
        read: ReadCommit,
        following: watch::Sender<Option<Following>>,
    ) -> FeedMachine {
        let (staging, contents) = (Staging::new(view), Contents::new(read));
        FeedMachine { identity, staging, unlisted: Unlisted::default(), contents, following }
    }

    /// The answer to a request that was made before.
    fn known(&self, request: &Request) -> Result<Option<Answer>, Refused<Rejection>> {
        let Some(request_id) = &request.request_id else {
            return Ok(None);
        };
        let row = Lookup(&self.staging).request(request_id.as_str()).map_err(view_failed)?;
        match row {
            None => Ok(None),
            Some(row) if row.payload_hash != request.payload_hash => {
                Err(Refused::Rules(Rejection::RequestIdReused))
            }
            Some(row) => Ok(Some(Answer::Replayed(Position::new(row.position), row.event_index))),
        }
    }

    fn commit(
        &mut self,
        slot: Slot,
        origin: &Origin<'_>,
        answered: Option<Answered>,
        decided: Decided,
        room: Room,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        let meta = CommitMeta { answered, followed: decided.followed, ..CommitMeta::default() };
        let following = decided.following.len();
        let mut events = decided.events;
        let certain = events.len();
        events.extend(decided.following);
        let mut events = codec::place(slot, origin, events);
        for event in &mut events {
            self.complete(slot, event)?;
        }
        let mut draft = codec::encode(self.identity, slot, &events, &meta);
        if following > 0 && !draft.fits() {
            keep_what_fits(&mut events, certain, draft.size());
            draft = codec::encode(self.identity, slot, &events, &meta);
        }
        if matches!(room, Room::Registry) && !draft.fits() {
            leave_out_former_themes(&mut events);
            draft = codec::encode(self.identity, slot, &events, &meta);
        }
        if matches!(room, Room::Registry) && !draft.fits() {
            leave_out_repeated_themes(&mut events);
            draft = codec::encode(self.identity, slot, &events, &meta);
        }
        if (events.is_empty() && following > 0) || draft.size() > room.bytes() {
            return Err(Refused::TooLarge);
        }
        self.stage(slot, &events, &meta, &draft.body)?;
        let answer = match room {
            Room::Registry if events.iter().all(is_of_memberships) => {
                Answer::Recorded { campaigns_to_close: false }
            }
            Room::Registry => self.recorded()?,
            _ => Answer::Done(Box::new(events.swap_remove(decided.answer)), slot.position),
        };
        Ok(Decision::Commit { draft, answer })
    }

    fn recorded(&self) -> Result<Answer, Refused<Rejection>> {
        let to_close = Lookup(&self.staging).to_close().map_err(view_failed)?;
        Ok(Answer::Recorded { campaigns_to_close: to_close.is_some() })
    }

    /// Who the events of a command say they come from.
    fn caller(&self, request: &Request) -> Result<Caller, Refused<Rejection>> {
        match request.command {
            Command::CloseCampaigns => {
                let to_close = Lookup(&self.staging).to_close().map_err(view_failed)?;
                Ok(Caller::from(to_close.map(|(_, cause)| cause).unwrap_or_default()))
            }
            _ => Ok(Caller::of(request)),
        }
    }

    fn stage(
        &mut self,
        slot: Slot,
        events: &[pb::Event],
        meta: &CommitMeta,
        body: &Bytes,
    ) -> Result<(), Refused<Rejection>> {
        if let Err(error) = view::fold(&mut self.staging, slot.position, events, meta) {
            self.staging.undo();
            return Err(view_failed(error));
        }
        self.staging.keep();
        self.unlisted.note(events, &meta.told_bytes);
        self.note(slot.position, events, body)
    }
}

impl Machine for FeedMachine {
    type Command = Request;
    type Answer = Answer;
    type Refusal = Rejection;

    fn decide(
        &mut self,
        slot: Slot,
        request: Request,
    ) -> Result<Decision<Answer>, Refused<Rejection>> {
        if let Some(answer) = self.known(&request)? {
            return Ok(Decision::Answer(answer));
        }
        let caller = self.caller(&request)?;
        let room = Room::of(&request.command);
        let decided = domain::decide(&Lookup(&self.staging), slot, request.command);
        let mut decided = decided.map_err(|undecided| match undecided {
            Undecided::Rejected(rejection) => Refused::Rules(rejection),
            Undecided::Unreadable(unreadable) => {
                Refused::Fault(Fault::caused("the view cannot be read", unreadable))
            }
        })?;
        if let Some(kept) = decided.kept {
            let answered = request.request_id.map(|request_id| Answered {
                request_id,
                payload_hash: request.payload_hash,
                event_index: 0,
            });
            return self.keep(slot, answered, request.validate_only, kept);
        }
        if decided.events.is_empty() && decided.following.is_empty() && decided.followed.is_none() {
            return self.recorded().map(Decision::Answer);
        }
        let origin = caller.origin();
        if request.validate_only || decided.unchanged {
            let event: NewEvent = decided.events.swap_remove(decided.answer);
            let mut event = codec::place(slot, &origin, vec![event]).swap_remove(0);
            self.complete(slot, &mut event)?;
            let checked_at = Position::new(slot.position.get() - 1);
            return Ok(Decision::Answer(Answer::Done(Box::new(event), checked_at)));
        }
        let answered = request.request_id.map(|request_id| Answered {
            request_id,
            payload_hash: request.payload_hash,
            event_index: u32::try_from(decided.answer).expect("a commit has few events"),
        });
        self.commit(slot, &origin, answered, decided, room)
    }

    fn settle(&mut self, last: Position, chain: Chain) -> Result<(), Fault> {
        self.contents.settled();
        self.unlisted.list(&mut self.staging).map_err(|error| view_fault(error, "read"))?;
        self.staging.keep();
        self.staging.settle(last, chain).map_err(|error| view_fault(error, "write"))
    }

    fn discard(&mut self) {
        self.contents.discarded();
        self.unlisted.clear();
        self.staging.discard();
    }

    fn to_erase(&mut self) -> Result<Vec<Position>, Fault> {
        self.due().map_err(|error| view_fault(error, "read"))
    }

    fn erased(&mut self, commit: &Commit) -> Result<Option<Erasure>, Fault> {
        self.without_content(commit)
    }

    fn applied(&self) -> Result<(Position, Chain), Fault> {
        self.staging.applied().map_err(|error| view_fault(error, "read"))
    }

    fn reset(&mut self) -> Result<(), Fault> {
        self.unlisted.clear();
        self.staging.reset().map_err(|error| view_fault(error, "empty"))
    }

    fn replay(&mut self, commit: &Commit) -> Result<(), Fault> {
        let decoded = codec::decode(commit).map_err(|corrupt| {
            Fault::caused(format!("commit {} is not of this feed", commit.position), corrupt)
        })?;
        view::fold(&mut self.staging, commit.position, &decoded.events, &decoded.meta)
            .map_err(|error| view_fault(error, "rebuild"))?;
        self.staging.keep();
        self.unlisted.note(&decoded.events, &decoded.meta.told_bytes);
        Ok(())
    }

    fn released(&mut self, last: Position) {
        // What was settled is all there is: nothing is staged between `settle` and this.
        match Lookup(&self.staging).place() {
            Ok(Some(registry)) => {
                self.following.send_if_modified(|following| {
                    let moved = following.is_none_or(|known| known.registry != registry);
                    if moved {
                        *following = Some(Following { registry, since: last });
                    }
                    moved
                });
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the place in the registry cannot be read"),
        }
    }
}

/// How much of a commit a command may use.
#[derive(Clone, Copy)]
enum Room {
    /// What makes or grows something leaves room for what it takes to close it: an end, a withdrawal, a
    /// handover to the heir of the network. Otherwise a campaign that fills a commit could never end.
    Usual,
    /// What completes or closes something.
    Closing,
    /// What follows from the registry.
    Registry,
}

impl Room {
    fn of(command: &Command) -> Room {
        match command {
            Command::RecordRegistryCommit(_) | Command::CloseCampaigns => Room::Registry,
            Command::SignStatement { .. }
            | Command::RetractStatement { .. }
            | Command::RedactStatement { .. }
            | Command::LeaveCampaign { .. }
            | Command::EndCampaign { .. } => Room::Closing,
            _ => Room::Usual,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Room::Usual => COMMIT_BYTES - CLOSING_BYTES,
            Room::Closing | Room::Registry => COMMIT_BYTES,
        }
    }
}

/// What closing takes at the most: a reason, the themes of this and another network, who led and where
/// from, and as many handovers as a campaign can have, each a name, a date and a position.
const CLOSING_BYTES: usize = 96 * 1024;
const _: () = assert!(
    4 * limits::REASON_CHARACTERS
        + 2 * limits::THEMES * (4 * limits::THEME_CHARACTERS + 4)
        + (limits::LEADS + 1) * (limits::ID_CHARACTERS + 20)
        + limits::HANDOVERS * 200
        + 16 * 1024
        < CLOSING_BYTES
);

/// Keeps of the events that each stand for themselves, from `certain` on, as many from the front as fit.
fn keep_what_fits(events: &mut Vec<pb::Event>, certain: usize, mut size: usize) {
    while size > COMMIT_BYTES && events.len() > certain {
        let dropped = events.pop().map_or(0, |event| event.encoded_len());
        // Without its tag and length, which only makes the estimate of the rest too large.
        size -= dropped;
    }
}

/// Who an event says it comes from.
struct Caller {
    principal: String,
    request_id: String,
    registry_position: u64,
}

impl From<CauseRow> for Caller {
    fn from(cause: CauseRow) -> Caller {
        let CauseRow { principal, request_id, registry_position } = cause;
        Caller { principal, request_id, registry_position }
    }
}

impl Caller {
    fn of(request: &Request) -> Caller {
        if let Command::RecordRegistryCommit(commit) = &request.command {
            return Caller {
                principal: commit.principal.clone(),
                request_id: commit.request_id.clone(),
                registry_position: commit.place.position.get(),
            };
        }
        let request_id = request.request_id.as_ref();
        Caller {
            principal: request.principal.clone(),
            request_id: request_id.map(ToString::to_string).unwrap_or_default(),
            registry_position: 0,
        }
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            principal: &self.principal,
            request_id: &self.request_id,
            registry_position: self.registry_position,
        }
    }
}

/// Whether no network can end and no campaign go on by an event.
fn is_of_memberships(event: &pb::Event) -> bool {
    matches!(event.body, Some(Body::MemberBody(_) | Body::MembershipBody(_)))
}

/// A commit of the registry holds what is; what was before may be larger than all of it, when a thousand
/// networks lose all their themes at once.
fn leave_out_former_themes(events: &mut [pb::Event]) {
    tracing::warn!(
        events = events.len(),
        "events of a large commit are told without former themes"
    );
    for former in events.iter_mut().filter_map(|event| event.former.as_mut()) {
        former.themes.clear();
    }
    let nothing = Some(pb::Former::default());
    for event in events.iter_mut().filter(|event| event.former == nothing) {
        event.former = None;
    }
}

/// A membership says nothing of the themes of its network, so that a thousand of them may grow beyond
/// every limit. Everything else fits ([`limits::REGISTRY_COMMIT_BYTES`]).
fn leave_out_repeated_themes(events: &mut [pb::Event]) {
    tracing::warn!(events = events.len(), "events of a large commit are told without themes");
    for event in events {
        if matches!(event.body, Some(Body::MembershipBody(_))) {
            event.themes.clear();
        }
    }
}

fn view_failed(error: ViewError) -> Refused<Rejection> {
    Refused::Fault(view_fault(error, "read"))
}

fn view_fault(error: ViewError, doing: &str) -> Fault {
    Fault::caused(format!("cannot {doing} the view"), error)
}

mod contents;
mod keeping;

use contents::Contents;
pub(crate) use contents::ReadCommit;

#[cfg(test)]
mod large;
#[cfg(test)]
mod tests;
