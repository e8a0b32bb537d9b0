//! Names between the wire and our own types. A peer's name is hostile text: it is escaped, or it is refused.

use crate::name::MxName;
use crate::observe::{MxTarget, PeerText};
use hickory_resolver::proto::rr::Name;
use std::net::IpAddr;

/// A `DomainName` or an `MxName` as a question asks for it: absolute, so that no search list applies.
#[expect(clippy::expect_used, reason = "both types hold only what fits the wire")]
pub(super) fn absolute(name: &str) -> Name {
    Name::from_labels(name.split('.').map(str::as_bytes)).expect("a name that fits the wire")
}

/// A name so many labels below one of ours; none where that would be too long.
pub(super) fn below(labels: &str, name: &str) -> Option<Name> {
    Name::from_labels(labels.split('.').chain(name.split('.')).map(str::as_bytes)).ok()
}

/// The name as people read it, in lower case; only the root keeps its dot.
pub(super) fn text(name: &Name) -> PeerText {
    if name.is_root() { PeerText::from(".") } else { PeerText::from_bytes(&presentation(name)) }
}

/// What an MX record points to.
pub(super) fn target(name: &Name) -> MxTarget {
    if name.is_root() {
        return MxTarget::Null;
    }
    let written = presentation(name);
    let readable = str::from_utf8(&written).ok();
    if let Some(address) = readable.and_then(literal) {
        return MxTarget::IpLiteral(address);
    }
    match readable.and_then(|text| MxName::parse(text).ok()) {
        Some(host) => MxTarget::Host(host),
        None => MxTarget::BadName(PeerText::from_bytes(&written)),
    }
}

/// The labels with dots between; a dot or a backslash inside a label is escaped (RFC 1035 §5.1).
fn presentation(name: &Name) -> Vec<u8> {
    let mut text = Vec::with_capacity(name.len());
    for label in name.iter() {
        for byte in label {
            if matches!(byte, b'.' | b'\\') {
                text.push(b'\\');
            }
            text.push(byte.to_ascii_lowercase());
        }
        text.push(b'.');
    }
    text.pop();
    text
}

/// An address as it is found where a name belongs: bare, in brackets, or as SMTP writes it (RFC 5321 §4.1.3). Dots
/// that somebody escaped count as dots.
fn literal(text: &str) -> Option<IpAddr> {
    let text = text.replace("\\.", ".");
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&text);
    match bare.strip_prefix("ipv6:") {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => bare.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(labels: &[&str]) -> Name {
        Name::from_labels(labels.iter().map(|label| label.as_bytes())).unwrap()
    }

    #[test]
    fn targets_are_sorted_by_what_they_are() {
        let host = |text: &str| MxTarget::Host(MxName::parse(text).unwrap());
        let literal = |text: &str| MxTarget::IpLiteral(text.parse().unwrap());
        let bad = |text: &str| MxTarget::BadName(PeerText::from(text));
        for (labels, want) in [
            (&[][..], MxTarget::Null),
            (&["MX1", "Example", "com"], host("mx1.example.com")),
            (&["_mx", "example", "com"], host("_mx.example.com")),
            (&["localhost"], host("localhost")),
            (&["192", "0", "2", "1"], literal("192.0.2.1")),
            (&["[192", "0", "2", "1]"], literal("192.0.2.1")),
            (&["192.0.2.1"], literal("192.0.2.1")),
            (&["2001:DB8::1"], literal("2001:db8::1")),
            (&["[IPv6:2001:db8::1]"], literal("2001:db8::1")),
            (&["192", "0", "2", "256"], host("192.0.2.256")),
            (&["mx.example", "com"], bad("mx\\.example.com")),
            (&["mx example", "com"], bad("mx example.com")),
            (&["10 mx", "example", "com"], bad("10 mx.example.com")),
            (&["mx\r\nRCPT TO:<x>"], bad("mx\r\nrcpt to:<x>")),
            (&["mx", "bücher", "example"], bad("mx.bücher.example")),
            (&["mx\u{1b}[31m"], bad("mx\u{1b}[31m")),
        ] {
            assert_eq!(target(&name(labels)), want, "{labels:?}");
        }
    }

    #[test]
    fn text_is_harmless_and_unambiguous() {
        assert_eq!(text(&name(&["MX", "example"])).as_str(), "mx.example");
        assert_eq!(text(&name(&["a.b", "example"])).as_str(), "a\\\\.b.example");
        assert_eq!(text(&name(&["a\nb", "example"])).as_str(), "a\\x0ab.example");
        assert_eq!(text(&Name::root()).as_str(), ".");
    }

    #[test]
    fn questions_are_absolute() {
        let asked = absolute("_mx.example.com");
        assert!(asked.is_fqdn());
        assert_eq!(asked.to_ascii(), "_mx.example.com.");
    }
}
