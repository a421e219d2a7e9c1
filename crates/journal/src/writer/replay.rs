//! Bringing the view up to the journal's tail before the first command.

use super::WriterState;
use super::run::Run;
use crate::limits::{REPLAY_BYTES, REPLAY_COMMITS};
use crate::reader::Released;
use crate::{Chain, Fault, Machine, Position, ReadError, ReadLimit};

impl<M: Machine> Run<M> {
    /// Replays what the view has not seen, in bounded batches, and releases it. A view of another
    /// history is emptied first.
    pub(super) fn replay(&mut self) -> Result<(), Fault> {
        let (tail, chain) = self.journal.tail();
        let mut applied = self.start_of_replay(tail)?;
        let limit = ReadLimit { commits: REPLAY_COMMITS, bytes: REPLAY_BYTES };
        while applied < tail {
            if self.told_to_stop() {
                return Ok(());
            }
            self.state.send_replace(WriterState::Replaying { applied, tail });
            let commits = self.runtime.block_on(self.journal.read(applied, limit));
            let commits = commits.map_err(unreadable)?;
            let Some(last) = commits.last() else {
                return Err(Fault::new(format!("the journal ends at {applied}, not at {tail}")));
            };
            for commit in &commits {
                self.machine.replay(commit)?;
            }
            self.machine.settle(last.position, last.chain)?;
            applied = last.position;
        }
        self.erase()?;
        self.machine.released(tail);
        let oldest = self.journal.oldest();
        self.released.send_replace(Released { position: tail, chain, oldest });
        Ok(())
    }

    /// How far the view is, if it belongs to this history; else it is emptied. It is not ahead.
    fn start_of_replay(&mut self, tail: Position) -> Result<Position, Fault> {
        let (applied, chain) = self.machine.applied()?;
        if applied == Position::ORIGIN {
            return Ok(applied);
        }
        if self.journal_chain(applied)? == chain {
            return Ok(applied);
        }
        tracing::warn!(%applied, %tail, "the view is of another history; rebuilding it");
        self.machine.reset()?;
        Ok(Position::ORIGIN)
    }

    fn journal_chain(&self, position: Position) -> Result<Chain, Fault> {
        let (tail, chain) = self.journal.tail();
        if position == tail {
            return Ok(chain);
        }
        let before = Position::new(position.get() - 1);
        let one = ReadLimit { commits: 1, bytes: 0 };
        let commits = self.runtime.block_on(self.journal.read(before, one)).map_err(unreadable)?;
        let commit = commits.first();
        commit.map(|commit| commit.chain).ok_or_else(|| Fault::new("the journal lost a commit"))
    }
}

fn unreadable(error: ReadError) -> Fault {
    Fault::caused("the journal cannot be read", error)
}
