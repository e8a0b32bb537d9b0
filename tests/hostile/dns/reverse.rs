//! The names of an address.

use super::client;
use crate::support::dns::{Dns as World, Plan};
use hickory_proto::rr::RecordType::{A, PTR};
use std::net::IpAddr;

const ADDRESS: &str = "203.0.114.1";
const REVERSE: &str = "1.114.0.203.in-addr.arpa.";

/// The names of the address, and whether one of them leads back; `?` where that cannot be told.
async fn seen(plan: Plan) -> String {
    let world = plan.await;
    let address: IpAddr = ADDRESS.parse().unwrap();
    let ptr = client(world.addr).ptr(address).await;
    let names = match ptr.names.records() {
        Ok(names) => names.map_or(0, Vec::len).to_string(),
        Err(_) => "?".to_owned(),
    };
    let confirmed = ptr.confirms(address).map_or("?".to_owned(), |yes| yes.to_string());
    assert!(format!("{ptr:?}").len() < 16 * 1_024);
    format!("{names} {confirmed}")
}

/// A zone with names, and this reverse zone.
fn world(names: &str, reverse: &str) -> Plan {
    World::serving("host.test.", names).and_zone(REVERSE, reverse)
}

#[tokio::test]
async fn d41_names_that_lead_back_or_do_not() {
    let fifty: String = (0..50).map(|i| format!("@ IN PTR n{i:02}.host.test.\n")).collect();
    for (name, plan, want) in [
        ("none", world("", "@ IN TXT x"), "0 false"),
        ("no such zone", World::serving("host.test.", ""), "0 false"),
        ("one that leads back", world("mx IN A 203.0.114.1", "@ IN PTR mx.host.test."), "1 true"),
        ("one that leads elsewhere", world("mx IN A 203.0.114.2", "@ IN PTR mx.host.test."), "1 false"),
        ("one that does not exist", world("", "@ IN PTR mx.host.test."), "1 false"),
        ("fifty, the fifth leads back", world("n04 IN A 203.0.114.1", &fifty), "10 true"),
        ("fifty, the fortieth leads back", world("n39 IN A 203.0.114.1", &fifty), "10 false"),
        (
            "behind an alias",
            World::serving("host.test.", "mx IN A 203.0.114.1\nr IN PTR mx")
                .and_zone("114.0.203.in-addr.arpa.", "1 IN CNAME r.host.test."),
            "1 true",
        ),
        ("the zone fails", world("", "@ IN PTR mx.host.test.").servfail((REVERSE, PTR)), "? false"),
        ("the zone is silent", world("", "@ IN PTR mx.host.test.").unanswered((REVERSE, PTR)), "? false"),
        ("the name fails", world("", "@ IN PTR mx.host.test.").servfail(("mx.host.test.", A)), "1 ?"),
    ] {
        assert_eq!(seen(plan).await, want, "{name}");
    }
}
