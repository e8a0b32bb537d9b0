//! The tools that every run shares, set up from the configuration.

use super::lookout::Lookout;
use super::{Visits, process};
use crate::config::{self, Config, Domain, Network};
use crate::observe::Observation;
use crate::probe::dns::{Dns, DnsSettings, LookupCounter};
use crate::probe::{self, HttpsReached, Plan, PolicyHosts, Prober, RelayPlan};
use crate::report::Report;
use crate::schedule::{Clock, Errand, Limits, Queue};
use crate::snapshot::{ConfigRead, ProberFacts, SessionOutcome, Shard};
use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep};

/// Why the tools cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The resolver.
    #[error("cannot set up DNS")]
    Dns(#[from] probe::dns::Error),
    /// The prober.
    #[error("cannot set up the prober")]
    Probe(#[from] probe::Error),
    /// `tls.ca_file`.
    #[error("cannot read certificates from `{}`", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
}

/// How often to look whether sessions have ended.
const TICK: Duration = Duration::from_millis(20);

/// As many domains ask DNS at once; sessions have their own limit.
const LOOKUPS: usize = 128;

/// What every run needs.
pub struct Workshop {
    pub(super) visits: Visits,
    pub(super) lookups: Semaphore,
    /// Runs that wait for a place at the look-ups.
    pub(super) queue: Queue,
    shared: Shared,
    pub(super) start: Instant,
    pub(super) lookout: Lookout,
    /// What is wrong with this machine's own names, as far as the log has it.
    pub(super) faults: Mutex<BTreeSet<String>>,
    tools: Arc<ArcSwap<Tools>>,
    clock: Clock,
}

/// The part that a reload replaces.
pub(super) struct Tools {
    pub(super) dns: Dns,
    pub(super) network: Network,
    pub(super) policies: PolicyHosts,
    prober: Prober,
}

/// What the tools of one configuration hand on to those of the next.
#[derive(Default)]
struct Shared {
    counter: Arc<LookupCounter>,
    https_reached: Arc<HttpsReached>,
    /// Where policy hosts listen; none: where they all do.
    policy_port: Option<u16>,
}

impl Workshop {
    /// Sets everything up; opens no connection.
    ///
    /// # Errors
    /// When a file that the configuration names cannot be used.
    pub fn set_up(config: &Config, clock: Clock, stop: watch::Receiver<bool>) -> Result<Arc<Self>, Error> {
        Self::with(config, clock, stop, Shared::default())
    }

    /// The same in a world whose policy hosts listen at another port than that of HTTPS: a simulated one.
    ///
    /// # Errors
    /// As [`Self::set_up`].
    pub fn set_up_with_policies_at(
        port: u16,
        config: &Config,
        clock: Clock,
        stop: watch::Receiver<bool>,
    ) -> Result<Arc<Self>, Error> {
        Self::with(config, clock, stop, Shared { policy_port: Some(port), ..Shared::default() })
    }

    fn with(
        config: &Config,
        clock: Clock,
        stop: watch::Receiver<bool>,
        shared: Shared,
    ) -> Result<Arc<Self>, Error> {
        let tools = Arc::new(ArcSwap::from_pointee(Tools::of(config, &shared)?));
        let current = tools.clone();
        let probe: super::Probe = Box::new(move |errand, at| {
            let (tools, stop) = (current.load_full(), stop.clone());
            Box::pin(async move { tools.prober.session(&errand.key, &plan(&errand), at, stop).await })
        });
        let visits = Visits::new(limits(&config.network), clock.clone(), probe);
        let (lookups, queue, start) = (Semaphore::new(LOOKUPS), Queue::default(), Instant::now());
        let (lookout, faults) = (Lookout::default(), Mutex::default());
        let workshop = Self { visits, lookups, queue, shared, start, lookout, faults, tools, clock };
        workshop.post_lookout(config);
        Ok(Arc::new(workshop))
    }

    /// Whether a trouble of an endpoint or of the policy host has to be confirmed by a second look.
    pub fn wants_another_look(&self, seen: &Observation) -> bool {
        let mut keys = seen.endpoints.iter().map(|endpoint| &endpoint.contact.key);
        seen.policy.mta_sts.wants_second_look() || keys.any(|key| self.visits.wants_another_look(key))
    }

    /// Until no session is under way, or about to begin.
    pub async fn all_sessions_ended(&self) {
        while self.visits.tally().in_flight > 0 {
            sleep(TICK).await;
        }
    }

    /// Scans the TLS of every server that a domain uses, as far as that is due, and judges again what stands.
    pub async fn scan(&self, domain: &Domain, report: &Report) -> Report {
        let mut keys: Vec<_> =
            report.observation.endpoints.iter().map(|endpoint| &endpoint.contact.key).collect();
        keys.dedup();
        for key in keys {
            self.visits.scan_to_the_end(key).await;
        }
        self.refreshed(domain, report)
    }

    /// Goes on with other settings; runs that have begun end with the old ones. What is known of endpoints stays.
    ///
    /// # Errors
    /// As [`Self::set_up`]; then nothing has changed.
    pub(super) fn reload(&self, config: &Config) -> Result<(), Error> {
        self.tools.store(Arc::new(Tools::of(config, &self.shared)?));
        self.visits.set_limits(limits(&config.network));
        Ok(())
    }
}

impl Workshop {
    pub(super) fn tools(&self) -> Arc<Tools> {
        self.tools.load_full()
    }

    pub(super) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// What the prober knows of itself.
    pub(super) fn facts(&self, config: ConfigRead, panics: u64) -> ProberFacts {
        let (tally, vantage, now) = (self.visits.tally(), self.visits.vantage(), Instant::now());
        let sessions = [
            (SessionOutcome::Completed, tally.completed),
            (SessionOutcome::Failed, tally.failed),
            (SessionOutcome::Inconclusive, tally.inconclusive),
        ];
        ProberFacts {
            v4_blocked: vantage.v4_blocked(),
            v6_blocked: vantage.v6_blocked(),
            sessions: BTreeMap::from(sessions),
            sessions_in_flight: tally.in_flight,
            config: Some(config),
            panics,
            domain_files: Arc::default(),
            state: None,
            addresses_over_capacity: Some(self.visits.over_capacity()),
            schedule_lag: Some(self.queue.longest(now).max(self.visits.queue().longest(now))),
            phases: tally.phases,
            lookups: self.shared.counter.read(),
            shard: Shard::default(),
            process: process::facts(),
        }
    }
}

impl Tools {
    /// Where sessions come from, as far as this machine can know.
    pub(super) fn own_addresses(&self, config: &Config) -> Vec<std::net::IpAddr> {
        let Network { allow_targets, source_addresses, .. } = self.network.clone();
        probe::Network { allow_targets, source_addresses }.own_addresses(&config.dns.nameservers)
    }

    fn of(config: &Config, shared: &Shared) -> Result<Self, Error> {
        let config::Dns { nameservers, dnssec, trust_anchor } = config.dns.clone();
        let dns = Dns::new(&DnsSettings { nameservers, dnssec, trust_anchor })?;
        let dns = dns.counted_by(shared.counter.clone()).for_port(config.network.port);
        let Network { allow_targets, source_addresses, .. } = config.network.clone();
        let own = probe::Network { allow_targets, source_addresses };
        let roots = roots(config.tls.ca_file.as_deref())?;
        let mut policies = PolicyHosts::new(own.clone(), &roots, shared.https_reached.clone())?;
        if let Some(port) = shared.policy_port {
            policies = policies.at_port(port);
        }
        let prober = Prober::new(own, roots)?;
        Ok(Self { dns, prober, policies, network: config.network.clone() })
    }
}

fn limits(network: &Network) -> Limits {
    Limits {
        min_spacing: network.min_spacing,
        new_connections_per_second: network.new_connections_per_second,
        max_sessions: network.max_sessions,
    }
}

fn plan(errand: &Errand) -> Plan {
    let relay = |relay: &crate::schedule::RelayRecipients| RelayPlan {
        recipients: relay.first.clone(),
        confirmations: relay.second.clone(),
    };
    let settings = &errand.domain.settings;
    Plan {
        helo: settings.helo_name.clone(),
        mail_from: settings.mail_from.clone(),
        timeout: settings.timeout,
        null_sender: errand.null_sender.clone(),
        postmasters: errand.postmasters.clone(),
        relay: errand.relay.as_ref().map(relay),
        refusals: errand.refusals,
        plaintext: errand.plaintext,
        anchors: errand.anchors.clone(),
        scan: errand.scan.clone(),
    }
}

fn roots(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let Some(path) = ca_file else { return Ok(Vec::new()) };
    let error = |source| Error::CaFile { path: path.to_owned(), source };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(error)?.collect();
    let certificates = certificates.map_err(error)?;
    if certificates.is_empty() { Err(error(pem::Error::NoItemsFound)) } else { Ok(certificates) }
}
