//! The registry as a process of its own: the binary, with flags as operators give them.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running binary. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

fn command(data: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry-service"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data).args(flags).kill_on_drop(true);
    command
}

impl Process {
    /// Starts it; returns when it has said where it listens.
    pub(crate) async fn start(data: &Path, flags: &[&str]) -> Process {
        let mut child = command(data, flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let address = line.strip_prefix("registry listening on ").expect("the agreed words");
        Process { address: address.to_owned(), child }
    }

    /// Asks it to end, as an operator would.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().unwrap().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(asked.success());
        self.child.wait().await.unwrap()
    }
}

/// Starts one that must not start, and says what it wrote.
pub(crate) async fn refused(data: &Path) -> String {
    let mut child =
        command(data, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(!child.wait().await.unwrap().success(), "it ended well: {said}");
    said
}
