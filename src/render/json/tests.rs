//! The shape that programs rely on.

use crate::name::DomainName;
use crate::observe::testing::{Of, endpoint, host, mx, now, observation, open_relay, policies, signed, tlsa};
use crate::observe::{Contact, Fetched, MxRecord, MxSet, MxTarget, TlsaLookup, Wildcards};
use crate::render::json;
use crate::render::testing::{accepting, report, run, snapshot};
use crate::snapshot::Snapshot;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn rule<'a>(domain: &'a Value, code: &str) -> &'a Value {
    let rules = domain["rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["rule"] == code).unwrap_or_else(|| panic!("no {code} in {domain}"))
}

#[test]
fn a_domain_tells_everything() {
    let relays = endpoint().relay(Some(open_relay()));
    let domain = parsed(&json::domain(&report(&observation().of([relays])), now() + Duration::from_secs(60)));
    assert_eq!(domain["domain"], "example.com");
    assert_eq!((&domain["status"], &domain["code"]), (&json!("critical"), &json!(4)));
    assert_eq!((&domain["last_run"], &domain["age_seconds"]), (&json!("2027-01-15T08:00:00Z"), &json!(60)));
    assert_eq!(domain["next"]["interval_seconds"], 900.0);

    let relay = rule(&domain, "smtp.open_relay");
    assert_eq!((&relay["status"], &relay["code"]), (&json!("critical"), &json!(4)));
    let subject = &relay["subjects"][0];
    assert_eq!(subject["subject"], "mx1.example.com 192.0.2.10");
    assert_eq!((&subject["inconclusive"], &subject["since"]), (&Value::Null, &json!("2027-01-15T08:00:00Z")));
    let issue = &subject["issues"][0];
    assert_eq!((&issue["code"], &issue["severity"]), (&json!("smtp.open_relay"), &json!("critical")));
    for key in ["title", "evidence", "why", "fix", "reference"] {
        assert!(issue[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {issue}");
    }
    assert_eq!(rule(&domain, "smtp.null_mx")["subjects"][0]["subject"], "domain");

    let endpoint = &domain["endpoints"][0];
    assert_eq!((&endpoint["mx"], &endpoint["address"]), (&json!("mx1.example.com"), &json!("192.0.2.10")));
    assert_eq!(endpoint["pool"], Value::Null);
    assert_eq!(endpoint["tls"]["version"], "1.3");
    assert_eq!(endpoint["tls"]["cipher"], "TLS_AES_256_GCM_SHA384");
    assert_eq!(endpoint["tls"]["chain"][0]["subject"], "CN=mx1.example.com");
    assert_eq!(endpoint["starttls"], "secured");
    assert_eq!(endpoint["steps"][1]["reply"]["lines"][0], "220 mx1.example.com ESMTP Postfix");
    assert_eq!(endpoint["steps"][1]["took_ms"], 40.0);
    assert_eq!(endpoint["open_relay"]["result"], true);
    assert!(endpoint["extensions"]["before_tls"].as_array().unwrap().contains(&json!("STARTTLS")));
    assert_eq!(endpoint["ptr"]["result"]["confirmed"], true);
    assert_eq!(
        domain["dns"]["mx"]["records"][0],
        json!({"preference": 10, "target": "mx1.example.com", "kind": "host"})
    );
}

#[test]
fn policies_are_told_as_published_and_as_they_stand() {
    let sound = || policies("enforce", &["mx1.example.com", "*.example.net"]);
    let of = |policies| parsed(&json::domain(&report(&observation().policies(policies)), now()));
    let told = &of(sound())["policies"];
    let sts = &told["mta_sts"];
    assert_eq!((&sts["state"], &sts["id"]), (&json!("enforce"), &json!("20270101")));
    assert_eq!(sts["record"]["records"], json!(["v=STSv1; id=20270101;"]));
    let patterns = ["mx1.example.com", "*.example.net"];
    let policy = json!({"mode": "enforce", "max_age_seconds": 1_209_600, "mx": patterns, "more_mx": 0});
    assert_eq!(sts["policy"], policy);
    assert_eq!((&sts["fetch"]["outcome"], &sts["fetch"]["status"]), (&json!("text"), &json!(200)));
    assert_eq!(sts["fetch"]["lines"][0], "version: STSv1");
    assert_eq!(told["tls_rpt"]["rua"], json!(["mailto:tls@example.com"]));

    let missing = of(sound().fetched(Some(Ok(Fetched::Status(404)))).tls_rpt(&["v=TLSRPTv1;"]));
    let (sts, rpt) = (&missing["policies"]["mta_sts"], &missing["policies"]["tls_rpt"]);
    assert_eq!((&sts["state"], &sts["policy"]), (&json!("invalid"), &Value::Null));
    assert_eq!((&sts["fetch"]["outcome"], &sts["fetch"]["status"]), (&json!("status"), &json!(404)));
    assert_eq!((&rpt["record_error"], &rpt["rua"]), (&json!("it has no `rua`"), &json!([])));
}

#[test]
fn doubt_has_a_cause_and_an_age() {
    let throttled = endpoint().banner("421 4.7.0 too many connections");
    let domain = parsed(&json::domain(&report(&observation().of([throttled])), now()));
    let subject = &rule(&domain, "smtp.banner_sanity")["subjects"][0];
    assert_eq!((&subject["status"], &subject["at"]), (&json!("unknown"), &Value::Null));
    let doubt = &subject["inconclusive"];
    assert_eq!((&doubt["cause"], &doubt["stage"]), (&json!("throttled"), &json!("banner")));
    assert_eq!(doubt["detail"], "421 4.7.0 too many connections");
    assert_eq!(domain["endpoints"][0]["tls"], Value::Null);
}

#[test]
fn what_is_accepted_says_until_when_and_why() {
    let relays = observation().of([endpoint().relay(Some(open_relay()))]);
    let domain = parsed(&json::domain(&run(None, &relays, &accepting("smtp.open_relay")), now()));
    assert_eq!(domain["status"], "info");
    let issue = &rule(&domain, "smtp.open_relay")["subjects"][0]["issues"][0];
    assert_eq!(issue["severity"], "info");
    assert_eq!(issue["accepted"], json!({"until": "2027-01-31", "reason": "a lab & its <relay>"}));
    let domain = parsed(&json::domain(&report(&relays), now()));
    assert_eq!(rule(&domain, "smtp.open_relay")["subjects"][0]["issues"][0]["accepted"], Value::Null);
}

#[test]
fn extensions_outlast_a_look_that_saw_none() {
    let mut report = report(&observation().of([endpoint()]));
    let throttled = endpoint().banner("421 4.7.0 too many connections").build();
    let contact = &mut report.observation.endpoints[0].contact;
    let dialogue = throttled.contact.dialogue.clone();
    *contact = Arc::new(Contact { dialogue, ..Contact::clone(contact) });
    let domain = parsed(&json::domain(&report, now()));
    let extensions = &domain["endpoints"][0]["extensions"];
    assert_eq!((&extensions["before_tls"], &extensions["inside_tls"]), (&Value::Null, &Value::Null));
    assert!(extensions["last"].as_array().unwrap().contains(&json!("PIPELINING")), "{extensions}");
}

#[test]
fn the_list_has_a_line_for_every_watched_domain() {
    let snapshot = snapshot([report(&observation())]);
    let waiting = DomainName::parse("zürich.example").unwrap();
    let domains = snapshot.domains.iter().cloned().chain([waiting.clone()]).collect();
    let list = parsed(&json::domains(&Snapshot { domains, ..snapshot }, now() + Duration::from_secs(7)));
    let lines = list["domains"].as_array().unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0],
        json!({"domain": "example.com", "unicode": "example.com", "status": "ok", "code": 1, "grade": "A+", "worst": null,
               "last_run": "2027-01-15T08:00:00Z", "age_seconds": 7, "next_run": "2027-01-15T08:11:00Z", "endpoints": 2})
    );
    assert_eq!((&lines[1]["unicode"], &lines[1]["status"]), (&json!("zürich.example"), &json!("unknown")));
    assert_eq!(lines[1]["last_run"], Value::Null);
    assert_eq!(parsed(&json::waiting(&waiting))["rules"], json!([]));
}

#[test]
fn a_pool_is_told_with_the_address_that_was_visited() {
    let domain = parsed(&json::domain(&report(&observation().of([endpoint().pooled()])), now()));
    let endpoint = &domain["endpoints"][0];
    assert_eq!((&endpoint["address"], &endpoint["pool"]), (&json!("192.0.2.10"), &json!("pool-v4")));
    let subject = &rule(&domain, "smtp.open_relay")["subjects"][0];
    assert_eq!(subject["subject"], "mx1.example.com pool-v4");
}

#[test]
fn the_wildcard_of_tlsa_records_is_told() {
    let shown = |wildcard: Option<&str>| {
        let found =
            TlsaLookup { wildcard: wildcard.map(Into::into), ..signed(vec![tlsa(3, 1, Of::LeafKey)]) };
        let known = observation().host("mx1.example.com", host().tlsa_is([found]));
        parsed(&json::domain(&report(&known), now()))["dns"]["hosts"][0]["tlsa"][0]["wildcard"].clone()
    };
    assert_eq!(shown(Some("*.example.com")), "*.example.com");
    assert_eq!(shown(None), Value::Null);
}

#[test]
fn what_is_known_beside_the_mx_records_is_told() {
    let wildcards = Wildcards {
        at: now(),
        mx: vec![MxRecord { preference: 10, target: MxTarget::Host(mx("mx.example.net")) }],
        txt: vec!["v=spf1 -all".into()],
    };
    let known = observation().facts(|facts| {
        facts.set = Some(MxSet { records: Vec::new(), changed: Some(now()) });
        facts.wildcards = Some(wildcards);
    });
    let dns = &parsed(&json::domain(&report(&known), now()))["dns"];
    assert_eq!(dns["mx_changed_at"], "2027-01-15T08:00:00Z");
    let record = json!({"preference": 10, "target": "mx.example.net", "kind": "host"});
    let want = json!({"at": "2027-01-15T08:00:00Z", "mx": [record], "txt": ["v=spf1 -all"]});
    assert_eq!(dns["wildcards"], want);
    let dns = &parsed(&json::domain(&report(&observation()), now()))["dns"];
    assert_eq!((&dns["mx_changed_at"], &dns["wildcards"]), (&Value::Null, &Value::Null));
}
