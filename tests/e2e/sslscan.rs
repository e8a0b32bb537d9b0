//! What sslscan finds that a server speaks: a second opinion, from OpenSSL, by a handshake for every suite.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::expectations::Spoken;
use crate::namespace::beside_the_servers;
use crate::openssl;

pub(crate) struct Found {
    pub(crate) spoken: Spoken,
    /// Version and IANA name of every suite.
    pub(crate) suites: BTreeSet<(String, String)>,
    pub(crate) took: Duration,
}

/// Where it looks from: the servers' own network.
pub(crate) const FROM: &str = "192.0.2.1";

/// Looks at the server of this name and address; or what it complains of.
pub(crate) fn look(name: &str, address: &str) -> Result<Found, String> {
    let begun = Instant::now();
    let output = beside_the_servers("sslscan")
        .args([
            "--starttls-smtp",
            "--show-sigs",
            "--xml=-",
            &format!("--sni-name={name}"),
            &format!("{address}:25"),
        ])
        .output()
        .expect("sslscan starts");
    let took = begun.elapsed();
    let xml = String::from_utf8_lossy(&output.stdout);
    let complaints: Vec<&str> = xml.lines().filter(|line| line.contains("<error")).collect();
    if !output.status.success() || !complaints.is_empty() {
        return Err(format!("{}: {}{complaints:?}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let suites = suites(&xml);
    let worst = suites.iter().map(|(_, name)| class(name)).max().map_or("none", |(_, class)| class);
    let is_obsolete = !suites.is_empty() && suites.iter().all(|(_, name)| class(name) > SUFFICIENT);
    let spoken = Spoken::new(&versions(&xml), worst, &keys(&xml, &suites), is_obsolete);
    Ok(Found { spoken, suites, took })
}

fn versions(xml: &str) -> BTreeSet<String> {
    let enabled = elements(xml, "protocol").filter(|it| attribute(it, "enabled") == "1");
    enabled
        .map(|it| {
            let kind = attribute(it, "type").trim_start_matches("tls");
            format!("{kind}{}", attribute(it, "version"))
        })
        .collect()
}

fn suites(xml: &str) -> BTreeSet<(String, String)> {
    let names = openssl::iana_names();
    let suite = |it| {
        let version = version(it).replace("SSLv", "ssl");
        let cipher = attribute(it, "cipher");
        (version, names.get(cipher).cloned().unwrap_or_else(|| cipher.to_owned()))
    };
    elements(xml, "cipher").map(suite).collect()
}

/// The kinds of keys that suites need; of TLS 1.3, whose suites need none, those of its signatures.
fn keys(xml: &str, suites: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    let of_suite = |(_, name): &(String, String)| match name.split_once("_WITH_")?.0 {
        kind if kind.contains("anon") => None,
        kind if kind.contains("_ECDSA") => Some("ECDSA"),
        _ => Some("RSA"),
    };
    let signatures = elements(xml, "connection-signature-algorithm").filter(|it| version(it) == "1.3");
    let of_signature =
        |it| if attribute(it, "name").starts_with("ecdsa_") { Some("ECDSA") } else { Some("RSA") };
    suites.iter().filter_map(of_suite).chain(signatures.filter_map(of_signature)).map(str::to_owned).collect()
}

fn version(element: &str) -> &str {
    attribute(element, "sslversion").trim_start_matches("TLSv")
}

/// The classes of the guideline of NCSC-NL, 2025: how bad, and its word for it.
const GOOD: (usize, &str) = (0, "good");
const SUFFICIENT: (usize, &str) = (1, "sufficient");
const PHASE_OUT: (usize, &str) = (2, "phase out");
const INSUFFICIENT: (usize, &str) = (3, "insufficient");

/// As its appendix B lists them: what is not there is insufficient.
fn class(suite: &str) -> (usize, &'static str) {
    let (exchange, cipher) = suite.trim_start_matches("TLS_").split_once("_WITH_").unwrap_or(("", suite));
    match (exchange, cipher) {
        ("", "TLS_AES_256_GCM_SHA384" | "TLS_CHACHA20_POLY1305_SHA256") => GOOD,
        ("", "TLS_AES_128_GCM_SHA256" | "TLS_AES_128_CCM_SHA256") => SUFFICIENT,
        (
            "ECDHE_ECDSA" | "ECDHE_RSA",
            "AES_256_GCM_SHA384" | "AES_128_GCM_SHA256" | "CHACHA20_POLY1305_SHA256",
        ) => SUFFICIENT,
        ("ECDHE_ECDSA", "AES_256_CCM" | "AES_128_CCM") => SUFFICIENT,
        ("ECDHE_ECDSA" | "ECDHE_RSA" | "DHE_RSA", cipher)
            if ["_SHA256", "_SHA384", "_CCM"].iter().any(|end| cipher.ends_with(end)) =>
        {
            PHASE_OUT
        }
        _ => INSUFFICIENT,
    }
}

/// The lines of all elements of this name; each has one of its own.
fn elements<'a>(xml: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    xml.lines()
        .filter_map(move |line| line.trim_start().strip_prefix('<')?.strip_prefix(name)?.strip_prefix(' '))
}

/// Empty where there is none.
fn attribute<'a>(element: &'a str, name: &str) -> &'a str {
    let start = element.split_once(&format!("{name}=\"")).map_or("", |(_, rest)| rest);
    start.split('"').next().unwrap_or_default()
}
