//! What the DNS probe makes of answers, of their absence and of trouble. Each test has a DNS server of its own.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod support;

use hickory_proto::dnssec::Nsec3HashAlgorithm;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use mx_exporter::name::{DomainName, MxName};
use mx_exporter::observe::{Dnssec, DomainDns, HostDns, Lookup, MxRecord, MxTarget, Outcome};
use mx_exporter::probe::dns::{Dns, DnsSettings, Timeouts};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::dns::{Dns as World, NxProofKind, Trouble};
use tokio::net::UdpSocket;
use tokio::time::Instant;

// MX records

#[tokio::test]
async fn mx_records_come_in_preference_order() {
    let world = World::serving(
        "example.test.",
        "@ IN MX 20 b\n@ IN MX 5 c\n@ IN MX 20 a\na IN A 192.0.2.1\nb IN A 192.0.2.2\nc IN AAAA 2001:db8::3",
    )
    .await;
    let seen = asking(&world).domain(&name("example.test")).await;
    assert_eq!(written(&seen.mx), ["5 c.example.test", "20 a.example.test", "20 b.example.test"]);
    assert_eq!(hosts(&seen), ["a.example.test", "b.example.test", "c.example.test"]);
    assert_eq!(seen.hosts[&mx("c.example.test")].aaaa.outcome, answer(["2001:db8::3"]));
    assert_eq!(seen.hosts[&mx("c.example.test")].a.outcome, Outcome::NoData);
    assert_eq!(seen.mx.dnssec, Dnssec::Unchecked);
    assert!(!seen.implicit && !seen.truncated && !seen.is_null_mx());
}

#[tokio::test]
async fn targets_are_told_apart_and_only_hosts_are_asked_for() {
    for (records, want, want_hosts) in [
        ("@ IN MX 0 .", &["0 null"][..], &[][..]),
        ("@ IN MX 0 .\n@ IN MX 10 mx", &["0 null", "10 mx.example.test"], &["mx.example.test"]),
        ("@ IN MX 10 192.0.2.1.", &["10 literal 192.0.2.1"], &[]),
        ("@ IN MX 10 mx\\.a", &["10 bad mx\\\\.a.example.test"], &[]),
        ("@ IN MX 10 _mx", &["10 _mx.example.test"], &["_mx.example.test"]),
        ("@ IN MX 10 MX", &["10 mx.example.test"], &["mx.example.test"]),
        ("@ IN MX 10 mx\n@ IN MX 20 mx", &["10 mx.example.test", "20 mx.example.test"], &["mx.example.test"]),
    ] {
        let world = World::serving("example.test.", records).await;
        let seen = asking(&world).domain(&name("example.test")).await;
        assert_eq!(written(&seen.mx), want, "{records}");
        assert_eq!(hosts(&seen), want_hosts, "{records}");
        assert_eq!(seen.is_null_mx(), records == "@ IN MX 0 .", "{records}");
        assert!(!seen.implicit, "{records}");
        assert_eq!(world.lookups().len(), 1 + 2 * want_hosts.len(), "{records}: {:?}", world.lookups());
    }
}

#[tokio::test]
async fn how_a_look_up_ends_is_kept_and_only_a_clean_denial_leads_to_the_implicit_mx() {
    for (trouble, want) in [
        (None, Outcome::NoData),
        (Some(ResponseCode::NXDomain), Outcome::NoSuchName),
        (Some(ResponseCode::ServFail), Outcome::ServerFailure),
        (Some(ResponseCode::NotAuth), Outcome::ServerFailure),
        (Some(ResponseCode::Refused), Outcome::Refused),
        (Some(ResponseCode::NotImp), Outcome::Refused),
        (Some(ResponseCode::FormErr), Outcome::Refused),
    ] {
        let world = World::serving("example.test.", "@ IN A 192.0.2.1").await;
        if let Some(code) = trouble {
            world.trouble(("example.test.", RecordType::MX), Trouble::Code(code));
        }
        let seen = asking(&world).domain(&name("example.test")).await;
        assert_eq!(seen.mx.outcome, want, "{trouble:?}");
        assert_eq!(seen.implicit, trouble.is_none(), "{trouble:?}");
        let own = if seen.implicit { &["example.test"][..] } else { &[] };
        assert_eq!(hosts(&seen), own, "{trouble:?}");
        assert_eq!(world.asked("example.test.", RecordType::A), own.len(), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_domain_that_does_not_exist_is_asked_for_by_its_full_name_once() {
    let world = World::serving("example.test.", "").await;
    for domain in ["nosuch", "nosuch.example.test"] {
        let seen = asking(&world).domain(&name(domain)).await;
        assert_eq!(seen.mx.outcome, Outcome::NoSuchName);
        assert!(!seen.implicit && seen.hosts.is_empty());
    }
    let asked: Vec<_> = world.lookups().into_iter().map(|lookup| lookup.name).collect();
    assert_eq!(asked, ["nosuch.", "nosuch.example.test."]);
}

#[tokio::test]
async fn the_implicit_mx_has_the_domains_own_addresses() {
    let world = World::serving("example.test.", "@ IN A 192.0.2.1\nbare IN TXT x").await;
    let dns = asking(&world);
    let seen = dns.domain(&name("example.test")).await;
    assert_eq!(seen.hosts[&mx("example.test")].a.outcome, answer(["192.0.2.1"]));
    let bare = dns.domain(&name("bare.example.test")).await;
    assert!(bare.implicit);
    assert_eq!(bare.hosts[&mx("bare.example.test")].a.outcome, Outcome::NoData);
}

#[tokio::test]
async fn a_referral_is_not_a_denial() {
    let world = World::serving("test.", "example IN NS ns.example\nns.example IN A 192.0.2.53").await;
    let seen = asking(&world).domain(&name("example.test")).await;
    assert_eq!(seen.mx.outcome, Outcome::ServerFailure);
    assert!(!seen.implicit);
}

// Hosts

#[tokio::test]
async fn the_trouble_of_one_family_is_not_the_others() {
    let world = World::serving("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1\nmx IN AAAA 2001:db8::1")
        .servfail(("mx.example.test.", RecordType::AAAA))
        .await;
    let seen = only_host(asking(&world).domain(&name("example.test")).await);
    assert_eq!(seen.a.outcome, answer(["192.0.2.1"]));
    assert_eq!(seen.aaaa.outcome, Outcome::ServerFailure);
}

#[tokio::test]
async fn cnames_are_followed_and_written_down() {
    let world = World::serving(
        "example.test.",
        "@ IN MX 10 mx\nmx IN CNAME mx2\nmx2 IN CNAME mail.other.test.\n\
         dangling IN MX 10 gone\ngone IN CNAME nowhere.other.test.",
    )
    .and_zone("other.test.", "mail IN A 192.0.2.1")
    .await;
    let dns = asking(&world);
    let seen = only_host(dns.domain(&name("example.test")).await);
    assert_eq!(aliases(&seen), ["mx2.example.test", "mail.other.test"]);
    assert_eq!(seen.a.outcome, answer(["192.0.2.1"]));
    assert_eq!(seen.aaaa.outcome, Outcome::NoData);
    let gone = only_host(dns.domain(&name("dangling.example.test")).await);
    assert_eq!(aliases(&gone), ["nowhere.other.test"]);
    assert_eq!((gone.a.outcome, gone.aaaa.outcome), (Outcome::NoSuchName, Outcome::NoSuchName));
}

#[tokio::test]
async fn a_chain_without_an_end_is_a_loop() {
    let long: String = (0..30).map(|i| format!("c{i} IN CNAME c{}\n", i + 1)).collect();
    for (records, first) in [
        ("mx IN CNAME mx", "mx"),
        ("mx IN CNAME b\nb IN CNAME mx", "b"),
        ("mx IN CNAME a\na IN CNAME b\nb IN CNAME a", "a"),
        (&format!("mx IN CNAME c0\n{long}c30 IN A 192.0.2.1"), "c0"),
    ] {
        let world = World::serving("example.test.", &format!("@ IN MX 10 mx\n{records}")).await;
        let seen = only_host(asking(&world).domain(&name("example.test")).await);
        assert_eq!((&seen.a.outcome, &seen.aaaa.outcome), (&Outcome::Loop, &Outcome::Loop), "{records}");
        assert_eq!(aliases(&seen)[0], format!("{first}.example.test"), "{records}");
        assert!(seen.aliases.len() <= 16, "{records}");
    }
}

#[tokio::test]
async fn a_loop_is_seen_although_the_resolver_gives_up_on_it() {
    let plan = World::serving("example.test.", "@ IN MX 10 mx\nmx IN CNAME b\nb IN CNAME mx");
    let gives_up = [RecordType::A, RecordType::AAAA].into_iter().fold(plan, |plan, kind| {
        plan.servfail(("mx.example.test.", kind)).servfail(("b.example.test.", kind))
    });
    let world = gives_up.await;
    let seen = only_host(asking(&world).domain(&name("example.test")).await);
    assert_eq!((seen.a.outcome, seen.aaaa.outcome), (Outcome::Loop, Outcome::Loop));
}

#[tokio::test]
async fn a_domain_that_is_a_loop_has_no_implicit_mx() {
    let world = World::serving("test.", "example IN CNAME b.example\nb.example IN CNAME example").await;
    let seen = asking(&world).domain(&name("example.test")).await;
    assert_eq!(seen.mx.outcome, Outcome::Loop);
    assert!(!seen.implicit && seen.hosts.is_empty());
}

#[tokio::test]
async fn a_domain_may_be_an_alias_itself() {
    let world = World::serving("test.", "example IN CNAME real\nreal IN MX 10 mx\nmx IN A 192.0.2.1").await;
    let seen = asking(&world).domain(&name("example.test")).await;
    assert_eq!(written(&seen.mx), ["10 mx.test"]);
}

#[tokio::test]
async fn names_that_libraries_answer_by_themselves_are_asked_for() {
    let world = World::serving("example.test.", "@ IN MX 10 localhost.\n@ IN MX 20 mx.invalid.")
        .and_zone("localhost.", "@ IN A 192.0.2.7")
        .and_zone("invalid.", "mx IN A 192.0.2.8")
        .and_ptr("127.0.0.2", "mx.invalid.")
        .await;
    let dns = asking(&world);
    let seen = dns.domain(&name("example.test")).await;
    assert_eq!(seen.hosts[&mx("localhost")].a.outcome, answer(["192.0.2.7"]));
    assert_eq!(seen.hosts[&mx("mx.invalid")].a.outcome, answer(["192.0.2.8"]));
    let ptr = dns.ptr([127, 0, 0, 2].into()).await;
    assert_eq!(texts(&ptr.names), ["mx.invalid"]);
    assert_eq!(dns.ptr([127, 0, 0, 1].into()).await.names.outcome, Outcome::NoSuchName);
}

// Bounds

#[tokio::test]
async fn of_many_mx_records_the_twenty_preferred_are_kept() {
    let records: String = (0..500).rev().map(|i| format!("@ IN MX {i} mx{i}\n")).collect();
    let world = World::serving("example.test.", &records).await;
    let dns = asking(&world);
    let seen = dns.domain(&name("example.test")).await;
    let want: Vec<_> = (0..20).map(|i| format!("{i} mx{i}.example.test")).collect();
    assert_eq!(written(&seen.mx), want);
    assert_eq!(seen.hosts.len(), 20);
    assert!(seen.truncated);
    assert!(world.lookups()[1].over_tcp, "500 records do not fit into a datagram");
    assert_eq!(dns.mx(&name("example.test")).await.records().unwrap().map(Vec::len), Some(500));
}

#[tokio::test]
async fn of_very_many_addresses_the_same_are_kept_in_every_run() {
    let records: String = (0..200).map(|i| format!("mx IN A 192.0.2.{i}\n")).collect();
    let world = World::serving("example.test.", &format!("@ IN MX 10 mx\n{records}")).await;
    for _ in 0..3 {
        let seen = asking(&world).domain(&name("example.test")).await;
        assert!(seen.truncated);
        let want: Vec<_> = (0..32).map(|i| Ipv4Addr::new(192, 0, 2, i)).collect();
        assert_eq!(
            only_host(seen).a.outcome,
            Outcome::Answer(want),
            "a pool, visited at one of them at a time"
        );
    }
}

#[tokio::test]
async fn every_host_has_its_share_of_thirty_two_endpoints() {
    for (hosts, v4, v6, kept, share) in [
        (2, 8, 8, 2, 8),
        (3, 8, 8, 3, 5),
        (5, 8, 2, 5, 4),
        (16, 3, 3, 16, 1),
        (20, 1, 0, 20, 1),
        (20, 1, 1, 16, 1),
    ] {
        let records: String = (0..hosts)
            .map(|host| {
                let a: String = (0..v4).map(|i| format!("mx{host} IN A 10.0.{host}.{i}\n")).collect();
                let aaaa: String = (0..v6).map(|i| format!("mx{host} IN AAAA fd00::{host}:{i}\n")).collect();
                format!("@ IN MX {host} mx{host}\n{a}{aaaa}")
            })
            .collect();
        let world = World::serving("example.test.", &records).await;
        let seen = asking(&world).domain(&name("example.test")).await;
        let case = format!("{hosts} hosts, {v4} and {v6} addresses each");
        assert_eq!(seen.mx_records().len(), hosts, "{case}");
        assert_eq!(seen.hosts.len(), kept, "{case}");
        assert!((0..kept).all(|i| seen.hosts.contains_key(&mx(&format!("mx{i}.example.test")))), "{case}");
        assert_eq!(seen.truncated, share < v4.max(v6) || kept < hosts, "{case}");
        for host in seen.hosts.values() {
            assert_eq!(host.a.records().unwrap().map_or(0, Vec::len), v4.min(share), "{case}");
            assert_eq!(host.aaaa.records().unwrap().map_or(0, Vec::len), v6.min(share), "{case}");
        }
    }
}

#[tokio::test]
async fn a_pool_takes_one_of_the_thirty_two() {
    let host = |n: usize, v4: usize, v6: usize| {
        let a: String = (0..v4).map(|i| format!("mx{n} IN A 10.0.{n}.{i}\n")).collect();
        let aaaa: String = (0..v6).map(|i| format!("mx{n} IN AAAA fd00::{n}:{i}\n")).collect();
        format!("@ IN MX {n} mx{n}\n{a}{aaaa}")
    };
    let records = [host(0, 30, 0), host(1, 8, 8), host(2, 8, 7)].concat();
    let world = World::serving("example.test.", &records).await;
    let seen = asking(&world).domain(&name("example.test")).await;
    let kept = seen.hosts.values().map(|host| host.addresses().unwrap().len());
    assert_eq!(kept.collect::<Vec<_>>(), [30, 16, 15]);
    assert!(seen.truncated, "not all of them are told apart");
}

#[tokio::test]
async fn a_domain_exists_unless_dns_denies_it() {
    let world = World::serving("example.test.", "alias IN CNAME nowhere.test.\nempty IN TXT x")
        .servfail("broken.test.")
        .and_zone("example.net.", "")
        .await;
    let dns = asking(&world);
    for (domain, want) in [
        ("example.net", Some(true)),
        ("empty.example.test", Some(true)),
        ("alias.example.test", Some(true)),
        ("gone.net", Some(false)),
        ("broken.test", None),
    ] {
        assert_eq!(dns.exists(&name(domain)).await, want, "{domain}");
    }
}

#[tokio::test]
async fn d30_a_wildcard_is_what_a_made_up_name_has() {
    let zone = "@ IN MX 10 mx\n* IN MX 20 mx\n* IN TXT \"v=spf1 -all\"";
    let world = World::serving("example.test.", zone)
        .and_zone("plain.test.", "@ IN MX 10 mx")
        .and_zone("broken.test.", "@ IN MX 10 mx\n* IN MX 10 mx")
        .servfail("*.broken.test.")
        .await;
    let (dns, at) = (asking(&world), std::time::UNIX_EPOCH);
    let found = dns.wildcards(&name("example.test"), at).await.unwrap();
    assert_eq!((found.mx[0].preference, found.txt[0].as_str()), (20, "v=spf1 -all"));
    let none = dns.wildcards(&name("plain.test"), at).await.unwrap();
    assert!(none.mx.is_empty() && none.txt.is_empty() && none.at == at);
    assert_eq!(dns.wildcards(&name("broken.test"), at).await, None, "a failure says nothing");
    dns.wildcards(&name("example.test"), at).await.unwrap();
    let asked = world.lookups().into_iter().filter(|lookup| lookup.name.ends_with(".example.test."));
    let names: std::collections::BTreeSet<_> = asked.map(|lookup| lookup.name).collect();
    assert_eq!(names.len(), 2, "another one each time: {names:?}");
}

#[tokio::test]
async fn an_answer_that_no_honest_server_gives_is_none() {
    let records: String = (0..1_200).map(|i| format!("mx IN A 10.0.{}.{}\n", i / 250, i % 250)).collect();
    let world = World::serving("example.test.", &format!("@ IN MX 10 mx\n{records}")).await;
    let seen = only_host(asking(&world).domain(&name("example.test")).await);
    assert_eq!(seen.a.outcome, Outcome::ServerFailure);
}

// Transport

#[tokio::test]
async fn what_is_truncated_is_asked_again_over_tcp() {
    let world = World::serving("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1")
        .truncated("*.example.test.")
        .await;
    let seen = only_host(asking(&world).domain(&name("example.test")).await);
    assert_eq!(seen.a.outcome, answer(["192.0.2.1"]));
    assert!(world.lookups().iter().filter(|lookup| lookup.over_tcp).count() >= 3);
}

#[tokio::test]
async fn truncated_and_no_tcp_is_no_denial() {
    let world = World::serving("example.test.", "@ IN A 192.0.2.1")
        .truncated(("example.test.", RecordType::MX))
        .over_udp_only()
        .await;
    let seen = impatient(&[world.addr]).domain(&name("example.test")).await;
    assert!(seen.mx.records().is_err(), "{:?}", seen.mx);
    assert!(!seen.implicit);
}

#[tokio::test]
async fn silence_ends_in_a_timeout_within_the_names_limit() {
    let world = World::serving("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1")
        .unanswered(("mx.example.test.", RecordType::AAAA))
        .await;
    let begun = Instant::now();
    let seen = only_host(impatient(&[world.addr]).domain(&name("example.test")).await);
    assert_eq!(seen.a.outcome, answer(["192.0.2.1"]));
    assert_eq!(seen.aaaa.outcome, Outcome::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(seen.aaaa.took >= Duration::from_millis(900), "three tries: {:?}", seen.aaaa.took);
    assert!(world.asked("mx.example.test.", RecordType::AAAA) >= 3);
}

#[tokio::test]
async fn a_domain_ends_within_its_limit_however_slow_its_names() {
    let world = World::serving("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1")
        .trouble("*.example.test.", Trouble::Delay(Duration::from_millis(300)))
        .await;
    let timeouts = Timeouts {
        attempt: Duration::from_secs(1),
        name: Duration::from_secs(3),
        domain: Duration::from_millis(450),
    };
    let begun = Instant::now();
    let seen = asking_with(&settings(&[world.addr]), timeouts).domain(&name("example.test")).await;
    assert_eq!(written(&seen.mx), ["10 mx.example.test"]);
    assert_eq!(only_host(seen).a.outcome, Outcome::Timeout);
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_resolvers_trouble_is_not_the_others() {
    let good = World::serving("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1").await;
    for trouble in
        [Trouble::Code(ResponseCode::Refused), Trouble::Code(ResponseCode::ServFail), Trouble::NoAnswer]
    {
        let bad = World::serving("example.test.", "").trouble("*.", trouble).await;
        for pair in [[bad.addr, good.addr], [good.addr, bad.addr]] {
            let seen = impatient(&pair).domain(&name("example.test")).await;
            assert_eq!(written(&seen.mx), ["10 mx.example.test"], "{trouble:?}");
            assert_eq!(only_host(seen).a.outcome, answer(["192.0.2.1"]), "{trouble:?}");
        }
    }
}

#[tokio::test]
async fn equal_questions_at_the_same_time_are_asked_once() {
    let world = World::serving("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1")
        .trouble("*.example.test.", Trouble::Delay(Duration::from_millis(100)))
        .await;
    let dns = asking(&world);
    let mut looking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let dns = dns.clone();
        looking.spawn(async move { dns.domain(&name("example.test")).await });
    }
    for seen in looking.join_all().await {
        assert_eq!(only_host(seen).a.outcome, answer(["192.0.2.1"]));
    }
    assert_eq!(world.asked("example.test.", RecordType::MX), 1);
    assert_eq!(world.asked("mx.example.test.", RecordType::A), 1);
}

#[tokio::test]
async fn answers_and_denials_are_kept_but_failures_are_not() {
    let world = World::serving("example.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1")
        .servfail(("mx.example.test.", RecordType::A))
        .await;
    let dns = asking(&world);
    assert_eq!(only_host(dns.domain(&name("example.test")).await).a.outcome, Outcome::ServerFailure);
    world.recover(("mx.example.test.", RecordType::A));
    for _ in 0..3 {
        let seen = only_host(dns.domain(&name("example.test")).await);
        assert_eq!((seen.a.outcome, seen.aaaa.outcome), (answer(["192.0.2.1"]), Outcome::NoData));
    }
    assert_eq!(world.asked("example.test.", RecordType::MX), 1);
    assert_eq!(world.asked("mx.example.test.", RecordType::AAAA), 1);
    assert_eq!(world.asked("mx.example.test.", RecordType::A), 2);
}

#[tokio::test]
async fn many_different_questions_at_the_same_time_are_all_answered() {
    let records: String = (0..600).map(|i| format!("d{i} IN MX 10 mx\n")).collect();
    let world = World::serving("example.test.", &format!("{records}mx IN A 192.0.2.1")).await;
    let dns = asking(&world);
    let mut looking = tokio::task::JoinSet::new();
    for i in 0..600 {
        let dns = dns.clone();
        looking.spawn(async move { dns.mx(&name(&format!("d{i}.example.test"))).await });
    }
    for seen in looking.join_all().await {
        assert_eq!(written(&seen), ["10 mx.example.test"]);
    }
}

// Reverse

#[tokio::test]
async fn an_address_has_names_and_some_of_them_lead_back() {
    let forward = "mx IN A 192.0.2.1\nmx IN AAAA 2001:db8::1\nother IN A 192.0.2.9\nboth IN A 192.0.2.9\n\
                   both IN A 192.0.2.1\nv6only IN AAAA 2001:db8::1";
    for (names, want_asked, want) in [
        (&["mx"][..], &["mx"][..], Ok(true)),
        (&["other"], &["other"], Ok(false)),
        (&["both"], &["both"], Ok(true)),
        (&["v6only"], &["v6only"], Ok(false)),
        (&["nosuch"], &["nosuch"], Ok(false)),
        (&["a", "mx", "z"], &["a", "mx"], Ok(true)),
        (&["broken"], &["broken"], Err(())),
        (&["broken", "mx"], &["broken", "mx"], Ok(true)),
        (&["broken", "other"], &["broken", "other"], Err(())),
    ] {
        let pointers: String = names.iter().map(|name| format!("@ IN PTR {name}.example.test.\n")).collect();
        let world = World::serving("example.test.", forward)
            .and_zone("1.2.0.192.in-addr.arpa.", &pointers)
            .servfail("broken.example.test.")
            .await;
        let address: IpAddr = [192, 0, 2, 1].into();
        let seen = asking(&world).ptr(address).await;
        let full =
            |names: &[&str]| names.iter().map(|name| format!("{name}.example.test")).collect::<Vec<_>>();
        assert_eq!(texts(&seen.names), full(names));
        let asked: Vec<_> = seen.forward.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(asked, full(want_asked), "{names:?}");
        assert_eq!(seen.confirms(address).map_err(drop), want, "{names:?}");
    }
}

#[tokio::test]
async fn an_address_without_a_name_is_told_from_one_whose_zone_fails() {
    let world =
        World::serving("2.0.192.in-addr.arpa.", "1 IN TXT x").servfail("3.2.0.192.in-addr.arpa.").await;
    let dns = asking(&world);
    for (last, want) in [(1, Outcome::NoData), (2, Outcome::NoSuchName), (3, Outcome::ServerFailure)] {
        let seen = dns.ptr([192, 0, 2, last].into()).await;
        assert_eq!(seen.names.outcome, want);
        assert!(seen.forward.is_empty());
    }
}

#[tokio::test]
async fn ipv6_addresses_lead_back_by_aaaa() {
    let address: IpAddr = "2001:db8::1".parse().unwrap();
    let world = World::serving("example.test.", "mx IN A 192.0.2.1\nmx IN AAAA 2001:db8::1")
        .and_ptr("2001:db8::1", "mx.example.test.")
        .await;
    let seen = asking(&world).ptr(address).await;
    assert_eq!(seen.forward[0].1.outcome, answer(["2001:db8::1"]));
    assert_eq!(seen.confirms(address), Ok(true));
    assert_eq!(world.asked("mx.example.test.", RecordType::A), 0);
}

#[tokio::test]
async fn a_reverse_zone_may_be_delegated_by_cnames() {
    let world = World::serving("2.0.192.in-addr.arpa.", "1 IN CNAME 1.0-127.customer.test.")
        .and_zone("customer.test.", "1.0-127 IN PTR mx\nmx IN A 192.0.2.1")
        .await;
    let seen = asking(&world).ptr([192, 0, 2, 1].into()).await;
    assert_eq!(texts(&seen.names), ["mx.customer.test"]);
    assert_eq!(seen.confirms([192, 0, 2, 1].into()), Ok(true));
}

#[tokio::test]
async fn of_many_names_ten_are_kept_and_asked_for() {
    let pointers: String = (0..50).map(|i| format!("@ IN PTR n{i:02}.example.test.\n")).collect();
    let world = World::serving("1.2.0.192.in-addr.arpa.", &pointers).await;
    let seen = asking(&world).ptr([192, 0, 2, 1].into()).await;
    let want: Vec<_> = (0..10).map(|i| format!("n{i:02}.example.test")).collect();
    assert_eq!(texts(&seen.names), want);
    assert_eq!(seen.forward.len(), 10);
    assert_eq!(seen.confirms([192, 0, 2, 1].into()), Ok(false));
}

#[tokio::test]
async fn the_address_is_found_among_many_of_its_name() {
    let records: String = (0..200).map(|i| format!("mx IN A 192.0.2.{i}\n")).collect();
    let world = World::serving("example.test.", &records).and_ptr("192.0.2.150", "mx.example.test.").await;
    let seen = asking(&world).ptr([192, 0, 2, 150].into()).await;
    assert_eq!(seen.confirms([192, 0, 2, 150].into()), Ok(true));
    assert_eq!(seen.forward[0].1.records().unwrap().map(Vec::len), Some(8));
}

#[tokio::test]
async fn a_hostile_name_is_harmless() {
    let world = World::serving("1.2.0.192.in-addr.arpa.", "@ IN PTR a\\.c.test.").await;
    let seen = asking(&world).ptr([192, 0, 2, 1].into()).await;
    assert_eq!(texts(&seen.names), ["a\\\\.c.test"]);
}

// DNSSEC

const SIGNED: &str = "@ IN MX 10 mx\nmx IN A 192.0.2.1\nalias IN MX 10 www\nwww IN CNAME mx\n\
                      *.wild IN MX 10 mx\nbare IN TXT x";

#[tokio::test]
async fn a_signed_zone_is_secure_in_answers_and_denials() {
    let world = World::serving_signed("example.test.", SIGNED).await;
    let dns = validating(&world, world.trust_anchor());
    let seen = dns.domain(&name("example.test")).await;
    assert_eq!((written(&seen.mx), seen.mx.dnssec), (vec!["10 mx.example.test".into()], Dnssec::Secure));
    let host = only_host(seen);
    assert_eq!((host.a.outcome, host.a.dnssec), (answer(["192.0.2.1"]), Dnssec::Secure));
    assert_eq!((host.aaaa.outcome, host.aaaa.dnssec), (Outcome::NoData, Dnssec::Secure));
    let gone = dns.mx(&name("nosuch.example.test")).await;
    assert_eq!((gone.outcome, gone.dnssec), (Outcome::NoSuchName, Dnssec::Secure));
    let bare = dns.domain(&name("bare.example.test")).await;
    assert_eq!((bare.implicit, bare.mx.dnssec), (true, Dnssec::Secure));
}

#[tokio::test]
async fn cnames_and_wildcards_of_a_signed_zone_are_secure() {
    let world = World::serving_signed("example.test.", SIGNED).await;
    let dns = validating(&world, world.trust_anchor());
    let host = only_host(dns.domain(&name("alias.example.test")).await);
    assert_eq!(aliases(&host), ["mx.example.test"]);
    assert_eq!((host.a.outcome, host.a.dnssec), (answer(["192.0.2.1"]), Dnssec::Secure));
    assert_eq!((host.aaaa.outcome, host.aaaa.dnssec), (Outcome::NoData, Dnssec::Secure));
}

#[tokio::test]
async fn records_of_a_wildcard_are_secure_whatever_denies_closer_names() {
    for proof in [NxProofKind::Nsec, nsec3(0)] {
        let world = World::serving_signed("other.test.", "")
            .and_zone_denied_by("example.test.", SIGNED, proof.clone())
            .await;
        let dns = validating(&world, world.trust_anchor());
        for domain in ["a.wild.example.test", "z.wild.example.test", "a.b.c.wild.example.test"] {
            let wild = dns.mx(&name(domain)).await;
            assert_eq!(written(&wild), ["10 mx.example.test"], "{domain} by {proof:?}");
            assert_eq!(wild.dnssec, Dnssec::Secure, "{domain} by {proof:?}");
        }
    }
}

#[tokio::test]
async fn a_resolver_that_validates_has_the_last_word_on_bogus() {
    let world = World::serving_signed("example.test.", SIGNED)
        .and_bogus_zone("bogus.test.", "@ IN MX 10 mx")
        .and_zone_denied_by("endless.test.", "mx IN A 192.0.2.1", nsec3(501))
        .await;
    let fails: Change = |reply| reply[3] = reply[3] & 0xf0 | 2;
    let vouches: Change = |reply| reply[3] |= 0x20;
    for (domain, says, want) in [
        ("bogus.test", None, Dnssec::Bogus),
        ("bogus.test", Some(fails), Dnssec::Bogus),
        ("bogus.test", Some(vouches), Dnssec::Unchecked),
        ("mx.endless.test", None, Dnssec::Unchecked),
        ("mx.endless.test", Some(fails), Dnssec::Bogus),
        ("mx.endless.test", Some(vouches), Dnssec::Unchecked),
        ("example.test", Some(fails), Dnssec::Secure),
    ] {
        let resolver = match says {
            Some(change) => resolver_before(&world, change).await,
            None => world.addr,
        };
        let dns = validating_at(resolver, world.trust_anchor());
        let seen = dns.mx(&name(domain)).await;
        assert_eq!(seen.dnssec, want, "{domain}");
        assert_eq!(seen.records().is_ok(), want != Dnssec::Bogus, "{domain}");
    }
}

#[tokio::test]
async fn an_unsigned_zone_under_a_signed_one_is_insecure() {
    let world = World::serving_signed("example.test.", "@ IN MX 10 mx.unsigned.test.")
        .and_zone("unsigned.test.", "mx IN A 192.0.2.1\nwww IN CNAME mx\n@ IN MX 10 www")
        .await;
    let dns = validating(&world, world.trust_anchor());
    let seen = dns.domain(&name("example.test")).await;
    assert_eq!(seen.mx.dnssec, Dnssec::Secure);
    let host = only_host(seen);
    assert_eq!((host.a.outcome, host.a.dnssec), (answer(["192.0.2.1"]), Dnssec::Insecure));
    assert_eq!((host.aaaa.outcome, host.aaaa.dnssec), (Outcome::NoData, Dnssec::Insecure));
    let host = only_host(dns.domain(&name("unsigned.test")).await);
    assert_eq!((aliases(&host), host.a.dnssec), (vec!["mx.unsigned.test".into()], Dnssec::Insecure));
    let gone = dns.mx(&name("nosuch.unsigned.test")).await;
    assert_eq!((gone.outcome, gone.dnssec), (Outcome::NoSuchName, Dnssec::Insecure));
}

#[tokio::test]
async fn a_zone_with_broken_signatures_is_bogus_and_has_no_implicit_mx() {
    let world = World::serving_signed("example.test.", "@ IN MX 10 mx.bogus.test.")
        .and_bogus_zone("bogus.test.", "@ IN MX 10 mx\nmx IN A 192.0.2.1\nbare IN A 192.0.2.2")
        .await;
    let dns = validating(&world, world.trust_anchor());
    for domain in ["bogus.test", "bare.bogus.test", "nosuch.bogus.test"] {
        let seen = dns.domain(&name(domain)).await;
        assert_eq!((&seen.mx.outcome, seen.mx.dnssec), (&Outcome::ServerFailure, Dnssec::Bogus), "{domain}");
        assert!(!seen.implicit && seen.hosts.is_empty(), "{domain}");
    }
    let host = only_host(dns.domain(&name("example.test")).await);
    assert_eq!((host.a.outcome, host.a.dnssec), (Outcome::ServerFailure, Dnssec::Bogus));
    assert_eq!((host.aaaa.outcome, host.aaaa.dnssec), (Outcome::ServerFailure, Dnssec::Bogus));
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_make_nothing_bogus() {
    for trouble in
        [Trouble::Code(ResponseCode::ServFail), Trouble::Code(ResponseCode::Refused), Trouble::NoAnswer]
    {
        let world = World::serving_signed("example.test.", SIGNED)
            .trouble(("example.test.", RecordType::DNSKEY), trouble)
            .await;
        let seen = validating_impatiently(&world).mx(&name("example.test")).await;
        assert!(seen.records().is_err(), "{trouble:?}: {seen:?}");
        assert_eq!(seen.dnssec, Dnssec::Unchecked, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_loop_is_seen_although_it_fails_the_validation() {
    let world = World::serving_signed("example.test.", "@ IN MX 10 a.unsigned.test.")
        .and_zone("unsigned.test.", "a IN CNAME b\nb IN CNAME a")
        .servfail(("a.unsigned.test.", RecordType::NS))
        .servfail(("b.unsigned.test.", RecordType::NS))
        .await;
    let dns = validating(&world, world.trust_anchor());
    let host = only_host(dns.domain(&name("example.test")).await);
    assert_eq!((host.a.outcome, host.a.dnssec), (Outcome::Loop, Dnssec::Unchecked));
}

#[tokio::test]
async fn a_second_look_goes_past_every_cache() {
    let no_keys = ("example.test.", RecordType::DNSKEY);
    let world = World::serving_signed("example.test.", SIGNED)
        .trouble(no_keys, Trouble::Code(ResponseCode::NoError))
        .await;
    let dns = validating(&world, world.trust_anchor());
    assert_eq!(dns.mx(&name("example.test")).await.dnssec, Dnssec::Bogus);
    world.recover(no_keys);
    let seen = dns.mx(&name("example.test")).await;
    assert_eq!((written(&seen), seen.dnssec), (vec!["10 mx.example.test".into()], Dnssec::Secure));
}

#[tokio::test]
async fn a_resolver_without_signatures_leaves_everything_unchecked_not_bogus() {
    let signed = World::serving_signed("example.test.", SIGNED).await;
    let stripping = World::serving("example.test.", SIGNED).await;
    let dns = validating(&stripping, signed.trust_anchor());
    for _ in 0..2 {
        let seen = dns.domain(&name("example.test")).await;
        assert_eq!(written(&seen.mx), ["10 mx.example.test"]);
        assert_eq!(seen.mx.dnssec, Dnssec::Unchecked);
        let host = only_host(seen);
        assert_eq!((host.a.outcome, host.a.dnssec), (answer(["192.0.2.1"]), Dnssec::Unchecked));
    }
}

#[tokio::test]
async fn keys_of_the_zones_above_are_fetched_once() {
    let world = World::serving_signed("example.test.", SIGNED).await;
    let dns = validating(&world, world.trust_anchor());
    for domain in ["example.test", "alias.example.test", "bare.example.test"] {
        dns.domain(&name(domain)).await;
    }
    for zone in [".", "example.test."] {
        assert_eq!(world.asked(zone, RecordType::DNSKEY), 1, "{:?}", world.lookups());
    }
}

// Set-up

#[tokio::test]
async fn a_trust_anchor_that_anchors_nothing_is_refused() {
    let other_zone = "example.test. 60 IN DNSKEY 257 3 13 \
        mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n";
    for (content, want) in [
        (None, "cannot read the trust anchor "),
        (Some("not a key"), "cannot read the trust anchor "),
        (Some(""), "has no DNSKEY record of the root zone"),
        (Some(other_zone), "has no DNSKEY record of the root zone"),
    ] {
        let path = content.map_or_else(|| PathBuf::from("/nowhere/root.key"), file);
        let refused =
            Dns::new(&DnsSettings { trust_anchor: Some(path.clone()), dnssec: true, ..settings(&[]) });
        let text = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains(want) && text.contains(&*path.to_string_lossy()), "{text}");
    }
}

// Helpers

fn settings(nameservers: &[SocketAddr]) -> DnsSettings {
    DnsSettings { nameservers: nameservers.to_vec(), dnssec: false, trust_anchor: None }
}

fn asking(world: &World) -> Dns {
    asking_with(&settings(&[world.addr]), Timeouts::default())
}

fn asking_with(settings: &DnsSettings, timeouts: Timeouts) -> Dns {
    Dns::with_timeouts(settings, timeouts).unwrap()
}

/// Tries of 400 ms: where somebody is expected to be silent.
fn impatient(nameservers: &[SocketAddr]) -> Dns {
    asking_with(&settings(nameservers), impatience())
}

fn impatience() -> Timeouts {
    let ms = Duration::from_millis;
    Timeouts { attempt: ms(400), name: ms(1_500), domain: ms(2_500) }
}

fn nsec3(iterations: u16) -> NxProofKind {
    let algorithm = Nsec3HashAlgorithm::SHA1;
    NxProofKind::Nsec3 { algorithm, salt: [].into(), iterations, opt_out: false }
}

fn validating(world: &World, trust_anchor: &str) -> Dns {
    validating_at(world.addr, trust_anchor)
}

fn validating_at(resolver: SocketAddr, trust_anchor: &str) -> Dns {
    let settings =
        DnsSettings { dnssec: true, trust_anchor: Some(file(trust_anchor)), ..settings(&[resolver]) };
    asking_with(&settings, Timeouts::default())
}

fn validating_impatiently(world: &World) -> Dns {
    let anchor = Some(file(world.trust_anchor()));
    asking_with(
        &DnsSettings { dnssec: true, trust_anchor: anchor, ..settings(&[world.addr]) },
        Timeouts { attempt: Duration::from_millis(150), name: Duration::from_secs(5), ..impatience() },
    )
}

type Change = fn(&mut [u8]);

/// A resolver in front of the server: it changes the reply unless checking is disabled (CD).
async fn resolver_before(world: &World, change: Change) -> SocketAddr {
    let (front, back) = (loopback().await, loopback().await);
    let (addr, server) = (front.local_addr().unwrap(), world.addr);
    tokio::spawn(async move {
        let mut datagram = [0; 4_096];
        loop {
            let (len, client) = front.recv_from(&mut datagram).await.unwrap();
            let checking_disabled = datagram[3] & 0x10 != 0;
            back.send_to(&datagram[..len], server).await.unwrap();
            let len = back.recv(&mut datagram).await.unwrap();
            if !checking_disabled {
                change(&mut datagram[..len]);
            }
            front.send_to(&datagram[..len], client).await.unwrap();
        }
    });
    addr
}

async fn loopback() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// A new file.
fn file(content: &str) -> PathBuf {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dns-{number}.key"));
    std::fs::write(&path, content).unwrap();
    path
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn mx(text: &str) -> MxName {
    MxName::parse(text).unwrap()
}

fn answer<T: std::str::FromStr<Err: std::fmt::Debug>, const N: usize>(records: [&str; N]) -> Outcome<Vec<T>> {
    Outcome::Answer(records.iter().map(|record| record.parse().unwrap()).collect())
}

fn written(lookup: &Lookup<Vec<MxRecord>>) -> Vec<String> {
    let records = lookup.records().unwrap_or_else(|unseen| panic!("{unseen:?}"));
    let line = |record: &MxRecord| match &record.target {
        MxTarget::Null => format!("{} null", record.preference),
        MxTarget::Host(host) => format!("{} {host}", record.preference),
        MxTarget::IpLiteral(address) => format!("{} literal {address}", record.preference),
        MxTarget::BadName(text) => format!("{} bad {text}", record.preference),
    };
    records.into_iter().flatten().map(line).collect()
}

fn hosts(seen: &DomainDns) -> Vec<String> {
    seen.hosts.keys().map(MxName::to_string).collect()
}

fn only_host(seen: DomainDns) -> HostDns {
    assert_eq!(seen.hosts.len(), 1, "{seen:?}");
    seen.hosts.into_values().next().unwrap()
}

fn aliases(host: &HostDns) -> Vec<String> {
    host.aliases.iter().map(ToString::to_string).collect()
}

fn texts<T: ToString>(lookup: &Lookup<Vec<T>>) -> Vec<String> {
    let records = lookup.records().unwrap_or_else(|unseen| panic!("{unseen:?}"));
    records.into_iter().flatten().map(ToString::to_string).collect()
}
