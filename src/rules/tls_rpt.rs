//! Does the domain ask senders for reports on TLS, in a form that they understand?

use super::evidence::date;
use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict, takes_no_mail};
use crate::observe::{Lasting, Observation, PeerText, TlsRpt};

pub(super) static RULE: Rule = Rule {
    code: "smtp.tls_rpt",
    title: "Senders are asked to report TLS that fails",
    issues: &[&INVALID, &ABSENT],
    source: Source::Dns,
    checks: &[Check::Domain(check)],
};

static INVALID: Issue = Issue {
    code: "smtp.tls_rpt.invalid",
    severity: Severity::Warning,
    title: "The TLS-RPT record cannot be used",
    why: "You asked for reports, and no sender can send them: what fails in MTA-STS or DANE goes unnoticed.",
    fix: "Publish exactly one TXT record at `_smtp._tls`, such as `v=TLSRPTv1; rua=mailto:tls-reports@example.com`; only `mailto:` and `https:` are understood.",
    reference: "https://www.rfc-editor.org/rfc/rfc8460#section-3",
};

static ABSENT: Issue = Issue {
    code: "smtp.tls_rpt.absent",
    severity: Severity::Info,
    title: "The domain asks for no reports on TLS",
    why: "Gmail, Outlook and others report daily whether TLS to your servers worked; without the record you do not hear of what fails.",
    fix: "Publish a TXT record at `_smtp._tls`: `v=TLSRPTv1; rua=mailto:` and an address that takes the reports.",
    reference: "https://www.rfc-editor.org/rfc/rfc8460#section-3",
};

fn check(observation: &Observation, cx: &Context) -> Judgement {
    if takes_no_mail(observation)? {
        return Ok(Verdict::NotApplicable);
    }
    let (lookup, name) = (&observation.policy.tls_rpt, format!("_smtp._tls.{}", observation.domain));
    let record = match lookup.records() {
        Ok(record) => record,
        Err(unseen) if cx.is_lasting(&unseen, lookup.lasting) => {
            let Lasting { since, count, .. } = lookup.lasting;
            let (since, trouble) = (date(since), unseen.trouble());
            let evidence =
                format!("TXT of {name}: {count} looks in a row since {since}, the last one: {trouble}");
            return Ok(INVALID.found(evidence));
        }
        Err(unseen) => return Err(unseen),
    };
    let Some(record) = record else {
        return Ok(ABSENT.found(format!("{name} TXT: {}", lookup.outcome.as_str())));
    };
    match &record.read {
        Err(why) => Ok(INVALID.found(format!("{why}: {}", quoted(record)))),
        Ok(reports) if reports.is_empty() => {
            let others = quoted(record);
            Ok(ABSENT
                .found(format!("{name} has no TXT record for it, only others, as of a wildcard: {others}")))
        }
        Ok(_) => Ok(Verdict::Pass),
    }
}

fn quoted(record: &TlsRpt) -> String {
    record.texts.iter().map(PeerText::as_str).collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        context, evidence_of_domain, finds, inconclusive, judge_domain, judge_domain_in, not_applicable, pass,
    };
    use super::super::{Context, Prober};
    use super::*;
    use crate::observe::testing::{ObservationBuilder, PolicyBuilder, observation, policies};
    use crate::observe::{Cause, Outcome};
    use std::time::Duration;

    fn with(change: impl FnOnce(PolicyBuilder) -> PolicyBuilder) -> ObservationBuilder {
        observation().policies(change(policies("enforce", &["mx1.example.com"])))
    }

    #[test]
    fn one_record_says_where_reports_go() {
        const SOUND: &str = "v=TLSRPTv1; rua=mailto:tls@example.com";
        for (records, want) in [
            (&[SOUND][..], pass()),
            (&[SOUND, "v=spf1 -all"], pass()),
            (&[], finds(&ABSENT)),
            (&["v=spf1 -all"], finds(&ABSENT)),
            (&[SOUND, SOUND], finds(&INVALID)),
            (&["v=TLSRPTv1; rua=tls@example.com"], finds(&INVALID)),
            (&["v=TLSRPTv1"], finds(&INVALID)),
        ] {
            assert_eq!(judge_domain(&RULE, &with(|p| p.tls_rpt(records))), want, "{records:?}");
        }
        for (outcome, want) in [
            (Outcome::NoData, finds(&ABSENT)),
            (Outcome::NoSuchName, finds(&ABSENT)),
            (Outcome::Timeout, inconclusive(Cause::DnsFailure)),
            (Outcome::Refused, inconclusive(Cause::DnsFailure)),
        ] {
            assert_eq!(judge_domain(&RULE, &with(|p| p.tls_rpt_is(outcome))), want);
        }
        assert_eq!(judge_domain(&RULE, &observation().of([]).mx([(0, ".")])), not_applicable());
    }

    #[test]
    fn a_look_up_that_keeps_failing_is_told() {
        let lasting = with(|p| p.tls_rpt_is(Outcome::ServerFailure).for_looks(5, Duration::from_secs(3600)));
        assert_eq!(judge_domain(&RULE, &lasting), finds(&INVALID));
        let deaf = Prober { resolver_answers: Some(false), ..context().prober };
        let cx = Context { prober: deaf, ..context() };
        assert_eq!(judge_domain_in(&RULE, &lasting, &cx), inconclusive(Cause::DnsFailure));
    }

    #[test]
    fn the_record_is_quoted() {
        for (records, want) in [
            (
                &["v=TLSRPTv1; rua=ftp:x"][..],
                "`ftp:x`: neither `mailto:` nor `https:`: v=TLSRPTv1; rua=ftp:x",
            ),
            (&[], "_smtp._tls.example.com has no TXT record for it, only others, as of a wildcard: "),
        ] {
            assert_eq!(evidence_of_domain(&RULE, &with(|p| p.tls_rpt(records))), [want]);
        }
    }
}
