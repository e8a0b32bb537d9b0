//! What DNS says of a domain and of an address: MX, hosts with their addresses, reverse names. Questions go to the
//! configured resolvers, or the system's; the hosts file and search lists play no part.

mod aliases;
mod answer;
mod asking;
mod beside;
mod counts;
mod domain;
mod health;
mod names;
mod policy;
mod reverse;
mod tlsa;
mod upstream;
mod wildcard;

use crate::name::{DomainName, MxName};
use crate::observe::{DomainDns, HostDns, Lookup, MxRecord, Outcome, Policy, Ptr, Wildcards};
pub use counts::{LookupCounter, LookupCounts};
#[cfg(any(test, fuzzing))]
pub(crate) use tlsa::tlsa;

use answer::Answer;
use asking::Asking;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::proto::serialize::txt::ParseError;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout_at};
use upstream::Upstream;

/// Addresses kept of one name behind a reverse one.
const ADDRESSES: usize = 8;

/// Whom to ask, and how.
#[derive(Clone, Debug)]
pub struct DnsSettings {
    /// Resolvers, asked over UDP and TCP; none: the system's, from /etc/resolv.conf.
    pub nameservers: Vec<SocketAddr>,
    /// Whether answers are validated here (RFC 4035).
    pub dnssec: bool,
    /// A file of zone-file DNSKEY lines with the root zone's keys; none: the built-in ones.
    pub trust_anchor: Option<PathBuf>,
}

/// How long a look-up may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// One try, of three.
    pub attempt: Duration,
    /// One name and type, with its CNAMEs and its validation.
    pub name: Duration,
    /// One domain, or one address with the names it leads to.
    pub domain: Duration,
}

/// Our own faults; whatever goes wrong in DNS is an [`Outcome`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No resolvers in the system's configuration.
    #[error("cannot take the resolvers from /etc/resolv.conf")]
    SystemResolver(#[source] NetError),
    /// The library refuses to start.
    #[error("cannot set up the resolver")]
    Resolver(#[source] NetError),
    /// The trust anchor's file cannot be read or understood.
    #[error("cannot read the trust anchor {}", path.display())]
    TrustAnchor {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ParseError,
    },
    /// The trust anchor's file has no key that everything can be validated from.
    #[error("the trust anchor {} has no DNSKEY record of the root zone", .0.display())]
    NoRootKey(PathBuf),
}

/// Looks names up. Equal questions asked at the same time are asked once, and answers are kept for their TTL (at least
/// a minute, at most a day; denials an hour).
#[derive(Clone)]
pub struct Dns {
    asking: Arc<Asking>,
    counter: Arc<LookupCounter>,
    timeouts: Timeouts,
    port: u16,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(5),
            name: Duration::from_secs(15),
            domain: Duration::from_secs(45),
        }
    }
}

impl Dns {
    /// Reads the system's configuration and the trust anchor once, if they are wanted.
    ///
    /// # Errors
    /// When one of them is wanted and cannot be used.
    pub fn new(settings: &DnsSettings) -> Result<Self, Error> {
        Self::with_timeouts(settings, Timeouts::default())
    }

    /// The same with other time limits.
    ///
    /// # Errors
    /// As [`Dns::new`].
    pub fn with_timeouts(settings: &DnsSettings, timeouts: Timeouts) -> Result<Self, Error> {
        let anchors = if settings.dnssec { Some(anchors(settings)?) } else { None };
        let upstream = Upstream::new(&settings.nameservers, &timeouts, anchors.is_some())?;
        Ok(Self {
            asking: Arc::new(Asking::new(upstream, anchors)),
            counter: Arc::default(),
            timeouts,
            port: 25,
        })
    }

    /// Goes on counting where `counter` stands.
    pub fn counted_by(self, counter: Arc<LookupCounter>) -> Self {
        Self { counter, ..self }
    }

    /// The same for mail servers on another port, behind which their TLSA records stand (RFC 6698 §3).
    pub fn for_port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Whether answers are validated at all.
    pub fn validates(&self) -> bool {
        self.asking.validates()
    }

    /// A domain's mail exchangers, their addresses and TLSA records. A domain without MX records, and only such a one, is its own
    /// host (RFC 5321 §5.1).
    pub async fn domain(&self, domain: &DomainName) -> DomainDns {
        domain::look_up(self, domain, Instant::now() + self.timeouts.domain).await
    }

    /// A domain's MX records in preference order, all of them.
    pub async fn mx(&self, domain: &DomainName) -> Lookup<Vec<MxRecord>> {
        domain::mx(self, domain, Instant::now() + self.timeouts.name).await
    }

    /// Whether a domain exists in DNS, whoever owns it; none where that could not be looked up.
    pub async fn exists(&self, domain: &DomainName) -> Option<bool> {
        beside::exists(self, domain, Instant::now() + self.timeouts.name).await
    }

    /// What names below a domain have that nobody published, asked for at `at`; none where that could not be looked up.
    pub async fn wildcards(&self, domain: &DomainName, at: SystemTime) -> Option<Wildcards> {
        beside::wildcards(self, domain, Instant::now() + self.timeouts.name, at).await
    }

    /// What a domain publishes about TLS: the records of MTA-STS and TLS-RPT.
    pub async fn policy(&self, domain: &DomainName) -> Policy {
        policy::look_up(self, domain, Instant::now() + self.timeouts.name).await
    }

    /// The addresses of one host.
    pub async fn host(&self, host: &MxName) -> HostDns {
        domain::host(self, host, Instant::now() + self.timeouts.name).await
    }

    /// Whether the resolvers themselves answer, whatever single zones do; none where they were not asked lately.
    pub fn answers(&self) -> Option<bool> {
        self.asking.answers()
    }

    /// The names of an address, and whether they lead back to it.
    pub async fn ptr(&self, address: IpAddr) -> Ptr {
        reverse::look_up(self, address.to_canonical(), Instant::now() + self.timeouts.domain).await
    }

    /// One look-up and the CNAMEs on its way.
    async fn records<T>(
        &self,
        name: Name,
        kind: RecordType,
        ends: Instant,
        read: impl Fn(RData) -> Option<T>,
    ) -> (Lookup<Vec<T>>, Vec<Name>) {
        let (answer, took) = self.answer(name, kind, ends).await;
        let lookup = Lookup::ended(answer.outcome, answer.dnssec, took);
        (lookup.map(|records| records.into_iter().filter_map(read).collect()), answer.aliases)
    }

    /// The same with all that is known of it, and how long it took.
    async fn answer(&self, name: Name, kind: RecordType, ends: Instant) -> (Answer, Duration) {
        let started = Instant::now();
        let ends = ends.min(started + self.timeouts.name);
        let answer = timeout_at(ends, aliases::resolve(&self.asking, name, kind))
            .await
            .unwrap_or_else(|_| Answer::failed(Outcome::Timeout));
        self.counter.count(kind, &answer.outcome);
        (answer, started.elapsed())
    }
}

fn anchors(settings: &DnsSettings) -> Result<TrustAnchors, Error> {
    let Some(path) = &settings.trust_anchor else { return Ok(TrustAnchors::default()) };
    let anchors =
        TrustAnchors::from_file(path).map_err(|source| Error::TrustAnchor { path: path.clone(), source })?;
    if anchors.is_empty() { Err(Error::NoRootKey(path.clone())) } else { Ok(anchors) }
}
