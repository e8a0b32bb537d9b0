//! Is mail without a sender, as bounces are, taken where other mail is?

use super::evidence::dialogue_of;
use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict, tested};
use crate::observe::Contact;

pub(super) static RULE: Rule = Rule {
    code: "smtp.null_sender",
    title: "Mail from the null sender is taken",
    issues: &[&REJECTED],
    source: Source::NullSender,
    checks: &[Check::Contact(check)],
};

static REJECTED: Issue = Issue {
    code: "smtp.null_sender.rejected",
    severity: Severity::Critical,
    title: "Mail from the null sender is refused",
    why: "Bounces and receipts come from `<>`. Where it is refused, your users never learn that their mail was not delivered, and some servers refuse mail of a domain that takes no bounces.",
    fix: "Take mail from `MAIL FROM:<>` for your own recipients; drop the rule that refuses empty senders (Postfix: look through `check_sender_access`; Exim: `acl_smtp_mail`).",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-4.5.5",
};

fn check(contact: &Contact, cx: &Context) -> Judgement {
    let Some(test) = tested(cx.tests.null_sender, contact, contact.null_sender.as_ref())? else {
        return Ok(Verdict::NotApplicable);
    };
    if test.is_accepted()? {
        return Ok(Verdict::Pass);
    }
    let asked = [Some(&test.null), test.ordinary.as_ref()].into_iter().flatten().map(dialogue_of);
    Ok(REJECTED.found(asked.collect::<Vec<_>>().join("\n")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        context, evidence, finds, inconclusive, judge, judge_in, not_applicable, pass,
    };
    use super::*;
    use crate::observe::testing::{blocked, bounce, endpoint, failed, null_sender, ordinary};
    use crate::observe::{Cause, NullSender, Seen, Stage};
    use crate::rules::Tests;

    const OK: &str = "250 2.1.0 Ok";
    const NOBODY: &str = "554 5.7.1 <>: Sender address rejected: Access denied";

    fn refused_at_mail(text: &str) -> Seen<NullSender> {
        null_sender(bounce(text, OK), None)
    }

    #[test]
    fn bounces_must_be_taken_where_other_mail_is() {
        let alone = |rcpt| null_sender(bounce(OK, rcpt), None);
        let both = |null, rcpt| null_sender(bounce(OK, null), Some(ordinary(OK, rcpt)));
        for (seen, want) in [
            (alone("250 Ok"), pass()),
            (alone("251 will forward"), pass()),
            (alone("252 cannot verify"), pass()),
            (refused_at_mail(NOBODY), finds(&REJECTED)),
            (both("550 no bounces", "250 Ok"), finds(&REJECTED)),
            (both(NOBODY, "250 Ok"), finds(&REJECTED)),
            (both("550 5.1.1 User unknown", "550 5.1.1 User unknown"), pass()),
            (both("550 no", "450 4.2.0 Greylisted"), inconclusive(Cause::Greylisted)),
            (both("550 no", "550 blocked using zen.spamhaus.org"), inconclusive(Cause::ClientBlocked)),
            (alone("450 4.2.0 Greylisted"), inconclusive(Cause::Greylisted)),
            (alone("451 4.3.0 lookup failure"), inconclusive(Cause::Tempfail)),
            (alone("421 bye"), inconclusive(Cause::Throttled)),
            (alone("550 your IP is on our blacklist"), inconclusive(Cause::ClientBlocked)),
            // the same client is welcome with a sender
            (both("550 5.7.1 sender rejected", "250 Ok"), finds(&REJECTED)),
            (both("550 5.7.1 sender rejected", "550 no"), inconclusive(Cause::ClientBlocked)),
            (refused_at_mail("421 bye"), inconclusive(Cause::Throttled)),
            (refused_at_mail("451 4.3.0 later"), inconclusive(Cause::Tempfail)),
            (refused_at_mail("550 dynamic IP"), inconclusive(Cause::ClientBlocked)),
            (refused_at_mail("530 5.7.57 Client not authenticated"), finds(&REJECTED)),
            (refused_at_mail("530 5.7.0 Must issue a STARTTLS command first"), not_applicable()),
            // nobody is welcome, for reasons of which nothing is said
            (
                null_sender(bounce("550 no", OK), Some(ordinary("550 no", OK))),
                inconclusive(Cause::ClientBlocked),
            ),
            (
                null_sender(bounce("550 no", OK), Some(ordinary("421 bye", OK))),
                inconclusive(Cause::Throttled),
            ),
            (null_sender(bounce("550 no", OK), Some(ordinary(OK, "450 later"))), finds(&REJECTED)),
        ] {
            assert_eq!(judge(&RULE, &endpoint().null_sender(Some(seen.clone()))), want, "{seen:?}");
        }
    }

    #[test]
    fn a_broken_connection_proves_nothing() {
        let mut hung_up = bounce(OK, OK);
        hung_up.rcpt = failed(Stage::Rcpt, Cause::Closed);
        let mut cut = bounce(OK, OK);
        cut.mail = failed(Stage::Mail, Cause::Reset);
        for (seen, want) in [
            (Some(null_sender(hung_up, None)), inconclusive(Cause::Tempfail)),
            (Some(null_sender(cut, None)), inconclusive(Cause::Tempfail)),
            (Some(blocked(Stage::Rcpt, Cause::Closed)), inconclusive(Cause::Tempfail)),
            (Some(blocked(Stage::Banner, Cause::Throttled)), inconclusive(Cause::Throttled)),
            (Some(blocked(Stage::Ehlo, Cause::Rejected)), not_applicable()),
            (None, not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint().null_sender(seen.clone())), want, "{seen:?}");
        }
        assert_eq!(judge(&RULE, &endpoint().unreachable(Cause::Refused)), not_applicable());
        assert_eq!(
            judge(&RULE, &endpoint().unreachable(Cause::Refused).on_first_look()),
            inconclusive(Cause::Tempfail)
        );
    }

    #[test]
    fn a_test_that_is_off_says_nothing() {
        let off =
            super::super::Context { tests: Tests { null_sender: false, ..context().tests }, ..context() };
        let refused = endpoint().null_sender(Some(refused_at_mail(NOBODY)));
        assert_eq!(judge_in(&RULE, &refused, &off), not_applicable());
    }

    #[test]
    fn quotes_both_transactions() {
        let seen = null_sender(bounce(OK, "550 no bounces"), Some(ordinary(OK, "250 2.1.5 Ok")));
        assert_eq!(
            evidence(&RULE, &endpoint().null_sender(Some(seen))),
            ["→ MAIL FROM:<>  ← 250 2.1.0 Ok\n\
              → RCPT TO:<postmaster@example.com>  ← 550 no bounces\n\
              → MAIL FROM:<postmaster@probe.example.net>  ← 250 2.1.0 Ok\n\
              → RCPT TO:<postmaster@example.com>  ← 250 2.1.5 Ok"]
        );
    }
}
