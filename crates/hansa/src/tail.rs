//! `hansa tail`: the feed, followed; resumes by itself when the connection is lost.

use std::str::FromStr;

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use hansa_client::{Feed, Item, Start, SubscribeOptions, Subscription};
use hansa_proto::country::Country;
use hansa_proto::feed::EventKind;
use hansa_proto::ids::{CampaignId, MemberId, NetworkId};
use hansa_proto::pb::feed::v1 as pb;

use crate::client::ClientOptions;
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
  hansa tail --from beginning --stop-at-head --member es-barcelona
  hansa tail --from end --kind joined --country PT --json
  hansa tail --from beginning --kind statement_published --theme housing";

/// Follow the feed: joins, statements and campaigns as they happen
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Where to start: beginning, end, or a cursor
    #[arg(long, value_name = "beginning|end|CURSOR", default_value = "end", value_parser = start)]
    from: Start,

    /// Stop when everything there is has been shown
    #[arg(long)]
    stop_at_head: bool,

    /// Only this kind of event, such as joined or statement_published
    #[arg(long, value_name = "KIND", value_parser = EventKind::from_str)]
    kind: Vec<EventKind>,

    /// Only what happens in this network
    #[arg(long, value_name = "ID", value_parser = values::network)]
    network: Vec<NetworkId>,

    /// Only what this member is part of
    #[arg(long, value_name = "ID", value_parser = values::member)]
    member: Vec<MemberId>,

    /// Only what members of this country are part of, such as PT
    #[arg(long, value_name = "CODE", value_parser = values::country)]
    country: Vec<Country>,

    /// Only this subject
    #[arg(long)]
    theme: Vec<String>,

    /// Only what belongs to this campaign
    #[arg(long, value_name = "ID", value_parser = values::campaign)]
    campaign: Vec<CampaignId>,

    /// Accept networks, members and campaigns that do not exist yet
    #[arg(long)]
    allow_unknown: bool,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let feed = arguments.client.feed().await?;
    let as_json = arguments.client.json;
    if arguments.from == Start::End && !arguments.stop_at_head {
        output::note("waiting for what happens next; `--from beginning` shows what happened");
    }
    let options = SubscribeOptions {
        filter: Some(arguments.filter()),
        // A cursor a commit, so that every line can be resumed from.
        batch_events_max: u32::from(as_json),
        start: arguments.from,
        stop_at_head: arguments.stop_at_head,
        progress_interval: None,
    };
    Box::pin(follow(&feed, options, as_json)).await
}

/// Prints what a subscription yields until it ends.
pub(crate) async fn follow(feed: &Feed, options: SubscribeOptions, as_json: bool) -> Result<()> {
    let mut subscription = Subscription::new(feed, options);
    let colours = output::colours();
    let mut before = Bytes::new();
    while let Some(item) = subscription.next().await {
        match item? {
            Item::Opened(opened) => before = opened.start_cursor,
            Item::Events { events, cursor } => {
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
        }
    }
    Ok(())
}

impl Arguments {
    fn filter(&self) -> pb::Filter {
        pb::Filter {
            kinds: self.kind.iter().map(|kind| kind.to_pb()).collect(),
            networks: self.network.iter().map(ToString::to_string).collect(),
            members: self.member.iter().map(ToString::to_string).collect(),
            countries: self.country.iter().map(ToString::to_string).collect(),
            themes: self.theme.clone(),
            campaigns: self.campaign.iter().map(ToString::to_string).collect(),
            exclude_withdrawals: false,
            allow_unknown: self.allow_unknown,
        }
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
