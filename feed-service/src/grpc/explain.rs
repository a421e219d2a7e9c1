//! What a subscription would bring, from the index alone.

use hansa_proto::ids::EventId;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ViewError};
use tonic::{Request, Status};

use super::{Feed, envelope, subscriptions};
use crate::filter::Matcher;
use crate::status;
use crate::terms::{Axis, Term};
use crate::view::index::{self, Place};
use crate::view::search::{self, Axes};

/// Searches made for one count; what is counted then is a lower bound. The view holds still meanwhile,
/// so this also bounds how long the writer may have to wait.
const SEARCHES: usize = 5;

pub(super) async fn explain(
    feed: &Feed,
    request: Request<pb::ExplainSubscriptionRequest>,
) -> Result<pb::ExplainSubscriptionResponse, Status> {
    let patience = envelope::patience(request.metadata());
    let message = request.into_inner();
    let mut violations = Violations::default();
    // What does not exist is no error here: it is what is to be explained.
    let filter = subscriptions::filter(message.filter, &mut violations);
    violations.finish().map_err(status::malformed)?;
    let filter = filter.expect("what violates nothing was read");
    feed.applied(message.min_position, patience).await?;
    let axes = Matcher::new(&filter).axes();
    // The view may be ahead of what readers may see for a moment.
    let mut explained = feed
        .query(move |keys| {
            let explained = look(keys, &axes)?;
            Ok(pb::ExplainSubscriptionResponse { position: keys.applied().get(), ..explained })
        })
        .await?;
    for axis in &mut explained.axes {
        axis.unmatched_values.sort();
    }
    let seen = hansa_journal::Position::new(explained.position);
    feed.reader.wait_for(seen).await.map_err(|_| status::not_serving())?;
    Ok(explained)
}

fn look(keys: &impl Keys, axes: &Axes) -> Result<pb::ExplainSubscriptionResponse, ViewError> {
    let all = index::all_events(keys)?;
    let mut explained = pb::ExplainSubscriptionResponse {
        total_events: count_of(all.count),
        exact: true,
        ..Default::default()
    };
    // Events are about as large as those that pass the rarest axis.
    let mut sample = (all.count, all.bytes);
    for axis in axes {
        let (explanation, count, bytes, exact) = one_axis(keys, axis)?;
        if count < sample.0 {
            sample = (count, bytes);
        }
        explained.exact &= exact;
        explained.axes.push(explanation);
    }
    let (matching, exact) = match axes.as_slice() {
        [] => (all.count, true),
        [_] => (u64::try_from(explained.axes[0].matching_events).unwrap_or(0), explained.exact),
        _ => count(keys, axes)?,
    };
    let first = oldest(keys, axes)?;
    let newest = newest(keys, axes, all.count)?;
    explained.exact &= exact;
    explained.matching_events = count_of(matching);
    explained.oldest = first.map(name).unwrap_or_default();
    explained.newest = newest.map(name).unwrap_or_default();
    explained.bytes = match sample {
        (0, _) => 0,
        (of, bytes) => i64::try_from(u128::from(matching) * u128::from(bytes) / u128::from(of))
            .unwrap_or(i64::MAX),
    };
    explained.why_nothing = why_nothing(&explained);
    Ok(explained)
}

/// What one axis lets through, with how many entries and bytes its lists have.
fn one_axis(
    keys: &impl Keys,
    axis: &(Axis, Vec<String>),
) -> Result<(pb::AxisExplanation, u64, u64, bool), ViewError> {
    let (mut sum, mut bytes, mut unmatched) = (0, 0, Vec::new());
    for value in &axis.1 {
        let head = index::list_head(keys, &Term { axis: axis.0, value: value.clone() })?;
        if head.count == 0 {
            unmatched.push(shown(axis.0, value));
        }
        sum += head.count;
        bytes += head.bytes;
    }
    // An event that has several of the values stands in several lists.
    let (matching, exact) = match axis.0.is_single() || axis.1.len() == 1 {
        true => (sum, true),
        false => count(keys, &vec![axis.clone()])?,
    };
    let explanation = pb::AxisExplanation {
        axis: axis.0.as_str().to_owned(),
        matching_events: count_of(matching),
        unmatched_values: unmatched,
    };
    Ok((explanation, sum, bytes, exact))
}

/// How many events match, and whether that is all.
fn count(keys: &impl Keys, axes: &Axes) -> Result<(u64, bool), ViewError> {
    let (mut matching, mut from) = (0, 0);
    for _ in 0..SEARCHES {
        let found = search::forwards(keys, axes, from, u64::MAX, usize::MAX)?;
        matching += found.events.len() as u64;
        match found.more {
            Some(more) => from = more,
            None => return Ok((matching, true)),
        }
    }
    Ok((matching, false))
}

fn oldest(keys: &impl Keys, axes: &Axes) -> Result<Option<Place>, ViewError> {
    let mut from = 0;
    for _ in 0..SEARCHES {
        let found = search::forwards(keys, axes, from, u64::MAX, 1)?;
        match (found.events.first(), found.more) {
            (Some((_, place)), _) => return Ok(Some(*place)),
            (None, Some(more)) => from = more,
            (None, None) => break,
        }
    }
    Ok(None)
}

fn newest(keys: &impl Keys, axes: &Axes, all: u64) -> Result<Option<Place>, ViewError> {
    let mut before = all;
    for _ in 0..SEARCHES {
        let found = search::backwards(keys, axes, before, 1)?;
        match (found.events.first(), found.more) {
            (Some((_, place)), _) => return Ok(Some(*place)),
            (None, Some(more)) => before = more,
            (None, None) => break,
        }
    }
    Ok(None)
}

fn why_nothing(explained: &pb::ExplainSubscriptionResponse) -> String {
    if explained.matching_events > 0 {
        return String::new();
    }
    if explained.total_events == 0 {
        return "the feed has no events yet".to_owned();
    }
    let empty = explained.axes.iter().find(|axis| axis.matching_events == 0);
    if let Some(axis) = empty {
        return format!("no event has any of the {} asked for", axis.axis);
    }
    let names: Vec<&str> = explained.axes.iter().map(|axis| axis.axis.as_str()).collect();
    let together = names.join(", ");
    match explained.exact {
        true => format!("each field alone has events, but no event passes all of {together}"),
        false => format!("no event that passes all of {together} was found among those looked at"),
    }
}

/// A value as filters have it.
fn shown(axis: Axis, value: &str) -> String {
    let kind = value.parse().ok().filter(|_| axis == Axis::Kinds);
    let kind = kind.and_then(hansa_proto::feed::EventKind::from_pb);
    kind.map_or_else(|| value.to_owned(), |kind| kind.as_str().to_owned())
}

fn name(place: Place) -> String {
    EventId { position: place.position, index: place.index }.to_string()
}

fn count_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
