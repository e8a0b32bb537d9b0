//! The demonstration under the real daemon: what it promises a newcomer is what its pages and metrics say.
#![expect(clippy::unwrap_used, reason = "what goes wrong fails the test")]

mod client;
mod metrics;
#[path = "../../examples/demo/sites.rs"]
mod sites;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../examples/demo/watch.rs"]
mod watch;
#[path = "../../examples/demo/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use client::{Client, list};
use sites::Site;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use world::World;

const INTERVAL: Duration = Duration::from_secs(1);
/// By then every domain has been visited often enough for every second look.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each watcher keeps its authority in a file that is named after the process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The world, watched by the daemon until all has been looked at.
async fn watched(looking: impl AsyncFnOnce(&World, &Client)) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let world = World::start().await.unwrap();
    let web = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = Client(web.local_addr().unwrap());
    let (end, stop) = tokio::sync::watch::channel(false);
    let watching = watch::watch(&world, INTERVAL, web, stop);
    let looking = async {
        looking(&world, &client).await;
        end.send_replace(true);
    };
    let (ended, ()) = tokio::join!(watching, looking);
    ended.unwrap();
    for server in &world.servers {
        assert_eq!((server.breaches(), server.data_seen()), (Vec::new(), 0), "{}", server.addr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_shows_what_it_promises() {
    watched(async |world, client| {
        every_domain_is_judged_as_promised(world, client).await;
        let hostile = client.get("/domains/hostile.example", "text/html").await;
        assert!(hostile.contains("alert(1)") && !hostile.contains("<script"), "{hostile}");
    })
    .await;
}

/// Waits for it; and when it does not come, tells what is said instead.
async fn every_domain_is_judged_as_promised(world: &World, client: &Client) {
    let start = Instant::now();
    loop {
        let mut broken = Vec::new();
        for Site { domain, wrong, verdict, .. } in &world.sites {
            let said = said_of(client, domain).await;
            if said != *verdict {
                broken.push(format!("{domain} ({wrong}): {said:?} instead of {verdict:?}"));
            }
        }
        if broken.is_empty() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{}", broken.join("\n"));
        sleep(INTERVAL / 4).await;
    }
}

/// All that is found in a domain, and why where nothing could be; `ok` for neither.
async fn said_of(client: &Client, domain: &str) -> String {
    let report = client.json(&format!("/api/v1/domains/{domain}")).await;
    let mut said = BTreeSet::new();
    for subject in list(&report["rules"]).iter().flat_map(|rule| list(&rule["subjects"])) {
        said.extend(list(&subject["issues"]).iter().filter_map(|issue| issue["code"].as_str()));
        said.extend(subject["inconclusive"]["cause"].as_str());
    }
    said.remove("smtp.ipv6.no_address"); // IPv6 has one loopback address, and not on every machine
    if said.is_empty() && !report["last_run"].is_null() {
        said.insert("ok");
    }
    said.into_iter().collect::<Vec<_>>().join(" ")
}
