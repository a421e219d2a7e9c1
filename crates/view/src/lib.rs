//! hansa-view
