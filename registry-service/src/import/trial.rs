//! A dry run: the writer decides all rows at once, each on the effect of those before it, and forgets
//! them. Other writes wait meanwhile, and the rows are held in memory, so there is a limit to both.

use std::collections::VecDeque;

use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use prost::Message;
use tonic::Status;

use super::{Intake, Options, Row, RowAnswer, parse};
use crate::machine::{Answer, Ask, Request, RowRefusal};
use crate::status;

/// Rows of a dry run, and what is known of them already.
#[derive(Default)]
struct Trial {
    /// Keys in order, with what is wrong with those that are malformed.
    rows: Vec<(String, Option<pb::ImportError>)>,
    /// All others.
    requests: Vec<Request>,
    bytes: usize,
}

impl Intake {
    pub(super) async fn try_all(&mut self, options: &Options) -> Result<(), Status> {
        let mut trial = Trial::default();
        while let Some(row) = self.next_row().await? {
            trial.bytes += row.encoded_len();
            if trial.rows.len() == limits::TRIAL_ROWS || trial.bytes > limits::TRIAL_BYTES {
                return Err(status::trial_too_large());
            }
            let key = row.key.clone();
            match parse(row, options) {
                Ok(request) => {
                    trial.requests.push(request);
                    trial.rows.push((key, None));
                }
                Err(violations) => {
                    trial.rows.push((key, Some(status::row_malformed(violations))));
                }
            }
        }
        self.answer(trial).await
    }

    async fn answer(&mut self, trial: Trial) -> Result<(), Status> {
        let Trial { rows, requests, .. } = trial;
        let pending = self.imports.writer.enqueue(Ask::Trial(requests)).await;
        let answer = pending.map_err(status::submit)?.answer().await.map_err(status::submit)?;
        let Answer::Trial(outcomes) = answer else { return Err(status::not_serving()) };
        let mut outcomes = VecDeque::from(outcomes);
        for (key, malformed) in rows {
            let known = match malformed {
                Some(error) => Err(error),
                None => outcomes
                    .pop_front()
                    .expect("every row that is tried has an outcome")
                    .map_err(|refusal| match refusal {
                        RowRefusal::Rules(rejection) => status::row_rejected(rejection),
                        RowRefusal::TooLarge => status::row_too_large(),
                    }),
            };
            if self.sender.send(Ok(Row { key, answer: RowAnswer::Known(known) })).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
