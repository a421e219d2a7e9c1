//! `hansa history`: what was recorded of a resource, by whom and when.

use anyhow::Result;
use clap::Args;
use hansa_proto::pb::registry::v1 as registry;
use hansa_proto::registry::ChangeKind;

use super::{Limit, show_all, word};
use crate::client::ClientOptions;
use crate::json;
use crate::output::answer;

/// Show what was recorded of a network, a member or a membership, by whom and when
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Its full name: networks/ID, members/ID or networks/ID/memberships/ID
    name: String,

    /// Newest first
    #[arg(long)]
    descending: bool,

    #[command(flatten)]
    limit: Limit,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn history(arguments: History) -> Result<()> {
    let client = arguments.client.registry().await?.registry;
    show_all(
        arguments.client.json,
        &arguments.limit,
        &["position", "recorded", "by", "request", "change"],
        json::history_entry,
        row,
        |page_token, page_size| {
            let mut client = client.clone();
            let request = registry::ListHistoryRequest {
                name: arguments.name.clone(),
                page_size,
                page_token,
                descending: arguments.descending,
                min_position: 0,
            };
            async move {
                let page = answer(client.list_history(request).await)?;
                Ok((page.entries, page.next_page_token))
            }
        },
    )
    .await
}

fn row(entry: &registry::HistoryEntry) -> Vec<String> {
    let kind = entry.change.as_ref().and_then(|change| ChangeKind::from_pb(change.kind));
    vec![
        entry.position.to_string(),
        entry.recorded_at.as_ref().map(ToString::to_string).unwrap_or_default(),
        entry.principal.clone(),
        entry.request_id.clone(),
        word(kind.map(ChangeKind::as_str)),
    ]
}
