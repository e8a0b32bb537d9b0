//! DANE: what the daemon says of TLSA records and servers, beside what Postfix's posttls-finger makes of the same.

use crate::daemon::Daemon;
use crate::posttls_finger;
use crate::said::Domain;
use crate::tally::Tally;

/// Those that have TLSA records, or none for a reason of their own, and a signed one that simply has none.
const DOMAINS: [&str; 16] = [
    "healthy.test",
    "tenant.test",
    "exim.test",
    "tls12.test",
    "unsigned.test",
    "no-starttls.test",
    "guest.unsigned.test",
    "dane-partial.test",
    "dane-mismatch.test",
    "dane-anchor.test",
    "dane-unsent.test",
    "dane-whole.test",
    "dane-both.test",
    "dane-expired.test",
    "dane-unusable.test",
    "dane-bogus.test",
];

/// Compares both of every address and of every domain. What differs by intent stands in `expectations.md`.
pub(crate) fn agrees(tally: &mut Tally, daemon: &mut Daemon) {
    tally.compare("every domain looked at", daemon.watch(2));
    for name in DOMAINS {
        let domain = match Domain::ask(name) {
            Ok(domain) => domain,
            Err(error) => {
                tally.compare(format!("DANE of {name}"), vec![error.to_string()]);
                continue;
            }
        };
        let wanted = posttls_finger::follow_tlsa(name, "all");
        tally.compare(format!("DANE of {name}"), difference(wanted, first_server(&domain.dane())));
        for (mx, address, state) in domain.dane_of_endpoints() {
            let family = if address.contains(':') { "ipv6" } else { "ipv4" };
            let wanted = posttls_finger::follow_tlsa(&format!("[{mx}]:25"), family);
            tally.compare(format!("DANE of {mx} {address} for {name}"), difference(wanted, &state));
        }
    }
}

/// A sender delivers to the first server that it can, and so sees of a partial deployment the part that comes first.
fn first_server(state: &str) -> &str {
    if state == "partial" { "valid" } else { state }
}

/// A sender does not care why there are no records that count, nor why they could not be had.
fn difference(wanted: &str, got: &str) -> Vec<String> {
    let in_its_words = match got {
        "absent" | "insecure" => "no records",
        "bogus" | "lookup_failed" => "failed look-up",
        other => other,
    };
    if wanted == in_its_words { vec![] } else { vec![format!("posttls-finger: {wanted}, the daemon: {got}")] }
}
