//! See `mx_exporter::fuzzing::domain_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mx_exporter::fuzzing::domain_file(input));
