//! Series about endpoints, one however many domains use it: held verdicts, and the last session's timings and facts.

use super::family::{Family, Kind, Series};
use super::view::{Shared, View};
use crate::observe::{Contact, Phase, StartTls, Tls, TlsVersion, Unseen};
use crate::render::servers::newest_version;
use crate::render::software::software;
use crate::render::time::unix_seconds;
use std::fmt;

/// SMTP service extensions that are known by name; no other keyword becomes a label.
const EXTENSIONS: &[&str] = &[
    "8BITMIME",
    "ATRN",
    "AUTH",
    "BINARYMIME",
    "BURL",
    "CHECKPOINT",
    "CHUNKING",
    "CONNEG",
    "CONPERM",
    "DELIVERBY",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "ETRN",
    "EXPN",
    "FUTURERELEASE",
    "HELP",
    "LIMITS",
    "MT-PRIORITY",
    "MTRK",
    "NO-SOLICITING",
    "PIPELINING",
    "REQUIRETLS",
    "RRVS",
    "SIZE",
    "SMTPUTF8",
    "STARTTLS",
    "SUBMITTER",
    "UTF8SMTP",
    "VERB",
    "VRFY",
    "XCLIENT",
    "XFORWARD",
];

pub(super) static FAMILIES: &[&Family] = &[
    &Family {
        name: "smtp_open_relay",
        labels: &["mx", "address"],
        help: "1 where the server accepted two outside recipients at RCPT",
        kind: Kind::Gauge,
        write: |view, out| verdict(view, out, |of| of.verdicts.open_relay),
    },
    &Family {
        name: "smtp_open_relay_last_test_timestamp_seconds",
        labels: &["mx", "address"],
        help: "When the open-relay test last gave a conclusive answer",
        kind: Kind::Gauge,
        write: |view, out| number(view, out, |of| of.verdicts.relay_tested.map(unix_seconds)),
    },
    &Family {
        name: "smtp_endpoint_up",
        labels: &["mx", "address"],
        help: "1 where the server holds an SMTP dialogue (220, and EHLO or HELO)",
        kind: Kind::Gauge,
        write: |view, out| verdict(view, out, |of| of.verdicts.up),
    },
    &Family {
        name: "smtp_endpoint_reachable",
        labels: &["mx", "address"],
        help: "1 where a TCP connection comes about",
        kind: Kind::Gauge,
        write: |view, out| verdict(view, out, |of| of.verdicts.reachable),
    },
    &Family {
        name: "smtp_endpoint_info",
        labels: &["mx", "address", "family", "software"],
        help: "An endpoint; software is guessed from its last banner",
        kind: Kind::Info,
        write: |view, out| {
            each(view, |of| {
                let software = software(of.contact.latest.banner.as_ref()).label;
                out.info(&of.labels([("family", of.place.family().as_str()), ("software", software)]))
            })
        },
    },
    &Family {
        name: "smtp_endpoint_failure_info",
        labels: &["mx", "address", "stage", "cause"],
        help: "Where and why the last session failed for certain, while so",
        kind: Kind::Info,
        write: |view, out| {
            each(view, |of| match ended(of.contact).filter(|unseen| !unseen.is_inconclusive()) {
                Some(unseen) => out.info(&of.labels([
                    ("stage", unseen.trouble().stage.as_str()),
                    ("cause", unseen.cause().as_str()),
                ])),
                None => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_endpoint_inconclusive",
        labels: &["mx", "address", "stage", "cause"],
        help: "1 while the last look ended where it proves nothing, by stage and cause",
        kind: Kind::Gauge,
        write: |view, out| each(view, |of| inconclusive(of, out)),
    },
    &Family {
        name: "smtp_phase_duration_seconds",
        labels: &["mx", "address", "phase"],
        help: "How long each phase took in the last session that reached it",
        kind: Kind::Gauge,
        write: |view, out| each(view, |of| phases(of, out)),
    },
    &Family {
        name: "smtp_starttls_offered",
        labels: &["mx", "address"],
        help: "1 where STARTTLS is among the extensions",
        kind: Kind::Gauge,
        write: |view, out| verdict(view, out, |of| of.verdicts.starttls_offered),
    },
    &Family {
        name: "smtp_auth_before_tls",
        labels: &["mx", "address"],
        help: "1 where AUTH is offered before TLS",
        kind: Kind::Gauge,
        write: |view, out| verdict(view, out, |of| of.verdicts.auth_before_tls),
    },
    &Family {
        name: "smtp_reverse_dns_ok",
        labels: &["mx", "address"],
        help: "1 where a PTR name of the address leads back to it",
        kind: Kind::Gauge,
        write: |view, out| verdict(view, out, |of| of.verdicts.reverse_dns),
    },
    &Family {
        name: "smtp_extension_info",
        labels: &["mx", "address", "extension"],
        help: "An extension by its registered keyword, as last offered; inside TLS where the session got there",
        kind: Kind::Info,
        write: |view, out| each(view, |of| extensions(of, out)),
    },
    &Family {
        name: "smtp_size_limit_bytes",
        labels: &["mx", "address"],
        help: "The message size limit that SIZE last declared",
        kind: Kind::Gauge,
        write: |view, out| {
            number(view, out, |of| of.contact.latest.extensions.as_ref()?.size().map(|size| size as f64))
        },
    },
    &Family {
        name: "smtp_tls_version",
        labels: &["mx", "address"],
        help: "The TLS version last negotiated: 1.0 to 1.3; 0 where no TLS comes about",
        kind: Kind::Gauge,
        write: |view, out| number(view, out, tls_version),
    },
    &Family {
        name: "smtp_tls_info",
        labels: &["mx", "address", "version", "cipher", "key_exchange"],
        help: "The encrypted session as last negotiated",
        kind: Kind::Info,
        write: |view, out| {
            each(view, |of| match &of.contact.latest.tls {
                Some(tls) => out.info(&of.labels(tls_labels(tls))),
                None => Ok(()),
            })
        },
    },
    &Family {
        name: "smtp_tls_legacy_accepted",
        labels: &["mx", "address", "version"],
        help: "1 where the last TLS scan found a version older than 1.2 accepted (ssl3, 1.0, 1.1)",
        kind: Kind::Gauge,
        write: |view, out| each(view, |of| legacy_versions(of, out)),
    },
    &Family {
        name: "smtp_certificate_valid",
        labels: &["mx", "address"],
        help: "1 where the certificate's chain, name and dates satisfy a sender that checks them",
        kind: Kind::Gauge,
        write: |view, out| verdict(view, out, |of| of.verdicts.certificate_valid),
    },
    &Family {
        name: "smtp_certificate_not_after_timestamp_seconds",
        labels: &["mx", "address"],
        help: "When the certificate last presented ends, valid or not",
        kind: Kind::Gauge,
        write: |view, out| {
            number(view, out, |of| Some(unix_seconds(of.contact.latest.tls.as_ref()?.leaf()?.not_after)))
        },
    },
];

fn each<'v, 'a>(view: &'v View<'a>, write: impl FnMut(&'v Shared<'a>) -> fmt::Result) -> fmt::Result {
    view.endpoints.iter().try_for_each(write)
}

/// A held verdict: absent before the first.
fn verdict(
    view: &View<'_>,
    out: &mut Series<'_>,
    verdict: impl Fn(&Shared<'_>) -> Option<bool>,
) -> fmt::Result {
    each(view, |of| verdict(of).map_or(Ok(()), |holds| out.flag(&of.labels([]), holds)))
}

fn number(view: &View<'_>, out: &mut Series<'_>, number: impl Fn(&Shared<'_>) -> Option<f64>) -> fmt::Result {
    each(view, |of| number(of).map_or(Ok(()), |number| out.gauge(&of.labels([]), number)))
}

/// What ended the last session before it was encrypted; a server that does not offer STARTTLS ended nothing.
fn ended(contact: &Contact) -> Option<Unseen> {
    match (contact.starttls(), contact.tls()) {
        (Ok(StartTls::NotOffered), _) => None,
        (_, Ok(tls)) => tls.ehlo.as_ref().err().map(|unseen| contact.settled(unseen)),
        (_, Err(unseen)) => Some(unseen),
    }
}

fn inconclusive(of: &Shared<'_>, out: &mut Series<'_>) -> fmt::Result {
    of.verdicts.doubts.iter().try_for_each(|(stage, cause)| {
        out.flag(&of.labels([("stage", stage.as_str()), ("cause", cause.as_str())]), true)
    })
}

fn phases(of: &Shared<'_>, out: &mut Series<'_>) -> fmt::Result {
    let phases = &of.contact.latest.phases;
    let took = Phase::ALL.into_iter().filter_map(|phase| Some((phase, phases.get(&phase)?)));
    took.into_iter()
        .try_for_each(|(phase, took)| out.gauge(&of.labels([("phase", phase.as_str())]), took.as_secs_f64()))
}

fn extensions(of: &Shared<'_>, out: &mut Series<'_>) -> fmt::Result {
    let Some(offered) = &of.contact.latest.extensions else { return Ok(()) };
    let known = EXTENSIONS.iter().filter(|keyword| offered.has(keyword));
    known.into_iter().try_for_each(|keyword| out.info(&of.labels([("extension", keyword)])))
}

fn tls_version(of: &Shared<'_>) -> Option<f64> {
    if of.verdicts.lacks_tls {
        return Some(0.0);
    }
    newest_version(of.contact).map(TlsVersion::as_f64)
}

fn legacy_versions(of: &Shared<'_>, out: &mut Series<'_>) -> fmt::Result {
    let Some(scan) = &of.contact.latest.scan else { return Ok(()) };
    let legacy = TlsVersion::ALL.into_iter().filter(|version| version.is_legacy());
    let known = legacy.filter_map(|version| Some((version, scan.accepts(version)?)));
    known
        .into_iter()
        .try_for_each(|(version, yes)| out.flag(&of.labels([("version", version.as_str())]), yes))
}

fn tls_labels(tls: &Tls) -> [(&'static str, &'static str); 3] {
    [
        ("version", tls.version.as_str()),
        ("cipher", tls.cipher),
        ("key_exchange", tls.key_exchange.unwrap_or("unknown")),
    ]
}
