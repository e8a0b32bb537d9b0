//! `check`: every domain once, with the second looks that a verdict needs, then a report and an exit status.

use super::progress::Progress;
use super::{CheckFlags, Output, PrintError, UNKNOWN};
use crate::config::{self, Domain};
use crate::daemon::{Workshop, machine_name};
use crate::render::text::Terminal;
use crate::render::{html, json, text, verdict};
use crate::report::Report;
use crate::rules::Status;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdout};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use terminal_size::terminal_size_of;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::error;

/// Stands below the flags.
pub(super) const AFTER: &str = "\
Two connections to one address are five seconds apart, and what could be chance is looked at again before it counts: \
trouble takes a while. No mail is sent.

Exit status, as the monitoring plugins have it: 0 ok, perhaps with information, 1 warning, 2 critical, 3 unknown: \
something could not be judged and nothing is worse, the flags or the configuration are wrong, or a signal ended the check.";

/// Between two connections to one address; the user is waiting.
const SPACING: Duration = Duration::from_secs(5);
/// A second look and one more for a vantage that cleared up meanwhile.
const LOOKS: usize = 4;
/// How long open sessions have to say QUIT when a signal ends the check.
const GOODBYE: Duration = Duration::from_secs(6);
/// As far as lines are read with ease, and as far as they go where there is no terminal.
const WIDEST: usize = 100;

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A signal.
    #[error("ended by a signal before everything was probed")]
    Interrupted,
    /// The output.
    #[error(transparent)]
    Output(#[from] PrintError),
    /// The prober.
    #[error(transparent)]
    SetUp(#[from] crate::daemon::Error),
}

/// Probes the domains and prints what stands. Gives the exit status of the monitoring plugins.
///
/// # Errors
/// When the configuration or a file that it names cannot be used, the report cannot be written, or `stop` came first.
pub async fn check(
    flags: &CheckFlags,
    clock: fn() -> SystemTime,
    stop: watch::Receiver<bool>,
) -> Result<u8, Error> {
    let mut config = flags.config(machine_name())?;
    super::watch::warn_of(&config);
    config.network.min_spacing = SPACING;
    let workshop = Workshop::set_up(&config, Arc::new(clock), stop.clone())?;
    let names = flags.domains();
    let domains = names.iter().map(|name| (config.domain(name), None)).collect();
    let seen = look_at_all(&workshop, domains, stop.clone()).await?;
    // What looked like our own trouble may look otherwise now that other servers have answered.
    let seen = look_at_all(&workshop, seen, stop).await?;
    for (domain, _) in seen.iter().filter(|(_, report)| report.is_none()) {
        error!(domain = %domain.name, "not probed: a fault of this program");
    }
    let reports: Vec<_> = seen.into_iter().filter_map(|(_, report)| report).collect();
    super::print(&rendered(&reports, flags.output, clock()))?;
    Ok(exit_status(&reports, names.len()))
}

/// A domain, and what stands after the looks so far; nothing after a fault of this program.
type Seen = (Arc<Domain>, Option<Arc<Report>>);

/// Looks at the domains until each is settled; they keep their order.
async fn look_at_all(
    workshop: &Arc<Workshop>,
    mut domains: Vec<Seen>,
    mut stop: watch::Receiver<bool>,
) -> Result<Vec<Seen>, Error> {
    let mut progress = Progress::of(domains.iter().map(|(domain, _)| &domain.name), width(&stderr()));
    let mut looks = JoinSet::new();
    for (place, (domain, report)) in domains.iter_mut().enumerate() {
        let look = look(workshop.clone(), domain.clone(), report.take());
        looks.spawn(async move { (place, look.await) });
    }
    loop {
        let looked = tokio::select! {
            looked = looks.join_next() => looked,
            _ = stop.wait_for(|&stop| stop) => {
                goodbye(workshop).await;
                return Err(Error::Interrupted);
            }
        };
        match looked {
            Some(Ok((place, report))) => {
                progress.done(place);
                domains[place].1 = Some(report);
            }
            Some(Err(_)) => {} // the panic is in the log
            None => return Ok(domains),
        }
    }
}

/// Looks as often as it takes to be sure.
async fn look(workshop: Arc<Workshop>, domain: Arc<Domain>, last: Option<Arc<Report>>) -> Arc<Report> {
    let run = async |last| Arc::new(workshop.clone().run_patiently(domain.clone(), last).await.report);
    let mut report = match last {
        Some(report) => report,
        None => run(None).await,
    };
    for _ in 1..LOOKS {
        if !workshop.wants_another_look(&report.observation) {
            break;
        }
        sleep(SPACING).await;
        report = run(Some(report)).await;
    }
    Arc::new(workshop.scan(&domain, &report).await)
}

/// Lets open sessions say QUIT.
async fn goodbye(workshop: &Workshop) {
    timeout(GOODBYE, workshop.all_sessions_ended()).await.ok();
}

fn rendered(reports: &[Arc<Report>], output: Output, now: SystemTime) -> String {
    match output {
        Output::Json => json::reports(reports, now) + "\n",
        Output::Html => html::reports(reports, now),
        Output::Text => text::reports(reports, terminal(width(&stdout()), std::env::var_os("NO_COLOR")), now),
    }
}

/// A terminal of this width, or none; with colour unless NO_COLOR is set to something.
fn terminal(width: Option<usize>, no_color: Option<OsString>) -> Terminal {
    let colour = width.is_some() && no_color.is_none_or(|value| value.is_empty());
    Terminal { width: width.unwrap_or(WIDEST).min(WIDEST), colour }
}

/// The width of a terminal; none where it is none.
fn width(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    let width = || terminal_size_of(stream).map_or(WIDEST, |(width, _)| width.0.into());
    stream.is_terminal().then(width)
}

/// 0 ok or info, 1 warning, 2 critical, 3 where something could not be judged and nothing is worse.
fn exit_status(reports: &[Arc<Report>], wanted: usize) -> u8 {
    let missing = (reports.len() < wanted).then_some(Status::Error);
    worst(reports.iter().map(|report| verdict(report)).chain(missing))
}

fn worst(statuses: impl Iterator<Item = Status>) -> u8 {
    let badness = |status: Status| match status {
        Status::Ok | Status::Info => 0,
        Status::Unknown | Status::Error => 1,
        Status::Warning => 2,
        Status::Critical => 3,
    };
    [0, UNKNOWN, 1, 2][statuses.map(badness).max().unwrap_or(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_whose_owners_want_it() {
        for (width, no_color, want) in [
            (Some(80), None, (80, true)),
            (Some(80), Some(""), (80, true)),
            (Some(80), Some("1"), (80, false)),
            (Some(300), None, (WIDEST, true)),
            (None, None, (WIDEST, false)),
        ] {
            let Terminal { width, colour } = terminal(width, no_color.map(OsString::from));
            assert_eq!((width, colour), want);
        }
    }

    #[test]
    fn the_worst_status_is_the_exit_status() {
        use Status::{Critical, Error, Info, Ok, Unknown, Warning};
        for (statuses, want) in [
            (&[][..], 3),
            (&[Ok, Info], 0),
            (&[Ok, Unknown, Info], 3),
            (&[Ok, Error], 3),
            (&[Warning, Unknown], 1),
            (&[Warning, Critical, Error], 2),
        ] {
            assert_eq!(worst(statuses.iter().copied()), want, "{statuses:?}");
        }
    }
}
