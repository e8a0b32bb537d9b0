//! The TLS endpoints of mail domains, one entry a host, for programs that watch TLS: entries of type `tls.endpoint.v1`.

use super::json;
use crate::name::{DomainName, MxName};
use crate::observe::{DaneState, Endpoint};
use crate::report::Report;
use crate::rules::Subject;
use crate::snapshot::Snapshot;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "ref")]
    reference: String,
    payload: Payload<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    host: &'a str,
    port: u16,
    sni: &'a str,
    starttls: &'static str,
    require_starttls: bool,
}

/// The hosts of all domains, each once, sorted. TLS is required where any domain requires it.
pub fn fleet(snapshot: &Snapshot) -> String {
    entries(snapshot.reports.iter().map(|report| &**report))
}

/// The hosts of one domain, sorted, as far as it has been probed; none where it is not watched.
pub fn domain(snapshot: &Snapshot, domain: &DomainName) -> Option<String> {
    let report = snapshot.report(domain).map(|report| &**report);
    snapshot.is_watched(domain).then(|| entries(report.into_iter()))
}

fn entries<'a>(reports: impl Iterator<Item = &'a Report>) -> String {
    let mut hosts: BTreeMap<(&MxName, u16), bool> = BTreeMap::new();
    for report in reports {
        for endpoint in &report.observation.endpoints {
            let required = hosts.entry((&endpoint.mx, endpoint.contact.key.address.port())).or_default();
            *required |= requires_starttls(report, &endpoint.mx);
        }
    }
    json::text(
        &hosts.into_iter().map(|((mx, port), required)| Entry::of(mx, port, required)).collect::<Vec<_>>(),
    )
}

/// Whether senders must not fall back to plaintext: an enforced MTA-STS policy or valid DANE says so, and nothing else
/// does.
fn requires_starttls(report: &Report, mx: &MxName) -> bool {
    let is_valid = |endpoint: &Endpoint| report.dane_at(&Subject::of(endpoint)) == Some(DaneState::Valid);
    let mut endpoints = report.observation.endpoints.iter().filter(|endpoint| endpoint.mx == *mx);
    report.observation.policy.mta_sts.enforces() || endpoints.any(is_valid)
}

impl<'a> Entry<'a> {
    fn of(mx: &'a MxName, port: u16, require_starttls: bool) -> Self {
        let host = mx.as_str();
        Self {
            kind: "tls.endpoint.v1",
            reference: format!("{host}:{port}"),
            payload: Payload { host, port, sni: host, starttls: "smtp", require_starttls },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{Of, endpoint, host, observation, policies, tlsa};
    use crate::render::testing::{report, snapshot};
    use serde_json::{Value, json};

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    fn entry(host: &str, required: bool) -> Value {
        json!({"type": "tls.endpoint.v1", "ref": format!("{host}:25"),
               "payload": {"host": host, "port": 25, "sni": host, "starttls": "smtp", "require_starttls": required}})
    }

    #[test]
    fn each_host_is_there_once_whatever_number_of_addresses_and_domains_it_has() {
        let second = endpoint().at("mx2.example.com", "192.0.2.11").preference(5);
        let absent = || policies("enforce", &[]).record(&[]);
        let one = report(&observation().of([second, endpoint()]).without_dane().policies(absent()));
        let other = report(&observation().named("b.example").without_dane().policies(absent()));
        let null = report(&observation().named("null.example").of([]).mx([(0, ".")]));
        let snapshot = snapshot([one, other, null]);
        let hosts = json!([entry("mx1.example.com", false), entry("mx2.example.com", false)]);
        assert_eq!(parsed(&fleet(&snapshot)), hosts);
        let of = |name: &str| domain(&snapshot, &DomainName::parse(name).unwrap()).map(|text| parsed(&text));
        assert_eq!(of("example.com"), Some(hosts));
        assert_eq!(of("b.example"), Some(json!([entry("mx1.example.com", false)])));
        assert_eq!(of("null.example"), Some(json!([])));
        assert_eq!(of("unknown.example"), None);
    }

    #[test]
    fn tls_is_required_where_a_policy_is_enforced() {
        let domain = |name: &str, mode| {
            report(&observation().named(name).without_dane().policies(policies(mode, &["mx1.example.com"])))
        };
        let required =
            |snapshot: &Snapshot| parsed(&fleet(snapshot))[0]["payload"]["require_starttls"].clone();
        for (mode, want) in [("enforce", true), ("testing", false), ("none", false)] {
            assert_eq!(required(&snapshot([domain("a.example", mode)])), want, "{mode}");
        }
        let shared = snapshot([domain("a.example", "none"), domain("b.example", "enforce")]);
        assert_eq!(required(&shared), true, "one of its domains requires it");
    }

    #[test]
    fn tls_is_required_where_any_domain_has_valid_dane() {
        let domain = || observation().named("b.example").policies(policies("none", &["mx1.example.com"]));
        let mismatch = host().tlsa([tlsa(3, 1, Of::Nothing)]);
        for (others, want) in [
            (domain(), true),
            (domain().without_dane(), false),
            (domain().host("mx1.example.com", mismatch), false),
        ] {
            let one = report(&domain().without_dane());
            let entries = parsed(&fleet(&snapshot([one, report(&others)])));
            assert_eq!(entries, json!([entry("mx1.example.com", want)]));
        }
    }

    #[test]
    fn no_domain_no_host() {
        assert_eq!(fleet(&Snapshot::default()), "[]");
    }
}
