//! `hansa explain` and `hansa subscriptions`: what a filter would bring, and the subscriptions that the
//! feed keeps under a name.

use anyhow::Result;
use bytes::Bytes;
use clap::{Args, Subcommand};
use hansa_proto::feed::{EventKind, SubscriptionState};
use hansa_proto::ids::SubscriptionId;
use hansa_proto::pb::feed::v1 as pb;
use serde_json::{Value, json};

use crate::client::ClientOptions;
use crate::filter::FilterOptions;
use crate::output::{self, answer};
use crate::values::{self, bare, from_hex, to_hex};
use crate::{json as shape, table};

/// Say what a subscription would bring: how many events match, on each axis and in all
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    filter: FilterOptions,

    #[command(flatten)]
    client: ClientOptions,
}

const HELP: &str = "\
A named subscription is a filter and a cursor that the feed keeps: `hansa tail --subscription ID` starts \
after the cursor committed last. Nothing is acknowledged event by event: everything up to a cursor was \
dealt with, or it was not.

Examples:
  hansa subscriptions create board --network eurocities
  hansa tail --subscription board --json
  hansa subscriptions commit board CURSOR
  hansa subscriptions list";

/// List, make, move and delete subscriptions that the feed keeps under a name
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Subscriptions {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    client: ClientOptions,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all, with how far behind each is
    List,
    /// Show one
    Get {
        /// The subscription
        #[arg(value_parser = values::subscription)]
        id: SubscriptionId,
    },
    /// Make one
    Create {
        /// Its name
        #[arg(value_parser = values::subscription)]
        id: SubscriptionId,
        /// Where it starts: a cursor; without one, the beginning
        #[arg(long, value_name = "CURSOR", value_parser = cursor)]
        from: Option<Bytes>,
        /// Which events.
        #[command(flatten)]
        filter: Box<FilterOptions>,
    },
    /// Delete one; streams that started from it go on
    Delete {
        /// The subscription
        #[arg(value_parser = values::subscription)]
        id: SubscriptionId,
    },
    /// Commit how far one has come
    Commit {
        /// The subscription
        #[arg(value_parser = values::subscription)]
        id: SubscriptionId,
        /// Everything up to here was dealt with
        #[arg(value_parser = cursor)]
        cursor: Bytes,
        /// Only when this cursor is the one committed now
        #[arg(long, value_name = "CURSOR", value_parser = cursor)]
        expected: Option<Bytes>,
    },
}

fn cursor(text: &str) -> Result<Bytes, String> {
    let cursor = from_hex(text).filter(|cursor| !cursor.is_empty());
    cursor.ok_or_else(|| "write the cursor of an event, as `hansa tail --json` shows it".to_owned())
}

pub(crate) async fn explain(arguments: Explain) -> Result<()> {
    let mut feed = arguments.client.feed().await?.events;
    let filter = Some(arguments.filter.filter());
    let request = pb::ExplainSubscriptionRequest { filter, min_position: 0 };
    let explained = answer(feed.explain_subscription(request).await)?;
    if arguments.client.json {
        return Ok(output::json(&explanation(&explained))?);
    }
    let at_least = if explained.exact { "" } else { "at least " };
    let (matching, total) = (explained.matching_events, explained.total_events);
    output::line(&format!("{at_least}{matching} of {total} events match"))?;
    let mut rows = table::new(&["axis", "events", "no event has"]);
    for axis in &explained.axes {
        let unmatched = axis.unmatched_values.join(", ");
        rows.add_row(vec![axis.axis.clone(), axis.matching_events.to_string(), unmatched]);
    }
    if !explained.axes.is_empty() {
        output::line(&table::text(&rows))?;
    }
    match explained.why_nothing.as_str() {
        "" => output::line(&format!(
            "oldest {}, newest {}, about {} bytes",
            bare(&explained.oldest),
            bare(&explained.newest),
            explained.bytes
        ))?,
        why => output::line(why)?,
    }
    Ok(())
}

fn explanation(explained: &pb::ExplainSubscriptionResponse) -> Value {
    let axes: Vec<Value> = explained
        .axes
        .iter()
        .map(|axis| {
            json!({
                "axis": axis.axis,
                "matching_events": axis.matching_events,
                "unmatched_values": axis.unmatched_values,
            })
        })
        .collect();
    json!({
        "total_events": explained.total_events,
        "matching_events": explained.matching_events,
        "exact": explained.exact,
        "axes": axes,
        "oldest": explained.oldest,
        "newest": explained.newest,
        "bytes": explained.bytes,
        "why_nothing": explained.why_nothing,
        "position": explained.position,
    })
}

pub(crate) async fn run(arguments: Subscriptions) -> Result<()> {
    let mut feed = arguments.client.feed().await?.events;
    let as_json = arguments.client.json;
    let subscription = match arguments.action {
        Action::List => return list(feed, as_json).await,
        Action::Get { id } => {
            let request = pb::GetSubscriptionRequest { name: id.to_string(), min_position: 0 };
            answer(feed.get_subscription(request).await)?.subscription
        }
        Action::Create { id, from, filter } => {
            let subscription = pb::Subscription {
                name: id.to_string(),
                filter: Some(filter.filter()),
                cursor: from.unwrap_or_default(),
                ..Default::default()
            };
            let subscription = Some(subscription);
            let request = pb::CreateSubscriptionRequest { subscription, ..Default::default() };
            answer(feed.create_subscription(request).await)?.subscription
        }
        Action::Delete { id } => {
            let name = id.to_string();
            let request = pb::DeleteSubscriptionRequest { name, ..Default::default() };
            let deleted = answer(feed.delete_subscription(request).await)?;
            return match as_json {
                true => Ok(output::json(&json!({ "position": deleted.position }))?),
                false => Ok(output::line(&format!("{} is deleted", id.id()))?),
            };
        }
        Action::Commit { id, cursor, expected } => {
            let request = pb::CommitCursorRequest {
                name: id.to_string(),
                cursor,
                expected_cursor: expected.unwrap_or_default(),
                ..Default::default()
            };
            answer(feed.commit_cursor(request).await)?.subscription
        }
    };
    let value = shown(&subscription.unwrap_or_default());
    match as_json {
        true => output::json(&value)?,
        false => output::line(&table::of_one(&value))?,
    }
    Ok(())
}

async fn list(
    mut feed: pb::feed_service_client::FeedServiceClient<tonic::transport::Channel>,
    as_json: bool,
) -> Result<()> {
    let mut rows = table::new(&["id", "state", "behind", "seconds", "streams", "position"]);
    let mut request = pb::ListSubscriptionsRequest::default();
    loop {
        let page = answer(feed.list_subscriptions(request.clone()).await)?;
        for subscription in &page.subscriptions {
            match as_json {
                true => output::json(&shown(subscription))?,
                false => {
                    rows.add_row(row(subscription));
                }
            }
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if !as_json {
        output::line(&table::text(&rows))?;
    }
    Ok(())
}

fn state(subscription: &pb::Subscription) -> &'static str {
    SubscriptionState::from_pb(subscription.state).map_or("", SubscriptionState::as_str)
}

fn row(subscription: &pb::Subscription) -> Vec<String> {
    vec![
        bare(&subscription.name).to_owned(),
        state(subscription).to_owned(),
        subscription.lag_events.to_string(),
        format!("{:.0}", subscription.lag_seconds),
        subscription.streams.to_string(),
        subscription.position.to_string(),
    ]
}

fn shown(subscription: &pb::Subscription) -> Value {
    let filter = subscription.filter.clone().unwrap_or_default();
    let kinds = filter.kinds.iter().filter_map(|kind| EventKind::from_pb(*kind));
    let kinds: Vec<&str> = kinds.map(EventKind::as_str).collect();
    let filter = shape::Object::default()
        .given("kinds", kinds)
        .given("networks", filter.networks)
        .given("members", filter.members)
        .given("countries", filter.countries)
        .given("themes", filter.themes)
        .given("campaigns", filter.campaigns);
    shape::Object::default()
        .with("name", subscription.name.as_str())
        .given("filter", filter)
        .given("cursor", to_hex(&subscription.cursor))
        .with("position", subscription.position)
        .with("state", state(subscription))
        .with("lag_events", subscription.lag_events)
        .with("lag_seconds", subscription.lag_seconds)
        .with("streams", subscription.streams)
        .given("etag", subscription.etag.as_str())
        .into()
}
