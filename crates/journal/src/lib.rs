//! hansa-journal
