//! Names that are safe to write on the wire: each type can only be built from valid text, and nothing else
//! reaches an SMTP command or a DNS question. Not for text that peers sent: that is `observe::PeerText`.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A mail domain: A-labels, lower case, no trailing dot (RFC 5890 §2.3.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Box<str>")]
pub struct DomainName(Arc<str>);

/// The target of an MX record. May break the rules for host names (an underscore, say), never those of the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Box<str>")]
pub struct MxName(Arc<str>);

/// The argument of EHLO: a host name or an address literal (RFC 5321 §4.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeloName(Arc<str>);

/// An ASCII mailbox, `local-part@domain`, as MAIL and RCPT take it (RFC 5321 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Box<str>")]
pub struct Mailbox {
    text: Arc<str>,
    domain: Option<DomainName>,
}

/// Why a text is not the name it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not {wanted}", found.escape_debug())]
pub struct NameError {
    found: String,
    wanted: &'static str,
}

/// What [`DomainName::parse`] takes, for people.
pub(crate) const DOMAIN: &str =
    "a domain name (labels of letters, digits and hyphens, at most 63 octets each and 253 in all)";
/// What [`HeloName::parse`] takes, for people.
pub(crate) const HELO: &str =
    "a host name with a dot, or an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]";
/// What [`Mailbox::parse`] takes, for people.
pub(crate) const MAILBOX: &str =
    "a mailbox such as postmaster@example.net (letters, digits and !#$%&'*+-/=?^_`{|}~. before the @)";
const MX: &str = "a name that can be asked for (labels of letters, digits, hyphens and underscores)";

impl DomainName {
    /// Reads a domain as people write it: any case, Unicode or A-labels, with or without a trailing dot.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = || NameError { found: text.to_owned(), wanted: DOMAIN };
        let trimmed = text.strip_suffix('.').unwrap_or(text);
        let ascii = idna::domain_to_ascii_strict(trimmed).map_err(|_| error())?;
        let numeric = ascii.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
        if ascii.is_empty() || numeric || !is_host_name(&ascii) {
            return Err(error());
        }
        Ok(Self(ascii.into()))
    }

    /// The A-label form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for people: Unicode where the name has it.
    pub fn to_unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }

    /// The same name as the host an implicit MX would be (RFC 5321 §5.1).
    pub fn as_host(&self) -> MxName {
        MxName(self.0.clone())
    }

    /// Whether this is `other` or a name below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_suffix(&*other.0).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl MxName {
    /// Reads a target as DNS gives it, with or without its trailing dot.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(NameError { found: text.to_owned(), wanted: MX });
        }
        Ok(Self(name.into()))
    }

    /// The name in lower case without a trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain above it that somebody can register, by the Public Suffix List; none where the name ends in no suffix
    /// that the list knows, or is one.
    pub fn registrable(&self) -> Option<DomainName> {
        let domain = psl::domain(self.0.as_bytes()).filter(|domain| domain.suffix().is_known())?;
        DomainName::parse(str::from_utf8(domain.as_bytes()).ok()?).ok()
    }

    /// Whether it keeps to the rules for host names (RFC 1123 §2.1): no underscore, no hyphen at a label's ends.
    pub fn is_host_name(&self) -> bool {
        is_host_name(&self.0)
    }
}

impl HeloName {
    /// Reads a fully qualified host name or an address literal.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = || NameError { found: text.to_owned(), wanted: HELO };
        if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address = match literal.strip_prefix("IPv6:") {
                Some(v6) => v6.parse().ok().map(IpAddr::V6),
                None => literal.parse().ok().map(IpAddr::V4),
            };
            return address.map(Self::literal).ok_or_else(error);
        }
        let name = DomainName::parse(text).map_err(|_| error())?;
        if !name.as_str().contains('.') || name.as_str().ends_with(".localhost") {
            return Err(error());
        }
        Ok(Self(name.0))
    }

    /// The literal a client without a name introduces itself with.
    pub fn literal(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(format!("[{v4}]").into()),
            IpAddr::V6(v6) => Self(format!("[IPv6:{v6}]").into()),
        }
    }

    /// As it stands behind `EHLO`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, unless this is an address literal.
    pub fn domain(&self) -> Option<DomainName> {
        DomainName::parse(&self.0).ok()
    }
}

impl Mailbox {
    /// Reads `local@domain`; quoted local parts and UTF-8 before the `@` are refused.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = || NameError { found: text.to_owned(), wanted: MAILBOX };
        let (local, domain) = text.rsplit_once('@').ok_or_else(error)?;
        let atom = |atom: &str| {
            !atom.is_empty()
                && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
        };
        if local.len() > 64 || !local.split('.').all(atom) {
            return Err(error());
        }
        Ok(Self::at(local, DomainName::parse(domain).map_err(|_| error())?))
    }

    /// The mailbox that every mail domain must have (RFC 5321 §4.5.1).
    pub fn postmaster(domain: &DomainName) -> Self {
        Self::at("postmaster", domain.clone())
    }

    /// The postmaster of a client by the name or the address literal it introduces itself with.
    pub fn postmaster_of(helo: &HeloName) -> Self {
        match helo.domain() {
            Some(domain) => Self::at("postmaster", domain),
            None => Self { text: format!("postmaster@{helo}").into(), domain: None },
        }
    }

    /// What stands behind the `@`, unless it is an address literal.
    pub fn domain(&self) -> Option<&DomainName> {
        self.domain.as_ref()
    }

    fn at(local: &str, domain: DomainName) -> Self {
        Self { text: format!("{local}@{domain}").into(), domain: Some(domain) }
    }
}

fn is_host_name(name: &str) -> bool {
    name.split('.').all(|label| {
        !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HeloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What was stored goes through the same gate as everything else: no file can bring an invalid name to the wire.
impl TryFrom<Box<str>> for DomainName {
    type Error = NameError;

    fn try_from(text: Box<str>) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl TryFrom<Box<str>> for MxName {
    type Error = NameError;

    fn try_from(text: Box<str>) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl TryFrom<Box<str>> for Mailbox {
    type Error = NameError;

    fn try_from(text: Box<str>) -> Result<Self, NameError> {
        let literal = text.strip_prefix("postmaster@[").and_then(|rest| rest.strip_suffix(']'));
        match literal {
            Some(literal) => Ok(Self::postmaster_of(&HeloName::parse(&format!("[{literal}]"))?)),
            None => Self::parse(&text),
        }
    }
}

impl Serialize for Mailbox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
