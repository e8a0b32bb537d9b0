//! The rules: one file each with its metadata, its function and its tests; one list; pure and total.
//!
//! A rule sees an [`Observation`] and a [`Context`], never a socket or a clock. `?` on something unseen is its whole
//! treatment of missing data: [`judge`] makes it inconclusive, or not applicable behind a conclusive failure.

use crate::name::MxName;
use crate::observe::{Cause, Contact, Endpoint, Fact, Lasting, Observation, Seen, Stage, Trouble, Unseen};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

mod auth_posture;
mod availability;
mod banner_sanity;
mod dane;
mod ehlo_supported;
mod endpoint_reachable;
mod evidence;
mod extension_posture;
mod ipv6_reachable;
mod mta_sts;
mod mx_present;
mod mx_sanity;
mod null_mx;
mod null_sender;
mod open_relay;
mod overrides;
mod postmaster;
mod reverse_dns;
mod starttls_handshake;
mod starttls_offered;
mod tls_quality;
mod tls_rpt;
mod tls_version;
mod verdict;

#[cfg(any(test, fuzzing))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use overrides::{Acceptance, Overrides};
pub use verdict::{Finding, Judgement, Severity, Status, Subject, Verdict};

/// Everything anyone prints about a rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name everywhere.
    pub code: &'static str,
    /// What holds where it passes.
    pub title: &'static str,
    /// All it can find.
    pub issues: &'static [&'static Issue],
    /// Which fact it judges: the age of its verdicts.
    pub source: Source,
    /// Its functions; each fixes its own subjects.
    pub checks: &'static [Check],
}

/// One thing that can be wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its name everywhere.
    pub code: &'static str,
    /// How bad it is, unless the configuration says otherwise.
    pub severity: Severity,
    /// The finding as a headline.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to mend it.
    pub fix: &'static str,
    /// Where it is written, as an https link to an RFC.
    pub reference: &'static str,
}

/// What a rule looks at.
#[derive(Debug)]
pub enum Check {
    /// The domain as a whole.
    Domain(fn(&Observation, &Context) -> Judgement),
    /// Each endpoint, by what is shared with other domains.
    Contact(fn(&Contact, &Context) -> Judgement),
    /// Each endpoint as this domain uses it.
    Endpoint(fn(&Endpoint, &Observation, &Context) -> Judgement),
}

/// The facts that verdicts rest on; each has its own age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The domain's look-ups.
    Dns,
    /// The session.
    Dialogue,
    /// The null-sender test.
    NullSender,
    /// The postmaster test.
    Postmaster,
    /// The reverse look-ups.
    Ptr,
    /// The open-relay test.
    Relay,
    /// The TLS scan.
    Scan,
}

/// What a rule may know beside the observation.
#[derive(Clone, Debug)]
pub struct Context {
    /// Wall time.
    pub now: SystemTime,
    /// `smtp.cert.expires_soon` is nearer than this, or than a quarter of the lifetime.
    pub certificate_expires_soon: Duration,
    /// Whether the domain wants each test.
    pub tests: Tests,
    /// The only MX hosts that the domain should have; any will do where empty.
    pub expect_mx: Vec<MxName>,
    /// Whether an endpoint counts this machine among its own (`network.trusted_by`).
    pub trusted_by: Vec<TrustedBy>,
    /// Trouble that proves nothing by itself is found once it has lasted this long.
    pub persistent: Duration,
    /// How far this machine can be relied on.
    pub prober: Prober,
}

/// What this machine knows of its own health; none where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prober {
    /// Whether port 25 is out of its reach over IPv4.
    pub v4_blocked: Option<bool>,
    /// The same over IPv6.
    pub v6_blocked: Option<bool>,
    /// Whether its resolvers answer, whatever single zones do.
    pub resolver_answers: Option<bool>,
    /// Whether it validates what they answer (`dns.dnssec`).
    pub validates: Option<bool>,
}

/// The tests a domain can switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tests {
    /// `test_null_sender`
    pub null_sender: bool,
    /// `test_postmaster`
    pub postmaster: bool,
    /// `test_open_relay`
    pub open_relay: bool,
}

/// Where an accepted outside recipient proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedBy {
    /// Every address of this MX.
    Mx(MxName),
    /// Every MX in this network.
    Network(ipnet::IpNet),
}

/// What became of one rule on one subject in one run.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The rule.
    pub rule: &'static Rule,
    /// The subject.
    pub subject: Subject,
    /// The age of the fact it rests on.
    pub at: SystemTime,
    /// A verdict, or why there is none; never a conclusive failure further up.
    pub judgement: Judgement,
}

/// 2025-01-01: no clock that is set stands before this.
const CLOCK_IS_SET: Duration = Duration::from_secs(1_735_689_600);

/// Every rule, in the order people read them.
pub static ALL: &[&Rule] = &[
    &null_mx::RULE,
    &mx_present::RULE,
    &mx_sanity::RULE,
    &endpoint_reachable::RULE,
    &banner_sanity::RULE,
    &ehlo_supported::RULE,
    &starttls_offered::RULE,
    &starttls_handshake::RULE,
    &auth_posture::RULE,
    &reverse_dns::RULE,
    &null_sender::RULE,
    &postmaster::RULE,
    &open_relay::RULE,
    &extension_posture::RULE,
    &ipv6_reachable::RULE,
    &availability::RULE,
    &tls_quality::RULE,
    &tls_version::RULE,
    &mta_sts::RULE,
    &tls_rpt::RULE,
    &dane::RULE,
];

/// Judges one observation by all rules. A null-MX domain has no endpoints, so that only domain rules speak.
pub fn judge(observation: &Observation, cx: &Context) -> Vec<Judged> {
    ALL.iter().flat_map(|rule| rule.judge(observation, cx)).collect()
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Rule {}

impl Rule {
    /// Judges every subject of this rule.
    pub fn judge(&'static self, observation: &Observation, cx: &Context) -> Vec<Judged> {
        self.checks.iter().flat_map(|check| self.judge_by(check, observation, cx)).collect()
    }

    fn judge_by(&'static self, check: &Check, observation: &Observation, cx: &Context) -> Vec<Judged> {
        let of_endpoint = |judge: &dyn Fn(&Endpoint) -> Judgement| {
            let judged = |endpoint: &Endpoint| self.judged(observation, Some(endpoint), judge(endpoint));
            observation.endpoints.iter().map(judged).collect()
        };
        match check {
            Check::Domain(check) => vec![self.judged(observation, None, check(observation, cx))],
            Check::Contact(check) => of_endpoint(&|endpoint| check(&endpoint.contact, cx)),
            Check::Endpoint(check) => of_endpoint(&|endpoint| check(endpoint, observation, cx)),
        }
    }

    fn judged(
        &'static self,
        observation: &Observation,
        endpoint: Option<&Endpoint>,
        judgement: Judgement,
    ) -> Judged {
        let judgement = match judgement {
            Err(unseen) if !unseen.is_inconclusive() => Ok(Verdict::NotApplicable),
            judgement => judgement,
        };
        let at = endpoint.and_then(|endpoint| self.source.age(endpoint)).unwrap_or(observation.at);
        Judged { rule: self, subject: endpoint.map_or(Subject::Domain, Subject::of), at, judgement }
    }
}

impl Subject {
    /// An endpoint as a subject.
    pub fn of(endpoint: &Endpoint) -> Self {
        Self::Endpoint(endpoint.mx.clone(), endpoint.place())
    }
}

impl Source {
    fn age(self, endpoint: &Endpoint) -> Option<SystemTime> {
        match self {
            Self::Dns => None,
            Self::Dialogue => Some(endpoint.contact.dialogue.at),
            Self::NullSender => endpoint.contact.null_sender.as_ref().map(|fact| fact.at),
            Self::Postmaster => endpoint.postmaster.as_ref().map(|fact| fact.at),
            Self::Ptr => Some(endpoint.ptr.at),
            Self::Relay => endpoint.contact.relay.as_ref().map(|fact| fact.at),
            Self::Scan => endpoint.contact.scan.as_ref().map(|fact| fact.at),
        }
    }
}

impl Issue {
    /// This issue, with what was seen, as a rule's only finding.
    pub fn found(&'static self, evidence: impl Into<String>) -> Verdict {
        Verdict::Findings(vec![self.finding(evidence)])
    }

    /// This issue, with what was seen, as one finding among others.
    pub fn finding(&'static self, evidence: impl Into<String>) -> Finding {
        Finding { issue: self, evidence: evidence.into(), excused: false }
    }
}

impl Context {
    /// Whether the domain may have this MX.
    pub fn expects(&self, mx: &MxName) -> bool {
        self.expect_mx.is_empty() || self.expect_mx.contains(mx)
    }

    /// Whether the clock was set since this machine started: one that was not cannot judge dates.
    fn clock_is_set(&self) -> bool {
        self.now >= SystemTime::UNIX_EPOCH + CLOCK_IS_SET
    }

    /// Whether the trouble of a server at `address` cannot be this machine's own.
    fn is_healthy_toward(&self, address: IpAddr) -> bool {
        let Prober { v4_blocked, v6_blocked, resolver_answers, .. } = self.prober;
        let blocked = if address.is_ipv4() { v4_blocked } else { v6_blocked };
        blocked == Some(false) && resolver_answers != Some(false)
    }

    /// Whether what proves nothing by itself has lasted so long that the domain's own DNS or hosts are to blame.
    fn is_lasting(&self, unseen: &Unseen, lasting: Lasting) -> bool {
        let passes_by_itself = matches!(unseen.cause(), Cause::Tempfail | Cause::Timeout | Cause::DnsFailure);
        passes_by_itself
            && self.prober.resolver_answers == Some(true)
            && lasting.is_persistent(self.persistent)
    }

    /// Whether `endpoint` is configured to relay for this machine.
    pub fn is_trusted_by(&self, contact: &Contact) -> bool {
        let address: IpAddr = contact.key.address.ip();
        self.trusted_by.iter().any(|trusted| match trusted {
            TrustedBy::Mx(name) => *name == contact.key.tls_name,
            TrustedBy::Network(network) => network.contains(&address),
        })
    }
}

/// The trouble where a look conclusively ended at `stage` itself: that stage's rule finds it, all others go by `?`.
fn broken_at(stage: Stage, unseen: &Unseen) -> Option<&Trouble> {
    match unseen {
        Unseen::Failed(trouble) if trouble.stage == stage && !unseen.is_inconclusive() => Some(trouble),
        Unseen::Failed(_) | Unseen::Blocked(_) => None,
    }
}

/// Whether the address is one that nobody can be sent to: `smtp.mx.non_public_address` finds it, and only that.
fn is_off_limits(contact: &Contact) -> bool {
    contact.dialogue.seen.as_ref().is_err_and(|unseen| unseen.cause() == Cause::NotPublic)
}

/// Whether no mail goes to the domain, so that nothing about it can fail.
fn takes_no_mail(observation: &Observation) -> Seen<bool> {
    let dns = &observation.dns;
    if dns.mx.records()?.is_some() {
        return Ok(dns.is_null_mx());
    }
    Ok(dns.hosts.values().all(|host| host.addresses().is_ok_and(|all| all.is_empty())))
}

/// What a test of transactions saw; none where it is switched off or was never due.
fn tested<'a, T>(wanted: bool, contact: &Contact, fact: Option<&'a Fact<T>>) -> Seen<Option<&'a T>> {
    let Some(fact) = fact.filter(|_| wanted) else { return Ok(None) };
    fact.seen.as_ref().map(Some).map_err(|unseen| contact.settled(unseen).in_transaction())
}

/// Every issue with its rule.
pub fn issues() -> impl Iterator<Item = (&'static Rule, &'static Issue)> {
    ALL.iter().flat_map(|rule| rule.issues.iter().map(move |issue| (*rule, *issue)))
}
