//! What follows from a commit of the registry: one event for each of its changes, what becomes of the
//! campaigns of networks that end in it, and how far it is followed.

use std::collections::{BTreeMap, HashMap};

use hansa_journal::{Chain, JournalId, Position, Slot};
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::EventKind;
use hansa_proto::ids::{MemberId, NetworkId};
use hansa_proto::limits;
use hansa_proto::registry::{ChangeKind, Member, Membership, Network, NetworkState, RelationKind};

use super::{
    Body, Decided, Former, NetworkFacts, NewEvent, Rejection, State, Undecided, Unreadable, closing,
};

/// How far the registry is followed, and which registry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    /// The registry's position.
    pub(crate) position: Position,
    /// The registry's chain value there.
    pub(crate) chain: Chain,
    /// The registry's journal.
    pub(crate) identity: JournalId,
}

/// A commit of the registry.
#[derive(Clone, Debug)]
pub(crate) struct RegistryCommit {
    /// Where it stands, and in which journal.
    pub(crate) place: Followed,
    /// The identity under which the registry vouched for the history up to where it was followed, when
    /// it has gone on under another since.
    pub(crate) continues: Option<JournalId>,
    /// Who asked the registry for it.
    pub(crate) principal: String,
    /// The request that asked the registry for it; may be empty.
    pub(crate) request_id: String,
    /// What changed, in order.
    pub(crate) changes: Vec<RegistryChange>,
}

/// One change of one resource of the registry.
#[derive(Clone, Debug)]
pub(crate) struct RegistryChange {
    /// What happened.
    pub(crate) kind: ChangeKind,
    /// When it happened in the world.
    pub(crate) occurred_at: Option<PartialDate>,
    /// The resource after the change.
    pub(crate) resource: RegistryResource,
}

/// A resource of the registry.
#[derive(Clone, Debug)]
pub(crate) enum RegistryResource {
    /// A network, with how many active members the registry counts.
    Network(Box<Network>, i64),
    /// A member.
    Member(Box<Member>),
    /// A membership.
    Membership(Box<Membership>),
}

/// Records the next commit; one that was recorded before changes nothing.
pub(super) fn record(
    state: &dyn State,
    slot: Slot,
    commit: RegistryCommit,
) -> Result<Decided, Undecided> {
    let followed = state.followed()?;
    let same = |identity| identity == commit.place.identity || Some(identity) == commit.continues;
    if followed.is_some_and(|followed| !same(followed.identity)) {
        return Err(Rejection::RegistryForeign.into());
    }
    let last = followed.map_or(Position::ORIGIN, |followed| followed.position);
    if commit.place.position <= last {
        return Ok(Decided::events(Vec::new()));
    }
    if commit.place.position != last.next() {
        let (followed, position) = (last.get(), commit.place.position.get());
        return Err(Rejection::RegistryGap { followed, position }.into());
    }
    let mut known = Known::new(state);
    let mut events = Vec::with_capacity(commit.changes.len());
    for change in commit.changes {
        events.push(known.event(change)?);
    }
    let mut following = Vec::new();
    for network in known.ended() {
        let room = limits::COMMIT_CHANGES.saturating_sub(events.len() + following.len());
        following.extend(closing::closings(&known, slot, &network, room)?);
    }
    Ok(Decided { following, followed: Some(commit.place), ..Decided::events(events) })
}

/// The projection with what this commit has changed so far on top.
pub(super) struct Known<'s> {
    pub(super) state: &'s dyn State,
    networks: BTreeMap<NetworkId, NetworkFacts>,
    members: HashMap<MemberId, Option<Country>>,
}

impl<'s> Known<'s> {
    /// Nothing has changed yet.
    pub(super) fn new(state: &'s dyn State) -> Known<'s> {
        Known { state, networks: BTreeMap::new(), members: HashMap::new() }
    }

    /// The networks that this commit leaves ended or merged, in the order of their names.
    fn ended(&self) -> Vec<NetworkId> {
        let ended = self.networks.iter().filter(|(_, facts)| facts.ended);
        ended.map(|(id, _)| id.clone()).collect()
    }

    fn event(&mut self, change: RegistryChange) -> Result<NewEvent, Unreadable> {
        let kind = event_kind(change.kind);
        let occurred_at = change.occurred_at;
        match change.resource {
            RegistryResource::Network(network, active_members) => {
                let themes = self.themes(&network.id)?;
                self.networks.insert(network.id.clone(), facts(&network));
                let event = NewEvent {
                    kind,
                    network: Some(network.id.clone()),
                    members: Vec::new(),
                    countries: Vec::new(),
                    themes: network.themes.clone(),
                    campaign: None,
                    occurred_at,
                    former: Former::default(),
                    body: Body::Network(network, active_members),
                };
                Ok(event.after(Former { themes, ..Former::default() }))
            }
            RegistryResource::Member(member) => {
                let countries = self.country(&member.id)?.into_iter().collect();
                self.members.insert(member.id.clone(), member.country);
                let event = NewEvent {
                    kind,
                    network: None,
                    members: vec![member.id.clone()],
                    countries: member.country.into_iter().collect(),
                    themes: Vec::new(),
                    campaign: None,
                    occurred_at,
                    former: Former::default(),
                    body: Body::Member(member),
                };
                Ok(event.after(Former { countries, ..Former::default() }))
            }
            RegistryResource::Membership(membership) => Ok(NewEvent {
                kind,
                countries: self.country(&membership.id.member)?.into_iter().collect(),
                themes: self.themes(&membership.id.network)?,
                network: Some(membership.id.network.clone()),
                members: vec![membership.id.member.clone()],
                campaign: None,
                occurred_at,
                former: Former::default(),
                body: Body::Membership(membership),
            }),
        }
    }

    fn themes(&self, network: &NetworkId) -> Result<Vec<String>, Unreadable> {
        Ok(self.network(network)?.map(|facts| facts.themes).unwrap_or_default())
    }

    /// A network.
    pub(super) fn network(&self, id: &NetworkId) -> Result<Option<NetworkFacts>, Unreadable> {
        match self.networks.get(id) {
            Some(facts) => Ok(Some(facts.clone())),
            None => self.state.network(id),
        }
    }

    /// The country of a member.
    pub(super) fn country(&self, member: &MemberId) -> Result<Option<Country>, Unreadable> {
        if let Some(country) = self.members.get(member) {
            return Ok(*country);
        }
        Ok(self.state.member(member)?.and_then(|facts| facts.country))
    }
}

/// What the feed needs to know of a network. The relation to the network it merged into is the last of
/// its kind.
fn facts(network: &Network) -> NetworkFacts {
    let merged = network.state == NetworkState::Merged;
    let mut relations = network.relations.iter().rev();
    let heir = relations.find(|relation| relation.kind == RelationKind::MergedInto);
    NetworkFacts {
        ended: merged || network.state == NetworkState::Ended,
        ended_on: network.ended,
        merged_into: heir.filter(|_| merged).map(|relation| relation.network.clone()),
        themes: network.themes.clone(),
    }
}

/// How the feed tells a change of the registry.
fn event_kind(kind: ChangeKind) -> EventKind {
    match kind {
        ChangeKind::NetworkCreated => EventKind::NetworkFounded,
        ChangeKind::NetworkUpdated => EventKind::NetworkUpdated,
        ChangeKind::NetworkRelated => EventKind::NetworkRelated,
        ChangeKind::NetworkEnded => EventKind::NetworkEnded,
        ChangeKind::MemberCreated => EventKind::MemberRecorded,
        ChangeKind::MemberUpdated => EventKind::MemberUpdated,
        ChangeKind::MemberRetired => EventKind::MemberRetired,
        ChangeKind::MembershipApplied => EventKind::Applied,
        ChangeKind::MembershipInvited => EventKind::Invited,
        ChangeKind::MembershipJoined => EventKind::Joined,
        ChangeKind::MembershipRejected => EventKind::Rejected,
        ChangeKind::MembershipChanged => EventKind::MembershipChanged,
        ChangeKind::MembershipSuspended => EventKind::Suspended,
        ChangeKind::MembershipReinstated => EventKind::Reinstated,
        ChangeKind::MembershipEnded => EventKind::Left,
    }
}
