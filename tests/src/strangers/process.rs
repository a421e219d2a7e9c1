//! A pair of processes with limits of their own, and what they use.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::Clients;
use crate::world::{free_address, serving, within};

/// A registry and a feed, each a process of its own. Dropped, both are killed.
pub(super) struct Pair {
    pub(super) registry: Process,
    pub(super) feed: Process,
    directory: TempDir,
}

pub(super) struct Process {
    pub(super) name: &'static str,
    /// `127.0.0.1:50051`.
    pub(super) address: String,
    child: Child,
    errors: PathBuf,
}

/// What a process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Memory, in KiB.
    pub memory: u64,
    /// The most memory it ever used, in KiB.
    pub memory_most: u64,
    /// Open files, sockets among them.
    pub files: usize,
}

impl Pair {
    /// Both, of a program that runs them as `registry` and `feed`, with further arguments.
    pub(super) async fn start(program: &Path, limits: &[String], feed_only: &[String]) -> Pair {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let start = async |name: &'static str, further: &[String]| {
            let address = free_address().await.to_string();
            let errors = directory.path().join(format!("{name}.log"));
            let child = Command::new(program)
                .arg(name)
                .arg("--data")
                .arg(directory.path().join(name))
                .args(["--listen", &address])
                .args(limits)
                .args(further)
                .env("RUST_BACKTRACE", "1")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(&errors).expect("a file"))
                .spawn()
                .expect("it can be started");
            let process = Process { name, address, child, errors };
            within(serving(process.url())).await;
            process
        };
        let registry = start("registry", &[]).await;
        let mut further = vec!["--registry".to_owned(), registry.url()];
        further.extend_from_slice(feed_only);
        let feed = start("feed", &further).await;
        Pair { registry, feed, directory }
    }

    pub(super) fn clients(&self) -> Clients {
        Clients { registry_url: self.registry.url(), feed_url: self.feed.url() }
    }

    /// Kills both and reads both journals from end to end.
    pub(super) fn end(mut self) {
        for process in [&mut self.feed, &mut self.registry] {
            process.check();
            process.end();
            let journal = self.directory.path().join(process.name).join("journal");
            hansa_journal::verify(&journal).expect("its journal is whole");
        }
    }
}

impl Process {
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it uses now.
    pub(super) fn used(&self) -> Used {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = std::fs::read_to_string(process.join("status")).expect("it runs");
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            let number = line.split_whitespace().next().and_then(|number| number.parse().ok());
            number.expect("a number")
        };
        let files = std::fs::read_dir(process.join("fd")).expect("it runs").count();
        Used { memory: of("VmRSS:"), memory_most: of("VmHWM:"), files }
    }

    /// It runs, and no thread of it has panicked.
    pub(super) fn check(&mut self) {
        let ended = self.child.try_wait().expect("it was started here");
        let said = std::fs::read_to_string(&self.errors).expect("it was made");
        assert!(ended.is_none(), "the {} has ended: {ended:?}\n{said}", self.name);
        assert!(!said.contains("panicked"), "the {} panicked:\n{said}", self.name);
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
