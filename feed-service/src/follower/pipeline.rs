//! Commits of the registry on their way through the feed's writer: handed in one after the other, many
//! at a time, and answered in the same order.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use hansa_chassis::clock::uptime;
use hansa_journal::{SubmitError, Writer};

use super::Setback;
use super::gathering::Gathering;
use crate::domain::{Command, RegistryCommit, Rejection};
use crate::machine::{Answer, FeedMachine, Request};

/// So many commits that are under way are enough.
const UNDER_WAY: usize = 256;

type Outcome = Result<Answer, SubmitError<Rejection>>;

/// Commits under way, oldest first.
pub(super) struct Pipeline<'w> {
    writer: &'w Writer<FeedMachine>,
    gathering: Gathering<RegistryCommit>,
    under_way: VecDeque<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    campaigns_to_close: bool,
}

impl<'w> Pipeline<'w> {
    /// Nothing is under way; campaigns of networks that ended may have stayed behind the last time.
    pub(super) fn new(writer: &'w Writer<FeedMachine>) -> Pipeline<'w> {
        Pipeline {
            writer,
            gathering: Gathering::new(),
            under_way: VecDeque::new(),
            campaigns_to_close: true,
        }
    }

    /// Takes the next commit, to be handed in when it is due.
    pub(super) fn take(&mut self, commit: RegistryCommit) {
        self.gathering.add(commit);
    }

    /// How long until commits are to be handed in, if any wait for that.
    pub(super) fn waits(&self) -> Option<Duration> {
        self.gathering.waits(uptime())
    }

    /// Hands in what was gathered.
    pub(super) async fn hand_in(&mut self) -> Result<(), Setback> {
        while self.under_way.len() >= UNDER_WAY {
            self.oldest().await?;
        }
        let commits = self.gathering.take(uptime());
        self.enqueue(commits.into_iter().map(Command::RecordRegistryCommit)).await
    }

    /// Asks to close the campaigns of networks that have ended, if some may still run. May be given up
    /// at any time: it is then asked for again.
    pub(super) async fn close_campaigns(&mut self) -> Result<(), Setback> {
        if self.campaigns_to_close {
            self.enqueue([Command::CloseCampaigns]).await?;
            self.campaigns_to_close = false;
        }
        Ok(())
    }

    async fn enqueue(
        &mut self,
        commands: impl IntoIterator<Item = Command> + Send,
    ) -> Result<(), Setback> {
        let requests = commands.into_iter().map(|command| Request {
            principal: String::new(),
            request_id: None,
            payload_hash: [0; 32],
            validate_only: false,
            command,
        });
        let pending = self.writer.enqueue_all(requests).await.map_err(setback)?;
        self.under_way.extend(pending.into_iter().map(|it| Box::pin(it.answer()) as _));
        Ok(())
    }

    /// Waits until the oldest commit under way was recorded; for ever when there is none. May be given
    /// up at any time.
    pub(super) async fn oldest(&mut self) -> Result<(), Setback> {
        self.close_campaigns().await?;
        let Some(oldest) = self.under_way.front_mut() else {
            return std::future::pending().await;
        };
        let outcome = oldest.await;
        self.under_way.pop_front();
        let answer = outcome.map_err(setback)?;
        self.campaigns_to_close |= answer == Answer::Recorded { campaigns_to_close: true };
        Ok(())
    }

    /// Waits until nothing is under way, whatever becomes of it: the place in the view is then final. What
    /// was only gathered comes again.
    pub(super) async fn finish(mut self) -> Result<(), Setback> {
        let mut finished = Ok(());
        while !self.under_way.is_empty() {
            // The next session asks for it again.
            self.campaigns_to_close = false;
            finished = finished.and(self.oldest().await);
        }
        finished
    }
}

fn setback(error: SubmitError<Rejection>) -> Setback {
    match error {
        SubmitError::Refused(gap @ Rejection::RegistryGap { .. }) => {
            Setback::Retry(gap.to_string())
        }
        SubmitError::Refused(rejection) => Setback::Halt(rejection.to_string()),
        SubmitError::TooLarge { .. } => Setback::Halt(format!("a commit of the registry: {error}")),
        SubmitError::QueueFull | SubmitError::Full => Setback::Retry(error.to_string()),
        // The writer is stopping or has failed: whoever starts again resumes after the place in the view.
        SubmitError::NotServing | SubmitError::OutcomeUnknown => Setback::WriterGone,
    }
}
