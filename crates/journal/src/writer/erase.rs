//! Erasing what settled commits say must go, before they are released and answered.

use super::run::Run;
use crate::limits::ERASURES_BYTES;
use crate::{Commit, Erasure, Fault, Machine, Position, ReadLimit};

impl<M: Machine> Run<M> {
    /// Erases what is due and is not erased yet; says whether anything was. What fails here is done by
    /// whoever starts next: the commit that asks for it is durable.
    pub(super) fn erase(&mut self) -> Result<bool, Fault> {
        let (mut together, mut bytes, mut any) = (Vec::new(), 0, false);
        for position in self.machine.to_erase()? {
            let commit = self.commit(position)?;
            let Some(erasure) = self.machine.erased(&commit)? else { continue };
            any = true;
            bytes += erasure.size();
            together.push(erasure);
            if bytes >= ERASURES_BYTES {
                self.erase_together(std::mem::take(&mut together))?;
                bytes = 0;
            }
        }
        self.erase_together(together)?;
        if any {
            self.ring.clear();
        }
        Ok(any)
    }

    fn erase_together(&self, erasures: Vec<Erasure>) -> Result<(), Fault> {
        if erasures.is_empty() {
            return Ok(());
        }
        let commits = erasures.len();
        let erased = self.runtime.block_on(self.journal.erase(erasures));
        erased.map_err(|error| Fault::caused("erasing from the journal failed", error))?;
        tracing::info!(commits, "erased from the journal");
        Ok(())
    }

    fn commit(&self, position: Position) -> Result<Commit, Fault> {
        let before = Position::new(position.get().saturating_sub(1));
        let one = ReadLimit { commits: 1, bytes: 0 };
        let commits = self.runtime.block_on(self.journal.read(before, one));
        let commits =
            commits.map_err(|error| Fault::caused("the journal cannot be read", error))?;
        let commit = commits.into_iter().next();
        commit.ok_or_else(|| Fault::new(format!("the journal lost commit {position}")))
    }
}
