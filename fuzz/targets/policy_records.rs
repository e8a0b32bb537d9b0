//! See `mx_exporter::fuzzing::policy_records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mx_exporter::fuzzing::policy_records(input));
