//! Does the server offer STARTTLS?

use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict};
use crate::observe::{Contact, Ehlo, Endpoint, Extensions, Observation, PeerText, Seen};

pub(super) static RULE: Rule = Rule {
    code: "smtp.starttls_offered",
    title: "The server offers STARTTLS",
    issues: &[&MISSING, &ALL_MISSING, &MASKED],
    source: Source::Dialogue,
    checks: &[Check::Contact(check), Check::Domain(check_all)],
};

static MISSING: Issue = Issue {
    code: "smtp.starttls.missing",
    severity: Severity::Critical,
    title: "The server does not offer STARTTLS",
    why: "Mail to it crosses the network in the clear: anyone on the way can read and change it. Senders that insist on TLS do not deliver at all.",
    fix: "Give the server a certificate and switch TLS on. Postfix: `smtpd_tls_security_level = may` and `smtpd_tls_chain_files`; Exim: `tls_advertise_hosts = *`, `tls_certificate` and `tls_privatekey`. Then publish MTA-STS or DANE, so that nobody can strip it again.",
    reference: "https://www.rfc-editor.org/rfc/rfc3207#section-4",
};

static ALL_MISSING: Issue = Issue {
    code: "smtp.all_no_starttls",
    severity: Severity::Critical,
    title: "No mail server of the domain offers STARTTLS",
    why: "Every mail to the domain crosses the network in the clear, and senders that insist on TLS cannot deliver anywhere.",
    fix: "Switch TLS on at every server. Postfix: `smtpd_tls_security_level = may` and `smtpd_tls_chain_files`; Exim: `tls_advertise_hosts = *`, `tls_certificate` and `tls_privatekey`. Then publish MTA-STS or DANE, so that nobody can strip it again.",
    reference: "https://www.rfc-editor.org/rfc/rfc3207#section-4",
};

static MASKED: Issue = Issue {
    code: "smtp.starttls.masked",
    severity: Severity::Critical,
    title: "Something on the way overwrites the STARTTLS keyword",
    why: "A firewall that inspects SMTP, or an attacker, hides that the server can encrypt: mail crosses the network in the clear.",
    fix: "Switch SMTP inspection off (Cisco: `no inspect esmtp`, or `allow-tls` in its policy). If the firewall is not yours, ask the network's operator. Then publish MTA-STS or DANE, so that senders notice.",
    reference: "https://www.rfc-editor.org/rfc/rfc3207#section-6",
};

fn check(contact: &Contact, _: &Context) -> Judgement {
    let ehlo = contact.welcomed()?;
    if offers(ehlo) {
        return Ok(Verdict::Pass);
    }
    let issue = if masked(&ehlo.extensions).is_some() { &MASKED } else { &MISSING };
    Ok(issue.found(ehlo.reply.text()))
}

fn offers(ehlo: &Ehlo) -> bool {
    ehlo.extensions.has("STARTTLS")
}

/// A keyword that was overwritten with `X`, as Cisco's inspection does: `XXXX`, `XXXXXXXA`.
fn masked(extensions: &Extensions) -> Option<&PeerText> {
    let is_mask = |line: &PeerText| {
        let keyword = line.as_str().split_ascii_whitespace().next().unwrap_or_default();
        let unmasked = keyword.trim_start_matches(['X', 'x']);
        keyword.len() >= 4 && (unmasked.is_empty() || (unmasked.len() == 1 && unmasked.is_ascii()))
    };
    extensions.lines().iter().find(|line| is_mask(line))
}

fn check_all(observation: &Observation, _: &Context) -> Judgement {
    let looked: Vec<(&Endpoint, Seen<bool>)> = observation
        .endpoints
        .iter()
        .map(|endpoint| (endpoint, endpoint.contact.welcomed().map(offers)))
        .collect();
    if looked.iter().any(|(_, offered)| *offered == Ok(true)) {
        return Ok(Verdict::Pass);
    }
    for (_, offered) in &looked {
        if let Err(unseen) = offered
            && unseen.is_inconclusive()
        {
            return Err(unseen.clone());
        }
    }
    let without = looked.iter().filter(|(_, offered)| *offered == Ok(false));
    let list: Vec<_> =
        without.map(|(endpoint, _)| format!("{} ({})", endpoint.mx, endpoint.address())).collect();
    Ok(if list.is_empty() {
        Verdict::NotApplicable
    } else {
        ALL_MISSING.found(format!("none of {}", list.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        evidence, evidence_of_domain, finds, inconclusive, judge, judge_domain, not_applicable, pass,
    };
    use super::*;
    use crate::observe::testing::{endpoint, failed, observation};
    use crate::observe::{Cause, Stage};

    #[test]
    fn the_keyword_decides() {
        for (endpoint, want) in [
            (endpoint(), pass()),
            (endpoint().ehlo("250-mx1.example.com\n250 starttls"), pass()),
            (endpoint().starttls_refused("454 4.7.0 not now"), pass()),
            (endpoint().starttls(failed(Stage::StartTls, Cause::Closed)), pass()),
            (endpoint().without_starttls(), finds(&MISSING)),
            (endpoint().ehlo("250-mx1.example.com\n250 STARTTLS\0"), finds(&MISSING)),
            (endpoint().ehlo("250-STARTTLS\n250 XCLIENT NAME"), finds(&MISSING)),
            (endpoint().ehlo("250-mx1.example.com\n250-XXXXXXXA\n250 8BITMIME"), finds(&MASKED)),
            (endpoint().ehlo("250-mx1.example.com\n250 XXXX"), finds(&MASKED)),
            (endpoint().ehlo("250-mx1.example.com\n250 xxxxxxxx"), finds(&MASKED)),
            (endpoint().ehlo("250-mx1.example.com\n250-XXXXXXXC 1\n250 HELP"), finds(&MASKED)),
            (endpoint().ehlo("250-XXXXXXXXXXXXXXXXXXX\n250 8BITMIME"), finds(&MISSING)),
            (endpoint().ehlo("250-mx1.example.com\n250-XEXCH50\n250-XXX\n250 XXXXXXXAB"), finds(&MISSING)),
            (endpoint().ehlo("250-mx1.example.com\n250-XXXXXXXB\n250 STARTTLS"), pass()),
            (endpoint().helo("502 no", "250 mx1.example.com"), finds(&MISSING)),
            (
                endpoint().helo("501 invalid HELO name", "250 mx1.example.com"),
                inconclusive(Cause::ClientBlocked),
            ),
            (endpoint().helo("502 no", "550 no"), not_applicable()),
            (endpoint().ehlo("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().banner("421 later"), inconclusive(Cause::Throttled)),
            (endpoint().banner("554 no"), not_applicable()),
            (endpoint().unreachable(Cause::Refused), not_applicable()),
            (endpoint().unreachable(Cause::Refused).on_first_look(), inconclusive(Cause::Tempfail)),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
        assert_eq!(
            evidence(&RULE, &endpoint().ehlo("250-mx1.example.com\n250 XXXXXXXA")),
            ["250-mx1.example.com / 250 XXXXXXXA"]
        );
    }

    #[test]
    fn the_domain_is_told_when_none_offers_it() {
        let plain = || endpoint().without_starttls();
        let second = || endpoint().at("mx2.example.com", "192.0.2.11");
        for (endpoints, want) in [
            (vec![endpoint()], pass()),
            (vec![plain(), second()], pass()),
            (vec![plain(), second().banner("421 later"), endpoint()], pass()),
            (vec![plain()], finds(&ALL_MISSING)),
            (vec![plain(), second().ehlo("250-mx2\n250 XXXXXXXA")], finds(&ALL_MISSING)),
            (vec![plain(), second().unreachable(Cause::Refused)], finds(&ALL_MISSING)),
            (
                vec![plain(), second().unreachable(Cause::Refused).on_first_look()],
                inconclusive(Cause::Tempfail),
            ),
            (vec![plain(), second().banner("421 later")], inconclusive(Cause::Throttled)),
            (vec![endpoint().unreachable(Cause::Refused)], not_applicable()),
            (vec![], not_applicable()),
        ] {
            assert_eq!(judge_domain(&RULE, &observation().of(endpoints.clone())), want, "{endpoints:?}");
        }
        let two = observation().of([plain(), plain().at("mx2.example.com", "2001:db8::11")]);
        assert_eq!(
            evidence_of_domain(&RULE, &two),
            ["none of mx1.example.com (192.0.2.10), mx2.example.com (2001:db8::11)"]
        );
    }
}
