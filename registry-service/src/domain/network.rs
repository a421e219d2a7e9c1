//! What happens to networks: created, updated, ended or merged, related.

use std::sync::Arc;

use hansa_journal::Slot;
use hansa_proto::common::Source;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::NetworkId;
use hansa_proto::limits;
use hansa_proto::registry::{
    ChangeKind, EndReason, Network, NetworkPatch, NetworkState, Relation, RelationKind,
};

use super::membership::ended_membership;
use super::{
    Change, Part, Rejection, Resource, Rule, Rules, State, StateError, Stretch, Target, Undecided,
};
use super::{check_etag, created, ending, touched};

/// Change what is known of a network.
#[derive(Clone, Debug)]
pub(crate) struct UpdateNetwork {
    /// Which.
    pub(crate) network: NetworkId,
    /// The new values.
    pub(crate) patch: NetworkPatch,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

/// End a network or merge it into another.
#[derive(Clone, Debug)]
pub(crate) struct EndNetwork {
    /// Which.
    pub(crate) network: NetworkId,
    /// When it ended.
    pub(crate) ended: Option<PartialDate>,
    /// The network it went into.
    pub(crate) merged_into: Option<NetworkId>,
    /// Who says so.
    pub(crate) sources: Vec<Source>,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

/// Record how a network stands to another.
#[derive(Clone, Debug)]
pub(crate) struct RelateNetworks {
    /// Which.
    pub(crate) network: NetworkId,
    /// How it stands to the other.
    pub(crate) relation: Relation,
    /// The etag the caller has seen.
    pub(crate) etag: Option<String>,
}

pub(super) fn has_ended(network: &Network) -> bool {
    matches!(network.state, NetworkState::Ended | NetworkState::Merged)
}

pub(super) fn create(
    state: &dyn State,
    slot: Slot,
    network: Network,
) -> Result<Vec<Change>, Undecided> {
    if state.network(&network.id)?.is_some() {
        return Err(Rejection::AlreadyExists(Target::Network(network.id)).into());
    }
    let mut rules = Rules::default();
    rules.refuse_if(
        has_ended(&network) || network.ended.is_some(),
        Rule::StateNotReachable,
        &network.id,
        "a network is created announced, active or dormant, and ended afterwards",
    );
    for relation in &network.relations {
        check_relation(state, &network.id, &relation.network, &mut rules)?;
    }
    rules.finish()?;

    let network = Network { recorded: created(slot), ..network };
    Ok(vec![change(ChangeKind::NetworkCreated, network.founded, network)])
}

pub(super) fn update(
    state: &dyn State,
    slot: Slot,
    update: UpdateNetwork,
) -> Result<Vec<Change>, Undecided> {
    let network = find(state, &update.network)?;
    check_etag(update.etag.as_deref(), Some(&network.recorded))?;
    let patched = network.patched(&update.patch);

    let mut rules = Rules::default();
    rules.refuse_if(
        patched.state != network.state && (has_ended(&network) || has_ended(&patched)),
        Rule::StateNotReachable,
        &network.id,
        format_args!(
            "{} cannot become {} by an update",
            network.state.as_str(),
            patched.state.as_str()
        ),
    );
    rules.finish()?;

    if patched == *network {
        return Ok(Vec::new());
    }
    let patched = Network { recorded: touched(&network.recorded, slot), ..patched };
    Ok(vec![change(ChangeKind::NetworkUpdated, None, patched)])
}

pub(super) fn end(
    state: &dyn State,
    slot: Slot,
    end: &EndNetwork,
    stretch: Stretch<'_>,
) -> Result<Part, Undecided> {
    let network = find(state, &end.network)?;
    check_etag(end.etag.as_deref(), Some(&network.recorded))?;

    let mut rules = Rules::default();
    rules.refuse_if(
        has_ended(&network),
        Rule::NetworkEnded,
        &network.id,
        "the network has ended already",
    );
    if let Some(into) = &end.merged_into {
        check_relation(state, &network.id, into, &mut rules)?;
    }
    let ended = merged(&network, end, slot);
    check_room(&ended, &mut rules);
    rules.finish()?;

    let open = state.open_of_network(&network.id, stretch.after, stretch.changes)?;
    let leave = |held| ended_membership(held, slot, end.ended, EndReason::NetworkEnded, "");
    Ok(ending(open, stretch, leave, change(ChangeKind::NetworkEnded, end.ended, ended)))
}

/// The network as it is once it has ended or gone into another.
fn merged(network: &Network, end: &EndNetwork, slot: Slot) -> Network {
    let mut ended = network.clone();
    ended.state = NetworkState::Ended;
    ended.ended = end.ended;
    ended.sources.extend(end.sources.iter().cloned());
    ended.recorded = touched(&network.recorded, slot);
    if let Some(into) = &end.merged_into {
        ended.state = NetworkState::Merged;
        let relation = Relation {
            kind: RelationKind::MergedInto,
            network: into.clone(),
            kind_stated: String::new(),
            since: end.ended,
            note: String::new(),
            sources: end.sources.iter().take(limits::PART_SOURCES).cloned().collect(),
        };
        if !stands(network, &relation) {
            ended.relations.push(relation);
        }
    }
    ended
}

pub(super) fn relate(
    state: &dyn State,
    slot: Slot,
    relate: RelateNetworks,
) -> Result<Vec<Change>, Undecided> {
    let network = find(state, &relate.network)?;
    check_etag(relate.etag.as_deref(), Some(&network.recorded))?;
    let mut rules = Rules::default();
    check_relation(state, &network.id, &relate.relation.network, &mut rules)?;
    if stands(&network, &relate.relation) {
        rules.finish()?;
        return Ok(Vec::new());
    }

    let since = relate.relation.since;
    let mut related = Arc::unwrap_or_clone(network);
    related.relations.push(relate.relation);
    related.recorded = touched(&related.recorded, slot);
    check_room(&related, &mut rules);
    rules.finish()?;
    Ok(vec![change(ChangeKind::NetworkRelated, since, related)])
}

/// Whether the same relation is recorded already: kind, network and date.
fn stands(network: &Network, relation: &Relation) -> bool {
    network.relations.iter().any(|known| {
        known.kind == relation.kind
            && known.network == relation.network
            && known.since == relation.since
    })
}

fn check_relation(
    state: &dyn State,
    id: &NetworkId,
    other: &NetworkId,
    rules: &mut Rules,
) -> Result<(), StateError> {
    if other == id {
        rules.refuse_if(
            true,
            Rule::SelfRelation,
            id,
            "a network cannot stand in a relation to itself",
        );
        return Ok(());
    }
    let unknown = state.network(other)?.is_none();
    rules.refuse_if(unknown, Rule::NetworkUnknown, other, format_args!("{other} does not exist"));
    Ok(())
}

fn check_room(network: &Network, rules: &mut Rules) {
    rules.refuse_if(
        network.relations.len() > limits::RELATIONS,
        Rule::LimitReached,
        &network.id,
        format_args!("a network has at most {} relations", limits::RELATIONS),
    );
    rules.refuse_if(
        network.sources.len() > limits::SOURCES,
        Rule::LimitReached,
        &network.id,
        format_args!("a network has at most {} sources", limits::SOURCES),
    );
}

pub(super) fn find(state: &dyn State, id: &NetworkId) -> Result<Arc<Network>, Undecided> {
    match state.network(id)? {
        Some(network) => Ok(network),
        None => Err(Rejection::NotFound(Target::Network(id.clone())).into()),
    }
}

fn change(kind: ChangeKind, occurred_at: Option<PartialDate>, network: Network) -> Change {
    Change { kind, occurred_at, resource: Resource::Network(Box::new(network)) }
}
