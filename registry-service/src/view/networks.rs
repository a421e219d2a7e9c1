//! Networks that were decoded lately: those who join one after the other join the same few.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use hansa_proto::ids::NetworkId;
use hansa_proto::registry::Network;
use hansa_view::ViewError;

use super::{message, undecodable};
use crate::codec;

/// Most networks kept.
const KEPT: usize = 256;

/// Networks that were decoded lately.
#[derive(Default)]
pub(crate) struct Networks(RefCell<HashMap<NetworkId, Decoded>>);

/// What a network is stored as, and what that says.
type Decoded = (Vec<u8>, Arc<Network>);

impl Networks {
    /// The network that is stored so.
    pub(crate) fn decoded(
        &self,
        id: &NetworkId,
        value: Vec<u8>,
    ) -> Result<Arc<Network>, ViewError> {
        let mut kept = self.0.borrow_mut();
        // Nobody tells when a network changes: what it is stored as does.
        if let Some((from, network)) = kept.get(id)
            && *from == value
        {
            return Ok(Arc::clone(network));
        }
        let network = Arc::new(codec::network_from_pb(message(&value)?).map_err(undecodable)?);
        if kept.len() == KEPT {
            kept.clear();
        }
        kept.insert(id.clone(), (value, Arc::clone(&network)));
        Ok(network)
    }
}
