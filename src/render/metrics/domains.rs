//! Series about domains: their servers, their certificate's end, their schedule.

use super::family::{Family, Kind, Series};
use super::view::View;
use crate::grade::grade;
use crate::observe::Endpoint;
use crate::render::time::unix_seconds;
use crate::report::{Held, Report, Sender};
use crate::rules::Subject;
use std::collections::BTreeSet;
use std::fmt;
use std::time::SystemTime;

pub(super) static FAMILIES: &[&Family] = &[
    &Family {
        name: "smtp_domain_info",
        labels: &["domain"], // and those that operators choose
        help: "A domain that is watched",
        kind: Kind::Info,
        write: info,
    },
    &Family {
        name: "smtp_deliverable",
        labels: &["domain", "sender"],
        help: "1 where a sender of that kind finds some server it delivers to, falling through the MX preferences, 0 where it finds none, by the last conclusive verdicts",
        kind: Kind::Gauge,
        write: |view, out| each(view, |domain, report| deliverable(domain, report, out)),
    },
    &Family {
        name: "smtp_grade",
        labels: &["domain"],
        help: "The grade: 0 is F, 1 D, 2 C, 3 B, 4 A and 5 A+; absent where none can be given",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| match grade(report).grade {
                Some(grade) => out.gauge(&[("domain", domain)], f64::from(grade.code())),
                None => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_domain_up",
        labels: &["domain"],
        help: "1 where some MX endpoint holds an SMTP dialogue (220, and EHLO or HELO), 0 where none does, by the last conclusive verdicts",
        kind: Kind::Gauge,
        write: |view, out| each(view, |domain, report| up(domain, report, out)),
    },
    &Family {
        name: "smtp_domain_endpoint_info",
        labels: &["domain", "mx", "address", "preference"],
        help: "An address of an MX of a domain, or a pool of them; joins the series of endpoints with domains",
        kind: Kind::Info,
        write: |view, out| each(view, |domain, report| endpoints(domain, report, out)),
    },
    &Family {
        name: "smtp_domain_certificate_not_after_timestamp_seconds",
        labels: &["domain"],
        help: "When the first of the certificates of a domain's servers ends",
        kind: Kind::Gauge,
        write: |view, out| moment(view, out, certificate_end),
    },
    &Family {
        name: "smtp_mx_hosts",
        labels: &["domain"],
        help: "Hosts that mail for the domain may go to",
        kind: Kind::Gauge,
        write: |view, out| published(view, out, |report| report.observation.dns.hosts.len()),
    },
    &Family {
        name: "smtp_mx_last_change_timestamp_seconds",
        labels: &["domain"],
        help: "When the MX records of a domain were last seen to differ from those before",
        kind: Kind::Gauge,
        write: |view, out| moment(view, out, |report| report.observation.dns.facts.changed()),
    },
    &Family {
        name: "smtp_endpoints",
        labels: &["domain"],
        help: "Addresses of those hosts, each with each of its hosts; a pool of more than eight in one family is one",
        kind: Kind::Gauge,
        write: |view, out| published(view, out, |report| subjects(report).len()),
    },
    &Family {
        name: "smtp_mta_sts_mode_info",
        labels: &["domain", "mode"],
        help: "The mode of a domain's MTA-STS policy (enforce, testing, none), or invalid or absent, by the last conclusive looks",
        kind: Kind::Info,
        write: |view, out| {
            each(view, |domain, report| match &report.observation.policy.mta_sts.state {
                Some(state) => out.info(&[("domain", domain), ("mode", state.as_str())]),
                None => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_dane_state_info",
        labels: &["domain", "state"],
        help: "What a sender that does DANE (RFC 7672) finds of a domain, by the last conclusive verdicts",
        kind: Kind::Info,
        write: |view, out| {
            each(view, |domain, report| match report.dane() {
                Some(state) => out.info(&[("domain", domain), ("state", state.as_str())]),
                None => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_probe_last_run_timestamp_seconds",
        labels: &["domain"],
        help: "When the last run of a domain began",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| out.gauge(&[("domain", domain)], unix_seconds(report.observation.at)))
        },
    },
    &Family {
        name: "smtp_probe_last_conclusive_timestamp_seconds",
        labels: &["domain"],
        help: "When a look last told whether one of the domain's servers is up; where it has none, when a verdict on the domain was last confirmed",
        kind: Kind::Gauge,
        write: |view, out| moment(view, out, last_conclusive),
    },
    &Family {
        name: "smtp_probe_next_due_timestamp_seconds",
        labels: &["domain"],
        help: "When the next run of a domain is due",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| out.gauge(&[("domain", domain)], unix_seconds(report.next.run)))
        },
    },
    &Family {
        name: "smtp_probe_interval_seconds",
        labels: &["domain"],
        help: "The effective interval between two runs of a domain",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| out.gauge(&[("domain", domain)], report.next.interval.as_secs_f64()))
        },
    },
    &Family {
        name: "smtp_probe_duration_seconds",
        labels: &["domain"],
        help: "How long the last run of a domain took",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| out.gauge(&[("domain", domain)], report.took.as_secs_f64()))
        },
    },
];

fn info(view: &View<'_>, out: &mut Series<'_>) -> fmt::Result {
    view.snapshot.domains.iter().try_for_each(|domain| {
        let labels = view.snapshot.labels.get(domain).into_iter().flat_map(|labels| labels.iter());
        let labels = labels.map(|(name, value)| (&**name, &**value));
        out.info(&[("domain", domain.as_str())].into_iter().chain(labels).collect::<Vec<_>>())
    })
}

fn each<'a>(view: &View<'a>, mut write: impl FnMut(&'a str, &'a Report) -> fmt::Result) -> fmt::Result {
    view.reports().try_for_each(|report| write(report.domain().as_str(), report))
}

fn moment<'a>(
    view: &View<'a>,
    out: &mut Series<'_>,
    of: impl Fn(&'a Report) -> Option<SystemTime>,
) -> fmt::Result {
    each(view, |domain, report| match of(report) {
        Some(moment) => out.gauge(&[("domain", domain)], unix_seconds(moment)),
        None => Ok(()),
    })
}

/// How many of something a domain has, where its MX records were answered.
fn published<'a>(view: &View<'a>, out: &mut Series<'_>, of: impl Fn(&'a Report) -> usize) -> fmt::Result {
    each(view, |domain, report| match report.observation.dns.mx.records() {
        Ok(_) => out.count(&[("domain", domain)], of(report)),
        Err(_) => Ok(()),
    })
}

fn up(domain: &str, report: &Report, out: &mut Series<'_>) -> fmt::Result {
    match report.delivery(Sender::Opportunistic).as_flag() {
        Some(up) => out.flag(&[("domain", domain)], up),
        None => Ok(()),
    }
}

fn deliverable(domain: &str, report: &Report, out: &mut Series<'_>) -> fmt::Result {
    Sender::ALL.into_iter().try_for_each(|sender| match report.delivery(sender).as_flag() {
        Some(works) => out.flag(&[("domain", domain), ("sender", sender.as_str())], works),
        None => Ok(()),
    })
}

fn endpoints(domain: &str, report: &Report, out: &mut Series<'_>) -> fmt::Result {
    let row = |endpoint: &Endpoint| (endpoint.mx.clone(), endpoint.place(), endpoint.preference);
    let rows: BTreeSet<_> = report.observation.endpoints.iter().map(row).collect();
    rows.iter().try_for_each(|(mx, place, preference)| {
        let (address, preference) = (place.to_string(), preference.to_string());
        out.info(&[
            ("domain", domain),
            ("mx", mx.as_str()),
            ("address", &address),
            ("preference", &preference),
        ])
    })
}

fn subjects(report: &Report) -> BTreeSet<Subject> {
    report.observation.endpoints.iter().map(Subject::of).collect()
}

/// Servers that no longer do TLS have no certificate that could end.
fn certificate_end(report: &Report) -> Option<SystemTime> {
    let end = |endpoint: &Endpoint| {
        let tls = endpoint.contact.latest.tls.as_ref()?;
        let lacks_tls = Held::of(report, &Subject::of(endpoint)).lacks_tls();
        tls.leaf().filter(|_| !lacks_tls).map(|leaf| leaf.not_after)
    };
    report.observation.endpoints.iter().filter_map(end).min()
}

/// A domain without servers has only its own verdicts.
fn last_conclusive(report: &Report) -> Option<SystemTime> {
    let endpoints = &report.observation.endpoints;
    if endpoints.is_empty() {
        let rows = report.standings.iter().filter_map(|row| row.subjects.get(&Subject::Domain));
        return rows.filter_map(|standing| Some(standing.last.as_ref()?.at)).max();
    }
    let known = |endpoint| Held::of(report, &Subject::of(endpoint)).known_up_or_down_at();
    endpoints.iter().filter_map(known).max()
}
