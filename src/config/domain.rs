//! `defaults:` and `domains:`: what is watched, how often, and by which tests.

use super::error::{Place, Problem};
use super::node::{Node, Value};
use super::section::Section;
use super::{kind, overrides};
use crate::name::{DomainName, HeloName, Mailbox};
use crate::rules::{Overrides, Tests};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The recipient of the relay test that product and documentation name.
const TEST_PROBE_ADDRESS: &str = "postmaster@example.com";

/// One domain that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: DomainName,
    /// Between two runs.
    pub interval: Duration,
    /// Between two tests of null sender, postmaster and open relay, in a session that is due anyway.
    pub transactions_interval: Duration,
    /// For one session, end to end.
    pub timeout: Duration,
    /// What this machine introduces itself as; its own full name where none is set.
    pub helo_name: Option<HeloName>,
    /// The sender beside `<>`; the postmaster of the name in EHLO where none is set.
    pub mail_from: Option<Mailbox>,
    /// Which tests are made.
    pub tests: Tests,
    /// Recipients of the relay test, in order; at least one.
    pub test_probe_address: Vec<Mailbox>,
    /// Severities that are its own.
    pub rules: Overrides,
}

/// What `defaults:` sets for every domain, and a domain for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// [`Domain::interval`]
    pub interval: Duration,
    /// [`Domain::transactions_interval`]
    pub transactions_interval: Duration,
    /// [`Domain::timeout`]
    pub timeout: Duration,
    /// [`Domain::helo_name`]
    pub helo_name: Option<HeloName>,
    /// [`Domain::mail_from`]
    pub mail_from: Option<Mailbox>,
    /// [`Domain::tests`]
    pub tests: Tests,
    /// [`Domain::test_probe_address`]
    pub test_probe_address: Vec<Mailbox>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(15 * 60),
            transactions_interval: Duration::from_secs(60 * 60),
            timeout: Duration::from_secs(120),
            helo_name: None,
            mail_from: None,
            tests: Tests { null_sender: true, postmaster: true, open_relay: true },
            test_probe_address: Mailbox::parse(TEST_PROBE_ADDRESS).into_iter().collect(),
        }
    }
}

impl Settings {
    /// These settings with what `section` says otherwise.
    pub(super) fn read(mut self, section: &mut Section) -> Result<Self, Problem> {
        section.set("interval", &mut self.interval, &kind::PERIOD)?;
        section.set("transactions_interval", &mut self.transactions_interval, &kind::PERIOD)?;
        section.set("timeout", &mut self.timeout, &kind::TIMEOUT)?;
        section.set("helo_name", &mut self.helo_name, &kind::HELO_NAME)?;
        section.set("mail_from", &mut self.mail_from, &kind::MAILBOX)?;
        section.set("test_null_sender", &mut self.tests.null_sender, &kind::SWITCH)?;
        section.set("test_postmaster", &mut self.tests.postmaster, &kind::SWITCH)?;
        section.set("test_open_relay", &mut self.tests.open_relay, &kind::SWITCH)?;
        section.set_one_or_more("test_probe_address", &mut self.test_probe_address, &kind::MAILBOX)?;
        Ok(self)
    }

    /// A domain that is watched by these settings.
    pub fn domain(self, name: DomainName, rules: Overrides) -> Domain {
        let Self {
            interval,
            transactions_interval,
            timeout,
            helo_name,
            mail_from,
            tests,
            test_probe_address,
        } = self;
        Domain {
            name,
            interval,
            transactions_interval,
            timeout,
            helo_name,
            mail_from,
            tests,
            test_probe_address,
            rules,
        }
    }
}

/// The list of domains, each once, sorted by name.
pub(super) fn read_list(node: Node, defaults: &Settings) -> Result<Vec<Arc<Domain>>, Problem> {
    let mut domains: BTreeMap<DomainName, (Place, Arc<Domain>)> = BTreeMap::new();
    for node in node.list("domains", "a list, each entry a domain name or a map with `domain`")? {
        let entry = Entry::read(node, defaults)?;
        if let Some((first, _)) = domains.get(&entry.domain.name) {
            let found = format!("{}, which stands on line {} already", entry.written, first.line);
            return Err(Problem::of(entry.place, "domain", found, "each domain once"));
        }
        domains.insert(entry.domain.name.clone(), (entry.place, Arc::new(entry.domain)));
    }
    Ok(domains.into_values().map(|(_, domain)| domain).collect())
}

/// A domain, and where and how its name is written.
struct Entry {
    place: Place,
    written: String,
    domain: Domain,
}

impl Entry {
    fn read(node: Node, defaults: &Settings) -> Result<Self, Problem> {
        match node.value {
            Value::Map(_) => Self::of_map(node, defaults.clone()),
            Value::Text(_) => Self::of(&node, "domains", defaults.clone(), Overrides::default()),
            _ => {
                let allowed = "a domain name or a map with `domain`";
                Err(Problem::of(node.place, "domains", node.found(), allowed))
            }
        }
    }

    fn of_map(node: Node, defaults: Settings) -> Result<Self, Problem> {
        let missing = Node { place: node.place, value: Value::Nothing };
        let mut section = Section::of("domains", node)?;
        let name = section.take("domain").unwrap_or(missing);
        let settings = defaults.read(&mut section)?;
        let rules = section.take("rules").map_or(Ok(Overrides::default()), overrides::read)?;
        section.finish()?;
        Self::of(&name, "domain", settings, rules)
    }

    fn of(name: &Node, key: &str, settings: Settings, rules: Overrides) -> Result<Self, Problem> {
        let domain = settings.domain(name.read(key, &kind::DOMAIN)?, rules);
        Ok(Self { place: name.place, written: name.found(), domain })
    }
}
