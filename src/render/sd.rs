//! Targets for Prometheus, as its HTTP service discovery reads them: every endpoint by its address, every domain by its
//! name. Labels come from names, numbers and closed tables, never from a peer's text.

use super::json;
use super::software::software;
use crate::name::{DomainName, MxName};
use crate::observe::{Contact, Place};
use crate::snapshot::Snapshot;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// As many domains are named at one endpoint; how many there are is always told.
const DOMAINS: usize = 100;

/// Targets that share their labels.
#[derive(Serialize)]
struct Group {
    targets: [String; 1],
    labels: BTreeMap<Cow<'static, str>, String>,
}

/// An endpoint and the domains that use it.
struct Used<'a> {
    contact: &'a Contact,
    domains: Vec<&'a DomainName>,
}

/// Every address or pool of every MX, one group each, sorted by both.
pub fn endpoints(snapshot: &Snapshot) -> String {
    let mut all: BTreeMap<(&MxName, Place, u16), Used<'_>> = BTreeMap::new();
    for report in snapshot.reports.iter() {
        for endpoint in &report.observation.endpoints {
            let (contact, port) = (&*endpoint.contact, endpoint.contact.key.address.port());
            let none = || Used { contact, domains: Vec::new() };
            let used = all.entry((&endpoint.mx, endpoint.place(), port)).or_insert_with(none);
            if used.domains.last() != Some(&report.domain()) {
                used.domains.push(report.domain());
            }
        }
    }
    json::text(&all.iter().map(|((mx, place, port), used)| used.group(mx, *place, *port)).collect::<Vec<_>>())
}

/// Every watched domain, probed or not, one group each, sorted.
pub fn domains(snapshot: &Snapshot) -> String {
    let group = |domain: &DomainName| {
        let own = snapshot.labels.get(domain).into_iter().flat_map(|labels| labels.iter());
        let own = own.map(|(name, value)| (format!("__meta_mx_label_{name}").into(), value.to_string()));
        let names = [
            ("__meta_mx_domain".into(), domain.to_string()),
            ("__meta_mx_domain_unicode".into(), domain.to_unicode()),
        ];
        Group { targets: [domain.to_string()], labels: names.into_iter().chain(own).collect() }
    };
    json::text(&snapshot.domains.iter().map(group).collect::<Vec<_>>())
}

impl Used<'_> {
    /// The target of a pool is its host: no one of its addresses is there for long.
    fn group(&self, mx: &MxName, place: Place, port: u16) -> Group {
        let target = match place {
            Place::Address(address) => SocketAddr::new(address, port).to_string(),
            Place::Pool(_) => format!("{mx}:{port}"),
        };
        Group {
            targets: [target],
            labels: BTreeMap::from([
                ("__meta_mx_address".into(), place.to_string()),
                ("__meta_mx_domain_count".into(), self.domains.len().to_string()),
                ("__meta_mx_domains".into(), self.names()),
                ("__meta_mx_family".into(), place.family().as_str().to_owned()),
                ("__meta_mx_host".into(), mx.to_string()),
                ("__meta_mx_port".into(), port.to_string()),
                ("__meta_mx_software".into(), software(self.contact.latest.banner.as_ref()).label.to_owned()),
            ]),
        }
    }

    /// `,a.example,b.example,`: a comma on either side of each, so that a pattern can ask for one.
    fn names(&self) -> String {
        self.domains.iter().take(DOMAINS).fold(",".to_owned(), |names, domain| format!("{names}{domain},"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, observation};
    use crate::render::testing::{report, snapshot};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn an_endpoint_is_one_group_with_all_its_domains() {
        let v6 = || endpoint().at("mx1.example.com", "2001:db8::10");
        let a = report(&observation().named("a.example").of([endpoint(), v6()]));
        let b = report(&observation().named("b.example").of([endpoint()]));
        let groups = parsed(&endpoints(&snapshot([a, b])));
        assert_eq!(
            groups[0],
            json!({"targets": ["192.0.2.10:25"], "labels": {
                "__meta_mx_address": "192.0.2.10", "__meta_mx_domain_count": "2",
                "__meta_mx_domains": ",a.example,b.example,", "__meta_mx_family": "v4",
                "__meta_mx_host": "mx1.example.com", "__meta_mx_port": "25", "__meta_mx_software": "postfix"}})
        );
        assert_eq!(groups[1]["targets"], json!(["[2001:db8::10]:25"]));
        assert_eq!(groups[1]["labels"]["__meta_mx_address"], "2001:db8::10");
        assert_eq!(groups[1]["labels"]["__meta_mx_domains"], ",a.example,");
        assert_eq!(groups.as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_pool_is_its_host() {
        let at = |name: &str, address| {
            report(&observation().named(name).of([endpoint().pooled().at("mx1.example.com", address)]))
        };
        let groups =
            parsed(&endpoints(&snapshot([at("a.example", "192.0.2.7"), at("b.example", "192.0.2.8")])));
        assert_eq!(groups.as_array().unwrap().len(), 1);
        assert_eq!(groups[0]["targets"], json!(["mx1.example.com:25"]));
        let labels = &groups[0]["labels"];
        assert_eq!(
            (&labels["__meta_mx_address"], &labels["__meta_mx_family"]),
            (&json!("pool-v4"), &json!("v4"))
        );
        assert_eq!(labels["__meta_mx_domains"], ",a.example,b.example,");
    }

    #[test]
    fn an_endpoint_of_very_many_domains_names_some_and_counts_all() {
        let reports =
            (0..250).map(|n| report(&observation().named(&format!("d{n}.example")).of([endpoint()])));
        let groups = parsed(&endpoints(&snapshot(reports)));
        let labels = &groups[0]["labels"];
        assert_eq!(labels["__meta_mx_domains"].as_str().unwrap().matches(',').count(), DOMAINS + 1);
        assert_eq!(labels["__meta_mx_domain_count"], "250");
    }

    #[test]
    fn a_domain_is_a_target_before_it_is_probed() {
        let names = ["example.com", "bücher.example"].map(|name| DomainName::parse(name).unwrap());
        let team = Arc::new(BTreeMap::from([("team".into(), "mail, and more".into())]));
        let labels = Arc::new(BTreeMap::from([(names[0].clone(), team)]));
        let waiting = Snapshot { domains: names.into(), labels, ..Snapshot::default() };
        assert_eq!(
            parsed(&domains(&waiting)),
            json!([
                {"targets": ["example.com"], "labels": {
                    "__meta_mx_domain": "example.com", "__meta_mx_domain_unicode": "example.com",
                    "__meta_mx_label_team": "mail, and more"}},
                {"targets": ["xn--bcher-kva.example"], "labels": {
                    "__meta_mx_domain": "xn--bcher-kva.example", "__meta_mx_domain_unicode": "bücher.example"}},
            ])
        );
        assert_eq!((domains(&Snapshot::default()), endpoints(&waiting)), ("[]".to_owned(), "[]".to_owned()));
    }
}
