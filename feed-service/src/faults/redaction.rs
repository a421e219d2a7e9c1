//! When an erasure fails: nobody is told that it was done, and the next start does it.

use hansa_proto::pb::feed::v1::event::Body;

use super::*;

/// The statement's title, and nothing else anywhere.
const PHRASE: &str = "Title";

impl Running {
    async fn redact(&self, id: &str) -> Result<pb::RedactStatementResponse, Status> {
        let request = pb::RedactStatementRequest {
            name: format!("statements/{id}"),
            legal_ground: "a ground".to_owned(),
            request_id: "redact".to_owned(),
            ..Default::default()
        };
        let mut client = StatementServiceClient::new(self.channel.clone());
        client.redact_statement(request).await.map(tonic::Response::into_inner)
    }

    /// The titles of all events about statements.
    async fn titles(&self) -> Vec<String> {
        let mut client = FeedServiceClient::new(self.channel.clone());
        let listed = client.list_events(pb::ListEventsRequest::default()).await.unwrap();
        let events = listed.into_inner().events.into_iter();
        let titles = events.map(|event| match event.body {
            Some(Body::StatementBody(statement)) => statement.title,
            _ => String::new(),
        });
        titles.collect()
    }
}

fn journal_holds_the_phrase(data: &Path) -> bool {
    let files = std::fs::read_dir(data.join("journal")).unwrap();
    files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| bytes.windows(PHRASE.len()).any(|window| window == PHRASE.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_fails_is_done_by_the_next_start() {
    for (trouble, without_view) in
        [(Trouble::FailBefore, false), (Trouble::FailBefore, true), (Trouble::FailAfter, false)]
    {
        let data = tempfile::tempdir().unwrap();
        let feed = start(data.path()).await;
        feed.publish("s", "publish").await.unwrap();
        let mut health = feed.health().await;
        feed.faulty.next_erasure(trouble);
        let unknown = feed.redact("s").await.unwrap_err();
        let told = (Code::Unknown, "OUTCOME_UNKNOWN".to_owned(), "unknown".to_owned());
        assert_eq!(reason(&unknown), told);
        health_becomes(&mut health, ServingStatus::NotServing).await;
        drop((health, feed.channel, feed.faulty));
        assert!(matches!(feed.task.await.unwrap(), Err(RunError::Failed(_))));
        assert_eq!(journal_holds_the_phrase(data.path()), trouble == Trouble::FailBefore);

        if without_view {
            std::fs::remove_dir_all(data.path().join("view")).unwrap();
        }
        let feed = start(data.path()).await;
        assert!(!journal_holds_the_phrase(data.path()), "it serves, so it is done");
        assert_eq!(feed.titles().await, ["", ""]);
        let redacted = feed.get("s").await.unwrap();
        assert_eq!(
            (redacted.state(), redacted.redacted_position),
            (pb::StatementState::Redacted, 2)
        );
        let again = feed.redact("s").await.unwrap();
        assert_eq!((again.position, again.replayed), (2, true));
        assert_eq!(again.statement.as_deref(), Some(&redacted));
        assert_eq!(feed.publish("s", "publish").await.unwrap().statement.unwrap().title, "");
        feed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redaction_among_other_commands_of_its_batch() {
    let data = tempfile::tempdir().unwrap();
    let feed = start(data.path()).await;
    feed.publish("before", "").await.unwrap();
    feed.faulty.next_append(Trouble::Stall);
    let stalled = tokio::spawn({
        let channel = feed.channel.clone();
        async move {
            let mut client = StatementServiceClient::new(channel);
            let name = "statements/before".to_owned();
            let request = pb::RetractStatementRequest { name, ..Default::default() };
            client.retract_statement(request).await
        }
    });
    feed.faulty.stalled().await;
    // These wait for the append that stalls, and are then decided together, in any order.
    let (published, redacted) = tokio::join!(feed.publish("s", ""), async {
        let redacting = feed.redact("before");
        feed.faulty.release();
        redacting.await
    });
    published.unwrap();
    redacted.unwrap();
    stalled.await.unwrap().unwrap();
    let titles = feed.titles().await;
    assert_eq!(titles.iter().filter(|title| *title == PHRASE).count(), 1);
    assert_eq!(titles.len(), 4);
    feed.stop().await;
}
