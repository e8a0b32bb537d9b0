//! Does the server offer the extensions that any mail server of today has?

use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict};
use crate::observe::{Contact, Extensions, Seen, Stage};

pub(super) static RULE: Rule = Rule {
    code: "smtp.extension_posture",
    title: "The usual extensions are offered",
    issues: &[&NO_PIPELINING, &NO_8BITMIME, &STARTTLS_AFTER_TLS],
    source: Source::Dialogue,
    checks: &[Check::Contact(check)],
};

static NO_PIPELINING: Issue = Issue {
    code: "smtp.ext.no_pipelining",
    severity: Severity::Info,
    title: "PIPELINING is not offered",
    why: "Senders wait for a reply to each command; mail to many recipients over a long distance is slow.",
    fix: "Let the server offer PIPELINING; look for a firewall that strips it.",
    reference: "https://www.rfc-editor.org/rfc/rfc2920#section-3",
};

static NO_8BITMIME: Issue = Issue {
    code: "smtp.ext.no_8bitmime",
    severity: Severity::Info,
    title: "8BITMIME is not offered",
    why: "Senders must rewrite mail that is not plain ASCII, which breaks DKIM signatures, or return it.",
    fix: "Let the server offer 8BITMIME (Exim: `accept_8bitmime = true`); look for a firewall that strips it.",
    reference: "https://www.rfc-editor.org/rfc/rfc6152#section-3",
};

static STARTTLS_AFTER_TLS: Issue = Issue {
    code: "smtp.ext.starttls_after_tls",
    severity: Severity::Info,
    title: "STARTTLS is offered inside TLS",
    why: "A server must not offer it again in an encrypted session; a sender that takes the offer is lost.",
    fix: "Update the mail server, or the TLS proxy before it.",
    reference: "https://www.rfc-editor.org/rfc/rfc3207#section-4.2",
};

fn check(contact: &Contact, _: &Context) -> Judgement {
    let ehlo = contact.welcomed()?;
    if ehlo.helo.is_some() {
        return Ok(Verdict::NotApplicable);
    }
    let inside = inside(contact)?;
    let (offered, place) = inside.map_or((&ehlo.extensions, "before TLS"), |inside| (inside, "inside TLS"));
    let lines: Vec<_> = offered.lines().iter().map(ToString::to_string).collect();
    let evidence = format!("offered {place}: {}", lines.join(" / "));
    let missing = |keyword, issue| (!offered.has(keyword)).then_some(issue);
    let repeated = inside.is_some_and(|inside| inside.has("STARTTLS")).then_some(&STARTTLS_AFTER_TLS);
    let found = [missing("PIPELINING", &NO_PIPELINING), missing("8BITMIME", &NO_8BITMIME), repeated];
    Ok(Verdict::of(found.into_iter().flatten().map(|issue| issue.finding(evidence.clone())).collect()))
}

/// What is offered inside TLS; none where there conclusively is none.
fn inside(contact: &Contact) -> Seen<Option<&Extensions>> {
    match contact.tls() {
        Ok(tls) => {
            let ehlo = tls.ehlo.as_ref().map_err(|unseen| contact.settled(unseen))?;
            ehlo.reply.accepted(Stage::EhloTls)?;
            Ok(Some(&ehlo.extensions))
        }
        Err(unseen) if unseen.is_inconclusive() => Err(unseen),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_find, evidence, finds, inconclusive, judge, not_applicable, pass};
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::endpoint;

    #[test]
    fn what_is_offered_last_counts() {
        for (endpoint, want) in [
            (endpoint(), pass()),
            (endpoint().ehlo("250-mx1.example.com\n250 STARTTLS"), pass()),
            (endpoint().without_starttls(), pass()),
            (endpoint().ehlo_inside("250-mx1.example.com\n250 8bitmime"), finds(&NO_PIPELINING)),
            (endpoint().ehlo_inside("250-mx1.example.com\n250 PIPELINING"), finds(&NO_8BITMIME)),
            (endpoint().ehlo_inside("250 mx1.example.com"), all_find(&[&NO_PIPELINING, &NO_8BITMIME])),
            (
                endpoint().ehlo_inside("250-mx1.example.com\n250-PIPELINING\n250-8BITMIME\n250 STARTTLS"),
                finds(&STARTTLS_AFTER_TLS),
            ),
            (endpoint().ehlo("250 mx1.example.com"), all_find(&[&NO_PIPELINING, &NO_8BITMIME])),
            (
                endpoint().ehlo("250-mx1.example.com\n250 STARTTLS").handshake_fails(Cause::Alert, ""),
                all_find(&[&NO_PIPELINING, &NO_8BITMIME]),
            ),
            (
                endpoint().ehlo("250-mx1.example.com\n250 STARTTLS").starttls_refused("454 later"),
                inconclusive(Cause::Tempfail),
            ),
            (endpoint().ehlo_inside("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().ehlo_inside("554 no"), not_applicable()),
            (endpoint().ehlo_inside_fails(Cause::Timeout), inconclusive(Cause::Timeout)),
            (endpoint().helo("502 no", "250 mx1.example.com"), not_applicable()),
            (endpoint().ehlo("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().banner("554 no"), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
        assert_eq!(
            evidence(&RULE, &endpoint().ehlo_inside("250-mx1.example.com\n250-PIPELINING\n250 SIZE 1000")),
            ["offered inside TLS: PIPELINING / SIZE 1000"]
        );
    }
}
