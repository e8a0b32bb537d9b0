//! Does MTA-STS protect the mail to the domain, and let it in? Policies that no sender can use, and servers that do not
//! fit theirs; failures are named as senders report them (RFC 8460 §4.3).

mod servers;
mod texts;

use super::evidence::date;
use super::{Check, Context, Finding, Judgement, Rule, Source, Verdict, takes_no_mail};
use crate::observe::{
    Announced, Fetched, Lasting, Mode, MtaSts, Observation, PeerText, PolicyText, StsPolicy, StsRecord,
    Unseen,
};
use servers::Servers;
use std::time::Duration;
use texts::{
    ABSENT, CERT_INVALID, CONTENT_TYPE, ID_UNCHANGED, INVALID, MAX_AGE_SHORT, MX_MISMATCH, NO_STARTTLS, NONE,
    TESTING, TESTING_FAILURES,
};

pub(super) static RULE: Rule = Rule {
    code: "smtp.mta_sts",
    title: "MTA-STS keeps mail to the domain encrypted",
    issues: &[
        &INVALID,
        &MX_MISMATCH,
        &CERT_INVALID,
        &NO_STARTTLS,
        &TESTING_FAILURES,
        &ID_UNCHANGED,
        &MAX_AGE_SHORT,
        &CONTENT_TYPE,
        &TESTING,
        &NONE,
        &ABSENT,
    ],
    source: Source::Dns,
    checks: &[Check::Domain(check)],
};

/// A policy that is enforced should be kept for weeks (RFC 8461 §3.2); this is where it is short.
const SHORT: Duration = Duration::from_secs(7 * 86_400);

fn check(observation: &Observation, cx: &Context) -> Judgement {
    if takes_no_mail(observation)? {
        return Ok(Verdict::NotApplicable);
    }
    let sts = &observation.policy.mta_sts;
    let record = match sts.record.records() {
        Ok(record) => record,
        Err(unseen) => {
            let what = format!("TXT of _mta-sts.{}", observation.domain);
            return unless_lasting(&what, unseen, sts.record.lasting, cx);
        }
    };
    let Some(record) = record.filter(|record| !record.is_absent()) else {
        return Ok(ABSENT.found(absence(observation, record)));
    };
    if let Err(why) = &record.read {
        return Ok(INVALID.found(format!("sts-policy-invalid: {why}: {}", quoted(record))));
    }
    match sts.fetched() {
        Ok(fetched) => match unusable(fetched) {
            Ok((text, policy)) => in_force(observation, text, policy, cx),
            Err(why) => Ok(INVALID.found(why)),
        },
        Err(unseen) if unseen.is_inconclusive() => {
            let lasting = sts.fetch.as_ref().map(|fetch| fetch.fact.streak.lasting).unwrap_or_default();
            let what = format!("sts-policy-fetch-error: https://mta-sts.{}", observation.domain);
            unless_lasting(&what, unseen, lasting, cx)
        }
        Err(unseen) => Ok(INVALID.found(format!("sts-policy-fetch-error: {}", unseen.trouble()))),
    }
}

/// What proves nothing by itself is found once it has lasted.
fn unless_lasting(what: &str, unseen: Unseen, lasting: Lasting, cx: &Context) -> Judgement {
    if !cx.is_lasting(&unseen, lasting) {
        return Err(unseen);
    }
    let Lasting { since, count, .. } = lasting;
    let (since, trouble) = (date(since), unseen.trouble());
    Ok(INVALID.found(format!("{what}: {count} looks in a row since {since}, the last one: {trouble}")))
}

fn absence(observation: &Observation, record: Option<&StsRecord>) -> String {
    let name = format!("_mta-sts.{}", observation.domain);
    match record.map(|record| &record.texts[..]) {
        None | Some([]) => format!("{name} TXT: {}", observation.policy.mta_sts.record.outcome.as_str()),
        Some([first, ..]) => {
            format!("{name} has no TXT record for it, only others, as of a wildcard: {first}")
        }
    }
}

fn quoted(record: &StsRecord) -> String {
    record.texts.iter().map(PeerText::as_str).collect::<Vec<_>>().join(" / ")
}

/// The policy, or why senders cannot use what they fetched.
fn unusable(fetched: &Fetched) -> Result<(&PolicyText, &StsPolicy), String> {
    Err(match fetched {
        Fetched::Text(text) => match &text.policy {
            Ok(policy) => return Ok((text, policy)),
            Err(flaw) => format!("sts-policy-invalid: {flaw}"),
        },
        Fetched::BadCertificate(why) => format!("sts-webpki-invalid: {why}"),
        Fetched::Encoded(encoding) => format!("sts-policy-fetch-error: in content encoding {encoding}"),
        Fetched::Status(status @ 300..=399) => {
            format!("sts-policy-fetch-error: HTTP status {status}, and senders follow no redirect")
        }
        Fetched::Status(status) => format!("sts-policy-fetch-error: HTTP status {status}"),
        Fetched::TooLarge => "sts-policy-fetch-error: more than 64 KiB".to_owned(),
    })
}

/// What is worse than all that a server in doubt could show is told; else the doubt is.
fn in_force(observation: &Observation, text: &PolicyText, policy: &StsPolicy, cx: &Context) -> Judgement {
    let mut findings = Vec::new();
    let mut fits = true;
    if policy.mode != Mode::None {
        let servers = Servers::held_to(policy, observation, cx)?;
        fits = servers.any_fits;
        findings = servers.findings(policy.mode);
        if let (true, Some(doubt)) = (findings.is_empty(), servers.doubt) {
            return Err(doubt);
        }
    }
    findings.extend(of_policy(&observation.policy.mta_sts, text, policy, cx));
    match findings.is_empty() && !fits {
        true => Ok(Verdict::NotApplicable), // no server to hold it against
        false => Ok(Verdict::of(findings)),
    }
}

/// What is to be said of the policy alone.
fn of_policy(sts: &MtaSts, text: &PolicyText, policy: &StsPolicy, cx: &Context) -> Vec<Finding> {
    let unannounced = sts.announced.as_ref().filter(|old| old.policy != *policy && !old.is_over(cx.now));
    let unannounced = unannounced
        .map(|old| ID_UNCHANGED.finding(change(old, policy, sts.id().map_or("", |id| id.as_str()))));
    let age = policy.max_age.as_secs();
    let is_short = policy.mode == Mode::Enforce && policy.max_age < SHORT;
    let short = is_short.then(|| MAX_AGE_SHORT.finding(format!("max_age: {age}")));
    let plain = text.is_plain_text();
    let given = || text.content_type.as_ref().map_or("none", PeerText::as_str);
    let content_type = (!plain).then(|| CONTENT_TYPE.finding(format!("Content-Type: {}", given())));
    let mode = match policy.mode {
        Mode::Enforce => None,
        Mode::None => Some(NONE.finding("mode: none")),
        Mode::Testing => Some(TESTING.finding("mode: testing")),
    };
    [unannounced, short, content_type, mode].into_iter().flatten().collect()
}

fn change(old: &Announced, policy: &StsPolicy, id: &str) -> String {
    let words = |policy: &StsPolicy| {
        let StsPolicy { mode, max_age, mx, more_mx } = policy;
        let mx: Vec<_> = mx.iter().take(10).map(ToString::to_string).collect();
        let more = match more_mx + policy.mx.len().saturating_sub(10) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("mode {}, max_age {}, mx {}{more}", mode.as_str(), max_age.as_secs(), mx.join(" "))
    };
    format!("id {id}, until {}: {}; now: {}", date(old.at), words(&old.policy), words(policy))
}

#[cfg(test)]
mod tests;
