//! Is the certificate one that a sender can trust, for this name, today and for some time?

use super::evidence::{date, days};
use super::{Check, Context, Finding, Issue, Judgement, Rule, Severity, Source, Verdict};
use crate::observe::{
    Cause, Certificate, ChainTrouble, Contact, Endpoint, Observation, PeerText, PublicKey, Stage, Tls, Unseen,
};
use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

pub(super) static RULE: Rule = Rule {
    code: "smtp.tls_quality",
    title: "The certificate is trusted, fits the name and is valid",
    issues: &[
        &EXPIRED,
        &NOT_YET_VALID,
        &HOST_MISMATCH,
        &UNTRUSTED,
        &SELF_SIGNED,
        &EXPIRES_SOON,
        &WEAK_KEY,
        &WEAK_SIGNATURE,
    ],
    source: Source::Dialogue,
    checks: &[Check::Endpoint(check)],
};

static EXPIRED: Issue = Issue {
    code: "smtp.cert.expired",
    severity: Severity::Critical,
    title: "The certificate has expired",
    why: "Senders that check certificates (MTA-STS, DANE usage 2, configured partners) do not deliver; the others encrypt without knowing to whom.",
    fix: "Renew the certificate and reload the mail server. Look why the automatic renewal did not run, or why the server still shows the old one.",
    reference: "https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
};

static NOT_YET_VALID: Issue = Issue {
    code: "smtp.cert.not_yet_valid",
    severity: Severity::Critical,
    title: "The certificate is not valid yet",
    why: "Senders that check certificates (MTA-STS, DANE usage 2, configured partners) do not deliver until it is.",
    fix: "Check the clock of the machine that made it; or go back to the old certificate until the new one's first day.",
    reference: "https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
};

static HOST_MISMATCH: Issue = Issue {
    code: "smtp.cert.host_mismatch",
    severity: Severity::Critical,
    title: "The certificate is for another name",
    why: "Senders that check certificates compare it with the name in the MX record, and do not deliver.",
    fix: "Have the MX name put into the certificate's subjectAltName, or put a name that it has into the MX record. The common name does not count.",
    reference: "https://www.rfc-editor.org/rfc/rfc9525#section-6",
};

static UNTRUSTED: Issue = Issue {
    code: "smtp.cert.untrusted",
    severity: Severity::Critical,
    title: "The certificate does not lead to a known authority",
    why: "Senders that check certificates (MTA-STS, configured partners) do not deliver. Most often the intermediate certificate is not sent, or is an old one.",
    fix: "Let the server send the whole chain, intermediates included (Let's Encrypt: `fullchain.pem`). If the authority is your own, name it in `tls.ca_file`.",
    reference: "https://www.rfc-editor.org/rfc/rfc5280#section-6",
};

static SELF_SIGNED: Issue = Issue {
    code: "smtp.cert.self_signed",
    severity: Severity::Critical,
    title: "The certificate is self-signed",
    why: "Anyone can make one for your name. Senders that check certificates (MTA-STS, configured partners) do not deliver.",
    fix: "Get a certificate from a public authority, Let's Encrypt for one; or publish it in a signed TLSA record (DANE, `3 1 1`).",
    reference: "https://www.rfc-editor.org/rfc/rfc5280#section-6",
};

static EXPIRES_SOON: Issue = Issue {
    code: "smtp.cert.expires_soon",
    severity: Severity::Warning,
    title: "The certificate expires soon",
    why: "Automatic renewal would have happened by now. Once it expires, senders that check certificates do not deliver.",
    fix: "Renew it and reload the mail server; look why the automatic renewal did not run.",
    reference: "https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
};

static WEAK_KEY: Issue = Issue {
    code: "smtp.cert.weak_key",
    severity: Severity::Warning,
    title: "A certificate has a weak key",
    why: "RSA keys under 2048 bits, elliptic curves under 256 and DSA can be broken, or are refused by today's libraries.",
    fix: "Make a new key (ECDSA P-256, or RSA with 2048 bits or more) and have a certificate issued for it.",
    reference: "https://www.rfc-editor.org/rfc/rfc9325#section-4.5",
};

static WEAK_SIGNATURE: Issue = Issue {
    code: "smtp.cert.weak_signature",
    severity: Severity::Warning,
    title: "A certificate is signed with MD5 or SHA-1",
    why: "Such signatures can be forged; today's libraries refuse them.",
    fix: "Have the certificate issued anew with SHA-256, and send the authority's current intermediate.",
    reference: "https://www.rfc-editor.org/rfc/rfc9325#section-4.5",
};

fn check(endpoint: &Endpoint, observation: &Observation, cx: &Context) -> Judgement {
    let contact = &*endpoint.contact;
    let tls = contact.tls()?;
    let Some(leaf) = tls.leaf() else { return Err(unsupported("no certificate could be read")) };
    if !cx.clock_is_set() {
        let detail = format!("the clock of this machine stands at {}", date(cx.now));
        return Err(Unseen::failed(Stage::TlsHandshake, Cause::ProberError, detail));
    }
    let mut findings = Vec::from_iter(judge_dates(leaf, cx));
    findings.extend(judge_name(contact, tls, leaf));
    findings.extend(judge_trust(tls, leaf));
    if observation.pins_certificate(endpoint) && !observation.policy.mta_sts.enforces() {
        findings.iter_mut().for_each(excuse);
    }
    findings.extend(weak(tls));
    match &tls.trust {
        Err(ChainTrouble::Unsupported(why)) if findings.is_empty() => Err(unsupported(why.as_str())),
        _ => Ok(Verdict::of(findings)),
    }
}

/// What a signed TLSA record of usage 3 makes up for (RFC 7671 §5.1), unless MTA-STS insists on all of it. That the end is near is true all the same.
fn excuse(finding: &mut Finding) {
    if *finding.issue != EXPIRES_SOON {
        finding.excused = true;
        finding.evidence += "\nA signed TLSA record of usage 3 names this certificate, and senders that do DANE care for nothing else.";
    }
}

fn unsupported(detail: &str) -> Unseen {
    Unseen::failed(Stage::TlsHandshake, Cause::UnsupportedByProber, detail)
}

fn judge_dates(leaf: &Certificate, cx: &Context) -> Option<Finding> {
    let (begin, end, now) = (leaf.not_before, leaf.not_after, cx.now);
    match leaf.off_dates(now) {
        Some(Ordering::Less) => {
            Some(NOT_YET_VALID.finding(format!("valid in {}, from {}", days(span(now, begin)), date(begin))))
        }
        Some(_) => Some(EXPIRED.finding(format!("expired {} ago, on {}", days(span(end, now)), date(end)))),
        None => {
            let soon = cx.certificate_expires_soon.min(span(begin, end) / 4);
            let left = span(now, end);
            (left < soon).then(|| EXPIRES_SOON.finding(format!("{} left, until {}", days(left), date(end))))
        }
    }
}

fn span(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

fn judge_name(contact: &Contact, tls: &Tls, leaf: &Certificate) -> Option<Finding> {
    let mx = &contact.key.tls_name;
    if !tls.named {
        return Some(HOST_MISMATCH.finding(format!("no certificate can be for {mx}: it is not a host name")));
    }
    if tls.name_matches {
        return None;
    }
    let shown = leaf.names.iter().take(10).map(PeerText::as_str).collect::<Vec<_>>().join(", ");
    let more = leaf.names.len().saturating_sub(10) + leaf.more_names;
    let names = match (leaf.names.is_empty(), more) {
        (true, _) => format!("without a subjectAltName ({})", leaf.subject),
        (false, 0) => format!("for {shown}"),
        (false, more) => format!("for {shown} and {more} more"),
    };
    Some(HOST_MISMATCH.finding(format!("{mx} shows a certificate {names}")))
}

fn judge_trust(tls: &Tls, leaf: &Certificate) -> Option<Finding> {
    match tls.trust.as_ref().err()? {
        ChainTrouble::SelfSigned => Some(
            SELF_SIGNED.finding(format!("{} issued by itself, SHA-256 {}", leaf.subject, leaf.fingerprint)),
        ),
        ChainTrouble::UnknownIssuer => {
            let sent = tls.chain.iter().map(|certificate| certificate.subject.as_str()).collect::<Vec<_>>();
            let issuer = tls.chain.last().map_or("", |last| last.issuer.as_str());
            Some(UNTRUSTED.finding(format!("sent: {}; unknown: {issuer}", sent.join(" ← "))))
        }
        ChainTrouble::Expired(which) => Some(UNTRUSTED.finding(format!("outside its dates: {which}"))),
        ChainTrouble::Invalid(why) => Some(UNTRUSTED.finding(format!("the chain does not hold: {why}"))),
        ChainTrouble::Unsupported(_) => None,
    }
}

/// Weak keys and signatures of what was sent; a root's own signature proves nothing, and nobody checks it.
fn weak(tls: &Tls) -> Vec<Finding> {
    let used =
        || tls.chain.iter().enumerate().filter(|(at, one)| *at == 0 || !one.self_issued).map(|(_, one)| one);
    let keys = used().filter(|one| is_weak(&one.key)).map(|one| WEAK_KEY.finding(key_of(one)));
    let signed = used().filter(|one| one.weak_signature && !one.self_issued);
    let signatures = signed.map(|one| WEAK_SIGNATURE.finding(format!("{}: {}", one.subject, one.signature)));
    keys.chain(signatures).collect()
}

/// RFC 9325 §4.5.
fn is_weak(key: &PublicKey) -> bool {
    let under = |limit| key.bits.is_some_and(|bits| bits < limit);
    match key.algorithm.as_str() {
        "DSA" => true,
        name if name.starts_with("RSA") => under(2048),
        name if name.starts_with("EC") => under(256),
        _ => false,
    }
}

fn key_of(certificate: &Certificate) -> String {
    let bits = certificate.key.bits.map(|bits| format!(", {bits} bits")).unwrap_or_default();
    format!("{}: {}{bits}", certificate.subject, certificate.key.algorithm)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        all_find, context, evidence, finds, inconclusive, judge, judge_in, not_applicable, pass,
    };
    use super::*;
    use crate::observe::Dnssec;
    use crate::observe::testing::{
        EndpointBuilder, Of, days as span_of, endpoint, host, now, observation, policies, refusing_scan, tlsa,
    };

    fn expiring_in(left: u64, lifetime: u64) -> EndpointBuilder {
        endpoint().leaf(|leaf| {
            leaf.not_after = now() + span_of(left);
            leaf.not_before = leaf.not_after - span_of(lifetime);
        })
    }

    fn with_key(algorithm: &str, bits: usize) -> EndpointBuilder {
        endpoint().leaf(|leaf| leaf.key = PublicKey { algorithm: algorithm.into(), bits: Some(bits) })
    }

    #[test]
    fn a_clock_that_is_not_set_judges_no_dates() {
        for (year, want) in
            [(0, inconclusive(Cause::ProberError)), (30, inconclusive(Cause::ProberError)), (57, pass())]
        {
            let now = SystemTime::UNIX_EPOCH + span_of(366 * year);
            let cx = Context { now, ..context() };
            let endpoint = endpoint().leaf(|leaf| {
                (leaf.not_before, leaf.not_after) = (now, now + span_of(80));
            });
            assert_eq!(judge_in(&RULE, &endpoint, &cx), want, "{year} years");
        }
    }

    #[test]
    fn dates_count_from_now_and_from_the_lifetime() {
        let second = Duration::from_secs(1);
        for (endpoint, want) in [
            (endpoint(), pass()),
            (expiring_in(20, 90), pass()),
            (expiring_in(19, 90), finds(&EXPIRES_SOON)),
            (expiring_in(19, 400), finds(&EXPIRES_SOON)),
            (expiring_in(2, 6), pass()),
            (expiring_in(1, 6), finds(&EXPIRES_SOON)),
            (endpoint().expiring_at(now()), finds(&EXPIRES_SOON)),
            (endpoint().expiring_at(now() - second), finds(&EXPIRED)),
            (endpoint().expiring_at(SystemTime::UNIX_EPOCH), finds(&EXPIRED)),
            (endpoint().leaf(|leaf| leaf.not_before = now() + second), finds(&NOT_YET_VALID)),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }

    #[test]
    fn chain_name_and_keys_are_judged_together() {
        let weak_ca = |issued: bool| {
            endpoint().tls(|tls| {
                tls.chain[1].self_issued = issued;
                tls.chain[1].weak_signature = true;
                tls.chain[1].key = PublicKey { algorithm: "RSA".into(), bits: Some(1024) };
            })
        };
        for (endpoint, want) in [
            (endpoint().tls(|tls| tls.name_matches = false), finds(&HOST_MISMATCH)),
            (endpoint().tls(|tls| tls.named = false), finds(&HOST_MISMATCH)),
            (endpoint().untrusted(ChainTrouble::UnknownIssuer), finds(&UNTRUSTED)),
            (endpoint().untrusted(ChainTrouble::Expired("CN=Example CA R3".into())), finds(&UNTRUSTED)),
            (endpoint().untrusted(ChainTrouble::Invalid("bad signature".into())), finds(&UNTRUSTED)),
            (endpoint().untrusted(ChainTrouble::SelfSigned), finds(&SELF_SIGNED)),
            (
                endpoint().untrusted(ChainTrouble::Unsupported("Ed448".into())),
                inconclusive(Cause::UnsupportedByProber),
            ),
            (
                endpoint()
                    .untrusted(ChainTrouble::Unsupported("Ed448".into()))
                    .tls(|tls| tls.name_matches = false),
                finds(&HOST_MISMATCH),
            ),
            (endpoint().tls(|tls| tls.chain.clear()), inconclusive(Cause::UnsupportedByProber)),
            (with_key("RSA", 2048), pass()),
            (with_key("RSA", 1024), finds(&WEAK_KEY)),
            (with_key("ECDSA P-224", 224), finds(&WEAK_KEY)),
            (with_key("ECDSA P-521", 521), pass()),
            (with_key("Ed25519", 256), pass()),
            (with_key("DSA", 2048), finds(&WEAK_KEY)),
            (endpoint().leaf(|leaf| leaf.weak_signature = true), finds(&WEAK_SIGNATURE)),
            (weak_ca(false), all_find(&[&WEAK_KEY, &WEAK_SIGNATURE])),
            (weak_ca(true), pass()),
            (
                endpoint().untrusted(ChainTrouble::SelfSigned).expiring_at(now() - span_of(3)),
                all_find(&[&EXPIRED, &SELF_SIGNED]),
            ),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }

    #[test]
    fn without_tls_there_is_nothing_to_judge() {
        for (endpoint, want) in [
            (endpoint().without_starttls(), not_applicable()),
            (endpoint().handshake_fails(Cause::Alert, ""), not_applicable()),
            (
                endpoint().handshake_fails(Cause::UnsupportedByProber, "").scan(refusing_scan()),
                not_applicable(),
            ),
            (endpoint().handshake_fails(Cause::Closed, "").on_first_look(), inconclusive(Cause::Tempfail)),
            (
                endpoint().handshake_fails(Cause::UnsupportedByProber, ""),
                inconclusive(Cause::UnsupportedByProber),
            ),
            (endpoint().starttls_refused("454 later"), inconclusive(Cause::Tempfail)),
            (endpoint().banner("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().ehlo_inside("421 later"), pass()),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }

    #[test]
    fn the_evidence_names_days_names_and_issuers() {
        let many = (0..12).map(|n| PeerText::from(format!("mx{n}.example.net").as_str())).collect::<Vec<_>>();
        for (endpoint, want) in [
            (endpoint().expiring_at(now() - span_of(3)), "expired 3 days ago, on 2027-01-12 08:00 UTC"),
            (expiring_in(6, 90), "6 days left, until 2027-01-21 08:00 UTC"),
            (
                endpoint().leaf(|leaf| leaf.not_before = now() + span_of(1)),
                "valid in 1 day, from 2027-01-16 08:00 UTC",
            ),
            (
                endpoint().leaf(|leaf| leaf.names = many).tls(|tls| tls.name_matches = false),
                "mx1.example.com shows a certificate for mx0.example.net, mx1.example.net, mx2.example.net, \
                 mx3.example.net, mx4.example.net, mx5.example.net, mx6.example.net, mx7.example.net, mx8.example.net, \
                 mx9.example.net and 2 more",
            ),
            (
                endpoint().leaf(|leaf| leaf.names.clear()).tls(|tls| tls.name_matches = false),
                "mx1.example.com shows a certificate without a subjectAltName (CN=mx1.example.com)",
            ),
            (
                endpoint().untrusted(ChainTrouble::UnknownIssuer),
                "sent: CN=mx1.example.com ← CN=Example CA R3; unknown: CN=Example Root",
            ),
            (with_key("RSA", 1024), "CN=mx1.example.com: RSA, 1024 bits"),
        ] {
            let told = evidence(&RULE, &endpoint);
            assert_eq!(told[0].lines().next(), Some(want));
            assert_eq!(told.len(), 1);
        }
    }

    #[test]
    fn dane_excuses_what_a_record_of_usage_3_makes_up_for() {
        let ta = || host().tlsa([tlsa(2, 1, Of::IssuerKey)]);
        let expired = || endpoint().expiring_at(now() - span_of(3));
        let soon = || expiring_in(6, 90);
        let optional = || policies("testing", &["mx1.example.com"]);
        for (name, server, host, want) in [
            ("expired", expired(), host(), true),
            ("self-signed", endpoint().untrusted(ChainTrouble::SelfSigned), host(), true),
            ("for another name", endpoint().tls(|tls| tls.name_matches = false), host(), true),
            ("soon", soon(), host(), false),
            ("weak", with_key("RSA", 1024), host(), false),
            ("usage 2", expired(), ta(), false),
            ("another certificate", expired(), host().tlsa([tlsa(3, 1, Of::Nothing)]), false),
            ("not signed", expired(), host().dnssec(Dnssec::Insecure), false),
        ] {
            let seen = observation().of([server]).host("mx1.example.com", host).policies(optional());
            let judged = RULE.judge(&seen.build(), &context()).remove(0);
            let Ok(Verdict::Findings(findings)) = judged.judgement else {
                panic!("{name}: nothing is found")
            };
            assert_eq!(findings.iter().map(|finding| finding.excused).collect::<Vec<_>>(), [want], "{name}");
        }
        let enforced = observation().of([expired()]).policies(policies("enforce", &["mx1.example.com"]));
        let judged = RULE.judge(&enforced.build(), &context()).remove(0);
        let Ok(Verdict::Findings(findings)) = judged.judgement else { panic!("nothing is found") };
        assert!(!findings[0].excused, "MTA-STS insists");
    }
}
