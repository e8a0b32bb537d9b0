//! The domains under watch: which are due, which are being run, and what stands for each. No I/O.

use super::run::Finished;
use crate::config::Domain;
use crate::name::DomainName;
use crate::observe::{
    Cause, Dnssec, DomainDns, Lookup, Observation, Outcome, Policy, SessionKey, Stage, Unseen,
};
use crate::report::{NextDue, Report, fold};
use crate::rules::{self, Judged, Subject};
use crate::schedule::{Timetable, due_again};
use crate::snapshot::{Labels, ProberFacts, Snapshot};
use crate::state::Kept;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Every domain, with its report once it has one.
#[derive(Default)]
pub(super) struct Fleet {
    domains: BTreeMap<DomainName, Arc<Domain>>,
    reports: BTreeMap<DomainName, Arc<Report>>,
    /// Of the configuration that each report was made with; none where it was another already at its end.
    fingerprints: BTreeMap<DomainName, u64>,
    timetable: Timetable,
    running: HashMap<DomainName, Again>,
    published: Option<Snapshot>,
}

/// Whether a domain that is being run is due again at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    AtOnce,
    WhenDue,
}

impl Fleet {
    /// Watches just these domains from now on. New and changed ones are due at once; of removed ones nothing remains.
    pub(super) fn set_domains(&mut self, domains: &[Arc<Domain>]) {
        let before = std::mem::take(&mut self.domains);
        self.domains = domains.iter().map(|domain| (domain.name.clone(), domain.clone())).collect();
        for name in before.keys().filter(|name| !self.domains.contains_key(*name)) {
            self.timetable.remove(name);
            self.reports.remove(name);
            self.fingerprints.remove(name);
        }
        let now = Instant::now();
        for (name, domain) in &self.domains {
            if before.get(name).is_some_and(|before| before == domain) {
                continue;
            }
            match self.running.get_mut(name) {
                Some(again) => *again = Again::AtOnce,
                None => self.timetable.put(name.clone(), now),
            }
        }
        self.published = None;
    }

    /// Goes on with what an earlier process left behind. Due times are kept; a domain whose configuration has changed is
    /// due at once, and one that is not watched any more is left out.
    pub(super) fn restore(&mut self, kept: Vec<Kept>, (now, wall): (Instant, SystemTime)) {
        for Kept { mut report, fingerprint } in kept {
            let name = report.domain().clone();
            let Some(domain) = self.domains.get(&name) else { continue };
            if domain.fingerprint() == fingerprint {
                let due = due_again(&name, &domain.settings.interval, report.next.run, (now, wall));
                self.timetable.put(name.clone(), due);
                let run = wall + due.saturating_duration_since(now);
                if run != report.next.run {
                    let next = NextDue { run, ..report.next };
                    report = Arc::new(Report { next, ..Arc::unwrap_or_clone(report) });
                }
            }
            self.fingerprints.insert(name.clone(), fingerprint);
            self.reports.insert(name, report);
        }
        self.published = None;
    }

    /// What the next process is to know.
    pub(super) fn kept(&self) -> Vec<Kept> {
        let kept = |(name, report): (&DomainName, &Arc<Report>)| Kept {
            report: report.clone(),
            fingerprint: self.fingerprints.get(name).copied().unwrap_or_default(),
        };
        self.reports.iter().map(kept).collect()
    }

    /// What stands for every domain.
    pub(super) fn reports(&self) -> impl Iterator<Item = &Arc<Report>> {
        self.reports.values()
    }

    /// The domains that have a report.
    pub(super) fn names(&self) -> Vec<DomainName> {
        self.reports.keys().cloned().collect()
    }

    /// A domain, being run or not, with what stands for it.
    pub(super) fn reported(&self, name: &DomainName) -> Option<(&Arc<Domain>, &Arc<Report>)> {
        self.domains.get(name).zip(self.reports.get(name))
    }

    /// Whether a domain is watched.
    pub(super) fn watches(&self, name: &DomainName) -> bool {
        self.domains.contains_key(name)
    }

    /// A domain that is not being run just now, with what stands for it.
    pub(super) fn at_rest(&self, name: &DomainName) -> Option<(&Arc<Domain>, &Arc<Report>)> {
        self.reported(name).filter(|_| !self.running.contains_key(name))
    }

    /// Replaces what stands for a domain, without a run.
    pub(super) fn renew(&mut self, name: &DomainName, report: Report) {
        self.reports.insert(name.clone(), Arc::new(report));
        self.published = None;
    }

    /// When the next domain is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.timetable.next()
    }

    /// Takes a domain that is due, with its last report.
    pub(super) fn start_due(&mut self, now: Instant) -> Option<(Arc<Domain>, Option<Arc<Report>>)> {
        loop {
            let name = self.timetable.pop(now)?;
            if let Some(domain) = self.domains.get(&name) {
                self.running.insert(name.clone(), Again::WhenDue);
                return Some((domain.clone(), self.reports.get(&name).cloned()));
            }
        }
    }

    /// Takes in a run; none where the domain has been removed meanwhile.
    pub(super) fn finish(&mut self, name: &DomainName, finished: Finished) -> Option<&Report> {
        let again = self.running.remove(name);
        if !self.domains.contains_key(name) {
            return None;
        }
        let is_outdated = again == Some(Again::AtOnce);
        let due = if is_outdated { Instant::now() } else { finished.due };
        match self.domains.get(name).filter(|_| !is_outdated) {
            Some(domain) => self.fingerprints.insert(name.clone(), domain.fingerprint()),
            None => self.fingerprints.remove(name),
        };
        self.timetable.put(name.clone(), due);
        self.reports.insert(name.clone(), Arc::new(finished.report));
        self.published = None;
        self.reports.get(name).map(|report| &**report)
    }

    /// What stands after a run that ended by a fault of this program: everything in doubt, nothing lost.
    pub(super) fn crashed(&self, name: &DomainName, at: SystemTime) -> Option<Finished> {
        let domain = self.domains.get(name)?;
        let previous = self.reports.get(name);
        let unseen =
            || Unseen::failed(Stage::Lookup, Cause::ProberError, "a fault of this program ended the run");
        let judged = |rule, subject| Judged { rule, subject, at, judgement: Err(unseen()) };
        let judged: Vec<Judged> = match previous {
            Some(report) => {
                let rows = report.standings.iter();
                rows.flat_map(|row| row.subjects.keys().map(move |subject| judged(row.rule, subject.clone())))
                    .collect()
            }
            None => rules::ALL.iter().map(|rule| judged(rule, Subject::Domain)).collect(),
        };
        let seen = match previous {
            Some(report) => Observation { at, ..report.observation.clone() },
            None => nothing_seen(name, at),
        };
        let interval = domain.settings.interval.gap(at);
        let transactions_interval = domain.settings.transactions_interval;
        let next =
            NextDue { run: at + interval, transactions: at + interval, interval, transactions_interval };
        let report =
            fold(previous.map(|report| &**report), seen, judged, &domain.overrides, (next, Duration::ZERO));
        Some(Finished { report, due: Instant::now() + interval })
    }

    /// The endpoints that the last runs used.
    pub(super) fn keys(&self) -> HashSet<SessionKey> {
        let endpoints = self.reports.values().flat_map(|report| &report.observation.endpoints);
        endpoints.map(|endpoint| endpoint.contact.key.clone()).collect()
    }

    /// What readers may see; rebuilt only where something changed.
    pub(super) fn snapshot(&mut self, prober: ProberFacts) -> Snapshot {
        let (domains, reports) = (&self.domains, &self.reports);
        let snapshot = self.published.get_or_insert_with(|| Snapshot {
            reports: reports.values().cloned().collect(),
            domains: domains.keys().cloned().collect(),
            labels: Arc::new(labels(domains)),
            prober: ProberFacts::default(),
        });
        Snapshot { prober, ..snapshot.clone() }
    }
}

fn labels(domains: &BTreeMap<DomainName, Arc<Domain>>) -> BTreeMap<DomainName, Labels> {
    let labelled = domains.values().filter(|domain| !domain.settings.labels.is_empty());
    labelled.map(|domain| (domain.name.clone(), domain.settings.labels.clone())).collect()
}

fn nothing_seen(name: &DomainName, at: SystemTime) -> Observation {
    let mx = Lookup::ended(Outcome::ServerFailure, Dnssec::Unchecked, Duration::ZERO);
    let dns = DomainDns::of(mx);
    let policy = Policy::unseen();
    Observation { domain: name.clone(), at, dns, policy, endpoints: Vec::new() }
}
