//! Puts each mutant of `tests/mutants/list.txt` into a copy of the repository and runs the test that has
//! to catch it: `tests/mutants/run [NAME…]`, in the root of the repository.
//!
//! The copy is the last commit, in `target/mutants`, with a target directory of its own. Each test runs
//! without the mutant first, and has to pass. A mutant that does not compile, or whose test still
//! passes, is not caught, and the run fails.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use clap::Parser;
use hansa_tests::mutants::{Catcher, Mutant, listed};

/// A test that takes longer hangs.
const PATIENCE_SECONDS: &str = "300";

#[derive(Debug, Parser)]
struct Arguments {
    /// Only these; all when none is named
    names: Vec<String>,
    /// Do not run the tests without mutants first
    #[arg(long)]
    skip_baseline: bool,
    /// The commit that is copied
    #[arg(long, default_value = "HEAD")]
    commit: String,
}

/// What became of a mutant, or of a test without one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Hung,
    DoesNotCompile,
    DoesNotRun,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let root = Path::new(".");
    let mutants = match listed(root) {
        Ok(mutants) => mutants,
        Err(problem) => {
            println!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    let wanted =
        |mutant: &Mutant| arguments.names.is_empty() || arguments.names.contains(&mutant.name);
    let mutants: Vec<Mutant> = mutants.into_iter().filter(wanted).collect();
    let copy = Copy::of(root, &arguments.commit);
    let mut sound = true;
    if !arguments.skip_baseline {
        let tests: BTreeSet<&Catcher> = mutants.iter().map(|mutant| &mutant.test).collect();
        for test in tests {
            if copy.run(test) != Verdict::Passed {
                println!("FAILS WITHOUT A MUTANT  {} {}", test.package, test.path);
                sound = false;
            }
        }
    }
    let mut missed = 0;
    for mutant in &mutants {
        let verdict = copy.with(mutant);
        let caught = matches!(verdict, Ok(Verdict::Failed | Verdict::Hung));
        missed += usize::from(!caught);
        let told = match verdict {
            Ok(Verdict::Failed) => "caught".to_owned(),
            Ok(Verdict::Hung) => "caught (the test hangs)".to_owned(),
            Ok(Verdict::Passed) => "MISSED".to_owned(),
            Ok(Verdict::DoesNotCompile) => "DOES NOT COMPILE".to_owned(),
            Ok(Verdict::DoesNotRun) => "THERE IS NO SUCH TEST".to_owned(),
            Err(problem) => format!("CANNOT BE APPLIED: {problem}"),
        };
        println!("{told:24}{:44}{} {}", mutant.name, mutant.test.package, mutant.test.path);
    }
    println!("{} mutants, {missed} not caught", mutants.len());
    if sound && missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The copy of the repository.
struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// Brings the copy to a commit; what did not change keeps its times, so that little is built.
    fn of(root: &Path, commit: &str) -> Copy {
        let root = root.canonicalize().expect("the repository is there");
        let folder = root.join("target/mutants");
        let copy = Copy { tree: folder.join("tree"), target: folder.join("target") };
        if !copy.tree.exists() {
            std::fs::create_dir_all(&folder).expect("target can be written");
            let cloned = Command::new("git")
                .args(["clone", "-q", "--shared", "--no-checkout"])
                .args([&root, &copy.tree])
                .status();
            assert!(cloned.expect("git runs").success(), "git clone");
        }
        let found = Command::new("git").arg("-C").arg(&root).args(["rev-parse", commit]).output();
        let found = String::from_utf8(found.expect("git runs").stdout).expect("a hash");
        copy.git(&["checkout", "-q", "--detach", "--force", found.trim()]);
        copy
    }

    fn git(&self, arguments: &[&str]) {
        let done = Command::new("git").arg("-C").arg(&self.tree).args(arguments).status();
        assert!(done.expect("git runs").success(), "git {arguments:?}");
    }

    fn with(&self, mutant: &Mutant) -> Result<Verdict, String> {
        let path = self.tree.join(&mutant.file);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path:?}: {error}"))?;
        std::fs::write(&path, mutant.applied(&text)?).expect("the copy can be written");
        let verdict = self.run(&mutant.test);
        std::fs::write(&path, text).expect("the copy can be written");
        Ok(verdict)
    }

    fn run(&self, test: &Catcher) -> Verdict {
        let built = self.cargo(Command::new("cargo"), test, &["--no-run"]);
        if !built.status.success() {
            print!("{}", String::from_utf8_lossy(&built.stderr));
            return Verdict::DoesNotCompile;
        }
        // A process group of its own: what hangs ends with all its children.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", PATIENCE_SECONDS, "cargo"]);
        let ran = self.cargo(command, test, &["--", "--exact", &test.path]);
        let told = String::from_utf8_lossy(&ran.stdout);
        match ran.status.code() {
            Some(0) if told.contains("1 passed") => Verdict::Passed,
            Some(0) => Verdict::DoesNotRun,
            Some(124 | 137) => Verdict::Hung,
            _ => Verdict::Failed,
        }
    }

    fn cargo(&self, mut command: Command, test: &Catcher, further: &[&str]) -> Output {
        command
            .args(["test", "-q"])
            .args(test.chosen())
            .args(further)
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_MANIFEST_DIR");
        command.output().expect("cargo runs")
    }
}
