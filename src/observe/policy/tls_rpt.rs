//! The record that asks for reports on TLS (RFC 8460 §3).

use super::super::PeerText;
use super::fields::{is_of, looks_like, pairs};
use crate::name::{DomainName, Mailbox};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

const VERSION: &str = "v=TLSRPTv1";
/// As many addresses are told.
const TOLD: usize = 10;

/// What stands at `_smtp._tls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsRpt {
    /// The TXT records there, sorted; at most ten are kept.
    pub texts: Vec<PeerText>,
    /// What senders read in all of them: where reports go, none where nobody asks for any, or what is wrong.
    pub read: Result<Vec<PeerText>, Box<str>>,
}

impl TlsRpt {
    /// Reads all TXT records of the name, each joined from its strings.
    pub fn read(records: &[Vec<u8>]) -> Self {
        Self { texts: super::kept(records), read: read(records) }
    }

    /// Whether none of them asks for reports.
    pub fn is_absent(&self) -> bool {
        self.read.as_ref().is_ok_and(Vec::is_empty)
    }
}

fn read(records: &[Vec<u8>]) -> Result<Vec<PeerText>, Box<str>> {
    let ours: Vec<_> = records.iter().filter(|record| is_of(record, VERSION)).collect();
    match ours[..] {
        [] if records.iter().any(|record| looks_like(record, VERSION)) => {
            Err("the record does not begin with `v=TLSRPTv1;`".into())
        }
        [] => Ok(Vec::new()),
        [record] => rua(record),
        _ => Err(format!("there are {} records that begin with `v=TLSRPTv1;`", ours.len()).into()),
    }
}

fn rua(record: &[u8]) -> Result<Vec<PeerText>, Box<str>> {
    let pairs = pairs(record, VERSION)?;
    let (_, list) = pairs.iter().find(|(name, _)| *name == "rua").ok_or("it has no `rua`")?;
    let uris: Vec<&str> = list.split(',').map(|uri| uri.trim_matches([' ', '\t'])).collect();
    if let Some((uri, why)) = uris.iter().find_map(|uri| objection(uri).map(|why| (uri, why))) {
        return Err(format!("`{}`: {why}", PeerText::from(*uri)).into());
    }
    Ok(uris.into_iter().take(TOLD).map(PeerText::from).collect())
}

/// What is wrong with one address for reports: only `mailto:` (RFC 6068) and `https:` are known.
fn objection(uri: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = uri.split_once(':') else { return Some("not a URI") };
    if uri.contains([' ', '\t', '!', '"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
        return Some("it has characters that a URI must encode");
    }
    match &*scheme.to_ascii_lowercase() {
        "mailto" => {
            let address = decoded(rest.split('?').next().unwrap_or_default());
            let is_one = address.is_some_and(|address| Mailbox::parse(&address).is_ok());
            (!is_one).then_some("not a mail address")
        }
        "https" => (!has_host(rest)).then_some("no host to send it to"),
        _ => Some("neither `mailto:` nor `https:`"),
    }
}

fn has_host(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix("//") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if let Some(literal) = host.strip_prefix('[') {
        return literal.split(']').next().is_some_and(|address| address.parse::<IpAddr>().is_ok());
    }
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let port_fits = port.is_empty() || port.parse::<u16>().is_ok();
    port_fits && (DomainName::parse(host).is_ok() || host.parse::<IpAddr>().is_ok())
}

/// The text behind its percent signs; none where one is not followed by two digits.
fn decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut octets = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        octets.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?);
        octets.extend(rest.as_bytes());
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(records: &[&str]) -> TlsRpt {
        TlsRpt::read(&records.iter().map(|record| record.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn reports_go_to_mail_addresses_and_to_https() {
        for (record, want) in [
            ("v=TLSRPTv1; rua=mailto:reports@example.com", &["mailto:reports@example.com"][..]),
            (
                "v=TLSRPTv1;rua=mailto:a@example.com , https://reports.example.com/v1/tlsrpt;",
                &["mailto:a@example.com", "https://reports.example.com/v1/tlsrpt"],
            ),
            ("v=TLSRPTv1; rua=MAILTO:a%2Bb@example.com?subject=x", &["MAILTO:a%2Bb@example.com?subject=x"]),
            ("v=TLSRPTv1; rua=https://[2001:db8::1]:8443/?a=b", &["https://[2001:db8::1]:8443/?a=b"]),
            ("v=TLSRPTv1; ext=1; rua=https://u@192.0.2.1:443", &["https://u@192.0.2.1:443"]),
        ] {
            let read = read_of(&[record]).read.unwrap();
            assert_eq!(read.iter().map(PeerText::as_str).collect::<Vec<_>>(), want, "{record}");
        }
    }

    #[test]
    fn what_no_report_can_go_to_is_told() {
        for (record, want) in [
            ("v=TLSRPTv1;", "no `rua`"),
            ("v=TLSRPTv1; ruf=mailto:a@example.com", "no `rua`"),
            ("v=TLSRPTv1; rua=", "not a URI"),
            ("v=TLSRPTv1; rua=a@example.com", "not a URI"),
            ("v=TLSRPTv1; rua=mailto:", "not a mail address"),
            ("v=TLSRPTv1; rua=mailto:a%4", "not a mail address"),
            ("v=TLSRPTv1; rua=mailto:a%+4@example.com", "not a mail address"),
            ("v=TLSRPTv1; rua=mailto:a@example.com!10m", "must encode"),
            ("v=TLSRPTv1; rua=mailto:a@example.com,", "not a URI"),
            ("v=TLSRPTv1; rua=http://example.com/", "neither"),
            ("v=TLSRPTv1; rua=https:example.com", "no host"),
            ("v=TLSRPTv1; rua=https:///x", "no host"),
            ("v=TLSRPTv1; rua=https://a.example:99999/", "no host"),
            ("v=TLSRPTv1", "does not begin"),
            ("v=tlsrptv1; rua=mailto:a@example.com", "does not begin"),
        ] {
            let read = read_of(&[record]).read;
            assert!(read.as_ref().is_err_and(|why| why.contains(want)), "{record}: {read:?}");
        }
        let twice = "v=TLSRPTv1; rua=mailto:a@example.com";
        assert!(read_of(&[twice, twice]).read.is_err_and(|why| why.contains("2 records")));
        assert!(read_of(&["v=spf1 -all"]).is_absent() && read_of(&[]).is_absent());
        assert!(!read_of(&[twice, "v=spf1 -all"]).is_absent());
    }
}
