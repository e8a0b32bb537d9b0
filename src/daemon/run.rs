//! One run of one domain: ask DNS, visit every endpoint, judge, fold.

use super::outsiders::Outsiders;
use super::targets::{Target, targets};
use super::workshop::{Tools, Workshop};
use crate::config::Domain;
use crate::name::MxName;
use crate::observe::{Endpoint, Fact, Observation, Ptr, SessionKey};
use crate::report::{NextDue, Report, fold};
use crate::rules::{self, Context};
use crate::schedule::{Want, next_due};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A second look waits at least this long, whatever `min_spacing` says.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// What a run leaves behind.
pub struct Finished {
    /// The domain after the run.
    pub report: Report,
    /// When it is due again.
    pub due: Instant,
}

/// A run under way; the tools it began with are those it ends with.
struct Run {
    workshop: Arc<Workshop>,
    tools: Arc<Tools>,
    domain: Arc<Domain>,
    previous: Option<Arc<Report>>,
    at: SystemTime,
}

impl Workshop {
    /// Runs `domain` once and folds what it saw into `previous`.
    pub async fn run(self: Arc<Self>, domain: Arc<Domain>, previous: Option<Arc<Report>>) -> Finished {
        let (started, at, tools) = (Instant::now(), self.now(), self.tools());
        let run = Arc::new(Run { workshop: self, tools, domain, previous, at });
        let seen = run.clone().observe().await;
        let (next, due) = run.next(&seen);
        let judged = rules::judge(&seen, &run.context(seen.at));
        let report =
            fold(run.previous.as_deref(), seen, judged, &run.domain.overrides, (next, started.elapsed()));
        Finished { report, due }
    }
}

impl Run {
    async fn observe(self: Arc<Self>) -> Observation {
        let (dns, outsiders) = {
            let waiting = self.workshop.queue.join(Instant::now());
            let _place = self.workshop.lookups.acquire().await;
            drop(waiting);
            let outsiders = Outsiders::of(&self.domain.settings, &self.tools.dns).await;
            (self.tools.dns.domain(&self.domain.name).await, Arc::new(outsiders))
        };
        let mut visits = JoinSet::new();
        for (place, target) in targets(&dns, self.previous()).into_iter().enumerate() {
            let visit = self.clone().visit(target, outsiders.clone());
            visits.spawn(async move { (place, visit.await) });
        }
        let mut endpoints = visits.join_all().await;
        endpoints.sort_by_key(|(place, _)| *place);
        let endpoints = endpoints.into_iter().map(|(_, endpoint)| endpoint).collect();
        Observation { domain: self.domain.name.clone(), at: self.workshop.now(), dns, endpoints }
    }

    /// Sees one endpoint: the session's facts and the reverse names, side by side.
    async fn visit(self: Arc<Self>, target: Target, outsiders: Arc<Outsiders>) -> Endpoint {
        let Target { preference, mx, address } = target;
        let domain = &self.domain;
        let fresh = domain.settings.interval.half(self.at);
        let want = Want {
            key: SessionKey {
                address: SocketAddr::new(address, self.tools.network.port),
                tls_name: mx.clone(),
            },
            domain: domain.clone(),
            dialogue_since: earlier(self.at, fresh),
            tests_since: earlier(self.at, domain.settings.transactions_interval.saturating_sub(fresh)),
            relay: outsiders.recipients(&domain.name, &mx),
        };
        let (served, ptr) = tokio::join!(self.workshop.visits.contact(want), self.tools.dns.ptr(address));
        let ptr = Arc::new(self.reverse(&mx, address, ptr));
        Endpoint { mx, preference, contact: served.contact, ptr, postmaster: served.postmaster }
    }

    fn reverse(&self, mx: &MxName, address: IpAddr, ptr: Ptr) -> Fact<Ptr> {
        let same = |endpoint: &&Endpoint| endpoint.mx == *mx && endpoint.address() == address;
        let before = self.previous().and_then(|seen| seen.endpoints.iter().find(same));
        let unseen = ptr.names.records().err();
        let trouble = unseen.as_ref().map(|unseen| unseen.trouble().clone());
        let seen = unseen.map_or(Ok(ptr), Err);
        Fact::following(before.map(|endpoint| &*endpoint.ptr), self.at, seen, trouble.as_ref())
    }

    /// The next due times: on the domain's own schedule, sooner where a trouble has to be confirmed by a second look.
    fn next(&self, seen: &Observation) -> (NextDue, Instant) {
        let (now, wall, settings) = (Instant::now(), self.workshop.now(), &self.domain.settings);
        let mut due = next_due(&self.domain.name, &settings.interval, self.workshop.start, (now, wall));
        if self.workshop.wants_another_look(seen) {
            due = due.min(now + self.tools.network.min_spacing.max(SECOND_LOOK));
        }
        let tests =
            seen.endpoints.iter().filter_map(|endpoint| endpoint.contact.relay.as_ref()).map(|fact| fact.at);
        let transactions = tests.min().unwrap_or(seen.at) + settings.transactions_interval;
        (NextDue { run: wall + (due - now), transactions, interval: settings.interval.gap(wall) }, due)
    }

    fn context(&self, now: SystemTime) -> Context {
        let settings = &self.domain.settings;
        Context {
            now,
            certificate_expires_soon: settings.thresholds.certificate_expires_soon,
            tests: settings.tests,
            expect_mx: settings.expect_mx.clone(),
            trusted_by: self.tools.network.trusted_by.clone(),
        }
    }

    fn previous(&self) -> Option<&Observation> {
        self.previous.as_ref().map(|report| &report.observation)
    }
}

fn earlier(at: SystemTime, by: Duration) -> SystemTime {
    at.checked_sub(by).unwrap_or(SystemTime::UNIX_EPOCH)
}
