//! What is wrong with the names that this machine goes by: others refuse a client whose name does not lead to it and
//! back, or whose senders take no mail. Each is said once in the log, and stops nothing.

use super::workshop::{Tools, Workshop};
use crate::config::{Config, Settings};
use crate::name::{DomainName, HeloName, Mailbox, MxName};
use crate::observe::{Lookup, MxRecord, MxTarget, Outcome, PeerText, Ptr};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use tracing::{info, warn};

/// As many names of one kind are looked up: a configuration has one or two.
const NAMES: usize = 32;

impl Workshop {
    /// Looks the names of `config` up, and warns of what is new since the last time.
    pub(super) async fn check_self(self: Arc<Self>, config: Arc<Config>) {
        let faults = self.tools().faults(&config).await;
        let mut known = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults.difference(&known) {
            warn!("{fault}");
        }
        *known = faults;
    }
}

impl Tools {
    async fn faults(&self, config: &Config) -> BTreeSet<String> {
        let all = || config.domains.iter().map(|domain| &*domain.settings).chain([&*config.defaults]);
        let own = self.own_addresses(config);
        let mut faults = BTreeSet::new();
        for helo in few(all().filter_map(|settings| settings.helo_name.as_ref()).map(HeloName::as_str)) {
            if let Ok(name) = DomainName::parse(helo) {
                faults.extend(self.helo_fault(&name, &own).await);
            }
        }
        let senders = all().filter_map(Settings::sender).map(|sender| ("mail_from", sender));
        let tested = all().filter(|settings| settings.tests.open_relay);
        let probes = tested.flat_map(|settings| settings.test_probe_address.iter().cloned());
        for (key, mailbox) in few(senders.chain(probes.map(|probe| ("test_probe_address", probe)))) {
            faults.extend(self.mailbox_fault(key, &mailbox).await);
        }
        for canary in few(config.network.canaries.iter()) {
            faults.extend(self.canary_fault(canary).await);
        }
        faults
    }

    async fn helo_fault(&self, name: &DomainName, own: &[IpAddr]) -> Option<String> {
        let addresses = match self.dns.host(&name.as_host()).await.addresses() {
            Ok(addresses) => addresses,
            Err(unseen) => {
                return Some(format!("helo_name {name}: its addresses are not known: {}", unseen.trouble()));
            }
        };
        if addresses.is_empty() {
            return Some(format!("helo_name {name} has no address: many servers refuse such a client"));
        }
        if own.is_empty() {
            info!(%name, "helo_name resolves; whether to this machine is not known behind a translation of addresses");
        }
        for own in own {
            if !addresses.contains(own) && addresses.iter().any(|address| address.is_ipv4() == own.is_ipv4())
            {
                return Some(format!(
                    "helo_name {name} resolves to {}, not to {own}, where sessions come from",
                    list(&addresses)
                ));
            }
            if let Some(fault) = ptr_fault(name, *own, &self.dns.ptr(*own).await) {
                return Some(fault);
            }
        }
        None
    }

    /// Whether mail to one of our own mailboxes would be taken, as far as DNS tells.
    async fn mailbox_fault(&self, key: &str, mailbox: &Mailbox) -> Option<String> {
        let domain = mailbox.domain()?;
        let mx = self.dns.mx(domain).await;
        let nowhere = match mx.outcome {
            Outcome::NoData => {
                let host = self.dns.host(&domain.as_host()).await;
                host.addresses().is_ok_and(|addresses| addresses.is_empty())
            }
            _ => false,
        };
        let why = mail_fault(&mx).or(nowhere.then_some("has no MX record and no address"))?;
        Some(format!("{key} {mailbox}: its domain {why}: servers that look it up refuse it"))
    }

    async fn canary_fault(&self, canary: &MxName) -> Option<String> {
        let addresses = self.dns.host(canary).await.addresses();
        let none = addresses.is_ok_and(|addresses| addresses.is_empty());
        none.then(|| format!("network.canaries: {canary} has no address"))
    }
}

fn ptr_fault(name: &DomainName, own: IpAddr, ptr: &Ptr) -> Option<String> {
    let is_ours = |found: &PeerText| found.as_str().trim_end_matches('.') == name.as_str();
    match ptr.names.records() {
        Err(unseen) => {
            Some(format!("helo_name {name}: the PTR record of {own} is not known: {}", unseen.trouble()))
        }
        Ok(None) => Some(format!("{own}, where sessions come from, has no PTR record: it should say {name}")),
        Ok(Some(names)) if names.iter().any(is_ours) => None,
        Ok(Some(names)) => Some(format!(
            "the PTR record of {own}, where sessions come from, says {}, not helo_name {name}",
            list(names)
        )),
    }
}

fn mail_fault(mx: &Lookup<Vec<MxRecord>>) -> Option<&'static str> {
    match &mx.outcome {
        Outcome::Answer(records) if records.iter().all(|record| record.target == MxTarget::Null) => {
            Some("takes no mail (null MX)")
        }
        Outcome::NoSuchName => Some("does not exist"),
        Outcome::Answer(_) | Outcome::NoData => None,
        _ => Some("cannot be looked up"),
    }
}

fn list<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Each of them once, the first ones of very many.
fn few<T: Ord>(all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let all: BTreeSet<T> = all.collect();
    all.into_iter().take(NAMES)
}
