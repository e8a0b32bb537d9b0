//! A TLS scan in words: the table of pages and the lines of terminals.

use crate::observe::scan::{HYBRID, KeyKind, Leaf};
use crate::observe::{Contact, TlsScan, TlsVersion};
use std::time::SystemTime;

/// What the last whole scan of a server told.
#[derive(Debug)]
pub(super) struct Scan {
    /// When it began.
    pub(super) at: SystemTime,
    /// Each version, the newest first.
    pub(super) versions: Vec<Version>,
    /// Further facts, each with what it is.
    pub(super) facts: Vec<(&'static str, String)>,
    /// How many connections it took.
    pub(super) connections: usize,
}

/// One version.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) name: &'static str,
    /// `yes`, `no` or `not known`.
    pub(super) accepted: &'static str,
    /// What was chosen of it, each once, with the class of the suite.
    pub(super) chosen: Vec<String>,
}

impl Scan {
    /// None where no scan has come to its end yet.
    pub(super) fn of(contact: &Contact) -> Option<Self> {
        let scan = contact.latest.scan.as_deref()?;
        let versions = TlsVersion::ALL.into_iter().rev().map(|version| Version::of(scan, version)).collect();
        Some(Self { at: scan.at, versions, facts: facts(scan), connections: scan.answers.len() })
    }

    /// All of it on one line.
    pub(super) fn line(&self) -> String {
        let of = |accepted: &str| -> Vec<&str> {
            self.versions
                .iter()
                .filter(|version| version.accepted == accepted)
                .map(|version| version.name)
                .collect()
        };
        let told = [("", of("yes")), ("not ", of("no")), ("not known: ", of("not known"))];
        let told = told.iter().filter(|(_, names)| !names.is_empty());
        let mut told: Vec<String> = told.map(|(word, names)| format!("{word}{}", names.join(", "))).collect();
        told.extend(self.facts.iter().map(|(name, fact)| format!("{name}: {fact}")));
        told.join("; ")
    }
}

impl Version {
    fn of(scan: &TlsScan, version: TlsVersion) -> Self {
        let mut chosen = Vec::new();
        for choice in scan.choices().filter(|choice| choice.version == version) {
            let group =
                choice.group.map(str::to_owned).or(choice.prime_bits.map(|bits| format!("{bits}-bit prime")));
            let group = group.map(|group| format!(", {group}")).unwrap_or_default();
            let line = format!("{} ({}{group})", choice.suite.name, choice.suite.class().as_str());
            if !chosen.contains(&line) {
                chosen.push(line);
            }
        }
        Self { name: version.name(), accepted: known(scan.accepts(version)), chosen }
    }
}

fn facts(scan: &TlsScan) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(worst) = scan.worst_class() {
        facts.push(("Worst cipher suite by NCSC-NL 2025", worst.as_str().to_owned()));
        facts.push((HYBRID, known(scan.accepts_hybrid()).to_owned()));
    }
    let keys =
        KeyKind::ALL.iter().filter(|kind| scan.has_key(**kind) == Some(true)).map(|kind| kind.as_str());
    let keys = keys.collect::<Vec<_>>().join(" and ");
    if !keys.is_empty() {
        facts.push(("Certificates for", keys));
    }
    let shown = scan.leaves.iter().map(describe).collect::<Vec<_>>().join(", ");
    if !shown.is_empty() {
        facts.push(("Seen", shown));
    }
    facts
}

/// Short enough to compare by eye.
fn describe(leaf: &Leaf) -> String {
    let bits = leaf.key.bits.map(|bits| format!(" {bits} bits")).unwrap_or_default();
    format!("{}{bits} {}…", leaf.key.algorithm, leaf.fingerprint.get(..16).unwrap_or(&leaf.fingerprint))
}

fn known(yes: Option<bool>) -> &'static str {
    match yes {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not known",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, legacy_scan};

    #[test]
    fn a_scan_is_told_on_one_line() {
        let line = |builder: crate::observe::testing::EndpointBuilder| {
            Scan::of(&builder.build().contact).unwrap().line()
        };
        assert_eq!(
            line(endpoint()),
            "TLS 1.3, TLS 1.2; not TLS 1.1, TLS 1.0, SSL 3.0; Worst cipher suite by NCSC-NL 2025: sufficient; \
             X25519MLKEM768: yes; Certificates for: ECDSA; Seen: ECDSA P-256 256 bits 9f2c9f2c9f2c9f2c…",
        );
        let legacy = line(endpoint().scan(legacy_scan()));
        assert!(legacy.starts_with("TLS 1.0; not TLS 1.3, TLS 1.2, TLS 1.1"), "{legacy}");
    }

    #[test]
    fn before_the_first_there_is_nothing_to_tell() {
        assert!(Scan::of(&endpoint().without_scan().build().contact).is_none());
    }
}
