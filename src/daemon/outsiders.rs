//! Whom the relay test may ask for: recipients that are nobody's own at the MX under test.

use crate::config::Settings;
use crate::name::{DomainName, Mailbox, MxName};
use crate::observe::{Lookup, MxRecord, MxTarget, Outcome};
use crate::probe::dns::Dns;
use crate::schedule::RelayRecipients;

/// Asked for a confirmation when nobody else is there: domains that nobody runs (RFC 2606 §3), so that whoever accepts
/// mail for them would relay it.
const LAST_RESORT: [&str; 2] = ["postmaster@example.net", "postmaster@example.com"];

/// The recipients of a domain's relay test, before they are weighed against an MX.
#[derive(Debug, Default)]
pub(super) struct Outsiders {
    /// `test_probe_address`, for the first question.
    first: Vec<Outsider>,
    /// For the confirmation: the prober's own postmaster, those of the first question, the last resort.
    second: Vec<Outsider>,
}

/// A recipient with the exchangers of its domain.
#[derive(Clone, Debug)]
struct Outsider {
    recipient: Mailbox,
    /// Where its mail goes; none where DNS did not say.
    exchangers: Option<Vec<MxName>>,
}

impl Outsiders {
    /// Looks up where the recipients' mail goes. Nobody, where the domain does not want the test.
    pub(super) async fn of(settings: &Settings, dns: &Dns) -> Self {
        if !settings.tests.open_relay {
            return Self::default();
        }
        let mut first = Vec::new();
        for recipient in &settings.test_probe_address {
            first.push(Outsider::of(recipient.clone(), dns).await);
        }
        let mut second = Vec::new();
        if let Some(ours) = settings.sender().as_ref().and_then(Mailbox::domain) {
            second.push(Outsider::of(Mailbox::postmaster(ours), dns).await);
        }
        second.extend(first.iter().cloned());
        for recipient in LAST_RESORT.iter().filter_map(|text| Mailbox::parse(text).ok()) {
            second.push(Outsider::of(recipient, dns).await);
        }
        Self { first, second }
    }

    /// Those who are outsiders for `domain` at `mx`.
    pub(super) fn recipients(&self, domain: &DomainName, mx: &MxName) -> RelayRecipients {
        let outside = |list: &[Outsider]| -> Vec<Mailbox> {
            let outside = list.iter().filter(|outsider| outsider.is_outside(domain, mx));
            outside.map(|outsider| outsider.recipient.clone()).collect()
        };
        RelayRecipients { first: outside(&self.first), second: outside(&self.second) }
    }
}

impl Outsider {
    async fn of(recipient: Mailbox, dns: &Dns) -> Self {
        let exchangers = match recipient.domain() {
            Some(domain) => exchangers(domain, &dns.mx(domain).await),
            None => None,
        };
        Self { recipient, exchangers }
    }

    /// Whether accepting this recipient would be relaying: of another family of names, and not at home on that MX.
    fn is_outside(&self, domain: &DomainName, mx: &MxName) -> bool {
        let unrelated = |recipient: &DomainName| !recipient.is_within(domain) && !domain.is_within(recipient);
        self.recipient.domain().is_some_and(unrelated)
            && self.exchangers.as_ref().is_some_and(|exchangers| !exchangers.contains(mx))
    }
}

/// Where a domain's mail goes: its MX, or itself for want of any; none where DNS did not say.
fn exchangers(domain: &DomainName, lookup: &Lookup<Vec<MxRecord>>) -> Option<Vec<MxName>> {
    let host = |record: &MxRecord| match &record.target {
        MxTarget::Host(name) => Some(name.clone()),
        _ => None,
    };
    match &lookup.outcome {
        Outcome::Answer(records) => Some(records.iter().filter_map(host).collect()),
        Outcome::NoData => Some(vec![domain.as_host()]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outsider_is_of_another_family_and_not_at_home_here() {
        let mx = |name: &str| MxName::parse(name).unwrap();
        let domain = DomainName::parse("example.org").unwrap();
        for (recipient, exchangers, want) in [
            ("a@example.com", Some(&["mx.example.com"][..]), true),
            ("a@example.com", Some(&[]), true),
            ("a@example.com", Some(&["mx.example.org"]), false),
            ("a@example.com", None, false),
            ("a@example.org", Some(&["mx.example.com"]), false),
            ("a@sub.example.org", Some(&["mx.example.com"]), false),
            ("a@org", Some(&["mx.example.com"]), false),
        ] {
            let names = exchangers.map(|names| names.iter().map(|name| mx(name)).collect());
            let outsider = Outsider { recipient: Mailbox::parse(recipient).unwrap(), exchangers: names };
            assert_eq!(
                outsider.is_outside(&domain, &mx("mx.example.org")),
                want,
                "{recipient} {exchangers:?}"
            );
        }
    }
}
