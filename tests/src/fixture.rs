//! Data directories as this release writes them, kept in `tests/fixtures`: what is said to both services,
//! and what they answer. `soak -- fixture --to DIRECTORY` writes one anew, for a new format only.

use std::fmt::Write as _;
use std::path::Path;

use hansa_journal::disk::RealDisk;
use hansa_proto::pb::feed::v1::{
    GetCampaignRequest, GetStatementRequest, RedactStatementRequest, RetractStatementRequest,
};
use hansa_proto::pb::registry::v1::{LeaveNetworkRequest, ListMembersRequest, ListNetworksRequest};

use crate::events::events_to_head;
use crate::make;
use crate::on_disk::OnDisk;
use crate::world::Clients;

/// Both services over `registry` and `feed` in a directory.
pub struct Pair {
    registry: OnDisk,
    feed: OnDisk,
}

impl Pair {
    /// Started, with what is there.
    pub async fn over(data: &Path) -> Pair {
        let disk = RealDisk::shared();
        let registry = OnDisk::registry(disk.clone(), &data.join("registry")).await;
        let registry = registry.expect("the registry's data are whole");
        let feed = OnDisk::feed(disk, &data.join("feed"), &registry.url).await;
        Pair { registry, feed: feed.expect("the feed's data are whole") }
    }

    /// Clients of both.
    pub fn clients(&self) -> Clients {
        Clients { registry_url: self.registry.url.clone(), feed_url: self.feed.url.clone() }
    }

    /// Stops both.
    pub async fn stop(self) {
        self.feed.stop().await;
        self.registry.stop().await;
    }
}

/// What a fixture holds.
pub async fn tell(clients: &Clients) {
    let mut registry = clients.registry();
    for id in ["n-1", "n-2"] {
        registry.create_network(make::network(id)).await.expect("a new network");
    }
    let mut last = 0;
    for id in ["m-1", "m-2", "m-3"] {
        let mut member = make::member(id, "ES");
        member.request_id = format!("member-{id}");
        registry.create_member(member).await.expect("a new member");
        let mut join = make::join("n-1", id);
        join.request_id = format!("join-{id}");
        last = registry.join_network(join).await.expect("an open network").into_inner().position;
    }
    let name = make::membership_name("n-1", "m-3");
    let leave = LeaveNetworkRequest { name, ..Default::default() };
    last = last.max(registry.leave_network(leave).await.expect("a member").into_inner().position);
    clients.feed_follows(last).await;

    let mut statements = clients.statements();
    for id in ["s-1", "s-2", "s-3"] {
        let mut publish = make::statement(id, "n-1", &["m-1"]);
        publish.request_id = format!("publish-{id}");
        statements.publish_statement(publish).await.expect("a new statement");
    }
    let retract =
        RetractStatementRequest { name: "statements/s-2".to_owned(), ..Default::default() };
    statements.retract_statement(retract).await.expect("it stands");
    let redact = RedactStatementRequest {
        name: "statements/s-3".to_owned(),
        legal_ground: "A request".to_owned(),
        ..Default::default()
    };
    statements.redact_statement(redact).await.expect("it stands");
    clients
        .campaigns()
        .launch_campaign(make::campaign("c-1", "n-1"))
        .await
        .expect("a new campaign");
}

/// What the services answer about it, line by line.
pub async fn answers(clients: &Clients) -> String {
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments<'_>| {
        writeln!(text, "{args}").expect("a string takes all");
    };
    let mut registry = clients.registry();
    let networks = registry.list_networks(ListNetworksRequest::default()).await;
    for network in networks.expect("they are listed").into_inner().networks {
        line(format_args!("{} {}", network.name, network.active_member_count));
    }
    let members = registry.list_members(ListMembersRequest::default()).await;
    for member in members.expect("they are listed").into_inner().members {
        let (created, updated) = (member.created_position, member.updated_position);
        line(format_args!("{} {} {created} {updated}", member.name, member.country));
    }
    for id in ["s-1", "s-2", "s-3"] {
        let request = GetStatementRequest { name: format!("statements/{id}"), min_position: 0 };
        let statement = clients.statements().get_statement(request).await;
        let statement = statement.expect("it is there").into_inner().statement.expect("it is sent");
        let (state, title) = (statement.state().as_str_name(), &statement.title);
        line(format_args!("{} {state} {title:?} {}", statement.name, statement.signature_count));
    }
    let request = GetCampaignRequest { name: "campaigns/c-1".to_owned(), ..Default::default() };
    let campaign = clients.campaigns().get_campaign(request).await.expect("it is there");
    let campaign = campaign.into_inner().campaign.expect("it is sent");
    line(format_args!("{} {}", campaign.name, campaign.state().as_str_name()));
    for event in events_to_head(&mut clients.feed(), None).await {
        let (kind, registry_position) = (event.kind().as_str_name(), event.registry_position);
        line(format_args!("{} {kind} {registry_position} {}", event.name, event.request_id));
    }
    text
}
