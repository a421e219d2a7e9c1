//! Values read of runs lately, at hand for who asks for them again and again.
//!
//! A run is never written again, and a younger one is asked first: so they hold until there is another
//! youngest run.

use crate::changes::Changes;
use crate::filter::Hash;

/// Most values.
const VALUES: usize = 8_192;
/// Most memory they take.
const BYTES: usize = 8 * 1024 * 1024;

/// Values read of the runs of which this is the youngest.
#[derive(Default)]
pub(crate) struct AtHand {
    youngest: Option<u32>,
    values: Changes,
}

impl AtHand {
    /// The value of a key, if it was read since there is this youngest run.
    pub(crate) fn get(&self, youngest: Option<u32>, key: &[u8], hash: Hash) -> Option<Vec<u8>> {
        let known = (self.youngest == youngest).then(|| self.values.get(key, hash));
        known.flatten().flatten().map(<[u8]>::to_vec)
    }

    /// Keeps a value that was read.
    pub(crate) fn keep(&mut self, youngest: Option<u32>, key: &[u8], hash: Hash, value: &[u8]) {
        let full = self.values.len() == VALUES || self.values.bytes() > BYTES;
        if full || self.youngest != youngest {
            self.values.clear();
            self.youngest = youngest;
        }
        self.values.set(key, hash, Some(value));
    }
}
