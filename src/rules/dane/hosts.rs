//! What DNS has to say of DANE at all hosts of a domain together.

use super::{
    ABSENT, BOGUS, INSECURE_MX, INSECURE_ZONE, LOOKUP_FAILED, PARTIAL, UNUSABLE, Verdict, date, listed, stray,
};
use crate::name::MxName;
use crate::observe::{Dnssec, HostDns, Observation, Published, TlsaLookup, Unseen, Unusable};
use crate::rules::{Context, Finding, Judgement};

/// The hosts by what they have.
#[derive(Default)]
struct Hosts {
    bogus: Vec<Finding>,
    failed: Vec<Finding>,
    unusable: Vec<Finding>,
    useless: Vec<String>,
    deployed: usize,
    absent: Vec<String>,
    insecure: Vec<(String, &'static str)>,
    doubt: Option<Unseen>,
}

/// What is bogus or fails for hours is found whatever else is not known; all else waits until everything is known.
pub(super) fn check(observation: &Observation, cx: &Context) -> Judgement {
    let dns = &observation.dns;
    let is_none = dns.is_null_mx() || dns.mx.dnssec == Dnssec::Bogus || cx.prober.validates == Some(false);
    if is_none || dns.mx.records()?.is_none() && !dns.implicit {
        return Ok(Verdict::NotApplicable);
    }
    let mut hosts = Hosts::default();
    if dns.mx.dnssec == Dnssec::Unchecked {
        hosts.doubt = Some(Unseen::not_validated());
    }
    for (name, host) in &dns.hosts {
        hosts.sort_in(name, host, cx);
    }
    let critical: Vec<Finding> = hosts.bogus.iter().chain(&hosts.failed).cloned().collect();
    match hosts.doubt.take() {
        _ if !critical.is_empty() => Ok(Verdict::Findings(critical)),
        Some(unseen) => Err(unseen),
        None if hosts.is_empty() => Ok(Verdict::NotApplicable),
        None => Ok(Verdict::of(hosts.findings(observation))),
    }
}

impl Hosts {
    /// A host without addresses, or with bogus ones, is no concern of DANE.
    fn sort_in(&mut self, name: &MxName, host: &HostDns, cx: &Context) {
        if host.is_bogus() || host.addresses().is_ok_and(|addresses| addresses.is_empty()) {
            return;
        }
        match host.dane() {
            Err(unseen) => self.doubt = Some(unseen),
            Ok(Published::Absent) => self.absent.push(name.to_string()),
            Ok(Published::Insecure(what)) => self.insecure.push((name.to_string(), what)),
            Ok(Published::Bogus(found)) => {
                let evidence = format!("TLSA of {}: the signatures do not fit", found.base);
                self.bogus.push(BOGUS.finding(evidence));
            }
            Ok(Published::Unseen(found, unseen)) => self.unseen(found, unseen, cx),
            Ok(Published::Records(found)) => {
                match found.usable().next() {
                    Some(_) => self.deployed += 1,
                    None => self.useless.push(format!("{name} (none can be used)")),
                }
                self.unusable.extend(unusable(found));
            }
        }
    }

    fn unseen(&mut self, found: &TlsaLookup, unseen: Unseen, cx: &Context) {
        let lasting = found.lookup.lasting;
        if cx.prober.resolver_answers == Some(true) && lasting.is_persistent(cx.persistent) {
            let evidence = format!(
                "TLSA of {}: {} looks in a row since {}, the last one: {}",
                found.base,
                lasting.count,
                date(lasting.since),
                unseen.trouble()
            );
            self.failed.push(LOOKUP_FAILED.finding(evidence));
        } else {
            self.doubt = Some(unseen);
        }
    }

    fn is_empty(&self) -> bool {
        self.deployed == 0 && self.absent.is_empty() && self.insecure.is_empty() && self.unusable.is_empty()
    }

    fn findings(self, observation: &Observation) -> Vec<Finding> {
        let mx_is_signed = observation.dns.mx.dnssec == Dnssec::Secure;
        let (mut findings, domain) = (self.unusable, &observation.domain);
        if self.deployed > 0 {
            let insecure = self.insecure.iter().map(|(host, what)| format!("{host} ({what} are not signed)"));
            let lacking: Vec<String> = self.absent.into_iter().chain(insecure).chain(self.useless).collect();
            if !lacking.is_empty() {
                findings.push(PARTIAL.finding(format!("none that count: {}", lacking.join(", "))));
            }
            if !mx_is_signed {
                findings.push(INSECURE_MX.finding(format!("the MX records of {domain} are not signed")));
            }
            return findings;
        }
        if !self.absent.is_empty() {
            findings.push(ABSENT.finding(format!("no TLSA records: {}", self.absent.join(", "))));
        }
        let mx = (!mx_is_signed).then(|| format!("the MX records of {domain}"));
        let insecure = self.insecure.iter().map(|(host, what)| format!("{what} of {host}"));
        let unsigned: Vec<String> = mx.into_iter().chain(insecure).collect();
        if !unsigned.is_empty() {
            findings.push(INSECURE_ZONE.finding(format!("not signed: {}", unsigned.join(", "))));
        }
        findings
    }
}

/// Found where nothing can be used, or where a record is not what it was meant to be.
fn unusable(found: &TlsaLookup) -> Option<Finding> {
    let none_is_left = found.usable().next().is_none();
    let is_objectionable = |why: Unusable| none_is_left || why != Unusable::Usage;
    let records: Vec<_> = found.records().iter().filter_map(|one| Some((one, one.unusable()?))).collect();
    let lines = records.iter().filter(|(_, why)| is_objectionable(*why));
    let lines: Vec<String> =
        lines.take(8).map(|(one, why)| format!("{}: {}", listed(std::slice::from_ref(*one)), why)).collect();
    let evidence = [format!("TLSA of {}", found.base)].into_iter().chain(lines.clone()).chain(stray(found));
    (!lines.is_empty()).then(|| UNUSABLE.finding(evidence.collect::<Vec<_>>().join("\n")))
}
