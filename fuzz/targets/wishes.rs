//! See `mx_exporter::fuzzing::wishes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mx_exporter::fuzzing::wishes(input));
