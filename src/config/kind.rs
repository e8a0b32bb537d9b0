//! The kinds of values that keys and flags take: how each is read from text, and how people are told what it takes.

use super::interval::{Cron, Interval};
use super::overrides;
use crate::name::{self, DomainName, HeloName, Mailbox, MxName};
use crate::rules::{Severity, TrustedBy};
use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::Offset;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A port that is asked where none is named (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Longer would be a slip, and could overflow a clock.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A name or a text that people read beside others. In characters.
const LONGEST_WORDS: usize = 200;

/// Names that Prometheus itself or this exporter gives to labels; those that begin with `__` are Prometheus' own, too.
const RESERVED_LABELS: &[&str] = &["domain", "instance", "job", "le", "quantile"];

/// Enough for any sensible duration. Far longer ones could make `humantime` overflow.
pub(crate) const LONGEST_TEXT: usize = 16;

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

/// `interval`
pub const INTERVAL: Kind<Interval> = Kind {
    allowed: "a duration with its unit, such as 15m, 90s or 1h30m, from 1s to 365d, or a cron expression in UTC that \
              ticks every year, such as \"*/15 6-20 * * 1-5\"",
    read: |text| {
        let cron = || Cron::parse(text).map(|cron| Interval::Cron(Arc::new(cron)));
        (PERIOD.read)(text).map(Interval::Every).or_else(cron)
    },
};

/// `transactions_interval`, `thresholds`
pub const PERIOD: Kind<Duration> = Kind {
    allowed: "a duration with its unit, such as 15m, 90s or 1h30m, from 1s to 365d",
    read: |text| duration(text).filter(|&d| d >= Duration::from_secs(1)),
};

/// `tls_scan_interval`; `None` is `off`
pub const PERIOD_OR_OFF: Kind<Option<Duration>> = Kind {
    allowed: "off, or a duration with its unit, such as 24h, 90m or 7d, from 1s to 365d",
    read: |text| if text == "off" { Some(None) } else { (PERIOD.read)(text).map(Some) },
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

/// `expect_mx`, `mx`, `canaries`
pub const MX: Kind<MxName> = Kind {
    allowed: "the name of an MX host, such as mx.example.net",
    read: |text| DomainName::parse(text).ok().map(|name| name.as_host()),
};

/// `until`: that day's beginning
pub const DAY: Kind<SystemTime> = Kind {
    allowed: "a day, such as 2027-01-31",
    read: |text| {
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let day: Option<Date> = plain.then(|| text.parse().ok()).flatten();
        Some(Offset::UTC.to_timestamp(day?.at(0, 0, 0, 0)).ok()?.into())
    },
};

/// A name in `labels`
pub const LABEL: Kind<Box<str>> = Kind {
    allowed: "the name of a label (letters, digits and underscores, 64 at most, no digit first, not domain, instance, \
              job, le or quantile and nothing with two underscores first)",
    read: |text| {
        let plain = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let begins = text.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        let ours = !text.starts_with("__") && !RESERVED_LABELS.contains(&text);
        (plain && begins && ours).then(|| text.into())
    },
};

/// `reason`, a value in `labels`
pub const WORDS: Kind<Box<str>> = Kind {
    allowed: "a text on one line, 200 characters at most",
    read: |text| {
        let usable = !text.trim().is_empty() && text.chars().count() <= LONGEST_WORDS;
        (usable && !text.chars().any(is_dangerous)).then(|| text.into())
    },
};

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

/// One entry of `rules`, as a flag has it
pub const RULE: Kind<(&'static str, Option<Severity>)> = Kind {
    allowed: "the code of a rule or an issue with off, info, warning or critical, such as smtp.reverse_dns=off",
    read: |text| {
        let (code, level) = text.split_once('=')?;
        Some(((overrides::CODE.read)(code)?, (LEVEL.read)(level)?))
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

/// `domain_files`
pub const PATTERN: Kind<String> = Kind {
    allowed: "a path or a pattern, absolute or relative to this file, such as domains.d/*.yml",
    read: |text| {
        let usable = (PATH.read)(text).is_some() && glob::Pattern::new(text).is_ok();
        usable.then(|| text.to_owned())
    },
};

/// `trust_anchor`, `ca_file`, `path`
pub const PATH: Kind<PathBuf> = Kind {
    allowed: "a path, absolute or relative to this file",
    read: |text| {
        let usable = !text.is_empty() && !text.chars().any(char::is_control);
        usable.then(|| text.into())
    },
};

/// Breaks a line, or shows a text other than it is.
fn is_dangerous(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

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
