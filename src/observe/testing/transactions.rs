//! Builders of transactions and of the tests made of them.

use super::super::{NullSender, RelayTest, Seen, Stage, Transaction};
use super::reply;
use crate::name::Mailbox;

/// The address this machine speaks from.
pub(crate) const LOCAL: &str = "198.51.100.7";
/// The ordinary sender.
pub(super) const SENDER: &str = "postmaster@probe.example.net";

/// A sender or a recipient.
pub(crate) fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text).expect("a mailbox")
}

/// The replies to MAIL from `sender`, or from `<>`, and to RCPT.
pub(crate) fn transaction(sender: Option<&str>, recipient: &str, mail: &str, rcpt: &str) -> Transaction {
    let mail = reply(mail);
    let rcpt = match mail.accepted(Stage::Mail) {
        Ok(_) => Ok(reply(rcpt)),
        Err(unseen) => Err(unseen.behind()),
    };
    Transaction { sender: sender.map(mailbox), recipient: mailbox(recipient), mail: Ok(mail), rcpt }
}

/// From `<>` to the domain's postmaster.
pub(crate) fn bounce(mail: &str, rcpt: &str) -> Transaction {
    transaction(None, "postmaster@example.com", mail, rcpt)
}

/// From the ordinary sender to the domain's postmaster.
pub(crate) fn ordinary(mail: &str, rcpt: &str) -> Transaction {
    transaction(Some(SENDER), "postmaster@example.com", mail, rcpt)
}

/// From the ordinary sender to a recipient elsewhere.
pub(crate) fn asks_relay(recipient: &str, rcpt: &str) -> Transaction {
    transaction(Some(SENDER), recipient, "250 2.1.0 Ok", rcpt)
}

/// A finished null-sender test.
pub(crate) fn null_sender(null: Transaction, ordinary: Option<Transaction>) -> Seen<NullSender> {
    Ok(NullSender { null, ordinary })
}

/// A finished relay test.
pub(crate) fn relay(attempts: Vec<Transaction>, confirmation: Option<Transaction>) -> Seen<RelayTest> {
    Ok(RelayTest { attempts, confirmation, local: LOCAL.parse().ok() })
}

/// An open relay's relay test.
pub(crate) fn open_relay() -> Seen<RelayTest> {
    relay(
        vec![asks_relay("relaytest@example.org", "250 2.1.5 Ok")],
        Some(transaction(None, "postmaster@probe.example.net", "250 2.1.0 Ok", "250 2.1.5 Accepted")),
    )
}
