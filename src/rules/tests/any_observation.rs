//! What holds for any observation whatever: no panic, no verdict out of nothing, no finding out of a 421.

use super::*;
use crate::observe::testing::arbitrary::{QUESTIONS, World, world};
use crate::observe::testing::{endpoint, host, observation, ptr_fails, reply};
use crate::observe::{Fact, Observation, Outcome, Unseen};
use proptest::prelude::*;
use std::sync::Arc;

/// A domain whose look-ups and sessions all failed like `unseen`.
pub(super) fn nothing_seen(unseen: &Unseen) -> Observation {
    let failing = || host().a_is(Outcome::Timeout).aaaa_is(Outcome::ServerFailure);
    let endpoints =
        [endpoint(), endpoint().at("mx1.example.com", "2001:db8::10")].map(|e| e.with_ptr(ptr_fails()));
    let mut observation = observation().of(endpoints).host("mx1.example.com", failing()).build();
    observation.dns.mx.outcome = Outcome::ServerFailure;
    for endpoint in &mut observation.endpoints {
        let contact = Arc::make_mut(&mut endpoint.contact);
        contact.dialogue.seen = Err(unseen.clone());
        contact.dialogue.streak.count = 2;
        contact.null_sender =
            contact.null_sender.take().map(|fact| Fact { seen: Err(unseen.behind()), ..fact });
        contact.relay = contact.relay.take().map(|fact| Fact { seen: Err(unseen.behind()), ..fact });
        endpoint.postmaster =
            endpoint.postmaster.take().map(|fact| Fact { seen: Err(unseen.behind()), ..fact });
        Arc::make_mut(&mut endpoint.ptr).seen = Err(unseen.clone());
    }
    observation
}

/// Every finding by its subject.
fn findings(world: &World) -> BTreeSet<(Subject, &'static str)> {
    let judged = super::super::judge(&world.observe(), &context());
    let found = judged.into_iter().filter_map(|judged| match judged.judgement {
        Ok(Verdict::Findings(findings)) => Some((judged.subject, findings)),
        _ => None,
    });
    found
        .flat_map(|(subject, all)| all.into_iter().map(move |one| (subject.clone(), one.issue.code)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rules_are_total(world in world()) {
        let observation = world.observe();
        for judged in super::super::judge(&observation, &context()) {
            match &judged.judgement {
                Ok(Verdict::Findings(found)) => {
                    prop_assert!(!found.is_empty(), "{}: findings without one", judged.rule.code);
                    for finding in found {
                        prop_assert!(judged.rule.issues.contains(&finding.issue), "{}", finding.issue.code);
                        prop_assert!(!finding.evidence.is_empty(), "{}", finding.issue.code);
                        prop_assert!(!finding.evidence.contains('\u{1b}'), "{}", finding.issue.code);
                    }
                }
                Ok(_) => {}
                Err(unseen) => prop_assert!(unseen.is_inconclusive(), "{}: {unseen:?}", judged.rule.code),
            }
        }
    }

    #[test]
    fn a_421_in_any_place_finds_nothing_new(world in world()) {
        let before = findings(&world);
        for (at, question) in (0..world.endpoints.len()).flat_map(|at| (0..QUESTIONS).map(move |question| (at, question))) {
            let mut throttled = world.clone();
            throttled.endpoints[at].3.answers[question] = Ok(reply("421 4.3.2 closing transmission channel"));
            let new: Vec<_> = findings(&throttled).difference(&before).cloned().collect();
            prop_assert!(new.is_empty(), "question {question}: {new:?}");
        }
    }
}
