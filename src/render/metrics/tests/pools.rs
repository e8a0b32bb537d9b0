//! A pool is one series of each kind, whoever uses it and wherever it was visited last.

use super::*;

const POOL: &str = r#"mx="mx1.example.com",address="pool-v4""#;

#[test]
fn two_domains_have_the_series_of_their_pool_in_common() {
    let first =
        report(&observation().named("a.example").of([endpoint().pooled().banner("554 5.7.1 not here")]));
    let pool = endpoint().pooled().at("mx1.example.com", "192.0.2.77");
    let mut second = report(
        &observation().named("b.example").of([pool, endpoint().at("mx1.example.com", "2001:db8::10")]),
    );
    for standing in second.standings.iter_mut().flat_map(|row| row.subjects.values_mut()) {
        standing.last.as_mut().unwrap().at += Duration::from_secs(60);
    }
    let contact = Arc::make_mut(&mut second.observation.endpoints[0].contact);
    contact.dialogue.at += Duration::from_secs(60);
    let samples = samples(&snapshot([first, second]));
    for (name, more, want) in [
        ("smtp_endpoint_up", "", "1"),
        ("smtp_endpoint_info", r#",family="v4",software="postfix""#, "1"),
        ("smtp_open_relay", "", "0"),
        ("smtp_tls_version", "", "1.3"),
        ("smtp_reverse_dns_ok", "", "1"),
    ] {
        says(&samples, &[(&format!("{name}{{{POOL}{more}}}"), want)]);
    }
    for (domain, endpoints) in [("a.example", "1"), ("b.example", "2")] {
        let join = format!(r#"smtp_domain_endpoint_info{{domain="{domain}",{POOL},preference="10"}}"#);
        let count = format!(r#"smtp_endpoints{{domain="{domain}"}}"#);
        says(&samples, &[(&join, "1"), (&count, endpoints)]);
    }
    assert!(!samples.keys().any(|series| series.contains("192.0.2.")), "nobody tells its addresses apart");
}
