//! A demonstration that needs nothing but this machine: a small mail world on loopback, and the real daemon watching
//! it. `cargo run --release --example demo`, then open what it prints.
#![expect(clippy::print_stdout, reason = "it talks to whoever started it")]

mod sites;
#[path = "../../tests/support/mod.rs"]
mod support;
mod watch;
mod world;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mx_exporter::daemon;
use tokio::net::TcpListener;
use world::World;

/// A real one is some minutes.
const INTERVAL: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let stop = daemon::on_stop(1)?;
    let world = World::start().await?;
    let web = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    introduce(&world, web.local_addr()?);
    watch::watch(&world, INTERVAL, web, stop).await
}

fn introduce(world: &World, web: SocketAddr) {
    println!("A mail world on loopback, and the daemon that watches it every {INTERVAL:?}. Open");
    for (path, what) in [
        ("/", "all domains, and the worst of each"),
        ("/domains/open-relay.example", "what to fix, why and how; and the dialogue that proves it"),
        ("/domains/throttled.example", "a server that has no time for us: unknown, and never blamed"),
        ("/domains/hostile.example", "a greeting with a script in it: shown, and never run"),
        ("/metrics", "what Prometheus scrapes: smtp_rule_status tells, 3 and 4 are trouble"),
    ] {
        println!("  {:58} {what}", format!("http://{web}{path}"));
    }
    println!("\nWho lives there, what is wrong, and what the daemon will say within a few seconds:");
    for site in &world.sites {
        println!("  {:23} {:38} {}", site.domain, site.wrong, site.verdict);
    }
    println!("\nCtrl-C ends it.");
}
