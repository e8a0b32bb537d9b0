//! Wires schedule → probe → rules → snapshot: one loop that starts what is due, takes in what has finished, reloads
//! when asked to and stops gracefully. Every decision is made elsewhere.

mod beside;
mod fleet;
mod identity;
mod journal;
mod keeping;
mod lookout;
mod outsiders;
mod policies;
mod process;
mod reload;
mod rereading;
mod run;
mod self_check;
mod signals;
mod targets;
mod workshop;

pub use identity::machine_name;
pub use reload::{Answer, Reloads, reloads};
pub use run::Finished;
pub use signals::{on_hangup, on_stop};
pub use workshop::{Error, Workshop};

use crate::config::Config;
use crate::logging;
use crate::name::DomainName;
use crate::observe::{Session, SessionKey};
use crate::schedule::{Errand, Pooled, Sessions, Vantage};
use crate::snapshot::{ConfigRead, ProberFacts, Writer};
use crate::state::{Keeper, Picture};
use fleet::Fleet;
use keeping::Keeping;
use reload::Loading;
use rereading::Rereading;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

type Probe = Box<dyn Fn(Errand, SystemTime) -> Pin<Box<dyn Future<Output = Session> + Send>> + Send + Sync>;
type Visits = Sessions<Probe>;

/// What nobody uses any more is forgotten this often.
const TIDY: Duration = Duration::from_secs(3600);
/// The snapshot is renewed this often.
const PUBLISH: Duration = Duration::from_secs(1);
/// How long open sessions have to say QUIT.
const GOODBYE: Duration = Duration::from_secs(6);

/// The watch over a fleet of domains.
pub struct Daemon {
    config: Arc<Config>,
    in_force: watch::Sender<Arc<Config>>,
    fleet: Fleet,
    workshop: Arc<Workshop>,
    runs: JoinSet<Finished>,
    running: HashMap<Id, DomainName>,
    errands: JoinSet<Vec<DomainName>>,
    scans: JoinSet<Vec<DomainName>>,
    panics: u64,
    vantage: Vantage,
    pools: Pooled,
    config_read: ConfigRead,
    keeping: Keeping,
    tidy_at: Instant,
    writer: Writer,
}

impl Daemon {
    /// A watch over the domains of `config`, every one of them due at once.
    pub fn new(config: Config, workshop: Arc<Workshop>, writer: Writer) -> Self {
        let mut fleet = Fleet::default();
        fleet.set_domains(&config.domains);
        let config_read = ConfigRead { successful: true, last_success: workshop.now() };
        let config = Arc::new(config);
        Self {
            in_force: watch::Sender::new(config.clone()),
            config,
            fleet,
            workshop,
            runs: JoinSet::new(),
            running: HashMap::new(),
            errands: JoinSet::new(),
            scans: JoinSet::new(),
            panics: 0,
            vantage: Vantage::default(),
            pools: Pooled::default(),
            config_read,
            keeping: Keeping::nothing(),
            tidy_at: Instant::now() + TIDY,
            writer,
        }
    }

    /// The same, going on where an earlier process ended, and keeping what it learns for the next one. What is known is
    /// to be read at once.
    pub fn keeping(mut self, keeper: Keeper, known: Picture) -> Self {
        self.keeping = Keeping::by(keeper);
        self.workshop.visits.recall(&known.manners);
        self.fleet.restore(known.reports, (Instant::now(), self.workshop.now()));
        for report in self.fleet.reports() {
            for endpoint in &report.observation.endpoints {
                let postmaster = endpoint.postmaster.as_ref();
                self.workshop.visits.recall_contact(&endpoint.contact, report.domain(), postmaster);
            }
        }
        self.agree(&self.fleet.names());
        self.publish();
        self
    }

    /// The configuration in force, whatever becomes of it.
    pub fn config(&self) -> watch::Receiver<Arc<Config>> {
        self.in_force.subscribe()
    }

    /// Watches until `stop` says so, then lets open sessions take their leave.
    pub async fn watch(mut self, mut stop: watch::Receiver<bool>, mut reloads: Reloads) {
        self.publish();
        let lookout = tokio::spawn(self.workshop.clone().keep_lookout(stop.clone()));
        self.check_self();
        let mut publish_at = Instant::now() + PUBLISH;
        let (mut loading, mut rereading) = (None, Rereading::start());
        while !*stop.borrow_and_update() {
            let due = self.fleet.next_due();
            tokio::select! {
                _ = stop.changed() => {}
                () = at(due) => self.start_due(),
                () = self.keeping.due() => self.keep(),
                () = sleep_until(self.tidy_at) => self.tidy(),
                () = sleep_until(publish_at) => { self.publish(); publish_at = Instant::now() + PUBLISH; }
                Some(finished) = self.runs.join_next_with_id() => self.finish(finished),
                key = self.workshop.visits.next_errand() => self.attend(key),
                Some(served) = self.errands.join_next() => self.refresh(served),
                key = self.workshop.visits.next_scan() => self.scan(key),
                Some(scanned) = self.scans.join_next() => self.refresh(scanned),
                asked = reloads.next(), if loading.is_none() => loading = Some(asked),
                loaded = Loading::done(&mut loading) => {
                    self.reload(loaded, loading.take());
                    rereading = Rereading::start();
                }
                config = rereading.changed(&self.config) => self.reread(config),
            }
        }
        self.publish();
        self.say_goodbye(lookout).await;
        self.keep();
        self.keeping.finish().await;
    }

    fn start_due(&mut self) {
        while let Some((domain, previous)) = self.fleet.start_due(Instant::now()) {
            let name = domain.name.clone();
            let id = self.runs.spawn(self.workshop.clone().run(domain, previous)).id();
            self.running.insert(id, name);
        }
    }

    fn finish(&mut self, finished: Result<(Id, Finished), JoinError>) {
        let (id, finished) = match finished {
            Ok((id, finished)) => (id, Some(finished)),
            Err(failed) => (failed.id(), None),
        };
        let Some(name) = self.running.remove(&id) else { return };
        if !self.fleet.watches(&name) {
            self.tidy_at = self.tidy_at.min(Instant::now() + PUBLISH);
        }
        if finished.is_none() {
            error!(domain = %name, "a run ended by a fault of this program; its domain is tried again");
            self.panics += 1;
        }
        let finished = finished.or_else(|| self.fleet.crashed(&name, self.workshop.now()));
        if let Some(report) = finished.and_then(|finished| self.fleet.finish(&name, finished)) {
            journal::tell(report);
        }
        self.agree(&[name]);
    }

    /// Has all domains of a host name its servers alike, whoever of them found out that it is a pool: those that have
    /// just been looked at, or all where there is news.
    fn agree(&mut self, looked_at: &[DomainName]) {
        let pools = self.workshop.visits.pools();
        let is_news = pools != self.pools;
        let names = if is_news { self.fleet.names() } else { looked_at.to_vec() };
        for name in names {
            let Some((domain, report)) = self.fleet.reported(&name) else { continue };
            if let Some(report) = self.workshop.regrouped(domain, report, &pools) {
                self.fleet.renew(&name, report);
            }
        }
        self.pools = pools;
    }

    /// Has an endpoint visited for those who wait for tests that no run makes.
    fn attend(&mut self, key: SessionKey) {
        let workshop = self.workshop.clone();
        self.errands.spawn(async move { workshop.visits.attend(&key).await });
    }

    /// Has an endpoint asked the next question of its TLS scan, once it may be asked.
    fn scan(&mut self, key: SessionKey) {
        let workshop = self.workshop.clone();
        self.scans.spawn(async move { workshop.visits.scan(&key).await });
    }

    /// Judges again what the facts of an errand, or of a scan, concern.
    fn refresh(&mut self, served: Result<Vec<DomainName>, JoinError>) {
        if served.is_err() {
            self.panics += 1;
        }
        for name in served.unwrap_or_default() {
            let Some((domain, report)) = self.fleet.at_rest(&name) else { continue };
            let report = self.workshop.refreshed(domain, report);
            self.fleet.renew(&name, report);
        }
    }

    /// Goes on with a new configuration; one that cannot be used changes nothing.
    fn reload(&mut self, read: Result<Config, String>, loading: Option<Loading>) {
        let applied = read.and_then(|config| self.apply(config));
        self.config_read.successful = applied.is_ok();
        match &applied {
            Ok(()) => self.config_read.last_success = self.workshop.now(),
            Err(reason) => error!("not reloaded, going on as before: {reason}"),
        }
        self.publish();
        if let Some(loading) = loading {
            loading.answer(&applied);
        }
    }

    fn apply(&mut self, config: Config) -> Result<(), String> {
        self.workshop.reload(&config).map_err(|error| logging::with_sources(&error))?;
        info!("reloaded: {}", config.summary());
        if config.state != self.config.state {
            warn!("state.path has changed: that takes effect at the next start");
        }
        self.watch_domains_of(config);
        self.check_self();
        Ok(())
    }

    /// In the background: what is wrong with this machine's own names stands in the log, and stops nothing.
    fn check_self(&self) {
        tokio::spawn(self.workshop.clone().check_self(self.config.clone()));
    }

    /// Goes on with domain files as they are now.
    fn reread(&mut self, config: Config) {
        journal::tell_files(&self.config, &config);
        self.watch_domains_of(config);
        self.publish();
    }

    fn watch_domains_of(&mut self, config: Config) {
        self.fleet.set_domains(&config.domains);
        self.tidy();
        self.workshop.post_lookout(&config);
        self.config = Arc::new(config);
        self.in_force.send_replace(self.config.clone());
    }

    /// Forgets addresses that nobody uses any more and what runs of removed domains left behind.
    fn tidy(&mut self) {
        self.workshop.visits.keep_only(&self.fleet.keys(), |name| self.fleet.watches(name));
        self.tidy_at = Instant::now() + TIDY;
    }

    fn keep(&mut self) {
        let (fleet, visits) = (&self.fleet, &self.workshop.visits);
        self.keeping.offer(|| (fleet.kept(), visits.remembered()));
    }

    async fn say_goodbye(&mut self, lookout: JoinHandle<()>) {
        info!(running = self.runs.len(), "stopping");
        let farewell = async {
            while self.runs.join_next().await.is_some() {}
            while self.errands.join_next().await.is_some() {}
            self.workshop.all_sessions_ended().await; // scans that wait for their turn are let go
            lookout.await.ok();
        };
        if timeout(GOODBYE, farewell).await.is_err() {
            info!(running = self.runs.len(), "sessions still open were cut");
        }
    }

    fn publish(&mut self) {
        let vantage = self.workshop.visits.vantage();
        journal::tell_vantage(std::mem::replace(&mut self.vantage, vantage), vantage);
        let files = self.config.domain_files();
        let files = files.map(|(path, fault)| (path.display().to_string(), fault.is_none())).collect();
        let facts = self.workshop.facts(self.config_read, self.panics);
        let state = self.keeping.facts();
        let prober = ProberFacts { domain_files: Arc::new(files), state, ..facts };
        self.writer.publish(self.fleet.snapshot(prober));
    }
}

/// Never, where there is no instant.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
