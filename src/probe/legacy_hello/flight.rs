//! Reads a server's first flight as far as it comes in clear: ServerHello, Certificate, the kind of ServerKeyExchange, or
//! an alert instead (RFC 5246 §7.4, RFC 8446 §4.1.3). However the octets are cut, the same is read.

use crate::observe::TlsVersion;
use crate::observe::scan::{Choice, KeyExchange, Refusal, Suite, group_name};

/// More than any certificate chain has that a TLS library reads.
const MESSAGE: usize = 64 * 1_024;
/// A record's content with all that encryption may add (RFC 5246 §6.2.3).
const RECORD: usize = (1 << 14) + 2_048;
/// Warnings that are overlooked; servers send one about a name that they do not know.
const WARNINGS: usize = 4;
/// The random that makes a ServerHello a HelloRetryRequest: SHA-256 of that word (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a whole flight says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::probe) enum Flight {
    /// The server goes on.
    Chose {
        /// With this.
        choice: Choice,
        /// Its own certificate in DER, where it came in clear.
        leaf: Option<Vec<u8>>,
    },
    /// It does not.
    Refused(Refusal),
}

/// A flight being read.
#[derive(Debug, Default)]
pub(in crate::probe) struct Reader {
    /// Octets of a record that is not whole yet.
    record: Vec<u8>,
    /// Octets of handshake messages that are not read yet.
    messages: Vec<u8>,
    warnings: usize,
    /// From the ServerHello.
    choice: Option<Choice>,
    leaf: Option<Vec<u8>>,
}

/// What no server sends.
struct Nonsense;

impl Reader {
    /// Takes in more octets; gives the flight once it is whole. After that it takes nothing in any more.
    pub(in crate::probe) fn feed(&mut self, mut octets: &[u8]) -> Option<Flight> {
        while !octets.is_empty() {
            let wanted = self.wanted().saturating_sub(self.record.len()).min(octets.len());
            let (now, later) = octets.split_at(wanted);
            self.record.extend_from_slice(now);
            octets = later;
            match self.take_record() {
                Ok(None) => {}
                Ok(Some(flight)) => return Some(flight),
                Err(Nonsense) => return Some(Flight::Refused(Refusal::Nonsense)),
            }
        }
        None
    }

    /// How long the record is, as far as is known.
    fn wanted(&self) -> usize {
        match self.record[..] {
            [_, _, _, high, low, ..] => 5 + usize::from(u16::from_be_bytes([high, low])),
            _ => 5,
        }
    }

    /// Reads a record that is whole, or a header.
    fn take_record(&mut self) -> Result<Option<Flight>, Nonsense> {
        let [kind, major, _, _, _, content @ ..] = &self.record[..] else { return Ok(None) };
        let (kind, length) = (*kind, self.wanted() - 5);
        if *major != 3 || !matches!(kind, 21 | 22) || length == 0 || length > RECORD {
            return Err(Nonsense);
        }
        if content.len() < length {
            return Ok(None);
        }
        let content = self.record.split_off(5);
        self.record.clear();
        if kind == 21 { self.alert(&content) } else { self.handshake(&content) }
    }

    fn alert(&mut self, content: &[u8]) -> Result<Option<Flight>, Nonsense> {
        let [level, description] = content else { return Err(Nonsense) };
        self.warnings += 1;
        match (level, description) {
            (1, 0) => Ok(Some(Flight::Refused(Refusal::Closed))), // close_notify
            (1, _) if self.warnings <= WARNINGS => Ok(None),
            (2, description) => Ok(Some(Flight::Refused(Refusal::Alert(*description)))),
            _ => Err(Nonsense),
        }
    }

    fn handshake(&mut self, content: &[u8]) -> Result<Option<Flight>, Nonsense> {
        self.messages.extend_from_slice(content);
        while let [kind, a, b, c, rest @ ..] = &self.messages[..] {
            let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap_or(usize::MAX);
            if length > MESSAGE {
                return Err(Nonsense);
            }
            let Some(body) = rest.get(..length) else { break };
            let (kind, body) = (*kind, body.to_vec());
            self.messages.drain(..4 + length);
            if let Some(flight) = self.message(kind, &body)? {
                return Ok(Some(flight));
            }
        }
        Ok(None)
    }

    /// Reads a message; ends behind the last one that says something.
    fn message(&mut self, kind: u8, body: &[u8]) -> Result<Option<Flight>, Nonsense> {
        let Some(choice) = &mut self.choice else {
            return match kind {
                0 if body.is_empty() => Ok(None), // HelloRequest
                2 => self.server_hello(body),
                _ => Err(Nonsense),
            };
        };
        match kind {
            11 if self.leaf.is_none() => {
                self.leaf = Some(leaf(body).ok_or(Nonsense)?);
                let is_all = choice.suite.key_exchange() == KeyExchange::Rsa;
                Ok(is_all.then(|| self.end()).flatten())
            }
            12 => {
                match choice.suite.key_exchange() {
                    KeyExchange::Ecdhe => choice.group = curve(body).ok_or(Nonsense)?,
                    KeyExchange::Dhe | KeyExchange::Rsa => {
                        choice.prime_bits = Some(prime_bits(body).ok_or(Nonsense)?)
                    }
                }
                Ok(self.end())
            }
            13 | 22 => Ok(None), // CertificateRequest, CertificateStatus
            14 => Ok(self.end()),
            _ => Err(Nonsense),
        }
    }

    fn server_hello(&mut self, body: &[u8]) -> Result<Option<Flight>, Nonsense> {
        let hello = ServerHello::read(body).ok_or(Nonsense)?;
        let suite = Suite::of(hello.suite).ok_or(Nonsense)?;
        let is_13 = hello.version == TlsVersion::Tls13;
        if is_13 != suite.is_of_13() {
            return Err(Nonsense);
        }
        let group = hello.group.and_then(group_name);
        self.choice = Some(Choice { version: hello.version, suite, group, prime_bits: None });
        Ok(if is_13 { self.end() } else { None })
    }

    fn end(&mut self) -> Option<Flight> {
        Some(Flight::Chose { choice: self.choice?, leaf: self.leaf.take() })
    }
}

/// The parts of a ServerHello that say what was chosen.
struct ServerHello {
    version: TlsVersion,
    suite: u16,
    group: Option<u16>,
}

impl ServerHello {
    fn read(body: &[u8]) -> Option<Self> {
        let mut rest = body;
        let legacy = number(&mut rest)?;
        let random = take(&mut rest, 32)?;
        let session = usize::from(*take(&mut rest, 1)?.first()?);
        take(&mut rest, session.min(33))?;
        let suite = number(&mut rest)?;
        let [0] = take(&mut rest, 1)? else { return None };
        let (mut selected, mut group) = (None, None);
        if !rest.is_empty() {
            let mut extensions = vector(&mut rest)?;
            while !extensions.is_empty() {
                let (kind, content) = (number(&mut extensions)?, vector(&mut extensions)?);
                match kind {
                    43 => selected = Some(u16::from_be_bytes(content.try_into().ok()?)),
                    // In a HelloRetryRequest the group stands alone, else its key follows.
                    51 if random == RETRY => group = Some(u16::from_be_bytes(content.try_into().ok()?)),
                    51 => group = number(&mut &*content),
                    _ => {}
                }
            }
        }
        Some(Self { version: version(legacy, selected)?, suite, group })
    }
}

fn version(legacy: u16, selected: Option<u16>) -> Option<TlsVersion> {
    Some(match (legacy, selected) {
        (0x0303, Some(0x0304)) => TlsVersion::Tls13,
        (_, Some(_)) => return None,
        (0x0300, None) => TlsVersion::Ssl30,
        (0x0301, None) => TlsVersion::Tls10,
        (0x0302, None) => TlsVersion::Tls11,
        (0x0303, None) => TlsVersion::Tls12,
        _ => return None,
    })
}

/// The first certificate of a chain (RFC 5246 §7.4.2); there has to be one.
fn leaf(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut chain = vector24(&mut body)?;
    let leaf = vector24(&mut chain)?;
    (!leaf.is_empty()).then(|| leaf.to_vec())
}

/// The group of an ECDHE key (RFC 8422 §5.4): its number where it has one, none where it is spelt out.
fn curve(mut body: &[u8]) -> Option<Option<&'static str>> {
    match take(&mut body, 1)? {
        [3] => number(&mut body).map(group_name),
        [1 | 2] => Some(None),
        _ => None,
    }
}

/// The size of the prime of a DHE key, or the modulus of a key for the export of old times (RFC 5246 §7.4.3).
fn prime_bits(mut body: &[u8]) -> Option<u32> {
    let prime = vector(&mut body)?;
    let mut digits = prime.iter().skip_while(|octet| **octet == 0);
    let first = digits.next()?;
    let rest = u32::try_from(digits.count()).ok()?;
    Some(u8::BITS - first.leading_zeros() + 8 * rest)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(take(rest, 2)?.try_into().ok()?))
}

fn vector<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    take(rest, length.into())
}

fn vector24<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let [a, b, c] = take(rest, 3)? else { return None };
    take(rest, usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok()?)
}
