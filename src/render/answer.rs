//! The one sentence on top: can this domain receive mail? It says no more than the standings prove.

use super::fixes::{Fix, fixes};
use super::words;
use crate::observe::Endpoint;
use crate::report::{Delivery, Held, Report, Sender, Standing};
use crate::rules::{Severity, Status, Subject};

/// The domain in one word: its worst rule's, except that nobody calls a domain fine whose mail may not get in for all
/// that is known.
pub(super) fn overall(report: &Report) -> Status {
    let doubtful = || standings(report).any(|standing| standing.doubt.is_some());
    match report.status() {
        Status::Ok | Status::Info
            if doubtful() && report.delivery(Sender::Opportunistic) == Delivery::Unknown =>
        {
            let is_error = standings(report).any(|standing| standing.status() == Status::Error);
            if is_error { Status::Error } else { Status::Unknown }
        }
        status => status,
    }
}

/// The sentence.
pub(super) fn answer(report: &Report) -> String {
    match report.delivery(Sender::Opportunistic) {
        Delivery::Declined => "Accepts no mail, by null MX.".to_owned(),
        Delivery::Fails => nobody_answers(report),
        Delivery::Unknown => not_judged(report),
        Delivery::Works => format!("{}{}", opening(report), complaints(&fixes(report), report)),
    }
}

fn held<'a>(report: &'a Report, endpoint: &Endpoint) -> Held<'a> {
    Held::of(report, &Subject::of(endpoint))
}

fn standings(report: &Report) -> impl Iterator<Item = &Standing> {
    report.standings.iter().flat_map(|row| row.subjects.values())
}

fn nobody_answers(report: &Report) -> String {
    let missing = |code: &str| fixes(report).iter().any(|fix| fix.issue.code == code);
    let endpoints = &report.observation.endpoints;
    let text = if missing("smtp.mx.missing") {
        "Mail cannot get in: there is neither an MX record nor an address."
    } else if endpoints.is_empty() {
        "Mail cannot get in: no MX record leads to a server."
    } else if endpoints.iter().any(|endpoint| held(report, endpoint).is_reachable() == Some(true)) {
        "Mail cannot get in: no server holds an SMTP dialogue."
    } else {
        "No mail server can be reached."
    };
    text.to_owned()
}

fn not_judged(report: &Report) -> String {
    if let Err(unseen) = report.observation.dns.mx.records() {
        return format!("Not judged now: {}.", words::cause(unseen.cause()));
    }
    match standings(report).find_map(|standing| standing.doubt.as_ref()) {
        Some(doubt) => format!("Not judged yet: {}.", words::cause(doubt.trouble.cause)),
        None => "Not judged yet.".to_owned(),
    }
}

/// A server that talks has not taken mail yet: only an accepted recipient shows that.
fn opening(report: &Report) -> &'static str {
    let takes = report.observation.endpoints.iter().any(|endpoint| held(report, endpoint).takes_mail());
    if takes { "Mail gets in" } else { "A mail server answers" }
}

fn complaints(fixes: &[Fix<'_>], report: &Report) -> String {
    let of = |severity: Severity| fixes.iter().filter(move |fix| fix.severity == severity);
    let relay = fixes.iter().find(|fix| fix.issue.code == "smtp.open_relay");
    let worst =
        relay.filter(|fix| fix.severity == Severity::Critical).or_else(|| of(Severity::Critical).next());
    if let Some(worst) = worst {
        let rest = match of(Severity::Critical).count() - 1 {
            0 => String::new(),
            1 => " One more thing is critical.".to_owned(),
            more => format!(" {more} more things are critical."),
        };
        return format!(", but {}.{rest}", complaint(worst));
    }
    match of(Severity::Warning).count() {
        0 if is_all_judged(report) => ", and nothing needs mending.".to_owned(),
        0 => ". Not everything could be judged.".to_owned(),
        1 => ". One thing should be mended.".to_owned(),
        more => format!(". {more} things should be mended."),
    }
}

fn is_all_judged(report: &Report) -> bool {
    standings(report).all(|standing| standing.last.is_some())
}

/// The finding as the second half of a sentence.
fn complaint(fix: &Fix<'_>) -> String {
    let hosts = fix.hosts();
    let who = if hosts.is_empty() { "every server".to_owned() } else { words::hosts(&hosts) };
    let is_one = hosts.len() <= 1;
    let does = |one: &str, more: &str| format!("{who} {}", if is_one { one } else { more });
    let certificate = |one: &str, more: &str| match is_one {
        true => format!("the certificate of {who} {one}"),
        false => format!("the certificates of {who} {more}"),
    };
    match fix.issue.code {
        "smtp.open_relay" => does("relays for strangers", "relay for strangers"),
        "smtp.tcp.unreachable" => format!("{who} cannot be reached"),
        "smtp.banner.missing" | "smtp.banner.not_220" => does("does not greet", "do not greet"),
        "smtp.ehlo.rejected" => does("refuses EHLO", "refuse EHLO"),
        "smtp.starttls.missing" | "smtp.all_no_starttls" | "smtp.starttls.masked" => {
            does("takes it unencrypted", "take it unencrypted")
        }
        "smtp.starttls.refused" | "smtp.starttls.handshake_failed" => format!("TLS with {who} fails"),
        "smtp.starttls.injected_plaintext" => format!("text can be injected into TLS with {who}"),
        "smtp.cert.expired" => certificate("has expired", "have expired"),
        "smtp.cert.not_yet_valid" => certificate("is not valid yet", "are not valid yet"),
        "smtp.cert.host_mismatch" => certificate("is for another name", "are for other names"),
        "smtp.cert.self_signed" => certificate("is self-signed", "are self-signed"),
        "smtp.cert.untrusted" => certificate("is not trusted", "are not trusted"),
        "smtp.tls.legacy_only" => does("speaks only outdated TLS", "speak only outdated TLS"),
        "smtp.auth.plaintext" => does("takes passwords unencrypted", "take passwords unencrypted"),
        "smtp.null_sender.rejected" => does("refuses bounces", "refuse bounces"),
        "smtp.postmaster.rejected" => "postmaster is refused".to_owned(),
        "smtp.dane.mismatch" => format!("senders that do DANE take {who} for an impostor"),
        "smtp.mta_sts.mx_mismatch" => format!("its MTA-STS policy does not name {who}"),
        "smtp.mta_sts.cert_invalid" | "smtp.mta_sts.no_starttls" => {
            format!("senders that obey its MTA-STS policy do not deliver to {who}")
        }
        code if code.starts_with("smtp.dane.") => "senders that do DANE do not deliver".to_owned(),
        "smtp.mx.bogus" => "senders that validate DNSSEC cannot find it".to_owned(),
        code if code.starts_with("smtp.mx.") => "its MX records are wrong".to_owned(),
        _ => "something is critical".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{
        Of, bounce, endpoint, host, no_ptr, null_sender, observation, open_relay, ordinary, policies, tlsa,
    };
    use crate::observe::{Cause, ChainTrouble, Outcome};
    use crate::render::testing::{after, report};

    #[test]
    fn the_sentence_says_what_stands() {
        let dead = || endpoint().unreachable(Cause::Refused);
        let second = || endpoint().at("mx2.example.com", "192.0.2.11").preference(20);
        let relays = || second().relay(Some(open_relay()));
        let throttled = || endpoint().banner("421 4.7.0 too many connections");
        let no_postmaster = || endpoint().postmaster(Some(Ok(ordinary("250 ok", "550 5.1.1 no such user"))));
        let no_bounces = null_sender(bounce("550 5.7.1 no", ""), None);
        for (observation, want) in [
            (observation(), "Mail gets in, and nothing needs mending."),
            (
                observation().of([endpoint(), relays()]),
                "Mail gets in, but mx2.example.com relays for strangers.",
            ),
            (
                observation().of([endpoint().without_starttls(), relays()]),
                "Mail gets in, but mx2.example.com relays for strangers. 3 more things are critical.",
            ),
            (
                observation().of([endpoint(), second().unreachable(Cause::NoAnswer)]),
                "Mail gets in, but mx2.example.com cannot be reached.",
            ),
            (observation().of([endpoint().with_ptr(no_ptr())]), "Mail gets in. One thing should be mended."),
            (
                observation().of([endpoint().untrusted(ChainTrouble::SelfSigned)]),
                "Mail gets in, but the certificate of mx1.example.com is self-signed. One more thing is critical.",
            ),
            (
                observation()
                    .of([endpoint().untrusted(ChainTrouble::SelfSigned)])
                    .policies(policies("none", &["mx1.example.com"])),
                "Mail gets in, and nothing needs mending.",
            ),
            (
                observation()
                    .of([endpoint()])
                    .host("mx1.example.com", host().tlsa([tlsa(3, 1, Of::Nothing)])),
                "Mail gets in, but senders that do DANE take mx1.example.com for an impostor.",
            ),
            (observation().of([no_postmaster()]), "Mail gets in, but postmaster is refused."),
            (
                observation().of([no_postmaster().null_sender(Some(no_bounces))]),
                "A mail server answers, but mx1.example.com refuses bounces. One more thing is critical.",
            ),
            (observation().of([dead()]), "No mail server can be reached."),
            (
                observation().of([endpoint().banner("554 no service")]),
                "Mail cannot get in: no server holds an SMTP dialogue.",
            ),
            (observation().of([throttled()]), "Not judged yet: the server limits our rate."),
            (observation().of([dead().on_first_look()]), "Not judged yet: a temporary failure."),
            (observation().of([]).mx([(0, ".")]), "Accepts no mail, by null MX."),
            (
                observation().mx_lookup(Outcome::NoSuchName),
                "Mail cannot get in: there is neither an MX record nor an address.",
            ),
            (observation().mx_lookup(Outcome::ServerFailure), "Not judged now: DNS did not answer."),
        ] {
            assert_eq!(answer(&report(&observation)), want, "{observation:?}");
        }
    }

    #[test]
    fn what_was_true_and_could_not_be_renewed_still_counts() {
        let first = report(&observation().of([endpoint()]));
        let second = after(&first, &observation().of([endpoint().banner("421 later")]));
        assert_eq!(answer(&second), "Mail gets in, and nothing needs mending.");
    }
    #[test]
    fn a_domain_that_nobody_could_judge_is_not_called_fine() {
        let throttled = || endpoint().banner("421 4.7.0 too many connections");
        let fine = report(&observation().of([endpoint()]));
        for (report, want) in [
            (report(&observation().of([throttled()])), Status::Unknown),
            (report(&observation().mx_lookup(Outcome::ServerFailure)), Status::Unknown),
            (
                report(&observation().of([endpoint(), throttled().at("mx2.example.com", "192.0.2.11")])),
                Status::Info,
            ),
            (after(&fine, &observation().of([throttled()])), fine.status()),
            (report(&observation().of([endpoint().with_ptr(no_ptr()).banner("421 later")])), Status::Warning),
            (report(&observation().of([]).mx([(0, ".")])), Status::Info),
            (report(&observation().of([endpoint().unreachable(Cause::ProberError)])), Status::Error),
        ] {
            assert_eq!(overall(&report), want, "{}", answer(&report));
        }
    }
}
