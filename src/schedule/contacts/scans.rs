//! Which TLS scans are due, and what they bring home: nothing is asked twice that a scan under way has asked.

use super::{Contacts, Errand, Want};
use crate::observe::{Cause, Contact, Session, SessionKey, TlsScan};
use crate::schedule::backoff;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A TLS scan may take so long, however often it is wanted.
const SCAN: Duration = Duration::from_secs(24 * 60 * 60);

impl Contacts {
    /// Takes down that a domain wants a TLS scan of an endpoint, or that it wants none. A shorter interval of another
    /// domain stands.
    pub(in crate::schedule) fn want_scan(&mut self, key: &SessionKey, want: &Want) {
        let Some(entry) = self.0.get_mut(key) else { return };
        entry.scan.take_if(|(domain, _)| domain.name == want.domain.name);
        let shorter = |interval: Duration| entry.scan.as_ref().is_none_or(|(_, other)| interval < *other);
        if let Some(interval) = want.scan.filter(|interval| shorter(*interval)) {
            entry.scan = Some((want.domain.clone(), interval));
        }
    }

    /// The next session of an endpoint's TLS scan, where one is due.
    pub(in crate::schedule) fn scan_errand(&self, key: &SessionKey, now: SystemTime) -> Option<Errand> {
        let entry = self.0.get(key)?;
        let (domain, interval) = entry.scan.clone()?;
        let contact = entry.contact.as_deref().filter(|contact| owes_scan(contact, interval, now))?;
        let scan = contact.scanning.as_ref().filter(|scan| is_worth_ending(contact, scan, interval, now));
        Some(Errand {
            key: key.clone(),
            domain,
            null_sender: None,
            postmasters: Vec::new(),
            relay: None,
            refusals: 0,
            plaintext: false,
            anchors: Vec::new(),
            scan: Some(scan.cloned().unwrap_or_else(|| TlsScan::beginning(now))),
        })
    }

    /// Takes in what a session of a TLS scan brought home; true where the scan has come to an end by it. What is this
    /// program's own fault is no news of the server.
    pub(in crate::schedule) fn take_in_scan(&mut self, key: &SessionKey, session: &Session) -> bool {
        let Some(entry) = self.0.get_mut(key) else { return true };
        let (Some(contact), Some(scanned)) = (&entry.contact, &session.scan) else { return true };
        if scanned.as_ref().is_err_and(|unseen| unseen.cause() == Cause::ProberError) {
            return true;
        }
        entry.contact = Some(Arc::new(contact.with_scan(session.at, scanned)));
        scanned.as_ref().map_or(true, |scanned| scanned.is_complete)
    }
}

/// Whether a TLS scan is due: none was made yet, one has begun, the last is too old, or handshakes have failed since.
/// One that was kept from going on is tried again as late as everything that was put off.
fn owes_scan(contact: &Contact, interval: Duration, now: SystemTime) -> bool {
    if !contact.is_scannable() {
        return false;
    }
    let Some(fact) = &contact.scan else { return true };
    match &fact.seen {
        Err(_) => fact.at + backoff::rest(&contact.key, fact.streak.count) <= now,
        Ok(scan) => {
            let is_outdated = contact.unexplained_since().is_some_and(|since| scan.at < since);
            contact.scanning.is_some() || is_outdated || fact.at + interval <= now
        }
    }
}

/// Whether a scan that has begun may go on: all of it has to be of one time, and of the server as it is now.
fn is_worth_ending(contact: &Contact, scan: &TlsScan, interval: Duration, now: SystemTime) -> bool {
    let is_of_now = contact.unexplained_since().is_none_or(|since| since <= scan.at);
    is_of_now && scan.at <= now && now < scan.at + interval.max(SCAN)
}
