//! Does the domain take mail at all?

use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict};
use crate::observe::{Dnssec, Observation};

pub(super) static RULE: Rule = Rule {
    code: "smtp.null_mx",
    title: "The domain takes mail",
    issues: &[&NULL_MX],
    source: Source::Dns,
    checks: &[Check::Domain(check)],
};

static NULL_MX: Issue = Issue {
    code: "smtp.null_mx",
    severity: Severity::Info,
    title: "The domain declares that it takes no mail",
    why: "A null MX tells every sender at once that nothing is delivered here, so that there is nothing else to test.",
    fix: "Nothing to do if that is meant. Otherwise put MX records in its place that name your mail servers.",
    reference: "https://www.rfc-editor.org/rfc/rfc7505#section-3",
};

fn check(observation: &Observation, _: &Context) -> Judgement {
    let dns = &observation.dns;
    if dns.mx.dnssec == Dnssec::Bogus {
        return Ok(Verdict::NotApplicable);
    }
    if dns.is_null_mx() {
        return Ok(NULL_MX.found(format!("{} MX 0 .", observation.domain)));
    }
    let published = dns.mx.records()?.is_some_and(|records| !records.is_empty());
    Ok(if published { Verdict::Pass } else { Verdict::NotApplicable })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evidence_of_domain, finds, inconclusive, judge_domain, not_applicable, pass};
    use super::*;
    use crate::observe::testing::observation;
    use crate::observe::{Cause, Outcome};

    #[test]
    fn only_a_null_mx_by_itself_declares_it() {
        for (observation, want) in [
            (observation(), pass()),
            (observation().of([]).mx([(0, ".")]), finds(&NULL_MX)),
            (observation().mx([(0, "."), (10, "mx1.example.com")]), pass()),
            (observation().mx_lookup(Outcome::NoData), not_applicable()),
            (observation().mx_lookup(Outcome::NoSuchName), not_applicable()),
            (observation().implicit(), not_applicable()),
            (observation().of([]).mx([(0, ".")]).dnssec(Dnssec::Bogus), not_applicable()),
            (observation().mx_lookup(Outcome::ServerFailure), inconclusive(Cause::DnsFailure)),
            (observation().mx_lookup(Outcome::Timeout), inconclusive(Cause::DnsFailure)),
        ] {
            assert_eq!(judge_domain(&RULE, &observation), want, "{observation:?}");
        }
    }

    #[test]
    fn quotes_the_record() {
        let declared = observation().named("example.net").of([]).mx([(0, ".")]);
        assert_eq!(evidence_of_domain(&RULE, &declared), ["example.net MX 0 ."]);
    }
}
