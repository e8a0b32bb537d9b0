//! Servers as they are told of on a page: a host once, then those of its addresses that are meant.

use crate::observe::Place;
use crate::rules::Subject;

pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    pub(super) addresses: Vec<Place>,
}

impl<'a> Host<'a> {
    /// The servers among some subjects; none where they are the domain as a whole.
    pub(super) fn all(subjects: impl IntoIterator<Item = &'a Subject>) -> Vec<Self> {
        let mut hosts: Vec<Self> = Vec::new();
        for subject in subjects {
            let Subject::Endpoint(mx, place) = subject else { continue };
            match hosts.iter_mut().find(|host| host.name == mx.as_str()) {
                Some(host) => host.addresses.push(*place),
                None => hosts.push(Self { name: mx.as_str(), addresses: vec![*place] }),
            }
        }
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::mx;

    #[test]
    fn a_host_is_named_once() {
        let at = |name, address: &str| Subject::Endpoint(mx(name), Place::Address(address.parse().unwrap()));
        let subjects = [
            Subject::Domain,
            at("mx1.example.com", "192.0.2.1"),
            at("mx.example.net", "192.0.2.9"),
            at("mx1.example.com", "2001:db8::1"),
        ];
        let hosts = Host::all(&subjects);
        let told: Vec<_> = hosts.iter().map(|host| (host.name, host.addresses.len())).collect();
        assert_eq!(told, [("mx1.example.com", 2), ("mx.example.net", 1)]);
    }
}
