//! See `autora_fuzz::control`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: autora_fuzz::control::prepare(), |data: &[u8]| autora_fuzz::control::check(data));
