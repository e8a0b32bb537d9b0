//! Does something listen on port 25 of every address?

use super::{
    Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict, broken_at, ipv6_reachable,
    is_off_limits,
};
use crate::observe::{Endpoint, Observation, Stage};

pub(super) static RULE: Rule = Rule {
    code: "smtp.endpoint_reachable",
    title: "Every address takes connections",
    issues: &[&UNREACHABLE],
    source: Source::Dialogue,
    checks: &[Check::Endpoint(check)],
};

static UNREACHABLE: Issue = Issue {
    code: "smtp.tcp.unreachable",
    severity: Severity::Critical,
    title: "A mail server takes no connections",
    why: "Senders that pick this address wait and try again later; where no other takes mail, it bounces after days.",
    fix: "See that the firewall lets port 25 through from everywhere and that the mail service runs; or remove the dead MX or address from DNS.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-4.5.4.2",
};

fn check(endpoint: &Endpoint, observation: &Observation, _: &Context) -> Judgement {
    let Err(unseen) = endpoint.contact.dialogue() else { return Ok(Verdict::Pass) };
    let Some(trouble) = broken_at(Stage::Connect, &unseen).filter(|_| !is_off_limits(&endpoint.contact))
    else {
        return Err(unseen);
    };
    if ipv6_reachable::is_beside_working_ipv4(endpoint, observation)? {
        return Ok(Verdict::NotApplicable);
    }
    Ok(UNREACHABLE.found(format!(
        "{} port {}: {trouble}",
        endpoint.address(),
        endpoint.contact.key.address.port()
    )))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evidence, finds, inconclusive, judge, judge_endpoints, not_applicable, pass};
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::{EndpointBuilder, endpoint, observation};

    #[test]
    fn counts_only_what_failed_twice() {
        for (endpoint, want) in [
            (endpoint(), pass()),
            (endpoint().banner_fails(Cause::NoAnswer), pass()),
            (endpoint().banner("421 later"), pass()),
            (endpoint().unreachable(Cause::Refused), finds(&UNREACHABLE)),
            (endpoint().unreachable(Cause::NoAnswer), finds(&UNREACHABLE)),
            (endpoint().unreachable(Cause::Unreachable), finds(&UNREACHABLE)),
            (endpoint().unreachable(Cause::Refused).on_first_look(), inconclusive(Cause::Tempfail)),
            (endpoint().unreachable(Cause::NoAnswer).on_first_look(), inconclusive(Cause::Timeout)),
            (endpoint().unreachable(Cause::VantageBlocked), inconclusive(Cause::VantageBlocked)),
            (endpoint().unreachable(Cause::ProberError), inconclusive(Cause::ProberError)),
            (endpoint().unreachable(Cause::NotPublic), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
        assert_eq!(
            evidence(&RULE, &endpoint().unreachable(Cause::Refused)),
            ["192.0.2.10 port 25: refused at connect"]
        );
    }

    #[test]
    fn a_broken_ipv6_address_matters_less_beside_a_working_ipv4_one() {
        let v6 = || endpoint().at("mx1.example.com", "2001:db8::10").unreachable(Cause::Refused);
        let dead = |endpoint: EndpointBuilder| endpoint.unreachable(Cause::Refused);
        for (ipv4, want) in [
            (endpoint(), not_applicable()),
            (endpoint().banner("421 later"), not_applicable()),
            (dead(endpoint()), finds(&UNREACHABLE)),
            (dead(endpoint()).on_first_look(), inconclusive(Cause::Tempfail)),
            (endpoint().at("mx2.example.com", "192.0.2.11"), finds(&UNREACHABLE)),
        ] {
            assert_eq!(judge_endpoints(&RULE, &observation().of([v6(), ipv4.clone()]))[0], want, "{ipv4:?}");
        }
    }
}
