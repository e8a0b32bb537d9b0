//! Below a prefix, and behind a proxy.

use super::super::{MOST_CONNECTIONS, Paths};
use super::server::Server;

async fn server(external_url: Option<&str>, route_prefix: Option<&str>) -> Server {
    let paths = Paths::parse(external_url, route_prefix).unwrap();
    Server::with(MOST_CONNECTIONS, |state| state.paths = paths).await.with_two_domains()
}

#[tokio::test]
async fn everything_is_below_the_prefix_and_nothing_beside_it() {
    let server = server(Some("https://mon.example.net/mail/mx/"), None).await;
    for path in [
        "/",
        "/domains/example.com",
        "/style.css",
        "/metrics",
        "/config",
        "/api/v1/domains",
        "/api/v1/sd/domains",
        "/-/healthy",
        "/-/ready",
    ] {
        assert_eq!(server.get(&format!("/mail/mx{path}")).await.status(), "200", "{path}");
        let outside = if path == "/" { "302" } else { "404" };
        assert_eq!(server.get(path).await.status(), outside, "{path}");
    }
    let lost = server.get("/mail/mx/api/v1/nothing").await;
    assert_eq!((lost.status(), lost.header("content-type")), ("404", Some("application/json")));
}

#[tokio::test]
async fn who_comes_without_the_prefix_is_led_to_the_fleet() {
    let server = server(Some("https://mon.example.net/outside"), Some("/inside")).await;
    for path in ["/", "/inside"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status(), answer.header("location")), ("302", Some("/outside/")), "{path}");
    }
    assert_eq!(server.get("/inside/").await.status(), "200");
}

#[tokio::test]
async fn links_hold_whatever_the_prefix_is() {
    let proxied = server(Some("https://mon.example.net/mx"), Some("/")).await;
    let lost = proxied.get("/a/b/c").await;
    assert!(lost.text().contains(r#"href="/mx/style.css?"#), "{}", lost.text());
    for page in ["/", "/domains/example.com"] {
        let page = proxied.get(page).await;
        let links: Vec<_> = page.text().split("href=\"").skip(1).collect();
        assert!(links.len() > 3 && !links.iter().any(|link| link.starts_with('/')), "{links:?}");
    }
}
