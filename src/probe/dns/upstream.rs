//! The way to the resolvers: tries, time limits, a cache of what came back, bounds on what is taken in. Validates
//! nothing and reads nothing into it.
//!
//! Built on the parts of hickory's `Resolver` and not on it, because it answers `localhost` and 127.0.0.0/8 by itself,
//! takes the first server's SERVFAIL for the last word, and keeps its cache above the validation, so that every
//! look-up would fetch the keys of all zones above again.

use super::health::Health;
use super::{Error, Timeouts};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, DnsResponseStream, FirstAnswer};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::rdata::DNSSECRData;
use hickory_resolver::proto::op::{DnsRequest, DnsResponse, Query};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, ResponseCache, TlsConfig, TtlConfig, system_conf};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

type Pool = NameServerPool<TokioRuntimeProvider>;

const TRIES: usize = 3;
/// Questions on the wire at once; each has a socket of its own.
const IN_FLIGHT: usize = 256;
/// Responses kept.
const CACHED: u64 = 8_192;
/// Records in a response that is kept: what is larger is asked for again rather than held.
const CACHED_RECORDS: usize = 64;
/// Records in a response that is read at all.
const RECORDS: usize = 1_000;
/// Different names among them: each may cost the validation questions of its own.
const OWNERS: usize = 40;
/// Keys and signatures among them. The library tries two keys a signature (CVE-2023-50387), but of signatures over keys
/// as many as there are, and that for every record which waits for those keys.
const PROOFS: usize = 64;
/// Signatures of one set; a change of algorithm takes eight.
const SIGNATURES: usize = 16;
const TTL_FLOOR: Duration = Duration::from_secs(60);
const TTL_CEILING: Duration = Duration::from_secs(86_400);
/// So that a repaired zone is seen within the hour (RFC 2308 §5 has one to three hours).
const NEGATIVE_TTL_CEILING: Duration = Duration::from_secs(3_600);
/// Before the next try after a failure that came at once.
const PAUSE: Duration = Duration::from_millis(50);

/// The resolvers, as one handle.
#[derive(Clone)]
pub(super) struct Upstream {
    shared: Arc<Shared>,
    manner: Manner,
}

#[derive(Clone)]
enum Manner {
    /// From the cache, if it is there.
    Usual,
    /// Past the cache.
    Anew(SecondLook),
    /// Past the cache, and only what the resolvers hold for valid themselves.
    Vouched,
}

/// What came along on the way of a look past the cache.
#[derive(Clone, Default)]
pub(super) struct SecondLook(Arc<Met>);

#[derive(Default)]
struct Met {
    trouble: AtomicBool,
    iterations: AtomicU16,
}

impl SecondLook {
    /// Whether anything failed.
    pub(super) fn met_trouble(&self) -> bool {
        self.0.trouble.load(Ordering::Relaxed)
    }

    /// The most additional iterations of a denial by NSEC3 (RFC 5155 §3.1.3).
    pub(super) fn iterations(&self) -> u16 {
        self.0.iterations.load(Ordering::Relaxed)
    }

    fn note(&self, came: &Result<DnsResponse, NetError>, answered: bool) {
        self.0.trouble.fetch_or(!answered, Ordering::Relaxed);
        let iterations = records(came).into_iter().filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) => Some(nsec3.iterations()),
            _ => None,
        });
        self.0.iterations.fetch_max(iterations.max().unwrap_or_default(), Ordering::Relaxed);
    }
}

struct Shared {
    together: Pool,
    each: Vec<Pool>,
    cache: ResponseCache,
    in_flight: Semaphore,
    health: Health,
    attempt: Duration,
    checking_disabled: bool,
}

impl Upstream {
    /// The given resolvers, or the system's where none is given. `checking_disabled` asks them for what they have,
    /// valid or not: for whoever validates (RFC 6840 §5.9).
    pub(super) fn new(
        nameservers: &[SocketAddr],
        timeouts: &Timeouts,
        checking_disabled: bool,
    ) -> Result<Self, Error> {
        let servers = if nameservers.is_empty() {
            system_conf::read_system_conf().map_err(Error::SystemResolver)?.0.into_parts().2
        } else {
            nameservers.iter().map(|address| name_server(*address)).collect()
        };
        let options = options(timeouts);
        let cache = ResponseCache::new(CACHED, TtlConfig::from_opts(&options));
        let tls = TlsConfig::new().map_err(Error::Resolver)?;
        let context = Arc::new(PoolContext::new(options, tls));
        let pool = |servers: &[NameServerConfig]| {
            Pool::from_config(servers.to_vec(), Arc::clone(&context), TokioRuntimeProvider::default())
        };
        let shared = Shared {
            together: pool(&servers),
            each: servers.chunks(1).map(pool).collect(),
            cache,
            in_flight: Semaphore::new(IN_FLIGHT),
            health: Health::default(),
            attempt: timeouts.attempt,
            checking_disabled,
        };
        Ok(Self { shared: Arc::new(shared), manner: Manner::Usual })
    }

    /// The same resolvers without what is known already.
    pub(super) fn anew(&self, look: SecondLook) -> Self {
        Self { shared: Arc::clone(&self.shared), manner: Manner::Anew(look) }
    }

    /// The same resolvers, asked to validate themselves if they can: SERVFAIL is then their word for bogus.
    pub(super) fn vouched(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), manner: Manner::Vouched }
    }

    /// Whether the resolvers themselves answer; none where they were not asked lately.
    pub(super) fn answers(&self) -> Option<bool> {
        self.shared.health.answers(Instant::now())
    }

    async fn answer(self, mut request: DnsRequest) -> Result<DnsResponse, NetError> {
        let query = request.queries.first().cloned().ok_or("no question")?;
        let vouched = matches!(self.manner, Manner::Vouched);
        request.metadata.checking_disabled = self.shared.checking_disabled && !vouched;
        if let Some(known) = self.known(&query) {
            return known;
        }
        let _permit = self.shared.in_flight.acquire().await.map_err(|_| NetError::Busy)?;
        if let Some(known) = self.known(&query) {
            return known; // came while this waited
        }
        let came = bounded(self.shared.ask(&request).await);
        let answered = came.as_ref().is_ok() || came.as_ref().is_err_and(NetError::is_no_records_found);
        if let Manner::Anew(look) = &self.manner {
            look.note(&came, answered);
        }
        if !vouched {
            self.shared.health.note(query.name(), answered, Instant::now());
            self.keep(query, &came);
        }
        came
    }

    fn known(&self, query: &Query) -> Option<Result<DnsResponse, NetError>> {
        if !matches!(self.manner, Manner::Usual) {
            return None;
        }
        let known = self.shared.cache.get(query, Instant::now().into_std())?;
        Some(known.and_then(|message| Ok(DnsResponse::from_message(message)?)))
    }

    fn keep(&self, query: Query, came: &Result<DnsResponse, NetError>) {
        if records(came).len() <= CACHED_RECORDS {
            let message = came.clone().map(DnsResponse::into_message);
            self.shared.cache.insert(query, message, Instant::now().into_std());
        }
    }
}

impl DnsHandle for Upstream {
    type Response = DnsResponseStream;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        Box::pin(self.clone().answer(request)).into()
    }
}

impl Shared {
    /// Try after try, until somebody answers.
    async fn ask(&self, request: &DnsRequest) -> Result<DnsResponse, NetError> {
        let mut last = NetError::Timeout;
        for _ in 0..TRIES {
            match self.ask_once(&self.together, request).await {
                Err(error @ NetError::Dns(DnsError::ResponseCode(_))) => {
                    return self.ask_each(request, error).await;
                }
                came @ (Ok(_) | Err(NetError::Dns(_))) => return came,
                Err(error @ NetError::Timeout) => last = error,
                Err(error) => {
                    last = error;
                    sleep(PAUSE).await;
                }
            }
        }
        Err(last)
    }

    /// One resolver's error is not the others'.
    async fn ask_each(&self, request: &DnsRequest, error: NetError) -> Result<DnsResponse, NetError> {
        if self.each.len() > 1 {
            for server in &self.each {
                match self.ask_once(server, request).await {
                    Err(other) if !other.is_no_records_found() => {}
                    came => return came,
                }
            }
        }
        Err(error)
    }

    /// Equal questions at the same time become one on the wire: the pool sees to that.
    async fn ask_once(&self, servers: &Pool, request: &DnsRequest) -> Result<DnsResponse, NetError> {
        let came = servers.send(request.clone()).first_answer();
        timeout(self.attempt, came).await.unwrap_or(Err(NetError::Timeout)).map(tidied)
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut transports = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for transport in &mut transports {
        transport.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, transports.into())
}

fn options(timeouts: &Timeouts) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = timeouts.attempt;
    options.max_active_requests = IN_FLIGHT;
    options.positive_min_ttl = Some(TTL_FLOOR);
    options.positive_max_ttl = Some(TTL_CEILING);
    options.negative_min_ttl = Some(TTL_FLOOR);
    options.negative_max_ttl = Some(NEGATIVE_TTL_CEILING);
    options
}

/// Leaves out what nobody asked for: the validation would go after each of these records, too.
fn tidied(mut response: DnsResponse) -> DnsResponse {
    response.additionals.clear();
    if !response.answers.is_empty() {
        response.authorities.retain(|record| record.record_type() != RecordType::NS);
    }
    response
}

/// Refuses what no honest server sends.
fn bounded(came: Result<DnsResponse, NetError>) -> Result<DnsResponse, NetError> {
    let records = records(&came);
    let mut owners: Vec<&Name> = records.iter().map(|record| &record.name).collect();
    owners.sort();
    owners.dedup();
    if records.len() > RECORDS || owners.len() > OWNERS || is_costly(&records) {
        return Err("a response with more records than any honest one".into());
    }
    came
}

/// Whether it would take too many signatures to reckon with.
fn is_costly(records: &[&Record]) -> bool {
    let kinds = [RecordType::DNSKEY, RecordType::RRSIG];
    let proofs = records.iter().filter(|record| kinds.contains(&record.record_type())).count();
    let mut sets: HashMap<_, usize> = HashMap::new();
    for record in records {
        if let RData::DNSSEC(DNSSECRData::RRSIG(signature)) = &record.data {
            *sets.entry((&record.name, signature.input().type_covered)).or_default() += 1;
        }
    }
    proofs > PROOFS || sets.into_values().any(|signatures| signatures > SIGNATURES)
}

fn records(came: &Result<DnsResponse, NetError>) -> Vec<&Record> {
    match came {
        Ok(response) => response.all_sections().collect(),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            none.authorities.as_deref().unwrap_or_default().iter().collect()
        }
        Err(_) => Vec::new(),
    }
}
