//! Does the server ask for passwords in the clear?

use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict};
use crate::observe::{Contact, PeerText};

pub(super) static RULE: Rule = Rule {
    code: "smtp.auth_posture",
    title: "No AUTH is offered before TLS",
    issues: &[&PLAINTEXT, &CHALLENGE_ONLY],
    source: Source::Dialogue,
    checks: &[Check::Contact(check)],
};

static PLAINTEXT: Issue = Issue {
    code: "smtp.auth.plaintext",
    severity: Severity::Critical,
    title: "Passwords are asked for in the clear",
    why: "Before TLS the server offers an AUTH mechanism that sends the password as it is. A client that uses it gives the password to everyone on the way.",
    fix: "Offer AUTH inside TLS only. Postfix: `smtpd_tls_auth_only=yes`. Better: no AUTH on port 25 at all; move users to submission on port 587 or 465.",
    reference: "https://www.rfc-editor.org/rfc/rfc4954#section-4",
};

static CHALLENGE_ONLY: Issue = Issue {
    code: "smtp.auth.challenge_only",
    severity: Severity::Warning,
    title: "AUTH is offered before TLS, by challenge and response",
    why: "The password itself is not sent, but who listens can guess it at leisure from the response, and can take the session over.",
    fix: "Offer AUTH inside TLS only. Postfix: `smtpd_tls_auth_only=yes`. Better: no AUTH on port 25 at all; move users to submission on port 587 or 465.",
    reference: "https://www.rfc-editor.org/rfc/rfc4954#section-9",
};

/// Mechanisms that send a password, or a token that is as good as one.
const IN_THE_CLEAR: &[&str] = &["PLAIN", "LOGIN", "XOAUTH", "XOAUTH2", "OAUTHBEARER"];

fn check(contact: &Contact, _: &Context) -> Judgement {
    let extensions = &contact.welcomed()?.extensions;
    if !extensions.has("AUTH") {
        return Ok(Verdict::Pass);
    }
    let mechanisms = extensions.auth_mechanisms();
    let known_safe = |name: &&str| {
        is_mechanism(name) && !IN_THE_CLEAR.iter().any(|clear| name.eq_ignore_ascii_case(clear))
    };
    let safe = !mechanisms.is_empty() && mechanisms.iter().all(known_safe);
    let issue = if safe { &CHALLENGE_ONLY } else { &PLAINTEXT };
    let is_auth =
        |line: &&PeerText| line.as_str().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("AUTH"));
    let lines: Vec<_> = extensions.lines().iter().filter(is_auth).map(PeerText::as_str).collect();
    Ok(issue.found(format!("before TLS: {}", lines.join(" / "))))
}

/// 1 to 20 letters, digits, hyphens and underscores (RFC 4422 §3.1).
fn is_mechanism(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evidence, finds, inconclusive, judge, not_applicable, pass};
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::{EndpointBuilder, endpoint};

    fn offering(line: &str) -> EndpointBuilder {
        endpoint().ehlo(&format!("250-mx1.example.com\n250-{line}\n250 STARTTLS"))
    }

    #[test]
    fn what_is_offered_in_the_clear_decides() {
        for (endpoint, want) in [
            (endpoint(), pass()),
            (endpoint().ehlo_inside("250-mx1.example.com\n250 AUTH PLAIN LOGIN"), pass()),
            (offering("AUTH PLAIN LOGIN"), finds(&PLAINTEXT)),
            (offering("auth=login"), finds(&PLAINTEXT)),
            (offering("AUTH CRAM-MD5 plain"), finds(&PLAINTEXT)),
            (offering("AUTH XOAUTH2"), finds(&PLAINTEXT)),
            (offering("AUTH"), finds(&PLAINTEXT)),
            (offering("AUTH ****"), finds(&PLAINTEXT)),
            (offering("AUTH CRAM-MD5 DIGEST-MD5"), finds(&CHALLENGE_ONLY)),
            (offering("AUTH SCRAM-SHA-256 GSSAPI NTLM"), finds(&CHALLENGE_ONLY)),
            (offering("XAUTH PLAIN"), pass()),
            (endpoint().ehlo("250-mx1.example.com\n250 AUTH PLAIN"), finds(&PLAINTEXT)),
            (endpoint().ehlo("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().ehlo("550 no"), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
        assert_eq!(
            evidence(&RULE, &offering("AUTH PLAIN\n250-AUTH=LOGIN")),
            ["before TLS: AUTH PLAIN / AUTH=LOGIN"]
        );
    }
}
