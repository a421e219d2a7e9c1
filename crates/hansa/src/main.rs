//! The command line of Hansa.
//!
//! | file | answers |
//! | --- | --- |
//! | `cli.rs` | which commands there are |
//! | `client.rs` | where the services are, and the connections to them |
//! | `values.rs` | how arguments are written: ids, dates, words, sources |
//! | `up.rs` | `up`: both services in one process |
//! | `import.rs`, `dataset.rs` | `import`, and the data set that is built in |
//! | `import/table.rs` | `import table`: tables of one's own |
//! | `export.rs`, `matching.rs` | `export`, `match` |
//! | `tail.rs` | `tail`: the feed, followed |
//! | `filter.rs` | which events: the options that say it |
//! | `subscriptions.rs` | `explain`, and `subscriptions`: those the feed keeps under a name |
//! | `browse.rs`, `browse/` | `networks`, `members`, `memberships`, `statements`, `campaigns` |
//! | `write.rs`, `write/` | `join`, `leave`, `publish`, `launch` |
//! | `landscape.rs`, `landscape/` | `landscape`: tables, overlaps, company, reach |
//! | `backup.rs` | `backup`, `restore` |
//! | `journal.rs`, `repair.rs` | `journal verify`, `journal dump`, `journal repair` |
//! | `json.rs`, `json/` | what resources and events look like as JSON |
//! | `table.rs` | what they look like as tables |
//! | `output.rs` | standard output, also when nobody reads it any more |

mod backup;
mod browse;
mod chaos;
mod cli;
mod client;
mod dataset;
mod export;
mod filter;
mod import;
mod journal;
mod json;
mod landscape;
mod matching;
mod output;
mod repair;
mod subscriptions;
mod table;
mod tail;
mod up;
mod values;
mod write;

use std::process::ExitCode;

use clap::Parser as _;

// The writer threads make and drop many small keys and values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    arguments.log.start("warn");
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(cli::run(arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::nobody_reads(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    output::complain(error);
    ExitCode::FAILURE
}
