//! What of a picture the file does not have yet. Knows nothing of disks.

use super::file::{Batch, Contents, Failure, written};
use super::record::{encode, key};
use super::{Kept, Picture};
use crate::observe::Contact;
use crate::report::Report;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

/// Contacts that nobody uses any more are looked for only with every so many batches.
const SWEEP: u32 = 64;

/// What the file has, by its keys. It keeps nothing alive.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    reports: HashMap<String, (Weak<Report>, u64)>,
    contacts: HashMap<String, Entry>,
    manners: Option<Vec<u8>>,
    batches: u32,
}

/// A contact in the file.
#[derive(Debug)]
struct Entry {
    contact: Weak<Contact>,
    /// Of the newest fact in it.
    at: SystemTime,
}

/// What is to be written, and what the ledger has to say of it then.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) batch: Batch,
    reports: Vec<Kept>,
    contacts: HashMap<String, Arc<Contact>>,
}

impl Ledger {
    /// The ledger of a file that was just read.
    pub(super) fn of(contents: &Contents) -> Self {
        let mut ledger = Self::of_keys(contents);
        for kept in &contents.reports {
            ledger.note_report(kept);
        }
        for (key, contact) in &contents.contacts {
            ledger.note_contact(key.clone(), contact);
        }
        ledger.manners = encode(&contents.manners).ok();
        ledger
    }

    /// The same where more is known than what was read: everything is to be written again.
    pub(super) fn of_keys(contents: &Contents) -> Self {
        let unknown = || (Weak::new(), 0);
        let entry = || Entry { contact: Weak::new(), at: SystemTime::UNIX_EPOCH };
        let domains = contents.reports.iter().map(|kept| kept.report.domain());
        let domains = domains.chain(&contents.unread.0).map(ToString::to_string);
        let contacts = contents.contacts.keys().chain(&contents.unread.1).cloned();
        Self {
            reports: domains.chain(contents.nameless.iter().cloned()).map(|name| (name, unknown())).collect(),
            contacts: contacts.map(|key| (key, entry())).collect(),
            ..Self::default()
        }
    }

    /// What the file lacks of a picture, and what it has too much.
    pub(super) fn due(&mut self, picture: &Picture, now: SystemTime) -> Result<Due, Failure> {
        let mut due = Due::default();
        let names: HashSet<&str> = picture.reports.iter().map(|kept| kept.report.domain().as_str()).collect();
        let changed = picture.reports.iter().filter(|kept| !self.has(kept));
        for kept in changed {
            due.batch.reports.push((kept.report.domain().to_string(), Some(written(kept)?)));
            due.reports.push(kept.clone());
            self.add_contacts(kept, &mut due.contacts, now);
        }
        for (key, contact) in &due.contacts {
            due.batch.contacts.push((key.clone(), Some(encode(&**contact)?)));
        }
        let gone = self.reports.keys().filter(|name| !names.contains(name.as_str()));
        due.batch.reports.extend(gone.map(|name| (name.clone(), None)));
        if self.batches.is_multiple_of(SWEEP) {
            let unused = self.unused(picture);
            due.batch.contacts.extend(unused.into_iter().map(|key| (key, None)));
        }
        due.batch.manners = Some(encode(&picture.manners)?).filter(|new| self.manners.as_ref() != Some(new));
        self.batches = self.batches.wrapping_add(1);
        Ok(due)
    }

    /// Takes down what has been written.
    pub(super) fn book(&mut self, due: Due) {
        let Due { batch, reports, contacts } = due;
        for (name, _) in batch.reports.iter().filter(|(_, value)| value.is_none()) {
            self.reports.remove(name);
        }
        for (key, _) in batch.contacts.iter().filter(|(_, value)| value.is_none()) {
            self.contacts.remove(key);
        }
        reports.iter().for_each(|kept| self.note_report(kept));
        contacts.into_iter().for_each(|(key, contact)| self.note_contact(key, &contact));
        self.manners = batch.manners.or(self.manners.take());
    }

    fn has(&self, kept: &Kept) -> bool {
        self.reports.get(kept.report.domain().as_str()).is_some_and(|(report, fingerprint)| {
            std::ptr::eq(report.as_ptr(), Arc::as_ptr(&kept.report)) && *fingerprint == kept.fingerprint
        })
    }

    /// Adds the contacts of a domain. Two domains may have seen one endpoint at different times: the newer one counts,
    /// unless its time is still to come because the clock was set back.
    fn add_contacts(&self, kept: &Kept, contacts: &mut HashMap<String, Arc<Contact>>, now: SystemTime) {
        for contact in kept.report.observation.endpoints.iter().map(|endpoint| &endpoint.contact) {
            let key = key(&contact.key);
            let entry = self.contacts.get(&key);
            let same = entry.is_some_and(|it| std::ptr::eq(it.contact.as_ptr(), Arc::as_ptr(contact)));
            let before = contacts.get(&key).map(|other| newest(other)).or(entry.map(|entry| entry.at));
            let older = before.is_some_and(|before| newest(contact) < before && before <= now);
            if !same && !older {
                contacts.insert(key, contact.clone());
            }
        }
    }

    fn unused(&self, picture: &Picture) -> Vec<String> {
        let endpoints = picture.reports.iter().flat_map(|kept| &kept.report.observation.endpoints);
        let used: HashSet<String> = endpoints.map(|endpoint| key(&endpoint.contact.key)).collect();
        self.contacts.keys().filter(|key| !used.contains(*key)).cloned().collect()
    }

    fn note_report(&mut self, kept: &Kept) {
        let entry = (Arc::downgrade(&kept.report), kept.fingerprint);
        self.reports.insert(kept.report.domain().to_string(), entry);
    }

    fn note_contact(&mut self, key: String, contact: &Arc<Contact>) {
        self.contacts.insert(key, Entry { contact: Arc::downgrade(contact), at: newest(contact) });
    }
}

/// When the newest of its facts was seen.
fn newest(contact: &Contact) -> SystemTime {
    let tests =
        [contact.null_sender.as_ref().map(|fact| fact.at), contact.relay.as_ref().map(|fact| fact.at)];
    tests.into_iter().flatten().fold(contact.dialogue.at, SystemTime::max)
}
