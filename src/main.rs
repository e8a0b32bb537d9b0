//! Arguments, logging, exit status; everything else is in the library.

use mx_exporter::cli::{Cli, Command, WatchFlags, check};
use mx_exporter::config::Config;
use mx_exporter::daemon::{Daemon, Workshop, machine_name, on_hangup, on_stop, reloads};
use mx_exporter::{config, http, logging, snapshot};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch::Receiver;
use tracing::{error, info, warn};

type Stop = Receiver<bool>;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::from_args();
    cli.start_logging();
    match run(cli).await {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            error!("{}", logging::with_sources(&*failure));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<u8, Box<dyn Error>> {
    let stop = on_stop()?;
    match cli.command {
        Some(Command::Check(flags)) => Ok(check(flags, clock, stop).await?),
        None if cli.watch.config_check => config_check(&cli.watch.config_file),
        None => watch(cli.watch, stop).await.map(|()| 0),
    }
}

#[expect(clippy::print_stdout, reason = "the answer that was asked for")]
fn config_check(path: &Path) -> Result<u8, Box<dyn Error>> {
    println!("{}: {}", path.display(), config::load(path)?.summary());
    Ok(0)
}

async fn watch(flags: WatchFlags, stop: Stop) -> Result<(), Box<dyn Error>> {
    let file = flags.config_file;
    let (ask, reloads) = reloads(move || read(&file));
    let config = reloads.read()?;
    info!("{}", config.summary());
    let workshop = Workshop::set_up(&config, Arc::new(clock), stop.clone())?;
    let (writer, reader) = snapshot::channel();
    for address in &flags.listen_addresses {
        let listener = address.bind().await?;
        info!(address = %listener.local_addr()?, "listening");
        tokio::spawn(http::serve(listener, http::State { reader: reader.clone(), now: clock }, stop.clone()));
    }
    on_hangup(ask)?;
    Daemon::new(&config, workshop, writer).watch(stop, reloads).await;
    Ok(())
}

fn read(path: &Path) -> Result<Config, config::Error> {
    let (mut config, machine) = (config::load(path)?, machine_name());
    if machine.is_none() && config.defaults.helo_name.is_none() {
        warn!("no `helo_name` is set and this machine has no full name: it introduces itself by its address");
    }
    config.introduce(machine.as_ref());
    Ok(config)
}

#[expect(clippy::disallowed_methods, reason = "the one wall clock, handed to everything that needs it")]
fn clock() -> SystemTime {
    SystemTime::now()
}
