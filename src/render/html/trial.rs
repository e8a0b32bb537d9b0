//! The tests that a server was put to with MAIL and RCPT: what was asked, what it said, and how long ago.

use super::when::When;
use crate::observe::{Endpoint, Fact, RelayOutcome, Seen, Transaction, Unseen};
use crate::render::words;
use std::time::SystemTime;

pub(super) struct Trial {
    pub(super) name: &'static str,
    pub(super) outcome: String,
    pub(super) when: When,
    /// Commands and replies, a line each.
    pub(super) lines: Vec<String>,
}

impl Trial {
    pub(super) fn all(endpoint: &Endpoint, now: SystemTime) -> Vec<Self> {
        let contact = &*endpoint.contact;
        let null_sender = contact.null_sender.as_ref().map(|fact| {
            let transactions = |test: &crate::observe::NullSender| {
                [Some(&test.null), test.ordinary.as_ref()].into_iter().flatten().flat_map(lines).collect()
            };
            Self::of("Null sender", fact, now, transactions, |test| test.is_accepted().map(accepted))
        });
        let postmaster = endpoint.postmaster.as_ref().map(|fact| {
            Self::of("Postmaster", fact, now, lines, |transaction| transaction.is_accepted().map(accepted))
        });
        let relay = contact.relay.as_ref().map(|fact| {
            let transactions = |test: &crate::observe::RelayTest| {
                test.attempts.iter().chain(&test.confirmation).flat_map(lines).collect()
            };
            Self::of("Open relay", fact, now, transactions, |test| test.outcome().map(relayed))
        });
        [null_sender, postmaster, relay].into_iter().flatten().collect()
    }

    fn of<T>(
        name: &'static str,
        fact: &Fact<T>,
        now: SystemTime,
        lines: impl Fn(&T) -> Vec<String>,
        outcome: impl Fn(&T) -> Seen<&'static str>,
    ) -> Self {
        let outcome = fact.seen.as_ref().map_err(Clone::clone).and_then(outcome);
        Self {
            name,
            outcome: match outcome {
                Ok(words) => words.to_owned(),
                Err(unseen) if unseen.is_inconclusive() => {
                    format!("not judged: {}", words::cause(unseen.cause()))
                }
                Err(unseen) => words::cause(unseen.cause()).to_owned(),
            },
            when: When::ago(fact.at, now),
            lines: fact.seen.as_ref().map(lines).unwrap_or_default(),
        }
    }
}

fn accepted(accepted: bool) -> &'static str {
    if accepted { "accepted" } else { "REFUSED" }
}

fn relayed(outcome: RelayOutcome) -> &'static str {
    match outcome {
        RelayOutcome::Closed => "closed",
        RelayOutcome::Open => "OPEN RELAY: both outside recipients were accepted",
    }
}

fn lines(transaction: &Transaction) -> Vec<String> {
    let sender = transaction.sender.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut lines = vec![format!("→ MAIL FROM:<{sender}>")];
    let is_refused = transaction.mail.as_ref().is_ok_and(|mail| !mail.is_positive());
    lines.extend(heard(&transaction.mail));
    if transaction.mail.is_ok() && !is_refused {
        lines.push(format!("→ RCPT TO:<{}>", transaction.recipient));
        lines.extend(heard(&transaction.rcpt));
    }
    lines
}

fn heard(reply: &Seen<crate::observe::Reply>) -> Vec<String> {
    match reply {
        Ok(reply) => {
            let mark = |at: usize| if at == 0 { "←" } else { " " };
            reply.lines.iter().enumerate().map(|(at, line)| format!("{} {line}", mark(at))).collect()
        }
        Err(Unseen::Failed(trouble) | Unseen::Blocked(trouble)) => {
            vec![format!("  {}", words::trouble(trouble))]
        }
    }
}
