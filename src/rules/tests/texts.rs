//! The texts that people read: complete, linked, and saying what they must say.

use super::super::{ALL, issues};

#[test]
fn every_reference_is_an_rfc_over_https() {
    for (_, issue) in issues() {
        let rfc = issue
            .reference
            .strip_prefix("https://www.rfc-editor.org/rfc/rfc")
            .or_else(|| issue.reference.strip_prefix("https://datatracker.ietf.org/doc/html/rfc"));
        let number = rfc.map(|rest| rest.split('#').next().unwrap_or_default());
        assert!(number.is_some_and(|n| n.parse::<u16>().is_ok()), "{}: {}", issue.code, issue.reference);
    }
}

#[test]
fn every_text_is_a_text() {
    for (_, issue) in issues() {
        for text in [issue.title, issue.why, issue.fix] {
            assert!(!text.starts_with(|c: char| c.is_ascii_lowercase()), "{}: {text}", issue.code);
        }
        assert!(!issue.title.ends_with('.'), "{}: {}", issue.code, issue.title);
        for text in [issue.why, issue.fix] {
            assert!(text.ends_with('.') && text.len() > 40, "{}: {text}", issue.code);
        }
    }
    for rule in ALL {
        assert!(!rule.title.is_empty() && !rule.title.ends_with('.'), "{}", rule.code);
        assert!(!rule.issues.is_empty() && !rule.checks.is_empty(), "{}", rule.code);
    }
}

#[test]
fn texts_say_what_they_must() {
    let starttls =
        &["Postfix", "smtpd_tls_security_level", "Exim", "tls_advertise_hosts", "MTA-STS", "DANE"][..];
    let auth = &["smtpd_tls_auth_only=yes", "587"][..];
    let ptr = &["Gmail", "Outlook", "Yahoo"][..];
    for (code, words) in [
        ("smtp.ptr.missing", ptr),
        ("smtp.fcrdns.mismatch", ptr),
        ("smtp.starttls.missing", starttls),
        ("smtp.all_no_starttls", starttls),
        ("smtp.auth.plaintext", auth),
        ("smtp.auth.challenge_only", auth),
        ("smtp.mx.cname", &["A/AAAA records", "instead of the CNAME"]),
        ("smtp.postmaster.rejected", &["RFC 5321 §4.5.1"]),
        ("smtp.tcp.unreachable", &["firewall", "service", "remove the dead MX"]),
        ("smtp.open_relay", &["Close it", "delisting"]),
    ] {
        let (_, issue) = issues().find(|(_, issue)| issue.code == code).expect(code);
        let text = format!("{} {}", issue.why, issue.fix);
        let places: Vec<_> = words.iter().map(|word| text.find(word).ok_or(*word)).collect();
        assert!(places.iter().all(Result::is_ok), "{code} does not say {places:?}");
        assert!(places.is_sorted(), "{code} says it in another order: {places:?}");
    }
}

/// The table of issues, as it is promised to users: code and severity a rule.
#[test]
fn issues_and_severities_are_the_promised_ones() {
    let mut table = String::new();
    for rule in ALL {
        let issues = rule.issues.iter().map(|issue| format!("{} {}", issue.code, issue.severity.as_str()));
        table += &format!("{}: {}\n", rule.code, issues.collect::<Vec<_>>().join(", "));
    }
    assert_eq!(table, include_str!("issues.txt"));
}
