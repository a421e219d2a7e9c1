//! What keeps a registry from starting, and what it says then.

use hansa_chassis::server;
use hansa_chassis::shutdown::Shutdown;
use registry_service::{Config, RunError, run};

use super::harness::*;

async fn run_over(data: &std::path::Path) -> Result<(), RunError> {
    let (listener, _) = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    run(Config::new(data.to_owned()), listener, Shutdown::new()).await
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let (data, it) = started().await;
    let second = run_over(data.path()).await.unwrap_err();
    assert!(matches!(second, RunError::Journal(_)), "{second:?}");
    it.stop().await;
}

#[tokio::test]
async fn a_damaged_journal_is_refused_and_left_as_it_is() {
    let (data, mut it) = started().await;
    it.client.create_network(create_network("n")).await.unwrap();
    it.client.create_member(create_member("m")).await.unwrap();
    it.stop().await;
    let segment = data.path().join("journal").join("00000000000000000001.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    // In the first commit, which an fsync has covered: not a torn tail.
    let middle = bytes.len() / 4;
    bytes[middle] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let refused = run_over(data.path()).await.unwrap_err();
    assert!(matches!(refused, RunError::Journal(_)), "{refused:?}");
    assert_eq!(std::fs::read(&segment).unwrap(), bytes);
}

#[tokio::test]
async fn the_binary_says_where_it_listens_and_drains_on_a_signal() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::process::Command;

    let data = tempfile::tempdir().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_registry-service"))
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.strip_prefix("registry listening on ").expect("the agreed words").to_owned();
    let mut client = connect(&address).await;
    client.create_network(create_network("n")).await.unwrap();
    let id = process.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
    assert!(killed.success());
    assert!(process.wait().await.unwrap().success());
}
