//! How commits become frames: whole commits, in order, a message each. One whose events all match goes out
//! as it is stored; one of which only some match is encoded anew, which is the exception.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use hansa_journal::{Commit, Excerpt, JournalId, Position, ReadLimit, Reader};
use hansa_proto::pb::feed::v1 as pb;
use pb::subscribe_response::Message;
use tonic::Status;

use crate::codec::{self, Corrupt};
use crate::filter::Matcher;
use crate::frames;
use crate::interests::Match;
use crate::status;

/// Most of what is made ready at once, large commits apart. A message holds one commit, so it keeps to any
/// caps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    /// Events.
    pub(super) events: u32,
    /// Bytes.
    pub(super) bytes: u32,
}

/// What a run of commits came to.
pub(super) struct Taken {
    /// Commits with events that match; empty when none did.
    pub(super) frames: Bytes,
    /// Everything up to here is in `frames` or does not match.
    pub(super) up_to: Position,
    /// Events looked at after the last that matched.
    pub(super) passed_over: usize,
}

/// What a subscriber wants of commits.
#[derive(Clone, Copy)]
pub(super) struct Sieve<'s> {
    pub(super) identity: JournalId,
    pub(super) matcher: &'s Matcher,
}

/// What a filter takes of commits of which is known how many events match.
pub(super) fn excerpt(identity: JournalId, matcher: Arc<Matcher>) -> Arc<Excerpt> {
    Arc::new(move |stored, matching, out| {
        if frames::count_events(stored.body) == usize::try_from(matching).ok() {
            frames::append(out, stored.body);
            return Ok(());
        }
        let body = Bytes::copy_from_slice(stored.body);
        let events = codec::decode_events(&body).map_err(|corrupt| corrupt.to_string())?;
        Sieve { identity, matcher: &matcher }.append(out, stored.position, &body, events);
        Ok(())
    })
}

/// Takes commits from the front until the caps are reached, or so many events were passed over that a
/// sign of life is due. None when there are no commits.
pub(super) fn take(
    unread: &mut VecDeque<Commit>,
    sieve: Sieve<'_>,
    caps: Caps,
    patience: usize,
) -> Result<Option<Taken>, Corrupt> {
    let Some(first) = unread.front() else {
        return Ok(None);
    };
    let mut out = BytesMut::new();
    let (mut up_to, mut passed_over) = (before(first.position), 0);
    while let Some(next) = unread.front() {
        if out.len() >= caps.bytes as usize {
            break;
        }
        let events = codec::decode_events(&next.body)?;
        let count = events.len();
        up_to = next.position;
        passed_over = match sieve.append(&mut out, up_to, &next.body, events) {
            true => 0,
            false => passed_over + count,
        };
        unread.pop_front();
        if passed_over >= patience {
            break;
        }
    }
    Ok(Some(Taken { frames: out.freeze(), up_to, passed_over }))
}

/// Takes commits that are known to match from the front, up to the caps, as long as all of their events do
/// and they stand in memory. None when the first is not such a one.
pub(super) fn take_recent(
    reader: &Reader,
    due: &mut VecDeque<Match>,
    caps: Caps,
) -> Option<(Bytes, Position)> {
    let recent = |due: &VecDeque<Match>| {
        let next = due.front().filter(|next| next.whole)?;
        Some((reader.recent_frame(next.position)?, next.position))
    };
    let (first, mut up_to) = recent(due)?;
    due.pop_front();
    let mut more = BytesMut::new();
    while first.len() + more.len() < caps.bytes as usize
        && let Some((frame, position)) = recent(due)
    {
        due.pop_front();
        more.extend_from_slice(&frame);
        up_to = position;
    }
    match more.is_empty() {
        true => Some((first, up_to)),
        false => Some(([first, more.freeze()].concat().into(), up_to)),
    }
}

/// Takes the first of the commits that are known to match, which must be there.
pub(super) async fn take_due(
    reader: &Reader,
    due: &mut VecDeque<Match>,
    sieve: Sieve<'_>,
) -> Result<(Bytes, Position), Status> {
    let first = due.front().expect("nobody asks when nothing is due").position;
    let one = ReadLimit { commits: 1, bytes: 0 };
    let commits = reader.read(before(first), one).await.map_err(status::journal_failed)?;
    due.pop_front();
    let frames = match commits.first() {
        Some(commit) => sieve.frame(commit).map_err(status::commit_corrupt)?,
        None => Bytes::new(),
    };
    Ok((frames, first))
}

impl Sieve<'_> {
    /// What is wanted of a commit, framed; empty when nothing is.
    pub(super) fn frame(self, commit: &Commit) -> Result<Bytes, Corrupt> {
        let mut out = BytesMut::new();
        let events = codec::decode_events(&commit.body)?;
        self.append(&mut out, commit.position, &commit.body, events);
        Ok(out.freeze())
    }

    /// Appends what is wanted of a commit with this body and these events, framed; whether anything is.
    fn append(
        self,
        out: &mut impl BufMut,
        position: Position,
        body: &[u8],
        mut events: Vec<pb::Event>,
    ) -> bool {
        let count = events.len();
        events.retain(|event| self.matcher.matches(event));
        if events.is_empty() {
            return false;
        }
        if events.len() == count {
            frames::append(out, body);
            return true;
        }
        let cursor = codec::cursor(self.identity, position);
        out.put_slice(&frames::message(Message::Batch(pb::Batch { events, cursor })));
        true
    }
}

fn before(position: Position) -> Position {
    Position::new(position.get().saturating_sub(1))
}
