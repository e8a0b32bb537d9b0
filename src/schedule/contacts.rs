//! What is known of every endpoint, and who waits for more: the facts of one session serve all domains that use it.

mod scans;

use super::backoff;
use super::manners::REFUSALS;
use crate::config::Domain;
use crate::name::{DomainName, Mailbox};
use crate::observe::{
    Cause, Contact, Fact, NullSender, Session, SessionKey, Stage, TlsScan, Tlsa, Transaction, Trouble, Unseen,
};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

mod handing_over;

/// As many postmasters are asked for in one session.
pub(super) const POSTMASTERS: usize = 5;

/// What a domain wants to know of an endpoint.
#[derive(Clone, Debug)]
pub struct Want {
    /// Which endpoint.
    pub key: SessionKey,
    /// The addresses that will do as well, where the host is a pool.
    pub pool: Vec<IpAddr>,
    /// On whose behalf, and with which options.
    pub domain: Arc<Domain>,
    /// When it is wanted.
    pub at: SystemTime,
    /// The session may be as old as this.
    pub dialogue_since: SystemTime,
    /// The tests may be as old as this, unless a session broke before it reached them.
    pub tests_since: SystemTime,
    /// Whom the relay test may ask for here.
    pub relay: RelayRecipients,
    /// Whether it is this endpoint's turn to be asked for the domain's postmaster.
    pub postmaster: bool,
    /// How old a TLS scan may be; none where there is to be none.
    pub scan: Option<Duration>,
    /// Whether to wait for recipient tests where all else is known.
    pub patient: bool,
    /// TLSA records of usage 2 that the host has.
    pub anchors: Vec<Tlsa>,
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
    /// So many recipients may be refused.
    pub refusals: usize,
    /// No STARTTLS: transactions that are owed because TLS did not come about.
    pub plaintext: bool,
    /// TLSA records of usage 2 that the host has.
    pub anchors: Vec<Tlsa>,
    /// The TLS scan that the session is made for, and nothing else.
    pub scan: Option<TlsScan>,
}

/// What a domain gets.
#[derive(Clone, Debug)]
pub struct Served {
    /// The shared facts.
    pub contact: Arc<Contact>,
    /// Its own postmaster's fact.
    pub postmaster: Option<Fact<Transaction>>,
    /// Until when the address is left alone, if it is.
    pub rests_until: Option<SystemTime>,
    /// When the first of its tests that were put off is due again, if one was.
    pub retry_at: Option<SystemTime>,
}

/// The facts by endpoint, and the queue before each.
#[derive(Debug, Default)]
pub(super) struct Contacts(HashMap<SessionKey, Entry>);

#[derive(Debug, Default)]
struct Entry {
    contact: Option<Arc<Contact>>,
    postmasters: HashMap<DomainName, Fact<Transaction>>,
    /// Whose postmaster the null sender asks for: the same every time, for greylists know it by that.
    null_sender: Option<DomainName>,
    /// One a domain, the longest waiting first.
    waiting: VecDeque<Want>,
    /// Who wanted a TLS scan last, and how old it may be.
    scan: Option<(Arc<Domain>, Duration)>,
}

impl Contacts {
    /// What is known, if it is all that is wanted.
    pub(super) fn satisfying(&self, want: &Want) -> Option<Served> {
        let entry = self.0.get(&want.key)?;
        entry.satisfies(want).then(|| entry.known(&want.domain.name)).flatten()
    }

    /// What is known, where only tests of recipients are wanting.
    pub(super) fn connected(&self, want: &Want) -> Option<Served> {
        let entry = self.0.get(&want.key)?;
        entry.is_fresh(want).then(|| entry.known(&want.domain.name)).flatten()
    }

    /// What is known, however old.
    pub(super) fn known(&self, key: &SessionKey, domain: &DomainName) -> Option<Served> {
        self.0.get(key)?.known(domain)
    }

    /// The last contact with an endpoint.
    pub(super) fn contact(&self, key: &SessionKey) -> Option<&Contact> {
        self.0.get(key)?.contact.as_deref()
    }

    /// Forgets every endpoint and every domain that is not used any more.
    pub(super) fn keep_only(&mut self, used: &HashSet<SessionKey>, is_watched: impl Fn(&DomainName) -> bool) {
        for entry in self.0.values_mut() {
            entry.waiting.retain(|want| is_watched(&want.domain.name));
            entry.postmasters.retain(|domain, _| is_watched(domain));
            entry.null_sender.take_if(|domain| !is_watched(domain));
            entry.scan.take_if(|(domain, _)| !is_watched(&domain.name));
        }
        self.0.retain(|key, entry| used.contains(key) || !entry.waiting.is_empty());
    }

    /// Queues a want, to be taken by whoever visits the endpoint next. It takes the place of an older one.
    pub(super) fn wait(&mut self, want: Want) {
        let waiting = &mut self.0.entry(want.key.clone()).or_default().waiting;
        match waiting.iter_mut().find(|other| other.domain.name == want.domain.name) {
            Some(other) => *other = want,
            None => waiting.push_back(want),
        }
    }

    /// Who has waited longest before an endpoint and is still not served.
    pub(super) fn next_waiting(&mut self, key: &SessionKey) -> Option<Want> {
        let entry = self.0.get_mut(key)?;
        entry.tidy();
        entry.waiting.front().cloned()
    }

    /// Lets the null sender ask for the same postmaster as last time only where that domain still uses the endpoint.
    pub(super) fn ask_null_sender_of(&mut self, key: &SessionKey, is_used_by: impl Fn(&DomainName) -> bool) {
        if let Some(entry) = self.0.get_mut(key) {
            entry.null_sender.take_if(|domain| !is_used_by(domain));
        }
    }

    /// The queue before an endpoint as one errand, for which `spare` recipients may be refused: tests that do not fit in
    /// stay queued.
    pub(super) fn errand(&mut self, want: &Want, spare: usize) -> Errand {
        self.wait(want.clone());
        let entry = self.0.entry(want.key.clone()).or_default();
        entry.tidy();
        let mut budget = spare.min(REFUSALS);
        let first = entry.waiting.front().unwrap_or(want);
        let mut errand = Errand {
            key: want.key.clone(),
            domain: first.domain.clone(),
            null_sender: None,
            postmasters: Vec::new(),
            relay: None,
            refusals: budget,
            plaintext: false,
            anchors: want.anchors.clone(),
            scan: None,
        };
        errand.relay = entry.relay(&mut budget);
        errand.null_sender = entry.null_sender(&mut budget);
        errand.postmasters = entry.postmasters(&mut budget);
        entry.null_sender = errand.null_sender.clone().or(entry.null_sender.take());
        errand
    }

    /// Takes in what an earlier process knew, unless more is known by now.
    pub(super) fn recall(
        &mut self,
        contact: &Arc<Contact>,
        domain: &DomainName,
        postmaster: Option<&Fact<Transaction>>,
    ) {
        let entry = self.0.entry(contact.key.clone()).or_default();
        entry.contact.get_or_insert_with(|| contact.clone());
        if let Some(fact) = postmaster {
            entry.postmasters.entry(domain.clone()).or_insert_with(|| fact.clone());
        }
    }

    /// Takes in what a session brought home.
    pub(super) fn take_in(&mut self, key: &SessionKey, session: Session, domain: &DomainName) -> Served {
        let entry = self.0.entry(key.clone()).or_default();
        entry.take_in_postmasters(&session);
        let contact = Arc::new(Contact::renewed(entry.contact.as_deref(), key.clone(), session));
        entry.contact = Some(contact.clone());
        let (postmaster, retry_at) = (entry.postmasters.get(domain).cloned(), entry.retry(domain));
        Served { contact, postmaster, rests_until: None, retry_at }
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

    /// Whether a session is due for those alone who wait before an endpoint: they fill it, or one of them waits for a
    /// first answer or for one that was put off. Others keep for the next session that is due anyway.
    pub(super) fn fill_a_session(&self, key: &SessionKey) -> bool {
        let Some(entry) = self.0.get(key) else { return false };
        entry.waiting.len() >= POSTMASTERS || entry.waiting.iter().any(|want| entry.is_urgent(want))
    }

    /// Domains that waited before an endpoint and have got what they waited for.
    pub(super) fn served(&mut self, key: &SessionKey) -> Vec<DomainName> {
        self.0.get_mut(key).map(Entry::tidy).unwrap_or_default()
    }
}

impl Entry {
    fn take_in_postmasters(&mut self, session: &Session) {
        for (domain, seen) in &session.postmasters {
            let fact = Fact::of_transaction(self.postmasters.get(domain), session.at, seen.clone());
            self.postmasters.insert(domain.clone(), fact);
        }
    }

    fn known(&self, domain: &DomainName) -> Option<Served> {
        let contact = self.contact.clone()?;
        let (postmaster, retry_at) = (self.postmasters.get(domain).cloned(), self.retry(domain));
        Some(Served { contact, postmaster, rests_until: None, retry_at })
    }

    /// When the first of a domain's tests that were put off is due again.
    fn retry(&self, domain: &DomainName) -> Option<SystemTime> {
        let contact = self.contact.as_ref()?;
        let null = contact.null_sender.as_ref().and_then(|fact| fact.retry(&contact.key));
        let relay = contact.relay.as_ref().and_then(|fact| fact.retry(&contact.key));
        let postmaster = self.postmasters.get(domain).and_then(|fact| fact.retry((&contact.key, domain)));
        [null, relay, postmaster].into_iter().flatten().min()
    }

    /// Lets those go who have what they wait for, and tells who they are.
    fn tidy(&mut self) -> Vec<DomainName> {
        let waiting = std::mem::take(&mut self.waiting);
        let (served, waiting): (VecDeque<_>, _) = waiting.into_iter().partition(|want| self.satisfies(want));
        self.waiting = waiting;
        served.into_iter().map(|want| want.domain.name.clone()).collect()
    }

    /// The relay test, whose refusal is the good answer.
    fn relay(&self, budget: &mut usize) -> Option<RelayRecipients> {
        let asks = self.waiting.iter().find(|want| self.owes_relay(want))?;
        take(budget).then(|| asks.relay.clone())
    }

    fn null_sender(&self, budget: &mut usize) -> Option<DomainName> {
        let asks = self.waiting.iter().find(|want| self.owes_null_sender(want))?;
        let last = self.contact.as_ref().and_then(|contact| contact.null_sender.as_ref());
        let fits = !last.is_some_and(|fact| is_refused(fact, NullSender::is_accepted)) || take(budget);
        fits.then(|| self.null_sender.clone().unwrap_or_else(|| asks.domain.name.clone()))
    }

    /// Those who have waited longest, as many as one session may ask for.
    fn postmasters(&self, budget: &mut usize) -> Vec<DomainName> {
        let asks = self.waiting.iter().filter(|want| self.owes_postmaster(want));
        let refused = |name: &DomainName| {
            self.postmasters.get(name).is_some_and(|fact| is_refused(fact, Transaction::is_accepted))
        };
        let names = asks.map(|want| want.domain.name.clone());
        names.filter(|name| !refused(name) || take(budget)).take(POSTMASTERS).collect()
    }

    fn is_fresh(&self, want: &Want) -> bool {
        self.contact.as_ref().is_some_and(|contact| contact.dialogue.at >= want.dialogue_since)
    }

    fn satisfies(&self, want: &Want) -> bool {
        self.is_fresh(want)
            && !self.owes_null_sender(want)
            && !self.owes_relay(want)
            && !self.owes_postmaster(want)
    }

    /// Whether a test was never made, or was put off and is due again.
    fn is_urgent(&self, want: &Want) -> bool {
        let contact = self.contact.as_deref();
        let null = contact.and_then(|contact| contact.null_sender.as_ref());
        let relay = contact.and_then(|contact| contact.relay.as_ref());
        let (postmaster, whom) = (self.postmasters.get(&want.domain.name), (&want.key, &want.domain.name));
        (self.owes_null_sender(want) && null.is_none_or(|fact| fact.retry(&want.key).is_some()))
            || (self.owes_relay(want) && relay.is_none_or(|fact| fact.retry(&want.key).is_some()))
            || (self.owes_postmaster(want) && postmaster.is_none_or(|fact| fact.retry(whom).is_some()))
    }

    fn owes_null_sender(&self, want: &Want) -> bool {
        let fact = self.contact.as_ref().and_then(|contact| contact.null_sender.as_ref());
        want.domain.settings.tests.null_sender && want.is_due(fact, &want.key)
    }

    fn owes_relay(&self, want: &Want) -> bool {
        let fact = self.contact.as_ref().and_then(|contact| contact.relay.as_ref());
        want.domain.settings.tests.open_relay && want.is_due(fact, &want.key)
    }

    fn owes_postmaster(&self, want: &Want) -> bool {
        let (fact, whom) = (self.postmasters.get(&want.domain.name), (&want.key, &want.domain.name));
        let again = || fact.is_some_and(|fact| fact.retry(whom).is_some());
        want.domain.settings.tests.postmaster && (want.postmaster || again()) && want.is_due(fact, whom)
    }
}

impl Want {
    /// A test that was never reached is due with the next session, one that was put off when its time comes; others keep
    /// for their own interval.
    fn is_due<T>(&self, fact: Option<&Fact<T>>, whom: impl std::hash::Hash) -> bool {
        let Some(fact) = fact else { return true };
        match (fact.retry(whom), &fact.seen) {
            (Some(again), _) => again <= self.at,
            (None, Err(Unseen::Blocked(_))) => fact.at < self.dialogue_since,
            (None, _) => fact.at < self.tests_since,
        }
    }
}

impl<T> Fact<T> {
    /// When a test that a 4xx to RCPT put off is made again.
    fn retry(&self, whom: impl std::hash::Hash) -> Option<SystemTime> {
        let put_off = (Stage::Rcpt, Cause::Greylisted);
        let (stage, cause) = self.streak.trouble?;
        let cause = if cause == Cause::Tempfail && self.seen.is_ok() { Cause::Greylisted } else { cause };
        ((stage, cause) == put_off).then(|| self.at + backoff::retry(whom, self.streak.count))
    }
}

/// Takes one from a budget, if there is one left.
fn take(budget: &mut usize) -> bool {
    let some = *budget > 0;
    *budget = budget.saturating_sub(1);
    some
}

/// Whether the last answer was a refusal, so that the next will be one too.
fn is_refused<T>(fact: &Fact<T>, verdict: fn(&T) -> crate::observe::Seen<bool>) -> bool {
    fact.seen.as_ref().is_ok_and(|seen| !matches!(verdict(seen), Ok(true)))
}

impl Served {
    /// What is known of an endpoint that never was visited because its address rests: that.
    pub(super) fn turned_away(want: &Want, at: SystemTime, trouble: &Trouble) -> Self {
        let unseen = Unseen::Blocked(trouble.clone());
        let tests = want.domain.settings.tests;
        let session = Session {
            at,
            null_sender: tests.null_sender.then(|| Err(unseen.clone())),
            relay: tests.open_relay.then(|| Err(unseen.clone())),
            postmasters: Vec::new(),
            dialogue: Err(unseen.clone()),
            owed: false,
            scan: None,
        };
        let postmaster = tests.postmaster.then(|| Fact::of_transaction(None, at, Err(unseen)));
        let contact = Arc::new(Contact::renewed(None, want.key.clone(), session));
        Self { contact, postmaster, rests_until: None, retry_at: None }
    }
}
