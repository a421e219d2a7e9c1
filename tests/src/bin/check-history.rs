//! Puts recorded histories through every validator: `cargo run -p hansa-tests --bin check-history -- FILE…`.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use hansa_tests::checker::check;
use hansa_tests::history::read;

#[derive(Debug, Parser)]
#[command(about = "Say which lines of recorded histories break which guarantee")]
struct Arguments {
    /// Histories, JSON Lines
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let mut sound = true;
    for file in &Arguments::parse().files {
        sound &= keeps_every_guarantee(file);
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn keeps_every_guarantee(file: &Path) -> bool {
    let verdict = match read(file).and_then(|lines| check(&lines)) {
        Ok(verdict) => verdict,
        Err(problem) => {
            println!("{}: {problem}", file.display());
            return false;
        }
    };
    let looked_at = verdict.looked_at;
    println!(
        "{}: {} calls, {} streams, {} events, {} commits of the registry, {} violations",
        file.display(),
        looked_at.calls,
        looked_at.streams,
        looked_at.events,
        looked_at.commits,
        verdict.violations.len()
    );
    verdict.violations.iter().for_each(|violation| println!("  {violation}"));
    verdict.violations.is_empty()
}
