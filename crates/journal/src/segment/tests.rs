//! Tests of the segment engine.
