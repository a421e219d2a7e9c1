//! The state at one position, and how it is read.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::registry::v1 as registry;
use prost::Message;

/// The state at one position.
#[derive(Debug, Default)]
pub struct Present {
    pub(super) position: u64,
    pub(super) networks: BTreeMap<String, registry::Network>,
    pub(super) members: BTreeMap<String, registry::Member>,
    pub(super) memberships: BTreeMap<String, registry::Membership>,
    /// Names of the memberships of each member.
    pub(super) of_member: BTreeMap<String, BTreeSet<String>>,
    /// How many active members each network has, as held here. None: not all of them are.
    pub(super) active: Option<BTreeMap<String, i64>>,
    pub(super) statements: BTreeMap<String, Told<pb::Statement>>,
    pub(super) campaigns: BTreeMap<String, Told<pb::Campaign>>,
    pub(super) bytes: usize,
}

/// A resource, and the position of the event whose body it was: what else that commit tells is in it.
#[derive(Debug)]
pub(super) struct Told<R> {
    pub(super) resource: R,
    pub(super) at: u64,
}

/// How much is held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Networks.
    pub networks: usize,
    /// Members.
    pub members: usize,
    /// Memberships.
    pub memberships: usize,
    /// Statements.
    pub statements: usize,
    /// Campaigns.
    pub campaigns: usize,
    /// Bytes of all of them as messages; in memory they take two to four times as much.
    pub bytes: usize,
}

impl Present {
    /// Everything up to here is in it, and nothing after. 0: nothing was received yet.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// A network, with its active members as they are held here; with a filter on members or countries
    /// as it was last told.
    pub fn network(&self, name: &str) -> Option<registry::Network> {
        self.networks.get(name).map(|network| self.counted(network))
    }

    /// All networks by name.
    pub fn networks(&self) -> impl Iterator<Item = registry::Network> {
        self.networks.values().map(|network| self.counted(network))
    }

    fn counted(&self, network: &registry::Network) -> registry::Network {
        let mut network = network.clone();
        if let Some(active) = &self.active {
            network.active_member_count = active.get(&network.name).copied().unwrap_or(0);
        }
        network
    }

    /// A member.
    pub fn member(&self, name: &str) -> Option<&registry::Member> {
        self.members.get(name)
    }

    /// All members by name.
    pub fn members(&self) -> impl Iterator<Item = &registry::Member> {
        self.members.values()
    }

    /// A membership, `networks/{network}/memberships/{member}`.
    pub fn membership(&self, name: &str) -> Option<&registry::Membership> {
        self.memberships.get(name)
    }

    /// All memberships by name, also those that ended.
    pub fn memberships(&self) -> impl Iterator<Item = &registry::Membership> {
        self.memberships.values()
    }

    /// Memberships of a network by member.
    pub fn memberships_of_network(
        &self,
        name: &str,
    ) -> impl Iterator<Item = &registry::Membership> {
        let prefix = format!("{name}/");
        let rest = self.memberships.range(prefix.clone()..);
        rest.take_while(move |(name, _)| name.starts_with(&prefix)).map(|(_, each)| each)
    }

    /// Memberships of a member by network.
    pub fn memberships_of_member(&self, name: &str) -> impl Iterator<Item = &registry::Membership> {
        let names = self.of_member.get(name).into_iter().flatten();
        names.filter_map(|name| self.memberships.get(name))
    }

    /// A statement, also one that is superseded, retracted or redacted: its `state` says so. With a filter
    /// on members or countries its signatures are those last told.
    pub fn statement(&self, name: &str) -> Option<&pb::Statement> {
        self.statements.get(name).map(|told| &told.resource)
    }

    /// All statements by name.
    pub fn statements(&self) -> impl Iterator<Item = &pb::Statement> {
        self.statements.values().map(|told| &told.resource)
    }

    /// A campaign that runs. With a filter on members or countries its participants are those last told.
    pub fn campaign(&self, name: &str) -> Option<&pb::Campaign> {
        self.campaigns.get(name).map(|told| &told.resource)
    }

    /// All campaigns that run by name.
    pub fn campaigns(&self) -> impl Iterator<Item = &pb::Campaign> {
        self.campaigns.values().map(|told| &told.resource)
    }

    /// How much is held.
    pub fn size(&self) -> Size {
        Size {
            networks: self.networks.len(),
            members: self.members.len(),
            memberships: self.memberships.len(),
            statements: self.statements.len(),
            campaigns: self.campaigns.len(),
            bytes: self.bytes,
        }
    }

    /// Counts what took the place of something, or of nothing.
    pub(super) fn replaced<R: Message>(&mut self, before: Option<&R>, after: Option<&R>) {
        self.bytes += after.map_or(0, Message::encoded_len);
        self.bytes -= before.map_or(0, Message::encoded_len);
    }
}
