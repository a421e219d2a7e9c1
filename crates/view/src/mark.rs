//! What sled is told of a view, in one value: of which format and journal it is, where its runs lead to, and
//! which these are.

use hansa_journal::{Chain, JournalId, Position};

use crate::ViewError;
use crate::run::Facts;

/// How runs are laid out. Another way empties the view at the next start.
const LAYOUT: u8 = 0x81;

/// Where the runs of a view lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) position: Position,
    pub(crate) chain: Chain,
    /// The youngest first.
    pub(crate) runs: Vec<Facts>,
}

impl Mark {
    pub(crate) fn encoded(&self, format: u8, identity: JournalId) -> Vec<u8> {
        let mut bytes = vec![LAYOUT, format];
        bytes.extend_from_slice(identity.as_bytes());
        bytes.extend_from_slice(&self.position.get().to_be_bytes());
        bytes.extend_from_slice(self.chain.as_bytes());
        for run in &self.runs {
            bytes.extend_from_slice(&run.id.to_be_bytes());
            bytes.extend_from_slice(&run.bytes.to_be_bytes());
            bytes.extend_from_slice(&run.filtered.to_be_bytes());
        }
        bytes
    }
}

/// The mark of a view of this format and journal.
pub(crate) fn decoded(stored: &[u8], format: u8, identity: JournalId) -> Result<Mark, ViewError> {
    let damaged = |what: &str| ViewError::Damaged(what.to_owned());
    let short = || damaged("its mark has another length");
    let (found, rest) = stored.split_first_chunk::<2>().ok_or_else(short)?;
    if *found != [LAYOUT, format] {
        return Err(damaged("it has another format"));
    }
    let (journal, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
    if journal != identity.as_bytes() {
        return Err(damaged("it belongs to another journal"));
    }
    let (position, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let (chain, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let (runs, []) = rest.as_chunks::<20>() else { return Err(short()) };
    Ok(Mark {
        position: Position::new(u64::from_be_bytes(*position)),
        chain: Chain::from_bytes(*chain),
        runs: runs.iter().map(facts).collect(),
    })
}

fn facts(stored: &[u8; 20]) -> Facts {
    let (id, rest) = stored.split_first_chunk::<4>().expect("twenty bytes");
    let (bytes, rest) = rest.split_first_chunk::<8>().expect("sixteen bytes");
    let filtered = rest.first_chunk::<8>().expect("eight bytes");
    Facts {
        id: u32::from_be_bytes(*id),
        bytes: u64::from_be_bytes(*bytes),
        filtered: u64::from_be_bytes(*filtered),
    }
}
