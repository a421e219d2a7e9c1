//! `hansa sign` and `hansa retract`.

use anyhow::Result;
use clap::Args;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, StatementId};
use hansa_proto::pb::feed::v1::{RetractStatementRequest, SignStatementRequest};

use super::{WriteOptions, registry_position};
use crate::client::ClientOptions;
use crate::output::answer;
use crate::{json, values};

/// Let a member sign a statement
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  hansa sign housing-letter pt-lisbon --representative 'The mayor' --date 2026-11-22"
)]
pub(crate) struct Sign {
    /// The statement
    #[arg(value_parser = values::statement)]
    statement: StatementId,

    /// The member
    #[arg(value_parser = values::member)]
    member: MemberId,

    /// The person who signs for it
    #[arg(long, value_name = "NAME")]
    representative: Option<String>,

    /// When it signs: 2026, 2026-11 or 2026-11-22
    #[arg(long, value_parser = values::date)]
    date: Option<PartialDate>,

    #[command(flatten)]
    write: WriteOptions,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn sign(arguments: Sign) -> Result<()> {
    let mut client = arguments.client.feed().await?.statements;
    let request = SignStatementRequest {
        name: arguments.statement.to_string(),
        member: arguments.member.to_string(),
        representative: arguments.representative.clone().unwrap_or_default(),
        signed: arguments.date.map(PartialDate::to_pb),
        min_registry_position: registry_position(&arguments.client).await,
        request_id: arguments.write.request_id(),
        validate_only: arguments.write.dry_run,
    };
    let done = answer(client.sign_statement(request).await)?;
    let sentence = format!("{} signed {}", arguments.member.id(), arguments.statement.id());
    let how = (done.position, done.replayed);
    let rendered = json::signature(&done.signature.unwrap_or_default());
    arguments.write.show(&arguments.client, "signature", rendered, how, &sentence)
}

/// Withdraw a statement; it stays readable, marked as retracted
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hansa retract housing-letter --reason 'a wrong figure'")]
pub(crate) struct Retract {
    /// The statement
    #[arg(value_parser = values::statement)]
    statement: StatementId,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// When it was withdrawn: 2026, 2026-11 or 2026-11-22
    #[arg(long, value_parser = values::date)]
    date: Option<PartialDate>,

    #[command(flatten)]
    write: WriteOptions,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn retract(arguments: Retract) -> Result<()> {
    let mut client = arguments.client.feed().await?.statements;
    let request = RetractStatementRequest {
        name: arguments.statement.to_string(),
        reason: arguments.reason.clone().unwrap_or_default(),
        occurred_at: arguments.date.map(PartialDate::to_pb),
        etag: String::new(),
        request_id: arguments.write.request_id(),
        validate_only: arguments.write.dry_run,
    };
    let done = answer(client.retract_statement(request).await)?;
    let sentence = format!("retracted {}", arguments.statement.id());
    let how = (done.position, done.replayed);
    let rendered = json::statement(&done.statement.unwrap_or_default());
    arguments.write.show(&arguments.client, "statement", rendered, how, &sentence)
}
