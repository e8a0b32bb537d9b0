//! The lines of the catalogue: each is a test here, a test elsewhere, or left for a reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The mail dialogue.
const S: &[u8] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31,
    32, 33, 35, 36, 37, 38, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 58, 60, 61,
    63, 65, 66, 67, 68,
];

/// TLS.
const T: &[u8] = &[
    1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
];

/// DNS.
const D: &[u8] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 30, 31, 32,
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42,
];

/// MTA-STS.
const M: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 20, 21, 22];

/// The configuration.
const C: &[u8] = &[1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 16, 17, 18, 19];

/// Time, process, storage.
const P: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];

/// Lines whose tests stand where what they need is at hand: the line, the file, the test.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("C16", "tests/cli/daemon.rs", "sighup_reloads_and_a_bad_file_changes_nothing"),
    ("C17", "tests/watch.rs", "a_reload_adds_and_removes_at_once"),
    ("C18", "tests/cli/daemon.rs", "a_hundred_reloads_do_no_harm"),
    ("D30", "tests/dane/main.rs", "d30_records_of_a_wildcard_count_and_are_told_from_others"),
    ("D33", "tests/dane/main.rs", "d33_signatures_that_do_not_hold_are_bogus_and_dane_is_no_question"),
    ("D34", "tests/dns.rs", "keys_that_cannot_be_fetched_make_nothing_bogus"),
    ("D35", "tests/dane/main.rs", "d35_denials_by_nsec3_count_as_far_as_their_iterations_are_few"),
    ("D36", "tests/dane/cost.rs", "d36_keys_of_one_tag_and_endless_signatures_cost_little"),
    ("D37", "tests/dane/cost.rs", "d37_denials_of_another_zone_come_to_an_end"),
    ("D38", "tests/dane/main.rs", "d38_a_zone_with_keys_of_two_algorithms_is_secure"),
    ("P06", "tests/cli/daemon.rs", "sigterm_says_goodbye_to_open_sessions"),
    ("P07", "tests/cli/daemon.rs", "a_second_signal_ends_it_at_once"),
    ("P08", "tests/cli/daemon.rs", "sighup_reloads_and_a_bad_file_changes_nothing"),
    ("P09", "tests/state.rs", "a_thousand_kills_leave_every_entry_old_or_new"),
    ("P10", "src/state/tests/faults.rs", "a_save_that_fails_at_any_operation_leaves_the_old_or_the_new"),
    ("P11", "src/state/tests/damage.rs", "databases_of_others_and_of_newer_versions_are_set_aside"),
    ("P12", "tests/cli/state.rs", "two_daemons_share_no_folder"),
    ("P13", "tests/cli/start.rs", "what_keeps_it_from_starting_is_named"),
    ("P14", "tests/cli/start.rs", "a_check_without_descriptors_blames_nobody"),
    ("P17", "tests/watch.rs", "a_fault_in_one_run_is_counted_and_the_rest_goes_on"),
    ("P20", "tests/cli/daemon.rs", "closed_outputs_are_no_reason_to_end"),
    ("P21", "tests/cli/log.rs", "nobody_floods_the_log"),
    ("T50", "src/rules/dane/tests.rs", "t50_records_that_nobody_can_use"),
];

/// Lines that are left, and why.
const LATER: &[(&str, &str)] = &[
    ("C14", "HTTP"),
    ("P16", "the benchmark of bounds"),
    ("P18", "the service manager"),
    ("P19", "the service manager"),
];

#[test]
fn every_line_is_covered_or_left_for_a_reason() {
    let all = [('S', S), ('T', T), ('D', D), ('M', M), ('C', C), ('P', P)];
    let all: BTreeSet<String> = all
        .iter()
        .flat_map(|(family, lines)| lines.iter().map(move |line| format!("{family}{line:02}")))
        .collect();
    let here = covered_here();
    let elsewhere: BTreeSet<String> = ELSEWHERE.iter().map(|(line, ..)| (*line).to_owned()).collect();
    let later: BTreeSet<String> = LATER.iter().map(|(line, _)| (*line).to_owned()).collect();
    let missing: Vec<_> = all
        .iter()
        .filter(|line| ![&here, &elsewhere, &later].iter().any(|set| set.contains(*line)))
        .collect();
    assert!(missing.is_empty(), "covered by no test: {missing:?}");
    let both: Vec<_> =
        later.iter().filter(|line| here.contains(*line) || elsewhere.contains(*line)).collect();
    assert!(both.is_empty(), "left although there is a test: {both:?}");
    let unknown: Vec<_> = elsewhere.iter().chain(&later).filter(|line| !all.contains(*line)).collect();
    assert!(unknown.is_empty(), "no line of the catalogue: {unknown:?}");
}

#[test]
fn the_tests_elsewhere_are_there() {
    for (line, file, test) in ELSEWHERE {
        let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert!(source.contains(&format!("fn {test}(")), "{line}: {file} has no {test}");
    }
}

/// The lines that the tests of this folder name: at the start of a case's name, or in a test's own.
fn covered_here() -> BTreeSet<String> {
    let mut sources = vec![];
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile"), &mut sources);
    let sources = sources.iter().filter(|path| !path.ends_with("lines.rs"));
    sources.flat_map(|path| named(&fs::read_to_string(path).unwrap())).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn named(source: &str) -> BTreeSet<String> {
    let code = || source.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    let cases =
        code().flat_map(|line| line.split('"').skip(1).step_by(2)).filter_map(|text| text.split(' ').next());
    let tests = code().filter_map(|line| line.split_once("fn ")).flat_map(|(_, name)| name.split(['_', '(']));
    let words = cases.map(str::to_owned).chain(tests.map(str::to_uppercase));
    words.filter(|word| is_line(word)).collect()
}

fn is_line(word: &str) -> bool {
    let (family, number) = word.split_at_checked(1).unwrap_or_default();
    "STDMCP".contains(family) && number.len() == 2 && number.bytes().all(|octet| octet.is_ascii_digit())
}
