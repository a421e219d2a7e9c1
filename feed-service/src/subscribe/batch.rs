//! How commits become batches: whole commits, in order, up to the caps; a commit above them still comes
//! whole, alone.

use std::collections::VecDeque;

use hansa_journal::Position;
use hansa_proto::pb::feed::v1 as pb;
use prost::Message;

use super::replay::Unread;
use crate::codec::{self, Corrupt};
use crate::filter::Matcher;

/// Most of one batch, large commits apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    /// Events.
    pub(super) events: u32,
    /// Bytes.
    pub(super) bytes: u32,
}

/// What a run of commits came to.
pub(super) struct Taken {
    /// Events that match; empty when none did.
    pub(super) events: Vec<pb::Event>,
    /// Everything up to here is in `events` or does not match.
    pub(super) up_to: Position,
    /// Events looked at, or jumped over, after the last that matched.
    pub(super) passed_over: usize,
}

/// Takes commits from the front until the caps are reached, or so many events were passed over that a
/// sign of life is due. None when there are no commits.
pub(super) fn take(
    unread: &mut VecDeque<Unread>,
    matcher: &Matcher,
    caps: Caps,
    patience: usize,
) -> Result<Option<Taken>, Corrupt> {
    let mut taken: Option<Taken> = None;
    let mut bytes = 0;
    while let Some(next) = unread.front_mut() {
        let before = Position::new(next.commit.position.get() - 1);
        let so_far = taken.get_or_insert_with(|| Taken {
            events: Vec::new(),
            up_to: before,
            passed_over: 0,
        });
        // What was jumped over is told before what comes after it.
        so_far.passed_over += std::mem::take(&mut next.jumped);
        if so_far.passed_over >= patience {
            so_far.up_to = before;
            break;
        }
        let mut events = codec::decode_events(&next.commit.body)?;
        let looked_at = events.len();
        events.retain(|event| matcher.matches(event));
        let more: usize = events.iter().map(Message::encoded_len).sum();
        let full = so_far.events.len() + events.len() > caps.events as usize
            || bytes + more > caps.bytes as usize;
        if full && !so_far.events.is_empty() && !events.is_empty() {
            break;
        }
        so_far.up_to = next.commit.position;
        so_far.passed_over = if events.is_empty() { so_far.passed_over + looked_at } else { 0 };
        so_far.events.append(&mut events);
        bytes += more;
        unread.pop_front();
        if so_far.passed_over >= patience {
            break;
        }
    }
    Ok(taken)
}
