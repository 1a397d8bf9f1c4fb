//! See `autora_fuzz::state_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: autora_fuzz::state_file::prepare(), |data: &[u8]| autora_fuzz::state_file::check(data));
