//! See `page_tokens` in `tests/src/fuzz/page_tokens.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hansa_tests::fuzz::page_tokens(bytes));
