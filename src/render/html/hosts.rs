//! The servers in a table: a group of rows an MX, a row an address.

use crate::name::DomainName;
use crate::observe::Place;
use crate::render::fixes::is_elsewhere;
use crate::render::servers::{Server, servers};
use crate::report::Report;
use std::time::SystemTime;

pub(super) struct Mx<'a> {
    pub(super) preference: u16,
    pub(super) name: &'a str,
    /// Whether it is not of the domain.
    pub(super) is_elsewhere: bool,
    /// Empty where no banner tells.
    pub(super) software: &'static str,
    pub(super) addresses: Vec<Address<'a>>,
}

pub(super) struct Address<'a> {
    /// Which of the dialogues is with it, from 1.
    pub(super) session: usize,
    pub(super) family: &'static str,
    /// The name of all that the MX has in this family, where nobody tells them apart.
    pub(super) pool: Option<Place>,
    pub(super) server: Server<'a>,
    /// Whether it greets by the name it is published under.
    pub(super) greets_by_name: bool,
}

impl<'a> Mx<'a> {
    /// In preference order, as the endpoints are.
    pub(super) fn all(report: &'a Report, now: SystemTime) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (at, server) in servers(report, now).into_iter().enumerate() {
            let endpoint = server.endpoint;
            let last = all
                .last_mut()
                .filter(|mx| (mx.preference, mx.name) == (endpoint.preference, endpoint.mx.as_str()));
            let mx = match last {
                Some(mx) => mx,
                None => all.push_mut(Self::of(&server, report.domain())),
            };
            if mx.software.is_empty() {
                mx.software = server.software;
            }
            mx.addresses.push(Address::of(at + 1, server));
        }
        all
    }

    fn of(server: &Server<'a>, domain: &DomainName) -> Self {
        let endpoint = server.endpoint;
        Self {
            preference: endpoint.preference,
            name: endpoint.mx.as_str(),
            is_elsewhere: is_elsewhere(&endpoint.mx, domain),
            software: "",
            addresses: Vec::new(),
        }
    }
}

impl<'a> Address<'a> {
    fn of(session: usize, server: Server<'a>) -> Self {
        let family = if server.endpoint.address().is_ipv4() { "IPv4" } else { "IPv6" };
        let greets_by_name = server.greets_as.as_ref() == Some(&server.endpoint.mx);
        let pool = Some(server.endpoint.place()).filter(|_| server.endpoint.pooled);
        Self { session, family, pool, server, greets_by_name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, now, observation};
    use crate::render::testing::report;

    #[test]
    fn an_mx_is_named_once_for_all_its_addresses() {
        let endpoints = [
            endpoint().banner("554 no"),
            endpoint().at("mx1.example.com", "2001:db8::10"),
            endpoint().at("mx.example.net", "192.0.2.11").preference(20),
        ];
        let report = report(&observation().of(endpoints));
        let told: Vec<_> = Mx::all(&report, now())
            .iter()
            .map(|mx| {
                let addresses = mx.addresses.iter().map(|address| (address.session, address.family));
                (mx.name, mx.is_elsewhere, mx.software, addresses.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("mx1.example.com", false, "Postfix", vec![(1, "IPv4"), (2, "IPv6")]),
                ("mx.example.net", true, "Postfix", vec![(3, "IPv4")]),
            ]
        );
    }
}
