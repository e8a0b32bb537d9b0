//! What every fuzz target in `fuzz/targets` does with one input: it calls one of these, and a panic is a find. The same
//! functions replay the inputs kept in `fuzz/corpus` as ordinary tests. In no build but those of the two.

use crate::{config, http, observe, probe, render, state as kept};
use std::sync::Arc;

/// A name, and what takes an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, by name: one file of that name in `fuzz/targets`, one folder of it in `fuzz/corpus`.
pub const TARGETS: &[Target] = &[
    ("certificate", certificate),
    ("configuration", configuration),
    ("domain_file", domain_file),
    ("exposition", exposition),
    ("hello", hello),
    ("keywords", keywords),
    ("pages", pages),
    ("policy", policy),
    ("policy_records", policy_records),
    ("refusal", refusal),
    ("replies", replies),
    ("request", request),
    ("session", session),
    ("state", state),
    ("tlsa", tlsa),
    ("wishes", wishes),
];

/// A certificate in DER: its description, and all else that looks at it.
pub fn certificate(input: &[u8]) {
    probe::fuzzing::certificate(input);
}

/// A configuration: refused with its place, or printed at `/config` so that it is read as the same again.
pub fn configuration(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Some(config) = config::fuzzing::configuration(text) else { return };
    assert!(!config.summary().contains(char::is_control));
    let printed = render::config::yaml(&config);
    let Some(again) = config::fuzzing::configuration(&printed) else { panic!("{printed} is refused") };
    assert_eq!(again.defaults, config.defaults, "{printed}");
    assert!(again.domains.iter().map(Arc::as_ref).eq(config.domains.iter().map(Arc::as_ref)), "{printed}");
    assert_eq!(
        (&again.dns, &again.network, &again.tls),
        (&config.dns, &config.network, &config.tls),
        "{printed}"
    );
}

/// One of `domain_files`.
pub fn domain_file(input: &[u8]) {
    config::fuzzing::domain_file(input);
}

/// `/metrics` in both formats, over texts that peers and operators chose.
pub fn exposition(input: &[u8]) {
    render::fuzzing::exposition(input);
}

/// A server's first flight behind a hand-made ClientHello, cut anywhere.
pub fn hello(input: &[u8]) {
    probe::fuzzing::hello(input);
}

/// The keywords of an EHLO reply.
pub fn keywords(input: &[u8]) {
    observe::fuzzing::keywords(input);
}

/// Every page, the JSON and the terminal's report, over texts that peers, operators and visitors chose.
pub fn pages(input: &[u8]) {
    render::fuzzing::pages(input);
}

/// The text of an MTA-STS policy.
pub fn policy(input: &[u8]) {
    observe::fuzzing::policy(input);
}

/// TXT records that may announce such a policy, or ask for reports.
pub fn policy_records(input: &[u8]) {
    observe::fuzzing::policy_records(input);
}

/// Whom a refusal is about.
pub fn refusal(input: &[u8]) {
    observe::fuzzing::refusal(input);
}

/// SMTP replies, cut anywhere.
pub fn replies(input: &[u8]) {
    probe::fuzzing::replies(input);
}

/// A whole answer to a path, its query and what is accepted.
pub fn request(input: &[u8]) {
    http::fuzzing::request(input);
}

/// A value of the state file; where it is a report, it can be shown.
pub fn state(input: &[u8]) {
    if let Some(report) = kept::fuzzing::value(input) {
        render::json::reports(std::slice::from_ref(&report), report.observation.at);
        render::html::reports(std::slice::from_ref(&report), report.observation.at);
    }
}

/// A TLSA record beside a chain.
pub fn tlsa(input: &[u8]) {
    probe::fuzzing::tlsa(input);
}

/// A whole session, in virtual time.
pub fn session(input: &[u8]) {
    probe::fuzzing::session(input);
}

/// What is understood of a path, its query and what is accepted.
pub fn wishes(input: &[u8]) {
    http::fuzzing::wishes(input);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::thread;
    use std::time::Duration;

    /// For one input in a build without optimisation; most take less than a thousandth of it.
    const BOUND: Duration = Duration::from_secs(10);

    fn here(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn replay(name: &str, target: fn(&[u8])) {
        let kept = files(&here("corpus").join(name));
        assert!(kept.len() > 1, "nothing is kept for {name}");
        for path in kept {
            let input = fs::read(&path).unwrap();
            let (done, waited) = channel();
            let running = thread::spawn(move || {
                target(&input);
                done.send(()).ok();
            });
            match waited.recv_timeout(BOUND) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{}: {:?}", path.display(), running.join().err().map(drop))
                }
                Err(RecvTimeoutError::Timeout) => panic!("{}: takes longer than {BOUND:?}", path.display()),
            }
        }
    }

    #[test]
    fn every_target_has_its_program_and_its_inputs() {
        let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names.len(), TARGETS.len());
        for folder in ["targets", "corpus"] {
            let there = files(&here(folder));
            let there = there.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
            assert_eq!(there.collect::<BTreeSet<_>>(), names, "fuzz/{folder}");
        }
        let manifest = fs::read_to_string(here("Cargo.toml")).unwrap();
        for name in names {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
            let program = fs::read_to_string(here("targets").join(format!("{name}.rs"))).unwrap();
            assert!(program.contains(&format!("fuzzing::{name}(input)")), "{program}");
        }
    }

    #[test]
    fn all_targets_take_what_is_kept() {
        for (name, target) in TARGETS {
            replay(name, *target);
        }
    }
}
