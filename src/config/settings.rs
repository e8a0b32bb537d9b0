//! What `defaults:` sets for every domain, and a domain for itself.

use super::error::Problem;
use super::interval::Interval;
use super::kind;
use super::labels::{self, Labels};
use super::pool::Pool;
use super::section::Section;
use crate::name::{HeloName, Mailbox, MxName};
use crate::rules::Tests;
use std::sync::Arc;
use std::time::Duration;

/// The recipient of the relay test that product and documentation name.
const TEST_PROBE_ADDRESS: &str = "postmaster@example.com";

/// How often servers are scanned, unless the configuration says otherwise.
pub(crate) const TLS_SCAN_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How a domain is watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// When it is looked at.
    pub interval: Interval,
    /// Between two tests of null sender, postmaster and open relay, in a session that is due anyway.
    pub transactions_interval: Duration,
    /// Between two TLS scans of a server; none where it is not to be scanned.
    pub tls_scan_interval: Option<Duration>,
    /// For one session, end to end.
    pub timeout: Duration,
    /// What this machine introduces itself as; none where none is set and the machine has no full name.
    pub helo_name: Option<HeloName>,
    /// The sender beside `<>`; the postmaster of the name in EHLO where none is set.
    pub mail_from: Option<Mailbox>,
    /// Which tests are made.
    pub tests: Tests,
    /// Recipients of the relay test, in order; at least one.
    pub test_probe_address: Vec<Mailbox>,
    /// The only MX hosts that it should have; any will do where empty.
    pub expect_mx: Vec<MxName>,
    /// Where numbers become findings.
    pub thresholds: Thresholds,
    /// Labels of its `smtp_domain_info`.
    pub labels: Arc<Labels>,
}

/// `thresholds:`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thresholds {
    /// A certificate that ends within this time is found, or within a quarter of its lifetime.
    pub certificate_expires_soon: Duration,
    /// Trouble that proves nothing is found once it has lasted this long.
    pub persistent: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            certificate_expires_soon: Duration::from_secs(20 * 24 * 60 * 60),
            persistent: Duration::from_secs(4 * 60 * 60),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::of_machine(None)
    }
}

impl Settings {
    /// The defaults on a machine of that name.
    pub fn of_machine(machine: Option<HeloName>) -> Self {
        Self {
            interval: Interval::Every(Duration::from_secs(15 * 60)),
            transactions_interval: Duration::from_secs(60 * 60),
            tls_scan_interval: Some(TLS_SCAN_INTERVAL),
            timeout: Duration::from_secs(120),
            helo_name: machine,
            mail_from: None,
            tests: Tests { null_sender: true, postmaster: true, open_relay: true },
            test_probe_address: Mailbox::parse(TEST_PROBE_ADDRESS).into_iter().collect(),
            expect_mx: Vec::new(),
            thresholds: Thresholds::default(),
            labels: Arc::default(),
        }
    }

    /// The sender beside `<>`; none where not even this machine's name is known before a session has its address.
    pub fn sender(&self) -> Option<Mailbox> {
        self.mail_from.clone().or_else(|| self.helo_name.as_ref().map(Mailbox::postmaster_of))
    }

    /// These settings with what `section` says otherwise.
    pub(super) fn read(mut self, section: &mut Section, pool: &mut Pool) -> Result<Self, Problem> {
        if let Some(node) = section.take("interval") {
            self.interval = pool.interval(&node)?;
        }
        section.set("transactions_interval", &mut self.transactions_interval, &kind::PERIOD)?;
        section.set("tls_scan_interval", &mut self.tls_scan_interval, &kind::PERIOD_OR_OFF)?;
        section.set("timeout", &mut self.timeout, &kind::TIMEOUT)?;
        section.set("helo_name", &mut self.helo_name, &kind::HELO_NAME)?;
        section.set("mail_from", &mut self.mail_from, &kind::MAILBOX)?;
        section.set("test_null_sender", &mut self.tests.null_sender, &kind::SWITCH)?;
        section.set("test_postmaster", &mut self.tests.postmaster, &kind::SWITCH)?;
        section.set("test_open_relay", &mut self.tests.open_relay, &kind::SWITCH)?;
        section.set_one_or_more("test_probe_address", &mut self.test_probe_address, &kind::MAILBOX)?;
        section.set_list("expect_mx", &mut self.expect_mx, &kind::MX)?;
        self.thresholds = self.thresholds.read(section.section("thresholds")?)?;
        if let Some(node) = section.take("labels") {
            labels::read(node, Arc::make_mut(&mut self.labels))?;
        }
        Ok(self)
    }
}

impl Thresholds {
    fn read(mut self, mut section: Section) -> Result<Self, Problem> {
        section.set("certificate_expires_soon", &mut self.certificate_expires_soon, &kind::PERIOD)?;
        section.set("persistent", &mut self.persistent, &kind::PERIOD)?;
        section.finish()?;
        Ok(self)
    }
}
