//! TLSA records of mail servers (RFC 7672 §2.2), asked for only where everything before them is signed: name servers
//! of unsigned zones may not even answer such questions.

use super::answer::Answer;
use super::{Dns, names};
use crate::name::MxName;
use crate::observe::{Dnssec, HostDns, Lookup, Outcome, Tlsa, TlsaLookup};
use crate::probe::certificate::{is_certificate, is_key, sha256};
use hickory_resolver::proto::rr::rdata::TLSA;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::time::Duration;
use tokio::time::Instant;

/// Records kept of one name.
const RECORDS: usize = 64;
/// Octets kept of one record's data; certificates are smaller.
const DATA: usize = 8 << 10;

/// The records of a host that has these addresses behind these CNAMEs: at the end of a chain that is signed all along,
/// then at the host's own name; at that alone where only the first CNAME is signed (RFC 7672 §2.2.2, §2.2.3).
pub(super) async fn look_up(
    dns: &Dns,
    name: &MxName,
    host: &HostDns,
    aliases: &[Name],
    ends: Instant,
) -> Vec<TlsaLookup> {
    let own = names::absolute(name.as_str());
    let bases = match (host.security(), aliases.last()) {
        (Some(Dnssec::Secure), None) => vec![own],
        (Some(Dnssec::Secure), Some(end)) => vec![end.clone(), own],
        (Some(Dnssec::Insecure), Some(_)) if is_signed_alias(dns, &own, ends).await => vec![own],
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for base in bases {
        let asked = ask(dns, &base, ends).await;
        let goes_on = matches!(asked.lookup.outcome, Outcome::NoData | Outcome::NoSuchName)
            || asked.lookup.dnssec == Dnssec::Insecure;
        found.push(asked);
        if !goes_on {
            break;
        }
    }
    found
}

async fn is_signed_alias(dns: &Dns, name: &Name, ends: Instant) -> bool {
    let (alias, _) = dns.records(name.clone(), RecordType::CNAME, ends, Some).await;
    alias.dnssec == Dnssec::Secure && matches!(alias.outcome, Outcome::Answer(_))
}

async fn ask(dns: &Dns, base: &Name, ends: Instant) -> TlsaLookup {
    let service = [format!("_{}", dns.port), "_tcp".to_owned()];
    let name = Name::from_labels(service.iter().map(String::as_bytes));
    let (answer, took) = match name.and_then(|service| service.append_domain(base)) {
        Ok(name) => dns.answer(name, RecordType::TLSA, ends).await,
        // Such a name is too long to exist.
        Err(_) => (Answer { dnssec: Dnssec::Secure, ..Answer::failed(Outcome::NoSuchName) }, Duration::ZERO),
    };
    let wildcard = answer.wildcard.as_ref().map(names::text);
    let mut lookup = Lookup::ended(answer.outcome, answer.dnssec, took).map(|records| {
        let mut records: Vec<Tlsa> = records.into_iter().filter_map(read).collect();
        records.sort();
        records.dedup();
        records
    });
    let mut more = 0;
    if let Outcome::Answer(records) = &mut lookup.outcome {
        more = records.len().saturating_sub(RECORDS);
        records.truncate(RECORDS);
    }
    TlsaLookup { base: names::text(base), lookup, more, wildcard }
}

fn read(data: RData) -> Option<Tlsa> {
    match data {
        RData::TLSA(record) => Some(tlsa(&record)),
        _ => None,
    }
}

/// A record as it is judged. Of what is too long, the beginning is kept.
pub(crate) fn tlsa(record: &TLSA) -> Tlsa {
    let data = record.cert_data.as_slice();
    let (selector, matching) = (u8::from(record.selector), u8::from(record.matching));
    let is_such = match (matching, selector) {
        (0, 0) => is_certificate(data),
        (0, 1) => is_key(data),
        _ => true,
    };
    Tlsa {
        usage: record.cert_usage.into(),
        selector,
        matching,
        data: data.get(..DATA).unwrap_or(data).into(),
        sha256: sha256(data),
        malformed: data.len() > DATA || !is_such,
    }
}
