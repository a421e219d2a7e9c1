//! `hansa-bench peers`, whole but small: everybody who is there does some works, and both tables come.

use std::process::Command;

use hansa_bench::peers::{Work, contenders};

const WORKS: [(Work, &str); 4] = [
    (Work::WriteAlone, "write-alone"),
    (Work::Bulk, "bulk"),
    (Work::SlowFanOut, "slow-fan-out"),
    (Work::Replay, "replay"),
];

/// Only who is not installed may be absent, and is named.
#[test]
fn everybody_who_is_there_is_measured() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansa-bench"));
    command.arg("peers").args(WORKS.map(|(_, name)| name));
    command.args(["--runs", "1", "--seconds", "1", "--count", "1000"]);
    let output = command.output().expect("it was built with this test");
    let (out, notes) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{notes}");
    for (work, name) in WORKS {
        for who in contenders(work) {
            let skipped = notes.contains(&format!("SKIPPED {who}: "));
            let row = out.lines().any(|line| line.contains(&format!("| {who} | 1 |")));
            assert!(row != skipped, "{name}: {who}\n{notes}\n{out}");
        }
    }
    assert!(out.contains("| work | who | figure | of | goal | measured | | floor |"), "{out}");
}
