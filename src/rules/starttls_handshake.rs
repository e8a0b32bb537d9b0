//! Does STARTTLS lead to an encrypted session?

use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict, broken_at};
use crate::observe::{Cause, Contact, Reply, Stage, StartTls, Tls, TlsScan, Unseen};
use std::collections::BTreeSet;

pub(super) static RULE: Rule = Rule {
    code: "smtp.starttls_handshake",
    title: "STARTTLS leads to an encrypted session",
    issues: &[&REFUSED, &HANDSHAKE_FAILED, &INJECTED_PLAINTEXT],
    source: Source::Dialogue,
    checks: &[Check::Contact(check)],
};

static REFUSED: Issue = Issue {
    code: "smtp.starttls.refused",
    severity: Severity::Critical,
    title: "The server offers STARTTLS and then refuses it",
    why: "Mail falls back to plaintext, and senders that insist on TLS do not deliver at all.",
    fix: "Look into the mail server's log: most often it cannot read its certificate or key. If TLS is not meant to work, stop offering it.",
    reference: "https://www.rfc-editor.org/rfc/rfc3207#section-4",
};

static HANDSHAKE_FAILED: Issue = Issue {
    code: "smtp.starttls.handshake_failed",
    severity: Severity::Critical,
    title: "STARTTLS does not lead to a usable session",
    why: "Some senders fall back to plaintext, others do not deliver at all.",
    fix: "Look into the mail server's log for the same moment. Common reasons: the key does not belong to the certificate, no cipher in common, TLS 1.2 switched off, a client certificate demanded, a firewall that cuts large packets.",
    reference: "https://www.rfc-editor.org/rfc/rfc3207#section-4.1",
};

static INJECTED_PLAINTEXT: Issue = Issue {
    code: "smtp.starttls.injected_plaintext",
    severity: Severity::Critical,
    title: "Plaintext stands behind the reply to STARTTLS",
    why: "Someone on the way, or the server itself, puts words into the session that a careless sender believes to be encrypted.",
    fix: "Update the mail server. If a proxy or firewall stands before it, test without it: what it adds there is an attack or looks like one.",
    reference: "https://www.rfc-editor.org/rfc/rfc3207#section-6",
};

fn check(contact: &Contact, _: &Context) -> Judgement {
    match contact.starttls() {
        Ok(StartTls::NotOffered) => Ok(Verdict::NotApplicable),
        Ok(StartTls::Refused(reply)) => refused(reply),
        Ok(StartTls::Injected(text)) => Ok(INJECTED_PLAINTEXT.found(format!("behind the 220: {text}"))),
        Ok(StartTls::HandshakeFailed(trouble)) => failed(contact, &Unseen::Failed(trouble.clone())),
        Ok(StartTls::Secured(tls)) => secured(contact, tls),
        Err(unseen) => match broken_at(Stage::StartTls, &unseen) {
            Some(trouble) => Ok(REFUSED.found(format!("→ STARTTLS  ← ({trouble})"))),
            None => Err(unseen),
        },
    }
}

fn refused(reply: &Reply) -> Judgement {
    match reply.accepted(Stage::StartTls) {
        Err(unseen) if unseen.is_inconclusive() => Err(unseen),
        _ => Ok(REFUSED.found(format!("→ STARTTLS  ← {}", reply.text()))),
    }
}

/// The EHLO inside decides: in TLS 1.3 the server's last word on the handshake comes only with its first answer.
fn secured(contact: &Contact, tls: &Tls) -> Judgement {
    match &tls.ehlo {
        Ok(inside) => match inside.reply.accepted(Stage::EhloTls) {
            Ok(_) => Ok(Verdict::Pass),
            Err(unseen) if unseen.is_inconclusive() => Err(unseen),
            Err(_) => Ok(HANDSHAKE_FAILED.found(format!("→ EHLO inside TLS  ← {}", inside.reply.text()))),
        },
        Err(unseen) => failed(contact, unseen),
    }
}

fn failed(contact: &Contact, unseen: &Unseen) -> Judgement {
    let unseen = contact.settled(unseen);
    let judged = contact.explanation().and_then(|scan| explained(scan, &unseen));
    if let Some(verdict) = judged {
        return Ok(verdict);
    }
    if unseen.is_inconclusive() {
        return Err(unseen);
    }
    Ok(HANDSHAKE_FAILED.found(unseen.trouble().to_string()))
}

/// What a scan says of a handshake that failed. A server that speaks only what this program cannot is one that senders
/// can use; one that takes no hello at all is not. Where it would speak to this program, too, the failure stands.
fn explained(scan: &TlsScan, unseen: &Unseen) -> Option<Verdict> {
    let in_doubt = unseen.cause() == Cause::UnsupportedByProber;
    match (scan.accepts_any(), scan.accepts_modern()) {
        (true, Some(false)) => Some(Verdict::Pass),
        (true, _) => in_doubt.then_some(Verdict::Pass),
        (false, _) if in_doubt => {
            let refusals: BTreeSet<String> =
                scan.refusals().map(|(_, refusal)| refusal.to_string()).collect();
            let refusals = refusals.into_iter().collect::<Vec<_>>().join(", ");
            let asked = scan.answers.len();
            Some(HANDSHAKE_FAILED.found(format!(
                "{}; none of {asked} other hellos fared better: {refusals}",
                unseen.trouble()
            )))
        }
        (false, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evidence, finds, inconclusive, judge, not_applicable, pass};
    use super::*;
    use crate::observe::testing::{
        EndpointBuilder, blocked, endpoint, failed, legacy_scan, put_off, refusing_scan, sound_scan,
    };

    #[test]
    fn what_is_offered_must_work() {
        let broken = |cause| endpoint().handshake_fails(cause, "");
        let silent = |cause| endpoint().starttls(failed(Stage::StartTls, cause));
        let inside = |cause| endpoint().ehlo_inside_fails(cause);
        let once = EndpointBuilder::on_first_look;
        for (endpoint, want) in [
            (endpoint(), pass()),
            (endpoint().ehlo_inside("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().ehlo_inside("554 5.5.1 no"), finds(&HANDSHAKE_FAILED)),
            (endpoint().starttls_refused("502 5.5.1 not implemented"), finds(&REFUSED)),
            (endpoint().starttls_refused("554 5.7.3 no"), finds(&REFUSED)),
            (endpoint().starttls_refused("250 Ok"), finds(&REFUSED)),
            (endpoint().starttls_refused("454 4.7.0 not now"), inconclusive(Cause::Tempfail)),
            (endpoint().starttls_refused("421 bye"), inconclusive(Cause::Throttled)),
            (silent(Cause::Closed), finds(&REFUSED)),
            (once(silent(Cause::Closed)), inconclusive(Cause::Tempfail)),
            (silent(Cause::Timeout), inconclusive(Cause::Timeout)),
            (broken(Cause::Alert), finds(&HANDSHAKE_FAILED)),
            (once(broken(Cause::Alert)), finds(&HANDSHAKE_FAILED)),
            (broken(Cause::Closed), finds(&HANDSHAKE_FAILED)),
            (once(broken(Cause::Closed)), inconclusive(Cause::Tempfail)),
            (broken(Cause::NoAnswer), finds(&HANDSHAKE_FAILED)),
            (once(broken(Cause::NoAnswer)), inconclusive(Cause::Timeout)),
            (broken(Cause::UnsupportedByProber).without_scan(), inconclusive(Cause::UnsupportedByProber)),
            (inside(Cause::Alert), finds(&HANDSHAKE_FAILED)),
            (inside(Cause::Closed), finds(&HANDSHAKE_FAILED)),
            (once(inside(Cause::Closed)), inconclusive(Cause::Tempfail)),
            (inside(Cause::Timeout), inconclusive(Cause::Timeout)),
            (endpoint().starttls(Ok(StartTls::Injected("250 mx1".into()))), finds(&INJECTED_PLAINTEXT)),
            (endpoint().without_starttls(), not_applicable()),
            (endpoint().starttls(blocked(Stage::Ehlo, Cause::Timeout)), inconclusive(Cause::Timeout)),
            (endpoint().ehlo("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().ehlo("550 no"), not_applicable()),
            (endpoint().unreachable(Cause::Refused), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }

    #[test]
    fn a_scan_explains_what_this_program_cannot_speak() {
        let fails = |cause| endpoint().handshake_fails(cause, "");
        let once = EndpointBuilder::on_first_look;
        for (endpoint, want) in [
            (fails(Cause::UnsupportedByProber).scan(legacy_scan()), pass()),
            (once(fails(Cause::UnsupportedByProber)).scan(legacy_scan()), pass()),
            (fails(Cause::UnsupportedByProber).scan(sound_scan()), pass()),
            (fails(Cause::UnsupportedByProber).scan(refusing_scan()), finds(&HANDSHAKE_FAILED)),
            (
                fails(Cause::UnsupportedByProber).scan_fails(put_off()),
                inconclusive(Cause::UnsupportedByProber),
            ),
            (fails(Cause::Closed).scan(legacy_scan()), pass()),
            (once(fails(Cause::Closed)).scan(legacy_scan()), inconclusive(Cause::Tempfail)),
            (fails(Cause::Closed).scan(sound_scan()), finds(&HANDSHAKE_FAILED)),
            (fails(Cause::Alert).scan(sound_scan()), finds(&HANDSHAKE_FAILED)),
            (fails(Cause::Alert).scan(refusing_scan()), finds(&HANDSHAKE_FAILED)),
            (fails(Cause::Alert).scan(legacy_scan()), pass()),
            (fails(Cause::NoAnswer).scan(legacy_scan()), finds(&HANDSHAKE_FAILED)),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }

    #[test]
    fn names_the_alert_and_quotes_the_reply() {
        for (endpoint, want) in [
            (
                endpoint().handshake_fails(Cause::Alert, "handshake_failure (40)"),
                "alert at tls_handshake: handshake_failure (40)",
            ),
            (endpoint().starttls_refused("554 5.7.3 no"), "→ STARTTLS  ← 554 5.7.3 no"),
            (endpoint().starttls(Ok(StartTls::Injected("250 mx1".into()))), "behind the 220: 250 mx1"),
        ] {
            assert_eq!(evidence(&RULE, &endpoint), [want]);
        }
    }
}
