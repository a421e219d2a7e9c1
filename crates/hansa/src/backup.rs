//! `hansa backup` and `hansa restore`: copies of the journals, taken beside the services, and put back.
//!
//! A backup is a directory of journals, laid out like the data it was taken from; `hansa journal verify`
//! reads it. Views are not in it: they are made of the journals.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use hansa_journal::{Commit, Copied};
use prost_types::Timestamp;
use serde_json::json;

use crate::output;

/// The feed first: a registry copied after it has all that the feed had read of it.
const JOURNALS: [&str; 3] = ["feed/journal", "registry/journal", "journal"];

const BACKUP_EXAMPLES: &str = "\
The services may run meanwhile. Of an earlier backup in the same directory, files that have not changed
since are not written again.

Examples:
  hansa backup --from hansa-data --to /backup/hansa
  hansa journal verify /backup/hansa";

const RESTORE_EXAMPLES: &str = "\
What was written after the backup, or after --at, is given up; the journals go on under new identities.
Whoever had read no further goes on; whoever had is told that this is another history.

Examples:
  hansa restore --from /backup/hansa --to hansa-data
  hansa restore --from /backup/hansa --to hansa-data --at 2026-03-01T12:00:00Z
  hansa restore --from /backup/hansa/registry --to registry-data --at 81234";

/// Copy the journals of services, which may run
#[derive(Debug, Args)]
#[command(after_help = BACKUP_EXAMPLES)]
pub(crate) struct Backup {
    /// Data directory of `hansa up` or of a service
    #[arg(long, value_name = "DIRECTORY")]
    from: PathBuf,

    /// Directory of the backup: a new one, or that of an earlier backup of the same data
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,

    /// Print one JSON object a journal
    #[arg(long)]
    json: bool,
}

/// Make data directories of a backup
#[derive(Debug, Args)]
#[command(after_help = RESTORE_EXAMPLES)]
pub(crate) struct Restore {
    /// Directory of the backup
    #[arg(long, value_name = "DIRECTORY")]
    from: PathBuf,

    /// Data directory to make; there must be nothing in it
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,

    /// Restore only what was recorded up to this position of the one journal in the backup, or up to
    /// this time; everything when left out
    #[arg(long, value_name = "POSITION|TIME")]
    at: Option<Place>,

    /// Print one JSON object a journal
    #[arg(long)]
    json: bool,
}

/// Up to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Position(u64),
    Micros(i64),
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        if let Ok(position) = text.parse() {
            return Ok(Place::Position(position));
        }
        let time: Timestamp = text
            .parse()
            .map_err(|_| "neither a position nor a time like 2026-03-01T12:00:00Z".to_owned())?;
        let micros = time.seconds.checked_mul(1_000_000);
        let micros = micros.and_then(|micros| micros.checked_add(i64::from(time.nanos / 1_000)));
        micros.map(Place::Micros).ok_or_else(|| "too far away".to_owned())
    }
}

impl Place {
    fn holds(at: Option<Place>, commit: &Commit) -> bool {
        match at {
            None => true,
            Some(Place::Position(last)) => commit.position.get() <= last,
            Some(Place::Micros(last)) => commit.recorded_at_micros <= last,
        }
    }
}

pub(crate) fn backup(arguments: &Backup) -> Result<()> {
    for name in journals(&arguments.from)? {
        let (from, to) = (arguments.from.join(name), arguments.to.join(name));
        let copied = hansa_journal::copy(&from, &to)
            .with_context(|| format!("the journal in {} cannot be copied", from.display()))?;
        tell(&to, &copied, arguments.json)?;
    }
    Ok(())
}

pub(crate) fn restore(arguments: &Restore) -> Result<()> {
    let journals = journals(&arguments.from)?;
    if matches!(arguments.at, Some(Place::Position(_))) && journals.len() > 1 {
        bail!(
            "{} holds {} journals: restore one, by --from {}, or up to a time",
            arguments.from.display(),
            journals.len(),
            arguments.from.join("registry").display()
        );
    }
    for name in journals {
        let (from, to) = (arguments.from.join(name), arguments.to.join(name));
        let wanted = &mut |commit: &Commit| Place::holds(arguments.at, commit);
        let restored = hansa_journal::restore(&from, &to, wanted)
            .with_context(|| format!("the journal in {} cannot be restored", from.display()))?;
        tell(&to, &restored, arguments.json)?;
    }
    Ok(())
}

/// The journals in a directory, by their places in it.
fn journals(directory: &Path) -> Result<Vec<&'static str>> {
    let found: Vec<&str> =
        JOURNALS.into_iter().filter(|name| directory.join(name).is_dir()).collect();
    if found.is_empty() {
        bail!("{} holds no journal", directory.display());
    }
    Ok(found)
}

fn tell(directory: &Path, copied: &Copied, as_json: bool) -> Result<()> {
    if as_json {
        return Ok(output::json(&json!({
            "directory": directory,
            "identity": copied.identity.to_string(),
            "last_position": copied.last.get(),
            "chain": copied.chain.to_string(),
            "segments": copied.segments,
            "segments_written": copied.written,
            "bytes_written": copied.bytes,
        }))?);
    }
    Ok(output::line(&format!(
        "{}: up to position {}, {} of {} segments written, {} bytes",
        directory.display(),
        copied.last.get(),
        copied.written,
        copied.segments,
        copied.bytes
    ))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_position_or_a_time() {
        assert_eq!("812".parse(), Ok(Place::Position(812)));
        assert_eq!("1970-01-01T00:00:01.5Z".parse(), Ok(Place::Micros(1_500_000)));
        assert!("yesterday".parse::<Place>().is_err());
        assert!("-1".parse::<Place>().is_err());
    }
}
