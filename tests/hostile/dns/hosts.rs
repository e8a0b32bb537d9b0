//! Where MX records point, and who may be contacted there.

use super::{all, client, domain, outcomes, zone};
use crate::meet::testing;
use crate::support::dns::Dns as World;
use hickory_proto::rr::RecordType::{A, AAAA};
use mx_exporter::observe::{DomainDns, MxTarget};
use std::net::{IpAddr, SocketAddr};

#[tokio::test]
async fn where_records_point() {
    all(vec![
        (
            "D13 an alias",
            zone("@ IN MX 10 mx\nmx IN CNAME real\nreal IN A 203.0.114.1\nreal IN AAAA 2001:4860::1"),
            "answer, mx.example.test answer answer",
            "pass, pass, mx.cname, pass",
        ),
        (
            "D13 an alias that leads nowhere",
            zone("@ IN MX 10 mx\nmx IN CNAME nowhere.test."),
            "answer, mx.example.test no_such_name no_such_name",
            "pass, pass, mx.cname+mx.unresolved, -",
        ),
        (
            "D13 an alias without an end",
            zone("@ IN MX 10 mx\nmx IN CNAME b\nb IN CNAME mx"),
            "answer, mx.example.test loop loop",
            "pass, pass, mx.cname, ?dns_failure",
        ),
        ("D14 an address", zone("@ IN MX 10 203.0.114.1."), "answer", "pass, pass, mx.ip_literal, -"),
        (
            "D15 localhost",
            zone("@ IN MX 10 localhost."),
            "answer, localhost no_such_name no_such_name",
            "pass, pass, mx.unresolved, -",
        ),
        (
            "D15 localhost with an address",
            zone("@ IN MX 10 localhost.").and_zone("localhost.", "@ IN A 127.0.0.1"),
            "answer, localhost answer no_data",
            "pass, pass, pass, ipv6.no_address",
        ),
        (
            "D16 a private address",
            zone("@ IN MX 10 mx\nmx IN A 10.0.0.1"),
            "answer, mx.example.test answer no_data",
            "pass, pass, pass, ipv6.no_address",
        ),
        (
            "D16 private, beside a public one",
            zone("@ IN MX 10 mx\nmx IN A 10.0.0.1\nmx IN A 203.0.114.1"),
            "answer, mx.example.test answer no_data",
            "pass, pass, pass, ipv6.no_address",
        ),
        (
            "D26 no address",
            zone("@ IN MX 10 mx\nmx IN TXT x"),
            "answer, mx.example.test no_data no_data",
            "pass, pass, mx.unresolved, -",
        ),
        (
            "D26 no such name",
            zone("@ IN MX 10 mx"),
            "answer, mx.example.test no_such_name no_such_name",
            "pass, pass, mx.unresolved, -",
        ),
        (
            "D26 IPv4, IPv6 fails",
            zone("@ IN MX 10 mx\nmx IN A 203.0.114.1").servfail(("mx.example.test.", AAAA)),
            "answer, mx.example.test answer server_failure",
            "pass, pass, pass, ?dns_failure",
        ),
        (
            "D26 IPv6, IPv4 fails",
            zone("@ IN MX 10 mx\nmx IN AAAA 2001:4860::1").servfail(("mx.example.test.", A)),
            "answer, mx.example.test server_failure answer",
            "pass, pass, pass, pass",
        ),
        (
            "D26 both fail",
            zone("@ IN MX 10 mx").servfail("mx.example.test."),
            "answer, mx.example.test server_failure server_failure",
            "pass, pass, ?dns_failure, ?dns_failure",
        ),
        (
            "D28 mixed case",
            zone("@ IN MX 10 MX.Example.TEST.\nmx IN A 203.0.114.1"),
            "answer, mx.example.test answer no_data",
            "pass, pass, pass, ipv6.no_address",
        ),
        (
            "D28 an underscore",
            zone("@ IN MX 10 _mx\n_mx IN A 203.0.114.1"),
            "answer, _mx.example.test answer no_data",
            "pass, pass, mx.bad_name, ipv6.no_address",
        ),
        ("D28 an escaped dot", zone("@ IN MX 10 mx\\.a"), "answer", "pass, pass, mx.bad_name, -"),
        (
            "D28 twice the same",
            zone("@ IN MX 10 mx\n@ IN MX 20 MX\nmx IN A 203.0.114.1"),
            "answer, mx.example.test answer no_data",
            "pass, pass, mx.duplicate, ipv6.no_address",
        ),
    ])
    .await;
}

#[tokio::test]
async fn d14_a_literal_is_never_taken_for_an_address() {
    let world = zone("@ IN MX 10 203.0.114.1.").await;
    let seen = client(world.addr).domain(&domain()).await;
    assert!(matches!(seen.mx_records()[0].target, MxTarget::IpLiteral(_)));
    assert!(seen.hosts.is_empty() && world.lookups().len() == 1, "{:?}", world.lookups());
}

#[tokio::test]
async fn d15_d16_d17_nobody_is_contacted_off_the_public_internet() {
    for address in [
        "127.0.0.1",
        "127.255.0.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "fd00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "64:ff9b::a00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:a00:1::1",
        "2002:7f00:1::1",
        "2001:db8::1",
    ] {
        let mut meeting = testing();
        meeting.network.allow_targets.clear();
        let met = meeting.at(SocketAddr::new(address.parse::<IpAddr>().unwrap(), 25)).await;
        let want = ("RBESHANPOXT -", "");
        assert_eq!(met.differs(address, "not_public@connect; all (not_public@connect)", want), None);
        assert_eq!(met.codes(), ["smtp.mx.non_public_address"], "{address}");
    }
}

#[tokio::test]
async fn d16_a_lab_is_contacted_when_it_is_allowed() {
    let script = crate::smtp::goodbye(crate::smtp::greeted().say("250 mx"));
    let met = crate::meet::looking().on_socket(script).await;
    assert_eq!(met.gist(), "220 250 not offered");
}

/// The first answer is public, the second is not: the address that is connected to is the one that is judged.
#[tokio::test]
async fn d17_rebinding() {
    let world = World::serving("example.test.", "$TTL 0\n@ IN MX 10 mx\nmx IN A 203.0.114.1").await;
    let dns = client(world.addr);
    let seen = dns.domain(&domain()).await;
    world.change_zone("example.test.", "$TTL 0\n@ IN MX 10 mx\nmx IN A 127.0.0.1");
    let again = dns.domain(&domain()).await;
    assert_eq!(outcomes(&seen), outcomes(&again));
    assert_eq!(addresses(&seen), addresses(&again), "an answer is kept for a minute at least");
    let asked = world.asked("mx.example.test.", A);
    let mut meeting = testing();
    meeting.network.allow_targets.clear();
    let met = meeting.at("127.0.0.1:25".parse().unwrap()).await;
    assert_eq!(met.gist(), "not_public@connect");
    assert_eq!(world.asked("mx.example.test.", A), asked, "a session looks nothing up");
}

fn addresses(seen: &DomainDns) -> Vec<IpAddr> {
    seen.hosts.values().flat_map(|host| host.addresses().unwrap()).collect()
}

#[tokio::test]
async fn d32_the_hosts_file_plays_no_part() {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let names = hosts
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>());
    for name in names.chain(["localhost".to_owned()]) {
        let Ok(host) = mx_exporter::name::DomainName::parse(&name) else { continue };
        let world = World::serving("example.test.", "").await;
        let seen = client(world.addr).domain(&host).await;
        assert_eq!(seen.mx.outcome.as_str(), "no_such_name", "{name}");
    }
}
