//! What is known of every endpoint, and who waits for more: the facts of one session serve all domains that use it.

use crate::config::Domain;
use crate::name::{DomainName, Mailbox};
use crate::observe::{Contact, Fact, Session, SessionKey, Transaction, Unseen};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

/// As many postmasters are asked for in one session.
const POSTMASTERS: usize = 5;

/// What a domain wants to know of an endpoint.
#[derive(Clone, Debug)]
pub struct Want {
    /// Which endpoint.
    pub key: SessionKey,
    /// On whose behalf, and with which options.
    pub domain: Arc<Domain>,
    /// The session may be as old as this.
    pub dialogue_since: SystemTime,
    /// The tests may be as old as this, unless a session broke before it reached them.
    pub tests_since: SystemTime,
    /// Whom the relay test may ask for here.
    pub relay: RelayRecipients,
}

/// Outside recipients that may be used at one endpoint, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayRecipients {
    /// For the first question.
    pub first: Vec<Mailbox>,
    /// For the confirmation.
    pub second: Vec<Mailbox>,
}

/// What a session is to do, for all who wait for it.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Whom to visit.
    pub key: SessionKey,
    /// Whose options it uses: of those who wait, the one who came first.
    pub domain: Arc<Domain>,
    /// Whose postmaster is the recipient of the null-sender test, where that is due.
    pub null_sender: Option<DomainName>,
    /// Whose postmasters to ask for.
    pub postmasters: Vec<DomainName>,
    /// The relay test, where it is due.
    pub relay: Option<RelayRecipients>,
    /// No STARTTLS: transactions that are owed because TLS did not come about.
    pub plaintext: bool,
}

/// What a domain gets.
#[derive(Clone, Debug)]
pub struct Served {
    /// The shared facts.
    pub contact: Arc<Contact>,
    /// Its own postmaster's fact.
    pub postmaster: Option<Fact<Transaction>>,
}

/// The facts by endpoint, and the queue before each.
#[derive(Debug, Default)]
pub(super) struct Contacts(HashMap<SessionKey, Entry>);

#[derive(Debug, Default)]
struct Entry {
    contact: Option<Arc<Contact>>,
    postmasters: HashMap<DomainName, Fact<Transaction>>,
    waiting: Vec<Want>,
}

impl Contacts {
    /// What is known, if it is all that is wanted.
    pub(super) fn satisfying(&self, want: &Want) -> Option<Served> {
        let entry = self.0.get(&want.key)?;
        entry.satisfies(want).then(|| entry.known(&want.domain.name)).flatten()
    }

    /// The last contact with an endpoint.
    pub(super) fn contact(&self, key: &SessionKey) -> Option<&Contact> {
        self.0.get(key)?.contact.as_deref()
    }

    /// Forgets every endpoint that is not used and that nobody waits for.
    pub(super) fn keep_only(&mut self, used: &HashSet<SessionKey>) {
        self.0.retain(|key, entry| used.contains(key) || !entry.waiting.is_empty());
    }

    /// Queues a want, to be taken by whoever visits the endpoint next.
    pub(super) fn wait(&mut self, want: Want) {
        self.0.entry(want.key.clone()).or_default().waiting.push(want);
    }

    /// Takes the queue before an endpoint as one errand; postmasters beyond what a session may ask stay queued.
    pub(super) fn errand(&mut self, want: &Want) -> Errand {
        let entry = self.0.entry(want.key.clone()).or_default();
        let mut waiting = std::mem::take(&mut entry.waiting);
        waiting.retain(|waiting| !entry.satisfies(waiting));
        if waiting.is_empty() {
            waiting.push(want.clone());
        }
        let null = waiting.iter().find(|want| entry.owes_null_sender(want));
        let relay = waiting.iter().find(|want| entry.owes_relay(want));
        let asks = |want: &&Want| entry.owes_postmaster(want);
        let mut seen = HashSet::new();
        let names = waiting.iter().filter(asks).map(|want| want.domain.name.clone());
        let mut postmasters: Vec<DomainName> = names.filter(|name| seen.insert(name.clone())).collect();
        let later = postmasters.split_off(postmasters.len().min(POSTMASTERS));
        let errand = Errand {
            key: want.key.clone(),
            domain: waiting[0].domain.clone(),
            null_sender: null.map(|want| want.domain.name.clone()),
            relay: relay.map(|want| want.relay.clone()),
            postmasters,
            plaintext: false,
        };
        entry.waiting = waiting.into_iter().filter(|want| later.contains(&want.domain.name)).collect();
        errand
    }

    /// Takes in what a session brought home.
    pub(super) fn take_in(&mut self, key: &SessionKey, session: Session, domain: &DomainName) -> Served {
        let entry = self.0.entry(key.clone()).or_default();
        entry.take_in_postmasters(&session);
        let contact = Arc::new(Contact::renewed(entry.contact.as_deref(), key.clone(), session));
        entry.contact = Some(contact.clone());
        Served { contact, postmaster: entry.postmasters.get(domain).cloned() }
    }

    /// Takes in the tests alone, of a session in plaintext that was made for their sake.
    pub(super) fn take_in_tests(
        &mut self,
        key: &SessionKey,
        session: &Session,
        domain: &DomainName,
    ) -> Option<Served> {
        let entry = self.0.get_mut(key)?;
        entry.take_in_postmasters(session);
        entry.contact = entry.contact.as_deref().map(|contact| Arc::new(contact.with_tests(session)));
        entry.known(domain)
    }
}

impl Entry {
    fn take_in_postmasters(&mut self, session: &Session) {
        for (domain, seen) in &session.postmasters {
            let trouble = seen.as_ref().err().map(Unseen::trouble);
            let fact = Fact::following(self.postmasters.get(domain), session.at, seen.clone(), trouble);
            self.postmasters.insert(domain.clone(), fact);
        }
    }

    fn known(&self, domain: &DomainName) -> Option<Served> {
        let contact = self.contact.clone()?;
        Some(Served { contact, postmaster: self.postmasters.get(domain).cloned() })
    }

    fn satisfies(&self, want: &Want) -> bool {
        let fresh = self.contact.as_ref().is_some_and(|contact| contact.dialogue.at >= want.dialogue_since);
        fresh && !self.owes_null_sender(want) && !self.owes_relay(want) && !self.owes_postmaster(want)
    }

    fn owes_null_sender(&self, want: &Want) -> bool {
        let fact = self.contact.as_ref().and_then(|contact| contact.null_sender.as_ref());
        want.domain.settings.tests.null_sender && want.is_due(fact)
    }

    fn owes_relay(&self, want: &Want) -> bool {
        let fact = self.contact.as_ref().and_then(|contact| contact.relay.as_ref());
        want.domain.settings.tests.open_relay && want.is_due(fact)
    }

    fn owes_postmaster(&self, want: &Want) -> bool {
        want.domain.settings.tests.postmaster && want.is_due(self.postmasters.get(&want.domain.name))
    }
}

impl Want {
    /// A test that was never reached is due with the next session; others keep for their own interval.
    fn is_due<T>(&self, fact: Option<&Fact<T>>) -> bool {
        let Some(fact) = fact else { return true };
        let since = match fact.seen {
            Err(Unseen::Blocked(_)) => self.dialogue_since,
            _ => self.tests_since,
        };
        fact.at < since
    }
}
