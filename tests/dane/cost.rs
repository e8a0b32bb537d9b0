//! What zones may cost that are made to be expensive to validate.

use super::{name, validating};
use crate::support::dns::{Dns as World, Flaw, Plan};
use mx_exporter::observe::{Dnssec, Outcome};
use std::time::Duration;
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

/// For how long this thread has been reckoning, whatever its neighbours do.
fn reckoned() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}
