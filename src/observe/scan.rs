//! A TLS scan: what became of hand-made ClientHellos, each on a connection of its own, and what that says together.

mod suites;

pub use suites::{KeyExchange, KeyKind, SCANNED, Suite, SuiteClass};

use super::{Digests, IanaName, PublicKey, TlsVersion, stored};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::fmt;
use std::time::SystemTime;

/// The key exchange group that also resists quantum computers.
pub const HYBRID: IanaName = "X25519MLKEM768";

/// Named groups by their numbers (RFC 8422 §5.1.1, RFC 8446 §4.2.7); no other name is ever shown.
pub const SCANNED_GROUPS: [(u16, IanaName); 10] = [
    (0x11ec, HYBRID),
    (29, "X25519"),
    (23, "secp256r1"),
    (24, "secp384r1"),
    (25, "secp521r1"),
    (30, "X448"),
    (26, "brainpoolP256r1"),
    (27, "brainpoolP384r1"),
    (28, "brainpoolP512r1"),
    (21, "secp224r1"),
];

/// The answers to the hellos of one scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsScan {
    /// When it began.
    #[serde(with = "stored::moment")]
    pub at: SystemTime,
    /// Question and answer, in the order they were asked.
    pub answers: Vec<(Question, Answer)>,
    /// The certificates that came in clear, each once.
    pub leaves: Vec<Leaf>,
}

/// A scan with the answer that one session added to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// All answers so far.
    pub scan: TlsScan,
    /// Whether nothing is left to ask.
    pub is_complete: bool,
}

/// What one hello asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The highest version it offers; for TLS 1.3 the only one.
    pub version: TlsVersion,
    /// What it offers of that version. Suites that the server chose before are left out.
    pub offer: Offer,
}

/// What a hello offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Offer {
    /// All that the version has, but for the hybrid group.
    All,
    /// The suites of one class.
    Class(SuiteClass),
    /// The hybrid group and no other.
    Hybrid,
    /// What needs a certificate with a key of this kind.
    Signed(KeyKind),
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The server goes on with one of the offers.
    Chose(Choice),
    /// It does not.
    Refused(Refusal),
}

/// What the server would speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The version.
    pub version: TlsVersion,
    /// The suite.
    #[serde(with = "suites")]
    pub suite: &'static Suite,
    /// The group of the key exchange, where it is one with a name.
    #[serde(deserialize_with = "group")]
    pub group: Option<IanaName>,
    /// The size of the prime of a Diffie-Hellman key exchange.
    pub prime_bits: Option<u32>,
}

/// How a server says that there is nothing for it in a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// A fatal alert, by its number (RFC 8446 §6).
    Alert(u8),
    /// It hung up without a word.
    Closed,
    /// It sent what is no answer.
    Nonsense,
    /// It reset the connection.
    Reset,
    /// It said nothing for as long as anyone waits.
    Silent,
}

/// A server's own certificate, as far as a scan tells one from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// Its key.
    pub key: PublicKey,
    /// SHA-256 of the whole certificate, as lower-case hex.
    pub fingerprint: String,
    /// Of the whole certificate.
    pub digests: Digests,
    /// Of its key; none where it cannot be read.
    pub key_digests: Option<Digests>,
}

/// The alert of a server that has none of the versions (RFC 8446 §6.2).
const PROTOCOL_VERSION: u8 = 70;

impl TlsScan {
    /// One without answers yet.
    pub fn beginning(at: SystemTime) -> Self {
        Self { at, answers: Vec::new(), leaves: Vec::new() }
    }

    /// Takes in one more answer, and the certificate that came with it.
    pub fn add(&mut self, question: Question, answer: Answer, leaf: Option<Leaf>) {
        self.answers.push((question, answer));
        self.leaves.extend(leaf.filter(|leaf| !self.leaves.contains(leaf)));
    }

    /// What the server chose, in order.
    pub fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.answers.iter().filter_map(|(_, answer)| match answer {
            Answer::Chose(choice) => Some(choice),
            Answer::Refused(_) => None,
        })
    }

    /// The refusals that count: alerts at once, what may be chance where it came a second time.
    pub fn refusals(&self) -> impl Iterator<Item = (Question, Refusal)> {
        let refused = |(place, (question, answer)): (usize, &(Question, Answer))| match answer {
            Answer::Refused(refusal) if !refusal.may_be_chance() => Some((*question, *refusal)),
            Answer::Refused(refusal) => {
                let before = self.answers.iter().take(place).any(|(other, _)| other == question);
                before.then_some((*question, *refusal))
            }
            Answer::Chose(_) => None,
        };
        self.answers.iter().enumerate().filter_map(refused)
    }

    /// Whether a version is spoken, as far as is known.
    pub fn accepts(&self, version: TlsVersion) -> Option<bool> {
        if self.choices().any(|choice| choice.version == version) {
            return Some(true);
        }
        let older_chosen = self.answers.iter().any(|(question, answer)| {
            matches!(answer, Answer::Chose(choice) if choice.version < version && version <= question.version)
        });
        let refused = self.refusals().any(|(question, refusal)| question.rules_out(version, refusal));
        let every_class = [SuiteClass::Sufficient, SuiteClass::PhaseOut, SuiteClass::Insufficient];
        let by_class = version == TlsVersion::Tls12
            && every_class.iter().all(|class| self.refuses(Question::of_class(*class)));
        (older_chosen || refused || by_class).then_some(false)
    }

    /// Whether there is anything that the server would speak.
    pub fn accepts_any(&self) -> bool {
        self.choices().next().is_some()
    }

    /// Whether fresh keys on curves with authenticated encryption are spoken, which is all that TLS 1.3 has.
    pub fn accepts_modern(&self) -> Option<bool> {
        let is_modern = |choice: &Choice| choice.suite.class() <= SuiteClass::Sufficient;
        if self.choices().any(is_modern) {
            return Some(true);
        }
        let none_of_12 = self.accepts(TlsVersion::Tls12) == Some(false)
            || self.refuses(Question::of_class(SuiteClass::Sufficient));
        (none_of_12 && self.accepts(TlsVersion::Tls13) == Some(false)).then_some(false)
    }

    /// Whether the post-quantum hybrid is offered, as far as is known.
    pub fn accepts_hybrid(&self) -> Option<bool> {
        if self.choices().any(|choice| choice.group == Some(HYBRID)) {
            return Some(true);
        }
        let asked = Question { version: TlsVersion::Tls13, offer: Offer::Hybrid };
        (self.refuses(asked) || self.accepts(TlsVersion::Tls13) == Some(false)).then_some(false)
    }

    /// The worst class that is spoken; none where nothing is.
    pub fn worst_class(&self) -> Option<SuiteClass> {
        self.choices().map(|choice| choice.suite.class()).max()
    }

    /// Whether the server has a certificate with a key of this kind, as far as is known.
    pub fn has_key(&self, kind: KeyKind) -> Option<bool> {
        let signed = |(question, answer): &(Question, Answer)| match answer {
            Answer::Chose(choice) if choice.version == TlsVersion::Tls13 => {
                question.offer == Offer::Signed(kind)
            }
            Answer::Chose(choice) => choice.suite.signed_by() == Some(kind),
            Answer::Refused(_) => false,
        };
        if self.answers.iter().any(signed) {
            return Some(true);
        }
        // The suites of older versions need keys of their own: there may be none for the other key.
        let has_13 = self.choices().any(|choice| choice.version == TlsVersion::Tls13);
        let asked = |question: Question| {
            question.offer == Offer::Signed(kind) && (!has_13 || question.version == TlsVersion::Tls13)
        };
        self.refusals().any(|(question, _)| asked(question)).then_some(false)
    }

    /// Whether a question was answered by a refusal that counts.
    pub fn refuses(&self, asked: Question) -> bool {
        self.refusals().any(|(question, _)| question == asked)
    }
}

impl Question {
    /// The suites of one class that TLS 1.2 has.
    pub fn of_class(class: SuiteClass) -> Self {
        Self { version: TlsVersion::Tls12, offer: Offer::Class(class) }
    }

    /// Whether a refusal of this says that a version is not spoken: all that it has was offered, or the alert says so.
    fn rules_out(self, version: TlsVersion, refusal: Refusal) -> bool {
        match (self.version, self.offer) {
            (TlsVersion::Tls13, Offer::All) => version == TlsVersion::Tls13,
            (TlsVersion::Tls13, _) => {
                version == TlsVersion::Tls13 && refusal == Refusal::Alert(PROTOCOL_VERSION)
            }
            (highest, Offer::All) => version <= highest,
            (highest, _) => version <= highest && refusal == Refusal::Alert(PROTOCOL_VERSION),
        }
    }
}

impl Refusal {
    /// Whether only a second time tells.
    pub fn may_be_chance(self) -> bool {
        matches!(self, Self::Closed | Self::Reset | Self::Silent)
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.name();
        match (self.version, self.offer) {
            (TlsVersion::Tls13, Offer::All) => f.write_str("TLS 1.3"),
            (_, Offer::All) => write!(f, "{version} and older"),
            (_, Offer::Class(class)) => write!(f, "{version} with {} suites", class.as_str()),
            (_, Offer::Hybrid) => write!(f, "{version} with {HYBRID}"),
            (_, Offer::Signed(kind)) => write!(f, "{version} with {} keys", kind.as_str()),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version.name(), self.suite.name)?;
        match (self.group, self.prime_bits) {
            (Some(group), _) => write!(f, " ({group})"),
            (None, Some(bits)) => write!(f, " ({bits}-bit prime)"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(40) => f.write_str("alert handshake_failure"),
            Self::Alert(PROTOCOL_VERSION) => f.write_str("alert protocol_version"),
            Self::Alert(71) => f.write_str("alert insufficient_security"),
            Self::Alert(80) => f.write_str("alert internal_error"),
            Self::Alert(number) => write!(f, "alert {number}"),
            Self::Closed => f.write_str("closed without a word"),
            Self::Nonsense => f.write_str("answered with what is no TLS"),
            Self::Reset => f.write_str("reset"),
            Self::Silent => f.write_str("silent"),
        }
    }
}

/// The name of a group by its number, if it is one of the closed set.
pub fn group_name(id: u16) -> Option<IanaName> {
    SCANNED_GROUPS.iter().find(|(number, _)| *number == id).map(|(_, name)| *name)
}

/// Only names of the closed set come back from a stored state.
fn group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IanaName>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let known = SCANNED_GROUPS.iter().map(|(_, known)| *known).find(|known| *known == name);
    known.map(Some).ok_or_else(|| D::Error::custom("an unknown key exchange group"))
}
