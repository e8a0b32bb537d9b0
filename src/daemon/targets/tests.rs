use super::*;
use crate::name::DomainName;
use crate::observe::{Dnssec, Lookup, MxRecord, Outcome};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn lookup<T>(outcome: Outcome<T>) -> Lookup<T> {
    Lookup::ended(outcome, Dnssec::Unchecked, Duration::ZERO)
}

fn mx(name: &str) -> MxName {
    MxName::parse(name).unwrap()
}

fn host(v4: Outcome<Vec<&str>>, v6: Outcome<Vec<&str>>) -> HostDns {
    fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(outcome: Outcome<Vec<&str>>) -> Lookup<Vec<T>> {
        lookup(match outcome {
            Outcome::Answer(texts) => {
                Outcome::Answer(texts.iter().map(|text| text.parse().unwrap()).collect())
            }
            Outcome::ServerFailure => Outcome::ServerFailure,
            _ => Outcome::NoData,
        })
    }
    HostDns { aliases: Vec::new(), a: parse(v4), aaaa: parse(v6), tlsa: Vec::new() }
}

fn dns(records: &[(u16, &str)], hosts: Vec<(&str, HostDns)>) -> DomainDns {
    let record =
        |&(preference, name): &(u16, &str)| MxRecord { preference, target: MxTarget::Host(mx(name)) };
    DomainDns {
        hosts: hosts.into_iter().map(|(name, host)| (mx(name), host)).collect(),
        ..DomainDns::of(lookup(Outcome::Answer(records.iter().map(record).collect())))
    }
}

fn written(targets: &[Target]) -> Vec<String> {
    targets.iter().map(|target| format!("{} {} {}", target.preference, target.mx, target.address)).collect()
}

fn seen(dns: DomainDns, targets: &[Target]) -> Observation {
    let domain = DomainName::parse("example.com").unwrap();
    let endpoint = |target: &Target| {
        let healthy = crate::observe::testing::endpoint();
        healthy.at(target.mx.as_str(), &target.address.to_string()).preference(target.preference).build()
    };
    let endpoints = targets.iter().map(endpoint).collect();
    Observation {
        domain,
        at: std::time::SystemTime::UNIX_EPOCH,
        dns,
        policy: crate::observe::Policy::unseen(),
        endpoints,
    }
}

#[test]
fn every_address_of_every_mx_once_in_preference_order() {
    let hosts = vec![
        ("mx2.example", host(Outcome::Answer(vec!["192.0.2.2"]), Outcome::NoData)),
        ("mx1.example", host(Outcome::Answer(vec!["192.0.2.1"]), Outcome::Answer(vec!["2001:db8::1"]))),
    ];
    let dns = dns(&[(20, "mx2.example"), (10, "mx1.example"), (30, "mx1.example")], hosts);
    let wanted = ["10 mx1.example 192.0.2.1", "10 mx1.example 2001:db8::1", "20 mx2.example 192.0.2.2"];
    assert_eq!(written(&targets(&dns, None)), wanted);
}

#[test]
fn a_failed_look_up_removes_nothing() {
    let both = || host(Outcome::Answer(vec!["192.0.2.1"]), Outcome::Answer(vec!["2001:db8::1"]));
    let whole = dns(&[(10, "mx.example")], vec![("mx.example", both())]);
    let before = targets(&whole, None);
    let previous = seen(whole, &before);
    let broken = host(Outcome::Answer(vec!["192.0.2.1"]), Outcome::ServerFailure);
    let partly = dns(&[(10, "mx.example")], vec![("mx.example", broken)]);
    assert_eq!(targets(&partly, Some(&previous)), before);
    let gone = host(Outcome::Answer(vec!["192.0.2.1"]), Outcome::NoData);
    let shrunk = dns(&[(10, "mx.example")], vec![("mx.example", gone)]);
    assert_eq!(written(&targets(&shrunk, Some(&previous))), ["10 mx.example 192.0.2.1"]);
    let dead = DomainDns { mx: lookup(Outcome::Timeout), ..shrunk };
    assert_eq!(targets(&dead, Some(&previous)), before);
}

#[test]
fn an_address_stays_until_three_look_ups_and_a_day_have_missed_it() {
    const HOUR: Duration = Duration::from_secs(3600);
    let only = |address| host(Outcome::Answer(vec![address]), Outcome::NoData);
    let both = host(Outcome::Answer(vec!["192.0.2.1", "192.0.2.2"]), Outcome::NoData);
    let whole = dns(&[(10, "mx.example")], vec![("mx.example", both)]);
    let shrunk = dns(&[(10, "mx.example")], vec![("mx.example", only("192.0.2.1"))]);
    let start = SystemTime::UNIX_EPOCH + 1000 * DAY;
    let mut previous = seen(whole.clone(), &targets(&whole, None));
    let mut missed = Vec::new();
    for hours in [0, 1, 2, 23, 24, 25] {
        assert_eq!(written(&targets(&shrunk, Some(&previous))), ["10 mx.example 192.0.2.1"], "not visited");
        let kept = absent(&shrunk, &previous, start + hours * HOUR);
        missed.push(kept.len());
        previous.endpoints.truncate(1);
        previous.endpoints.extend(kept);
    }
    assert_eq!(missed, [1, 1, 1, 1, 0, 0]);

    let before = seen(whole.clone(), &targets(&whole, None));
    let moved = dns(&[(10, "mx2.example")], vec![("mx2.example", only("192.0.2.1"))]);
    assert_eq!(absent(&moved, &before, start), [], "a host that is no longer an MX goes at once");
    let dead = DomainDns { mx: lookup(Outcome::Timeout), ..shrunk.clone() };
    let held = Observation { endpoints: absent(&shrunk, &before, start), ..before.clone() };
    assert_eq!(absent(&dead, &held, start + DAY), held.endpoints, "a failed look-up counts for nothing");
    assert_eq!(targets(&dead, Some(&held)), [], "and visits nobody who was gone");
    let back = Observation { endpoints: absent(&shrunk, &before, start), ..before };
    assert_eq!(absent(&whole, &back, start), [], "it came back");
}

/// The mx's IPv4 family as a pool.
fn pool_of(name: &str) -> Pooled {
    Arc::new([(mx(name), Family::V4)].into())
}

#[test]
fn a_pool_is_one_target_with_all_its_addresses() {
    let many = host(Outcome::Answer(vec!["192.0.2.1", "192.0.2.2"]), Outcome::Answer(vec!["2001:db8::1"]));
    let other = host(Outcome::Answer(vec!["192.0.2.1", "192.0.2.2"]), Outcome::NoData);
    let dns =
        dns(&[(10, "mx1.example"), (20, "mx2.example")], vec![("mx1.example", many), ("mx2.example", other)]);
    let all = targets(&dns, None);
    assert_eq!(gathered(all.clone(), &Pooled::default()), all);
    let gathered = gathered(all, &pool_of("mx1.example"));
    let told: Vec<_> =
        gathered.iter().map(|target| (target.mx.as_str(), target.address, &target.pool[..])).collect();
    let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
    assert_eq!(
        told,
        [
            ("mx1.example", ip("192.0.2.1"), &[ip("192.0.2.1"), ip("192.0.2.2")][..]),
            ("mx1.example", ip("2001:db8::1"), &[]),
            ("mx2.example", ip("192.0.2.1"), &[]),
            ("mx2.example", ip("192.0.2.2"), &[]),
        ]
    );
}

#[test]
fn look_ups_that_worked_show_what_there_is_and_was() {
    let whole = host(Outcome::Answer(vec!["192.0.2.1", "192.0.2.2"]), Outcome::Answer(vec!["2001:db8::1"]));
    let whole = dns(&[(10, "mx.example")], vec![("mx.example", whole)]);
    let previous = seen(whole.clone(), &targets(&whole, None));
    let now = SystemTime::UNIX_EPOCH + 1000 * DAY;
    let broken = host(Outcome::Answer(vec!["192.0.2.2", "192.0.2.3"]), Outcome::ServerFailure);
    let broken = dns(&[(10, "mx.example")], vec![("mx.example", broken)]);
    let sightings = sightings(&broken, &absent(&broken, &previous, now));
    let [v4] = &sightings[..] else { panic!("{sightings:?}") };
    let missed: Vec<_> =
        v4.members.iter().map(|(address, absence)| (address.to_string(), absence.is_some())).collect();
    assert_eq!((v4.mx.as_str(), v4.family), ("mx.example", Family::V4));
    assert_eq!(
        missed,
        [("192.0.2.1".into(), true), ("192.0.2.2".into(), false), ("192.0.2.3".into(), false)]
    );
}

#[test]
fn endpoints_become_a_pool_and_one_by_one_again() {
    let many = host(Outcome::Answer(vec!["192.0.2.1", "192.0.2.2"]), Outcome::Answer(vec!["2001:db8::1"]));
    let dns = dns(&[(10, "mx.example")], vec![("mx.example", many)]);
    let mut endpoints = seen(dns.clone(), &targets(&dns, None)).endpoints;
    let later = |endpoint: &mut Endpoint, seconds| {
        Arc::make_mut(&mut endpoint.contact).dialogue.at += Duration::from_secs(seconds);
    };
    later(&mut endpoints[1], 60);
    let mut gone = endpoints[0].clone();
    later(&mut gone, 120);
    gone.absent = Some(Absence::following(None, SystemTime::UNIX_EPOCH));
    endpoints.push(gone);
    let (pools, none) = (pool_of("mx.example"), Pooled::default());
    assert!(agree(&endpoints, &none) && !agree(&endpoints, &pools));
    let places = |endpoints: &[Endpoint]| endpoints.iter().map(|e| e.place().to_string()).collect::<Vec<_>>();
    let pooled = regrouped(endpoints, &pools);
    assert_eq!(places(&pooled), ["pool-v4", "2001:db8::1"]);
    assert_eq!(pooled[0].address().to_string(), "192.0.2.2", "the youngest of those that DNS has");
    assert!(agree(&pooled, &pools));
    assert_eq!(regrouped(pooled.clone(), &pools), pooled);
    assert_eq!(places(&regrouped(pooled, &none)), ["192.0.2.2", "2001:db8::1"]);
}
