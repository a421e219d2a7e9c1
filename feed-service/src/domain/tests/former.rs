//! What an event takes away from where its resource is found is told with it.

use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as registry;

use super::*;

fn network(themes: &[&str]) -> RegistryChange {
    let network = registry::Network {
        name: "networks/n".to_owned(),
        names: vec![common::Name { text: "Network".to_owned(), ..Default::default() }],
        kind: 1,
        themes: themes.iter().map(|theme| (*theme).to_owned()).collect(),
        state: registry::NetworkState::Active as i32,
        ..Default::default()
    };
    let network = Box::new(Network::from_stored(network).unwrap());
    let resource = RegistryResource::Network(network, 0);
    RegistryChange { kind: ChangeKind::NetworkUpdated, occurred_at: None, resource }
}

fn member(id: &str, country: &str) -> RegistryChange {
    let member = registry::Member {
        name: format!("members/{id}"),
        names: vec![common::Name { text: "Member".to_owned(), ..Default::default() }],
        kind: 1,
        country: country.to_owned(),
        state: registry::MemberState::Active as i32,
        ..Default::default()
    };
    let resource = RegistryResource::Member(Box::new(Member::from_stored(member).unwrap()));
    RegistryChange { kind: ChangeKind::MemberUpdated, occurred_at: None, resource }
}

fn events(changes: Vec<RegistryChange>) -> Vec<NewEvent> {
    let Command::RecordRegistryCommit(commit) = registry_commit(1, 1) else { unreachable!() };
    let command = Command::RecordRegistryCommit(RegistryCommit { changes, ..commit });
    decide(&facts(), SLOT, command).unwrap().events
}

#[test]
fn themes_of_a_network_that_it_lost() {
    let told = events(vec![network(&["HOUSING", "Water"]), network(&["Air"]), network(&[])]);
    let former: Vec<_> = told.iter().map(|event| event.former.themes.as_slice()).collect();
    // Case does not count; each change of a commit is held against the one before it.
    assert_eq!(former[0], [] as [String; 0]);
    assert_eq!(former[1], ["HOUSING", "Water"]);
    assert_eq!(former[2], ["Air"]);
    assert!(told[0].former.is_nothing());
}

#[test]
fn the_country_of_a_member_that_it_was_in() {
    let told = events(vec![member("a", "FR"), member("a", "FR"), member("new", "DE")]);
    let former: Vec<_> = told.iter().map(|event| event.former.countries.as_slice()).collect();
    assert_eq!(former, [&[Country::parse("ES").unwrap()][..], &[], &[]]);
}
