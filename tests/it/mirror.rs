//! The local copy against the real services: after any story, with any cuts, it is what the services
//! answer, and what a copy taken now is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hansa_client::{
    Backoff, Feed, Item, Mirror, MirrorReader, MirrorRefused, Present, Start, Subscription,
};
use hansa_proto::pb::feed::v1::{
    Campaign, CampaignState, ChangeLeadsRequest, CorrectStatementRequest, EventKind, Filter,
    GetCampaignRequest, GetStatementRequest, HandOverCampaignRequest, Statement, StatementKind,
};
use hansa_proto::pb::registry::v1::{
    GetMemberRequest, GetMembershipRequest, GetNetworkRequest, Member, Membership, Network,
    UpdateMemberRequest, UpdateNetworkRequest,
};
use hansa_tests::chaos::{self, Fault, Kind};
use hansa_tests::plug::Plug;
use hansa_tests::{World, make};
use tonic::Code;

use crate::guarantees::told;
use crate::story::{MEMBERS, NETWORKS, Story, member, network};

const SECOND: Duration = Duration::from_secs(1);

async fn mirror(url: &str, filter: Filter) -> Mirror {
    let feed = Feed::connect(url).await.unwrap();
    let backoff = Backoff { most: Duration::from_millis(50), seed: Some(1), ..Backoff::default() };
    let builder = Subscription::builder(&feed).progress_interval(SECOND).backoff(backoff);
    builder.filter(Filter { allow_unknown: true, ..filter }).batch_events(3).mirror().unwrap()
}

/// Drives it until the copy has come to a position.
async fn drive_to(mirror: &mut Mirror, position: u64) {
    let reader = mirror.reader();
    while reader.read(Present::position) < position {
        mirror.next().await.expect("it has no end").unwrap();
    }
}

/// What a step of a story does not do: what is known changes, texts are corrected, campaigns change hands.
pub(crate) async fn shift(world: &World, story: &mut Story, number: usize) {
    let (a_network, a_member) = (story.network(), story.member());
    let mask = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let campaign = format!("campaigns/campaign-{}", 1 + story.below(150));
    match story.below(5) {
        0 => {
            let themes = (0..story.below(3)).map(|_| format!("theme {}", story.below(3))).collect();
            let network =
                Network { name: make::network_name(&a_network), themes, ..Default::default() };
            let request = UpdateNetworkRequest {
                network: Some(network),
                update_mask: mask("themes"),
                ..Default::default()
            };
            let answer = world.registry().update_network(request).await.unwrap().into_inner();
            story.registry_position = story.registry_position.max(answer.position);
        }
        1 => {
            let country = ["ES", "DE", "FR", "BR"][story.below(4)].to_owned();
            let member =
                Member { name: make::member_name(&a_member), country, ..Default::default() };
            let request = UpdateMemberRequest {
                member: Some(member),
                update_mask: mask("country"),
                ..Default::default()
            };
            let answer = world.registry().update_member(request).await.unwrap().into_inner();
            story.registry_position = story.registry_position.max(answer.position);
        }
        2 => {
            let correction = Statement {
                name: format!("statements/correction-{number}"),
                kind: StatementKind::Declaration.into(),
                title: "Corrected".to_owned(),
                issuer_network: make::network_name(&a_network),
                ..Default::default()
            };
            let request = CorrectStatementRequest {
                name: format!("statements/statement-{}", 1 + story.below(150)),
                statement: Some(correction.into()),
                reason: "it was wrong".to_owned(),
                ..Default::default()
            };
            may_be_refused(world.statements().correct_statement(request).await);
        }
        3 => {
            let request = ChangeLeadsRequest {
                name: campaign,
                leads: vec![make::member_name(&a_member)],
                ..Default::default()
            };
            may_be_refused(world.campaigns().change_leads(request).await);
        }
        _ => {
            let request = HandOverCampaignRequest {
                name: campaign,
                network: make::network_name(&a_network),
                ..Default::default()
            };
            may_be_refused(world.campaigns().hand_over_campaign(request).await);
        }
    }
}

fn may_be_refused<T>(result: Result<T, tonic::Status>) {
    if let Err(status) = result {
        assert!(matches!(status.code(), Code::NotFound | Code::FailedPrecondition), "{status:?}");
    }
}

/// All of a copy, to compare it with another.
#[derive(Debug, PartialEq)]
struct All {
    networks: Vec<Network>,
    members: Vec<Member>,
    memberships: Vec<Membership>,
    statements: Vec<Statement>,
    campaigns: Vec<Campaign>,
    bytes: usize,
}

fn all(reader: &MirrorReader) -> All {
    reader.read(|present| All {
        networks: present.networks().collect(),
        members: present.members().cloned().collect(),
        memberships: present.memberships().cloned().collect(),
        statements: present.statements().cloned().collect(),
        campaigns: present.campaigns().cloned().collect(),
        bytes: present.size().bytes,
    })
}

/// What both services answer about everything a story can have made.
async fn answered(world: &World, steps: usize) -> All {
    let (mut registry, mut statements, mut campaigns) =
        (world.registry(), world.statements(), world.campaigns());
    let mut all = All {
        networks: Vec::new(),
        members: Vec::new(),
        memberships: Vec::new(),
        statements: Vec::new(),
        campaigns: Vec::new(),
        bytes: 0,
    };
    for number in 0..NETWORKS {
        let name = make::network_name(&network(number));
        let request = GetNetworkRequest { name, ..Default::default() };
        all.networks.extend(registry.get_network(request).await.unwrap().into_inner().network);
        for other in 0..MEMBERS {
            let name = make::membership_name(&network(number), &member(other));
            let request = GetMembershipRequest { name, ..Default::default() };
            let found = there(registry.get_membership(request).await);
            all.memberships.extend(found.and_then(|found| found.membership));
        }
    }
    for number in 0..MEMBERS {
        let name = make::member_name(&member(number));
        let request = GetMemberRequest { name, ..Default::default() };
        all.members.extend(registry.get_member(request).await.unwrap().into_inner().member);
    }
    for number in 0..=steps {
        for id in ["statement", "correction"] {
            let name = format!("statements/{id}-{number}");
            let request = GetStatementRequest { name, ..Default::default() };
            let found = there(statements.get_statement(request).await);
            all.statements.extend(found.and_then(|found| found.statement).map(|it| *it));
        }
        let name = format!("campaigns/campaign-{number}");
        let request = GetCampaignRequest { name, ..Default::default() };
        let found = there(campaigns.get_campaign(request).await).and_then(|found| found.campaign);
        all.campaigns.extend(found.filter(|it| it.state() == CampaignState::Active));
    }
    all.networks.sort_by(|one, other| one.name.cmp(&other.name));
    all.members.sort_by(|one, other| one.name.cmp(&other.name));
    all.memberships.sort_by(|one, other| one.name.cmp(&other.name));
    all.statements.sort_by(|one, other| one.name.cmp(&other.name));
    all.campaigns.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn there<T>(result: Result<tonic::Response<T>, tonic::Status>) -> Option<T> {
    match result {
        Ok(response) => Some(response.into_inner()),
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{status:?}");
            None
        }
    }
}

/// Tells a story while a copy follows through a plug that is pulled now and then.
async fn followed(seed: u64, filter: Filter) -> (World, Story, MirrorReader) {
    let (world, mut story) = told(seed, 60).await;
    let plug = Plug::before(&world.feed_url()).await;
    let mut mirror = mirror(&plug.url(), filter).await;
    let reader = mirror.reader();
    for number in 0..70 {
        story.step(&world).await;
        shift(&world, &mut story, number).await;
        if story.below(3) == 0 {
            let head = world.feed_follows(story.registry_position).await.head_position;
            drive_to(&mut mirror, head).await;
        }
        match story.below(8) {
            0 => plug.pull(),
            1 => plug.pull_after(story.below(6_000) as u64),
            _ => {}
        }
    }
    let head = world.feed_follows(story.registry_position).await.head_position;
    drive_to(&mut mirror, head).await;
    // A copy that begins anew says so only when it goes on.
    while !matches!(mirror.next().await.unwrap().unwrap(), Item::Progress(_)) {}
    (world, story, reader)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_is_what_the_services_answer() {
    for seed in [71, 72] {
        let (world, _, reader) = followed(seed, Filter::default()).await;
        let copy = all(&reader);
        let expected = answered(&world, 200).await;
        assert!(
            copy.statements.len() > 4 && copy.campaigns.len() > 1 && copy.memberships.len() > 10
        );
        assert_eq!(All { bytes: 0, ..copy }, expected, "seed {seed}");
        let bytes = all(&reader).bytes;
        let held = all(&taken_now(&world, Filter::default()).await);
        assert_eq!(bytes, held.bytes, "what it says it holds");
    }
}

/// A copy of the state as it is now.
async fn taken_now(world: &World, filter: Filter) -> MirrorReader {
    let mut mirror = mirror(&world.feed_url(), filter).await;
    loop {
        if let Item::CaughtUp(_) = mirror.next().await.unwrap().unwrap() {
            return mirror.reader();
        }
    }
}

/// With a filter, a copy that followed is the copy one would take now: what left the filter is gone, what
/// came into it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_part_is_what_one_taken_now_is() {
    let filters = [
        Filter { themes: vec!["Theme 1".into()], ..Default::default() },
        Filter { countries: vec!["ES".into(), "BR".into()], ..Default::default() },
        Filter { networks: vec!["networks/network-1".into()], ..Default::default() },
        Filter {
            members: (0..4).map(|number| make::member_name(&member(number))).collect(),
            ..Default::default()
        },
    ];
    for (seed, filter) in (73..).zip(filters) {
        let (world, _, reader) = followed(seed, filter.clone()).await;
        let (followed, taken) = (all(&reader), all(&taken_now(&world, filter.clone()).await));
        assert_eq!(followed.networks, taken.networks, "{filter:?}");
        assert_eq!(followed.members, taken.members, "{filter:?}");
        assert_eq!(followed.memberships, taken.memberships, "{filter:?}");
        // Members and countries take signatures and participations only of those they name, so what
        // others change is told when the resource itself changes.
        let names = |campaigns: &[Campaign]| -> BTreeMap<String, Vec<String>> {
            campaigns.iter().map(|it| (it.name.clone(), it.leads.clone())).collect()
        };
        assert_eq!(names(&followed.campaigns), names(&taken.campaigns), "{filter:?}");
        let texts = |statements: &[Statement]| -> BTreeMap<String, i32> {
            statements.iter().map(|it| (it.name.clone(), it.state)).collect()
        };
        assert_eq!(texts(&followed.statements), texts(&taken.statements), "{filter:?}");
        let held = followed.networks.len() + followed.members.len() + followed.memberships.len();
        assert!(held > 0, "{filter:?} takes nothing");
    }
}

/// While it begins anew the copy of before can be read, whole, until the new one takes its place at once.
#[tokio::test(flavor = "multi_thread")]
async fn it_begins_anew_without_a_moment_of_less() {
    let (world, mut story) = told(78, 60).await;
    let front = chaos::before(&world, None).await;
    let plug = Plug::before(&front.url()).await;
    let mut mirror = mirror(&plug.url(), Filter::default()).await;
    let head = world.feed_follows(story.registry_position).await.head_position;
    drive_to(&mut mirror, head).await;
    let reader = mirror.reader();
    let least = reader.read(Present::size);
    let done = Arc::new(AtomicBool::new(false));
    let (watching, stop) = (reader.clone(), Arc::clone(&done));
    let watcher = tokio::task::spawn_blocking(move || {
        let mut at = 0;
        while !stop.load(Ordering::SeqCst) {
            watching.read(|present| {
                let size = present.size();
                assert!(size.members >= least.members && size.networks >= least.networks);
                assert!(present.position() >= at, "it went back");
                at = present.position();
                // What it says of itself belongs together.
                for network in present.networks() {
                    let active = present
                        .memberships_of_network(&network.name)
                        .filter(|it| it.state() == active_state())
                        .count();
                    assert_eq!(network.active_member_count as usize, active);
                }
            });
        }
    });
    let (mut begun, mut gaps) = (0, 0);
    for _ in 0..3 {
        // It is away while something happens, and what happened is not kept when it comes back.
        plug.pull();
        for _ in 0..10 {
            story.step(&world).await;
        }
        let head = world.feed_follows(story.registry_position).await.head_position;
        let fault = front.apply(Fault::of(Kind::ExpireCursors));
        while reader.read(Present::position) < head || !fired(&front, fault) {
            match mirror.next().await.unwrap().unwrap() {
                Item::SnapshotBegin { .. } => begun += 1,
                Item::Gap(_) => gaps += 1,
                _ => {}
            }
        }
    }
    done.store(true, Ordering::SeqCst);
    watcher.await.unwrap();
    assert!(begun >= 1 && gaps >= 1, "{begun} snapshots, {gaps} gaps");
    let (copy, expected) = (all(&reader), answered(&world, 120).await);
    // What was said before the oldest event kept nobody can tell any more; what is held is as it is.
    assert!(copy.statements.iter().all(|statement| expected.statements.contains(statement)));
    let statements = copy.statements.clone();
    assert_eq!(All { bytes: 0, ..copy }, All { statements, ..expected });
}

fn active_state() -> hansa_proto::pb::registry::v1::MembershipState {
    hansa_proto::pb::registry::v1::MembershipState::Active
}

fn fired(front: &chaos::Front, fault: u64) -> bool {
    front.faults().iter().any(|known| known.number == fault && known.firing.is_some())
}

/// A write, and then the copy: it waits until the copy has it.
#[tokio::test(flavor = "multi_thread")]
async fn one_reads_ones_own_writes_in_it() {
    let (world, _) = told(79, 10).await;
    let mut mirror = mirror(&world.feed_url(), Filter::default()).await;
    let reader = mirror.reader();
    let driving = tokio::spawn(async move { while mirror.next().await.is_some() {} });
    let request = make::statement("mine", &network(0), &[&member(0)]);
    let published = world.statements().publish_statement(request).await.unwrap().into_inner();
    reader.reaches(published.position).await;
    let found = reader.read(|present| present.statement("statements/mine").cloned());
    assert_eq!(found.as_ref(), published.statement.as_deref());
    let of_member = reader.read(|present| {
        present.memberships_of_member(&make::member_name(&member(0))).cloned().collect::<Vec<_>>()
    });
    assert!(of_member.iter().all(|it| it.member == make::member_name(&member(0))));
    driving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_make_it_wrong_is_refused() {
    let world = World::start().await;
    let feed = Feed::connect(&world.feed_url()).await.unwrap();
    let kinds = Filter { kinds: vec![EventKind::Joined.into()], ..Default::default() };
    let refused = Subscription::builder(&feed).filter(kinds).mirror().err();
    assert_eq!(refused, Some(MirrorRefused::Kinds));
    let start = Start::Subscription("subscriptions/a".to_owned());
    let refused = Subscription::builder(&feed).start(start).mirror().err();
    assert_eq!(refused, Some(MirrorRefused::Named));
}
