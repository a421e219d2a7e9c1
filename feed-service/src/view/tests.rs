//! The index says what a look at every event says, and a search what a naive filter says: for random
//! events and filters, in both directions, from any start and however it is interrupted.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use hansa_journal::{Chain, JournalId, Position};
use hansa_proto::feed::{EventKind, Filter};
use hansa_proto::ids::{CampaignId, MemberId, NetworkId};
use hansa_proto::pb::feed::v1 as pb;
use hansa_view::{Keys, Staging, View};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::index::{self, BLOCK, Place, Unlisted};
use super::search;
use crate::filter::Matcher;
use crate::terms::{Term, terms};

fn an_event() -> impl Strategy<Value = pb::Event> {
    (
        prop::sample::select(EventKind::ALL.to_vec()),
        prop::option::of("[ab]"),
        vec("[abcd]", 0..3),
        vec(prop::sample::select(vec!["ES", "FR", "BR"]), 0..2),
        vec("[xyXY]", 0..3),
        prop::option::weighted(0.3, "[ab]"),
        prop::option::weighted(0.3, a_former()),
    )
        .prop_map(|(kind, network, members, countries, themes, campaign, former)| pb::Event {
            kind: kind.to_pb(),
            network: network.map(|id| format!("networks/{id}")).unwrap_or_default(),
            members: members.iter().map(|id| format!("members/{id}")).collect(),
            countries: countries.into_iter().map(str::to_owned).collect(),
            themes,
            campaign: campaign.map(|id| format!("campaigns/{id}")).unwrap_or_default(),
            former,
            ..Default::default()
        })
}

fn a_former() -> impl Strategy<Value = pb::Former> {
    (prop::option::of("[ab]"), vec("[abcd]", 0..2), vec("[xyX]", 0..2)).prop_map(
        |(network, members, themes)| pb::Former {
            network: network.map(|id| format!("networks/{id}")).unwrap_or_default(),
            members: members.iter().map(|id| format!("members/{id}")).collect(),
            countries: Vec::new(),
            themes,
        },
    )
}

/// Commits of no, one or several events, more in all than a block holds.
fn commits() -> impl Strategy<Value = Vec<Vec<pb::Event>>> {
    vec(vec(an_event(), 0..5), 1..250)
}

fn a_filter() -> impl Strategy<Value = Filter> {
    (
        btree_set(prop::sample::select(EventKind::ALL.to_vec()), 0..6),
        btree_set("[ab]".prop_map(|id| NetworkId::from_id(&id).unwrap()), 0..2),
        btree_set("[abcde]".prop_map(|id| MemberId::from_id(&id).unwrap()), 0..3),
        btree_set("[xyz]", 0..2),
        btree_set("[abc]".prop_map(|id| CampaignId::from_id(&id).unwrap()), 0..2),
        any::<bool>(),
    )
        .prop_map(|(kinds, networks, members, themes, campaigns, exclude_withdrawals)| {
            Filter {
                kinds,
                networks,
                members,
                themes,
                campaigns,
                exclude_withdrawals,
                ..Default::default()
            }
        })
}

/// A view that has folded the index of these commits, settled now and then, and the events placed.
fn folded(
    directory: &std::path::Path,
    commits: Vec<Vec<pb::Event>>,
) -> (Arc<View>, Vec<pb::Event>) {
    let (view, _) = View::open(directory, super::FORMAT, JournalId::from_bytes([1; 16])).unwrap();
    let view = Arc::new(view);
    let mut staging = Staging::new(Arc::clone(&view));
    let mut unlisted = Unlisted::default();
    let (mut all, mut last) = (Vec::new(), Position::ORIGIN);
    for (position, mut events) in (1..).zip(commits) {
        for (index, event) in (0..).zip(&mut events) {
            (event.position, event.index) = (position, index);
        }
        unlisted.note(&events, &BTreeMap::new());
        last = Position::new(position);
        if position % 7 == 0 {
            unlisted.list(&mut staging).unwrap();
            staging.keep();
            staging.settle(last, Chain::from_bytes([2; 32])).unwrap();
        }
        all.extend(events);
    }
    unlisted.list(&mut staging).unwrap();
    staging.keep();
    staging.settle(last, Chain::from_bytes([2; 32])).unwrap();
    (view, all)
}

fn place(event: &pb::Event) -> Place {
    Place { position: event.position, index: event.index }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn lists_are_what_a_recount_says(commits in commits()) {
        let directory = tempfile::tempdir().unwrap();
        let (view, all) = folded(directory.path(), commits);
        let mut expected: std::collections::BTreeMap<Term, Vec<(u64, Place)>> = Default::default();
        for (number, event) in (0..).zip(&all) {
            for term in terms(event) {
                expected.entry(term).or_default().push((number, place(event)));
            }
        }
        view.read(|keys| {
            assert_eq!(index::all_events(keys)?.count, all.len() as u64);
            for (term, numbers) in &expected {
                let head = index::list_head(keys, term)?;
                assert_eq!(head.count, numbers.len() as u64);
                let mut listed = Vec::new();
                for block in 0..head.count.div_ceil(BLOCK) {
                    listed.extend(index::list_block(keys, term, &head, block)?);
                }
                assert_eq!(&listed, numbers, "{term:?}");
            }
            let lists = keys.scan(b"it/", None, usize::MAX)?.len();
            assert_eq!(lists, expected.len(), "a list of nothing");
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_search_finds_what_a_naive_filter_finds(
        commits in commits(),
        filters in vec(a_filter(), 1..12),
        start in any::<prop::sample::Index>(),
        end in any::<prop::sample::Index>(),
        limit in 1..40usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (view, all) = folded(directory.path(), commits);
        let (from, to) = (start.index(all.len() + 1) as u64, end.index(all.len() + 1) as u64);
        for filter in filters {
            let matcher = Matcher::new(&filter);
            let axes = matcher.axes();
            let matching = |range: std::ops::Range<usize>| -> Vec<(u64, Place)> {
                let numbered = all.iter().enumerate().filter(|(number, _)| range.contains(number));
                numbered
                    .filter(|(_, event)| matcher.matches(event))
                    .map(|(number, event)| (number as u64, place(event)))
                    .collect()
            };
            view.read(|keys| {
                let mut found = Vec::new();
                let mut at = Some(from);
                while let Some(number) = at {
                    let page = search::forwards(keys, &axes, number, to, limit)?;
                    assert!(page.events.len() <= limit);
                    found.extend(page.events);
                    at = page.more;
                }
                assert_eq!(found, matching(from as usize..to.max(from) as usize), "{filter:?}");

                let mut found = Vec::new();
                let mut before = Some(to);
                while let Some(number) = before {
                    let page = search::backwards(keys, &axes, number, limit)?;
                    found.extend(page.events);
                    before = page.more;
                }
                found.reverse();
                assert_eq!(found, matching(0..to as usize), "{filter:?}");
                Ok(())
            })
            .unwrap();
        }
    }

    #[test]
    fn numbers_and_places_tell_each_other(commits in commits()) {
        let directory = tempfile::tempdir().unwrap();
        let last = commits.len() as u64;
        let (view, all) = folded(directory.path(), commits);
        view.read(|keys| {
            for (number, event) in (0..).zip(&all) {
                assert_eq!(search::number_at(keys, place(event))?, number);
                assert_eq!(search::place_of(keys, number)?, place(event));
            }
            for position in 0..=last + 1 {
                let place = Place { position, index: 0 };
                let before = all.iter().filter(|event| event.position < position).count();
                assert_eq!(search::number_at(keys, place)?, before as u64);
            }
            Ok(())
        })
        .unwrap();
    }
}

/// An event adds one value to the list of each term and one place; a commit moves one count. What a
/// search reads does not grow with what it does not return.
#[test]
fn an_event_writes_few_keys() {
    let directory = tempfile::tempdir().unwrap();
    let (view, _) =
        View::open(directory.path(), super::FORMAT, JournalId::from_bytes([1; 16])).unwrap();
    let mut staging = Staging::new(Arc::new(view));
    let joined = pb::Event {
        position: 1,
        kind: EventKind::Joined.to_pb(),
        network: "networks/a".to_owned(),
        members: vec!["members/a".to_owned()],
        countries: vec!["ES".to_owned()],
        themes: vec!["Housing".to_owned(), "housing".to_owned(), "Water".to_owned()],
        ..Default::default()
    };
    let mut unlisted = Unlisted::default();
    unlisted.note(std::slice::from_ref(&joined), &BTreeMap::new());
    unlisted.list(&mut staging).unwrap();
    let written = staging.scan(b"i", None, usize::MAX).unwrap();
    // Kind, network, member, country, two themes; the place; the count.
    assert_eq!(written.len(), 8, "{written:?}");
    let bytes: usize = written.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(bytes < 400, "{bytes}");
}
