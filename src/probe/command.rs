//! The commands that are ever sent, and their one form on the wire.

use crate::name::{HeloName, Mailbox};
use crate::observe::Stage;
use std::fmt;

/// Every command this program can say; none of them can carry a message. The arguments are typed names, which have
/// no room for CR, LF or an angle bracket.
#[derive(Clone, Copy)]
pub(super) enum Command<'a> {
    /// RFC 5321 §4.1.1.1
    Ehlo(&'a HeloName),
    /// RFC 5321 §4.1.1.1, for servers that do not know EHLO
    Helo(&'a HeloName),
    /// RFC 5321 §4.1.1.2; without a sender it is `<>`
    Mail(Option<&'a Mailbox>),
    /// RFC 5321 §4.1.1.10
    Quit,
    /// RFC 5321 §4.1.1.3
    Rcpt(&'a Mailbox),
    /// RFC 5321 §4.1.1.5
    Rset,
    /// RFC 3207 §4
    StartTls,
}

impl Command<'_> {
    /// The stage it belongs to.
    pub(super) fn stage(self, encrypted: bool) -> Stage {
        match self {
            Self::Ehlo(_) | Self::Helo(_) if encrypted => Stage::EhloTls,
            Self::Ehlo(_) | Self::Helo(_) => Stage::Ehlo,
            Self::Mail(_) => Stage::Mail,
            Self::Quit => Stage::Quit,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Rset => Stage::Rset,
            Self::StartTls => Stage::StartTls,
        }
    }
}

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ehlo(name) => write!(f, "EHLO {name}"),
            Self::Helo(name) => write!(f, "HELO {name}"),
            Self::Mail(Some(sender)) => write!(f, "MAIL FROM:<{sender}>"),
            Self::Mail(None) => f.write_str("MAIL FROM:<>"),
            Self::Quit => f.write_str("QUIT"),
            Self::Rcpt(recipient) => write!(f, "RCPT TO:<{recipient}>"),
            Self::Rset => f.write_str("RSET"),
            Self::StartTls => f.write_str("STARTTLS"),
        }
    }
}
