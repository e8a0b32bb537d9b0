//! The command line: flags, where to listen, and `check`, which probes once and prints.

mod check;
mod listen;

pub use check::check;
pub use listen::ListenAddress;

use crate::logging::{self, LogFormat};
use crate::name::DomainName;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Watches the mail servers of many domains: what is wrong, why it matters and how to fix it, for Prometheus and people.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of watching.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to watch.
    #[command(flatten)]
    pub watch: WatchFlags,
}

/// Something done once.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Probe domains once, print a report and exit: 0 ok, 1 warning, 2 critical, 3 unknown.
    Check(CheckFlags),
}

/// Flags of the daemon.
#[derive(Args, Debug)]
pub struct WatchFlags {
    /// YAML configuration.
    #[arg(long = "config.file", value_name = "PATH", default_value = "mx-exporter.yml")]
    pub config_file: PathBuf,
    /// Validate the configuration, say what is wrong or sum it up, and exit.
    #[arg(long = "config.check")]
    pub config_check: bool,
    /// Where to serve HTTP: `:PORT`, `HOST:PORT` or `[V6]:PORT`; may be repeated.
    #[arg(long = "web.listen-address", value_name = "ADDR", default_value = ":10525")]
    pub listen_addresses: Vec<ListenAddress>,
    /// How to log.
    #[command(flatten)]
    pub log: LogFlags,
}

/// Flags of the log.
#[derive(Args, Clone, Copy, Debug)]
pub struct LogFlags {
    /// The least severe messages to log: error, warn, info, debug or trace [default: info; warn for check].
    #[arg(long = "log.level", value_name = "LEVEL")]
    level: Option<tracing::Level>,
    /// The form of a log line.
    #[arg(long = "log.format", value_enum, default_value_t = LogFormat::Logfmt)]
    format: LogFormat,
}

/// Flags of `check`.
#[derive(Args, Debug)]
pub struct CheckFlags {
    /// The domains to probe.
    #[arg(value_name = "DOMAIN", required = true, value_parser = DomainName::parse)]
    pub domains: Vec<DomainName>,
    /// YAML configuration; without it every option has its default.
    #[arg(long = "config.file", value_name = "PATH")]
    pub config_file: Option<PathBuf>,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// How to log.
    #[command(flatten)]
    pub log: LogFlags,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people at a terminal.
    Text,
    /// The same data as `/api/v1/domains/{domain}`, in a list.
    Json,
}

impl Cli {
    /// The flags of this process.
    pub fn from_args() -> Self {
        Self::parse()
    }

    /// Starts logging as the flags say; a check is quiet about what goes well.
    pub fn start_logging(&self) {
        let (log, usual) = match &self.command {
            Some(Command::Check(flags)) => (flags.log, tracing::Level::WARN),
            None => (self.watch.log, tracing::Level::INFO),
        };
        logging::init(log.level.unwrap_or(usual), log.format);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn flags_are_spelled_as_prometheus_spells_them() {
        Cli::command().debug_assert();
        let args = [
            "mx-exporter",
            "--config.file",
            "a.yml",
            "--web.listen-address",
            ":1",
            "--web.listen-address",
            "[::1]:2",
        ];
        let cli = Cli::try_parse_from(args).unwrap();
        assert_eq!(cli.watch.config_file, PathBuf::from("a.yml"));
        assert_eq!(cli.watch.listen_addresses.len(), 2);
        let cli =
            Cli::try_parse_from(["mx-exporter", "check", "Bücher.example", "--output", "json"]).unwrap();
        let Some(Command::Check(flags)) = cli.command else { panic!("no check") };
        assert_eq!(flags.domains[0].as_str(), "xn--bcher-kva.example");
        for wrong in
            [&["mx-exporter", "check"][..], &["mx-exporter", "check", "a b"], &["mx-exporter", "--nonsense"]]
        {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
