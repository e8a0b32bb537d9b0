//! What is known of one endpoint, shared by all domains that use it, and of one domain through its endpoints.

mod latest;
mod scan;

pub use latest::Latest;

use super::{
    Absence, Cause, Dialogue, DomainDns, Ehlo, Family, Lasting, NullSender, Phase, Place, Policy, Ptr,
    RelayTest, Reply, Scanned, Seen, Stage, StartTls, Step, Tls, TlsScan, Transaction, Trouble, Unseen,
    stored,
};
use crate::name::{DomainName, MxName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What makes two sessions the same: where they go and which name the certificate is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionKey {
    /// Address and port.
    pub address: SocketAddr,
    /// The MX name, sent as SNI.
    pub tls_name: MxName,
}

/// One look at something: when, what came of it, and for how long it has been failing the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    /// When it was looked at.
    #[serde(with = "stored::moment")]
    pub at: SystemTime,
    /// What came of it.
    pub seen: Seen<T>,
    /// The run of like failures that this one ends; empty where it did not fail.
    pub streak: Streak,
}

/// How often in a row, and since when, a look ended at the same stage in the same kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    /// The trouble the last look met, if any.
    pub trouble: Option<(Stage, Cause)>,
    /// When its like was first met without a break.
    #[serde(with = "stored::moment")]
    pub since: SystemTime,
    /// How many looks in a row met it; 0 without trouble.
    pub count: u32,
    /// The longer row of looks that came to nothing, at whatever stage.
    pub lasting: Lasting,
}

/// All that sessions with one endpoint showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Whom with.
    pub key: SessionKey,
    /// The last session; it fails only where no connection came about.
    pub dialogue: Fact<Dialogue>,
    /// The last null-sender test.
    pub null_sender: Option<Fact<NullSender>>,
    /// The last open-relay test.
    pub relay: Option<Fact<RelayTest>>,
    /// The last TLS scan that came to its end, or what kept it from going on.
    pub scan: Option<Fact<TlsScan>>,
    /// A TLS scan that has not come to its end yet.
    pub scanning: Option<TlsScan>,
    /// The last of each thing that a session may or may not reach.
    pub latest: Latest,
}

/// One address of one MX, as one domain uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The MX.
    pub mx: MxName,
    /// Its preference for this domain.
    pub preference: u16,
    /// The shared facts.
    pub contact: Arc<Contact>,
    /// The address's reverse names.
    pub ptr: Arc<Fact<Ptr>>,
    /// Whether this domain's postmaster is accepted there.
    pub postmaster: Option<Fact<Transaction>>,
    /// Until when the address is left alone, because it asked for that.
    pub rests_until: Option<SystemTime>,
    /// When the first test that was put off is made again, if one was.
    pub retry_at: Option<SystemTime>,
    /// That DNS no longer has the address; then it is not visited, and what was seen of it stands for a while.
    pub absent: Option<Absence>,
    /// Whether it stands for all that its MX has in its family, one of which is visited at a time.
    pub pooled: bool,
}

/// One domain as one run saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Which domain.
    pub domain: DomainName,
    /// When the run began.
    pub at: SystemTime,
    /// What DNS says.
    pub dns: DomainDns,
    /// What it publishes about TLS.
    pub policy: Policy,
    /// Every address of every MX, in preference order.
    pub endpoints: Vec<Endpoint>,
}

/// What one session brought home. Tests that were not asked for are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// When it began.
    pub at: SystemTime,
    /// How it went; it fails only where no connection came about.
    pub dialogue: Seen<Dialogue>,
    /// The null-sender test.
    pub null_sender: Option<Seen<NullSender>>,
    /// The open-relay test.
    pub relay: Option<Seen<RelayTest>>,
    /// Each domain whose postmaster was asked for.
    pub postmasters: Vec<(DomainName, Seen<Transaction>)>,
    /// Whether tests that were asked for are left out, to be made in a session without TLS, for want of a handshake.
    pub owed: bool,
    /// The TLS scan that it was made for, with one answer more.
    pub scan: Option<Seen<Scanned>>,
}

impl<T> Fact<T> {
    /// The next look at the same thing; `trouble` is what ended it, also where part of the thing was seen.
    pub fn following(
        previous: Option<&Self>,
        at: SystemTime,
        seen: Seen<T>,
        trouble: Option<&Trouble>,
    ) -> Self {
        let trouble = trouble.map(|trouble| (trouble.stage, trouble.cause));
        let streak = previous.map_or_else(Streak::none, |fact| fact.streak).next(at, trouble);
        Self { at, seen, streak }
    }
}

impl Fact<Transaction> {
    /// One more transaction with the same recipient.
    pub fn of_transaction(previous: Option<&Self>, at: SystemTime, seen: Seen<Transaction>) -> Self {
        Self::tested(previous, at, seen, |transaction| transaction.is_accepted().err())
    }
}

impl<T> Fact<T> {
    /// One more test of transactions; `unseen` reads why its replies prove nothing. A test that was not reached says
    /// nothing of how long it has been failing.
    fn tested(
        previous: Option<&Self>,
        at: SystemTime,
        seen: Seen<T>,
        unseen: impl Fn(&T) -> Option<Unseen>,
    ) -> Self {
        let unseen = match &seen {
            Ok(test) => unseen(test),
            Err(unseen) => Some(unseen.clone().in_transaction()),
        };
        let mut fact = Self::following(previous, at, seen, unseen.as_ref().map(Unseen::trouble));
        if matches!(unseen, Some(Unseen::Blocked(_))) {
            fact.streak.lasting = previous.map_or_else(Lasting::default, |fact| fact.streak.lasting);
        }
        fact
    }
}

impl Streak {
    fn none() -> Self {
        Self { trouble: None, since: SystemTime::UNIX_EPOCH, count: 0, lasting: Lasting::default() }
    }

    /// Counts on where the trouble is of the same kind: the same stage, and as conclusive as before.
    fn next(self, at: SystemTime, trouble: Option<(Stage, Cause)>) -> Self {
        let kind = |(stage, cause): (Stage, Cause)| (stage, cause.is_inconclusive());
        let streak = match trouble {
            None => Self { trouble, since: at, count: 0, ..self },
            Some(now) if self.trouble.map(kind) == Some(kind(now)) => {
                Self { trouble, count: self.count.saturating_add(1), ..self }
            }
            Some(_) => Self { trouble, since: at, count: 1, ..self },
        };
        let counts_for =
            trouble.map(|(_, cause)| if streak.is_first_look(cause) { cause.doubtful() } else { cause });
        Self { lasting: self.lasting.next(at, counts_for), ..streak }
    }

    pub(super) fn is_first_look(&self, cause: Cause) -> bool {
        cause.needs_second_look() && self.count < 2
    }
}

impl Contact {
    /// Takes in a session. A test that was not asked for keeps its fact and its age.
    pub fn renewed(previous: Option<&Self>, key: SessionKey, session: Session) -> Self {
        let Session { at, dialogue, null_sender, relay, postmasters: _, owed: _, scan: _ } = session;
        let mut latest = previous.map(|contact| contact.latest.clone()).unwrap_or_default();
        if let Ok(dialogue) = &dialogue {
            latest.absorb(dialogue);
        }
        let trouble = match &dialogue {
            Ok(dialogue) => dialogue.trouble().cloned(),
            Err(unseen) => Some(unseen.trouble().clone()),
        };
        let put_off = dialogue.as_ref().ok().and_then(Dialogue::put_off).map(|unseen| unseen.cause());
        let before = previous.map(|p| &p.dialogue);
        let mut dialogue = Fact::following(before, at, dialogue, trouble.as_ref());
        if put_off.is_some() {
            let lasting = before.map_or_else(Lasting::default, |fact| fact.streak.lasting);
            dialogue.streak.lasting = lasting.next(at, put_off);
        }
        Self {
            key,
            dialogue,
            null_sender: renew(previous.and_then(|p| p.null_sender.as_ref()), at, null_sender, null_unseen),
            relay: renew(previous.and_then(|p| p.relay.as_ref()), at, relay, relay_unseen),
            scan: previous.and_then(|p| p.scan.clone()),
            scanning: previous.and_then(|p| p.scanning.clone()),
            latest,
        }
    }

    /// Takes in the tests of a session that was made for their sake alone: the transcript grows by its steps. What is
    /// known of the server's TLS, and how often it failed, stays.
    pub fn with_tests(&self, session: &Session) -> Self {
        let mut contact = Self {
            null_sender: renew(
                self.null_sender.as_ref(),
                session.at,
                session.null_sender.clone(),
                null_unseen,
            ),
            relay: renew(self.relay.as_ref(), session.at, session.relay.clone(), relay_unseen),
            ..self.clone()
        };
        let Ok(second) = &session.dialogue else { return contact };
        let transaction = phases(&second.steps).remove(&Phase::Transaction);
        contact.latest.phases.extend(transaction.map(|took| (Phase::Transaction, took)));
        if let Ok(first) = &mut contact.dialogue.seen {
            let later = session.at.duration_since(self.dialogue.at).unwrap_or_default();
            first.steps.extend(second.steps.iter().map(|step| Step { at: step.at + later, ..step.clone() }));
        }
        contact
    }

    /// The session, where a connection came about.
    pub fn dialogue(&self) -> Result<&Dialogue, Unseen> {
        self.dialogue.seen.as_ref().map_err(|unseen| self.settled(unseen))
    }

    /// The greeting, whatever its code.
    pub fn banner(&self) -> Result<&Reply, Unseen> {
        self.dialogue()?.banner.as_ref().map_err(|unseen| self.settled(unseen))
    }

    /// The answer to EHLO, whatever its code, behind a 220.
    pub fn ehlo(&self) -> Result<&Ehlo, Unseen> {
        self.banner()?.accepted(Stage::Banner).map_err(|unseen| unseen.behind())?;
        self.dialogue()?.ehlo.as_ref().map_err(|unseen| self.settled(unseen))
    }

    /// The accepted EHLO, or HELO behind a refused one.
    pub fn welcomed(&self) -> Result<&Ehlo, Unseen> {
        let ehlo = self.ehlo()?;
        ehlo.welcome().map_err(|unseen| unseen.behind())?;
        Ok(ehlo)
    }

    /// What became of STARTTLS.
    pub fn starttls(&self) -> Result<&StartTls, Unseen> {
        self.welcomed()?.starttls.as_ref().map_err(|unseen| self.settled(unseen))
    }

    /// The encrypted session.
    pub fn tls(&self) -> Result<&Tls, Unseen> {
        match self.starttls()? {
            StartTls::Secured(tls) => Ok(tls),
            StartTls::HandshakeFailed(trouble) => Err(self.settled_trouble(trouble).behind()),
            StartTls::Refused(reply) => match reply.accepted(Stage::StartTls) {
                Err(unseen) => Err(unseen.behind()),
                Ok(_) => Err(Unseen::failed(Stage::StartTls, Cause::ProtocolError, reply.text())),
            },
            StartTls::NotOffered => {
                Err(Unseen::failed(Stage::StartTls, Cause::Rejected, "not offered").behind())
            }
            StartTls::Injected(_) => {
                Err(Unseen::failed(Stage::StartTls, Cause::ProtocolError, "plaintext behind the 220")
                    .behind())
            }
        }
    }

    /// What a trouble of the last session counts for by now: what needs a second look stays in doubt until it had one.
    pub fn settled(&self, unseen: &Unseen) -> Unseen {
        if self.dialogue.streak.is_first_look(unseen.cause()) {
            unseen.clone().doubtful()
        } else {
            unseen.clone()
        }
    }

    /// Whether the last session ended in a trouble that needs a second look and has not had one.
    pub fn wants_second_look(&self) -> bool {
        let Streak { trouble, count, .. } = self.dialogue.streak;
        count == 1 && trouble.is_some_and(|(_, cause)| cause.needs_second_look())
    }
}

/// A test that was asked for replaces its fact.
fn renew<T>(
    previous: Option<&Fact<T>>,
    at: SystemTime,
    seen: Option<Seen<T>>,
    unseen: fn(&T) -> Option<Unseen>,
) -> Option<Fact<T>>
where
    Fact<T>: Clone,
{
    let Some(seen) = seen else { return previous.cloned() };
    Some(Fact::tested(previous, at, seen, unseen))
}

fn null_unseen(test: &NullSender) -> Option<Unseen> {
    test.is_accepted().err()
}

fn relay_unseen(test: &RelayTest) -> Option<Unseen> {
    test.outcome().err()
}

impl Session {
    /// How long each phase took, as far as it got an answer.
    pub fn phases(&self) -> BTreeMap<Phase, Duration> {
        self.dialogue.as_ref().map(|dialogue| phases(&dialogue.steps)).unwrap_or_default()
    }
}

/// How long each phase took, as far as it got an answer; the steps of one phase add up.
fn phases(steps: &[Step]) -> BTreeMap<Phase, Duration> {
    let mut phases = BTreeMap::new();
    let answered = steps.iter().filter(|step| !matches!(step.reply, Some(Err(_))));
    for (phase, took) in answered.filter_map(|step| Some((step.stage.phase()?, step.took))) {
        *phases.entry(phase).or_default() += took;
    }
    phases
}

impl Endpoint {
    /// Its address: the one of the last session, where it stands for several.
    pub fn address(&self) -> IpAddr {
        self.contact.key.address.ip()
    }

    /// Where it is, as far as its MX's servers are told apart.
    pub fn place(&self) -> Place {
        if self.pooled { Place::Pool(Family::of(self.address())) } else { Place::Address(self.address()) }
    }

    /// The reverse names of its address.
    pub fn ptr(&self) -> Result<&Ptr, Unseen> {
        self.ptr.seen.as_ref().map_err(Clone::clone)
    }
}
