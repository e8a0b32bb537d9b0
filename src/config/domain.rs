//! `domains:` and files with more of them: what is watched, each by the defaults or by settings of its own.

use super::error::{Place, Problem};
use super::node::{Node, Value};
use super::pool::Pool;
use super::section::Section;
use super::settings::Settings;
use super::{accept, homograph, kind, overrides};
use crate::name::DomainName;
use crate::rules::Overrides;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// What a list of domains takes, for people.
pub(super) const LIST: &str = "a list, each entry a domain name or a map with `domain`";

/// One domain that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: DomainName,
    /// How it is watched; shared with all that are watched alike.
    pub settings: Arc<Settings>,
    /// What it makes of findings.
    pub overrides: Overrides,
}

/// What one file has to say of domains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Each domain once, with the place of its name, in the order of the file.
    pub(super) domains: Vec<(Place, Arc<Domain>)>,
    /// Names that may not be what they look like.
    pub(super) warnings: Vec<Problem>,
}

/// Reads one file's domains.
pub(super) struct Reader {
    defaults: Arc<Settings>,
    pool: Pool,
    list: List,
    /// The lines of all names so far.
    lines: HashMap<DomainName, u32>,
}

impl Domain {
    /// A domain with nothing of its own.
    pub fn plain(name: DomainName, settings: Arc<Settings>) -> Self {
        Self { name, settings, overrides: Overrides::default() }
    }

    /// A number that changes with its settings and overrides, and is the same after a restart.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.settings, &self.overrides).hash(&mut hasher);
        hasher.finish()
    }
}

impl Reader {
    pub(super) fn new(defaults: Arc<Settings>) -> Self {
        let pool = Pool::with(&defaults);
        Self { defaults, pool, list: List::default(), lines: HashMap::new() }
    }

    /// The list that `key` has.
    pub(super) fn read(mut self, key: &str, node: Node) -> Result<List, Problem> {
        for entry in node.list(key, LIST)? {
            self.entry(entry)?;
        }
        Ok(self.list)
    }

    /// One domain a line; what stands behind a `#` is for people.
    pub(super) fn read_lines(mut self, text: &str) -> Result<List, Problem> {
        for (number, line) in (1_usize..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let indent = line.chars().take_while(|c| c.is_whitespace()).count();
            let place = Place::at(number, indent + 1);
            if !line.trim().is_empty() {
                let name = Node { place, value: Value::Text(line.trim().into()) };
                self.plain("domain", &name)?;
            }
        }
        Ok(self.list)
    }

    fn entry(&mut self, node: Node) -> Result<(), Problem> {
        match node.value {
            Value::Map(_) => self.map(node),
            Value::Text(_) => self.plain("domains", &node),
            _ => {
                let allowed = "a domain name or a map with `domain`";
                Err(Problem::of(node.place, "domains", node.found(), allowed))
            }
        }
    }

    fn plain(&mut self, key: &str, name: &Node) -> Result<(), Problem> {
        let domain = Domain::plain(name.read(key, &kind::DOMAIN)?, self.defaults.clone());
        self.add(name, domain)
    }

    fn map(&mut self, node: Node) -> Result<(), Problem> {
        let missing = Node { place: node.place, value: Value::Nothing };
        let mut section = Section::of("domains", node)?;
        let written = section.take("domain").unwrap_or(missing);
        let settings = Settings::clone(&self.defaults).read(&mut section, &mut self.pool)?;
        let overrides = Overrides {
            severities: section.take("rules").map_or(Ok(Default::default()), overrides::read)?,
            accepted: section.take("accept").map_or(Ok(Vec::new()), accept::read)?,
        };
        section.finish()?;
        let name = written.read("domain", &kind::DOMAIN)?;
        let settings = self.pool.settings(settings);
        self.add(&written, Domain { name, settings, overrides })
    }

    fn add(&mut self, written: &Node, domain: Domain) -> Result<(), Problem> {
        if let Some(first) = self.lines.insert(domain.name.clone(), written.place.line) {
            let found = format!("{}, which stands on line {first} already", written.found());
            return Err(Problem::of(written.place, "domain", found, "each domain once"));
        }
        self.list.warnings.extend(homograph::warning(written.place, &domain.name));
        self.list.domains.push((written.place, Arc::new(domain)));
        Ok(())
    }
}
