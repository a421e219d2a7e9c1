//! hansa-chassis
