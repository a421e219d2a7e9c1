//! Import: rows as a stream, each a change of its own, answered in order.
//!
//! Rows are handed to the writer one behind the other without waiting for answers, so that hundreds of
//! them share one `fdatasync`. All imports together hold a bounded number of places, less than the
//! writer's queue has, so that an import never keeps others from writing; a client that does not take
//! its answers is read no further. A client that goes away loses answers, not what its rows did.
//!
//! `import/trial.rs` decides rows without doing anything.

mod trial;

use std::sync::Arc;

use futures_util::stream::{self, Stream};
use hansa_chassis::shutdown::Shutdown;
use hansa_journal::{Pending, SubmitError, Writer};
use hansa_proto::ids::RequestId;
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use pb::import_request::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::{Status, Streaming};

use crate::domain::Rejection;
use crate::grpc::{PRINCIPAL, command, hash_of};
use crate::machine::{Answer, Ask, RegistryMachine, Request, RetryKey, RowOutcome};
use crate::status;

/// Rows that were read and are not answered yet, of one import.
const IN_FLIGHT: usize = 1024;

/// What imports need of the service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Imports {
    writer: Writer<RegistryMachine>,
    places: Arc<Semaphore>,
    shutdown: Shutdown,
}

impl Imports {
    /// Over a writer whose queue has so many places; a quarter of them is left to others.
    pub(crate) fn new(
        writer: Writer<RegistryMachine>,
        queue: usize,
        shutdown: Shutdown,
    ) -> Imports {
        let places = Arc::new(Semaphore::new((queue - queue / 4).clamp(1, Semaphore::MAX_PERMITS)));
        Imports { writer, places, shutdown }
    }

    /// Imports what comes.
    pub(crate) fn import(
        &self,
        requests: Streaming<pb::ImportRequest>,
    ) -> impl Stream<Item = Result<pb::ImportResponse, Status>> + use<> {
        let (sender, answers) = mpsc::channel(IN_FLIGHT);
        let intake = Intake { imports: self.clone(), requests, sender };
        tokio::spawn(intake.run());
        let answers = Answers { answers, failure: None, rows: 0, position: 0, ended: false };
        stream::unfold(answers, |mut answers| async move {
            let next = answers.next().await?;
            Some((next, answers))
        })
    }
}

/// A row on its way to its answer.
struct Row {
    key: String,
    answer: RowAnswer,
}

enum RowAnswer {
    /// The writer has it, and it holds a place until it is answered.
    Pending(Pending<RegistryMachine>, OwnedSemaphorePermit),
    /// It was refused without asking the writer, or was only tried.
    Known(Result<RowOutcome, pb::ImportError>),
}

/// Takes rows in.
struct Intake {
    imports: Imports,
    requests: Streaming<pb::ImportRequest>,
    sender: mpsc::Sender<Result<Row, Status>>,
}

/// What the options say.
struct Options {
    import_id: String,
    validate_only: bool,
}

impl Intake {
    async fn run(mut self) {
        let shutdown = self.imports.shutdown.clone();
        let gone = self.sender.clone();
        let taken_in = tokio::select! {
            biased;
            () = gone.closed() => return,
            () = shutdown.drained() => Err(status::not_serving()),
            taken_in = self.take_in() => taken_in,
        };
        if let Err(failure) = taken_in {
            // A client that is gone does not need to know why its import ended.
            let _ = gone.send(Err(failure)).await;
        }
    }

    async fn take_in(&mut self) -> Result<(), Status> {
        let options = self.options().await?;
        if options.validate_only {
            return self.try_all(&options).await;
        }
        while let Some(row) = self.next_row().await? {
            let key = row.key.clone();
            let answer = match parse(row, &options) {
                Ok(request) => self.hand_in(request).await?,
                Err(violations) => RowAnswer::Known(Err(status::row_malformed(violations))),
            };
            if self.sender.send(Ok(Row { key, answer })).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn hand_in(&self, request: Request) -> Result<RowAnswer, Status> {
        let place = self.imports.places.clone().acquire_owned().await;
        let place = place.expect("the semaphore of an import is never closed");
        let pending = self.imports.writer.enqueue(Ask::Row(Box::new(request))).await;
        Ok(RowAnswer::Pending(pending.map_err(status::submit)?, place))
    }

    async fn options(&mut self) -> Result<Options, Status> {
        let mut violations = Violations::default();
        let message = self.requests.message().await?.and_then(|request| request.message);
        let Some(Message::Options(options)) = message else {
            violations.push("options", "must come first");
            return Err(status::malformed(violations));
        };
        let id = &options.import_id;
        let visible = id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        if id.len() > limits::IMPORT_ID_CHARACTERS || !visible {
            let most = limits::IMPORT_ID_CHARACTERS;
            let problem = format!("must be at most {most} visible ASCII characters without `/`");
            violations.push("options.import_id", problem);
        }
        violations.finish().map_err(status::malformed)?;
        Ok(Options { import_id: options.import_id, validate_only: options.validate_only })
    }

    /// The next row; `None` when the client has sent all.
    async fn next_row(&mut self) -> Result<Option<pb::ImportRow>, Status> {
        let Some(request) = self.requests.message().await? else { return Ok(None) };
        let mut violations = Violations::default();
        match request.message {
            Some(Message::Row(row)) => return Ok(Some(row)),
            Some(Message::Options(_)) => violations.push("options", "come once"),
            None => violations.push("message", "is required"),
        }
        Err(status::malformed(violations))
    }
}

fn parse(row: pb::ImportRow, options: &Options) -> Result<Request, Violations> {
    let mut violations = Violations::default();
    let key = &row.key;
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_empty() || key.len() > limits::IMPORT_KEY_CHARACTERS || !visible {
        let most = limits::IMPORT_KEY_CHARACTERS;
        violations.push("key", format!("must be 1 to {most} visible ASCII characters"));
    }
    let Some(item) = row.item else {
        violations.push("item", "is required");
        return Err(violations);
    };
    let payload_hash = match options.import_id.is_empty() {
        true => None,
        false => Some(hash_of("Import", &item)),
    };
    let command = command(item, "item", &mut violations);
    violations.finish()?;
    let retry_key = payload_hash.map(|payload_hash| {
        let request_id = RequestId::parse(&format!("{}/{key}", options.import_id))
            .expect("an import id, a slash and a key are a request id");
        RetryKey { request_id, payload_hash }
    });
    let command = command.expect("a row without violations has a command");
    Ok(Request { principal: PRINCIPAL, retry_key, validate_only: false, command })
}

/// Gives answers out.
struct Answers {
    answers: mpsc::Receiver<Result<Row, Status>>,
    /// Told after the answers before it.
    failure: Option<Status>,
    rows: i64,
    position: u64,
    ended: bool,
}

impl Answers {
    /// The next message; an error is the last.
    async fn next(&mut self) -> Option<Result<pb::ImportResponse, Status>> {
        if self.ended {
            return None;
        }
        let mut results = Vec::new();
        let mut row = match self.failure.take() {
            Some(failure) => Some(Err(failure)),
            None => self.answers.recv().await,
        };
        while let Some(next) = row.take() {
            match self.answered(next).await {
                Ok(result) => results.push(result),
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
            if results.len() < limits::IMPORT_ANSWER_ROWS {
                row = self.answers.try_recv().ok();
            }
        }
        if results.is_empty() {
            self.ended = true;
            return self.failure.take().map(Err);
        }
        let Answers { rows, position, .. } = *self;
        Some(Ok(pb::ImportResponse { results, rows, position }))
    }

    async fn answered(&mut self, row: Result<Row, Status>) -> Result<pb::ImportResult, Status> {
        let Row { key, answer } = row?;
        let answer = match answer {
            RowAnswer::Known(known) => known,
            RowAnswer::Pending(pending, _place) => match pending.answer().await {
                Ok(Answer::Row(outcome)) => Ok(outcome),
                Err(SubmitError::Refused(rejection)) => Err(status::row_rejected(rejection)),
                Err(SubmitError::TooLarge { .. }) => Err(status::row_too_large()),
                Err(failure) => return Err(status::submit(failure)),
                Ok(_) => return Err(status::submit(SubmitError::<Rejection>::OutcomeUnknown)),
            },
        };
        self.rows += 1;
        let result = result(key, answer);
        self.position = self.position.max(result.position);
        Ok(result)
    }
}

fn result(key: String, answer: Result<RowOutcome, pb::ImportError>) -> pb::ImportResult {
    let (outcome, position, error) = match answer {
        Ok(RowOutcome::Applied(position)) => (pb::ImportOutcome::Applied, position, None),
        Ok(RowOutcome::Unchanged(position)) => (pb::ImportOutcome::Unchanged, position, None),
        Err(error) => (pb::ImportOutcome::Refused, None, Some(error)),
    };
    let position = position.map_or(0, |position| position.get());
    pb::ImportResult { key, outcome: outcome.into(), position, error }
}
