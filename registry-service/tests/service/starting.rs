//! What keeps a registry from starting, and what it says then.

use hansa_chassis::server;
use hansa_chassis::shutdown::Shutdown;
use registry_service::{Config, RunError, run};

use super::harness::*;
use super::process::{Process, refused};

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
    let data = tempfile::tempdir().unwrap();
    let process = Process::start(data.path(), &[]).await;
    let mut client = connect(&process.address).await;
    client.create_network(create_network("n")).await.unwrap();
    drop(client);
    assert!(process.terminate().await.success());
}

/// An older journal put in the place of the present one by hand: the view has seen what was acknowledged.
#[tokio::test]
async fn a_view_ahead_of_its_journal_is_refused_until_it_is_deleted() {
    let data = tempfile::tempdir().unwrap();
    let (journal, older) = (data.path().join("journal"), data.path().join("older"));
    for number in 0..3 {
        let process = Process::start(data.path(), &[]).await;
        let mut client = connect(&process.address).await;
        client.create_network(create_network(&format!("n-{number}"))).await.unwrap();
        drop(client);
        assert!(process.terminate().await.success());
        if number == 0 {
            std::fs::create_dir(&older).unwrap();
            for file in std::fs::read_dir(&journal).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), older.join(file.file_name())).unwrap();
            }
        }
    }
    std::fs::rename(&journal, data.path().join("newer")).unwrap();
    std::fs::rename(&older, &journal).unwrap();
    // However often it is tried.
    for _ in 0..2 {
        let said = refused(data.path()).await;
        for words in ["up to position 3", "ends at 1", "hansa restore", "delete the directory"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    std::fs::remove_dir_all(data.path().join("view")).unwrap();
    let process = Process::start(data.path(), &[]).await;
    let mut client = connect(&process.address).await;
    let made = client.create_network(create_network("n-1")).await.unwrap().into_inner();
    assert_eq!(made.position, 2, "the older journal goes on");
    drop(client);
    assert!(process.terminate().await.success());
}
