//! What follows from a commit of the registry: one event for each of its changes, and how far it is
//! followed.

use std::collections::HashMap;

use hansa_journal::{Chain, JournalId, Position};
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::EventKind;
use hansa_proto::ids::{MemberId, NetworkId};
use hansa_proto::registry::{ChangeKind, Member, Membership, Network};

use super::{Body, Decided, NewEvent, Rejection, State, Undecided, Unreadable};

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
pub(super) fn record(state: &dyn State, commit: RegistryCommit) -> Result<Decided, Undecided> {
    let followed = state.followed()?;
    if followed.is_some_and(|followed| followed.identity != commit.place.identity) {
        return Err(Rejection::RegistryForeign.into());
    }
    let last = followed.map_or(Position::ORIGIN, |followed| followed.position);
    if commit.place.position <= last {
        return Ok(Decided { events: Vec::new(), answer: 0, followed: None });
    }
    if commit.place.position != last.next() {
        let (followed, position) = (last.get(), commit.place.position.get());
        return Err(Rejection::RegistryGap { followed, position }.into());
    }
    let mut known = Known { state, networks: HashMap::new(), members: HashMap::new() };
    let mut events = Vec::with_capacity(commit.changes.len());
    for change in commit.changes {
        events.push(known.event(change)?);
    }
    Ok(Decided { events, answer: 0, followed: Some(commit.place) })
}

/// The projection with what this commit has changed so far on top.
struct Known<'s> {
    state: &'s dyn State,
    networks: HashMap<NetworkId, Vec<String>>,
    members: HashMap<MemberId, Option<Country>>,
}

impl Known<'_> {
    fn event(&mut self, change: RegistryChange) -> Result<NewEvent, Unreadable> {
        let kind = event_kind(change.kind);
        let occurred_at = change.occurred_at;
        match change.resource {
            RegistryResource::Network(network, active_members) => {
                self.networks.insert(network.id.clone(), network.themes.clone());
                Ok(NewEvent {
                    kind,
                    network: Some(network.id.clone()),
                    members: Vec::new(),
                    countries: Vec::new(),
                    themes: network.themes.clone(),
                    campaign: None,
                    occurred_at,
                    body: Body::Network(network, active_members),
                })
            }
            RegistryResource::Member(member) => {
                self.members.insert(member.id.clone(), member.country);
                Ok(NewEvent {
                    kind,
                    network: None,
                    members: vec![member.id.clone()],
                    countries: member.country.into_iter().collect(),
                    themes: Vec::new(),
                    campaign: None,
                    occurred_at,
                    body: Body::Member(member),
                })
            }
            RegistryResource::Membership(membership) => Ok(NewEvent {
                kind,
                countries: self.country(&membership.id.member)?.into_iter().collect(),
                themes: self.themes(&membership.id.network)?,
                network: Some(membership.id.network.clone()),
                members: vec![membership.id.member.clone()],
                campaign: None,
                occurred_at,
                body: Body::Membership(membership),
            }),
        }
    }

    fn themes(&self, network: &NetworkId) -> Result<Vec<String>, Unreadable> {
        if let Some(themes) = self.networks.get(network) {
            return Ok(themes.clone());
        }
        Ok(self.state.network(network)?.map(|facts| facts.themes).unwrap_or_default())
    }

    fn country(&self, member: &MemberId) -> Result<Option<Country>, Unreadable> {
        if let Some(country) = self.members.get(member) {
            return Ok(*country);
        }
        Ok(self.state.member(member)?.and_then(|facts| facts.country))
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
