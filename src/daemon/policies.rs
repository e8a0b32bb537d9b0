//! The policies of a domain in one run: what DNS announces, and the MTA-STS policy where its fetch is due.

use super::workshop::Tools;
use crate::name::DomainName;
use crate::observe::{DomainDns, Policy};
use std::time::{Duration, SystemTime};

/// A second look at a policy host waits at least this long, whatever `min_spacing` says.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// Fetches what `announced` says, unless it is known well enough or nobody would ask for it: senders have no business
/// with a domain that takes no mail.
pub(super) async fn fetched(
    tools: &Tools,
    domain: &DomainName,
    dns: &DomainDns,
    announced: Policy,
    previous: Option<&Policy>,
    at: SystemTime,
) -> Policy {
    let spacing = tools.network.min_spacing.max(SECOND_LOOK);
    let due = announced.mta_sts.due(previous.map(|policy| &policy.mta_sts), at, spacing);
    let fetched = match due.filter(|_| !dns.is_null_mx()) {
        Some(_) => Some(tools.policies.fetch(&tools.dns, domain, at).await),
        None => None,
    };
    announced.following(previous, at, fetched)
}
