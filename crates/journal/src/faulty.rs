//! A journal around another one that fails, stalls or loses its reply on demand, and says which of its
//! faults came to pass.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    AppendError, Chain, Commit, Draft, EraseError, Erasure, Journal, JournalId, Lineage, Position,
    ReadError, ReadLimit,
};

/// What one append does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// [`AppendError::Full`]; nothing is written, and the journal goes on.
    Full,
    /// [`AppendError::Storage`]; nothing is written, and the journal accepts nothing more (J6).
    FailBefore,
    /// [`AppendError::OutcomeUnknown`]; all is written, and the journal accepts nothing more (J6).
    FailAfter,
    /// Waits for [`Faulty::release`], then does its work.
    Stall,
}

/// Passes everything on, but for the appends that were given trouble.
pub struct Faulty {
    inner: Arc<dyn Journal>,
    plan: Mutex<Plan>,
    stalled: watch::Sender<bool>,
}

#[derive(Default)]
struct Plan {
    coming: VecDeque<Trouble>,
    erasures: VecDeque<Trouble>,
    fired: Vec<Trouble>,
    appended: Vec<usize>,
    failed: bool,
}

impl Faulty {
    /// A journal without trouble yet.
    pub fn new(inner: Arc<dyn Journal>) -> Arc<Faulty> {
        let (stalled, _) = watch::channel(false);
        Arc::new(Faulty { inner, plan: Mutex::default(), stalled })
    }

    /// Gives trouble to the next append that has none yet.
    pub fn next_append(&self, trouble: Trouble) {
        self.plan.lock().coming.push_back(trouble);
    }

    /// Lets the next erasure that has no trouble yet fail: before it is done, or after
    /// ([`Trouble::FailAfter`]).
    pub fn next_erasure(&self, trouble: Trouble) {
        self.plan.lock().erasures.push_back(trouble);
    }

    /// How often a trouble came to pass.
    pub fn fired(&self, trouble: Trouble) -> usize {
        self.plan.lock().fired.iter().filter(|fired| **fired == trouble).count()
    }

    /// How many commits each append that was made had.
    pub fn appended(&self) -> Vec<usize> {
        self.plan.lock().appended.clone()
    }

    /// Waits until an append stalls.
    pub async fn stalled(&self) {
        let mut stalled = self.stalled.subscribe();
        stalled.wait_for(|stalled| *stalled).await.expect("the sender is ours");
    }

    /// Lets the stalled append go on.
    pub fn release(&self) {
        self.stalled.send_replace(false);
    }

    fn next_trouble(&self) -> Result<Option<Trouble>, AppendError> {
        let mut plan = self.plan.lock();
        if plan.failed {
            return Err(AppendError::Storage(io::Error::other("failed before")));
        }
        let trouble = plan.coming.pop_front();
        plan.fired.extend(trouble);
        plan.failed = matches!(trouble, Some(Trouble::FailBefore | Trouble::FailAfter));
        Ok(trouble)
    }
}

#[async_trait]
impl Journal for Faulty {
    fn identity(&self) -> JournalId {
        self.inner.identity()
    }

    fn lineage(&self) -> Lineage {
        self.inner.lineage()
    }

    fn oldest(&self) -> Position {
        self.inner.oldest()
    }

    fn tail(&self) -> (Position, Chain) {
        self.inner.tail()
    }

    async fn append(
        &self,
        expected_tail: Position,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Commit>, AppendError> {
        let trouble = self.next_trouble()?;
        match trouble {
            Some(Trouble::Full) => return Err(AppendError::Full),
            Some(Trouble::FailBefore) => {
                return Err(AppendError::Storage(io::Error::other("told to fail")));
            }
            Some(Trouble::Stall) => {
                self.stalled.send_replace(true);
                let mut stalled = self.stalled.subscribe();
                stalled.wait_for(|stalled| !*stalled).await.expect("the sender is ours");
            }
            Some(Trouble::FailAfter) | None => {}
        }
        let commits = self.inner.append(expected_tail, drafts).await?;
        self.plan.lock().appended.push(commits.len());
        match trouble {
            Some(Trouble::FailAfter) => {
                Err(AppendError::OutcomeUnknown(io::Error::other("told to lose the reply")))
            }
            _ => Ok(commits),
        }
    }

    async fn erase(&self, erasures: Vec<Erasure>) -> Result<(), EraseError> {
        let told = |what: &str| EraseError::Storage(io::Error::other(what.to_owned()));
        let trouble = {
            let mut plan = self.plan.lock();
            if plan.failed {
                return Err(told("failed before"));
            }
            let trouble = plan.erasures.pop_front();
            plan.failed = trouble.is_some();
            plan.fired.extend(trouble);
            trouble
        };
        match trouble {
            Some(Trouble::FailAfter) => {
                self.inner.erase(erasures).await?;
                Err(told("told to lose the reply"))
            }
            Some(_) => Err(told("told to fail")),
            None => self.inner.erase(erasures).await,
        }
    }

    async fn read(&self, after: Position, limit: ReadLimit) -> Result<Vec<Commit>, ReadError> {
        self.inner.read(after, limit).await
    }
}
