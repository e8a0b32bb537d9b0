//! Which versions of TLS, key exchanges and suites does the server speak beside the best it has? A TLS scan tells.

use super::{Check, Context, Finding, Issue, Judgement, Rule, Severity, Source, Verdict};
use crate::observe::scan::{Choice, KeyExchange, SuiteClass};
use crate::observe::{Contact, StartTls, TlsScan, TlsVersion, Unseen};

pub(super) static RULE: Rule = Rule {
    code: "smtp.tls_version",
    title: "Only current versions of TLS and sound cipher suites are spoken",
    issues: &[&LEGACY_ONLY, &LEGACY_ACCEPTED, &OBSOLETE_KEY_EXCHANGE, &WEAK_SUITES],
    source: Source::Scan,
    checks: &[Check::Contact(check)],
};

static LEGACY_ONLY: Issue = Issue {
    code: "smtp.tls.legacy_only",
    severity: Severity::Critical,
    title: "The server speaks no TLS newer than 1.1",
    why: "TLS below 1.2 is deprecated by RFC 8996. Current senders such as Postfix may still connect with it, but more and more fall back to plaintext or, where they insist on TLS, do not deliver at all.",
    fix: "Update the mail server and its TLS library, and switch TLS 1.2 and 1.3 on (Postfix: `smtpd_tls_protocols = >=TLSv1.2`).",
    reference: "https://www.rfc-editor.org/rfc/rfc8996#section-2",
};

static LEGACY_ACCEPTED: Issue = Issue {
    code: "smtp.tls.legacy_accepted",
    severity: Severity::Warning,
    title: "The server still accepts TLS older than 1.2",
    why: "TLS 1.0 and 1.1 are deprecated by RFC 8996, SSL 3.0 by RFC 7568: whoever sits between can press a careless sender down to them. Audits count it against you.",
    fix: "Switch the old versions off (Postfix: `smtpd_tls_protocols = >=TLSv1.2`, Exim: `openssl_options = +no_tlsv1 +no_tlsv1_1`). Senders that know no TLS 1.2 are hardly left; look into your log for them first.",
    reference: "https://www.rfc-editor.org/rfc/rfc8996#section-4",
};

static OBSOLETE_KEY_EXCHANGE: Issue = Issue {
    code: "smtp.tls.obsolete_key_exchange",
    severity: Severity::Warning,
    title: "The server has only obsolete key exchanges or CBC suites",
    why: "Senders with current libraries find no suite in common: RSA and finite-field Diffie-Hellman key exchange and CBC are on their way out everywhere. They fall back to plaintext, or do not deliver.",
    fix: "Allow ECDHE with AES-GCM or ChaCha20-Poly1305 (Postfix: leave `smtpd_tls_ciphers` and `smtpd_tls_exclude_ciphers` at their defaults; the TLS library has to know elliptic curves), and TLS 1.3.",
    reference: "https://www.rfc-editor.org/rfc/rfc9325#section-4.2",
};

static WEAK_SUITES: Issue = Issue {
    code: "smtp.tls.weak_suites",
    severity: Severity::Info,
    title: "Beside good cipher suites, weak ones are accepted",
    why: "Senders take the best suite that both have, so that these hurt only those which have no better. Guidelines, NCSC-NL's of 2025 for one, want them gone all the same.",
    fix: "Keep ECDHE with AES-GCM, AES-CCM or ChaCha20-Poly1305 alone in TLS 1.2 (Postfix: `smtpd_tls_mandatory_ciphers = high` with `tls_high_cipherlist`). With opportunistic TLS a weak suite is still better than plaintext: no hurry.",
    reference: "https://www.rfc-editor.org/rfc/rfc9325#section-4.1",
};

/// What lies behind a refused or missing STARTTLS has no business here. A scan that could not go on proves nothing by
/// itself, whatever stopped it.
fn check(contact: &Contact, _: &Context) -> Judgement {
    let Some(fact) = &contact.scan else { return Ok(Verdict::NotApplicable) };
    let is_secured = match contact.starttls()? {
        StartTls::Secured(_) => true,
        StartTls::HandshakeFailed(_) => false,
        StartTls::NotOffered | StartTls::Refused(_) | StartTls::Injected(_) => {
            return Ok(Verdict::NotApplicable);
        }
    };
    let scan = fact.seen.as_ref().map_err(|unseen| Unseen::doubtful(unseen.clone()))?;
    if !scan.accepts_any() {
        return Ok(Verdict::NotApplicable); // nothing is spoken, and that is found elsewhere
    }
    Ok(Verdict::of(
        judge_versions(scan, is_secured).into_iter().chain(judge_suites(scan, is_secured)).collect(),
    ))
}

/// A session that was encrypted is one of TLS 1.2 or newer.
fn judge_versions(scan: &TlsScan, is_secured: bool) -> Option<Finding> {
    let legacy: Vec<String> = TlsVersion::ALL
        .iter()
        .filter(|version| version.is_legacy())
        .filter_map(|version| first(scan, *version))
        .collect();
    let lacks = |version| scan.accepts(version) == Some(false);
    let only = !is_secured && lacks(TlsVersion::Tls12) && lacks(TlsVersion::Tls13);
    let issue = if only { &LEGACY_ONLY } else { &LEGACY_ACCEPTED };
    (!legacy.is_empty()).then(|| issue.finding(format!("accepted: {}", legacy.join("; "))))
}

fn judge_suites(scan: &TlsScan, is_secured: bool) -> Option<Finding> {
    let of_12: Vec<&Choice> = scan.choices().filter(|choice| choice.version == TlsVersion::Tls12).collect();
    let obsolete = |choice: &&Choice| {
        choice.suite.key_exchange() != KeyExchange::Ecdhe || !is_authenticated_encryption(choice.suite.name)
    };
    if !is_secured && scan.accepts_modern() == Some(false) && !of_12.is_empty() && of_12.iter().all(obsolete)
    {
        return Some(OBSOLETE_KEY_EXCHANGE.finding(format!("accepted: {}", listed(&of_12))));
    }
    let weak = [SuiteClass::Insufficient, SuiteClass::PhaseOut].into_iter().filter_map(|class| {
        let of_class: Vec<_> = of_12.iter().copied().filter(|choice| choice.suite.class() == class).collect();
        (!of_class.is_empty()).then(|| format!("{} by NCSC-NL 2025: {}", class.as_str(), listed(&of_class)))
    });
    let weak: Vec<_> = weak.collect();
    (!weak.is_empty()).then(|| WEAK_SUITES.finding(weak.join("; ")))
}

fn is_authenticated_encryption(name: &str) -> bool {
    ["_GCM_", "_CCM", "_POLY1305_"].iter().any(|part| name.contains(part))
}

fn first(scan: &TlsScan, version: TlsVersion) -> Option<String> {
    scan.choices().find(|choice| choice.version == version).map(ToString::to_string)
}

fn listed(choices: &[&Choice]) -> String {
    let mut suites: Vec<String> = choices.iter().map(ToString::to_string).collect();
    suites.dedup();
    suites.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_find, evidence, finds, inconclusive, judge, not_applicable, pass};
    use super::*;
    use crate::observe::scan::{Answer, Offer, Refusal};
    use crate::observe::testing::{
        EndpointBuilder, choice, endpoint, legacy_scan, obsolete_scan, put_off, refusing_scan, scan_with,
    };
    use crate::observe::{Cause, Stage};
    use TlsVersion::{Ssl30, Tls10, Tls11, Tls12};

    const CBC: &str = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256";
    const RSA: &str = "TLS_RSA_WITH_AES_128_CBC_SHA";
    const DHE: &str = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256";

    /// This program cannot speak what the server speaks.
    fn unspeakable() -> EndpointBuilder {
        endpoint().handshake_fails(Cause::UnsupportedByProber, "alert handshake_failure")
    }

    fn also(version: TlsVersion, suite: &str) -> TlsScan {
        let offer = if version == Tls12 { Offer::Class(SuiteClass::Insufficient) } else { Offer::All };
        scan_with(version, offer, Answer::Chose(choice(version, suite, None)))
    }

    #[test]
    fn what_is_spoken_is_judged() {
        for (endpoint, want) in [
            (endpoint(), pass()),
            (endpoint().scan(also(Tls11, RSA)), finds(&LEGACY_ACCEPTED)),
            (endpoint().scan(also(Tls10, RSA)), finds(&LEGACY_ACCEPTED)),
            (endpoint().scan(also(Ssl30, RSA)), finds(&LEGACY_ACCEPTED)),
            (endpoint().scan(also(Tls12, RSA)), finds(&WEAK_SUITES)),
            (endpoint().scan(legacy_scan()), finds(&LEGACY_ACCEPTED)),
            (unspeakable().scan(legacy_scan()), finds(&LEGACY_ONLY)),
            (unspeakable().scan(obsolete_scan(Some(RSA), None)), finds(&OBSOLETE_KEY_EXCHANGE)),
            (unspeakable().scan(obsolete_scan(None, Some(DHE))), finds(&OBSOLETE_KEY_EXCHANGE)),
            (unspeakable().scan(obsolete_scan(None, Some(CBC))), finds(&OBSOLETE_KEY_EXCHANGE)),
            (endpoint().scan(obsolete_scan(None, Some(CBC))), finds(&WEAK_SUITES)),
            (unspeakable().scan(refusing_scan()), not_applicable()),
            (unspeakable().without_scan(), not_applicable()),
            (endpoint().without_scan(), not_applicable()),
            (endpoint().scan_fails(put_off()), inconclusive(Cause::Throttled)),
            (
                endpoint().scan_fails(Unseen::failed(Stage::Connect, Cause::Refused, "")),
                inconclusive(Cause::Tempfail),
            ),
            (endpoint().without_starttls().scan(legacy_scan()), not_applicable()),
            (endpoint().starttls_refused("502 no").scan(legacy_scan()), not_applicable()),
            (endpoint().banner("421 later").scan(legacy_scan()), inconclusive(Cause::Throttled)),
            (endpoint().banner("421 later").without_scan(), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }

    #[test]
    fn old_versions_and_obsolete_suites_are_found_together() {
        let mut scan = obsolete_scan(Some(RSA), None);
        scan.answers.retain(|(question, _)| question.version != Tls11);
        scan.add(
            crate::observe::scan::Question { version: Tls11, offer: Offer::All },
            Answer::Chose(choice(Tls10, RSA, None)),
            None,
        );
        assert_eq!(
            judge(&RULE, &unspeakable().scan(scan)),
            all_find(&[&LEGACY_ACCEPTED, &OBSOLETE_KEY_EXCHANGE])
        );
    }

    #[test]
    fn chance_refuses_nothing() {
        let cut = scan_with(Tls12, Offer::Class(SuiteClass::Sufficient), Answer::Refused(Refusal::Closed));
        assert_eq!(cut.accepts_modern(), Some(true), "by TLS 1.3");
        let mut scan = obsolete_scan(Some(RSA), None);
        for (_, answer) in &mut scan.answers {
            if matches!(answer, Answer::Refused(_)) {
                *answer = Answer::Refused(Refusal::Closed);
            }
        }
        assert_eq!(
            judge(&RULE, &unspeakable().scan(scan)),
            finds(&WEAK_SUITES),
            "nobody knows of better ones"
        );
    }

    #[test]
    fn the_evidence_names_version_and_suite() {
        for (endpoint, want) in [
            (unspeakable().scan(legacy_scan()), "accepted: TLS 1.0 TLS_RSA_WITH_AES_128_CBC_SHA"),
            (
                unspeakable().scan(obsolete_scan(None, Some(DHE))),
                "accepted: TLS 1.2 TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
            ),
            (
                endpoint().scan(also(Tls12, RSA)),
                "insufficient by NCSC-NL 2025: TLS 1.2 TLS_RSA_WITH_AES_128_CBC_SHA",
            ),
        ] {
            assert_eq!(evidence(&RULE, &endpoint), [want]);
        }
    }
}
