//! MX records, or none.

use super::{all, client, domain, outcomes, says, zone};
use crate::support::dns::{Dns as World, Trouble};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType::{A, AAAA, MX};
use mx_exporter::name::DomainName;
use mx_exporter::observe::Outcome;
use std::time::Duration;

const SOUND: &str = "@ IN MX 10 mx\nmx IN A 203.0.114.1\nmx IN AAAA 2001:4860::1";

#[tokio::test]
async fn how_the_question_for_mx_ends() {
    let code = |code| zone(SOUND).trouble(("example.test.", MX), Trouble::Code(code));
    all(vec![
        ("D00 sound", zone(SOUND), "answer, mx.example.test answer answer", "pass, pass, pass, pass"),
        ("D01 no such name", code(ResponseCode::NXDomain), "no_such_name", "-, mx.missing, -, -"),
        (
            "D02 SERVFAIL",
            code(ResponseCode::ServFail),
            "server_failure",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        (
            "D03 silence",
            zone(SOUND).unanswered("*.example.test."),
            "timeout",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        (
            "D04 REFUSED",
            code(ResponseCode::Refused),
            "refused",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        (
            "D04 NOTIMP",
            code(ResponseCode::NotImp),
            "refused",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        (
            "D04 FORMERR",
            code(ResponseCode::FormErr),
            "refused",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        (
            "D05 truncated, TCP answers",
            zone(SOUND).truncated("*.example.test."),
            "answer, mx.example.test answer answer",
            "pass, pass, pass, pass",
        ),
        (
            "D06 truncated, TCP refuses",
            zone(SOUND).truncated(("example.test.", MX)).over_udp_only(),
            "server_failure",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        (
            "D07 a referral",
            World::serving("test.", "example IN NS ns.example\nns.example IN A 203.0.114.53"),
            "server_failure",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        (
            "D09 a loop of two",
            World::serving("test.", "example IN CNAME b\nb IN CNAME example"),
            "loop",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        (
            "D10 a loop of one",
            World::serving("test.", "example IN CNAME example"),
            "loop",
            "?dns_failure, ?dns_failure, ?dns_failure, ?dns_failure",
        ),
        ("D21 null MX", zone("@ IN MX 0 .\n@ IN A 203.0.114.1"), "answer", "null_mx, pass, -, -"),
        (
            "D22 null MX and another",
            zone("@ IN MX 0 .\n@ IN MX 10 mx\nmx IN A 203.0.114.1"),
            "answer, mx.example.test answer no_data",
            "pass, pass, mx.null_mx_not_alone, ipv6.no_address",
        ),
        (
            "D24 none, but an address",
            zone("@ IN A 203.0.114.1"),
            "no_data, example.test answer no_data",
            "-, mx.implicit, -, ipv6.no_address",
        ),
        (
            "D24 none, but an IPv6 address",
            zone("@ IN AAAA 2001:4860::1"),
            "no_data, example.test no_data answer",
            "-, mx.implicit, -, pass",
        ),
        (
            "D25 none, and no address",
            zone("@ IN TXT x"),
            "no_data, example.test no_data no_data",
            "-, mx.missing, -, -",
        ),
        (
            "D25 none, and the address fails",
            zone("@ IN TXT x").servfail(("example.test.", A)).servfail(("example.test.", AAAA)),
            "no_data, example.test server_failure server_failure",
            "-, ?dns_failure, -, ?dns_failure",
        ),
        (
            "D30 a wildcard",
            zone("*.example.test. IN MX 10 mx\n@ IN MX 10 mx\nmx IN A 203.0.114.1"),
            "answer, mx.example.test answer no_data",
            "pass, pass, pass, ipv6.no_address",
        ),
    ])
    .await;
}

#[tokio::test]
async fn d02_d03_what_fails_is_asked_again_at_the_next_run() {
    let world = zone(SOUND).servfail(("example.test.", MX)).await;
    let dns = client(world.addr);
    assert!(dns.domain(&domain()).await.mx.records().is_err());
    world.recover(("example.test.", MX));
    assert_eq!(outcomes(&dns.domain(&domain()).await), "answer, mx.example.test answer answer");
}

#[tokio::test]
async fn d07_one_path_is_enough() {
    let (dead, good) = (zone(SOUND).refused("*.").await, zone(SOUND).await);
    let settings = mx_exporter::probe::dns::DnsSettings {
        nameservers: vec![dead.addr, good.addr],
        dnssec: false,
        trust_anchor: None,
    };
    let dns = mx_exporter::probe::dns::Dns::new(&settings).unwrap();
    assert_eq!(outcomes(&dns.domain(&domain()).await), "answer, mx.example.test answer answer");
}

#[tokio::test]
async fn d18_d19_d20_many_records_are_cut_and_counted() {
    let five_hundred: String = (0..500).rev().map(|i| format!("@ IN MX {i} mx{i}\n")).collect();
    let world = zone(&five_hundred).await;
    let dns = client(world.addr);
    let seen = dns.domain(&domain()).await;
    assert!(seen.truncated && seen.mx_records().len() == 20 && seen.mx_records()[19].preference == 19, "D18");
    assert_eq!(dns.mx(&domain()).await.records().unwrap().map(Vec::len), Some(500), "D18");
    let two_hundred: String = (0..200).map(|i| format!("mx IN A 203.0.114.{i}\n")).collect();
    let seen = super::looked_up(zone(&format!("@ IN MX 10 mx\n{two_hundred}"))).await;
    assert!(seen.truncated, "D19");
    let host = seen.hosts.values().next().unwrap();
    assert_eq!(host.a.records().unwrap().map(Vec::len), Some(32), "D19");
    let fifty: String = (0..50).map(|i| format!("@ IN MX {i} mx{i}\nmx{i} IN A 203.0.114.1\n")).collect();
    let seen = super::looked_up(zone(&fifty)).await;
    assert_eq!((seen.hosts.len(), seen.truncated), (20, true), "D20");
}

#[tokio::test]
async fn d27_an_answer_of_64_kib_is_bounded() {
    let texts: String = (0..200).map(|i| format!("@ IN TXT \"{i}{}\"\n", "x".repeat(200))).collect();
    let seen = super::looked_up(zone(&format!("{SOUND}\n{texts}"))).await;
    assert_eq!(says(seen), "pass, pass, pass, pass");
    let many: String = (0..2_000).map(|i| format!("@ IN MX {i} a-long-name-to-fill-it-{i}\n")).collect();
    let seen = super::looked_up(zone(&many)).await;
    assert!(seen.mx_records().len() <= 20);
    assert!(format!("{seen:?}").len() < 32 * 1_024);
}

#[tokio::test]
async fn d31_no_search_list_applies() {
    let world = World::serving("test.", "example.test IN MX 10 evil\nexample IN TXT x").await;
    client(world.addr).domain(&DomainName::parse("nosuch.example").unwrap()).await;
    let asked: Vec<_> = world.lookups().into_iter().map(|lookup| lookup.name).collect();
    assert_eq!(asked, ["nosuch.example."], "asked by its full name, and by no other");
}

#[tokio::test]
async fn d40_no_time_to_live_makes_a_storm_of_questions() {
    for ttl in ["0", "2147483647", "1"] {
        let world = zone(&format!("$TTL {ttl}\n{SOUND}")).await;
        let dns = client(world.addr);
        for _ in 0..50 {
            assert!(matches!(dns.domain(&domain()).await.mx.outcome, Outcome::Answer(_)));
        }
        assert_eq!(world.asked("example.test.", MX), 1, "a TTL of {ttl}");
    }
}

#[tokio::test]
async fn d42_a_resolver_that_dies_and_comes_back() {
    let mut world = zone(SOUND).await;
    let dns = client(world.addr);
    assert_eq!(says(dns.domain(&domain()).await), "pass, pass, pass, pass");
    world.stop().await;
    let other = DomainName::parse("other.test").unwrap();
    let seen = dns.domain(&other).await;
    assert!(seen.mx.records().is_err(), "{:?}", seen.mx.outcome);
    assert!(seen.mx.took < Duration::from_secs(2));
}
