//! The real daemon, put together as the program itself does it, on a simulated world.
use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mx_exporter::daemon::{Daemon, Workshop, reloads};
use mx_exporter::{config, http, snapshot};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::world::World;

/// Watches `world` and shows on `web` what is seen, until `stop` says so.
pub(crate) async fn watch(
    world: &World,
    interval: Duration,
    web: TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<(), Box<dyn Error>> {
    let ca_file = std::env::temp_dir().join(format!("mx-exporter-demo-{}.pem", std::process::id()));
    let yaml = world.configuration(&ca_file, interval);
    let (_ask, reloads) = reloads(move || config::parse(&yaml, "demo.yml".as_ref(), None));
    let config = reloads.read()?;

    // roots of one's own come from a file; it is read once
    File::create_new(&ca_file)?.write_all(world.root_certificate().as_bytes())?;
    let workshop =
        Workshop::set_up_with_policies_at(world.policy_port(), &config, Arc::new(wall_time), stop.clone());
    fs::remove_file(&ca_file)?;

    let (writer, reader) = snapshot::channel();
    let daemon = Daemon::new(config, workshop?, writer);
    let (config, paths) = (daemon.config(), http::Paths::default());
    let state = http::State { reader, config, reload: None, paths, now: wall_time };
    let pages = http::serve(web, state, stop.clone());
    tokio::join!(daemon.watch(stop, reloads), pages);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is the edge, where wall time comes in")]
fn wall_time() -> SystemTime {
    SystemTime::now()
}
