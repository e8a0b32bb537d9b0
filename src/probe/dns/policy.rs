//! The TXT records that announce an MTA-STS policy and ask for reports on TLS. Reads no other record as one.

use super::{Dns, names};
use crate::name::DomainName;
use crate::observe::{Lookup, Outcome, Policy, StsRecord, TlsRpt};
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::time::Instant;

/// How much of one record is read, its strings joined (RFC 8461 §3.1, RFC 8460 §3).
const RECORD: usize = 4 << 10;
/// Records read of one name; there should be one.
const RECORDS: usize = 128;

/// Both, side by side.
pub(super) async fn look_up(dns: &Dns, domain: &DomainName, ends: Instant) -> Policy {
    let (sts, rpt) = tokio::join!(txt(dns, "_mta-sts", domain, ends), txt(dns, "_smtp._tls", domain, ends));
    Policy::looked_up(sts.map(|all| StsRecord::read(&all)), rpt.map(|all| TlsRpt::read(&all)))
}

/// A name that is too long to be asked for has no records.
async fn txt(dns: &Dns, label: &str, domain: &DomainName, ends: Instant) -> Lookup<Vec<Vec<u8>>> {
    let Some(name) = names::below(label, domain.as_str()) else {
        return Lookup::ended(Outcome::NoSuchName, Default::default(), Default::default());
    };
    let read = |data| match data {
        RData::TXT(txt) => Some(txt.txt_data.concat()),
        _ => None,
    };
    let (lookup, _) = dns.records(name, RecordType::TXT, ends, read).await;
    lookup.map(bounded)
}

fn bounded(mut records: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    records.sort();
    records.truncate(RECORDS);
    records.iter_mut().for_each(|record| record.truncate(RECORD));
    records
}
