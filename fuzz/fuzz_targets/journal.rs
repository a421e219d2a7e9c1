//! See `journal` in `tests/src/fuzz.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hansa_tests::fuzz::journal(bytes));
