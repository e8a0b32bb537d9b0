//! The command line: its flags, where to listen, `check`, which probes once and prints, and what describes the rest.

mod check;
mod descriptors;
mod flags;
mod listen;
mod manual;
mod progress;
mod watch;

pub use check::check;
pub use flags::{CheckFlags, Output};
pub use listen::ListenAddress;
pub use manual::{completions, manual};
pub use watch::WatchFlags;

use crate::logging::{self, Drain, LogFormat};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use std::error::Error;
use std::io::{self, ErrorKind, Write as _};

/// The exit status of a command line that nobody understands. That of `check` has a meaning of its own: there it is
/// [`UNKNOWN`].
const USAGE: u8 = 2;
/// The exit status where nothing could be judged, as the monitoring plugins have it.
const UNKNOWN: u8 = 3;

/// Watches the mail servers of many domains: what is wrong, why it matters and how to fix it, for Prometheus and people.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100, after_help = watch::AFTER)]
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
    #[command(after_help = check::AFTER)]
    Check(Box<CheckFlags>),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

/// Flags of the log.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogFlags {
    /// The least severe messages to log: error, warn, info, debug or trace (default: info; warn for check).
    #[arg(long = "log.level", value_name = "LEVEL")]
    level: Option<tracing::Level>,
    /// The form of a log line.
    #[arg(long = "log.format", value_enum, default_value_t = LogFormat::Logfmt)]
    format: LogFormat,
}

impl Cli {
    /// The flags of this process.
    ///
    /// # Errors
    /// The exit status, where there is nothing more to do: what is wrong, or the help that was asked for, is told.
    pub fn from_args() -> Result<Self, u8> {
        Self::try_parse().map_err(|told| {
            told.print().ok(); // nobody is left to tell
            let checks = std::env::args_os().any(|word| word == "check");
            match told.use_stderr() {
                false => 0,
                true if checks => UNKNOWN,
                true => USAGE,
            }
        })
    }

    /// Starts logging as the flags say; a check is quiet about what goes well.
    pub fn start_logging(&self) -> Drain {
        let (log, usual) = match &self.command {
            Some(Command::Check(flags)) => (flags.log, tracing::Level::WARN),
            _ => (self.watch.log, tracing::Level::INFO),
        };
        logging::init(log.level.unwrap_or(usual), log.format)
    }

    /// The exit status of a failure.
    pub fn failed(&self) -> u8 {
        match self.command {
            Some(Command::Check(_)) => UNKNOWN,
            _ => 1,
        }
    }

    /// Tells why it failed: the daemon in its log, what runs once to whoever started it.
    pub fn tell(&self, failure: &(dyn Error + 'static)) {
        let line = logging::with_sources(failure);
        if self.command.is_none() && !self.watch.config_check {
            tracing::error!("{line}");
        } else {
            writeln!(io::stderr(), "mx-exporter: {line}").ok(); // nobody is left to tell
        }
    }
}

/// The whole command line as clap knows it.
fn command() -> clap::Command {
    Cli::command()
}

/// Prints what was asked for. Whoever reads no further than they need to has all they want.
///
/// # Errors
/// When standard output cannot take it.
pub fn print(text: &str) -> Result<(), PrintError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(PrintError),
    }
}

/// Standard output takes nothing.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub struct PrintError(#[source] io::Error);

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn flags_are_spelled_as_prometheus_spells_them() {
        command().debug_assert();
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
