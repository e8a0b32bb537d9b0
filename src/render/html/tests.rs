//! What the pages say, and that nothing a peer sent can run or break them.

use crate::name::DomainName;
use crate::observe::testing::{endpoint, now, observation, open_relay, ptr, transaction};
use crate::observe::{Cause, Certificate, MxRecord, MxSet, MxTarget, PeerText, Wildcards};
use crate::render::html::{self, Query};
use crate::render::testing::{accepting, after, report, run, snapshot};
use crate::snapshot::Snapshot;
use std::collections::BTreeSet;
use std::time::Duration;

/// Whether the page keeps to its own policy, nothing inline, nothing that runs, nothing from elsewhere; closes every
/// element that it opens, in order; and leads only to what is there, whatever path it is served below.
fn assert_clean(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut targets = Vec::new();
    let mut ids = BTreeSet::new();
    for (name, attributes) in tags(page) {
        assert!(
            !["script", "style", "img", "iframe", "object", "base"].contains(&name),
            "<{name}> in {page}"
        );
        for (attribute, value) in &attributes {
            assert!(!attribute.starts_with("on"), "{attribute} in {page}");
            match *attribute {
                "href" => assert!(is_relative(value) || is_reference(value), "{value} in {page}"),
                "style" | "src" | "action" | "formaction" => panic!("{attribute} in {page}"),
                "id" => assert!(ids.insert(value.to_owned()), "{value} twice in {page}"),
                _ => {}
            }
            targets.extend(value.strip_prefix('#').filter(|_| *attribute == "href"));
            targets.extend(["aria-labelledby", "aria-describedby"].contains(attribute).then_some(*value));
        }
        if name == "time" {
            assert!(attributes.iter().any(|(attribute, _)| *attribute == "datetime"), "{page}");
        }
        if name == "th" {
            assert!(
                attributes.iter().any(|(attribute, _)| *attribute == "scope"),
                "a th without scope in {page}"
            );
        }
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{page}"),
            None if ["!doctype", "meta", "link", "br", "input", "rect", "path", "circle"].contains(&name) => {
            }
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} in {page}");
    assert!(targets.iter().all(|target| ids.contains(*target)), "{targets:?}, {ids:?} in {page}");
}

/// Every tag with its attributes.
fn tags(page: &str) -> impl Iterator<Item = (&str, Vec<(&str, &str)>)> {
    page.split('<').skip(1).map(|tag| {
        let tag = tag.split('>').next().unwrap().trim_end_matches('/');
        let (name, rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        (name, attributes(rest))
    })
}

fn attributes(mut rest: &str) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        rest = &rest[start..];
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = &rest[end..];
        let Some(quoted) = rest.strip_prefix("=\"") else {
            assert!(!rest.starts_with('='), "an unquoted {name}");
            all.push((name, ""));
            continue;
        };
        let (value, behind) = quoted.split_once('"').unwrap();
        all.push((name, value));
        rest = behind;
    }
    all
}

/// Whether a link stays below the path that the program is served at.
fn is_relative(link: &str) -> bool {
    !link.starts_with('/') && !link.split(['/', '?', '#']).next().unwrap().contains(':')
}

fn is_reference(link: &str) -> bool {
    link.starts_with("https://www.rfc-editor.org/")
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
        "<strong>mx2.example.com</strong> <code>192.0.2.11</code>",
        "220 mx1.example.com ESMTP Postfix",
        "Only before TLS",
        "CN=Example CA R3",
        "9f:2c:9f:2c",
        "What is not tested here",
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
    assert_clean(&page);
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
        "What could not be judged, and why",
        "The server limits how often this prober may come",
        "421 4.7.0 too many connections",
        "What was known before stands meanwhile: 1 critical, ",
        "held: throttled",
        "held <time",
        "Probed <time datetime=\"2027-01-15T08:00:00Z\"",
        "tried again <time",
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
}

#[test]
fn what_is_not_there_leads_to_the_fleet_from_any_depth() {
    let page = html::not_found("/mx/");
    assert!(page.contains("href=\"/mx/style.css") && page.contains("href=\"/mx/.\""), "{page}");
    assert_clean(&page.replace("\"/mx/", "\""));
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
fn doubts_are_counted_whatever_the_status_and_can_be_asked_for() {
    let throttled = || endpoint().banner("421 4.7.0 too many connections");
    let of = |name: &str, endpoint| report(&observation().named(name).of([endpoint]));
    let held = of("held.example", endpoint().relay(Some(open_relay())));
    let held = after(&held, &observation().named("held.example").of([throttled()]));
    let snapshot = snapshot([held, of("never.example", throttled()), of("fine.example", endpoint())]);
    let show = |query: &Query| {
        let page = html::fleet(&snapshot, query, now());
        assert_clean(&page);
        page
    };
    let all = show(&Query::default());
    for part in [
        "href=\"?status=doubts\"><b>2</b>with doubts</a>",
        "href=\"?status=unknown\"><b>1</b>not judged</a>",
        "<span class=\"tag crit\">critical</span> <span class=\"tag none\">held: throttled</span>",
        "<span class=\"tag none\">not judged: throttled</span>",
    ] {
        assert!(all.contains(part), "{part} is missing in {all}");
    }
    assert_eq!(listed(&all).join(" "), "held.example never.example fine.example");
    let query = Query { status: "doubts".into(), q: "e&x".into(), sort: "name".into(), ..Query::default() };
    let kept = show(&query);
    assert!(kept.contains("href=\"?status=info&amp;q=e%26x&amp;sort=name\""), "{kept}");
    let doubtful = show(&Query { q: String::new(), ..query });
    assert_eq!(listed(&doubtful).join(" "), "held.example never.example");
    assert!(doubtful.contains("href=\"?status=doubts&amp;sort=name\" aria-current=\"true\""), "{doubtful}");
}

#[test]
fn where_there_is_nothing_to_list_it_says_why() {
    let listed_domain = || DomainName::parse("example.com").unwrap();
    let unprobed = Snapshot { domains: [listed_domain()].into(), ..Snapshot::default() };
    let search = Query { q: "<nothing>".into(), ..Query::default() };
    for (snapshot, query, want) in [
        (Snapshot::default(), Query::default(), "No domain is configured"),
        (unprobed.clone(), Query::default(), "Nothing has been probed yet"),
        (unprobed.clone(), Query::default(), "<span class=\"tag none\">not probed yet</span>"),
        (unprobed, search, "<q>&#60;nothing&#62;</q>"),
    ] {
        let page = html::fleet(&snapshot, &query, now());
        assert_clean(&page);
        assert!(page.contains(want), "{want} is missing in {page}");
    }
}

#[test]
fn what_could_not_be_judged_comes_first_where_nothing_is_to_mend() {
    let throttled = || endpoint().at("mx2.example.com", "192.0.2.11").banner("421 later");
    for (first, doubts_first) in [(endpoint(), true), (endpoint().without_starttls(), false)] {
        let page = html::domain(&report(&observation().of([first, throttled()])), now());
        let at = |id: &str| page.find(&format!("<h2 id=\"{id}\"")).unwrap();
        assert_eq!(at("doubts") < at("fix"), doubts_first, "{page}");
    }
}

#[test]
fn a_domain_that_nobody_could_judge_does_not_look_fine() {
    let page = html::domain(&report(&observation().of([endpoint().banner("421 later")])), now());
    assert!(page.contains("<title>example.com: not judged — mx-exporter</title>"), "{page}");
    assert!(page.contains("<p class=\"grade none\">not judged</p>"), "{page}");
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

#[test]
fn a_pool_its_address_a_change_and_a_wildcard_are_told() {
    let bad: MxTarget = MxTarget::BadName("<b>mx</b>".into());
    let known = observation().of([endpoint().pooled()]).facts(|facts| {
        facts.set = Some(MxSet { records: Vec::new(), changed: Some(now() - Duration::from_secs(7200)) });
        let mx = vec![MxRecord { preference: 10, target: bad }];
        facts.wildcards = Some(Wildcards { at: now(), mx, txt: Vec::new() });
    });
    let page = html::domain(&report(&known), now());
    assert_clean(&page);
    assert!(page.contains("192.0.2.10</a>") && page.contains("one of <code>pool-v4</code>"), "{page}");
    assert!(page.contains("They last changed <time") && page.contains("2 h ago"), "{page}");
    assert!(page.contains("A wildcard:") && page.contains("10 &#60;b&#62;mx"), "{page}");
    let plain = html::domain(&report(&observation()), now());
    assert!(
        !plain.contains("one of <code>") && !plain.contains("last changed") && !plain.contains("wildcard:")
    );
}
