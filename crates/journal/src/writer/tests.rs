//! Tests of the writer loop.
