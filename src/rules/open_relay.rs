//! Does the server take mail from strangers for strangers?

use super::evidence::dialogue_of;
use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict, tested};
use crate::observe::{Cause, Contact, RelayOutcome, RelayTest, Stage, Unseen};

pub(super) static RULE: Rule = Rule {
    code: "smtp.open_relay",
    title: "The server does not relay for strangers",
    issues: &[&OPEN_RELAY],
    source: Source::Relay,
    checks: &[Check::Contact(check)],
};

static OPEN_RELAY: Issue = Issue {
    code: "smtp.open_relay",
    severity: Severity::Critical,
    title: "The server is an open relay",
    why: "It takes mail from strangers for strangers. Spammers find such servers within hours; then its address stands on block-lists, and your own mail bounces.",
    fix: "Close it today: relay only for your own networks and for authenticated users. Postfix: `smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination`; Exim: `require domains = +local_domains : +relay_to_domains` in `acl_smtp_rcpt`. If the probe's address is meant to relay here, say so in `network.trusted_by`. Then clear the queue of spam and ask the block-lists for delisting.",
    reference: "https://www.rfc-editor.org/rfc/rfc2505#section-2.1",
};

fn check(contact: &Contact, cx: &Context) -> Judgement {
    let Some(test) = tested(cx.tests.open_relay, contact, contact.relay.as_ref())? else {
        return Ok(Verdict::NotApplicable);
    };
    match test.outcome()? {
        RelayOutcome::Closed => Ok(Verdict::Pass),
        RelayOutcome::Open if cx.is_trusted_by(contact) => {
            Err(Unseen::failed(Stage::Rcpt, Cause::TrustedVantage, "accepted, as network.trusted_by expects"))
        }
        RelayOutcome::Open => Ok(OPEN_RELAY.found(evidence(test))),
    }
}

fn evidence(test: &RelayTest) -> String {
    let from = test.local.map_or_else(|| "the prober's address".to_owned(), |local| local.to_string());
    let asked = test.attempts.iter().chain(&test.confirmation).map(dialogue_of).collect::<Vec<_>>();
    format!(
        "{}\naccepted at RCPT from {from}; DATA was not tried; check that this address is not among the server's \
         trusted networks",
        asked.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        context, evidence, finds, inconclusive, judge, judge_in, not_applicable, pass,
    };
    use super::super::{Tests, TrustedBy};
    use super::*;
    use crate::observe::testing::{
        LOCAL, asks_relay, blocked, endpoint, failed, mx, open_relay, ordinary, relay, transaction,
    };
    use crate::observe::{RelayTest, Seen, Transaction};

    const OK: &str = "250 2.1.5 Ok";

    fn confirmed_with(rcpt: &str) -> Seen<RelayTest> {
        let second = transaction(None, "postmaster@probe.example.net", "250 2.1.0 Ok", rcpt);
        relay(vec![outside(OK)], Some(second))
    }

    fn outside(rcpt: &str) -> Transaction {
        asks_relay("relaytest@example.org", rcpt)
    }

    #[test]
    fn two_outside_recipients_must_be_accepted() {
        let one = |rcpt| relay(vec![outside(rcpt)], None);
        let null_mx = || {
            outside("556 5.1.10 <relaytest@example.org>: Domain example.org does not accept mail (nullMX)")
        };
        for (seen, want) in [
            (one("554 5.7.1 <relaytest@example.org>: Relay access denied"), pass()),
            (one("454 4.7.1 <relaytest@example.org>: Relay access denied"), pass()),
            (one("550 5.7.64 TenantAttribution; Relay Access Denied"), pass()),
            (one("530 5.7.1 Authentication required"), pass()),
            (relay(vec![ordinary("530 5.7.0 Must issue a STARTTLS command first", OK)], None), pass()),
            (relay(vec![ordinary("550 no", OK)], None), inconclusive(Cause::ClientBlocked)),
            (open_relay(), finds(&OPEN_RELAY)),
            (confirmed_with("251 will forward"), finds(&OPEN_RELAY)),
            (confirmed_with("550 relay not permitted"), pass()),
            (confirmed_with("450 4.3.0 later"), inconclusive(Cause::Tempfail)),
            (confirmed_with("421 bye"), inconclusive(Cause::Throttled)),
            (confirmed_with("252 cannot verify"), inconclusive(Cause::ProbeRecipientUnusable)),
            (confirmed_with("554 <>: Sender address rejected"), inconclusive(Cause::ProbeRecipientUnusable)),
            (one(OK), inconclusive(Cause::ProbeRecipientUnusable)),
            (one("450 4.2.0 Greylisted"), inconclusive(Cause::Greylisted)),
            (one("550 blocked using zen.spamhaus.org"), inconclusive(Cause::ClientBlocked)),
            (relay(vec![null_mx()], None), inconclusive(Cause::ProbeRecipientUnusable)),
            (relay(vec![null_mx(), outside("550 relaying denied")], None), pass()),
            (relay(vec![], None), inconclusive(Cause::ProbeRecipientUnusable)),
            (failed(Stage::Mail, Cause::Closed), inconclusive(Cause::Tempfail)),
            (blocked(Stage::Banner, Cause::Throttled), inconclusive(Cause::Throttled)),
            (blocked(Stage::Ehlo, Cause::Rejected), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint().relay(Some(seen.clone()))), want, "{seen:?}");
        }
        assert_eq!(judge(&RULE, &endpoint().relay(None)), not_applicable());
    }

    #[test]
    fn where_we_are_trusted_nothing_is_proved() {
        let open = endpoint().relay(Some(open_relay()));
        for (trusted_by, want) in [
            (TrustedBy::Mx(mx("mx1.example.com")), inconclusive(Cause::TrustedVantage)),
            (TrustedBy::Network("192.0.2.0/24".parse().unwrap()), inconclusive(Cause::TrustedVantage)),
            (TrustedBy::Mx(mx("mx2.example.com")), finds(&OPEN_RELAY)),
            (TrustedBy::Network("203.0.113.0/24".parse().unwrap()), finds(&OPEN_RELAY)),
        ] {
            let cx = Context { trusted_by: vec![trusted_by], ..context() };
            assert_eq!(judge_in(&RULE, &open, &cx), want, "{cx:?}");
            assert_eq!(judge_in(&RULE, &endpoint(), &cx), pass());
        }
    }

    #[test]
    fn a_test_that_is_off_says_nothing() {
        let off = Context { tests: Tests { open_relay: false, ..context().tests }, ..context() };
        assert_eq!(judge_in(&RULE, &endpoint().relay(Some(open_relay())), &off), not_applicable());
    }

    #[test]
    fn the_evidence_says_who_asked_what() {
        assert_eq!(
            evidence(&RULE, &endpoint().relay(Some(open_relay()))),
            [format!(
                "→ MAIL FROM:<postmaster@probe.example.net>  ← 250 2.1.0 Ok\n\
                 → RCPT TO:<relaytest@example.org>  ← 250 2.1.5 Ok\n\
                 → MAIL FROM:<>  ← 250 2.1.0 Ok\n\
                 → RCPT TO:<postmaster@probe.example.net>  ← 250 2.1.5 Accepted\n\
                 accepted at RCPT from {LOCAL}; DATA was not tried; check that this address is not among the \
                 server's trusted networks"
            )]
        );
    }
}
