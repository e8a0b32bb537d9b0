//! The demonstration under the real daemon: what it promises a newcomer is what its pages and metrics say.
#![expect(clippy::unwrap_used, reason = "what goes wrong fails the test")]

#[path = "../examples/demo/sites.rs"]
mod sites;
mod support;
#[path = "../examples/demo/watch.rs"]
mod watch;
#[path = "../examples/demo/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use sites::Site;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use world::World;

const INTERVAL: Duration = Duration::from_secs(1);
/// By then every domain has been visited often enough for every second look.
const SETTLED: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_shows_what_it_promises() {
    let world = World::start().await.unwrap();
    let web = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let pages = Pages(web.local_addr().unwrap());
    let (end, stop) = tokio::sync::watch::channel(false);
    let watching = watch::watch(&world, INTERVAL, web, stop);
    let looking = async {
        every_domain_is_judged_as_promised(&world, &pages).await;
        let hostile = pages.get("/domains/hostile.example").await;
        assert!(hostile.contains("alert(1)") && !hostile.contains("<script"), "{hostile}");
        end.send_replace(true);
    };
    let (ended, ()) = tokio::join!(watching, looking);
    ended.unwrap();
    for server in &world.servers {
        assert_eq!((server.breaches(), server.data_seen()), (Vec::new(), 0), "{}", server.addr);
    }
}

/// Waits for it; and when it does not come, tells what is said instead.
async fn every_domain_is_judged_as_promised(world: &World, pages: &Pages) {
    let start = Instant::now();
    loop {
        let mut broken = Vec::new();
        for Site { domain, wrong, verdict, .. } in &world.sites {
            let said = pages.verdict(domain).await;
            if said != *verdict {
                broken.push(format!("{domain} ({wrong}): {said:?} instead of {verdict:?}"));
            }
        }
        if broken.is_empty() {
            return;
        }
        assert!(start.elapsed() < SETTLED, "{}", broken.join("\n"));
        sleep(INTERVAL / 4).await;
    }
}

struct Pages(SocketAddr);

impl Pages {
    /// All that is found in a domain, and why where nothing could be; `ok` for neither.
    async fn verdict(&self, domain: &str) -> String {
        let report = self.get(&format!("/api/v1/domains/{domain}")).await;
        let report: Value = serde_json::from_str(&report).unwrap();
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

    #[expect(clippy::disallowed_methods, reason = "a client of our own server on loopback")]
    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\n\r\n"); // 1.0: in one piece
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200 "), "{path}: {head}");
        body.to_owned()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}
