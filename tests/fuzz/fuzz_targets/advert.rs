//! See `autora_fuzz::advert`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: autora_fuzz::advert::prepare(), |data: &[u8]| autora_fuzz::advert::check(data));
