//! A domain at a glance: whether mail gets in, how many servers are up, how well they encrypt.

use crate::grade::Graded;
use crate::observe::{Endpoint, Tls, TlsVersion};
use crate::render::{grades, time, words};
use crate::report::{Delivery, Held, Report, Sender};
use crate::rules::Subject;
use std::time::SystemTime;

pub(super) struct Glance {
    pub(super) gets_in: Fact,
    /// Addresses that hold a dialogue, of all that were judged.
    pub(super) up: Fact,
    /// The least encryption that any server has.
    pub(super) tls: Fact,
    /// The first certificate to end.
    pub(super) certificate: Fact,
}

/// A few words; a dash where nothing is known.
pub(super) struct Fact {
    pub(super) words: String,
    /// Its class in the style sheet; empty where it is neither good nor bad, `dash` where nothing is known.
    pub(super) class: &'static str,
}

impl Glance {
    pub(super) fn of(report: &Report, now: SystemTime) -> Self {
        Self {
            gets_in: gets_in(report),
            up: up(report),
            tls: encryption(report),
            certificate: first_end(report).map_or_else(Fact::unknown, |end| certificate(end, now)),
        }
    }
}

impl Fact {
    /// The letter of a domain; none where it has no grade.
    pub(super) fn letter(graded: &Graded) -> Option<Self> {
        let grade = graded.grade?;
        Some(Self { words: grade.as_str().to_owned(), class: grades::class(grade) })
    }

    pub(super) fn unknown() -> Self {
        Self { words: "–".to_owned(), class: "dash" }
    }

    fn plain(words: impl Into<String>) -> Self {
        Self { words: words.into(), class: "" }
    }

    fn bad(words: impl Into<String>) -> Self {
        Self { words: words.into(), class: "crit" }
    }
}

/// When the first certificate in use ends.
pub(super) fn first_end(report: &Report) -> Option<SystemTime> {
    encrypted(report).filter_map(|tls| Some(tls.leaf()?.not_after)).min()
}

fn gets_in(report: &Report) -> Fact {
    let fails = |sender| report.delivery(sender) == Delivery::Fails;
    match report.delivery(Sender::Opportunistic) {
        Delivery::Declined => Fact::plain("not meant to"),
        Delivery::Fails => Fact::bad("no"),
        Delivery::Works => match (fails(Sender::MtaSts), fails(Sender::Dane)) {
            (false, false) => Fact::plain("yes"),
            (true, false) => Fact::bad("not by MTA-STS"),
            (false, true) => Fact::bad("not by DANE"),
            (true, true) => Fact::bad("not where TLS is a must"),
        },
        Delivery::Unknown => Fact::plain("not judged"),
    }
}

fn up(report: &Report) -> Fact {
    let judged: Vec<bool> = endpoints(report).filter_map(|(_, held)| held.is_up()).collect();
    let up = judged.iter().filter(|up| **up).count();
    match judged.len() {
        0 => Fact::unknown(),
        all if up == 0 => Fact::bad(format!("0 of {all}")),
        all => Fact::plain(format!("{up} of {all}")),
    }
}

fn encryption(report: &Report) -> Fact {
    if endpoints(report).any(|(_, held)| held.lacks_tls()) {
        return Fact::bad("none");
    }
    let oldest = encrypted(report).map(|tls| tls.version).min();
    oldest.map_or_else(Fact::unknown, |version: TlsVersion| Fact::plain(version.as_str()))
}

fn certificate(end: SystemTime, now: SystemTime) -> Fact {
    match time::days_until(end, now) {
        _ if end < now => Fact::bad("expired"),
        days => Fact::plain(words::count(days, "day")),
    }
}

fn encrypted(report: &Report) -> impl Iterator<Item = &Tls> {
    let with_tls = endpoints(report).filter(|(_, held)| !held.lacks_tls());
    with_tls.filter_map(|(endpoint, _)| endpoint.contact.latest.tls.as_deref())
}

fn endpoints(report: &Report) -> impl Iterator<Item = (&Endpoint, Held<'_>)> {
    let endpoints = report.observation.endpoints.iter();
    endpoints.map(|endpoint| (endpoint, Held::of(report, &Subject::of(endpoint))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::{days, endpoint, now, observation};
    use crate::render::testing::report;

    #[test]
    fn the_worst_server_decides() {
        let second = || endpoint().at("mx2.example.com", "192.0.2.11");
        for (observation, want) in [
            (observation(), ["yes", "2 of 2", "1.3", "60 days"]),
            (
                observation().of([endpoint(), second().without_starttls()]),
                ["yes", "2 of 2", "none", "60 days"],
            ),
            (observation().of([second().expiring_at(now() + days(1))]), ["yes", "1 of 1", "1.3", "1 day"]),
            (
                observation().of([second().expiring_at(now() - days(1))]),
                ["not by MTA-STS", "1 of 1", "1.3", "expired"],
            ),
            (observation().of([endpoint().unreachable(Cause::Refused)]), ["no", "0 of 1", "–", "–"]),
            (observation().of([endpoint().banner("421 later")]), ["not judged", "–", "–", "–"]),
            (observation().of([]).mx([(0, ".")]), ["not meant to", "–", "–", "–"]),
        ] {
            let glance = Glance::of(&report(&observation), now());
            let told = [&glance.gets_in, &glance.up, &glance.tls, &glance.certificate];
            assert_eq!(told.map(|fact| &*fact.words), want, "{observation:?}");
        }
    }
}
