//! Does the address have a name that leads back to it?

use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict, is_off_limits};
use crate::observe::{Endpoint, Lookup, Observation, Outcome};
use std::net::IpAddr;

pub(super) static RULE: Rule = Rule {
    code: "smtp.reverse_dns",
    title: "Every address has a PTR name that leads back to it",
    issues: &[&PTR_MISSING, &FCRDNS_MISMATCH],
    source: Source::Ptr,
    checks: &[Check::Endpoint(check)],
};

static PTR_MISSING: Issue = Issue {
    code: "smtp.ptr.missing",
    severity: Severity::Warning,
    title: "The address has no PTR record",
    why: "Gmail, Outlook and Yahoo refuse or junk mail from addresses without reverse DNS. If this server also sends, its mail suffers.",
    fix: "Ask whoever gave you the address (hosting provider, carrier) to set its PTR record to the server's name, and publish an A/AAAA record for that name.",
    reference: "https://www.rfc-editor.org/rfc/rfc1912#section-2.1",
};

static FCRDNS_MISMATCH: Issue = Issue {
    code: "smtp.fcrdns.mismatch",
    severity: Severity::Warning,
    title: "The PTR name does not lead back to the address",
    why: "Anyone can write any name into a PTR record, so that Gmail, Outlook and Yahoo believe it only if the name has that address. If this server also sends, its mail suffers.",
    fix: "Publish an A/AAAA record with this address under the PTR name, or have the PTR record changed to a name that has one.",
    reference: "https://www.rfc-editor.org/rfc/rfc8601#section-3",
};

fn check(endpoint: &Endpoint, _: &Observation, _: &Context) -> Judgement {
    if is_off_limits(&endpoint.contact) {
        return Ok(Verdict::NotApplicable);
    }
    let address = endpoint.address();
    let ptr = endpoint.ptr()?;
    let Some(names) = ptr.names.records()?.filter(|names| !names.is_empty()) else {
        return Ok(PTR_MISSING.found(format!("PTR of {address}: {}", ptr.names.outcome.as_str())));
    };
    if ptr.confirms(address)? {
        return Ok(Verdict::Pass);
    }
    let names = names.iter().map(|name| match ptr.forward.iter().find(|(asked, _)| asked == name) {
        Some((_, lookup)) => format!("{address} is {name}, which has {}", addresses(lookup)),
        None => format!("{address} is {name}"),
    });
    Ok(FCRDNS_MISMATCH.found(names.collect::<Vec<_>>().join("; ")))
}

fn addresses(lookup: &Lookup<Vec<IpAddr>>) -> String {
    match &lookup.outcome {
        Outcome::Answer(list) if !list.is_empty() => {
            list.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
        }
        outcome => format!("no address ({})", outcome.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evidence, finds, inconclusive, judge, not_applicable, pass};
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::{endpoint, no_ptr, ptr, ptr_fails};

    #[test]
    fn some_name_must_lead_back() {
        for (ptr, want) in [
            (ptr("mx1.example.com").maps_back(), pass()),
            (ptr("mx1.example.com").maps_to("198.51.100.9"), finds(&FCRDNS_MISMATCH)),
            (ptr("mx1.example.com"), finds(&FCRDNS_MISMATCH)),
            (ptr("a.example").and(ptr("b.example").maps_back()), pass()),
            (ptr("a.example").forward_is(Outcome::Timeout).and(ptr("b.example").maps_back()), pass()),
            (
                ptr("a.example").forward_is(Outcome::Timeout).and(ptr("b.example")),
                inconclusive(Cause::DnsFailure),
            ),
            (no_ptr(), finds(&PTR_MISSING)),
            (ptr_fails(), inconclusive(Cause::DnsFailure)),
        ] {
            assert_eq!(judge(&RULE, &endpoint().with_ptr(ptr.clone())), want, "{ptr:?}");
        }
    }

    #[test]
    fn what_listens_there_does_not_matter() {
        let unnamed = endpoint().with_ptr(no_ptr());
        assert_eq!(judge(&RULE, &unnamed.clone().unreachable(Cause::Refused)), finds(&PTR_MISSING));
        assert_eq!(judge(&RULE, &unnamed.unreachable(Cause::NotPublic)), not_applicable());
    }

    #[test]
    fn says_where_the_names_lead() {
        let names = ptr("a.example").maps_to("198.51.100.9").and(ptr("b.example"));
        assert_eq!(
            evidence(&RULE, &endpoint().with_ptr(names)),
            [
                "192.0.2.10 is a.example, which has 198.51.100.9; 192.0.2.10 is b.example, which has no address (no_data)"
            ]
        );
        assert_eq!(evidence(&RULE, &endpoint().with_ptr(no_ptr())), ["PTR of 192.0.2.10: no_such_name"]);
    }
}
