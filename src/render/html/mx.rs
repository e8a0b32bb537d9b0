//! The MX records as published, with the addresses they lead to.

use crate::name::MxName;
use crate::observe::{DomainDns, HostDns, Lookup, MxTarget};
use std::fmt::Display;

/// One record, or the domain itself where it has none.
pub(super) struct MxRow {
    pub(super) preference: String,
    pub(super) target: String,
    /// CNAMEs on the way.
    pub(super) aliases: String,
    pub(super) v4: String,
    pub(super) v6: String,
}

impl MxRow {
    pub(super) fn all(dns: &DomainDns) -> Vec<Self> {
        if dns.implicit {
            return dns
                .hosts
                .iter()
                .map(|(name, host)| Self::of_host("–".to_owned(), name, Some(host)))
                .collect();
        }
        let row = |record: &crate::observe::MxRecord| {
            let preference = record.preference.to_string();
            match &record.target {
                MxTarget::Host(name) => Self::of_host(preference, name, dns.hosts.get(name)),
                target => Self::without_host(preference, written(target)),
            }
        };
        dns.mx_records().iter().map(row).collect()
    }

    fn of_host(preference: String, name: &MxName, host: Option<&HostDns>) -> Self {
        let Some(host) = host else { return Self::without_host(preference, name.to_string()) };
        let aliases: Vec<&str> = host.aliases.iter().map(|alias| alias.as_str()).collect();
        let (v4, v6) = (addresses(&host.a), addresses(&host.aaaa));
        Self { preference, target: name.to_string(), aliases: aliases.join(" → "), v4, v6 }
    }

    fn without_host(preference: String, target: String) -> Self {
        let dash = || "–".to_owned();
        Self { preference, target, aliases: String::new(), v4: dash(), v6: dash() }
    }
}

/// Where a record points.
pub(super) fn written(target: &MxTarget) -> String {
    match target {
        MxTarget::Host(name) => name.to_string(),
        MxTarget::Null => ". (accepts no mail)".to_owned(),
        MxTarget::IpLiteral(address) => address.to_string(),
        MxTarget::BadName(text) => text.to_string(),
    }
}

fn addresses<T: Display>(lookup: &Lookup<Vec<T>>) -> String {
    match lookup.records() {
        Ok(None) => "none".to_owned(),
        Ok(Some(addresses)) => addresses.iter().map(T::to_string).collect::<Vec<_>>().join(", "),
        Err(unseen) => format!("not known: {}", unseen.trouble().detail),
    }
}
