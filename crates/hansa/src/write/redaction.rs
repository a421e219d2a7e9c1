//! `hansa redact`.

use anyhow::Result;
use clap::Args;
use hansa_proto::ids::StatementId;
use hansa_proto::pb::feed::v1::RedactStatementRequest;

use super::WriteOptions;
use crate::client::ClientOptions;
use crate::output::answer;
use crate::{json, values};

const HELP: &str = "\
What is erased cannot be brought back: look first with --dry-run, which says what would remain. Backups \
keep what they have.

Example:
  hansa redact housing-letter --ground 'GDPR article 17, request of 2026-11-20'";

/// Erase the content of a statement for good; its place, the legal ground and a hash stay
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Redact {
    /// The statement
    #[arg(value_parser = values::statement)]
    statement: StatementId,

    /// On what legal ground, in words that repeat nothing of the content
    #[arg(long, value_name = "TEXT")]
    ground: String,

    /// Only if it is as it was seen: its etag
    #[arg(long, value_name = "ETAG")]
    etag: Option<String>,

    #[command(flatten)]
    write: WriteOptions,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn redact(arguments: Redact) -> Result<()> {
    let mut client = arguments.client.feed().await?.statements;
    let request = RedactStatementRequest {
        name: arguments.statement.to_string(),
        legal_ground: arguments.ground.clone(),
        etag: arguments.etag.clone().unwrap_or_default(),
        request_id: arguments.write.request_id(),
        validate_only: arguments.write.dry_run,
    };
    let done = answer(client.redact_statement(request).await)?;
    let statement = done.statement.unwrap_or_default();
    let hash = values::to_hex(&statement.content_sha256);
    let sentence = format!("redacted {}, SHA-256 {hash}", arguments.statement.id());
    let how = (done.position, done.replayed);
    let rendered = json::statement(&statement);
    arguments.write.show(&arguments.client, "statement", rendered, how, &sentence)
}
