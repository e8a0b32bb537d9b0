//! A file's text becomes a [`Config`] that cannot be wrong, or an [`Error`] that says where and why.
//! The only place with defaults. Nothing here opens a socket, or a file but the configuration and its `domain_files`.

mod accept;
mod domain;
mod error;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod homograph;
mod interval;
pub mod kind;
mod labels;
mod network;
mod node;
mod overrides;
mod pool;
mod section;
mod settings;
mod state;
mod text;

pub use domain::Domain;
pub use error::{Error, Problem};
pub use interval::{Cron, Interval};
pub use labels::Labels;
pub use network::{Dns, Network, Tls};
pub(crate) use settings::TLS_SCAN_INTERVAL;
pub use settings::{Settings, Thresholds};
pub use state::State;

use crate::name::{DomainName, HeloName};
use domain::Reader;
use files::Sources;
use node::{Node, Value};
use pool::Pool;
use section::Section;
use std::path::Path;
use std::sync::Arc;

/// Everything an operator sets in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What holds for a domain that says nothing else.
    pub defaults: Arc<Settings>,
    /// What is watched: sorted by name, each once.
    pub domains: Vec<Arc<Domain>>,
    /// How names are looked up.
    pub dns: Dns,
    /// How mail servers are contacted.
    pub network: Network,
    /// How certificates are judged.
    pub tls: Tls,
    /// What survives a restart.
    pub state: State,
    /// What is odd, but no error; each on one line with its place.
    pub warnings: Vec<String>,
    sources: Sources,
}

/// Reads a configuration file and its domain files, on a machine of that name.
///
/// # Errors
/// When any of the files cannot be read, or what stands in it is wrong.
pub fn load(path: &Path, machine: Option<HeloName>) -> Result<Config, Error> {
    let mut config = parse(&text::read(path)?, path, machine)?;
    config.sources.load(&config.defaults)?;
    Ok(config.of_sources())
}

/// Reads a configuration that stands, or might stand, in the file at `path`; paths in it start from there. Domain files
/// are left alone.
///
/// # Errors
/// When something in it is wrong.
pub fn parse(text: &str, path: &Path, machine: Option<HeloName>) -> Result<Config, Error> {
    let config = Node::parse(text).and_then(|node| Config::read(node, path, machine));
    config.map_err(|problem| Error::Invalid { path: path.to_owned(), problem })
}

impl Config {
    /// What holds on a machine of that name without any file.
    pub fn of_machine(machine: Option<HeloName>) -> Self {
        Self { defaults: Arc::new(Settings::of_machine(machine)), ..Self::default() }
    }

    /// A domain as the file has it, or else by its defaults.
    pub fn domain(&self, name: &DomainName) -> Arc<Domain> {
        match self.domains.binary_search_by(|domain| domain.name.cmp(name)) {
            Ok(found) => self.domains[found].clone(),
            Err(_) => Arc::new(Domain::plain(name.clone(), self.defaults.clone())),
        }
    }

    /// The same with the domain files as they are now; none where none of them changed. A file that cannot be used
    /// keeps the domains it had, and so does one that lost more than half of them.
    pub fn reread(&self) -> Option<Self> {
        let sources = self.sources.reread(&self.defaults)?;
        Some(Self { sources, ..self.clone() }.of_sources())
    }

    /// Every domain file, and why its domains are not those that stand in it now.
    pub fn domain_files(&self) -> impl Iterator<Item = (&Path, Option<&str>)> {
        self.sources.files()
    }

    /// Whether there may be domain files.
    pub fn has_domain_files(&self) -> bool {
        self.sources.has_patterns()
    }

    /// The whole in one line.
    pub fn summary(&self) -> String {
        let plural =
            |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let resolver = match self.dns.nameservers.len() {
            0 => "the system's resolver".to_owned(),
            count => plural(count, "nameserver"),
        };
        let dnssec = if self.dns.dnssec { "with" } else { "without" };
        let files = match self.has_domain_files() {
            true => format!(" ({} read)", plural(self.domain_files().count(), "domain file")),
            false => String::new(),
        };
        format!(
            "{}{files}, {resolver} {dnssec} DNSSEC, port {}, at most {}",
            plural(self.domains.len(), "domain"),
            self.network.port,
            plural(self.network.max_sessions, "session"),
        )
    }

    fn of_sources(self) -> Self {
        Self { domains: self.sources.domains(), warnings: self.sources.warnings(), ..self }
    }

    fn read(node: Node, path: &Path, machine: Option<HeloName>) -> Result<Self, Problem> {
        if let Value::Nothing = node.value {
            let allowed = "a map with `domains` and, where the defaults do not suit, other keys";
            return Err(Problem::of(node.place, "the file", "nothing", allowed)); // half written, not emptied
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut file = Section::of("the file", node)?;
        let mut section = file.section("defaults")?;
        let defaults = Settings::of_machine(machine);
        let defaults = Arc::new(defaults.read(&mut section, &mut Pool::default())?);
        section.finish()?;
        let reader = Reader::new(defaults.clone());
        let own = file.take("domains").map_or(Ok(Default::default()), |list| reader.read("domains", list))?;
        let mut patterns = Vec::new();
        file.set_list("domain_files", &mut patterns, &kind::PATTERN)?;
        let sources = Sources::new(path, own, patterns);
        let dns = Dns::read(file.section("dns")?, folder)?;
        let network = Network::read(file.section("network")?)?;
        let tls = Tls::read(file.section("tls")?, folder)?;
        let state = State::read(file.section("state")?, folder)?;
        file.finish()?;
        let (domains, warnings) = (Vec::new(), Vec::new());
        let config = Self { defaults, domains, dns, network, tls, state, warnings, sources };
        Ok(config.of_sources())
    }
}
