//! One run of one domain: ask DNS, visit every endpoint, judge, fold.

use super::outsiders::Outsiders;
use super::targets::{Target, Turn, absent, agree, gathered, regrouped, sightings, targets, turns};
use super::workshop::{Tools, Workshop};
use super::{beside, policies};
use crate::config::{Domain, Interval};
use crate::name::MxName;
use crate::observe::{DomainDns, Endpoint, Fact, Family, HostDns, Observation, Ptr, SessionKey, Tlsa};
use crate::report::{NextDue, Report, fold};
use crate::rules::{self, Context, Prober};
use crate::schedule::{Demand, Intervals, Pooled, Served, Want, next_due};
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
    /// What the domain's addresses leave it of what it wants.
    granted: Intervals,
    /// Whether to wait for every test of recipients.
    patient: bool,
}

impl Workshop {
    /// Runs `domain` once and folds what it saw into `previous`. Tests of recipients that have to wait for their turn
    /// come later, as [errands](crate::schedule::Sessions::next_errand).
    pub async fn run(self: Arc<Self>, domain: Arc<Domain>, previous: Option<Arc<Report>>) -> Finished {
        self.run_as(domain, previous, false).await
    }

    /// The same, but waits for all tests.
    pub async fn run_patiently(
        self: Arc<Self>,
        domain: Arc<Domain>,
        previous: Option<Arc<Report>>,
    ) -> Finished {
        self.run_as(domain, previous, true).await
    }

    async fn run_as(
        self: Arc<Self>,
        domain: Arc<Domain>,
        previous: Option<Arc<Report>>,
        patient: bool,
    ) -> Finished {
        let (started, at, tools) = (Instant::now(), self.now(), self.tools());
        let granted = self.visits.granted(&domain.name).unwrap_or_else(|| wanted(&domain, at));
        let run = Arc::new(Run { workshop: self, tools, domain, previous, at, granted, patient });
        let seen = run.clone().observe().await;
        let (next, due) = run.next(&seen);
        let judged = rules::judge(&seen, &run.workshop.context(&run.domain, seen.at));
        let report =
            fold(run.previous.as_deref(), seen, judged, &run.domain.overrides, (next, started.elapsed()));
        Finished { report, due }
    }

    /// Judges again what stands, with the facts that sessions have brought home meanwhile.
    pub(super) fn refreshed(&self, domain: &Domain, report: &Report) -> Report {
        let now = self.now();
        let renewed = |endpoint: &Endpoint| match self.visits.known(&endpoint.contact.key, &domain.name) {
            Some(Served { contact, postmaster, retry_at, .. }) if contact.key == endpoint.contact.key => {
                Endpoint { contact, postmaster, retry_at, ..endpoint.clone() }
            }
            // A pool that was visited elsewhere meanwhile: the rest of what is known there comes with the next run.
            Some(Served { postmaster, retry_at, .. }) => {
                Endpoint { postmaster, retry_at, ..endpoint.clone() }
            }
            None => endpoint.clone(),
        };
        let endpoints = report.observation.endpoints.iter().map(renewed).collect();
        self.judged_again(domain, report, Observation { at: now, endpoints, ..report.observation.clone() })
    }

    /// The same report where others have found out meanwhile that one of its hosts is a pool, or is none any more; none
    /// where it has them as they are.
    pub(super) fn regrouped(&self, domain: &Domain, report: &Report, pools: &Pooled) -> Option<Report> {
        let seen = &report.observation;
        let regroup = || {
            let endpoints = regrouped(seen.endpoints.clone(), pools);
            self.judged_again(domain, report, Observation { endpoints, ..seen.clone() })
        };
        (!agree(&seen.endpoints, pools)).then(regroup)
    }

    fn judged_again(&self, domain: &Domain, report: &Report, seen: Observation) -> Report {
        let judged = rules::judge(&seen, &self.context(domain, self.now()));
        fold(Some(report), seen, judged, &domain.overrides, (report.next, report.took))
    }

    fn context(&self, domain: &Domain, now: SystemTime) -> Context {
        let (settings, tools, vantage) = (&domain.settings, self.tools(), self.visits.vantage());
        let (v4_blocked, v6_blocked) = (vantage.v4_blocked(), vantage.v6_blocked());
        let (resolver_answers, validates) = (tools.dns.answers(), Some(tools.dns.validates()));
        Context {
            now,
            certificate_expires_soon: settings.thresholds.certificate_expires_soon,
            tests: settings.tests,
            expect_mx: settings.expect_mx.clone(),
            trusted_by: tools.network.trusted_by.clone(),
            persistent: settings.thresholds.persistent,
            prober: Prober { v4_blocked, v6_blocked, resolver_answers, validates },
        }
    }
}

/// The intervals as they are configured.
fn wanted(domain: &Domain, at: SystemTime) -> Intervals {
    let settings = &domain.settings;
    Intervals { sessions: settings.interval.gap(at), transactions: settings.transactions_interval }
}

impl Run {
    async fn observe(self: Arc<Self>) -> Observation {
        let (mut dns, announced, outsiders) = {
            let waiting = self.workshop.queue.join(Instant::now());
            let _place = self.workshop.lookups.acquire().await;
            drop(waiting);
            let outsiders = Outsiders::of(&self.domain.settings, &self.tools.dns).await;
            let (dns, announced) = tokio::join!(
                self.tools.dns.domain(&self.domain.name),
                self.tools.dns.policy(&self.domain.name)
            );
            let dns = dns.following(self.previous().map(|seen| &seen.dns), self.at);
            (dns, announced, Arc::new(outsiders))
        };
        let missed = self.previous().map(|seen| absent(&dns, seen, self.at)).unwrap_or_default();
        let mut visits = JoinSet::new();
        for (place, (target, turn)) in self.targets(&dns, &missed).into_iter().enumerate() {
            let anchors = dns.hosts.get(&target.mx).map(HostDns::anchors).unwrap_or_default();
            let visit = self.clone().visit(target, turn, anchors, outsiders.clone());
            visits.spawn(async move { (place, visit.await) });
        }
        let before = self.previous().map(|seen| &seen.policy);
        let policy = policies::fetched(&self.tools, &self.domain.name, &dns, announced, before, self.at);
        let before = self.previous().map(|seen| &seen.dns.facts);
        let facts = beside::facts(&self.tools, &self.domain.name, &dns, before, self.at);
        let (mut endpoints, policy, facts) = tokio::join!(visits.join_all(), policy, facts);
        dns.facts = facts;
        endpoints.sort_by_key(|(place, _)| *place);
        let mut endpoints: Vec<Endpoint> = endpoints.into_iter().map(|(_, endpoint)| endpoint).collect();
        endpoints.extend(missed);
        let mut endpoints = regrouped(endpoints, &self.workshop.visits.pools());
        endpoints.sort_by_key(|endpoint| endpoint.preference);
        Observation { domain: self.domain.name.clone(), at: self.workshop.now(), dns, policy, endpoints }
    }

    /// Whom to visit, and where it is the postmaster's turn. Tells the schedule what is wanted of each.
    fn targets(&self, dns: &DomainDns, missed: &[Endpoint]) -> Vec<(Target, Turn)> {
        let pools = self.workshop.visits.sight(sightings(dns, missed));
        let targets = gathered(targets(dns, self.previous()), &pools);
        let turns = turns(&targets, &self.domain.name, self.at, self.granted.transactions);
        let asks = self.domain.settings.tests.postmaster;
        let demand = |(target, turn): (&Target, &Turn)| Demand {
            key: self.key(target),
            among: if asks { turn.among } else { 0 },
        };
        let demands = targets.iter().zip(&turns).map(demand).collect();
        self.workshop.visits.set_demands(&self.domain.name, demands, wanted(&self.domain, self.at));
        targets.into_iter().zip(turns).collect()
    }

    fn key(&self, target: &Target) -> SessionKey {
        let address = SocketAddr::new(target.address, self.tools.network.port);
        SessionKey { address, tls_name: target.mx.clone() }
    }

    /// Sees one endpoint: the session's facts and the reverse names, side by side.
    async fn visit(
        self: Arc<Self>,
        target: Target,
        turn: Turn,
        anchors: Vec<Tlsa>,
        outsiders: Arc<Outsiders>,
    ) -> Endpoint {
        let fresh = self.granted.sessions / 2;
        let want = Want {
            key: self.key(&target),
            pool: target.pool,
            domain: self.domain.clone(),
            at: self.at,
            dialogue_since: earlier(self.at, fresh),
            tests_since: earlier(self.at, self.granted.transactions.saturating_sub(fresh)),
            relay: outsiders.recipients(&self.domain.name, &target.mx),
            postmaster: turn.is_now,
            scan: self.domain.settings.tls_scan_interval,
            patient: self.patient,
            anchors,
        };
        let (preference, mx, address) = (target.preference, target.mx, target.address);
        let contact = async {
            self.workshop.consult(address).await;
            self.workshop.visits.contact(want).await
        };
        let (served, ptr) = tokio::join!(contact, self.tools.dns.ptr(address));
        let Served { contact, postmaster, rests_until, retry_at } = served;
        // Of a pool another address may have been visited.
        let there = contact.key.address.ip();
        let ptr = if there == address { ptr } else { self.tools.dns.ptr(there).await };
        let ptr = Arc::new(self.reverse(&mx, there, ptr));
        let (absent, pooled) = (None, false);
        Endpoint { mx, preference, contact, ptr, postmaster, rests_until, retry_at, absent, pooled }
    }

    fn reverse(&self, mx: &MxName, address: IpAddr, ptr: Ptr) -> Fact<Ptr> {
        let family = Family::of(address);
        let same = |endpoint: &&Endpoint| {
            let there = endpoint.address();
            endpoint.mx == *mx && (there == address || endpoint.pooled && Family::of(there) == family)
        };
        let before = self.previous().and_then(|seen| seen.endpoints.iter().find(same));
        let unseen = ptr.names.records().err();
        let trouble = unseen.as_ref().map(|unseen| unseen.trouble().clone());
        let seen = unseen.map_or(Ok(ptr), Err);
        Fact::following(before.map(|endpoint| &*endpoint.ptr), self.at, seen, trouble.as_ref())
    }

    /// The next due times: on the domain's own schedule, sooner where a trouble has to be confirmed by a second look or a
    /// test that was put off is due again.
    fn next(&self, seen: &Observation) -> (NextDue, Instant) {
        let (now, wall, visits) = (Instant::now(), self.workshop.now(), &self.workshop.visits);
        let granted = visits.granted(&self.domain.name).unwrap_or(self.granted);
        let interval = match &self.domain.settings.interval {
            Interval::Every(_) => &Interval::Every(granted.sessions),
            cron => cron,
        };
        let mut due = next_due(&self.domain.name, interval, self.workshop.start, (now, wall));
        let second_look = self.tools.network.min_spacing.max(SECOND_LOOK);
        if seen.policy.mta_sts.wants_second_look() {
            due = due.min(now + second_look);
        }
        for endpoint in &seen.endpoints {
            let rest = endpoint.rests_until.map_or(now, |until| now + since(wall, until));
            if endpoint.absent.is_none() && visits.wants_another_look(&endpoint.contact.key) {
                due = due.min(rest.max(now + second_look));
            }
            if let Some(again) = endpoint.retry_at.filter(|at| *at > wall) {
                due = due.min(rest.max(now + since(wall, again)));
            }
        }
        let tests =
            seen.endpoints.iter().filter_map(|endpoint| endpoint.contact.relay.as_ref()).map(|fact| fact.at);
        let transactions = tests.min().unwrap_or(seen.at) + granted.transactions;
        let interval = self.domain.settings.interval.gap(wall).max(granted.sessions);
        let (run, transactions_interval) = (wall + (due - now), granted.transactions);
        (NextDue { run, transactions, interval, transactions_interval }, due)
    }

    fn previous(&self) -> Option<&Observation> {
        self.previous.as_ref().map(|report| &report.observation)
    }
}

fn since(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

fn earlier(at: SystemTime, by: Duration) -> SystemTime {
    at.checked_sub(by).unwrap_or(SystemTime::UNIX_EPOCH)
}
