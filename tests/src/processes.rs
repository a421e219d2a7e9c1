//! The pair as one process of its own, started with `hansa up`: for tests that want the real binary, and
//! for those of clients in other languages.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::Clients;

/// A process with both services in it, on free ports, with empty directories. Dropped, it is killed and its
/// directories are removed.
pub struct Processes {
    child: Child,
    clients: Clients,
    chaos: Option<String>,
    /// What it writes to standard error, and to standard output.
    errors: Option<JoinHandle<String>>,
    output: Option<JoinHandle<String>>,
    _directory: TempDir,
}

impl Processes {
    /// Starts the binary at this path with further arguments, such as `["--chaos", "seed=7"]`, and returns
    /// when both services serve. Blocks.
    pub fn start(hansa: &Path, further: &[&str]) -> Processes {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let endpoints = directory.path().join("endpoints.json");
        let mut command = Command::new(hansa);
        command.arg("up").arg("--data").arg(directory.path().join("data"));
        command.args(["--registry-listen", "127.0.0.1:0", "--feed-listen", "127.0.0.1:0"]);
        command.arg("--endpoints-file").arg(&endpoints).args(["--no-tail", "--no-import"]);
        command.args(further).stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let mut output = child.stdout.take().expect("it is a pipe");
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).expect("it is text");
            text
        });
        let mut errors = BufReader::new(child.stderr.take().expect("it is a pipe"));
        let mut said = String::new();
        // The last lines of its start are written after the file.
        while !endpoints.exists() {
            let length = errors.read_line(&mut said).expect("it is text");
            assert!(length > 0, "it ended at its start: {said}");
        }
        let text = std::fs::read_to_string(&endpoints).expect("it is there");
        let found: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let url = |key: &str| found[key].as_str().map(str::to_owned);
        let clients = Clients {
            registry_url: url("registry").expect("it is named"),
            feed_url: url("feed").expect("it is named"),
        };
        let errors = std::thread::spawn(move || {
            errors.read_to_string(&mut said).expect("it is text");
            said
        });
        let (errors, output) = (Some(errors), Some(output));
        Processes { child, clients, chaos: url("chaos"), errors, output, _directory: directory }
    }

    /// Clients of both.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Where the control of the chaos front listens, if it was asked for one.
    pub fn chaos_url(&self) -> Option<&str> {
        self.chaos.as_deref()
    }

    /// Stops it as a signal would, and returns what it has written to standard output. Blocks.
    pub fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        assert!(sent.success(), "it had ended before");
        let ended = self.child.wait().expect("it was started here");
        let said = |thread: Option<JoinHandle<String>>| thread.map(|said| said.join());
        let errors = said(self.errors.take());
        assert!(ended.success(), "it ended with {ended}: {errors:?}");
        let output = said(self.output.take()).expect("it is taken once");
        output.expect("the thread does not panic")
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
