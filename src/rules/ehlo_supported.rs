//! Does the server understand EHLO, and answer what it is asked and no more?

use super::evidence::malformed;
use super::{Check, Context, Finding, Issue, Judgement, Rule, Severity, Source, Verdict, broken_at};
use crate::observe::{Contact, Dialogue, Ehlo, Flaw, Seen, Stage};

pub(super) static RULE: Rule = Rule {
    code: "smtp.ehlo_supported",
    title: "The server answers EHLO as it should",
    issues: &[&REJECTED, &MALFORMED, &UNSOLICITED_DATA],
    source: Source::Dialogue,
    checks: &[Check::Contact(check)],
};

static REJECTED: Issue = Issue {
    code: "smtp.ehlo.rejected",
    severity: Severity::Critical,
    title: "EHLO is refused or gets no usable answer",
    why: "Every sender begins with EHLO. Without it there is no STARTTLS, no size limit, no 8-bit mail; where HELO fails too, no mail at all.",
    fix: "Let the server speak ESMTP. If it does, look for a firewall that inspects SMTP, and switch that off (Cisco: `no fixup protocol smtp`, `no inspect esmtp`).",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-3.2",
};

static MALFORMED: Issue = Issue {
    code: "smtp.ehlo.malformed",
    severity: Severity::Warning,
    title: "The answer to EHLO breaks the protocol's form",
    why: "It can still be read, but strict senders may hang up or overlook what the server offers.",
    fix: "End each line in CR LF, keep it under 512 octets, use one code on all lines, and give SIZE a number. Look first at a firewall or proxy that rewrites the answer.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1.1",
};

static UNSOLICITED_DATA: Issue = Issue {
    code: "smtp.protocol.unsolicited_data",
    severity: Severity::Warning,
    title: "The server speaks before it is asked",
    why: "Each command has exactly one reply. One too many puts sender and server out of step: the sender takes an answer for that to another command.",
    fix: "Update the mail server; if a proxy or filter stands before it, see that it does not answer as well.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-4.2",
};

fn check(contact: &Contact, _: &Context) -> Judgement {
    let unsolicited = unsolicited(contact.dialogue()?);
    let ehlo = match contact.ehlo() {
        Ok(ehlo) => ehlo,
        Err(unseen) => {
            let trouble = broken_at(Stage::Ehlo, &unseen).ok_or_else(|| unseen.clone())?;
            let finding = unsolicited.unwrap_or_else(|| REJECTED.finding(trouble.to_string()));
            return Ok(Verdict::Findings(vec![finding]));
        }
    };
    let findings = [refused(ehlo)?, misshapen(ehlo), unsolicited];
    Ok(Verdict::of(findings.into_iter().flatten().collect()))
}

/// A refused EHLO, whatever HELO got behind it.
fn refused(ehlo: &Ehlo) -> Seen<Option<Finding>> {
    let Err(unseen) = ehlo.reply.accepted(Stage::Ehlo) else { return Ok(None) };
    if unseen.is_inconclusive() {
        return Err(unseen);
    }
    let helo = match &ehlo.helo {
        None => String::new(),
        Some(Ok(helo)) => format!("\n→ HELO  ← {}", helo.text()),
        Some(Err(unseen)) => format!("\n→ HELO  ← ({})", unseen.trouble()),
    };
    Ok(Some(REJECTED.finding(format!("→ EHLO  ← {}{helo}", ehlo.reply.text()))))
}

fn misshapen(ehlo: &Ehlo) -> Option<Finding> {
    let sizes = ehlo.extensions.lines().iter().filter(|line| is_bad_size(line.as_str()));
    let sizes = sizes.map(|line| format!("not a number: {line}"));
    let breaches: Vec<_> = malformed(&ehlo.reply).into_iter().chain(sizes).collect();
    (!breaches.is_empty()).then(|| MALFORMED.finding(breaches.join("; ")))
}

/// SIZE with something behind it that is not 1 to 20 digits (RFC 1870 §3).
fn is_bad_size(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let is_size = words.next().is_some_and(|word| word.eq_ignore_ascii_case("SIZE"));
    let is_limit = |word: &str| word.len() <= 20 && word.bytes().all(|b| b.is_ascii_digit());
    is_size && !words.all(is_limit)
}

/// One reply too many on the way to TLS; transactions are not part of every session.
fn unsolicited(dialogue: &Dialogue) -> Option<Finding> {
    let replies = dialogue.steps.iter().filter(|step| step.stage <= Stage::EhloTls);
    let mut replies = replies.filter_map(|step| Some((step.stage, step.reply.as_ref()?.as_ref().ok()?)));
    let (stage, reply) = replies.find(|(_, reply)| reply.flaws.contains(&Flaw::Unsolicited))?;
    Some(UNSOLICITED_DATA.finding(format!("more came than was asked for, at {stage}: {}", reply.text())))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evidence, finds, inconclusive, judge, not_applicable, pass};
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::{endpoint, flawed};

    #[test]
    fn ehlo_must_be_taken_and_answered_once() {
        let accepted = |text: &str| endpoint().ehlo(text);
        let flawed_ehlo = |flaw| endpoint().ehlo_is(flawed("250-mx1.example.com\n250 STARTTLS", flaw));
        for (endpoint, want) in [
            (endpoint(), pass()),
            (accepted("250 mx1.example.com"), pass()),
            (accepted("250-mx1.example.com\n250-SIZE\n250-SIZE 0\n250 SIZE 18446744073709551616"), pass()),
            (accepted("550 5.5.1 no"), finds(&REJECTED)),
            (endpoint().helo("502 5.5.2 not implemented", "250 mx1.example.com"), finds(&REJECTED)),
            (endpoint().helo("500 what", "421 bye"), finds(&REJECTED)),
            (endpoint().ehlo_fails(Cause::Closed), finds(&REJECTED)),
            (endpoint().ehlo_fails(Cause::Closed).on_first_look(), inconclusive(Cause::Tempfail)),
            (endpoint().ehlo_fails(Cause::Oversize), finds(&REJECTED)),
            (endpoint().ehlo_fails(Cause::Timeout), inconclusive(Cause::Timeout)),
            (accepted("421 4.7.0 too many"), inconclusive(Cause::Throttled)),
            (accepted("451 4.3.0 later"), inconclusive(Cause::Tempfail)),
            (accepted("550 Access denied, your IP is on a blacklist"), inconclusive(Cause::ClientBlocked)),
            (endpoint().helo("501 invalid HELO name", "250 mx1"), inconclusive(Cause::ClientBlocked)),
            (accepted("504 need fully-qualified hostname"), inconclusive(Cause::ClientBlocked)),
            (endpoint().ehlo_inside("554 5.5.1 no"), pass()),
            (endpoint().ehlo_inside("421 later"), pass()),
            (flawed_ehlo(Flaw::BareLf), finds(&MALFORMED)),
            (flawed_ehlo(Flaw::Truncated), finds(&MALFORMED)),
            (accepted("250-mx1.example.com\n250 SIZE abc"), finds(&MALFORMED)),
            (flawed_ehlo(Flaw::Unsolicited), finds(&UNSOLICITED_DATA)),
            (endpoint().banner_is(Ok(flawed("220 mx1", Flaw::Unsolicited))), finds(&UNSOLICITED_DATA)),
            (
                endpoint()
                    .banner_is(Ok(flawed("220 mx1", Flaw::Unsolicited)))
                    .ehlo_fails(Cause::ProtocolError),
                finds(&UNSOLICITED_DATA),
            ),
            (endpoint().banner("554 no"), not_applicable()),
            (endpoint().banner("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().banner_fails(Cause::NoAnswer), not_applicable()),
            (endpoint().unreachable(Cause::Refused), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }

    #[test]
    fn quotes_both_refusals() {
        assert_eq!(
            evidence(&RULE, &endpoint().helo("502 5.5.2 not implemented", "250 mx1.example.com")),
            ["→ EHLO  ← 502 5.5.2 not implemented\n→ HELO  ← 250 mx1.example.com"]
        );
        assert_eq!(
            evidence(&RULE, &endpoint().ehlo("250-mx1.example.com\n250 SIZE abc")),
            ["not a number: SIZE abc"]
        );
    }
}
