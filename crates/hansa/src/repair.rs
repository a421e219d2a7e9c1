//! `hansa journal repair`: what giving up the damaged end of a journal would cost, and doing it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use hansa_journal::{Commit, Repair};

use crate::{journal, output};

/// Give up the damaged end of a journal whose service does not run
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Data directory of `hansa up`, of a service, or the journal itself
    directory: PathBuf,

    /// Do it. The damaged bytes are kept in files beside the journal's, which then goes on under a new
    /// identity: whoever had read further is told that this is another history
    #[arg(long)]
    accept_loss: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut damaged = 0;
    for directory in journal::journals(&arguments.directory)? {
        let repair = Repair::of(&directory)
            .with_context(|| format!("the journal in {} cannot be read", directory.display()))?;
        let Some(repair) = repair else {
            output::line(&format!("{}: nothing to repair", directory.display()))?;
            continue;
        };
        damaged += 1;
        describe(&directory, &repair)?;
        if arguments.accept_loss {
            for file in repair.accept_loss()? {
                output::line(&format!("  kept aside: {}", file.display()))?;
            }
            output::line("  given up; the journal is whole up to there")?;
        }
    }
    if damaged > 0 && !arguments.accept_loss {
        bail!(
            "nothing was changed; a backup may have what is damaged here. --accept-loss gives it up"
        );
    }
    Ok(())
}

fn describe(directory: &Path, repair: &Repair) -> Result<()> {
    output::line(&format!("{}: {}", directory.display(), repair.damage))?;
    let (first, last) = (repair.last_kept.next(), repair.last_lost);
    let positions = match first <= last {
        true => format!("positions {first} to {last}"),
        false => format!("whatever stood from position {first} on"),
    };
    output::line(&format!(
        "  to be given up: {positions}, {} bytes; readable of it:",
        repair.bytes
    ))?;
    let mut readable = Vec::new();
    repair.each_lost(&mut |commit: Commit| {
        readable.push(format!("  {}", journal::described(&commit)));
    })?;
    if readable.is_empty() {
        readable.push("    none".to_owned());
    }
    readable.iter().try_for_each(|line| output::line(line))?;
    Ok(())
}
