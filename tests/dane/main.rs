//! TLSA records as the DNS probe looks them up, and zones whose signatures do not hold. Each test has name servers of its
//! own, with a signed root.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod cost;
#[path = "../support/mod.rs"]
mod support;

use hickory_proto::dnssec::Nsec3HashAlgorithm;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use mx_exporter::name::{DomainName, MxName};
use mx_exporter::observe::{Dnssec, DomainDns, HostDns, Outcome, PeerText, Published, Tlsa};
use mx_exporter::probe::dns::{Dns, DnsSettings, Timeouts};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::dns::{Dns as World, Flaw, NxProofKind, Trouble};

const DIGEST: &str = "1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e";

#[tokio::test]
async fn records_of_a_signed_host_are_looked_up_by_its_port() {
    let records = format!(
        "@ IN MX 10 mx\nmx IN A 192.0.2.1\n_25._tcp.mx IN TLSA 3 1 1 {DIGEST}\n_25._tcp.mx IN TLSA 2 0 2 {DIGEST}{DIGEST}\n\
         _2525._tcp.mx IN TLSA 1 9 7 00"
    );
    let world = World::serving_signed("example.test.", &records).await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    assert_eq!(texts(&host), [format!("2 0 2 {}… (64 octets)", DIGEST), format!("3 1 1 {DIGEST}")]);
    assert!(matches!(host.dane(), Ok(Published::Records(_))));
    let host = only_host(validating(&world).for_port(2525).domain(&name("example.test")).await);
    assert_eq!(texts(&host), ["1 9 7 00"]);
    assert_eq!(world.asked("_25._tcp.mx.example.test.", RecordType::TLSA), 1);
}

#[tokio::test]
async fn a_denial_is_known_to_be_one() {
    let world = World::serving_signed("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1").await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    assert_eq!(host.dane(), Ok(Published::Absent));
}

#[tokio::test]
async fn unsigned_hosts_are_not_asked_for() {
    let world = World::serving_signed("example.test.", "@ IN MX 10 mx.plain.test.")
        .and_zone("plain.test.", &format!("mx IN A 192.0.2.1\n_25._tcp.mx IN TLSA 3 1 1 {DIGEST}"))
        .await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    assert_eq!(host.dane(), Ok(Published::Insecure("the addresses")));
    assert_eq!(world.asked("_25._tcp.mx.plain.test.", RecordType::TLSA), 0);
    let unvalidated =
        Dns::new(&DnsSettings { nameservers: vec![world.addr], dnssec: false, trust_anchor: None }).unwrap();
    let host = only_host(unvalidated.domain(&name("example.test")).await);
    assert!(host.tlsa.is_empty() && host.dane().is_err());
}

#[tokio::test]
async fn records_are_taken_from_the_end_of_signed_cnames_then_from_their_beginning() {
    let own = format!("_25._tcp.mx IN TLSA 3 1 1 {DIGEST}");
    let other = format!("_25._tcp.host IN TLSA 2 1 1 {DIGEST}");
    let none = String::new();
    for (at_own, at_end, want, asked) in [
        (&own, &other, "2 1 1", vec!["host.other.test"]),
        (&own, &none, "3 1 1", vec!["host.other.test", "mx.example.test"]),
        (&none, &none, "", vec!["host.other.test", "mx.example.test"]),
    ] {
        let records = format!("@ IN MX 10 mx\nmx IN CNAME host.other.test.\n{at_own}");
        let world = World::serving_signed("example.test.", &records)
            .and_signed_zone("other.test.", &format!("host IN A 192.0.2.1\n{at_end}"))
            .await;
        let host = only_host(validating(&world).domain(&name("example.test")).await);
        assert_eq!(
            texts(&host).join(""),
            if want.is_empty() { String::new() } else { format!("{want} {DIGEST}") }
        );
        let bases: Vec<&str> = host.tlsa.iter().map(|lookup| lookup.base.as_str()).collect();
        assert_eq!(bases, asked);
    }
}

#[tokio::test]
async fn a_signed_cname_into_an_unsigned_zone_has_its_own_records() {
    let records = format!(
        "@ IN MX 10 mx\nmx IN CNAME host.plain.test.\n_25._tcp.mx IN TLSA 3 1 1 {DIGEST}\nwww IN MX 10 host.plain.test."
    );
    let world = World::serving_signed("example.test.", &records)
        .and_zone("plain.test.", "host IN CNAME end\nend IN A 192.0.2.1")
        .await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    assert_eq!(host.a.dnssec, Dnssec::Insecure);
    assert_eq!(texts(&host), [format!("3 1 1 {DIGEST}")]);
    let host = only_host(validating(&world).domain(&name("www.example.test")).await);
    assert_eq!(host.dane(), Ok(Published::Insecure("the addresses")), "the first CNAME is not signed");
}

#[tokio::test]
async fn records_in_an_unsigned_zone_of_their_own_do_not_count() {
    let world = World::serving_signed("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1")
        .and_zone("_tcp.mx.example.test.", &format!("_25 IN TLSA 3 1 1 {DIGEST}"))
        .await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    assert_eq!(host.dane(), Ok(Published::Insecure("the TLSA records")));
}

#[tokio::test]
async fn of_endless_records_a_few_are_kept_and_the_others_counted() {
    let long = "ab".repeat(9_000);
    let many: Vec<String> =
        (0..100).map(|n| format!("_25._tcp.mx IN TLSA 3 1 1 {n:02x}{}", &DIGEST[2..])).collect();
    let records =
        format!("@ IN MX 10 mx\nmx IN A 192.0.2.1\n_25._tcp.mx IN TLSA 2 0 0 {long}\n{}", many.join("\n"));
    let world = World::serving_signed("example.test.", &records).await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    let Ok(Published::Records(found)) = host.dane() else { panic!("{host:?}") };
    assert_eq!((found.records().len(), found.more), (64, 37));
    let longest = found.records().iter().max_by_key(|record| record.data.len()).unwrap();
    assert!(longest.malformed && longest.data.len() == 8_192, "{longest}");
}

/// The wildcard is known by the signatures, wherever it stands and whatever denies closer names.
#[tokio::test]
async fn d30_records_of_a_wildcard_count_and_are_told_from_others() {
    let tlsa = format!("IN TLSA 3 1 1 {DIGEST}");
    for (published, wildcard, is_stray) in [
        (format!("_25._tcp.mx {tlsa}\n*._tcp.mx IN TXT x"), None, false),
        (format!("*._tcp.mx {tlsa}"), Some("*._tcp.mx.zone.test"), false),
        (format!("*.mx {tlsa}"), Some("*.mx.zone.test"), true),
        (format!("*.mx IN CNAME tlsa\ntlsa {tlsa}"), Some("*.mx.zone.test"), true),
    ] {
        for proof in [NxProofKind::Nsec, nsec3(0, false)] {
            let world =
                world().and_zone_denied_by("zone.test.", &format!("{ZONE}\n{published}"), proof.clone());
            let host = beside(world).await;
            let Ok(Published::Records(found)) = host.dane() else {
                panic!("{published}, {proof:?}: {host:?}")
            };
            assert_eq!(texts(&host), [format!("3 1 1 {DIGEST}")], "{published}");
            assert_eq!(found.wildcard.as_ref().map(PeerText::as_str), wildcard, "{published}, {proof:?}");
            assert_eq!(found.stray_wildcard().is_some(), is_stray, "{published}");
        }
    }
}

#[tokio::test]
async fn d30_a_wildcard_of_everything_is_of_hosts_that_nobody_published() {
    let everything = format!("* IN A 192.0.2.2\n* IN AAAA 2001:db8::2\n* IN TLSA 3 1 1 {DIGEST}");
    let world = World::serving_signed("example.test.", &format!("@ IN MX 10 made-up\n{everything}")).await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    let Ok(Published::Records(found)) = host.dane() else { panic!("{host:?}") };
    assert_eq!(found.stray_wildcard().map(PeerText::as_str), Some("*.example.test"));
}

/// A name server that expands a wildcard where a closer name exists (RFC 4592 §3.3.1) is not believed: who validates
/// takes that for forged.
#[tokio::test]
async fn d30_a_wildcard_behind_a_closer_name_is_bogus() {
    let records = format!("@ IN MX 10 mx\nmx IN A 192.0.2.1\n* IN TLSA 3 1 1 {DIGEST}");
    let world = World::serving_signed("example.test.", &records).await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    assert!(matches!(host.dane(), Ok(Published::Bogus(_))), "{host:?}");
}

#[tokio::test]
async fn look_ups_that_fail_are_told_from_bogus_ones() {
    let records = "@ IN MX 10 mx\nmx IN A 192.0.2.1";
    let tlsa = ("_25._tcp.mx.example.test.", RecordType::TLSA);
    for trouble in
        [Trouble::Code(ResponseCode::ServFail), Trouble::Code(ResponseCode::NotImp), Trouble::NoAnswer]
    {
        let world = World::serving_signed("example.test.", records).trouble(tlsa, trouble).await;
        let host = only_host(validating_impatiently(&world).domain(&name("example.test")).await);
        assert!(matches!(host.dane(), Ok(Published::Unseen(..))), "{trouble:?}: {host:?}");
    }
    let world = World::serving_signed("example.test.", records)
        .and_bogus_zone("_tcp.mx.example.test.", &format!("_25 IN TLSA 3 1 1 {DIGEST}"))
        .await;
    let host = only_host(validating(&world).domain(&name("example.test")).await);
    assert!(matches!(host.dane(), Ok(Published::Bogus(_))), "{host:?}");
}

/// A domain whose MX lies in another zone: its addresses tell what became of that one.
async fn beside(world: support::dns::Plan) -> HostDns {
    let world = world.and_signed_zone("example.test.", "@ IN MX 10 mx.zone.test.").await;
    only_host(validating(&world).domain(&name("example.test")).await)
}

const ZONE: &str = "mx IN A 192.0.2.1";

fn world() -> support::dns::Plan {
    World::serving_signed("other.test.", "")
}

#[tokio::test]
async fn d33_signatures_that_do_not_hold_are_bogus_and_dane_is_no_question() {
    for flaw in [Flaw::Spoilt, Flaw::Expired, Flaw::Missing, Flaw::WrongKey] {
        let host = beside(world().and_flawed_zone("zone.test.", ZONE, flaw)).await;
        assert_eq!((&host.a.outcome, host.a.dnssec), (&Outcome::ServerFailure, Dnssec::Bogus), "{flaw:?}");
        assert!(host.tlsa.is_empty(), "{flaw:?}");
    }
}

fn nsec3(iterations: u16, opt_out: bool) -> NxProofKind {
    NxProofKind::Nsec3 { algorithm: Nsec3HashAlgorithm::SHA1, salt: [0xab].into(), iterations, opt_out }
}

/// All signatures fit; what the library calls bogus for the number alone is so only where the resolver says so, too.
#[tokio::test]
async fn d35_denials_by_nsec3_count_as_far_as_their_iterations_are_few() {
    for (iterations, want) in
        [(0, Dnssec::Secure), (100, Dnssec::Secure), (101, Dnssec::Insecure), (501, Dnssec::Unchecked)]
    {
        let world = world().and_zone_denied_by("zone.test.", ZONE, nsec3(iterations, false)).await;
        let seen = validating(&world).mx(&name("mx.zone.test")).await;
        assert_eq!(seen.dnssec, want, "{iterations}: {seen:?}");
        assert_eq!(seen.outcome, Outcome::NoData, "{iterations}");
    }
}

#[tokio::test]
async fn d35_unsigned_children_are_insecure_under_opt_out_too() {
    for opt_out in [false, true] {
        let world = world()
            .and_zone_denied_by("parent.", "", nsec3(0, opt_out))
            .and_zone("child.parent.", "@ IN MX 10 mx\nmx IN A 192.0.2.1")
            .await;
        let host = only_host(validating(&world).domain(&name("child.parent")).await);
        assert_eq!((host.a.records().is_ok(), host.a.dnssec), (true, Dnssec::Insecure), "opt-out {opt_out}");
    }
}

#[tokio::test]
async fn d35_many_iterations_above_an_unsigned_child_make_nothing_bogus() {
    for (iterations, want) in [(101, Dnssec::Insecure), (500, Dnssec::Insecure), (501, Dnssec::Unchecked)] {
        for opt_out in [false, true] {
            let world = world()
                .and_zone_denied_by("parent.", "", nsec3(iterations, opt_out))
                .and_zone("child.parent.", "@ IN MX 10 mx\nmx IN A 192.0.2.1")
                .await;
            let seen = validating(&world).mx(&name("child.parent")).await;
            assert!(matches!(seen.outcome, Outcome::Answer(_)), "{iterations}, opt-out {opt_out}: {seen:?}");
            assert_eq!(seen.dnssec, want, "{iterations}, opt-out {opt_out}");
        }
    }
}

#[tokio::test]
async fn d35_many_iterations_above_a_broken_child_excuse_nothing() {
    let world = world()
        .and_zone_denied_by("parent.", "", nsec3(500, false))
        .and_flawed_zone("child.parent.", "@ IN MX 10 mx", Flaw::Spoilt)
        .await;
    assert_eq!(validating(&world).mx(&name("child.parent")).await.dnssec, Dnssec::Bogus);
}

#[tokio::test]
async fn d35_many_iterations_beside_a_wildcard_hide_no_records() {
    for (iterations, want) in [(0, Dnssec::Secure), (101, Dnssec::Insecure), (501, Dnssec::Unchecked)] {
        let records = "* IN MX 10 mx\nmx IN A 192.0.2.1";
        let world = world().and_zone_denied_by("zone.test.", records, nsec3(iterations, false)).await;
        let seen = validating(&world).mx(&name("any.zone.test")).await;
        assert!(matches!(seen.outcome, Outcome::Answer(_)), "{iterations}: {seen:?}");
        assert_eq!(seen.dnssec, want, "{iterations}");
    }
}

#[tokio::test]
async fn d38_a_zone_with_keys_of_two_algorithms_is_secure() {
    let host = beside(world().and_zone_signed_twice("zone.test.", ZONE)).await;
    assert_eq!((host.a.dnssec, host.aaaa.dnssec), (Dnssec::Secure, Dnssec::Secure));
    assert_eq!(host.dane(), Ok(Published::Absent));
}

// Helpers

fn validating(world: &World) -> Dns {
    Dns::new(&settings(world)).unwrap()
}

fn validating_impatiently(world: &World) -> Dns {
    let ms = Duration::from_millis;
    let timeouts = Timeouts { attempt: ms(150), name: ms(1_500), domain: ms(5_000) };
    Dns::with_timeouts(&settings(world), timeouts).unwrap()
}

/// The same behind another resolver.
fn validating_at(resolver: SocketAddr, world: &World) -> Dns {
    Dns::new(&DnsSettings { nameservers: vec![resolver], ..settings(world) }).unwrap()
}

fn settings(world: &World) -> DnsSettings {
    let anchor = file(world.trust_anchor());
    DnsSettings { nameservers: vec![world.addr], dnssec: true, trust_anchor: Some(anchor) }
}

/// A new file.
fn file(content: &str) -> PathBuf {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dane-{number}.key"));
    std::fs::write(&path, content).unwrap();
    path
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn only_host(seen: DomainDns) -> HostDns {
    let mut hosts = seen.hosts.into_iter().collect::<Vec<(MxName, HostDns)>>();
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    hosts.remove(0).1
}

/// The records that count.
fn texts(host: &HostDns) -> Vec<String> {
    match host.dane() {
        Ok(Published::Records(found)) => found.records().iter().map(Tlsa::to_string).collect(),
        _ => vec![],
    }
}
