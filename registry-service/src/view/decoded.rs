//! What was decoded lately: those who join one after the other join the same few networks, and a member
//! joins several.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use hansa_view::ViewError;

/// Most resources kept.
const KEPT: usize = 256;

/// Resources of one kind that were decoded lately.
pub(crate) struct Decoded<I, R>(RefCell<HashMap<I, Stored<R>>>);

/// What a resource is stored as, and what that says.
type Stored<R> = (Vec<u8>, Arc<R>);

impl<I, R> Default for Decoded<I, R> {
    fn default() -> Decoded<I, R> {
        Decoded(RefCell::default())
    }
}

impl<I: Clone + Eq + Hash, R> Decoded<I, R> {
    /// The resource that is stored so.
    pub(crate) fn decoded(
        &self,
        id: &I,
        value: Vec<u8>,
        decode: impl FnOnce(&[u8]) -> Result<R, ViewError>,
    ) -> Result<Arc<R>, ViewError> {
        let mut kept = self.0.borrow_mut();
        // Nobody tells when a resource changes: what it is stored as does.
        if let Some((from, resource)) = kept.get(id)
            && *from == value
        {
            return Ok(Arc::clone(resource));
        }
        let resource = Arc::new(decode(&value)?);
        if kept.len() == KEPT {
            kept.clear();
        }
        kept.insert(id.clone(), (value, Arc::clone(&resource)));
        Ok(resource)
    }
}
