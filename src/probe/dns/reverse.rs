//! The names of an address, and whether they lead back to it (FCrDNS).

use super::{ADDRESSES, Dns, names};
use crate::observe::{Lookup, Outcome, Ptr};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::net::IpAddr;
use tokio::time::Instant;

/// Names kept of one address.
const NAMES: usize = 10;

/// The names, and their addresses until one of them is `address`.
pub(super) async fn look_up(dns: &Dns, address: IpAddr, ends: Instant) -> Ptr {
    let read = |data| match data {
        RData::PTR(name) => Some(name.0.to_lowercase()),
        _ => None,
    };
    let (names, _) = dns.records(Name::from(address), RecordType::PTR, ends, read).await;
    let names = names.map(some);
    let mut forward = Vec::new();
    for name in names.records().ok().flatten().into_iter().flatten() {
        let addresses = addresses(dns, name, address, ends).await;
        let leads_back = matches!(&addresses.outcome, Outcome::Answer(found) if found.contains(&address));
        forward.push((names::text(name), addresses));
        if leads_back {
            break;
        }
    }
    Ptr { names: names.map(|names| names.iter().map(names::text).collect()), forward }
}

/// The same ones in every run, whatever order they come in.
fn some(mut names: Vec<Name>) -> Vec<Name> {
    names.sort();
    names.dedup();
    names.truncate(NAMES);
    names
}

/// The addresses of `name` in the family of `wanted`, which comes first if it is among them.
async fn addresses(dns: &Dns, name: &Name, wanted: IpAddr, ends: Instant) -> Lookup<Vec<IpAddr>> {
    let kind = if wanted.is_ipv4() { RecordType::A } else { RecordType::AAAA };
    let (lookup, _) = dns.records(name.clone(), kind, ends, |data| data.ip_addr()).await;
    lookup.map(|mut addresses| {
        addresses.sort_by_key(|address| (*address != wanted, *address));
        addresses.dedup();
        addresses.truncate(ADDRESSES);
        addresses
    })
}
