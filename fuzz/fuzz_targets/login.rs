#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| doorstep::fuzz::login(data));
