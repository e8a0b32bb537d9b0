//! What a run asks beside a domain's MX records, as far as it is due.

use super::workshop::Tools;
use crate::name::{DomainName, MxName};
use crate::observe::{DomainDns, HostDns, MxAsked, MxFacts, Outcome};
use std::collections::BTreeMap;
use std::time::SystemTime;
use tokio::task::JoinSet;

/// What is known of the records now.
pub(super) async fn facts(
    tools: &Tools,
    domain: &DomainName,
    dns: &DomainDns,
    previous: Option<&MxFacts>,
    at: SystemTime,
) -> MxFacts {
    let is_due = dns.mx.records().is_ok() && previous.is_none_or(|previous| previous.wants_wildcards(at));
    let wildcards = async { if is_due { tools.dns.wildcards(domain, at).await } else { None } };
    let (owners, wildcards) = tokio::join!(owners(tools, domain, dns), wildcards);
    MxFacts::following(previous, &dns.mx, MxAsked { owners, wildcards }, at)
}

/// Asks for the owner of every host that does not exist, outside the domain itself.
async fn owners(
    tools: &Tools,
    domain: &DomainName,
    dns: &DomainDns,
) -> BTreeMap<MxName, (DomainName, Option<bool>)> {
    let mut asking = JoinSet::new();
    for (host, owner) in dns.hosts.iter().filter_map(|(name, host)| Some((name, missing(name, host)?))) {
        if !domain.is_within(&owner) {
            let (dns, host) = (tools.dns.clone(), host.clone());
            asking.spawn(async move {
                let exists = dns.exists(&owner).await;
                (host, (owner, exists))
            });
        }
    }
    asking.join_all().await.into_iter().collect()
}

/// The registrable domain of a host that does not exist, or of the last name that it is an alias of.
fn missing(name: &MxName, host: &HostDns) -> Option<DomainName> {
    let is_gone =
        matches!(host.a.outcome, Outcome::NoSuchName) && !matches!(host.aaaa.outcome, Outcome::Answer(_));
    match host.aliases.last() {
        _ if !is_gone => None,
        None => name.registrable(),
        Some(alias) => MxName::parse(alias.as_str()).ok()?.registrable(),
    }
}
