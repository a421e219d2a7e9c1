//! What the registry holds of what a table is about.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::ids::{MemberId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use pb::export_response::Message;

use super::TableError;
use crate::Registry;

/// Networks, names of members, and memberships, at one position.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Networks by id.
    pub networks: BTreeMap<String, pb::Network>,
    /// Ids of members.
    pub members: BTreeSet<String>,
    /// Memberships by ids of network and member.
    pub memberships: BTreeMap<(String, String), pb::Membership>,
}

impl Held {
    /// Asks the registry for everything it holds.
    pub async fn ask(registry: &Registry) -> Result<Held, TableError> {
        let mut client = registry.registry.clone();
        let mut messages = client.export(pb::ExportRequest::default()).await?.into_inner();
        let (mut held, mut whole) = (Held::default(), false);
        while let Some(message) = messages.message().await? {
            match message.message {
                Some(Message::Rows(rows)) => held.take(rows),
                Some(Message::End(_)) => whole = true,
                Some(Message::Header(_)) | None => {}
            }
        }
        match whole {
            true => Ok(held),
            false => Err(TableError::Unfinished),
        }
    }

    fn take(&mut self, rows: pb::ExportRows) {
        let bare = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        self.networks.extend(rows.networks.into_iter().map(|it| (bare(&it.name), it)));
        self.members.extend(rows.members.iter().map(|it| bare(&it.name)));
        let memberships = rows.memberships.into_iter();
        self.memberships.extend(memberships.map(|it| ((bare(&it.network), bare(&it.member)), it)));
    }

    /// The network of a cell or a header: by id, or by a name that only it has.
    pub(super) fn network(&self, text: &str) -> Option<NetworkId> {
        if let Ok(id) = NetworkId::parse(text).or_else(|_| NetworkId::from_id(text))
            && self.networks.contains_key(id.id())
        {
            return Some(id);
        }
        let called = |network: &&pb::Network| {
            network.names.iter().any(|name| name.text.to_lowercase() == text.to_lowercase())
        };
        let mut found = self.networks.values().filter(called);
        match (found.next(), found.next()) {
            (Some(only), None) => NetworkId::parse(&only.name).ok(),
            _ => None,
        }
    }

    /// The member of an id, bare or in full.
    pub(super) fn member(&self, text: &str) -> Option<MemberId> {
        let id = MemberId::parse(text).or_else(|_| MemberId::from_id(text)).ok()?;
        self.members.contains(id.id()).then_some(id)
    }
}
