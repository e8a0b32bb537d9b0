//! See `mx_exporter::fuzzing::tlsa`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mx_exporter::fuzzing::tlsa(input));
