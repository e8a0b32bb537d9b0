//! What zones may cost that are made to be expensive to validate, in time and in memory.

use super::{name, nsec3, validating, validating_at};
use crate::support::dns::{Dns as World, Flaw, Plan};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};
use mx_exporter::observe::{Dnssec, Outcome};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::runtime::{Builder, Runtime};

/// KeyTrap (CVE-2023-50387) at ten hosts at once: up to the bounds everything is reckoned with, and bogus; beyond them
/// nothing is, and the look-up fails.
#[tokio::test]
async fn d36_keys_of_one_tag_and_endless_signatures_cost_little() {
    for (flaw, want) in [
        (Flaw::ManyKeys(16), Dnssec::Bogus),
        (Flaw::ManyKeys(17), Dnssec::Unchecked),
        (Flaw::ManyKeys(100), Dnssec::Unchecked),
        (Flaw::ManySignatures(16), Dnssec::Bogus),
        (Flaw::ManySignatures(500), Dnssec::Unchecked),
    ] {
        let (hosts, mx): (Vec<_>, Vec<_>) = (0..10)
            .map(|n| (format!("mx{n} IN A 192.0.2.{n}"), format!("@ IN MX {n} mx{n}.trap.test.")))
            .unzip();
        let plan = World::serving_signed("example.test.", &mx.join("\n"));
        let (_elsewhere, world) =
            elsewhere(plan.and_flawed_zone("trap.test.", &hosts.join("\n"), flaw)).await;
        let dns = validating(&world);
        let before = reckoned();
        let seen = dns.domain(&name("example.test")).await;
        let took = reckoned() - before;
        assert!(took < Duration::from_secs(1), "{flaw:?} took {took:?}");
        assert_eq!((seen.mx.dnssec, seen.hosts.len()), (Dnssec::Secure, 10), "{flaw:?}");
        for host in seen.hosts.values() {
            assert_eq!((&host.a.outcome, host.a.dnssec), (&Outcome::ServerFailure, want), "{flaw:?}");
            assert_eq!((&host.aaaa.outcome, host.aaaa.dnssec), (&Outcome::ServerFailure, want), "{flaw:?}");
        }
    }
}

/// RUSTSEC-2026-0120: denials by the NSEC3 records of a zone that is not above the name, behind a CNAME out of an
/// unsigned zone as any resolver sends them, and by themselves as nobody honest does.
#[test]
fn d37_denials_of_another_zone_come_to_an_end() {
    let before = resident();
    let (done, seen) = mpsc::channel();
    // A loop without end would let no timer of its runtime run.
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        done.send(runtime.block_on(denied_across_zones())).unwrap();
    });
    let seen = seen.recv_timeout(Duration::from_secs(2)).unwrap();
    let grown = resident().saturating_sub(before);
    assert!(grown < 50 << 20, "{grown} octets more");
    assert_eq!(seen, [(Outcome::NoData, Dnssec::Insecure), (Outcome::NoData, Dnssec::Unchecked)]);
}

/// What is seen of MX records, denied by the zone of another name: at the end of an alias, and without one.
async fn denied_across_zones() -> [(Outcome<()>, Dnssec); 2] {
    let world = World::serving_signed("example.test.", "host IN TXT x")
        .and_zone("plain.test.", "alias IN CNAME host.deep.zone.other.")
        .and_zone_denied_by("zone.other.", "host.deep IN TXT x", nsec3(0, false))
        .await;
    let denying =
        denying(world.addr, &["alias.plain.test.", "host.example.test."], "host.deep.zone.other.").await;
    let dns = validating_at(denying, &world);
    let (alias, host) = (dns.mx(&name("alias.plain.test")).await, dns.mx(&name("host.example.test")).await);
    [alias, host].map(|lookup| lookup.map(drop)).map(|lookup| (lookup.outcome, lookup.dnssec))
}

// Helpers

/// A name server on a thread of its own, so that its work is not counted. It lives as long as the first half.
async fn elsewhere(plan: Plan) -> (Elsewhere, World) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let world = runtime.spawn(async { plan.await }).await.unwrap();
    (Elsewhere(Some(runtime)), world)
}

struct Elsewhere(Option<Runtime>);

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.0.take().unwrap().shutdown_background();
    }
}

/// A resolver over UDP that answers questions for the records of `names` as this server does, and adds how it denies
/// those of `other`.
async fn denying(server: SocketAddr, names: &[&str], other: &str) -> SocketAddr {
    let names: Vec<Name> = names.iter().map(|name| Name::from_str(name).unwrap()).collect();
    let other = Name::from_str(other).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut octets = [0; 4_096];
        loop {
            let (length, client) = socket.recv_from(&mut octets).await.unwrap();
            let mut question = Message::from_vec(&octets[..length]).unwrap();
            let mut answer = ask(server, &question).await;
            let query = &question.queries[0];
            if names.contains(query.name()) && query.query_type() != RecordType::CNAME {
                question.queries[0].set_name(other.clone());
                answer.authorities = ask(server, &question).await.authorities;
            }
            socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
        }
    });
    address
}

async fn ask(server: SocketAddr, question: &Message) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question.to_vec().unwrap(), server).await.unwrap();
    let mut octets = [0; 4_096];
    let length = socket.recv(&mut octets).await.unwrap();
    Message::from_vec(&octets[..length]).unwrap()
}

/// For how long this thread has been reckoning, whatever its neighbours do.
fn reckoned() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}

/// Octets of memory that this process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
