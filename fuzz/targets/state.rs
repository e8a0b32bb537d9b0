//! See `mx_exporter::fuzzing::state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mx_exporter::fuzzing::state(input));
