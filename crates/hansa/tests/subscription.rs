//! A subscription across crashes of the feed: nothing is repeated, nothing skipped.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use hansa_chassis::shutdown::Shutdown;
use hansa_client::{Feed, Item, Registry, Start, Subscription, SubscriptionError};
use hansa_proto::pb::common::v1::Name;
use hansa_proto::pb::feed::v1::Event;
use hansa_proto::pb::registry::v1::{CreateMemberRequest, Member, MemberKind};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A service that can be crashed and started again at the same address.
struct Running {
    shutdown: Shutdown,
    ended: JoinHandle<()>,
}

impl Running {
    async fn crash(self) {
        self.shutdown.kill();
        self.ended.await.unwrap();
    }
}

fn registry(directory: &Path, listener: TcpListener) -> Running {
    let shutdown = Shutdown::new();
    let config = registry_service::Config::new(directory.to_owned());
    let running = registry_service::run(config, listener, shutdown.clone());
    let ended = tokio::spawn(async { drop(Box::pin(running).await) });
    Running { shutdown, ended }
}

fn feed(directory: &Path, listener: TcpListener, registry: &str) -> Running {
    let shutdown = Shutdown::new();
    let config = feed_service::Config::new(directory.to_owned(), registry.to_owned());
    let running = feed_service::run(config, listener, shutdown.clone());
    let ended = tokio::spawn(async { drop(Box::pin(running).await) });
    Running { shutdown, ended }
}

async fn record(registry: &Registry, id: &str) {
    let member = Member {
        name: format!("members/{id}"),
        names: vec![Name { text: id.to_owned(), ..Default::default() }],
        kind: MemberKind::Municipality.into(),
        country: "ES".to_owned(),
        ..Default::default()
    };
    let request = CreateMemberRequest { member: Some(member), ..Default::default() };
    registry.registry.clone().create_member(request).await.unwrap();
}

/// The next event; counts the openings on the way.
async fn next_event(
    subscription: &mut Subscription,
    waiting: &mut Vec<Event>,
    resumed: &mut u32,
) -> Event {
    while waiting.is_empty() {
        match subscription.next().await.unwrap().unwrap() {
            Item::Events { events, .. } => waiting.extend(events),
            Item::Resumed(_) => *resumed += 1,
            _ => {}
        }
    }
    waiting.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn resumes_after_a_crash_without_repeating_or_skipping() {
    let directory = tempfile::tempdir().unwrap();
    let at_registry = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let registry_url = format!("http://{}", at_registry.local_addr().unwrap());
    let _registry = registry(&directory.path().join("registry"), at_registry);
    let at_feed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = at_feed.local_addr().unwrap();
    let mut running = feed(&directory.path().join("feed"), at_feed, &registry_url);

    let writer = Registry::connect(&registry_url).await.unwrap();
    let reader = Feed::connect(&format!("http://{address}")).await.unwrap();
    let mut subscription = Subscription::builder(&reader).open();
    let (mut seen, mut waiting, mut resumed) = (Vec::new(), Vec::new(), 0);
    for round in 0..3 {
        for member in 0..5 {
            record(&writer, &format!("es-{round}-{member}")).await;
        }
        for _ in 0..5 {
            let event = next_event(&mut subscription, &mut waiting, &mut resumed).await;
            seen.push(event.members.concat());
        }
        running.crash().await;
        let again = TcpListener::bind(address).await.unwrap();
        running = feed(&directory.path().join("feed"), again, &registry_url);
    }
    record(&writer, "es-last").await;
    let last = next_event(&mut subscription, &mut waiting, &mut resumed).await;
    seen.push(last.members.concat());

    let mut expected: Vec<String> = (0..3)
        .flat_map(|round| (0..5).map(move |member| format!("members/es-{round}-{member}")))
        .collect();
    expected.push("members/es-last".to_owned());
    assert_eq!(seen, expected);
    assert_eq!(resumed, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_try_cannot_heal_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let _feed = feed(&directory.path().join("feed"), listener, "http://127.0.0.1:1");
    let reader = Feed::connect(&url).await.unwrap();
    let start = Start::After(vec![1, 2, 3].into());
    let mut subscription = Subscription::builder(&reader).start(start).open();
    let error = loop {
        match subscription.next().await.unwrap() {
            Ok(Item::Interrupted { .. }) => {}
            Ok(item) => panic!("{item:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SubscriptionError::Refused { .. }), "{error:?}");
    let call = error.call().unwrap();
    assert_eq!(call.reason.as_deref(), Some("MALFORMED"), "{error}");
    assert!(!call.fields.is_empty());
    assert!(subscription.next().await.is_none());
}
