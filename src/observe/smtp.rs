//! One SMTP session as it went: replies verbatim, nested so that a stage exists only where the one before it let it.

use super::{Cause, PeerText, Seen, Stage, Tls, Trouble, Unseen, blame, stored};
use crate::name::Mailbox;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// A whole reply (RFC 5321 §4.2), as many lines as it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The code of its last line, 200 to 599.
    pub code: u16,
    /// Its lines without line ends, code included, in order.
    pub lines: Vec<PeerText>,
    /// Where it breaks the form but can still be read; each kind once.
    pub flaws: Vec<Flaw>,
}

/// A breach of RFC 5321 that leaves a reply readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flaw {
    /// A line ended in LF without CR (§2.3.8).
    BareLf,
    /// The lines' codes differ (§4.2.1).
    CodesDiffer,
    /// A line longer than 512 octets (§4.5.3.1.5).
    LongLine,
    /// Fewer lines were kept than came: EHLO keywords beyond the 128th.
    Truncated,
    /// Bytes came before they were asked for.
    Unsolicited,
}

/// One exchange, for people to read: what was sent, what came back, when and how long it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The stage it belongs to.
    pub stage: Stage,
    /// The command without its line end; none for connect, banner and handshake.
    pub sent: Option<String>,
    /// The reply; none where there is nothing to read (connect, handshake).
    pub reply: Option<Seen<Reply>>,
    /// Since the session's start.
    #[serde(with = "stored::span")]
    pub at: Duration,
    /// Until the whole answer was there.
    #[serde(with = "stored::span")]
    pub took: Duration,
}

/// A session that got as far as a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialogue {
    /// Every exchange in order, transactions included.
    pub steps: Vec<Step>,
    /// The address this machine spoke from.
    pub local: Option<IpAddr>,
    /// The greeting, whatever its code.
    pub banner: Seen<Reply>,
    /// The answer to EHLO, whatever its code.
    pub ehlo: Seen<Ehlo>,
}

/// EHLO before TLS and what followed from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ehlo {
    /// The reply to EHLO.
    pub reply: Reply,
    /// The reply to HELO, tried where EHLO was not understood (RFC 5321 §3.2).
    pub helo: Option<Seen<Reply>>,
    /// What was offered before TLS; empty behind HELO.
    pub extensions: Extensions,
    /// What became of STARTTLS.
    pub starttls: Seen<StartTls>,
}

/// The life of STARTTLS (RFC 3207).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartTls {
    /// The keyword was not in the EHLO reply.
    NotOffered,
    /// Offered, then refused.
    Refused(Reply),
    /// Plaintext stood behind the 220: an injection; the handshake was not begun.
    Injected(PeerText),
    /// No TLS came about.
    HandshakeFailed(Trouble),
    /// The session is encrypted.
    Secured(Box<Tls>),
}

/// The keywords of an EHLO reply (RFC 5321 §4.1.1.1), without the greeting line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extensions(Vec<PeerText>);

impl Extensions {
    /// Takes the keyword lines of an EHLO reply. A tab counts as the space that it should have been.
    pub fn of(reply: &Reply) -> Self {
        let lines = reply.lines.iter().skip(1).filter_map(|line| line.as_str().get(4..));
        let lines = lines.map(|line| PeerText::clone_of(with_spaces(line).trim()));
        Self(lines.filter(|line| !line.as_str().is_empty()).collect())
    }

    /// The lines in order.
    pub fn lines(&self) -> &[PeerText] {
        &self.0
    }

    /// Whether a keyword is there, in any case.
    pub fn has(&self, keyword: &str) -> bool {
        self.keywords().any(|(name, _)| name.eq_ignore_ascii_case(keyword))
    }

    /// The mechanisms of every AUTH line, `AUTH=…` of old clients included (RFC 4954 §3).
    pub fn auth_mechanisms(&self) -> Vec<&str> {
        let auth = |(name, rest): (&'_ str, _)| name.eq_ignore_ascii_case("AUTH").then_some(rest);
        self.keywords().filter_map(auth).flat_map(str::split_ascii_whitespace).collect()
    }

    /// The size limit; none where it is absent, zero or not a number (RFC 1870 §4).
    pub fn size(&self) -> Option<u64> {
        let (_, size) = self.keywords().find(|(name, _)| name.eq_ignore_ascii_case("SIZE"))?;
        size.trim().parse().ok().filter(|size| *size > 0)
    }

    fn keywords(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|line| {
            let line = line.as_str();
            line.split_once([' ', '\t', '=']).unwrap_or((line, ""))
        })
    }
}

/// Escaped text with spaces for tabs; what follows an escaped backslash is none.
fn with_spaces(escaped: &str) -> String {
    escaped.split(r"\\").map(|part| part.replace(r"\x09", " ")).collect::<Vec<_>>().join(r"\\")
}

/// MAIL and one RCPT. Several recipients of one MAIL are as many of these with the same `mail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The sender; none is the null sender `<>`.
    pub sender: Option<Mailbox>,
    /// The recipient.
    pub recipient: Mailbox,
    /// The reply to MAIL.
    pub mail: Seen<Reply>,
    /// The reply to RCPT.
    pub rcpt: Seen<Reply>,
}

/// Whether mail without a sender gets in: `<>`, then the same recipient from an ordinary sender where RCPT was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NullSender {
    /// From `<>`.
    pub null: Transaction,
    /// From `mail_from`, where the first was refused.
    pub ordinary: Option<Transaction>,
}

/// Whether the server takes mail for others: recipients tried until one decides, then the confirmation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayTest {
    /// From `mail_from` to outside recipients, one after the other while they prove unusable.
    pub attempts: Vec<Transaction>,
    /// A second outside recipient, asked once one was accepted.
    pub confirmation: Option<Transaction>,
    /// The address this machine asked from.
    pub local: Option<IpAddr>,
}

/// What a relay test proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayOutcome {
    /// Outside recipients are refused.
    Closed,
    /// Two outside recipients were accepted.
    Open,
}

impl Reply {
    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// All lines in one, joined by ` / `.
    pub fn text(&self) -> String {
        self.lines.iter().map(PeerText::as_str).collect::<Vec<_>>().join(" / ")
    }

    /// The reply where it is 2xx; otherwise why what lies behind it could not be seen.
    pub fn accepted(&self, stage: Stage) -> Result<&Self, Unseen> {
        if self.is_positive() {
            return Ok(self);
        }
        let cause = blame::cause(stage, self).unwrap_or(Cause::Rejected);
        Err(Unseen::failed(stage, cause, self.text()))
    }
}

impl Ehlo {
    /// The last word on who may speak: HELO's reply where it was tried, else EHLO's. Behind an EHLO refused for reasons
    /// of our own, HELO says nothing of what the server offers.
    pub fn welcome(&self) -> Result<&Reply, Unseen> {
        match (self.reply.accepted(Stage::Ehlo), &self.helo) {
            (Err(unseen), Some(helo)) if !unseen.is_inconclusive() => {
                helo.as_ref().map_err(Clone::clone)?.accepted(Stage::Ehlo)
            }
            (answer, _) => answer,
        }
    }
}

impl Dialogue {
    /// The first trouble on the way to an encrypted session, if any; a refusal is an answer, not a trouble.
    pub fn trouble(&self) -> Option<&Trouble> {
        let ehlo = match (&self.banner, &self.ehlo) {
            (Err(unseen), _) | (_, Err(unseen)) => return Some(unseen.trouble()),
            (Ok(_), Ok(ehlo)) => ehlo,
        };
        match &ehlo.starttls {
            Err(unseen) => Some(unseen.trouble()),
            Ok(StartTls::HandshakeFailed(trouble)) => Some(trouble),
            Ok(StartTls::Secured(tls)) => tls.ehlo.as_ref().err().map(Unseen::trouble),
            Ok(StartTls::NotOffered | StartTls::Refused(_) | StartTls::Injected(_)) => None,
        }
    }
}

impl Dialogue {
    /// From the session's start to its last answer.
    pub fn took(&self) -> Duration {
        self.steps.last().map(|step| step.at + step.took).unwrap_or_default()
    }

    /// A refusal for the moment that an answer hides from [`Self::trouble`]: of STARTTLS, or of EHLO inside TLS.
    pub fn put_off(&self) -> Option<Unseen> {
        let refused = match &self.ehlo.as_ref().ok()?.starttls {
            Ok(StartTls::Refused(reply)) => reply.accepted(Stage::StartTls).err(),
            Ok(StartTls::Secured(tls)) => tls.ehlo.as_ref().ok()?.reply.accepted(Stage::EhloTls).err(),
            _ => None,
        };
        refused.filter(Unseen::is_inconclusive)
    }
}

impl Transaction {
    /// The reply to RCPT where MAIL was accepted; otherwise why not.
    pub fn answer(&self) -> Result<&Reply, Unseen> {
        let unseen = |unseen: &Unseen| unseen.clone().in_transaction();
        let mail = self.mail.as_ref().map_err(unseen)?;
        mail.accepted(Stage::Mail).map_err(|unseen| self.refused_by(mail, unseen))?;
        self.rcpt.as_ref().map_err(unseen)
    }

    /// A refused MAIL refuses its sender, which is ours, unless it only wants TLS, authentication or other commands.
    fn refused_by(&self, mail: &Reply, unseen: Unseen) -> Unseen {
        if self.sender.is_some() && mail.code >= 550 && !unseen.is_inconclusive() && !blame::wants_tls(mail) {
            return Unseen::failed(Stage::Mail, Cause::ClientBlocked, mail.text());
        }
        unseen
    }

    /// Whether the recipient was accepted with one of `codes`; a refusal that is not about us is an answer too, and so
    /// is a MAIL that wants authentication. Where only TLS is wanted, nothing was answered.
    fn verdict(&self, codes: &[u16]) -> Seen<bool> {
        if let Some(reply) = self.refusal().filter(|reply| blame::wants_tls(reply)) {
            return Err(Unseen::failed(Stage::Mail, Cause::Rejected, reply.text()));
        }
        if self.mail.as_ref().is_ok_and(|mail| mail.code == 530) {
            return Ok(false);
        }
        let reply = self.answer()?;
        if codes.contains(&reply.code) {
            return Ok(true);
        }
        match blame::cause(Stage::Rcpt, reply) {
            Some(cause) => Err(Unseen::failed(Stage::Rcpt, cause, reply.text())),
            None => Ok(false),
        }
    }

    /// The 5xx that ended it, if one did.
    fn refusal(&self) -> Option<&Reply> {
        let last = self.mail.as_ref().ok().filter(|mail| !mail.is_positive());
        last.or(self.rcpt.as_ref().ok()).filter(|reply| reply.is_permanent())
    }

    /// Whether it came from `<>` and that is why it was refused.
    fn is_refused_for_its_sender(&self) -> bool {
        self.sender.is_none() && self.refusal().is_some_and(blame::names_null_sender)
    }

    /// Whether the recipient was accepted (250, 251 or 252).
    pub fn is_accepted(&self) -> Seen<bool> {
        self.verdict(&[250, 251, 252])
    }

    /// Whether the reply is about the recipient's domain, or promises nothing (252): another one has to decide.
    pub fn is_about_recipient(&self) -> bool {
        self.answer().is_ok_and(|reply| reply.code == 252 || blame::recipient_unusable(reply))
    }

    /// Whether relaying to the recipient was accepted: only 250 and 251 promise delivery. A server that wants
    /// authentication or TLS first relays for nobody.
    fn is_relayed(&self) -> Seen<bool> {
        if self.refusal().is_some_and(blame::wants_tls) { Ok(false) } else { self.verdict(&[250, 251]) }
    }
}

impl NullSender {
    /// Whether mail from `<>` is accepted where mail from an ordinary sender is.
    pub fn is_accepted(&self) -> Seen<bool> {
        let took_mail = |one: &Transaction| one.mail.as_ref().is_ok_and(Reply::is_positive);
        let took_sender = self.ordinary.as_ref().is_some_and(took_mail);
        let blocked = |unseen: &Unseen| unseen.cause() == Cause::ClientBlocked;
        match (self.alone(), self.ordinary.as_ref().map(Transaction::is_accepted)) {
            (Ok(true), _) => Ok(true),
            // The same client with a sender is welcome: it is `<>` that is not.
            (Ok(false), Some(Ok(true))) => Ok(false),
            (Err(unseen), Some(Ok(true))) if blocked(&unseen) && self.null.refusal().is_some() => Ok(false),
            (Err(unseen), _) => Err(unseen),
            (Ok(false), Some(Err(unseen))) if took_mail(&self.null) || !took_sender => Err(unseen),
            (Ok(false), _) if !took_mail(&self.null) => Ok(false),
            // Refused for any sender: it is the recipient that is not welcome.
            (Ok(false), Some(_)) => Ok(true),
            (Ok(false), None) => {
                Err(Unseen::failed(Stage::Rcpt, Cause::ProberError, "not asked again from mail_from"))
            }
        }
    }

    /// What the null sender's own transaction says; a MAIL that refuses `<>` is an answer.
    fn alone(&self) -> Seen<bool> {
        match self.null.is_accepted() {
            Err(Unseen::Failed(Trouble { stage: Stage::Mail, cause: Cause::Rejected, .. }))
                if !self.null.refusal().is_some_and(blame::wants_tls) =>
            {
                Ok(false)
            }
            answer => answer,
        }
    }
}

impl RelayTest {
    /// What the replies prove.
    pub fn outcome(&self) -> Seen<RelayOutcome> {
        let unusable = |detail: &str| Err(Unseen::failed(Stage::Rcpt, Cause::ProbeRecipientUnusable, detail));
        let Some(deciding) = self.attempts.iter().find(|attempt| !attempt.is_about_recipient()) else {
            return unusable("no outside recipient could be used");
        };
        if !deciding.is_relayed()? {
            return Ok(RelayOutcome::Closed);
        }
        match &self.confirmation {
            Some(second) if second.is_about_recipient() => {
                unusable("no second outside recipient could be used")
            }
            Some(second) if second.is_refused_for_its_sender() => {
                unusable("the confirmation was refused for its null sender")
            }
            Some(second) if second.is_relayed()? => Ok(RelayOutcome::Open),
            Some(_) => Ok(RelayOutcome::Closed),
            None => unusable("no second outside recipient could be used"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::reply;
    use super::*;

    #[test]
    fn keywords_are_read_as_servers_write_them() {
        let ehlo =
            reply("250-mx.example Hello\n250-size 52428800\n250-AUTH=LOGIN PLAIN\n250-\n250 starttls  ");
        let extensions = Extensions::of(&ehlo);
        assert!(extensions.has("STARTTLS") && extensions.has("SIZE") && !extensions.has("mx.example"));
        assert_eq!(extensions.auth_mechanisms(), ["LOGIN", "PLAIN"]);
        assert_eq!(extensions.size(), Some(52_428_800));
    }

    #[test]
    fn tabs_part_words_as_spaces_do() {
        let text = "250-mx\n250-SIZE\t1000\n250-AUTH\tLOGIN\t PLAIN\n250-a\\x09b\n250 STARTTLS\t";
        let extensions = Extensions::of(&reply(text));
        assert!(extensions.has("STARTTLS"));
        assert_eq!((extensions.size(), extensions.auth_mechanisms()), (Some(1_000), vec!["LOGIN", "PLAIN"]));
        assert_eq!(extensions.lines()[2].as_str(), "a\\\\x09b");
    }

    #[test]
    fn a_size_that_is_no_limit_is_none() {
        for size in ["SIZE", "SIZE 0", "SIZE abc", "SIZE 18446744073709551616", "SIZE -1"] {
            assert_eq!(Extensions::of(&reply(&format!("250-mx\n250 {size}"))).size(), None, "{size}");
        }
    }

    #[test]
    fn hostile_keywords_are_not_the_real_ones() {
        let extensions = Extensions::of(&reply("250-mx\n250-STARTTLS\0\n250 XSTARTTLS"));
        assert!(!extensions.has("STARTTLS"));
    }
}
