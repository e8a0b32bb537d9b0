//! What is known of an endpoint goes on under another key: a pool is visited at another of its addresses.

use super::{Contacts, Entry, Want};
use crate::name::DomainName;
use crate::observe::{Contact, Fact, SessionKey};
use std::sync::Arc;

/// A greylist lets a test pass that is made so often.
const TRIES: u32 = 3;

impl Contacts {
    /// Goes on under another key with what is known of an endpoint and who waits before it. Where both keys have some of
    /// it, the younger counts.
    pub(in super::super) fn hand_over(&mut self, from: &SessionKey, to: &SessionKey) {
        let Some(entry) = self.0.remove(from) else { return };
        self.0.entry(to.clone()).or_default().absorb(entry, to);
    }

    /// Whether a test that a domain has an interest in was put off and may soon pass at the same address.
    pub(in super::super) fn is_put_off(&self, key: &SessionKey, domain: &DomainName) -> bool {
        let Some((entry, contact)) = self.0.get(key).and_then(|entry| Some((entry, entry.contact.as_ref()?)))
        else {
            return false;
        };
        contact.null_sender.as_ref().is_some_and(|fact| may_pass(fact, key))
            || contact.relay.as_ref().is_some_and(|fact| may_pass(fact, key))
            || entry.postmasters.get(domain).is_some_and(|fact| may_pass(fact, key))
    }
}

fn may_pass<T>(fact: &Fact<T>, key: &SessionKey) -> bool {
    fact.streak.count < TRIES && fact.retry(key).is_some()
}

impl Entry {
    fn absorb(&mut self, other: Self, key: &SessionKey) {
        let Self { contact, postmasters, null_sender, waiting, scan } = other;
        let age = |contact: &Option<Arc<Contact>>| contact.as_ref().map(|contact| contact.dialogue.at);
        if age(&contact) > age(&self.contact) {
            self.contact = contact;
        }
        for (domain, fact) in postmasters {
            let known = self.postmasters.get(&domain);
            if known.is_none_or(|known| known.at < fact.at) {
                self.postmasters.insert(domain, fact);
            }
        }
        self.null_sender = self.null_sender.take().or(null_sender);
        self.scan = self.scan.take().or(scan);
        for want in waiting {
            if !self.waiting.iter().any(|other| other.domain.name == want.domain.name) {
                self.waiting.push_back(Want { key: key.clone(), ..want });
            }
        }
    }
}
