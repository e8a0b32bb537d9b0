//! What holds for any observation whatever: no panic, no verdict out of nothing, no finding out of what passes by itself.

use super::*;
use crate::observe::testing::arbitrary::{QUESTIONS, World, world};
use crate::observe::testing::{endpoint, host, observation, ptr_fails, reply};
use crate::observe::{Cause, Fact, Observation, Outcome, Policy, Reply, Unseen};
use proptest::prelude::*;
use std::sync::Arc;

/// A domain whose look-ups and sessions all failed like `unseen`.
pub(super) fn nothing_seen(unseen: &Unseen) -> Observation {
    let failing = || host().a_is(Outcome::Timeout).aaaa_is(Outcome::ServerFailure);
    let endpoints =
        [endpoint(), endpoint().at("mx1.example.com", "2001:db8::10")].map(|e| e.with_ptr(ptr_fails()));
    let mut observation = observation().of(endpoints).host("mx1.example.com", failing()).build();
    observation.dns.mx.outcome = Outcome::ServerFailure;
    observation.policy = Policy::unseen();
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

/// Every verdict by rule and subject.
fn judged(world: &World) -> BTreeMap<(&'static str, Subject), Word> {
    let judged = super::super::judge(&world.observe(), &context());
    judged.into_iter().map(|one| ((one.rule.code, one.subject), Word::from(&one.judgement))).collect()
}

/// What is found only in the second, where nothing was wrong or nothing could be in the first.
fn newly_found(before: &World, after: &World) -> Vec<((&'static str, Subject), Word)> {
    let before = judged(before);
    let was_well = |key: &(&'static str, Subject)| {
        before.get(key).is_none_or(|word| *word == pass() || *word == not_applicable())
    };
    let found = judged(after).into_iter().filter(|(_, word)| matches!(word, Word::Finds(_)));
    found.filter(|(key, _)| was_well(key)).collect()
}

/// What proves nothing: temporary refusals, and a deadline that ran out.
fn said() -> impl Strategy<Value = Result<Reply, Cause>> {
    let texts = [
        "421 4.3.2 closing transmission channel",
        "450 4.2.0 greylisted, try again later",
        "450 4.7.1 Client host rejected: cannot find your hostname",
        "451 4.3.0 temporary lookup failure",
        "451 4.7.500 Server busy",
        "452 4.3.1 insufficient system storage",
    ];
    prop_oneof![6 => prop::sample::select(texts.to_vec()).prop_map(|text| Ok(reply(text))), 1 => Just(Err(Cause::Timeout))]
}

/// What is asked behind a question in the same test, with another test behind it.
fn rest_of_test(question: usize) -> std::ops::Range<usize> {
    match question {
        5..=8 => question + 1..9,
        9 => 10..11,
        _ => 0..0,
    }
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
    fn what_passes_by_itself_finds_nothing_new_wherever_it_is_said(world in world(), said in said()) {
        for (at, question) in (0..world.endpoints.len()).flat_map(|at| (0..QUESTIONS).map(move |question| (at, question))) {
            // In the place of a lost connection it would let more be seen; so it would before TLS where EHLO inside is
            // refused, for the tests are made in plaintext then; and what ends a test spares it the rest, which may be
            // where the connection was lost.
            let answers = &world.endpoints[at].3.answers;
            let is_refused_inside = !answers[4].as_ref().is_ok_and(Reply::is_positive);
            let is_spared_loss = answers[rest_of_test(question)].iter().any(Result::is_err);
            if answers[question].is_err() || question == 3 && is_refused_inside || is_spared_loss {
                continue;
            }
            let mut throttled = world.clone();
            throttled.endpoints[at].3.answers[question] = said.clone();
            let new = newly_found(&world, &throttled);
            prop_assert!(new.is_empty(), "question {question}: {new:?}");
        }
    }
}
