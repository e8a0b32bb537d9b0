//! Arguments, logging, exit status; everything else is in the library.

use mx_exporter::cli::{self, Cli, Command, WatchFlags};
use mx_exporter::daemon::{Daemon, Workshop, on_hangup, on_stop, reloads};
use mx_exporter::{http, snapshot, state};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::runtime::Runtime;
use tokio::sync::watch::Receiver;
use tracing::info;

fn main() -> ExitCode {
    let cli = match Cli::from_args() {
        Ok(cli) => cli,
        Err(status) => return status.into(),
    };
    let _drain = cli.start_logging();
    let done = start(&cli).inspect_err(|failure| cli.tell(&**failure));
    done.unwrap_or_else(|_| cli.failed()).into()
}

fn start(cli: &Cli) -> Result<u8, Box<dyn Error>> {
    let runtime = Runtime::new().map_err(|error| format!("cannot start threads: {error}"))?;
    let done = runtime.block_on(run(cli));
    runtime.shutdown_background(); // a file or a name that is still being read has no say in the end
    done
}

async fn run(cli: &Cli) -> Result<u8, Box<dyn Error>> {
    match &cli.command {
        Some(Command::Check(flags)) => {
            return Ok(cli::check(flags, clock, on_stop(cli.failed())?).await?);
        }
        Some(Command::Completions { shell }) => cli::print(&cli::completions(*shell))?,
        Some(Command::Man) => cli::print(&cli::manual()?)?,
        None if cli.watch.config_check => cli::print(&cli.watch.summary()?)?,
        None => watch(cli.watch.clone(), on_stop(cli.failed())?).await?,
    }
    Ok(0)
}

async fn watch(flags: WatchFlags, stop: Receiver<bool>) -> Result<(), Box<dyn Error>> {
    let addresses = flags.listen_addresses.clone();
    let paths = http::Paths::parse(flags.external_url.as_deref(), flags.route_prefix.as_deref())?;
    let lifecycle = flags.enable_lifecycle;
    let (ask, reloads) = reloads(move || flags.config(http::MOST_CONNECTIONS));
    on_hangup(ask.clone())?;
    let config = reloads.read()?;
    info!("{}", config.summary());
    let workshop = Workshop::set_up(&config, Arc::new(clock), stop.clone())?;
    let (writer, reader) = snapshot::channel();
    let kept = config.state.path.as_deref().map(|folder| state::open(folder, clock)).transpose()?;
    let daemon = Daemon::new(config, workshop, writer);
    let daemon = match kept {
        Some((keeper, known)) => daemon.keeping(keeper, known),
        None => daemon,
    };
    let reload = lifecycle.then_some(ask);
    let served = http::State { reader, config: daemon.config(), reload, paths, now: clock };
    for address in &addresses {
        let listener = address.bind().await?;
        info!(address = %listener.local_addr()?, "listening");
        tokio::spawn(http::serve(listener, served.clone(), stop.clone()));
    }
    daemon.watch(stop, reloads).await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one wall clock, handed to everything that needs it")]
fn clock() -> SystemTime {
    SystemTime::now()
}
