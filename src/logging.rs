//! One line an event on standard error, as logfmt or JSON. Control characters of peers cannot get there: both forms
//! quote, and peer text was made harmless when it was read.

mod escape;
mod writer;

use clap::ValueEnum;
use std::error::Error;
use std::panic::PanicHookInfo;
use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use writer::{Drain, drain};

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `ts=2026-11-20T13:05:00Z level=info message="run finished" domain=example.org`
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Starts logging for the whole process, panics included. A closed, full or blocked standard error loses lines and
/// nothing else: nobody waits for it. What this returns writes the last lines when it is dropped.
pub fn init(level: Level, format: LogFormat) -> Drain {
    let (filter, lines) = (filter(level), writer::start(std::io::stderr()));
    let layer = match format {
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer().with_writer(lines).log_internal_errors(false);
            layer
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_target(false)
                .with_filter(filter)
                .boxed()
        }
        LogFormat::Logfmt => {
            let layer = tracing_logfmt::builder().with_target(false).layer();
            layer.with_writer(lines).log_internal_errors(false).with_filter(filter).boxed()
        }
    };
    tracing_subscriber::registry().with(layer).init();
    std::panic::set_hook(Box::new(tell_panic));
    Drain
}

/// A panic is an event like any other: one line.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, panic = message, "a fault of this program");
}

/// Everything of ours down to `level`. The DNS library writes down whatever peers send, at the level of a warning:
/// that is for those who look for it.
fn filter(level: Level) -> Targets {
    let peers = if level >= Level::DEBUG { LevelFilter::from_level(level) } else { LevelFilter::OFF };
    let libraries = ["hickory_net", "hickory_proto", "hickory_resolver"].map(|library| (library, peers));
    Targets::new().with_default(level).with_targets(libraries)
}

/// An error and all that is behind it, in one line.
pub fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        line = format!("{line}: {error}");
        behind = error.source();
    }
    line
}
