//! Which addresses may be contacted: the globally routable ones, and networks that the operator allows by name.
//! Pure: it is asked about the very address that is about to be connected to, whatever DNS said before.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 that is nobody's on the Internet (IANA's special-purpose registry, RFC 6890), multicast and the rest of it.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// The only IPv6 that is given out as global unicast (RFC 4291 §2.4).
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// Parts of it that are not routed: protocol assignments with Teredo, documentation.
const SPECIAL_V6: [Ipv6Net; 3] =
    [v6([0x2001, 0, 0, 0], 23), v6([0x2001, 0xdb8, 0, 0], 32), v6([0x3fff, 0, 0, 0], 20)];

/// IPv4 as seen through a NAT64 (RFC 6052 §2.1).
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0], 96);

/// IPv4 sites as seen through 6to4 (RFC 3056 §2).
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0], 16);

/// Whether a connection to `address` may be opened.
pub(super) fn is_allowed(address: IpAddr, allowed: &[IpNet]) -> bool {
    let address = address.to_canonical();
    is_public(address) || allowed.iter().any(|network| network.contains(&address))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|network| network.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    if NAT64.contains(&address) {
        return is_public_v4(Ipv4Addr::from_bits(low_32(bits)));
    }
    if SIX_TO_FOUR.contains(&address) {
        return is_public_v4(Ipv4Addr::from_bits(low_32(bits >> 80)));
    }
    GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
}

fn low_32(bits: u128) -> u32 {
    let [.., a, b, c, d] = bits.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(high: [u16; 4], length: u8) -> Ipv6Net {
    let [a, b, c, d] = high;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_contacted_off_the_public_internet() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:7f00:1::1",
            "2002:c0a8:101::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_allowed(address.parse().unwrap(), &[]), "{address}");
        }
    }

    #[test]
    fn the_public_internet_is_contacted() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2002:808:808::1",
            "2a00:1450:4001::1a",
        ] {
            assert!(is_allowed(address.parse().unwrap(), &[]), "{address}");
        }
    }

    #[test]
    fn a_lab_is_contacted_when_it_is_allowed_by_name() {
        let allowed = ["192.0.2.0/24", "fd00::/8"].map(|network| network.parse().unwrap());
        for (address, want) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("fd12::1", true),
            ("192.0.3.1", true),
            ("10.0.0.1", false),
            ("64:ff9b::192.0.2.1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(is_allowed(address.parse().unwrap(), &allowed), want, "{address}");
        }
    }
}
