//! See `autora_fuzz::netlink`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: autora_fuzz::netlink::prepare(), |data: &[u8]| autora_fuzz::netlink::check(data));
