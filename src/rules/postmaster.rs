//! Is mail to the domain's postmaster taken?

use super::evidence::dialogue_of;
use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict, tested};
use crate::observe::{Endpoint, Observation};

pub(super) static RULE: Rule = Rule {
    code: "smtp.postmaster",
    title: "Mail to postmaster is taken",
    issues: &[&REJECTED],
    source: Source::Postmaster,
    checks: &[Check::Endpoint(check)],
};

static REJECTED: Issue = Issue {
    code: "smtp.postmaster.rejected",
    severity: Severity::Critical,
    title: "Mail to postmaster is refused",
    why: "RFC 5321 §4.5.1 demands that every domain that takes mail takes it for postmaster. Others use it to tell you of trouble with your mail, and to prove that a domain is yours.",
    fix: "Create the mailbox, or an alias to one that somebody reads (Postfix: `postmaster: root` in /etc/aliases, or an entry in `virtual_alias_maps` for this domain).",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-4.5.1",
};

fn check(endpoint: &Endpoint, _: &Observation, cx: &Context) -> Judgement {
    let Some(asked) = tested(cx.tests.postmaster, &endpoint.contact, endpoint.postmaster.as_ref())? else {
        return Ok(Verdict::NotApplicable);
    };
    Ok(if asked.is_accepted()? { Verdict::Pass } else { REJECTED.found(dialogue_of(asked)) })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        context, evidence, finds, inconclusive, judge, judge_in, not_applicable, pass,
    };
    use super::*;
    use crate::observe::testing::{blocked, bounce, endpoint, failed, ordinary};
    use crate::observe::{Cause, Stage};
    use crate::rules::Tests;

    const OK: &str = "250 2.1.0 Ok";

    #[test]
    fn the_reply_to_rcpt_decides() {
        for (asked, want) in [
            (ordinary(OK, "250 2.1.5 Ok"), pass()),
            (ordinary(OK, "251 will forward"), pass()),
            (ordinary(OK, "252 cannot verify"), pass()),
            (bounce(OK, "250 2.1.5 Ok"), pass()),
            (ordinary(OK, "550 5.1.1 User unknown"), finds(&REJECTED)),
            (ordinary(OK, "550 5.4.1 Recipient address rejected: Access denied"), finds(&REJECTED)),
            (ordinary(OK, "554 5.7.1 <postmaster@example.com>: Relay access denied"), finds(&REJECTED)),
            (ordinary(OK, "454 4.7.1 <postmaster@example.com>: Relay access denied"), finds(&REJECTED)),
            (ordinary(OK, "450 4.2.0 Greylisted"), inconclusive(Cause::Greylisted)),
            (
                ordinary(OK, "450 4.7.1 Client host rejected: cannot find your hostname"),
                inconclusive(Cause::ClientBlocked),
            ),
            (ordinary(OK, "452 4.2.2 mailbox full"), inconclusive(Cause::Tempfail)),
            (ordinary(OK, "550 5.7.25 no PTR record"), inconclusive(Cause::ClientBlocked)),
            (ordinary(OK, "421 bye"), inconclusive(Cause::Throttled)),
            (ordinary("550 no", OK), inconclusive(Cause::ClientBlocked)),
            (ordinary("451 4.3.0 later", OK), inconclusive(Cause::Tempfail)),
            (ordinary("530 5.7.57 Client not authenticated", OK), finds(&REJECTED)),
            (ordinary("530 5.7.0 Must issue a STARTTLS command first", OK), not_applicable()),
            (ordinary(OK, "530 Must issue a STARTTLS command first"), not_applicable()),
            (ordinary("502 not implemented", OK), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint().postmaster(Some(Ok(asked.clone())))), want, "{asked:?}");
        }
    }

    #[test]
    fn what_was_not_asked_says_nothing() {
        for (seen, want) in [
            (None, not_applicable()),
            (Some(failed(Stage::Rcpt, Cause::Closed)), inconclusive(Cause::Tempfail)),
            (Some(blocked(Stage::Mail, Cause::Throttled)), inconclusive(Cause::Throttled)),
            (Some(blocked(Stage::Banner, Cause::Rejected)), not_applicable()),
        ] {
            assert_eq!(judge(&RULE, &endpoint().postmaster(seen.clone())), want, "{seen:?}");
        }
        let off =
            super::super::Context { tests: Tests { postmaster: false, ..context().tests }, ..context() };
        let refused = endpoint().postmaster(Some(Ok(ordinary(OK, "550 no"))));
        assert_eq!(judge_in(&RULE, &refused, &off), not_applicable());
    }

    #[test]
    fn quotes_the_refusal() {
        assert_eq!(
            evidence(&RULE, &endpoint().postmaster(Some(Ok(ordinary(OK, "550 5.1.1 User unknown"))))),
            ["→ MAIL FROM:<postmaster@probe.example.net>  ← 250 2.1.0 Ok\n\
              → RCPT TO:<postmaster@example.com>  ← 550 5.1.1 User unknown"]
        );
    }
}
