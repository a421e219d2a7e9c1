//! The largest commits of the registry fit into one of the feed, and so does what follows from them.
#![allow(clippy::unwrap_used)]

use hansa_proto::ids::NetworkId;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::feed::v1 as feed;
use hansa_proto::pb::registry::v1 as registry;
use hansa_proto::registry::{ChangeKind, Membership, Network};
use prost::Message as _;

use hansa_proto::common::Source;
use hansa_proto::feed::{Campaign, Milestone};

use super::tests::Feed;
use super::*;
use crate::domain::{RegistryChange, RegistryResource};

/// An id as long as ids can be.
fn long(prefix: &str, number: usize) -> String {
    format!("{prefix}{number:0>width$}", width = limits::ID_CHARACTERS - prefix.len())
}

/// As many themes, as long, as a network can have.
fn themes() -> Vec<String> {
    let theme = |number: usize| format!("{number:02}{}", "\u{1F3D8}".repeat(98));
    (0..limits::THEMES).map(theme).collect()
}

fn network(number: usize, themes: Vec<String>) -> registry::Network {
    let text = "Network".to_owned();
    registry::Network {
        name: format!("networks/{}", long("n", number)),
        names: vec![common::Name { text, ..Default::default() }],
        kind: 1,
        state: registry::NetworkState::Active as i32,
        themes,
        ..Default::default()
    }
}

fn change_of_network(message: registry::Network) -> RegistryChange {
    let network = Box::new(Network::from_stored(message).unwrap());
    let resource = RegistryResource::Network(network, 0);
    RegistryChange { kind: ChangeKind::NetworkCreated, occurred_at: None, resource }
}

fn membership(number: usize, note: String) -> registry::Membership {
    let (network, member) = (long("n", 0), long("m", number));
    let term = registry::Term { state: 3, note, ..Default::default() };
    registry::Membership {
        name: format!("networks/{network}/memberships/{member}"),
        network: format!("networks/{network}"),
        member: format!("members/{member}"),
        state: 3,
        terms: vec![term],
        ..Default::default()
    }
}

fn change_of_membership(message: registry::Membership) -> RegistryChange {
    let membership = Box::new(Membership::from_stored(message).unwrap());
    let resource = RegistryResource::Membership(membership);
    let occurred_at = Some("2018-09-26".parse().unwrap());
    RegistryChange { kind: ChangeKind::MembershipJoined, occurred_at, resource }
}

fn source(message: common::Source) -> Source {
    let mut violations = hansa_proto::violation::Violations::default();
    Source::parse(message, "source", &mut violations).unwrap()
}

/// The events of the last commit.
fn last(feed: &Feed) -> Vec<feed::Event> {
    codec::decode_events(&feed.commits.last().unwrap().body).unwrap()
}

#[test]
fn networks_that_are_all_themes_keep_them() {
    let mut feed = Feed::new();
    let mut changes = Vec::new();
    let mut bytes = 0;
    for number in 0.. {
        let message = network(number, themes());
        bytes += message.encoded_len() + 8;
        if bytes > limits::REGISTRY_COMMIT_BYTES {
            break;
        }
        changes.push(change_of_network(message));
    }
    let count = changes.len();
    feed.follow_all(changes);
    feed.settle();
    let events = last(&feed);
    assert_eq!(events.len(), count);
    assert!(events.iter().all(|event| event.themes.len() == limits::THEMES));
}

#[test]
fn as_many_changes_as_can_be_with_the_longest_names_fit() {
    let mut feed = Feed::new();
    feed.follow_all(vec![change_of_network(network(0, Vec::new()))]);
    feed.settle();
    let mut bytes = 0;
    let mut changes = Vec::new();
    for number in 0..limits::COMMIT_CHANGES {
        let message = membership(number, String::new());
        bytes += message.encoded_len() + 16;
        if bytes > limits::REGISTRY_COMMIT_BYTES {
            break;
        }
        changes.push(change_of_membership(message));
    }
    let count = changes.len();
    feed.follow_all(changes);
    feed.settle();
    assert_eq!(last(&feed).len(), count);
    // A thousand with less in each.
    let names = (0..limits::COMMIT_CHANGES).map(|number| {
        let mut message = membership(number, String::new());
        message.name = format!("networks/n/memberships/m{number}");
        message.network = "networks/n".to_owned();
        message.member = format!("members/m{number}");
        message.terms[0].note = "x".repeat(300);
        change_of_membership(message)
    });
    feed.follow_all(names.collect());
    feed.settle();
    assert_eq!(last(&feed).len(), limits::COMMIT_CHANGES);
}

#[test]
fn memberships_are_told_also_when_the_themes_of_their_network_do_not_fit() {
    let mut feed = Feed::new();
    feed.follow_all(vec![change_of_network(network(0, themes()))]);
    feed.follow_all(
        (0..10).map(|at| change_of_membership(membership(at, String::new()))).collect(),
    );
    feed.settle();
    assert!(last(&feed).iter().all(|event| event.themes.len() == limits::THEMES));
    feed.follow_all(
        (0..600).map(|at| change_of_membership(membership(at, String::new()))).collect(),
    );
    feed.settle();
    let events = last(&feed);
    assert_eq!(events.len(), 600);
    assert!(events.iter().all(|event| event.themes.is_empty()));
}

/// A campaign as large as one can become can still be handed over and ended by the registry.
#[test]
fn a_campaign_that_fills_a_commit_ends_with_its_network() {
    let mut feed = Feed::new();
    let id = NetworkId::from_id(&long("n", 0)).unwrap();
    feed.follow_all(vec![change_of_network(network(0, themes()))]);
    feed.settle();
    let message = feed::Campaign {
        name: "campaigns/c".to_owned(),
        title: "Title".to_owned(),
        kind: 1,
        network: id.to_string(),
        state: 1,
        ..Default::default()
    };
    let campaign = Box::new(Campaign::from_stored(message).unwrap());
    let campaign_id = campaign.id.clone();
    feed.submit(None, Command::LaunchCampaign { campaign, joinings: Vec::new() });
    let milestone = |bytes: usize| {
        let (title, note) = ("Reached".to_owned(), "x".repeat(bytes));
        let message = feed::Milestone { title, note, ..Default::default() };
        let milestone = Milestone::from_stored(message).unwrap();
        let campaign = campaign_id.clone();
        Command::AddMilestone { campaign, milestone, etag: String::new() }
    };
    // Until not even a little one fits.
    let sources = vec![
        common::Source {
            citation: "\u{1F3D8}".repeat(1_000),
            note: "\u{1F3D8}".repeat(2_000),
            ..Default::default()
        };
        2
    ];
    let mut large = 0;
    loop {
        let Command::AddMilestone { campaign, mut milestone, etag } = milestone(1_000) else {
            unreachable!()
        };
        milestone.sources = sources.iter().cloned().map(source).collect();
        let command = Command::AddMilestone { campaign, milestone, etag };
        match feed.decide(None, command) {
            Ok(()) => large += 1,
            Err(Refused::TooLarge) => break,
            Err(error) => panic!("{error:?}"),
        }
        feed.settle();
    }
    assert!(large > 20 && large < limits::MILESTONES, "{large}");
    while feed.decide(None, milestone(500)).is_ok() {
        feed.settle();
    }
    let ended =
        registry::Network { state: registry::NetworkState::Ended as i32, ..network(0, themes()) };
    feed.follow_all(vec![change_of_network(ended)]);
    feed.submit(None, Command::CloseCampaigns);
    feed.settle();
    let kinds: Vec<i32> = last(&feed).iter().map(|event| event.kind).collect();
    assert_eq!(kinds.last(), Some(&(feed::EventKind::CampaignEnded as i32)));
    feed.view
        .read(|keys| {
            assert!(Lookup(keys).to_close()?.is_none());
            Ok(())
        })
        .unwrap();
}
