//! What every rule must hold to, and the words in which the rules' own tests speak.

use super::*;
use crate::observe::testing::{EndpointBuilder, ObservationBuilder, observation};
use crate::observe::{Cause, Unseen};
use std::collections::{BTreeMap, BTreeSet};

mod any_observation;
mod texts;

pub(super) use super::testing::context;

/// A judgement, without evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Pass,
    Finds(Vec<&'static str>),
    NotApplicable,
    Inconclusive(Cause),
}

pub(super) fn pass() -> Word {
    Word::Pass
}

pub(super) fn finds(issue: &Issue) -> Word {
    Word::Finds(vec![issue.code])
}

pub(super) fn all_find(issues: &[&Issue]) -> Word {
    Word::Finds(issues.iter().map(|issue| issue.code).collect())
}

pub(super) fn not_applicable() -> Word {
    Word::NotApplicable
}

pub(super) fn inconclusive(cause: Cause) -> Word {
    Word::Inconclusive(cause)
}

impl From<&Judgement> for Word {
    fn from(judgement: &Judgement) -> Self {
        match judgement {
            Ok(Verdict::Pass) => Self::Pass,
            Ok(Verdict::Findings(findings)) => Self::Finds(findings.iter().map(|f| f.issue.code).collect()),
            Ok(Verdict::NotApplicable) => Self::NotApplicable,
            Err(unseen) => Self::Inconclusive(unseen.cause()),
        }
    }
}

/// What the rule says of a domain's only endpoint.
pub(super) fn judge(rule: &'static Rule, endpoint: &EndpointBuilder) -> Word {
    judge_in(rule, endpoint, &context())
}

/// The same in another context.
pub(super) fn judge_in(rule: &'static Rule, endpoint: &EndpointBuilder, cx: &Context) -> Word {
    Word::from(&only_endpoint(rule, &observation().of([endpoint.clone()]), cx))
}

/// What the rule says of each endpoint, in their order.
pub(super) fn judge_endpoints(rule: &'static Rule, observation: &ObservationBuilder) -> Vec<Word> {
    let judged = rule.judge(&observation.build(), &context());
    let endpoints = judged.iter().filter(|judged| judged.subject != Subject::Domain);
    endpoints.map(|judged| Word::from(&judged.judgement)).collect()
}

/// What the rule says of the domain as a whole.
pub(super) fn judge_domain(rule: &'static Rule, observation: &ObservationBuilder) -> Word {
    judge_domain_in(rule, observation, &context())
}

/// The same in another context.
pub(super) fn judge_domain_in(rule: &'static Rule, observation: &ObservationBuilder, cx: &Context) -> Word {
    Word::from(&of_domain(rule, observation, cx))
}

/// The evidence of what the rule finds at a domain's only endpoint.
pub(super) fn evidence(rule: &'static Rule, endpoint: &EndpointBuilder) -> Vec<String> {
    evidence_in(only_endpoint(rule, &observation().of([endpoint.clone()]), &context()))
}

/// The evidence of what the rule finds of the domain as a whole.
pub(super) fn evidence_of_domain(rule: &'static Rule, observation: &ObservationBuilder) -> Vec<String> {
    evidence_in(of_domain(rule, observation, &context()))
}

fn only_endpoint(rule: &'static Rule, observation: &ObservationBuilder, cx: &Context) -> Judgement {
    let judged = rule.judge(&observation.build(), cx);
    let mut endpoints = judged.into_iter().filter(|judged| judged.subject != Subject::Domain);
    let only = endpoints.next().expect("an endpoint is judged");
    assert!(endpoints.next().is_none(), "{} judges an endpoint twice", rule.code);
    only.judgement
}

fn of_domain(rule: &'static Rule, observation: &ObservationBuilder, cx: &Context) -> Judgement {
    let judged = rule.judge(&observation.build(), cx);
    let domain = judged.into_iter().find(|judged| judged.subject == Subject::Domain);
    domain.expect("the domain is judged").judgement
}

fn evidence_in(judgement: Judgement) -> Vec<String> {
    match judgement {
        Ok(Verdict::Findings(findings)) => findings.into_iter().map(|finding| finding.evidence).collect(),
        other => panic!("no findings: {other:?}"),
    }
}

#[test]
fn codes_are_those_of_the_files_and_no_file_is_left_out() {
    let codes: BTreeSet<String> = ALL.iter().map(|rule| rule.code.replacen("smtp.", "", 1)).collect();
    assert_eq!(codes.len(), ALL.len(), "a code is used twice");
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/rules");
    let files = std::fs::read_dir(directory).expect("the rules' directory");
    let names =
        files.filter_map(|file| Some(file.ok()?.file_name().to_str()?.strip_suffix(".rs")?.to_owned()));
    let no_rules = ["evidence", "mod", "overrides", "testing", "tests", "verdict"];
    let rules: BTreeSet<String> = names.filter(|name| !no_rules.contains(&name.as_str())).collect();
    assert_eq!(codes, rules);
    assert!(ALL.iter().all(|rule| rule.code.starts_with("smtp.")));
}

#[test]
fn every_issue_belongs_to_one_rule() {
    let mut owners = BTreeMap::new();
    for (rule, issue) in issues() {
        assert!(issue.code.starts_with("smtp."), "{}", issue.code);
        assert_eq!(owners.insert(issue.code, rule.code), None, "{} belongs to two rules", issue.code);
    }
    let shared: Vec<_> = owners.keys().filter(|code| ALL.iter().any(|rule| rule.code == **code)).collect();
    assert_eq!(shared, [&"smtp.null_mx", &"smtp.open_relay"], "an override by code would hit both");
}

#[test]
fn a_subject_is_judged_once_a_rule() {
    let judged = super::judge(&observation().build(), &context());
    let subjects: BTreeSet<_> = judged.iter().map(|judged| (judged.rule.code, &judged.subject)).collect();
    assert_eq!(subjects.len(), judged.len());
}

#[test]
fn a_healthy_domain_has_no_findings() {
    for judged in super::judge(&observation().build(), &context()) {
        let word = Word::from(&judged.judgement);
        assert!(matches!(word, Word::Pass | Word::NotApplicable), "{}: {word:?}", judged.rule.code);
    }
}

#[test]
fn every_rule_passes_somewhere_in_a_healthy_domain() {
    let judged = super::judge(&observation().build(), &context());
    for rule in ALL {
        assert!(
            judged.iter().any(|judged| judged.rule == *rule && judged.judgement == Ok(Verdict::Pass)),
            "{}",
            rule.code
        );
    }
}

#[test]
fn a_null_mx_is_all_there_is_to_say() {
    let observation = observation().of([]).mx([(0, ".")]);
    for judged in super::judge(&observation.build(), &context()) {
        let want = match judged.rule.code {
            "smtp.null_mx" => Word::Finds(vec!["smtp.null_mx"]),
            "smtp.mx_present" => Word::Pass,
            _ => Word::NotApplicable,
        };
        assert_eq!(Word::from(&judged.judgement), want, "{}", judged.rule.code);
    }
}

#[test]
fn an_address_out_of_reach_is_found_once() {
    let endpoint = crate::observe::testing::endpoint().at("mx1.example.com", "10.0.0.1");
    let observation = observation().of([endpoint.unreachable(Cause::NotPublic)]).build();
    for judged in super::judge(&observation, &context()) {
        let want = match (judged.rule.code, &judged.subject) {
            (_, Subject::Domain) => continue,
            ("smtp.mx_sanity", _) => Word::Finds(vec!["smtp.mx.non_public_address"]),
            _ => Word::NotApplicable,
        };
        assert_eq!(Word::from(&judged.judgement), want, "{}", judged.rule.code);
    }
}

#[test]
fn what_was_not_seen_never_passes() {
    for cause in Cause::ALL {
        for unseen in
            [Unseen::failed(Stage::Connect, cause, ""), Unseen::failed(Stage::Connect, cause, "").behind()]
        {
            let observation = any_observation::nothing_seen(&unseen);
            for judged in super::judge(&observation, &context()) {
                assert_ne!(judged.judgement, Ok(Verdict::Pass), "{}: {unseen:?}", judged.rule.code);
                let found = matches!(judged.judgement, Ok(Verdict::Findings(_)));
                assert!(!(found && cause.is_inconclusive()), "{}: {unseen:?}", judged.rule.code);
            }
        }
    }
}
