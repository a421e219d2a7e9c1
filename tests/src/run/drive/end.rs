//! What is looked at when a run is over.

use std::collections::BTreeSet;

use hansa_proto::pb::feed::v1::{Event, ListEventsRequest, SubscribeRequest};
use hansa_proto::pb::registry::v1::watch_changes_response::Message;
use hansa_proto::pb::registry::v1::{ListMembershipsRequest, MembershipState, WatchChangesRequest};

use super::{Driver, Report};
use crate::checker::check;
use crate::events::from_beginning;
use crate::make;
use crate::run::plan::Plan;
use crate::run::same::same_in_every_run;
use crate::world::within;

impl Driver {
    /// Everything is read once more, in every way there is; then the journals and the history are checked.
    pub(super) async fn end(mut self, plan: &Plan) -> Report {
        self.replay().await;
        self.pages(false).await;
        self.pages(true).await;
        self.watch().await;
        self.memberships().await;
        self.world.verify_journals().await;
        let lines = self.world.recording().lines();
        let verdict = check(&lines).expect("our own history can be read");
        let violations: Vec<String> = verdict.violations.iter().map(ToString::to_string).collect();
        assert!(violations.is_empty(), "seed {}:\n{}", plan.seed, violations.join("\n"));
        self.ledger.settle().unwrap_or_else(|problem| panic!("seed {}: {problem}", plan.seed));
        Report {
            seed: plan.seed,
            steps: plan.steps.len(),
            commands: self.commands,
            fired: self.ledger.fired().clone(),
            looked_at: verdict.looked_at,
            same: same_in_every_run(&lines),
        }
    }

    async fn replay(&self) {
        let request = SubscribeRequest { stop_at_head: true, ..from_beginning() };
        let stream = self.world.recorded("replay").feed().subscribe(request).await;
        let mut stream = stream.expect("it subscribes").into_inner();
        while within(stream.message()).await.expect("it streams").is_some() {}
    }

    async fn pages(&self, descending: bool) {
        let mut feed = self.world.recorded("pages").feed();
        let (mut events, mut page_token): (Vec<Event>, String) = Default::default();
        loop {
            let page_size = 17;
            let request =
                ListEventsRequest { page_size, page_token, descending, ..Default::default() };
            let page = within(feed.list_events(request)).await.expect("a page").into_inner();
            events.extend(page.events);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        if descending {
            events.reverse();
        }
        assert_eq!(events, self.known, "pages say something else than the stream");
    }

    async fn watch(&self) {
        let request = WatchChangesRequest::default();
        let stream = self.world.recorded("watcher").registry().watch_changes(request).await;
        let mut stream = stream.expect("it watches").into_inner();
        let mut position = 0;
        while position < self.registry_position {
            let response = within(stream.message()).await.expect("it streams");
            if let Some(Message::Commit(commit)) = response.and_then(|it| it.message) {
                position = commit.position;
            }
        }
    }

    /// Who belongs is who the model says.
    async fn memberships(&self) {
        let mut held = BTreeSet::new();
        let mut registry = self.world.recorded("lists").registry();
        for network in self.model.networks() {
            let network = make::network_name(network);
            let request =
                ListMembershipsRequest { network, page_size: 1_000, ..Default::default() };
            let page = registry.list_memberships(request).await.expect("a page").into_inner();
            let belongs = [MembershipState::Active, MembershipState::Suspended];
            let active = page.memberships.into_iter().filter(|it| belongs.contains(&it.state()));
            let id = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
            held.extend(active.map(|it| (id(&it.network), id(&it.member))));
        }
        assert_eq!(held, self.model.active(), "who belongs");
    }
}
