//! What is asked beside a domain's MX records: whether somebody owns a host's domain, and what a made-up name has.

use super::{Dns, domain, names};
use crate::name::DomainName;
use crate::observe::{Outcome, PeerText, Wildcards};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::hash::{BuildHasher as _, RandomState};
use std::time::SystemTime;
use tokio::time::Instant;

/// Records of each type kept of a wildcard.
const RECORDS: usize = 20;

/// Whether a domain exists; none where DNS did not say. One that is an alias does.
pub(super) async fn exists(dns: &Dns, domain: &DomainName, ends: Instant) -> Option<bool> {
    let name = names::absolute(domain.as_str());
    let (lookup, aliases) = dns.records(name, RecordType::SOA, ends, Some).await;
    match lookup.outcome {
        Outcome::NoSuchName if aliases.is_empty() => Some(false),
        Outcome::Answer(_) | Outcome::NoData | Outcome::NoSuchName => Some(true),
        Outcome::ServerFailure | Outcome::Timeout | Outcome::Refused | Outcome::Loop => None,
    }
}

/// The records of a name below `domain` that nobody can have published; none where DNS did not say. A domain whose name
/// is too long for another label has none.
pub(super) async fn wildcards(
    dns: &Dns,
    domain: &DomainName,
    ends: Instant,
    at: SystemTime,
) -> Option<Wildcards> {
    let Some(name) = made_up(domain) else { return Some(Wildcards { at, mx: Vec::new(), txt: Vec::new() }) };
    let text = |data| match data {
        RData::TXT(txt) => Some(PeerText::from_bytes(&txt.txt_data.concat())),
        _ => None,
    };
    let ((mx, _), (txt, _)) = tokio::join!(
        dns.records(name.clone(), RecordType::MX, ends, domain::mx_record),
        dns.records(name.clone(), RecordType::TXT, ends, text),
    );
    let (mx, txt) = (mx.records().ok()?.cloned(), txt.records().ok()?.cloned());
    Some(Wildcards { at, mx: kept(mx), txt: kept(txt) })
}

/// A label that is another one each time: whoever finds it in a log sees whose it is.
fn made_up(domain: &DomainName) -> Option<Name> {
    names::below(&format!("mx-exporter-{:016x}", RandomState::new().hash_one(domain)), domain.as_str())
}

fn kept<T: Ord>(records: Option<Vec<T>>) -> Vec<T> {
    let mut records = records.unwrap_or_default();
    records.sort();
    records.truncate(RECORDS);
    records
}
