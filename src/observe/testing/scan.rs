//! TLS scans for unit tests, and the endpoints that they were made of.

use super::dane::digests;
use super::{EndpointBuilder, Of};
use crate::observe::scan::{
    Answer, Choice, HYBRID, KeyKind, Leaf, Offer, Question, Refusal, SCANNED, SuiteClass, group_name,
};
use crate::observe::{Cause, PublicKey, Scanned, Seen, TlsScan, TlsVersion, Unseen};
use std::time::SystemTime;

const HANDSHAKE_FAILURE: Answer = Answer::Refused(Refusal::Alert(40));
const PROTOCOL_VERSION: Answer = Answer::Refused(Refusal::Alert(70));

/// What a server would speak, by the suite's name.
pub(crate) fn choice(version: TlsVersion, suite: &str, group: Option<u16>) -> Choice {
    let suite = SCANNED.iter().find(|known| known.name == suite).expect("a suite");
    Choice { version, suite, group: group.and_then(group_name), prime_bits: None }
}

/// A scan with these answers.
pub(crate) fn scan(answers: impl IntoIterator<Item = (TlsVersion, Offer, Answer)>) -> TlsScan {
    let mut scan = TlsScan::beginning(super::now());
    for (version, offer, answer) in answers {
        let leaf = Leaf {
            key: PublicKey { algorithm: "ECDSA P-256".into(), bits: Some(256) },
            fingerprint: "9f2c".repeat(16),
            digests: digests(Of::Leaf),
            key_digests: Some(digests(Of::LeafKey)),
        };
        let in_clear = matches!(answer, Answer::Chose(choice) if choice.version < TlsVersion::Tls13);
        scan.add(Question { version, offer }, answer, in_clear.then_some(leaf));
    }
    scan
}

/// Nothing but TLS 1.2 and 1.3 with the best suites, and the hybrid group.
pub(crate) fn sound_scan() -> TlsScan {
    use TlsVersion::{Tls11, Tls12, Tls13};
    let hybrid = Choice { group: Some(HYBRID), ..choice(Tls13, "TLS_AES_256_GCM_SHA384", None) };
    let modern = choice(Tls12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Some(29));
    scan([
        (Tls13, Offer::Hybrid, Answer::Chose(hybrid)),
        (Tls12, Offer::Class(SuiteClass::Sufficient), Answer::Chose(modern)),
        (Tls12, Offer::Class(SuiteClass::Insufficient), HANDSHAKE_FAILURE),
        (Tls12, Offer::Class(SuiteClass::PhaseOut), HANDSHAKE_FAILURE),
        (Tls11, Offer::All, PROTOCOL_VERSION),
        (Tls12, Offer::Signed(KeyKind::Rsa), HANDSHAKE_FAILURE),
    ])
}

/// TLS 1.0 and nothing else.
pub(crate) fn legacy_scan() -> TlsScan {
    use TlsVersion::{Ssl30, Tls10, Tls12, Tls13};
    let old = choice(Tls10, "TLS_RSA_WITH_AES_128_CBC_SHA", None);
    scan([
        (Tls13, Offer::Hybrid, PROTOCOL_VERSION),
        (Tls12, Offer::Class(SuiteClass::Sufficient), HANDSHAKE_FAILURE),
        (Tls12, Offer::Class(SuiteClass::Insufficient), Answer::Chose(old)),
        (Ssl30, Offer::All, PROTOCOL_VERSION),
    ])
}

/// Of TLS 1.2 only these suites, the first for the insufficient, the second for the rest.
pub(crate) fn obsolete_scan(insufficient: Option<&str>, phase_out: Option<&str>) -> TlsScan {
    use TlsVersion::{Tls11, Tls12, Tls13};
    let chose = |suite: Option<&str>| {
        suite.map_or(HANDSHAKE_FAILURE, |suite| Answer::Chose(choice(Tls12, suite, None)))
    };
    scan([
        (Tls13, Offer::Hybrid, PROTOCOL_VERSION),
        (Tls12, Offer::Class(SuiteClass::Sufficient), HANDSHAKE_FAILURE),
        (Tls12, Offer::Class(SuiteClass::Insufficient), chose(insufficient)),
        (Tls12, Offer::Class(SuiteClass::PhaseOut), chose(phase_out)),
        (Tls11, Offer::All, PROTOCOL_VERSION),
    ])
}

/// All that the best server has, and this beside it.
pub(crate) fn scan_with(version: TlsVersion, offer: Offer, answer: Answer) -> TlsScan {
    let mut scan = sound_scan();
    scan.answers.retain(|(question, _)| *question != Question { version, offer });
    scan.add(Question { version, offer }, answer, None);
    scan
}

/// Nothing is spoken.
pub(crate) fn refusing_scan() -> TlsScan {
    let refusals = sound_scan().answers.into_iter();
    scan(refusals.map(|(question, _)| (question.version, question.offer, HANDSHAKE_FAILURE)))
}

impl EndpointBuilder {
    /// Another TLS scan.
    pub(crate) fn scan(mut self, scan: TlsScan) -> Self {
        self.scan = Some(Ok(scan));
        self
    }

    /// The scan is shown one more certificate with another key.
    pub(crate) fn scan_shows(mut self, certificate: Of, key: Of) -> Self {
        let leaf = Leaf {
            key: PublicKey { algorithm: "RSA".into(), bits: Some(2_048) },
            fingerprint: "7d".repeat(32),
            digests: digests(certificate),
            key_digests: Some(digests(key)),
        };
        if let Some(Ok(scan)) = &mut self.scan {
            scan.leaves.push(leaf);
        }
        self
    }

    /// A TLS scan that did not get to its question.
    pub(crate) fn scan_fails(mut self, unseen: Unseen) -> Self {
        self.scan = Some(Err(unseen));
        self
    }

    /// No TLS scan has come to its end yet.
    pub(crate) fn without_scan(mut self) -> Self {
        self.scan = None;
        self
    }

    /// The scan as a session at `at` brings it home.
    pub(super) fn scanned(&self, at: SystemTime) -> Option<Seen<Scanned>> {
        let scan = self.scan.clone()?;
        Some(scan.map(|scan| Scanned { scan: TlsScan { at, ..scan }, is_complete: true }))
    }
}

/// A scan that was put off.
pub(crate) fn put_off() -> Unseen {
    Unseen::failed(crate::observe::Stage::Banner, Cause::Throttled, "421 4.7.0 too many connections").behind()
}
