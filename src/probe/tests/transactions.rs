//! The transactions: who is asked what, in which order, and how few commands that takes.

use super::super::RelayPlan;
use super::peer::{Meeting, Met, meeting};
use crate::name::{DomainName, Mailbox};
use crate::observe::{Cause, Stage};

const HELLO: &str = "S 220 mx\n C EHLO\n S 250 mx\n";

fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

fn mailboxes(texts: &[&str]) -> Vec<Mailbox> {
    texts.iter().map(|text| Mailbox::parse(text).unwrap()).collect()
}

/// Asks what is named: `null`, `relay`, and domains for their postmasters.
fn asking(tests: &str) -> Meeting {
    let mut meeting = meeting();
    for test in tests.split_whitespace() {
        match test {
            "null" => meeting.plan.null_sender = Some(domain("a.test")),
            "relay" => {
                let recipients = mailboxes(&["x@out1.test", "x@out2.test", "x@out3.test", "x@out4.test"]);
                let confirmations = mailboxes(&["postmaster@out1.test", "y@other.test", "z@third.test"]);
                meeting.plan.relay = Some(RelayPlan { recipients, confirmations });
            }
            name => meeting.plan.postmasters.push(domain(name)),
        }
    }
    meeting
}

async fn ask(tests: &str, script: &str) -> Met {
    asking(tests).play(&format!("{HELLO}{script}")).await
}

#[tokio::test(start_paused = true)]
async fn a_healthy_server_answers_all_tests_in_few_commands() {
    let met = ask(
        "null a.test b.test relay",
        "C MAIL FROM:<>
         S 250 ok
         C RCPT TO:<postmaster@a.test>
         S 250 ok
         C RSET
         S 250 ok
         C MAIL FROM:<postmaster@probe.test>
         S 250 ok
         C RCPT TO:<postmaster@b.test>
         S 251 ok
         C RSET
         S 250 ok
         C MAIL FROM:<postmaster@probe.test>
         S 250 ok
         C RCPT TO:<x@out1.test>
         S 554 relay access denied
         C RSET
         S 250 ok
         C QUIT
         S 221 bye",
    )
    .await;
    assert_eq!(met.tests(), "null accepted, a.test accepted, b.test accepted, relay closed");
    assert_eq!(met.steps().iter().filter(|step| step.stage == Stage::Rset).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_null_sender() {
    for (name, script, want) in [
        ("accepted", "S 250 ok\n C RCPT\n S 250 ok\n C RSET\n S 250 ok", "null accepted"),
        ("252", "S 250 ok\n C RCPT\n S 252 perhaps\n C RSET\n S 250 ok", "null accepted"),
        ("MAIL refused", "S 550 no", "null refused"),
        ("MAIL put off", "S 451 later", "null tempfail@mail"),
        ("TLS wanted", "S 530 Must issue STARTTLS first", "null rejected@mail"),
        (
            "greylisted",
            "S 250 ok\n C RCPT\n S 450 4.2.0 greylisted\n C RSET\n S 250 ok",
            "null greylisted@rcpt",
        ),
        ("S40 throttled at MAIL", "S 421 later", "null throttled@mail"),
        ("S40 throttled at RCPT", "S 250 ok\n C RCPT\n S 421 later", "null throttled@rcpt"),
        ("silence at RCPT", "S 250 ok\n C RCPT\n W 46", "null timeout@rcpt"),
    ] {
        let met = ask("null", &format!("C MAIL FROM:<>\n {script}\n C QUIT\n S 221 bye")).await;
        assert_eq!(met.tests(), want, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_recipient_refused_to_the_null_sender_is_asked_again_from_an_ordinary_one() {
    for (again, want) in [
        ("250 ok", "null refused, a.test accepted"),
        ("550 no", "null accepted, a.test refused"),
        ("450 later", "null tempfail@rcpt, a.test tempfail@rcpt"),
    ] {
        let script = format!(
            "C MAIL FROM:<>\n S 250 ok\n C RCPT TO:<postmaster@a.test>\n S 550 no\n C RSET\n S 250 ok
             C MAIL FROM:<postmaster@probe.test>\n S 250 ok\n C RCPT TO:<postmaster@a.test>\n S {again}
             C RSET\n S 250 ok\n C QUIT\n S 221 bye"
        );
        assert_eq!(ask("null a.test", &script).await.tests(), want, "{again}");
        let alone = want.split(',').next().unwrap();
        assert_eq!(ask("null", &script).await.tests(), alone, "{again}, nobody asks for the postmaster");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_null_sender_leaves_the_postmaster_to_an_ordinary_one() {
    let met = ask(
        "null a.test",
        "C MAIL FROM:<>\n S 550 no
         C MAIL FROM:<postmaster@probe.test>\n S 250 ok\n C RCPT TO:<postmaster@a.test>\n S 250 ok\n C RSET\n S 250 ok
         C QUIT\n S 221 bye",
    )
    .await;
    assert_eq!(met.tests(), "null refused, a.test accepted");
}

#[tokio::test(start_paused = true)]
async fn five_postmasters_share_a_transaction() {
    let met = ask(
        "a.test b.test c.test d.test e.test f.test",
        "C MAIL\n S 250 ok
         C RCPT TO:<postmaster@a.test>\n S 250 ok
         C RCPT TO:<postmaster@b.test>\n S 550 no
         C RCPT TO:<postmaster@c.test>\n S 450 later
         C RCPT TO:<postmaster@d.test>\n S 250 ok
         C RCPT TO:<postmaster@e.test>\n S 250 ok
         C RSET\n S 250 ok\n C QUIT\n S 221 bye",
    )
    .await;
    let want = "a.test accepted, b.test refused, c.test tempfail@rcpt, d.test accepted, e.test accepted";
    assert_eq!(met.tests(), want);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_one_domain_a_transaction_gets_that() {
    let one = "451 4.3.0 Multiple destination domains per transaction is unsupported.";
    let met = ask(
        "a.test b.test c.test",
        &format!(
            "C MAIL\n S 250 ok\n C RCPT TO:<postmaster@a.test>\n S 250 ok\n C RCPT TO:<postmaster@b.test>\n S {one}
             C RSET\n S 250 ok
             C MAIL\n S 250 ok\n C RCPT TO:<postmaster@b.test>\n S 250 ok\n C RCPT TO:<postmaster@c.test>\n S {one}
             C RSET\n S 250 ok
             C MAIL\n S 250 ok\n C RCPT TO:<postmaster@c.test>\n S 250 ok
             C RSET\n S 250 ok\n C QUIT\n S 221 bye"
        ),
    )
    .await;
    assert_eq!(met.tests(), "a.test accepted, b.test accepted, c.test accepted");
    let met = ask(
        "a.test b.test c.test relay",
        &format!(
            "C MAIL\n S 250 ok\n C RCPT TO:<postmaster@a.test>\n S 250 ok\n C RCPT TO:<postmaster@b.test>\n S {one}
             C RSET\n S 250 ok
             C MAIL\n S 250 ok\n C RCPT TO:<postmaster@b.test>\n S 250 ok\n C RCPT TO:<postmaster@c.test>\n S {one}
             C RSET\n S 250 ok
             C MAIL\n S 250 ok\n C RCPT TO:<x@out1.test>\n S 550 no\n C RSET\n S 250 ok\n C QUIT\n S 221 bye"
        ),
    )
    .await;
    assert_eq!(
        met.tests(),
        "a.test accepted, b.test accepted, relay closed",
        "c.test waits for the next session"
    );
}

#[tokio::test(start_paused = true)]
async fn the_relay_test() {
    let attempt = |to: &str, answer: &str| {
        format!(
            "C MAIL FROM:<postmaster@probe.test>\n S 250 ok\n C RCPT TO:<{to}>\n S {answer}\n C RSET\n S 250 ok\n"
        )
    };
    let null = |to: &str, answer: &str| {
        format!("C MAIL FROM:<>\n S 250 ok\n C RCPT TO:<{to}>\n S {answer}\n C RSET\n S 250 ok\n")
    };
    let refused_null = "C MAIL FROM:<>\n S 550 no\n";
    for (name, script, want) in [
        ("closed", attempt("x@out1.test", "550 5.7.1 relaying denied"), "relay closed"),
        ("authentication wanted", "C MAIL FROM:<p\n S 530 authenticate\n".to_owned(), "relay closed"),
        ("put off", attempt("x@out1.test", "450 later"), "relay tempfail@rcpt"),
        ("open", attempt("x@out1.test", "250 ok") + &null("y@other.test", "250 ok"), "relay open"),
        ("accepts once", attempt("x@out1.test", "250 ok") + &null("y@other.test", "550 no"), "relay closed"),
        (
            "open, but not to the null sender",
            attempt("x@out1.test", "250 ok") + refused_null + &attempt("y@other.test", "250 ok"),
            "relay open",
        ),
        (
            "an unusable recipient",
            attempt("x@out1.test", "556 5.1.10 null MX") + &attempt("x@out2.test", "554 no"),
            "relay closed",
        ),
        (
            "a second that cannot be used either",
            attempt("x@out1.test", "252 perhaps")
                + &attempt("x@out2.test", "250 ok")
                + &null("postmaster@out1.test", "556 no")
                + &null("y@other.test", "250 ok"),
            "relay open",
        ),
        (
            "three unusable recipients",
            ["x@out1.test", "x@out2.test", "x@out3.test"].map(|to| attempt(to, "556 no")).concat(),
            "relay probe_recipient_unusable@rcpt",
        ),
    ] {
        let met = ask("relay", &format!("{script}C QUIT\n S 221 bye")).await;
        assert_eq!(met.tests(), want, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_relay_test_without_recipients_says_so() {
    let mut empty = asking("");
    empty.plan.relay = Some(RelayPlan { recipients: vec![], confirmations: vec![] });
    let met = empty.play(&format!("{HELLO}C QUIT\n S 221 bye")).await;
    assert_eq!(met.tests(), "relay probe_recipient_unusable@rcpt");
}

#[tokio::test(start_paused = true)]
async fn a_null_sender_refused_before_is_not_tried_again() {
    let met = ask(
        "null relay",
        "C MAIL FROM:<>\n S 550 no
         C MAIL FROM:<p\n S 250 ok\n C RCPT TO:<x@out1.test>\n S 250 ok\n C RSET\n S 250 ok
         C MAIL FROM:<p\n S 250 ok\n C RCPT TO:<y@other.test>\n S 250 ok\n C RSET\n S 250 ok
         C QUIT\n S 221 bye",
    )
    .await;
    assert_eq!(met.tests(), "null refused, relay open");
}

#[tokio::test(start_paused = true)]
async fn an_end_in_the_middle_leaves_the_rest_unseen() {
    let first = "C MAIL FROM:<>\n S 250 ok\n C RCPT\n S 250 ok\n";
    for (name, script, want) in [
        (
            "S41 at MAIL",
            "C MAIL\n".to_owned(),
            "null tempfail@mail, b.test (tempfail@mail), relay (tempfail@mail)",
        ),
        (
            "S41 at RCPT",
            "C MAIL\n S 250 ok\n C RCPT\n".to_owned(),
            "null tempfail@rcpt, b.test (tempfail@rcpt), relay (tempfail@rcpt)",
        ),
        (
            "S41 at RSET",
            format!("{first}C RSET\n"),
            "null accepted, b.test (tempfail@rset), relay (tempfail@rset)",
        ),
        (
            "S56 RSET refused",
            format!("{first}C RSET\n S 502 no\n C QUIT\n"),
            "null accepted, b.test (tempfail@rset), relay (tempfail@rset)",
        ),
        (
            "S40 421 at RSET",
            format!("{first}C RSET\n S 421 bye\n C QUIT\n"),
            "null accepted, b.test (throttled@rset), relay (throttled@rset)",
        ),
        (
            "S22 two replies",
            "C MAIL\n raw 250 ok\\r\\n250 ok\\r\\n\n C QUIT\n".to_owned(),
            "null tempfail@rcpt, b.test (tempfail@rcpt), relay (tempfail@rcpt)",
        ),
        (
            "S51 leaves between commands",
            "C MAIL\n raw 250 ok\\r\\n421 4.7.0 too many\\r\\n\n C QUIT\n".to_owned(),
            "null throttled@rcpt, b.test (throttled@rcpt), relay (throttled@rcpt)",
        ),
    ] {
        let met = ask("null b.test relay", &script).await;
        assert_eq!(met.tests(), want, "{name}");
        assert_eq!(met.gist(), "220 250 not offered", "{name}: what came before stays");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tarpit_costs_a_session_and_no_more() {
    let mut tarpit = asking("a.test b.test c.test d.test");
    tarpit.plan.timeout = std::time::Duration::from_secs(100);
    let script = "C MAIL\n S 250 ok\n C RCPT\n W 20\n S 250 ok\n C RCPT\n W 40\n S 250 ok\n C RCPT\n W 44\n S 250 ok\n silence";
    let met = tarpit.play(&format!("{HELLO}{script}")).await;
    let want = "a.test accepted, b.test accepted, c.test timeout@rcpt, d.test (timeout@rcpt)";
    assert_eq!((met.tests().as_str(), met.took.as_secs()), (want, 100));
}

#[tokio::test(start_paused = true)]
async fn tests_behind_a_refusal_are_told_as_such() {
    for (script, want) in [
        (
            "S 421 later\n C QUIT",
            "null (throttled@banner), b.test (throttled@banner), relay (throttled@banner)",
        ),
        (
            "S 220 mx\n C EHLO\n S 550 no\n C QUIT",
            "null (rejected@ehlo), b.test (rejected@ehlo), relay (rejected@ehlo)",
        ),
        ("S 220 mx\n C EHLO", "null (closed@ehlo), b.test (closed@ehlo), relay (closed@ehlo)"),
    ] {
        let met = asking("null b.test relay").play(script).await;
        assert_eq!(met.tests(), want, "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn helo_is_enough_for_transactions() {
    let met = asking("null")
        .play("S 220 mx\n C EHLO\n S 502 no\n C HELO\n S 250 mx\n C MAIL FROM:<>\n S 250 ok\n C RCPT\n S 250 ok\n C RSET\n S 250 ok\n C QUIT")
        .await;
    assert_eq!(met.tests(), "null accepted");
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_a_transaction_is_our_own_doing() {
    let mut stopped = asking("null relay");
    stopped.stop_after = Some(std::time::Duration::from_secs(5));
    let met = stopped.play(&format!("{HELLO}C MAIL\n S 250 ok\n C RCPT\n silence")).await;
    assert_eq!(met.tests(), "null prober_error@rcpt, relay (prober_error@rcpt)");
    assert_eq!(met.heard.last().unwrap(), "QUIT\r\n");
    let cause = met.session.relay.unwrap().unwrap_err().cause();
    assert_eq!(cause, Cause::ProberError);
}

#[tokio::test(start_paused = true)]
async fn a_plaintext_session_leaves_starttls_alone() {
    let mut second = asking("null");
    second.plan.plaintext = true;
    let met = second
        .play("S 220 mx\n C EHLO\n S 250-mx\n S 250 STARTTLS\n C MAIL FROM:<>\n S 250 ok\n C RCPT\n S 250 ok\n C RSET\n S 250 ok\n C QUIT")
        .await;
    assert_eq!(met.gist(), "220 250 prober_error@starttls");
    assert_eq!(met.tests(), "null accepted");
}
