//! Carrying out a plan: one stream of rows, each decided for itself.

use std::collections::BTreeMap;

use hansa_proto::pb::registry::v1 as pb;
use pb::batch_item::Change;
use pb::import_request::Message;

use super::TableError;
use crate::Registry;

/// A row the registry refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Key of the row.
    pub key: String,
    /// Why, in words.
    pub why: String,
}

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Recorded, or would be.
    pub applied: usize,
    /// So already.
    pub unchanged: usize,
    /// Refused.
    pub refused: Vec<Refused>,
    /// Position of the last commit; 0 when there was none.
    pub position: u64,
}

/// Sends rows, each with its key, or has them tried. `progress` learns how many were answered.
pub async fn run(
    registry: &Registry,
    rows: Vec<(String, Change)>,
    validate_only: bool,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Tally, TableError> {
    let mut tally = Tally::default();
    if rows.is_empty() {
        return Ok(tally);
    }
    // A key may stand more than once; the registry is given places instead.
    let keys: BTreeMap<String, String> = (0..rows.len())
        .map(|index| index.to_string())
        .zip(rows.iter().map(|(key, _)| key.clone()))
        .collect();
    let options = pb::ImportOptions { import_id: String::new(), validate_only };
    let first = pb::ImportRequest { message: Some(Message::Options(options)) };
    let rows = rows.into_iter().enumerate().map(|(index, (_, change))| {
        let item = Some(pb::BatchItem { change: Some(change) });
        let row = pb::ImportRow { key: index.to_string(), item };
        pb::ImportRequest { message: Some(Message::Row(row)) }
    });
    let requests = tokio_stream::iter(std::iter::once(first).chain(rows));
    let mut answers = registry.registry.clone().import(requests).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        tally.position = tally.position.max(answer.position);
        for result in answer.results {
            match result.outcome() {
                pb::ImportOutcome::Applied => tally.applied += 1,
                pb::ImportOutcome::Refused | pb::ImportOutcome::Unspecified => {
                    let key = keys.get(&result.key).cloned().unwrap_or(result.key);
                    tally.refused.push(Refused { key, why: why(result.error) });
                }
                pb::ImportOutcome::Unchanged => tally.unchanged += 1,
            }
        }
        progress(u64::try_from(answer.rows).unwrap_or_default());
    }
    Ok(tally)
}

fn why(error: Option<pb::ImportError>) -> String {
    let Some(error) = error else { return "refused".to_owned() };
    match error.fields.is_empty() {
        true => error.message,
        false => format!("{}: {}", error.message, error.fields.join("; ")),
    }
}
