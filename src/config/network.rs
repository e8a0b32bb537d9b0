//! `dns:`, `network:` and `tls:`: how this machine reaches the others.

use super::error::Problem;
use super::kind;
use super::section::Section;
use crate::name::MxName;
use crate::rules::TrustedBy;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `dns:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Whom to ask; the system's where empty.
    pub nameservers: Vec<SocketAddr>,
    /// Whether to validate (RFC 4035 §5).
    pub dnssec: bool,
    /// A file with the root's keys, instead of the built-in ones.
    pub trust_anchor: Option<PathBuf>,
}

/// `network:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Where mail servers listen.
    pub port: u16,
    /// Networks that may be contacted although they are not globally routable.
    pub allow_targets: Vec<IpNet>,
    /// Who may relay for this machine, so that an accepted outside recipient there proves nothing.
    pub trusted_by: Vec<TrustedBy>,
    /// Sessions at the same time.
    pub max_sessions: usize,
    /// Connections opened within one second.
    pub new_connections_per_second: u32,
    /// Rest between two connections to one address.
    pub min_spacing: Duration,
    /// What outgoing connections are bound to; the system chooses where empty.
    pub source_addresses: Vec<IpAddr>,
    /// Well-known MX hosts that tell whether port 25 is in reach at all; none are asked where empty.
    pub canaries: Vec<MxName>,
}

/// `tls:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// A file with certificates that are trusted beside the built-in roots.
    pub ca_file: Option<PathBuf>,
}

impl Default for Dns {
    fn default() -> Self {
        Self { nameservers: Vec::new(), dnssec: true, trust_anchor: None }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            port: 25,
            allow_targets: Vec::new(),
            trusted_by: Vec::new(),
            max_sessions: 64,
            new_connections_per_second: 20,
            min_spacing: Duration::from_secs(60),
            source_addresses: Vec::new(),
            canaries: Vec::new(),
        }
    }
}

impl Dns {
    pub(super) fn read(mut section: Section, folder: &Path) -> Result<Self, Problem> {
        let mut dns = Self::default();
        section.set_list("nameservers", &mut dns.nameservers, &kind::NAMESERVER)?;
        section.set("dnssec", &mut dns.dnssec, &kind::SWITCH)?;
        section.set("trust_anchor", &mut dns.trust_anchor, &kind::PATH)?;
        section.finish()?;
        dns.trust_anchor = dns.trust_anchor.map(|path| folder.join(path));
        Ok(dns)
    }
}

impl Network {
    pub(super) fn read(mut section: Section) -> Result<Self, Problem> {
        let mut network = Self::default();
        section.set("port", &mut network.port, &kind::PORT)?;
        section.set_list("allow_targets", &mut network.allow_targets, &kind::NETWORK)?;
        section.set_list("trusted_by", &mut network.trusted_by, &kind::TRUSTED_BY)?;
        section.set("max_sessions", &mut network.max_sessions, &kind::COUNT)?;
        let rate = &mut network.new_connections_per_second;
        section.set("new_connections_per_second", rate, &kind::COUNT)?;
        section.set("min_spacing", &mut network.min_spacing, &kind::SPACING)?;
        section.set_list("source_addresses", &mut network.source_addresses, &kind::ADDRESS)?;
        section.set_list("canaries", &mut network.canaries, &kind::MX)?;
        section.finish()?;
        Ok(network)
    }
}

impl Tls {
    pub(super) fn read(mut section: Section, folder: &Path) -> Result<Self, Problem> {
        let mut tls = Self::default();
        section.set("ca_file", &mut tls.ca_file, &kind::PATH)?;
        section.finish()?;
        tls.ca_file = tls.ca_file.map(|path| folder.join(path));
        Ok(tls)
    }
}
