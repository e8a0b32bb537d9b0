//! A file's text becomes a [`Config`] that cannot be wrong, or an [`Error`] that says where and why.
//! The only place with defaults. Nothing here opens a socket, or a file but the configuration itself.

mod domain;
mod error;
pub mod kind;
mod network;
mod node;
mod overrides;
mod section;

pub use domain::{Domain, Settings};
pub use error::{Error, Problem};
pub use network::{Dns, Network, Tls};

use crate::name::{DomainName, HeloName, Mailbox};
use crate::rules::Overrides;
use node::{Node, Value};
use section::Section;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A larger file is not read. A million domains by name alone fit.
const MAX_BYTES: u64 = 32 << 20;

/// Everything an operator sets in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What holds for a domain that says nothing else.
    pub defaults: Settings,
    /// What is watched: sorted by name, each once.
    pub domains: Vec<Arc<Domain>>,
    /// How names are looked up.
    pub dns: Dns,
    /// How mail servers are contacted.
    pub network: Network,
    /// How certificates are judged.
    pub tls: Tls,
}

/// Reads a configuration file.
pub fn load(path: &Path) -> Result<Config, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let invalid = |problem| Error::Invalid { path: path.to_owned(), problem };
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if file.limit() == 0 {
        return Err(Error::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| invalid(Problem::not_utf8(&bytes[..error.valid_up_to()])))?;
    parse(text, path)
}

/// Reads a configuration that stands, or might stand, in the file at `path`; paths in it start from there.
pub fn parse(text: &str, path: &Path) -> Result<Config, Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let config = Node::parse(text).and_then(|node| Config::read(node, folder));
    config.map_err(|problem| Error::Invalid { path: path.to_owned(), problem })
}

impl Config {
    /// A domain as the file has it, or else by its defaults.
    pub fn domain(&self, name: &DomainName) -> Arc<Domain> {
        match self.domains.binary_search_by(|domain| domain.name.cmp(name)) {
            Ok(found) => self.domains[found].clone(),
            Err(_) => Arc::new(self.defaults.clone().domain(name.clone(), Overrides::default())),
        }
    }

    /// Fills in the name this machine goes by, and its postmaster, wherever the file names no other. Where there is no
    /// name either, both stay open and a session takes the literal of its own address.
    pub fn introduce(&mut self, machine: Option<&HeloName>) {
        let introduce = |helo_name: &mut Option<HeloName>, mail_from: &mut Option<Mailbox>| {
            *helo_name = helo_name.take().or_else(|| machine.cloned());
            *mail_from = mail_from.take().or_else(|| helo_name.as_ref().map(Mailbox::postmaster_of));
        };
        introduce(&mut self.defaults.helo_name, &mut self.defaults.mail_from);
        for domain in &mut self.domains {
            let domain = Arc::make_mut(domain);
            introduce(&mut domain.helo_name, &mut domain.mail_from);
        }
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
        format!(
            "{}, {resolver} {dnssec} DNSSEC, port {}, at most {}",
            plural(self.domains.len(), "domain"),
            self.network.port,
            plural(self.network.max_sessions, "session"),
        )
    }

    fn read(node: Node, folder: &Path) -> Result<Self, Problem> {
        if let Value::Nothing = node.value {
            let allowed = "a map with `domains` and, where the defaults do not suit, other keys";
            return Err(Problem::of(node.place, "the file", "nothing", allowed)); // half written, not emptied
        }
        let mut file = Section::of("the file", node)?;
        let mut section = file.section("defaults")?;
        let defaults = Settings::default().read(&mut section)?;
        section.finish()?;
        let domains =
            file.take("domains").map_or(Ok(Vec::new()), |list| domain::read_list(list, &defaults))?;
        let dns = Dns::read(file.section("dns")?, folder)?;
        let network = Network::read(file.section("network")?)?;
        let tls = Tls::read(file.section("tls")?, folder)?;
        file.finish()?;
        Ok(Self { defaults, domains, dns, network, tls })
    }
}
