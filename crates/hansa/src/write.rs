//! `hansa join|leave|publish|sign|retract|redact|launch|campaign`: one write each, safe to repeat with its
//! request id.

mod campaign;
mod course;
mod membership;
mod redaction;
mod signing;
mod statement;

pub(crate) use campaign::{Launch, launch};
pub(crate) use course::{Course, course};
pub(crate) use membership::{Join, Leave, join, leave};
pub(crate) use redaction::{Redact, redact};
pub(crate) use signing::{Retract, Sign, retract, sign};
pub(crate) use statement::{Publish, publish};

use anyhow::Result;
use clap::Args;
use hansa_proto::ids::RequestId;
use hansa_proto::pb::registry::v1::GetOverviewRequest;
use serde_json::{Value, json};

use crate::client::ClientOptions;
use crate::output;

/// What every write takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Writing")]
struct WriteOptions {
    /// Id of the request: the same one again with the same content is answered with what was done the
    /// first time. Without it, a new one
    #[arg(long, value_name = "ID", value_parser = RequestId::parse)]
    request_id: Option<RequestId>,

    /// Check everything and say what would be done, but do nothing
    #[arg(long)]
    dry_run: bool,
}

impl WriteOptions {
    fn request_id(&self) -> String {
        match &self.request_id {
            Some(id) => id.to_string(),
            None => uuid::Uuid::new_v4().to_string(),
        }
    }

    /// Shows what a write did.
    fn show(
        &self,
        client: &ClientOptions,
        field: &str,
        resource: Value,
        (position, replayed): (u64, bool),
        sentence: &str,
    ) -> Result<()> {
        if client.json {
            let done = json!({
                field: resource,
                "position": position,
                "replayed": replayed,
                "dry_run": self.dry_run,
            });
            return Ok(output::json(&done)?);
        }
        let how = match (self.dry_run, replayed) {
            (true, _) => "checked only, nothing was written".to_owned(),
            (false, true) => format!("done before, at position {position}"),
            (false, false) => format!("position {position}"),
        };
        Ok(output::line(&format!("{sentence} ({how})"))?)
    }
}

/// The registry's position now, so that the feed knows what this command's user knows. A registry that
/// does not answer is no reason not to speak to the feed.
async fn registry_position(client: &ClientOptions) -> u64 {
    let Ok(registry) = client.registry().await else { return 0 };
    let request = GetOverviewRequest { min_position: 0 };
    let overview = output::answer(registry.landscape.clone().get_overview(request).await);
    overview.map_or(0, |overview| overview.position)
}

fn names<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(T::to_string).collect()
}

fn name<T: ToString>(id: Option<&T>) -> String {
    id.map(T::to_string).unwrap_or_default()
}
