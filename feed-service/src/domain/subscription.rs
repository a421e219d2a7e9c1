//! Named subscriptions: making one, committing its cursor, deleting it. They are no events: who
//! subscribes is nobody's news.

use hansa_journal::Slot;
use hansa_proto::feed::{Cursor, Subscription};
use hansa_proto::ids::SubscriptionId;
use hansa_proto::limits;

use super::{Decided, Rejection, State, Undecided};

const KIND: &str = "hansa.feed.v1.Subscription";

/// What becomes of a named subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is so from now on.
    Now(Box<Subscription>),
    /// It is no more.
    Deleted(SubscriptionId),
}

/// Keeps a subscription under a name that is not taken, unless there are too many.
pub(super) fn create(
    state: &dyn State,
    slot: Slot,
    subscription: Subscription,
) -> Result<Decided, Undecided> {
    if state.subscription(&subscription.id)?.is_some() {
        let name = subscription.id.to_string();
        return Err(Rejection::AlreadyExists { kind: KIND, name }.into());
    }
    if state.subscription_count()? >= limits::SUBSCRIPTIONS {
        return Err(Rejection::TooManySubscriptions { limit: limits::SUBSCRIPTIONS }.into());
    }
    let made = Subscription {
        committed_at_micros: 0,
        updated_position: slot.position.get(),
        ..subscription
    };
    Ok(kept(Kept::Now(Box::new(made))))
}

/// Moves the cursor forwards, from the one expected if there is one. Never back.
pub(super) fn commit_cursor(
    state: &dyn State,
    slot: Slot,
    id: &SubscriptionId,
    cursor: Cursor,
    expected: Option<Cursor>,
) -> Result<Decided, Undecided> {
    let known = existing(state, id)?;
    let committed = known.cursor.map_or(0, |cursor| cursor.position);
    if let Some(expected) = expected.filter(|expected| expected.position != committed) {
        return Err(Rejection::EtagMismatch {
            expected: expected.position.to_string(),
            actual: committed.to_string(),
        }
        .into());
    }
    if cursor.position < committed {
        return Err(Rejection::CursorBehind { committed, given: cursor.position }.into());
    }
    Ok(kept(Kept::Now(Box::new(Subscription {
        cursor: Some(cursor),
        committed_at_micros: slot.recorded_at_micros,
        updated_position: slot.position.get(),
        ..known
    }))))
}

/// Deletes it.
pub(super) fn delete(state: &dyn State, id: SubscriptionId) -> Result<Decided, Undecided> {
    existing(state, &id)?;
    Ok(kept(Kept::Deleted(id)))
}

fn existing(state: &dyn State, id: &SubscriptionId) -> Result<Subscription, Undecided> {
    let found = state.subscription(id)?;
    found.ok_or_else(|| Rejection::NotFound { kind: KIND, name: id.to_string() }.into())
}

fn kept(kept: Kept) -> Decided {
    Decided { kept: Some(kept), ..Decided::events(Vec::new()) }
}
