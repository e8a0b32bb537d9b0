//! `check`: every domain once, with the second looks that a verdict needs, then a report and an exit status.

use super::{CheckFlags, Output};
use crate::config::{self, Config, Domain};
use crate::daemon::{Finished, Workshop, machine_name};
use crate::render;
use crate::report::Report;
use crate::rules::Status;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Between two connections to one address; the user is waiting.
const SPACING: Duration = Duration::from_secs(5);
/// A second look and one more for a vantage that cleared up meanwhile.
const LOOKS: usize = 4;

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The output.
    #[error("cannot write the report")]
    Output(#[from] io::Error),
    /// The prober.
    #[error(transparent)]
    SetUp(#[from] crate::daemon::Error),
}

/// Probes the domains and prints what stands. Gives the exit status of the monitoring plugins.
///
/// # Errors
/// When the configuration or a file that it names cannot be used, or the report cannot be written.
pub async fn check(
    flags: CheckFlags,
    clock: fn() -> SystemTime,
    stop: watch::Receiver<bool>,
) -> Result<u8, Error> {
    let mut config = match &flags.config_file {
        Some(path) => config::load(path)?,
        None => Config::default(),
    };
    config.network.min_spacing = SPACING;
    config.introduce(machine_name().as_ref());
    let workshop = Workshop::set_up(&config, Arc::new(clock), stop)?;
    let mut runs = JoinSet::new();
    for (place, name) in flags.domains.iter().enumerate() {
        let (workshop, domain) = (workshop.clone(), config.domain(name));
        runs.spawn(async move { (place, look(workshop, domain).await) });
    }
    let mut reports = runs.join_all().await;
    reports.sort_by_key(|(place, _)| *place);
    let reports: Vec<Arc<Report>> = reports.into_iter().map(|(_, report)| report).collect();
    print(&reports, flags.output, clock())?;
    Ok(exit_status(&reports))
}

/// Looks as often as it takes to be sure.
async fn look(workshop: Arc<Workshop>, domain: Arc<Domain>) -> Arc<Report> {
    let mut report = None;
    for _ in 1..LOOKS {
        let Finished { report: seen, .. } = workshop.clone().run(domain.clone(), report).await;
        if !workshop.wants_another_look(&seen.observation) {
            return Arc::new(seen);
        }
        report = Some(Arc::new(seen));
        sleep(SPACING).await;
    }
    Arc::new(workshop.run(domain, report).await.report)
}

fn print(reports: &[Arc<Report>], output: Output, now: SystemTime) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let colour =
        io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match output {
        Output::Json => writeln!(out, "{}", render::json::reports(reports, now))?,
        Output::Text => {
            for report in reports {
                writeln!(out, "{}", render::text::report(report, colour, now))?;
            }
        }
    }
    out.flush()
}

/// 0 ok or info, 1 warning, 2 critical, 3 where something could not be judged and nothing is worse.
fn exit_status(reports: &[Arc<Report>]) -> u8 {
    let exit = |status: Status| match status {
        Status::Ok | Status::Info => 0,
        Status::Unknown | Status::Error => 1,
        Status::Warning => 2,
        Status::Critical => 3,
    };
    let statuses = reports.iter().flat_map(|report| report.standings.iter().map(|row| exit(row.status())));
    [0, 3, 1, 2][statuses.max().unwrap_or(1)]
}
