//! Does the server greet as it should?

use super::evidence::malformed;
use super::{Check, Context, Finding, Issue, Judgement, Rule, Severity, Source, Verdict, broken_at};
use crate::observe::{Cause, Contact, Reply, Stage, Trouble, Unseen, blame};
use std::net::Ipv4Addr;

pub(super) static RULE: Rule = Rule {
    code: "smtp.banner_sanity",
    title: "The server greets with 220",
    issues: &[&MISSING, &NOT_220, &MALFORMED, &VERSION_DISCLOSED],
    source: Source::Dialogue,
    checks: &[Check::Contact(check)],
};

static MISSING: Issue = Issue {
    code: "smtp.banner.missing",
    severity: Severity::Critical,
    title: "The server takes the connection and does not greet",
    why: "A sender speaks only after the greeting: without one, no mail is delivered here.",
    fix: "See that the mail service itself runs and not only the proxy or firewall before it; look for a DNS or block-list look-up that hangs before the greeting.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-3.1",
};

static NOT_220: Issue = Issue {
    code: "smtp.banner.not_220",
    severity: Severity::Critical,
    title: "The greeting is not a 220",
    why: "Anything but 220 tells the sender to go away: no mail is delivered here.",
    fix: "Read the reply: 554 and 521 mean that the server is told to take no mail. Mend its configuration, or remove it from the MX records.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-3.1",
};

static MALFORMED: Issue = Issue {
    code: "smtp.banner.malformed",
    severity: Severity::Warning,
    title: "The greeting breaks the protocol's form",
    why: "It can still be read, but strict senders hang up, and a bare LF is a door for smuggled commands.",
    fix: "End each line in CR LF, keep it under 512 octets, and use one code on all lines. Look first at a firewall or proxy that rewrites the greeting.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-4.2",
};

static VERSION_DISCLOSED: Issue = Issue {
    code: "smtp.banner.version_disclosed",
    severity: Severity::Info,
    title: "The greeting tells the software's version",
    why: "It saves an attacker the work of finding out which known holes to try.",
    fix: "Leave the version out. Postfix: `smtpd_banner = $myhostname ESMTP`; Exim: `smtp_banner = $smtp_active_hostname ESMTP`.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-7.5",
};

fn check(contact: &Contact, _: &Context) -> Judgement {
    contact.dialogue()?;
    let banner = match contact.banner() {
        Ok(banner) => banner,
        Err(unseen) => return unread(unseen),
    };
    if banner.code != 220 {
        return match blame::cause(Stage::Banner, banner) {
            Some(cause) => Err(Unseen::failed(Stage::Banner, cause, banner.text())),
            None => Ok(NOT_220.found(banner.text())),
        };
    }
    let malformed = malformed(banner).map(|breach| MALFORMED.finding(breach));
    Ok(Verdict::of(malformed.into_iter().chain(version(banner)).collect()))
}

fn unread(unseen: Unseen) -> Judgement {
    match broken_at(Stage::Banner, &unseen) {
        Some(trouble @ Trouble { cause: Cause::Oversize | Cause::ProtocolError, .. }) => {
            Ok(NOT_220.found(trouble.to_string()))
        }
        Some(trouble) => Ok(MISSING.found(trouble.to_string())),
        None => Err(unseen),
    }
}

/// The version of a product behind the host's own name: `Exim 4.96`, `Haraka/3.0.3`, `(8.17.1/8.17.1)`.
fn version(banner: &Reply) -> Option<Finding> {
    let words = banner.lines.iter().flat_map(|line| {
        let text = line.as_str().get(4..).unwrap_or_default();
        text.split_whitespace().skip(1).flat_map(|word| word.split(['(', ')', '/', ';', ',']))
    });
    let told: Vec<_> = words.filter(|word| is_version(word)).collect();
    (!told.is_empty()).then(|| VERSION_DISCLOSED.finding(banner.text()))
}

/// Numbers parted by full stops, a `v` before and a suffix behind allowed; not an address.
fn is_version(word: &str) -> bool {
    let word = word.strip_prefix(['v', 'V']).unwrap_or(word).trim_end_matches('.');
    let (major, rest) = word.split_once('.').unwrap_or_default();
    let is_number =
        |text: &str| !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    is_number(major) && rest.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evidence, finds, inconclusive, judge, not_applicable, pass};
    use super::*;
    use crate::observe::Flaw;
    use crate::observe::testing::{endpoint, flawed};

    #[test]
    fn only_a_clean_220_passes() {
        let flawed = |flaw| endpoint().banner_is(Ok(flawed("220 mx1.example.com ESMTP", flaw)));
        for (endpoint, want) in [
            (endpoint(), pass()),
            (endpoint().banner("220-mx1.example.com\n220 ESMTP"), pass()),
            (endpoint().banner_fails(Cause::NoAnswer), finds(&MISSING)),
            (endpoint().banner_fails(Cause::Closed), finds(&MISSING)),
            (endpoint().banner_fails(Cause::Reset), finds(&MISSING)),
            (endpoint().banner_fails(Cause::NoAnswer).on_first_look(), inconclusive(Cause::Timeout)),
            (endpoint().banner_fails(Cause::Closed).on_first_look(), inconclusive(Cause::Tempfail)),
            (endpoint().banner_fails(Cause::Timeout), inconclusive(Cause::Timeout)),
            (endpoint().banner_fails(Cause::Oversize), finds(&NOT_220)),
            (endpoint().banner_fails(Cause::ProtocolError), finds(&NOT_220)),
            (endpoint().banner("554 mx1.example.com No SMTP service here"), finds(&NOT_220)),
            (endpoint().banner("521 mx1.example.com does not accept mail"), finds(&NOT_220)),
            (endpoint().banner("250 mx1.example.com"), finds(&NOT_220)),
            (endpoint().banner("421 too many connections"), inconclusive(Cause::Throttled)),
            (endpoint().banner("450 4.3.2 try later"), inconclusive(Cause::Tempfail)),
            (endpoint().banner("554 your IP is listed by Spamhaus"), inconclusive(Cause::ClientBlocked)),
            (flawed(Flaw::BareLf), finds(&MALFORMED)),
            (flawed(Flaw::CodesDiffer), finds(&MALFORMED)),
            (flawed(Flaw::LongLine), finds(&MALFORMED)),
            (flawed(Flaw::Unsolicited), pass()),
            (endpoint().unreachable(Cause::Refused), not_applicable()),
            (endpoint().unreachable(Cause::NoAnswer).on_first_look(), inconclusive(Cause::Timeout)),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
        assert_eq!(
            evidence(&RULE, &endpoint().banner("554-mx1.example.com\n554 No\u{1b} SMTP")),
            ["554-mx1.example.com / 554 No\\x1b SMTP"]
        );
    }

    #[test]
    fn versions_are_told_from_names_addresses_and_dates() {
        for (banner, disclosed) in [
            ("220 mx.example.com ESMTP Exim 4.96 Fri, 15 Jan 2027 08:00:00 +0000", true),
            ("220 mx.example.com ESMTP Sendmail 8.17.1/8.17.1/Debian-2; Fri, 15 Jan 2027 08:00:00 GMT", true),
            ("220 mx.example.com ESMTP (8.15.2/8.15.2)", true),
            ("220 mx.example.com Microsoft ESMTP MAIL Service, Version: 10.0.14393.0 ready", true),
            ("220 mx.example.com ESMTP Haraka/3.0.3 ready", true),
            ("220-mx.example.com\n220 ESMTP MailEnable v10.35", true),
            ("220 mx.example.com ESMTP Postfix (Debian/GNU)", false),
            ("220 mx.google.com ESMTP 5b1f17b1804b1-43-20.20 - gsmtp", false),
            (
                "220 AM4PEPF.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at Fri, 15 Jan 2027 08:00:00 +0000 [08DC0A]",
                false,
            ),
            ("220 mx.example.com ESMTP hello 198.51.100.7", false),
            ("220 4.5.6.example.com ESMTP", false),
            ("220", false),
        ] {
            let want = if disclosed { finds(&VERSION_DISCLOSED) } else { pass() };
            assert_eq!(judge(&RULE, &endpoint().banner(banner)), want, "{banner}");
        }
    }
}
