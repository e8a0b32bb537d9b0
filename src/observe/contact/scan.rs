//! What a TLS scan adds to what is known of an endpoint, and where it can tell more than the sessions do.

use super::{Contact, Fact};
use crate::observe::{Cause, Scanned, Seen, StartTls, TlsScan, Trouble, Unseen};
use std::sync::Arc;
use std::time::SystemTime;

impl Contact {
    /// Takes in one more answer to a TLS scan, or why there is none; nothing else is known by such a session. The
    /// answers so far are kept until the scan has come to its end.
    pub fn with_scan(&self, at: SystemTime, scanned: &Seen<Scanned>) -> Self {
        let mut contact = self.clone();
        let unseen = scanned.as_ref().err();
        let seen = match scanned {
            Ok(Scanned { scan, is_complete: false }) => {
                contact.scanning = Some(scan.clone());
                return contact;
            }
            Ok(Scanned { scan, .. }) => {
                contact.scanning = None;
                contact.latest.scan = Some(Arc::new(scan.clone()));
                Ok(scan.clone())
            }
            Err(unseen) => Err(unseen.clone()),
        };
        contact.scan = Some(Fact::following(self.scan.as_ref(), at, seen, unseen.map(Unseen::trouble)));
        contact
    }

    /// Whether a TLS scan can tell more: the last session came to a handshake, whether it worked or failed otherwise
    /// than by silence or by this program's own fault.
    pub fn is_scannable(&self) -> bool {
        match self.starttls() {
            Ok(StartTls::Secured(_)) => true,
            Ok(StartTls::HandshakeFailed(trouble)) => {
                !matches!(trouble.cause, Cause::NoAnswer | Cause::Timeout | Cause::ProberError)
            }
            _ => false,
        }
    }

    /// Since when handshakes have been failing in a way that a TLS scan may explain.
    pub fn unexplained_since(&self) -> Option<SystemTime> {
        let failed = matches!(self.starttls(), Ok(StartTls::HandshakeFailed(_))) && !self.wants_second_look();
        (failed && self.is_scannable()).then_some(self.dialogue.streak.since)
    }

    /// What the trouble that ended the last session counts for by now. A handshake that this program cannot make is in
    /// doubt until a TLS scan tells: a server that takes no hello at all fails for everybody.
    pub fn settled_trouble(&self, trouble: &Trouble) -> Unseen {
        let is_hopeless = || self.explanation().is_some_and(|scan| !scan.accepts_any());
        if trouble.cause == Cause::UnsupportedByProber && is_hopeless() {
            return Unseen::Failed(Trouble { cause: Cause::Alert, ..trouble.clone() });
        }
        self.settled(&Unseen::Failed(trouble.clone()))
    }

    /// The TLS scan that tells of the handshakes which are failing now.
    pub fn explanation(&self) -> Option<&TlsScan> {
        let since = self.unexplained_since()?;
        self.latest.scan.as_deref().filter(|scan| scan.at >= since)
    }
}
