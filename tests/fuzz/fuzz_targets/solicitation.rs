//! See `autora_fuzz::solicitation`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: autora_fuzz::solicitation::prepare(), |data: &[u8]| autora_fuzz::solicitation::check(data));
