//! The flags of the daemon, and how it reads its configuration.

use super::{ListenAddress, LogFlags, descriptors};
use crate::config::{self, Config};
use crate::daemon::machine_name;
use clap::Args;
use std::path::PathBuf;
use tracing::warn;

/// Stands below the flags.
pub(super) const AFTER: &str = "\
SIGHUP reloads the configuration; one that cannot be used changes nothing. SIGTERM and SIGINT end the watch within ten \
seconds, with QUIT to every open session; a second one ends it at once.

Exit status: 0 ended as asked, 1 failed to start, 2 wrong flags.";

/// Flags of the daemon.
#[derive(Args, Clone, Debug)]
pub struct WatchFlags {
    /// YAML configuration.
    #[arg(long = "config.file", value_name = "PATH", default_value = "mx-exporter.yml")]
    pub config_file: PathBuf,
    /// Validate the configuration, say what is wrong or sum it up, and exit: 0 valid, 1 not.
    #[arg(long = "config.check")]
    pub config_check: bool,
    /// Where to serve HTTP: `:PORT`, `HOST:PORT` or `[V6]:PORT`; may be repeated.
    #[arg(long = "web.listen-address", value_name = "ADDR", default_value = ":10525")]
    pub listen_addresses: Vec<ListenAddress>,
    /// The URL of the fleet as browsers see it, behind a proxy for instance; its path prefixes all others.
    #[arg(long = "web.external-url", value_name = "URL")]
    pub external_url: Option<String>,
    /// The prefix of all paths here, where a proxy changes it [default: the path of the external URL].
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    pub route_prefix: Option<String>,
    /// Allow `POST /-/reload`.
    #[arg(long = "web.enable-lifecycle")]
    pub enable_lifecycle: bool,
    /// How to log.
    #[command(flatten)]
    pub log: LogFlags,
}

impl WatchFlags {
    /// What `--config.check` says of a valid file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn summary(&self) -> Result<String, config::Error> {
        let config = config::load(&self.config_file, machine_name())?;
        let mut text = format!("{}: {}\n", self.config_file.display(), config.summary());
        text.extend(config.warnings.iter().map(|warning| format!("warning: {warning}\n")));
        Ok(text)
    }

    /// Reads the file, at the start and at every reload, and warns of what will not work as it is. `connections` is
    /// how many HTTP connections a listener may have.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn config(&self, connections: usize) -> Result<Config, config::Error> {
        let config = config::load(&self.config_file, machine_name())?;
        let connections = connections * self.listen_addresses.len();
        if let Some(short) = descriptors::short(config.network.max_sessions, connections) {
            warn!("{short}");
        }
        warn_of(&config);
        Ok(config)
    }
}

/// Warns of what a valid configuration may not have meant.
pub(super) fn warn_of(config: &Config) {
    if config.domains.iter().any(|domain| domain.settings.helo_name.is_none()) {
        warn!("no `helo_name` is set and this machine has no full name: it introduces itself by its address");
    }
    for warning in &config.warnings {
        warn!("{warning}");
    }
}
