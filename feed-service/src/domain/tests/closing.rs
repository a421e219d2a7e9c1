//! What becomes of the campaigns of a network that ends.

use hansa_proto::limits;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as registry;

use super::*;

const ENDED: i32 = registry::NetworkState::Ended as i32;
const MERGED: i32 = registry::NetworkState::Merged as i32;

/// The registry tells that a network is now so, having ended in 2020.
fn change(id: &str, state: i32, into: &str) -> RegistryChange {
    let network = registry::Network {
        name: format!("networks/{id}"),
        names: vec![common::Name { text: "Network".to_owned(), ..Default::default() }],
        kind: 1,
        themes: vec!["water".to_owned()],
        ended: Some(common::PartialDate { year: 2020, ..Default::default() }),
        relations: (!into.is_empty())
            .then(|| registry::Relation {
                kind: registry::RelationKind::MergedInto as i32,
                network: format!("networks/{into}"),
                ..Default::default()
            })
            .into_iter()
            .collect(),
        state,
        ..Default::default()
    };
    let network = Box::new(Network::from_stored(network).unwrap());
    let resource = RegistryResource::Network(network, 0);
    RegistryChange { kind: ChangeKind::NetworkEnded, occurred_at: None, resource }
}

fn commit(changes: Vec<RegistryChange>) -> Command {
    let Command::RecordRegistryCommit(commit) = registry_commit(1, 1) else { unreachable!() };
    Command::RecordRegistryCommit(RegistryCommit { changes, ..commit })
}

/// Campaigns `c` and `d` of `n` run; network `heir` stands.
fn state() -> Facts {
    let mut state = facts();
    state.campaigns.insert("d", campaign("d"));
    state.networks.insert("heir", NetworkFacts::default());
    state
}

/// Kind, campaign and network of what follows.
fn followings(state: &Facts, changes: Vec<RegistryChange>) -> Vec<(EventKind, String, String)> {
    let decided = decide(state, SLOT, commit(changes)).unwrap();
    let told = |event: &NewEvent| {
        let campaign = event.campaign.as_ref().unwrap().id().to_owned();
        (event.kind, campaign, event.network.as_ref().unwrap().id().to_owned())
    };
    decided.following.iter().map(told).collect()
}

fn all(kind: EventKind, network: &str) -> Vec<(EventKind, String, String)> {
    let told = |id: &str| (kind, id.to_owned(), network.to_owned());
    vec![told("c"), told("d")]
}

#[test]
fn they_end_with_it_or_go_to_the_network_it_merged_into() {
    let (ended, handed_over) = (EventKind::CampaignEnded, EventKind::CampaignHandedOver);
    assert_eq!(followings(&state(), vec![change("heir", ENDED, "")]), [], "it runs none");
    assert_eq!(followings(&state(), vec![change("n", ENDED, "")]), all(ended, "n"));
    // Only a network that merged has an heir.
    assert_eq!(followings(&state(), vec![change("n", ENDED, "heir")]), all(ended, "n"));
    assert_eq!(followings(&state(), vec![change("n", MERGED, "heir")]), all(handed_over, "heir"));
    assert_eq!(followings(&state(), vec![change("n", MERGED, "over")]), all(ended, "n"));
    assert_eq!(followings(&state(), vec![change("n", MERGED, "unknown")]), all(ended, "n"));
    assert_eq!(followings(&state(), vec![change("n", MERGED, "n")]), all(ended, "n"));
}

#[test]
fn the_heir_is_the_one_that_stands_after_the_commit() {
    let (ended, handed_over) = (EventKind::CampaignEnded, EventKind::CampaignHandedOver);
    let mut state = state();
    state.networks.insert("second", NetworkFacts::default());
    let both = vec![change("n", MERGED, "heir"), change("heir", MERGED, "second")];
    assert_eq!(followings(&state, both), all(handed_over, "second"));
    let both = vec![change("n", MERGED, "heir"), change("heir", ENDED, "")];
    assert_eq!(followings(&state, both), all(ended, "n"));
    // A merger told before is known as well.
    let merged = Some(network_id("second"));
    let heir = NetworkFacts { ended: true, merged_into: merged, ..Default::default() };
    state.networks.insert("heir", heir);
    assert_eq!(followings(&state, vec![change("n", MERGED, "heir")]), all(handed_over, "second"));
}

#[test]
fn the_outcome_is_not_known_and_the_date_is_the_networks() {
    let year: PartialDate = "2020".parse().unwrap();
    let decided = decide(&state(), SLOT, commit(vec![change("n", ENDED, "")])).unwrap();
    assert_eq!(decided.events.len(), 1, "what the registry told");
    let Body::Campaign(campaign, 1) = &decided.following[0].body else { panic!("{decided:?}") };
    assert_eq!((campaign.state, campaign.ended), (CampaignState::Ended, Some(year)));
    assert_eq!(campaign.outcome.as_ref().unwrap().kind, OutcomeKind::NotKnown);
    assert_eq!(decided.following[0].occurred_at, Some(year));
    assert_eq!(decided.following[0].members, [member_id("a")]);

    let decided = decide(&state(), SLOT, commit(vec![change("n", MERGED, "heir")])).unwrap();
    let Body::Campaign(campaign, 1) = &decided.following[0].body else { panic!("{decided:?}") };
    assert_eq!(campaign.state, CampaignState::Active);
    assert_eq!(campaign.handovers[0].from_network, Some(network_id("n")));
    assert_eq!(campaign.handovers[0].occurred_at, Some(year));
}

#[test]
fn one_that_was_handed_over_too_often_ends() {
    let mut state = state();
    let handover =
        hansa_proto::feed::Handover { from_network: None, occurred_at: None, position: 1 };
    state.campaigns.get_mut("c").unwrap().handovers = vec![handover; limits::HANDOVERS];
    let told = followings(&state, vec![change("n", MERGED, "heir")]);
    let kinds: Vec<_> = told.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [EventKind::CampaignEnded, EventKind::CampaignHandedOver]);
}

#[test]
fn no_more_follow_than_a_commit_has_room_for_and_the_rest_is_closed_later() {
    let changes = |count: usize| {
        let mut changes = vec![change("heir", 2, ""); count - 1];
        changes.push(change("n", ENDED, ""));
        changes
    };
    assert_eq!(followings(&state(), changes(limits::COMMIT_CHANGES)), []);
    let told = followings(&state(), changes(limits::COMMIT_CHANGES - 1));
    assert_eq!(told.len(), 1);

    let mut later = state();
    assert_eq!(decide(&later, SLOT, Command::CloseCampaigns).unwrap().following, []);
    let mut ended = later.networks["n"].clone();
    (ended.ended, ended.merged_into) = (true, Some(network_id("heir")));
    later.networks.insert("n", ended);
    let decided = decide(&later, SLOT, Command::CloseCampaigns).unwrap();
    let kinds: Vec<_> = decided.following.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::CampaignHandedOver; 2]);
    assert_eq!((decided.events.len(), decided.followed), (0, None));
}
