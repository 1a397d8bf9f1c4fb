//! See `autora_fuzz::differential`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: autora_fuzz::differential::prepare(), |data: &[u8]| autora_fuzz::differential::check(data));
