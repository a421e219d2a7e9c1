//! The contract of Hansa.
pub mod pb;
