//! The addresses that sessions come from, as far as this machine can know them. Opens no connection and sends nothing.

use super::{Network, address};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Somewhere else, one of each family (RFC 5737 §3, RFC 3849 §2): a route is looked up, no packet is sent.
const ELSEWHERE: [&str; 2] = ["198.51.100.1:53", "[2001:db8::1]:53"];

impl Network {
    /// `source_addresses`, or what the system would speak from toward `nameservers`, or else toward the Internet. Only
    /// those that others see as well: behind a translation of addresses there are none.
    pub fn own_addresses(&self, nameservers: &[SocketAddr]) -> Vec<IpAddr> {
        let elsewhere = || ELSEWHERE.iter().filter_map(|target| target.parse().ok());
        let mut own = match (self.source_addresses.is_empty(), nameservers.is_empty()) {
            (false, _) => self.source_addresses.clone(),
            (true, false) => nameservers.iter().filter_map(|target| toward(*target)).collect(),
            (true, true) => elsewhere().filter_map(toward).collect(),
        };
        own.sort();
        own.dedup();
        own.retain(|own| address::is_allowed(*own, &self.allow_targets));
        own
    }
}

fn toward(target: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_others_see_are_known() {
        let nameserver: SocketAddr = "127.0.0.1:53".parse().unwrap();
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        let public: IpAddr = "8.8.8.8".parse().unwrap();
        for (sources, allowed, want) in [
            (vec![], vec![], vec![]),
            (vec![], vec!["127.0.0.0/8".parse().unwrap()], vec![loopback]),
            (vec![public, "10.0.0.1".parse().unwrap()], vec![], vec![public]),
        ] {
            let network = Network { allow_targets: allowed, source_addresses: sources };
            assert_eq!(network.own_addresses(&[nameserver]), want, "{network:?}");
        }
    }
}
