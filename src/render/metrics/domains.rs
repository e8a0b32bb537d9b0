//! Series about domains: their servers, their certificate's end, their schedule.

use super::family::{Family, Kind, Series};
use super::view::View;
use crate::observe::Endpoint;
use crate::render::answer::{Reach, reach};
use crate::render::held::Held;
use crate::render::time::unix_seconds;
use crate::report::Report;
use crate::rules::Subject;
use std::collections::BTreeSet;
use std::fmt;
use std::time::SystemTime;

pub(super) static FAMILIES: &[&Family] = &[
    &Family {
        name: "smtp_domain_info",
        help: "A domain that is watched",
        kind: Kind::Info,
        write: |view, out| {
            let info = |domain: &crate::name::DomainName| out.info(&[("domain", domain.as_str())]);
            view.snapshot.domains.iter().try_for_each(info)
        },
    },
    &Family {
        name: "smtp_domain_up",
        help: "1 where some MX endpoint holds an SMTP dialogue (220, and EHLO or HELO), 0 where none does, by the last conclusive verdicts",
        kind: Kind::Gauge,
        write: |view, out| each(view, |domain, report| up(domain, report, out)),
    },
    &Family {
        name: "smtp_domain_endpoint_info",
        help: "An address of an MX of a domain; joins the series of endpoints with domains",
        kind: Kind::Info,
        write: |view, out| each(view, |domain, report| endpoints(domain, report, out)),
    },
    &Family {
        name: "smtp_domain_certificate_not_after_timestamp_seconds",
        help: "When the first of the certificates of a domain's servers ends",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| match certificate_end(report) {
                Some(end) => out.gauge(&[("domain", domain)], unix_seconds(end)),
                None => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_mx_hosts",
        help: "Hosts that mail for the domain may go to",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| match report.observation.dns.mx.records() {
                Ok(_) => out.count(&[("domain", domain)], report.observation.dns.hosts.len()),
                Err(_) => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_endpoints",
        help: "Addresses of those hosts, each with each of its hosts",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| match report.observation.dns.mx.records() {
                Ok(_) => out.count(&[("domain", domain)], subjects(report).len()),
                Err(_) => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_probe_last_run_timestamp_seconds",
        help: "When the last run of a domain began",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| out.gauge(&[("domain", domain)], unix_seconds(report.observation.at)))
        },
    },
    &Family {
        name: "smtp_probe_last_conclusive_timestamp_seconds",
        help: "When the youngest verdict on the domain's servers was last confirmed; on the domain itself where it has no server",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| match last_conclusive(report) {
                Some(at) => out.gauge(&[("domain", domain)], unix_seconds(at)),
                None => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_probe_next_due_timestamp_seconds",
        help: "When the next run of a domain is due",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| out.gauge(&[("domain", domain)], unix_seconds(report.next.run)))
        },
    },
    &Family {
        name: "smtp_probe_interval_seconds",
        help: "The effective interval between two runs of a domain",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| out.gauge(&[("domain", domain)], report.next.interval.as_secs_f64()))
        },
    },
    &Family {
        name: "smtp_probe_duration_seconds",
        help: "How long the last run of a domain took",
        kind: Kind::Gauge,
        write: |view, out| {
            each(view, |domain, report| out.gauge(&[("domain", domain)], report.took.as_secs_f64()))
        },
    },
];

fn each<'a>(view: &View<'a>, mut write: impl FnMut(&'a str, &'a Report) -> fmt::Result) -> fmt::Result {
    view.reports().try_for_each(|report| write(report.domain().as_str(), report))
}

fn up(domain: &str, report: &Report, out: &mut Series<'_>) -> fmt::Result {
    match reach(report) {
        Reach::Up => out.flag(&[("domain", domain)], true),
        Reach::Down => out.flag(&[("domain", domain)], false),
        Reach::Declined | Reach::Unknown => Ok(()),
    }
}

fn endpoints(domain: &str, report: &Report, out: &mut Series<'_>) -> fmt::Result {
    let row = |endpoint: &Endpoint| (endpoint.mx.clone(), endpoint.address(), endpoint.preference);
    let rows: BTreeSet<_> = report.observation.endpoints.iter().map(row).collect();
    rows.iter().try_for_each(|(mx, address, preference)| {
        let (address, preference) = (address.to_string(), preference.to_string());
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

fn last_conclusive(report: &Report) -> Option<SystemTime> {
    let has_servers = !report.observation.endpoints.is_empty();
    let counts = |subject: &Subject| has_servers == (*subject != Subject::Domain);
    let rows = report.standings.iter().flat_map(|row| &row.subjects);
    rows.filter(|(subject, _)| counts(subject))
        .filter_map(|(_, standing)| Some(standing.last.as_ref()?.at))
        .max()
}
