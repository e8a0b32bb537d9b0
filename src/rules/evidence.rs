//! What was seen, in words: the pieces that several rules put into their evidence.

use crate::observe::{Flaw, Reply, Seen, Transaction};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// A transaction as it went, a line a command, replies verbatim.
pub(super) fn dialogue_of(transaction: &Transaction) -> String {
    let sender = transaction.sender.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("→ MAIL FROM:<{sender}>  ← {}", answer(&transaction.mail));
    if transaction.mail.as_ref().is_ok_and(Reply::is_positive) {
        write!(text, "\n→ RCPT TO:<{}>  ← {}", transaction.recipient, answer(&transaction.rcpt)).ok();
    }
    text
}

fn answer(seen: &Seen<Reply>) -> String {
    match seen {
        Ok(reply) => reply.text(),
        Err(unseen) => format!("({})", unseen.trouble()),
    }
}

/// How a reply breaks its form although it can be read; none where it does not.
pub(super) fn malformed(reply: &Reply) -> Option<String> {
    let breach = |flaw: &Flaw| match flaw {
        Flaw::BareLf => Some("lines end in LF without CR"),
        Flaw::CodesDiffer => Some("its lines carry different codes"),
        Flaw::LongLine => Some("a line is longer than 512 octets"),
        Flaw::Truncated => Some("it has more lines than anyone reads"),
        Flaw::Unsolicited => None,
    };
    let breaches: Vec<_> = reply.flaws.iter().filter_map(breach).collect();
    (!breaches.is_empty()).then(|| format!("{}: {}", breaches.join(", "), reply.text()))
}

/// A span in whole days.
pub(super) fn days(span: Duration) -> String {
    match span.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// A moment, to the minute, in UTC.
pub(super) fn date(at: SystemTime) -> String {
    match jiff::Timestamp::try_from(at) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => "a date out of range".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{bounce, days as span, now, ordinary};

    #[test]
    fn dialogues_are_quoted_as_far_as_they_went() {
        for (transaction, want) in [
            (
                ordinary("250 2.1.0 Ok", "550 5.1.1 no\u{1b}[31m"),
                "→ MAIL FROM:<postmaster@probe.example.net>  ← 250 2.1.0 Ok\n\
                 → RCPT TO:<postmaster@example.com>  ← 550 5.1.1 no\\x1b[31m",
            ),
            (bounce("501-no\n501 sender", "250 Ok"), "→ MAIL FROM:<>  ← 501-no / 501 sender"),
        ] {
            assert_eq!(dialogue_of(&transaction), want);
        }
    }

    #[test]
    fn times_are_short() {
        assert_eq!(date(now()), "2027-01-15 08:00 UTC");
        assert_eq!(days(span(1)), "1 day");
        assert_eq!(days(span(1) - Duration::from_secs(1)), "less than a day");
        assert_eq!(days(span(13) + Duration::from_secs(1)), "13 days");
    }
}
