//! What the pages say, and that nothing a peer sent can run or break them.

use crate::name::DomainName;
use crate::observe::testing::{endpoint, now, observation, open_relay, ptr, transaction};
use crate::observe::{Cause, Certificate, PeerText};
use crate::render::html::{self, Query};
use crate::render::testing::{accepting, after, report, run, snapshot};
use crate::snapshot::Snapshot;
use std::time::Duration;

/// Whether the page keeps to its own policy, nothing inline, nothing that runs, nothing from elsewhere, and closes
/// every element that it opens, in order.
fn assert_clean(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        assert!(!["script", "style", "img", "iframe", "object", "base"].contains(&name), "<{tag}> in {page}");
        for attribute in tag.split_ascii_whitespace().skip(1) {
            let foreign = ["on", "style=", "src", "href=\"javascript:", "href=\"data:"];
            assert!(!foreign.iter().any(|start| attribute.starts_with(start)), "<{tag}> in {page}");
        }
        match name {
            "!doctype" | "meta" | "link" | "br" | "input" => {}
            _ if tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{page}"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} in {page}");
}

#[test]
fn an_open_relay_is_called_one() {
    let relays = endpoint().at("mx2.example.com", "192.0.2.11").relay(Some(open_relay()));
    let page = html::domain(&report(&observation().of([endpoint(), relays])), now());
    assert_clean(&page);
    for part in [
        "<title>example.com: critical — mx-exporter</title>",
        "Mail gets in, but mx2.example.com relays for strangers.",
        "<span class=\"tag crit\">OPEN RELAY</span>",
        "<code class=\"soft\">smtp.open_relay</code>",
        "<strong class=\"server\">mx2.example.com 192.0.2.11</strong>",
        "220 mx1.example.com ESMTP Postfix",
        "Only before TLS",
        "CN=Example CA R3",
        "9f:2c:9f:2c",
        "Not tested here",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
}

#[test]
fn nothing_that_a_peer_sent_can_run() {
    let evil = r#"</title></pre></td><script>alert(1)</script><img src=x onerror=alert(1)> " onclick="x' style='x' &lt;b&gt; {{ 7 * 7 }}"#;
    let text = || PeerText::from(evil);
    let hostile = endpoint()
        .banner(&format!("220 {evil}"))
        .leaf(|leaf| {
            let key = crate::observe::PublicKey { algorithm: text(), bits: None };
            *leaf = Certificate {
                subject: text(),
                issuer: text(),
                names: vec![text()],
                signature: text(),
                key,
                ..leaf.clone()
            };
        })
        .tls(|tls| tls.trust = Err(crate::observe::ChainTrouble::Invalid(text())))
        .with_ptr(ptr(evil).maps_to("203.0.113.1"))
        .postmaster(Some(Ok(transaction(None, "postmaster@example.com", "250 ok", &format!("550 {evil}")))));
    let ehlo = hostile.clone().ehlo(&format!("250-mx\n250-STARTTLS\n250 {evil}"));
    let refused = endpoint().at("mx2.example.com", "192.0.2.11").banner(&format!("554 {evil}"));
    let doubtful = endpoint().at("mx3.example.com", "192.0.2.12").banner(&format!("421 {evil}"));
    let aliased = observation()
        .of([hostile, ehlo, refused, doubtful])
        .host("mx1.example.com", crate::observe::testing::host().alias_of(evil));
    let report = report(&aliased);
    let page = html::domain(&report, now());
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    assert_clean(
        &page.replace("onclick=", "").replace("onerror=", "").replace("style='", "").replace("src=x", ""),
    );
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("\" onclick"), "{page}");
    assert_clean(&html::fleet(&snapshot([report]), &Query::default(), now()));
}

#[test]
fn what_the_visitor_typed_is_escaped_too() {
    let typed = r#""><script>alert(1)</script>"#.to_owned();
    let query = Query { q: typed.clone(), status: typed.clone(), sort: typed.clone(), page: typed };
    assert_clean(&html::fleet(&snapshot([report(&observation())]), &query, now()));
}

#[test]
fn what_is_accepted_says_until_when_and_why() {
    let relays = observation().of([endpoint().relay(Some(open_relay()))]);
    let page = html::domain(&run(None, &relays, &accepting("smtp.open_relay")), now());
    assert_clean(&page);
    for part in [
        "<title>example.com: info — mx-exporter</title>",
        "<p class=\"soft\">accepted until 31 Jan 2027: a lab &#38; its &#60;relay&#62;</p>",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
}

#[test]
fn a_held_verdict_says_so() {
    let first = report(&observation().of([endpoint().relay(Some(open_relay()))]));
    let second = after(&first, &observation().of([endpoint().banner("421 4.7.0 too many connections")]));
    let page = html::domain(&second, now() + Duration::from_secs(240));
    assert_clean(&page);
    for part in [
        "OPEN RELAY</span> <span class=\"tag none\">held</span>",
        "Not judged this time",
        "the server limits our rate",
        "Probed 4 min ago",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
}

#[test]
fn every_kind_of_domain_has_a_page() {
    for observation in [
        observation().of([endpoint().unreachable(Cause::Refused)]),
        observation().of([endpoint().handshake_fails(Cause::Alert, "handshake_failure")]),
        observation().of([endpoint().without_starttls()]),
        observation().of([]).mx([(0, "."), (10, "192.0.2.1"), (20, "not a name!")]),
        observation().mx_lookup(crate::observe::Outcome::Timeout),
        observation().implicit(),
    ] {
        assert_clean(&html::domain(&report(&observation), now()));
    }
    let domain = DomainName::parse("bücher.example").unwrap();
    let page = html::waiting(&domain);
    assert_clean(&page);
    assert!(
        page.contains("bücher.example")
            && page.contains("xn--bcher-kva.example")
            && page.contains("not probed yet")
    );
    assert_clean(&html::not_found("/mx/"));
}

fn fleet_of(count: usize) -> Snapshot {
    snapshot((0..count).map(|at| report(&observation().named(&format!("d{at:04}.example")))))
}

/// The domains in the order of the page.
fn listed(page: &str) -> Vec<&str> {
    page.split("href=\"domains/").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn the_fleet_can_be_searched_sorted_and_turned() {
    let relay = report(&observation().named("relay.example").of([endpoint().relay(Some(open_relay()))]));
    let other = endpoint()
        .at("mail.elsewhere.example", "192.0.2.99")
        .expiring_at(now() + Duration::from_secs(86_400 * 30));
    let other = report(&observation().named("other.example").of([other]));
    let fine = report(&observation().named("a.example"));
    let snapshot = snapshot([relay, other, fine]);
    let show = |q: &str, status: &str, sort: &str| {
        let query = Query { q: q.into(), status: status.into(), sort: sort.into(), page: String::new() };
        let page = html::fleet(&snapshot, &query, now());
        assert_clean(&page);
        listed(&page).join(" ")
    };
    assert_eq!(show("", "", ""), "relay.example other.example a.example");
    assert_eq!(show("", "", "name"), "a.example other.example relay.example");
    assert_eq!(show("", "", "expiry"), "other.example a.example relay.example");
    assert_eq!(show("ELSEWHERE", "", ""), "other.example");
    assert_eq!(show("", "critical", ""), "relay.example");
    assert_eq!(show("nothing", "", ""), "");
}

#[test]
fn a_large_fleet_comes_in_pages() {
    let snapshot = fleet_of(450);
    let show = |page: &str| {
        let query = Query { page: page.into(), sort: "name".into(), ..Query::default() };
        html::fleet(&snapshot, &query, now())
    };
    assert_eq!(listed(&show("")).len(), 200);
    assert_eq!(listed(&show("3")), (400..450).map(|at| format!("d{at:04}.example")).collect::<Vec<_>>());
    assert_eq!(listed(&show("99")).len(), 50);
    assert!(
        show("2").contains("201–400 of 450")
            && show("2").contains("page=1\">Previous")
            && show("2").contains("page=3\">Next")
    );
}
