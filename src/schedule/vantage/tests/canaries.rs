//! What canaries tell, and proxies in their place.

use super::*;

#[test]
fn canaries_decide_for_their_family() {
    let canaries = [ip("x"), ip("y"), address("2001:db8::1")];
    let mut story = Story::of_a_known_family();
    story.lookout.set_canaries(None);
    assert_eq!(story.tell(0, "a", SILENT), None);
    assert_eq!(story.tell(1, "a", SILENT), OURS, "they have yet to be asked");
    story.lookout.set_canaries(Some(&canaries));
    assert_eq!(story.lookout.unasked(ip("a"), at(0)), [ip("x"), ip("y")]);
    story.tell(2, "x", SILENT);
    assert_eq!(story.v4(), Some(Reach::Open), "not all of them");
    story.tell(2, "y", Sings);
    assert_eq!(story.lookout.in_question(ip("a")), None);
    for server in ["a", "b", "c", "d"] {
        assert_eq!((story.tell(3, server, SILENT), story.v4()), (None, Some(Reach::Open)), "one works");
    }
    assert_eq!(story.lookout.in_question(ip("b")), Some(at(3)));
    story.tell(4, "x", REFUSED);
    assert_eq!(story.tell(4, "y", SILENT), OURS);
    assert_eq!(story.v4(), Some(Reach::Blocked(Outage::Canaries)));
    assert_eq!(story.tell(5, "b", SILENT), OURS, "its second look");
    assert!(story.lookout.disproved_canaries().is_empty());
    assert_eq!(story.tell(6, "c", Well), None);
    assert_eq!(story.lookout.disproved_canaries(), [ip("x"), ip("y")]);
    story.tell(7, "x", Sings);
    assert_eq!(story.v4(), Some(Reach::Open));
}

#[test]
fn a_canary_that_puts_us_off_says_nothing() {
    let mut story = Story::of_a_known_family();
    story.lookout.set_canaries(Some(&[ip("x")]));
    story.tell(0, "x", Throttled);
    assert_eq!(story.v4(), Some(Reach::Open));
    assert_eq!(story.tell(1, "a", SILENT), None);
    assert_eq!(story.lookout.in_question(ip("a")), Some(at(1)));
    story.tell(2, "x", Throttled);
    assert_eq!(story.tell(3, "a", SILENT), None, "it was asked, and there is nobody else");
    story.lookout.set_canaries(Some(&[]));
    for server in ["b", "c", "d"] {
        story.tell(4, server, SILENT);
    }
    assert_eq!(story.v4(), Some(Reach::Blocked(Outage::Correlation)), "without canaries the old way");
}

#[test]
fn a_proxy_that_takes_encryption_away_is_ours() {
    let mut story = Story::of_a_known_family();
    story.lookout.set_canaries(Some(&[ip("x")]));
    story.tell(0, "x", Sings);
    assert_eq!((story.tell(0, "a", Well), story.tell(0, "b", Bare)), (None, None));
    assert_eq!(story.tell(15, "a", Bare), OURS, "it was encrypted before");
    assert_eq!(story.lookout.in_question(ip("a")), Some(at(15)));
    assert_eq!(story.tell(16, "x", Croaks), OURS);
    assert_eq!(story.v4(), Some(Reach::Blocked(Outage::Proxy)));
    for goes in [Bare, SILENT, Throttled] {
        assert_eq!(story.tell(17, "c", goes), OURS, "{goes:?}");
    }
    assert_eq!(story.tell(18, "d", Well), None, "encrypted all the way");
    assert_eq!(story.lookout.disproved_canaries(), [ip("x")]);
    story.tell(19, "x", Sings);
    assert!(story.lookout.has_cleared(ip("a"), Some((Stage::Connect, Cause::VantageBlocked))));
    assert_eq!(story.tell(20, "a", Bare), None, "it does so itself");
    assert_eq!(story.tell(35, "a", Bare), None);
    assert_eq!(story.tell(50, "a", Well), None);
}

#[test]
fn without_canaries_nobody_is_taken_for_a_proxy() {
    let mut story = Story::default();
    assert_eq!(story.tell(0, "a", Well), None);
    assert_eq!(story.tell(15, "a", Bare), None);
    assert_eq!(story.lookout.in_question(ip("a")), None);
}

#[test]
fn at_the_start_a_bare_server_waits_for_the_canaries() {
    let mut story = Story::default();
    story.lookout.set_canaries(None);
    assert_eq!(story.tell(0, "a", Bare), OURS);
    story.lookout.set_canaries(Some(&[ip("x")]));
    story.tell(1, "x", Sings);
    assert_eq!(story.lookout.in_question(ip("a")), None);
    assert_eq!(story.tell(2, "a", Bare), None);
}
