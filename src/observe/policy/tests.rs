//! When a policy is fetched, and what stands while nobody can tell.

use super::*;
use crate::observe::testing::{failed, now, policies, policy_text, served};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const MX: &[&str] = &["mx1.example.com"];

#[test]
fn a_policy_is_fetched_for_a_new_id_after_an_hour_and_sooner_after_trouble() {
    let sound = || policies("enforce", MX);
    let short = || sound().fetched(Some(Ok(served(&policy_text("enforce", MX, 1_200)))));
    let refused = |looks| sound().fetched(Some(failed(Stage::Fetch, Cause::Refused))).for_looks(looks, HOUR);
    let missing = || sound().fetched(Some(Ok(Fetched::Status(404))));
    for (previous, age, due) in [
        (sound(), HOUR - MINUTE, false),
        (sound(), HOUR, true),
        (sound().record(&["v=STSv1; id=other"]).fetched(Some(Ok(Fetched::TooLarge))), Duration::ZERO, true),
        (short(), 9 * MINUTE, false),
        (short(), 10 * MINUTE, true),
        (missing(), 4 * MINUTE, false),
        (missing(), 5 * MINUTE, true),
        (refused(1), MINUTE / 2, false),
        (refused(1), MINUTE, true),
        (refused(2), 4 * MINUTE, false),
        (refused(2), 5 * MINUTE, true),
        (sound().fetched(None), Duration::ZERO, true),
    ] {
        let (record, previous) = (sound().build().mta_sts, previous.build().mta_sts);
        let asked = record.due(Some(&previous), now() + age, MINUTE);
        assert_eq!(asked.is_some(), due, "{age:?} after {previous:?}");
    }
    let record = sound().build().mta_sts;
    assert!(record.due(None, now(), MINUTE).is_some());
    assert!(record.due(Some(&record), now() - HOUR, MINUTE).is_some(), "the clock was set back");
    for none in [sound().record(&["v=spf1 -all"]), sound().record_is(Outcome::Timeout)] {
        assert_eq!(none.build().mta_sts.due(None, now(), MINUTE), None);
    }
}

#[test]
fn what_proves_nothing_changes_no_state() {
    let sound = || policies("enforce", MX);
    let trouble = |cause| sound().fetched(Some(failed(Stage::Fetch, cause))).for_looks(1, HOUR);
    for (now, state) in [
        (trouble(Cause::Timeout), "enforce"),
        (trouble(Cause::Refused), "enforce"),
        (trouble(Cause::Refused).for_looks(2, HOUR), "invalid"),
        (trouble(Cause::NotPublic), "invalid"),
        (sound().record_is(Outcome::Timeout), "enforce"),
        (sound().fetched(Some(Ok(Fetched::Status(404)))), "invalid"),
        (sound().record(&["v=STSv1;"]), "invalid"),
        (sound().record_is(Outcome::NoData), "absent"),
        (policies("testing", MX), "testing"),
        (policies("none", &[]), "none"),
    ] {
        let sts = now.clone().after(&sound()).build().mta_sts;
        assert_eq!(sts.state.as_ref().map(StsState::as_str), Some(state), "{now:?}");
        assert_eq!(sts.enforces(), state == "enforce", "{now:?}");
    }
    assert_eq!(trouble(Cause::Timeout).build().mta_sts.state, None);
    assert!(StsState::WORDS.contains(&StsState::Absent.as_str()));
}

#[test]
fn a_fetch_that_is_not_due_keeps_its_fact() {
    let first = policies("enforce", MX).build();
    let again = policies("enforce", MX).fetched(None);
    let kept = Policy::looked_up(again.build().mta_sts.record, first.tls_rpt.clone());
    let kept = kept.following(Some(&first), now() + MINUTE, None);
    assert_eq!(kept.mta_sts.fetch, first.mta_sts.fetch);
    assert_eq!(kept.mta_sts.state, first.mta_sts.state);
    let unknown = policies("enforce", MX).record_is(Outcome::Timeout).after(&policies("enforce", MX)).build();
    assert_eq!(unknown.mta_sts.fetch, first.mta_sts.fetch, "nor does a look-up that failed forget it");
    let gone = policies("enforce", MX).record_is(Outcome::NoData).after(&policies("enforce", MX)).build();
    assert_eq!(gone.mta_sts.fetch, None);
}

#[test]
fn a_text_is_kept_for_people_as_far_as_they_read() {
    let long = format!("{}{}", policy_text("enforce", MX, 1), "x: y\n".repeat(3_000));
    let text = PolicyText::read(None, long.as_bytes());
    assert!(text.cut && text.policy.is_ok());
    let crs = 4;
    assert_eq!(text.lines.iter().map(|line| line.as_str().len() + 1).sum::<usize>() + crs, (8 << 10) + 1);
    let lines = PolicyText::read(None, b"a\r\n\x1b[31m\n\nb").lines;
    assert_eq!(lines.iter().map(PeerText::as_str).collect::<Vec<_>>(), ["a", "\\x1b[31m", "", "b"]);
}
