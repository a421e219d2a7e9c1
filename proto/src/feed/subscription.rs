//! A subscription that the feed keeps under a name, strict: its filter and how far it has come.

pub use crate::enums::feed::SubscriptionState;

use bytes::Bytes;

use super::{Cursor, Filter};
use crate::fields::Fields;
use crate::ids::SubscriptionId;
use crate::path::Path;
use crate::pb::feed::v1 as pb;
use crate::stored::{self, Corrupt};
use crate::violation::Violations;

/// A filter and a cursor that the feed keeps under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub id: SubscriptionId,
    /// Which events. Never changes.
    pub filter: Filter,
    /// Everything up to here was dealt with. None: from the beginning.
    pub cursor: Option<Cursor>,
    /// When the cursor was last committed, in microseconds since 1970-01-01 UTC; 0 before that. Set by
    /// the feed.
    pub committed_at_micros: i64,
    /// Position of its last change. Set by the feed.
    pub updated_position: u64,
}

impl Subscription {
    /// From a message of a request.
    pub fn parse(
        message: pb::Subscription,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Subscription> {
        Subscription::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// The etag: another one after each commit of a cursor, never empty.
    pub fn etag(&self) -> String {
        format!("{:x}", self.updated_position)
    }

    /// As a message, without what is true only for a moment: lag, state and streams.
    pub fn to_pb(&self) -> pb::Subscription {
        pb::Subscription {
            name: self.id.to_string(),
            filter: Some(self.filter.to_pb()),
            cursor: self.cursor.map_or_else(Bytes::new, |cursor| cursor.encode()),
            position: self.cursor.map_or(0, |cursor| cursor.position),
            committed_at: stored::timestamp(self.committed_at_micros),
            etag: self.etag(),
            ..pb::Subscription::default()
        }
    }

    /// From our own stored message, with what the feed set.
    pub fn from_stored(message: pb::Subscription) -> Result<Subscription, Corrupt> {
        stored::read(message, |message, fields| {
            let committed_at_micros = stored::micros(message.committed_at);
            let updated_position = u64::from_str_radix(&message.etag, 16);
            let updated_position =
                updated_position.map_err(|_| fields.refuse("etag", "must be a position")).ok();
            let subscription = Subscription::read(message, fields)?;
            let updated_position = updated_position?;
            Some(Subscription { committed_at_micros, updated_position, ..subscription })
        })
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Subscription, fields: &mut Fields<'_>) -> Option<Subscription> {
        let id = fields.required_name("name", &message.name, SubscriptionId::parse);
        let filter = message.filter.unwrap_or_default();
        let filter = fields.message("filter", Some(filter), Filter::read);
        let cursor = match message.cursor.is_empty() {
            true => None,
            false => Cursor::decode(&message.cursor)
                .map_err(|problem| fields.refuse("cursor", problem))
                .ok(),
        };
        if fields.violated() {
            return None;
        }
        Some(Subscription {
            id: id?,
            filter: filter?,
            cursor,
            committed_at_micros: 0,
            updated_position: 0,
        })
    }
}
