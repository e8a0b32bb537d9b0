//! How welcome a session was: whether the server wants to be left alone for a while, and how often it refused.

use super::{Cause, Reply, Session, Stage, Step, Trouble, blame};

impl Session {
    /// What asked this program to stay away for a while, if anything did: a 421 anywhere, a 4xx to the greeting, EHLO
    /// or MAIL, a limit of the rate by its name.
    pub fn asks_for_rest(&self) -> Option<Trouble> {
        let reply =
            |step: &Step| step.reply.as_ref()?.as_ref().ok().and_then(|reply| rest(step.stage, reply));
        self.steps().iter().find_map(reply)
    }

    /// Recipients and senders that were refused, as those count who ban guests for it.
    pub fn refusals(&self) -> usize {
        let refused = |reply: &Reply| reply.is_permanent() || reply.is_transient();
        let asks = |step: &&Step| matches!(step.stage, Stage::Mail | Stage::Rcpt);
        let steps = self.steps().iter().filter(asks);
        steps.filter(|step| matches!(&step.reply, Some(Ok(reply)) if refused(reply))).count()
    }

    fn steps(&self) -> &[Step] {
        self.dialogue.as_ref().map_or(&[], |dialogue| &dialogue.steps)
    }
}

fn rest(stage: Stage, reply: &Reply) -> Option<Trouble> {
    let at_the_door = matches!(stage, Stage::Banner | Stage::Ehlo | Stage::EhloTls | Stage::Mail);
    let cause = blame::cause(stage, reply)?;
    let rests = cause == Cause::Throttled || (at_the_door && reply.is_transient());
    rests.then(|| Trouble { stage, cause, detail: reply.text().into() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::reply;
    use super::*;
    use crate::observe::{Dialogue, Unseen};
    use std::time::{Duration, SystemTime};

    fn session(replies: &[(Stage, &str)]) -> Session {
        let step = |&(stage, text): &(Stage, &str)| Step {
            stage,
            sent: None,
            reply: Some(Ok(reply(text))),
            at: Duration::ZERO,
            took: Duration::ZERO,
        };
        let unseen = || Unseen::failed(Stage::Banner, Cause::Closed, "");
        let steps = replies.iter().map(step).collect();
        let dialogue = Dialogue { steps, local: None, banner: Err(unseen()), ehlo: Err(unseen()) };
        Session {
            at: SystemTime::UNIX_EPOCH,
            dialogue: Ok(dialogue),
            null_sender: None,
            relay: None,
            postmasters: Vec::new(),
            owed: false,
            scan: None,
        }
    }

    #[test]
    fn only_some_refusals_ask_for_rest() {
        for (stage, text, want) in [
            (Stage::Banner, "220 mx", None),
            (Stage::Banner, "421 4.7.0 too many connections", Some(Cause::Throttled)),
            (Stage::Banner, "450 4.3.2 not now", Some(Cause::Tempfail)),
            (Stage::Banner, "554 5.7.1 blocked using a list", None),
            (Stage::Ehlo, "451 4.3.0 later", Some(Cause::Tempfail)),
            (Stage::StartTls, "454 4.7.0 TLS not available", None),
            (Stage::EhloTls, "421 bye", Some(Cause::Throttled)),
            (Stage::Mail, "452 4.3.1 no space", Some(Cause::Tempfail)),
            (Stage::Rcpt, "450 4.2.0 greylisted", None),
            (Stage::Rcpt, "451 4.7.1 rate limit exceeded", Some(Cause::Throttled)),
            (Stage::Rcpt, "421 4.7.0 bye", Some(Cause::Throttled)),
            (Stage::Rcpt, "550 5.1.1 no such user", None),
            (Stage::Rset, "421 bye", Some(Cause::Throttled)),
            (Stage::Quit, "221 bye", None),
        ] {
            let cause = session(&[(stage, text)]).asks_for_rest().map(|trouble| trouble.cause);
            assert_eq!(cause, want, "{stage}: {text}");
        }
    }

    #[test]
    fn refusals_are_counted_where_servers_count_them() {
        let replies = [
            (Stage::Ehlo, "250 mx"),
            (Stage::StartTls, "554 no"),
            (Stage::Mail, "250 ok"),
            (Stage::Rcpt, "550 unknown"),
            (Stage::Rcpt, "454 4.7.1 Relay access denied"),
            (Stage::Rcpt, "250 ok"),
            (Stage::Mail, "550 no"),
        ];
        assert_eq!(session(&replies).refusals(), 3);
    }
}
