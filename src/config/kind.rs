//! The kinds of values that keys and flags take: how each is read from text, and how people are told what it takes.

use crate::name::{self, DomainName, HeloName, Mailbox};
use crate::rules::{Severity, TrustedBy};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

/// A port that is asked where none is named (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Longer would be a slip, and could overflow a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Enough for any sensible duration. Far longer ones could make `humantime` overflow.
const LONGEST_TEXT: usize = 16;

/// One kind of value.
#[derive(Debug)]
pub struct Kind<T> {
    /// What it takes, for people.
    pub allowed: &'static str,
    pub(super) read: fn(&str) -> Option<T>,
}

/// Why a text is not of a kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found}, allowed: {allowed}")]
pub struct Refused {
    found: String,
    allowed: &'static str,
}

impl<T> Kind<T> {
    /// Reads a text, a flag's value for instance.
    pub fn parse(&self, text: &str) -> Result<T, Refused> {
        (self.read)(text).ok_or_else(|| Refused { found: super::error::quoted(text), allowed: self.allowed })
    }
}

/// `interval`, `transactions_interval`
pub const PERIOD: Kind<Duration> = Kind {
    allowed: "a duration with its unit, such as 15m, 90s or 1h30m, from 1s to 365d",
    read: |text| duration(text).filter(|&d| d >= Duration::from_secs(1)),
};

/// `timeout`
pub const TIMEOUT: Kind<Duration> = Kind {
    allowed: "seconds or a duration, such as 120, 90s or 2m, from 1s to 365d",
    read: |text| {
        let seconds = if is_number(text) { format!("{text}s") } else { text.to_owned() };
        (PERIOD.read)(&seconds)
    },
};

/// `min_spacing`
pub const SPACING: Kind<Duration> =
    Kind { allowed: "a duration with its unit, such as 60s or 2m, from 0s to 365d", read: duration };

/// `test_null_sender`, `test_postmaster`, `test_open_relay`, `dnssec`
pub const SWITCH: Kind<bool> = Kind { allowed: "true or false", read: |text| text.parse().ok() };

/// `max_sessions`, `new_connections_per_second`
pub const COUNT: Kind<u16> = Kind { allowed: "a whole number from 1 to 65535", read: positive };

/// `port`
pub const PORT: Kind<u16> = Kind { allowed: "a port from 1 to 65535", read: positive };

/// `domains`, `domain`
pub const DOMAIN: Kind<DomainName> =
    Kind { allowed: name::DOMAIN, read: |text| DomainName::parse(text).ok() };

/// `helo_name`
pub const HELO_NAME: Kind<HeloName> = Kind { allowed: name::HELO, read: |text| HeloName::parse(text).ok() };

/// `mail_from`, `test_probe_address`
pub const MAILBOX: Kind<Mailbox> = Kind { allowed: name::MAILBOX, read: |text| Mailbox::parse(text).ok() };

/// `rules`; `None` is `off`
pub const LEVEL: Kind<Option<Severity>> = Kind {
    allowed: "off, info, warning or critical",
    read: |text| match text {
        "off" => Some(None),
        "info" => Some(Some(Severity::Info)),
        "warning" => Some(Some(Severity::Warning)),
        "critical" => Some(Some(Severity::Critical)),
        _ => None,
    },
};

/// `nameservers`
pub const NAMESERVER: Kind<SocketAddr> = Kind {
    allowed: "an address with or without a port, such as 192.0.2.53, 2001:db8::53 or \"[2001:db8::53]:5353\"",
    read: |text| {
        let with_port = || text.parse().ok().filter(|server: &SocketAddr| server.port() != 0);
        text.parse().ok().map(|address: IpAddr| (address, DNS_PORT).into()).or_else(with_port)
    },
};

/// `source_addresses`
pub const ADDRESS: Kind<IpAddr> =
    Kind { allowed: "an address, such as 192.0.2.1 or 2001:db8::1", read: |text| text.parse().ok() };

/// `allow_targets`; kept without host bits
pub const NETWORK: Kind<IpNet> = Kind {
    allowed: "a network or an address, such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1",
    read: |text| {
        let host = || text.parse().ok().map(|address: IpAddr| address.into());
        text.parse().ok().map(|network: IpNet| network.trunc()).or_else(host)
    },
};

/// `trusted_by`
pub const TRUSTED_BY: Kind<TrustedBy> = Kind {
    allowed: "a network, an address or the name of an MX, such as 192.0.2.0/24, 192.0.2.1 or mx.example.net",
    read: |text| {
        let mx = || DomainName::parse(text).ok().map(|name| TrustedBy::Mx(name.as_host()));
        (NETWORK.read)(text).map(TrustedBy::Network).or_else(mx)
    },
};

/// `trust_anchor`, `ca_file`
pub const PATH: Kind<PathBuf> = Kind {
    allowed: "a path, absolute or relative to this file",
    read: |text| {
        let usable = !text.is_empty() && !text.chars().any(char::is_control);
        usable.then(|| text.into())
    },
};

fn duration(text: &str) -> Option<Duration> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()); // `15M` would be months
    let has_unit = !is_number(text);
    let duration = (plain && has_unit && text.len() <= LONGEST_TEXT).then(|| humantime::parse_duration(text));
    duration?.ok().filter(|&d| d <= LONGEST)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn positive(text: &str) -> Option<u16> {
    text.parse().ok().map(NonZeroU16::get)
}
