//! `hansa publish`.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use clap::Args;
use hansa_proto::common::TargetKind;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::StatementKind;
use hansa_proto::ids::{CampaignId, MemberId, NetworkId, StatementId};
use hansa_proto::limits::EFFECTIVE_THRESHOLD;
use hansa_proto::pb::common::v1::{Source, Target};
use hansa_proto::pb::feed::v1::{PublishStatementRequest, Signature, Statement};

use super::{WriteOptions, name, names, registry_position};
use crate::client::ClientOptions;
use crate::output::answer;
use crate::{json, values};

const HELP: &str = "\
A statement is issued by a network, by members, or by neither when a source is given.

Examples:
  hansa publish housing-letter --title 'On housing' --kind open_letter --member es-barcelona \\
        --sign fr-paris --sign pt-lisbon --target 'European Commission' --published 2026-11-22
  hansa publish c40-appeal --title 'An appeal' --kind call --network c40 --theme climate
  hansa publish our-pact --title 'Our pact' --kind joint_statement --member es-barcelona --threshold 25";

/// Publish a statement
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Publish {
    /// Id of the statement: lower case letters, digits and hyphens
    #[arg(value_parser = values::statement)]
    id: StatementId,

    /// Title
    #[arg(long)]
    title: String,

    /// What it is, such as declaration, open_letter or resolution
    #[arg(long, value_parser = StatementKind::from_str)]
    kind: StatementKind,

    /// The source's own word for what it is
    #[arg(long, value_name = "WORD")]
    kind_stated: Option<String>,

    /// Language, such as fr
    #[arg(long, value_name = "TAG")]
    language: Option<String>,

    /// What it says in short
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,

    /// File with the text itself
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,

    /// Where the document is
    #[arg(long, value_name = "URL")]
    document: Option<String>,

    /// The network that issues it
    #[arg(long, value_name = "ID", value_parser = values::network)]
    network: Option<NetworkId>,

    /// The member that acts for the network
    #[arg(long, value_name = "ID", value_parser = values::member, requires = "network")]
    acting_member: Option<MemberId>,

    /// A member that issues it
    #[arg(long, value_name = "ID", value_parser = values::member)]
    member: Vec<MemberId>,

    /// A member that signs it
    #[arg(long, value_name = "ID", value_parser = values::member)]
    sign: Vec<MemberId>,

    /// It takes effect when so many members have signed. Without it, at once
    #[arg(long, value_name = "SIGNATURES", value_parser = clap::value_parser!(i64).range(0..=EFFECTIVE_THRESHOLD))]
    threshold: Option<i64>,

    /// Whom it is aimed at
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// What that is, such as national_government
    #[arg(long, value_name = "KIND", value_parser = TargetKind::from_str, requires = "target")]
    target_kind: Option<TargetKind>,

    /// Who supports it without signing
    #[arg(long, value_name = "NAME")]
    supporter: Vec<String>,

    /// A subject
    #[arg(long)]
    theme: Vec<String>,

    /// The campaign it belongs to
    #[arg(long, value_name = "ID", value_parser = values::campaign)]
    campaign: Option<CampaignId>,

    /// When it was published: 2026, 2026-11 or 2026-11-22
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    published: Option<PartialDate>,

    /// Anything else worth knowing
    #[arg(long)]
    note: Option<String>,

    /// Who says so: 'Author, title, date', and behind a bar where it can be read
    #[arg(long, value_name = "CITATION[|URL]", value_parser = values::source)]
    source: Vec<Source>,

    #[command(flatten)]
    write: WriteOptions,

    #[command(flatten)]
    client: ClientOptions,
}

pub(crate) async fn publish(arguments: Publish) -> Result<()> {
    let mut client = arguments.client.feed().await?.statements;
    let signature = |id: &MemberId| Signature { member: id.to_string(), ..Default::default() };
    let request = PublishStatementRequest {
        signatures: arguments.sign.iter().map(signature).collect(),
        min_registry_position: registry_position(&arguments.client).await,
        request_id: arguments.write.request_id(),
        validate_only: arguments.write.dry_run,
        statement: Some(statement(&arguments)?.into()),
    };
    let done = answer(client.publish_statement(request).await)?;
    let statement = done.statement.unwrap_or_default();
    let sentence = format!("published {}: {}", arguments.id.id(), statement.title);
    let how = (done.position, done.replayed);
    let rendered = json::statement(&statement);
    arguments.write.show(&arguments.client, "statement", rendered, how, &sentence)
}

fn statement(arguments: &Publish) -> Result<Statement> {
    let body = match &arguments.body_file {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {} (--body-file)", file.display()))?,
        None => String::new(),
    };
    Ok(Statement {
        name: arguments.id.to_string(),
        kind: arguments.kind.to_pb(),
        kind_stated: arguments.kind_stated.clone().unwrap_or_default(),
        title: arguments.title.clone(),
        language: arguments.language.clone().unwrap_or_default(),
        summary: arguments.summary.clone().unwrap_or_default(),
        body,
        document_uri: arguments.document.clone().unwrap_or_default(),
        issuer_network: name(arguments.network.as_ref()),
        acting_member: name(arguments.acting_member.as_ref()),
        issuer_members: names(&arguments.member),
        target: arguments.target.as_ref().map(|target| Target {
            name: target.clone(),
            kind: arguments.target_kind.map_or(0, TargetKind::to_pb),
        }),
        supporters: arguments.supporter.clone(),
        themes: arguments.theme.clone(),
        campaign: name(arguments.campaign.as_ref()),
        published: arguments.published.map(PartialDate::to_pb),
        note: arguments.note.clone().unwrap_or_default(),
        sources: arguments.source.clone(),
        effective_threshold: arguments.threshold.unwrap_or_default(),
        ..Default::default()
    })
}
