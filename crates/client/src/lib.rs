//! hansa-client
