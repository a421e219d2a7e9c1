//! `hansa tail`: the feed, followed; resumes by itself when the connection is lost.

use anyhow::{Result, bail};
use bytes::Bytes;
use clap::Args;
use hansa_client::{Gap, Item, Start, Subscription, SubscriptionBuilder};
use hansa_proto::feed::EventKind;
use hansa_proto::ids::SubscriptionId;
use hansa_proto::pb::feed::v1 as pb;

use crate::client::ClientOptions;
use crate::filter::FilterOptions;
use crate::values::{bare, from_hex};
use crate::{json, output, values};

const HELP: &str = "\
Each option may be given several times: values of one option are alternatives, different options must \
all hold.

With --json every event carries a cursor; `--from CURSOR` goes on after it, on another day and in \
another process. Without --stop-at-head it follows until it is stopped, and comes back by itself after \
a lost connection, with nothing missed and nothing repeated.

Examples:
  hansa tail                                            what happens from now on
  hansa tail --last 20
  hansa tail --since 2026-11-01 --kind joined
  hansa tail --snapshot --network eurocities            what is, then what changes
  hansa tail --subscription board                       what a named subscription has not dealt with
  hansa tail --from beginning --stop-at-head --member es-barcelona
  hansa tail --from end --kind joined --country PT --json
  hansa tail --from beginning --kind statement_published --theme housing";

/// Follow the feed: joins, statements and campaigns as they happen
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Where to start: beginning, end, or a cursor
    #[arg(long, value_name = "beginning|end|CURSOR", default_value = "end", value_parser = start,
          group = "start")]
    from: Start,

    /// Stop when everything there is has been shown
    #[arg(long)]
    stop_at_head: bool,

    /// Start before the first event recorded at or after this time: 2026-11-22 or 2026-11-22T15:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::moment, group = "start")]
    since: Option<prost_types::Timestamp>,

    /// Start before the last so many events that match
    #[arg(long, value_name = "COUNT", group = "start",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    last: Option<u32>,

    /// Start after the cursor committed for a named subscription, with its filter
    #[arg(long, value_name = "ID", value_parser = values::subscription, group = "start")]
    subscription: Option<SubscriptionId>,

    /// Show the present state first: networks, members, memberships and campaigns that run
    #[arg(long, conflicts_with_all = ["since", "last", "subscription"])]
    snapshot: bool,

    #[command(flatten)]
    filter: FilterOptions,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let feed = arguments.client.feed().await?;
    let as_json = arguments.client.json;
    if arguments.subscription.is_some() && !arguments.filter.is_everything() {
        bail!("a named subscription has its own filter");
    }
    let start = arguments.start();
    if start == Start::End && !arguments.stop_at_head && !arguments.snapshot {
        output::note("waiting for what happens next; `--from beginning` shows what happened");
    }
    let subscription = Subscription::builder(&feed)
        .start(start)
        .filter(arguments.filter())
        .snapshot(arguments.snapshot)
        .stop_at_head(arguments.stop_at_head)
        // A cursor a commit, so that every line can be resumed from.
        .batch_events(u32::from(as_json));
    Box::pin(follow(subscription, as_json)).await
}

/// Prints what a subscription yields until it ends.
pub(crate) async fn follow(subscription: SubscriptionBuilder, as_json: bool) -> Result<()> {
    let mut subscription = subscription.open();
    let colours = output::colours();
    let mut before = Bytes::new();
    while let Some(item) = subscription.next().await {
        match item? {
            Item::Opened(opened) => before = opened.start_cursor,
            Item::Events { events, cursor, .. } => {
                for (index, event) in events.iter().enumerate() {
                    let last = index + 1 == events.len();
                    let after = if last { &cursor } else { &before };
                    match as_json {
                        true => output::json(&json::event(event, after))?,
                        false => output::line(&line(event, colours))?,
                    }
                }
                before = cursor;
            }
            Item::Progress(progress) => before = progress.cursor,
            Item::CaughtUp(caught_up) => before = caught_up.cursor,
            Item::FellBehind(fell_behind) => before = fell_behind.cursor,
            Item::Notice(notice) => output::note(&format!("the feed says: {}", notice.message)),
            Item::Interrupted { cause, retry_in } => {
                let seconds = retry_in.as_secs_f64();
                output::note(&format!("interrupted: {cause}; trying again in {seconds:.1} s"));
            }
            Item::Resumed(_) => output::note("connected again"),
            Item::Gap(Gap { after, up_to, .. }) => output::note(&format!(
                "what happened after position {after}, up to {up_to}, is not kept any more"
            )),
            Item::SnapshotBegin { again: false } => {}
            Item::SnapshotBegin { again: true } => {
                output::note(
                    "the present state was cut off; this is a later one, from its beginning",
                );
            }
            Item::Snapshot(snapshot) => show_state(&snapshot, as_json)?,
            Item::SnapshotEnd(end) => {
                output::note(&format!("this is how it was at position {}", end.position));
                before = end.cursor;
            }
        }
    }
    Ok(())
}

/// Prints a part of the present state, a resource a line.
fn show_state(snapshot: &pb::Snapshot, as_json: bool) -> std::io::Result<()> {
    let networks = snapshot.networks.iter().map(|each| ("network", json::network(each)));
    let members = snapshot.members.iter().map(|each| ("member", json::member(each)));
    let memberships =
        snapshot.memberships.iter().map(|each| ("membership", json::membership(each)));
    let campaigns = snapshot.campaigns.iter().map(|each| ("campaign", json::campaign(each)));
    for (kind, value) in networks.chain(members).chain(memberships).chain(campaigns) {
        match as_json {
            true => output::json(&serde_json::json!({ kind: value }))?,
            false => output::line(&format!("{kind:<10}  {}", text_of(&value["name"])))?,
        }
    }
    Ok(())
}

fn text_of(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Arguments {
    fn start(&self) -> Start {
        if let Some(time) = self.since {
            return Start::Since(time);
        }
        if let Some(count) = self.last {
            return Start::Last(count);
        }
        match &self.subscription {
            Some(id) => Start::Subscription(id.to_string()),
            None => self.from.clone(),
        }
    }

    /// A named subscription has its own.
    fn filter(&self) -> Option<pb::Filter> {
        self.subscription.is_none().then(|| self.filter.filter())
    }
}

fn start(text: &str) -> Result<Start, String> {
    match text {
        "beginning" => Ok(Start::Beginning),
        "end" => Ok(Start::End),
        cursor => from_hex(cursor)
            .filter(|cursor| !cursor.is_empty())
            .map(Start::After)
            .ok_or_else(|| "write beginning, end, or the cursor of an event".to_owned()),
    }
}

/// An event in one line: when, what, about whom.
fn line(event: &pb::Event, colours: bool) -> String {
    let date = json::date_text(event.occurred_at.as_ref()).unwrap_or_default();
    let kind = EventKind::from_pb(event.kind).map_or("unknown kind", EventKind::as_str);
    let (dim, bold, end) =
        if colours { ("\x1b[2m", hue(event.kind), "\x1b[0m") } else { ("", "", "") };
    let mut line = format!("{date:<10}  {bold}{kind:<19}{end}  {}", json::headline(event));
    if let Some(by) = by(event) {
        line.push_str(&format!("  {dim}{by}{end}"));
    }
    line
}

/// Who is behind a statement or a campaign.
fn by(event: &pb::Event) -> Option<String> {
    let told = matches!(
        event.body,
        Some(pb::event::Body::StatementBody(_) | pb::event::Body::CampaignBody(_))
    );
    let network = (!event.network.is_empty()).then(|| bare(&event.network).to_owned());
    let members = match event.members.as_slice() {
        [] => None,
        [member] => Some(bare(member).to_owned()),
        members => Some(format!("{} members", members.len())),
    };
    let parts: Vec<String> = network.into_iter().chain(members).collect();
    (told && !parts.is_empty()).then(|| parts.join(", "))
}

/// Beginnings green, ends red, words and deeds yellow and blue.
fn hue(kind: i32) -> &'static str {
    match EventKind::from_pb(kind) {
        Some(EventKind::Joined | EventKind::NetworkFounded | EventKind::Reinstated) => "\x1b[32m",
        Some(
            EventKind::Left
            | EventKind::NetworkEnded
            | EventKind::Rejected
            | EventKind::Suspended
            | EventKind::StatementRetracted
            | EventKind::StatementRedacted
            | EventKind::MemberRetired,
        ) => "\x1b[31m",
        Some(
            EventKind::StatementPublished
            | EventKind::StatementSigned
            | EventKind::StatementCorrected,
        ) => "\x1b[33m",
        Some(
            EventKind::CampaignLaunched
            | EventKind::CampaignJoined
            | EventKind::CampaignLeft
            | EventKind::CampaignMilestone
            | EventKind::CampaignEnded,
        ) => "\x1b[34m",
        _ => "\x1b[1m",
    }
}
