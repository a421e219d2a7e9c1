//! Data written by earlier formats are opened, and answer as they did.

use std::fs;
use std::path::{Path, PathBuf};

use hansa_tests::fixture::{Pair, answers, tell};
use hansa_tests::make;
use hansa_tests::on_disk::copy_directory;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_every_format_answer_as_they_did() {
    let fixtures = fixtures();
    assert!(!fixtures.is_empty());
    for fixture in fixtures {
        let data = tempfile::tempdir().unwrap();
        copy_directory(&fixture, data.path());
        let pair = Pair::over(data.path()).await;
        let expected = fs::read_to_string(fixture.join("answers.txt")).unwrap();
        assert_eq!(answers(&pair.clients()).await, expected, "{}", fixture.display());
        // And they go on: what was done is known, what is new is added.
        let mut known = make::member("m-1", "ES");
        known.request_id = "member-m-1".to_owned();
        let known = pair.clients().registry().create_member(known).await.unwrap().into_inner();
        assert!(known.replayed);
        let new = make::member("m-9", "FR");
        let new = pair.clients().registry().create_member(new).await.unwrap().into_inner();
        assert!(new.position > known.position && !new.replayed);
        pair.stop().await;
    }
}

/// What is written now answers as the fixture of the present format does.
#[tokio::test(flavor = "multi_thread")]
async fn the_present_format_has_a_fixture() {
    let data = tempfile::tempdir().unwrap();
    let pair = Pair::over(data.path()).await;
    tell(&pair.clients()).await;
    let answered = answers(&pair.clients()).await;
    pair.stop().await;
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/format-1/answers.txt");
    assert_eq!(answered, fs::read_to_string(kept).unwrap());
}
