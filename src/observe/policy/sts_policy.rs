//! The text of an MTA-STS policy (RFC 8461 §3.2).

use super::super::{PeerText, stored};
use crate::name::MxName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Patterns kept of one policy.
const PATTERNS: usize = 256;
/// The longest a policy may be kept, in seconds: a year.
const MAX_AGE: u64 = 31_557_600;
/// How much of a line is quoted, in octets.
const QUOTED: usize = 128;

/// A policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StsPolicy {
    /// What senders are to do where a server does not fit.
    pub mode: Mode,
    /// How long senders may keep it.
    #[serde(with = "stored::span")]
    pub max_age: Duration,
    /// The MX hosts it allows, at most 256 of them.
    pub mx: Vec<MxPattern>,
    /// How many more patterns there were.
    pub more_mx: usize,
}

/// What becomes of mail to a server that does not fit the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// It is not delivered.
    Enforce,
    /// The policy is withdrawn.
    None,
    /// It is delivered, and reported where reports are asked for.
    Testing,
}

/// A host, or every host whose name has one label more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MxPattern {
    /// Whether one left-most label may be anything.
    pub wildcard: bool,
    /// The name, or what stands behind that label.
    pub name: MxName,
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyFlaw {
    /// A line that cannot be read, or a value that its key cannot have; the line.
    Line(PeerText),
    /// A key without which there is no policy.
    Missing(Key),
    /// No line, or not the first of that key, is `version: STSv1`.
    Version,
}

/// The keys of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    /// How long it may be kept.
    MaxAge,
    /// What is to be done.
    Mode,
    /// Which hosts it allows.
    Mx,
}

/// The lines read so far. Of keys that may stand once the first counts.
#[derive(Default)]
struct Draft {
    mode: Option<Mode>,
    max_age: Option<Duration>,
    mx: Vec<MxPattern>,
    more_mx: usize,
}

impl StsPolicy {
    /// Reads a policy; its lines end in CRLF or LF and stand in any order (RFC 8461 §3.2).
    pub(super) fn parse(body: &[u8]) -> Result<Self, PolicyFlaw> {
        let lines = body.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let lines = lines.map(|line| line.trim_ascii_end()).filter(|line| !line.is_empty());
        let version = lines.clone().filter_map(pair).find(|(key, _)| *key == "version");
        if version.is_none_or(|(_, value)| value != "STSv1") {
            return Err(PolicyFlaw::Version);
        }
        let mut draft = Draft::default();
        for line in lines {
            let fits = pair(line).is_some_and(|(key, value)| draft.take(key, value));
            if !fits {
                return Err(PolicyFlaw::Line(PeerText::from_bytes(&line[..line.len().min(QUOTED)])));
            }
        }
        draft.finish()
    }

    /// Whether it allows this host; none where patterns were left out that might.
    pub fn allows(&self, host: &MxName) -> Option<bool> {
        let allowed = self.mx.iter().any(|pattern| pattern.covers(host));
        (allowed || self.more_mx == 0).then_some(allowed)
    }
}

impl Draft {
    /// Whether the value is one that the key can have. Keys that nobody knows are passed over.
    fn take(&mut self, key: &str, value: &str) -> bool {
        match key {
            "mode" if self.mode.is_none() => self.mode = Mode::parse(value),
            "max_age" if self.max_age.is_none() => self.max_age = max_age(value),
            "mx" => match MxPattern::parse(value) {
                Some(_) if self.mx.len() >= PATTERNS => self.more_mx += 1,
                Some(pattern) => self.mx.push(pattern),
                None => return false,
            },
            _ => return true,
        }
        match key {
            "mode" => self.mode.is_some(),
            "max_age" => self.max_age.is_some(),
            _ => true,
        }
    }

    fn finish(self) -> Result<StsPolicy, PolicyFlaw> {
        let Self { mode, max_age, mx, more_mx } = self;
        let mode = mode.ok_or(PolicyFlaw::Missing(Key::Mode))?;
        let max_age = max_age.ok_or(PolicyFlaw::Missing(Key::MaxAge))?;
        if mx.is_empty() && mode != Mode::None {
            return Err(PolicyFlaw::Missing(Key::Mx));
        }
        Ok(StsPolicy { mode, max_age, mx, more_mx })
    }
}

/// A key and its value. Beyond ASCII only values of unknown keys may go, in UTF-8.
fn pair(line: &[u8]) -> Option<(&str, &str)> {
    let text =
        str::from_utf8(line).ok().filter(|text| !text.contains(|c: char| c.is_control() && c != '\t'))?;
    let (key, value) = text.split_once(':')?;
    let is_key = (1..=32).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        && key.starts_with(|c: char| c.is_ascii_alphanumeric());
    is_key.then(|| (key, value.trim_matches([' ', '\t'])))
}

fn max_age(value: &str) -> Option<Duration> {
    let is_number = (1..=10).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    let seconds = value.parse().ok().filter(|seconds| is_number && *seconds <= MAX_AGE)?;
    Some(Duration::from_secs(seconds))
}

impl Mode {
    fn parse(word: &str) -> Option<Self> {
        [Self::Enforce, Self::None, Self::Testing].into_iter().find(|mode| mode.as_str() == word)
    }

    /// The word in the policy, in labels and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::None => "none",
            Self::Testing => "testing",
        }
    }
}

impl MxPattern {
    fn parse(text: &str) -> Option<Self> {
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let is_address = rest.parse::<IpAddr>().is_ok();
        let name = MxName::parse(rest).ok().filter(|_| !is_address && !rest.ends_with('.'))?;
        Some(Self { wildcard, name })
    }

    /// Whether it allows this host (RFC 8461 §4.1).
    pub fn covers(&self, host: &MxName) -> bool {
        if self.wildcard {
            host.as_str().split_once('.').is_some_and(|(_, rest)| rest == self.name.as_str())
        } else {
            *host == self.name
        }
    }
}

impl fmt::Display for MxPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wildcard { write!(f, "*.{}", self.name) } else { write!(f, "{}", self.name) }
    }
}

impl fmt::Display for PolicyFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "a line that cannot stand in a policy: `{line}`"),
            Self::Missing(Key::MaxAge) => f.write_str("it has no `max_age`"),
            Self::Missing(Key::Mode) => f.write_str("it has no `mode`"),
            Self::Missing(Key::Mx) => f.write_str("it allows no `mx`"),
            Self::Version => f.write_str("it has no `version: STSv1`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version: STSv1\nmode: enforce\nmax_age: 604800\n";

    fn parse(text: &str) -> Result<StsPolicy, PolicyFlaw> {
        StsPolicy::parse(text.as_bytes())
    }

    fn host(name: &str) -> MxName {
        MxName::parse(name).unwrap()
    }

    #[test]
    fn policies_are_read_whatever_their_lines_end_in() {
        let lines =
            ["version: STSv1", "mode: testing", "mx: mx1.example.com", "mx:*.Example.NET", "max_age: 86400"];
        for text in [
            lines.join("\r\n"),
            lines.join("\n"),
            lines.join("\n") + "\n",
            lines.join(" \r\n") + "\r\n\r\n",
            lines.join("\nfuture-key.1: gr\u{fc}n\n"),
        ] {
            let policy = parse(&text).unwrap();
            assert_eq!((policy.mode, policy.max_age.as_secs(), policy.more_mx), (Mode::Testing, 86_400, 0));
            let mx: Vec<_> = policy.mx.iter().map(ToString::to_string).collect();
            assert_eq!(mx, ["mx1.example.com", "*.example.net"], "{text:?}");
        }
    }

    #[test]
    fn of_what_may_stand_once_the_first_counts() {
        let policy = parse(&format!("{HEAD}mx: a.test\nversion: STSv2\nmode: no\nmax_age: -1\n")).unwrap();
        assert_eq!((policy.mode, policy.max_age.as_secs()), (Mode::Enforce, 604_800));
    }

    #[test]
    fn lines_stand_in_any_order() {
        let none = parse("max_age: 0\nmode: none\nversion: STSv1").unwrap();
        assert_eq!((none.mode, none.max_age.as_secs(), none.mx.len()), (Mode::None, 0, 0));
    }

    #[test]
    fn what_is_no_policy_is_told() {
        let line = |text: &str| PolicyFlaw::Line(text.into());
        for (text, want) in [
            (String::new(), PolicyFlaw::Version),
            ("<html>".to_owned(), PolicyFlaw::Version),
            ("version: STSv2\nversion: STSv1\nmode: none\nmax_age: 1".to_owned(), PolicyFlaw::Version),
            ("version: STSv2\nmode: none\nmax_age: 1".to_owned(), PolicyFlaw::Version),
            ("\u{feff}version: STSv1\nmode: none\nmax_age: 1".to_owned(), PolicyFlaw::Version),
            ("version: STSv1\nmax_age: 1\nmx: a.test".to_owned(), PolicyFlaw::Missing(Key::Mode)),
            ("version: STSv1\nmode: none".to_owned(), PolicyFlaw::Missing(Key::MaxAge)),
            (HEAD.to_owned(), PolicyFlaw::Missing(Key::Mx)),
            ("version: STSv1\nmode: Enforce".to_owned(), line("mode: Enforce")),
            ("version: STSv1\nmax_age: 31557601".to_owned(), line("max_age: 31557601")),
            ("version: STSv1\nmax_age: +1".to_owned(), line("max_age: +1")),
            ("version: STSv1\nmax_age: 00000000001".to_owned(), line("max_age: 00000000001")),
            (format!("{HEAD}mx: *"), line("mx: *")),
            (format!("{HEAD}mx: *.*.test"), line("mx: *.*.test")),
            (format!("{HEAD}mx: a*.test"), line("mx: a*.test")),
            (format!("{HEAD}mx: mx.test."), line("mx: mx.test.")),
            (format!("{HEAD}mx: .test"), line("mx: .test")),
            (format!("{HEAD}mx: 192.0.2.1"), line("mx: 192.0.2.1")),
            (format!("{HEAD}mx: [192.0.2.1]"), line("mx: [192.0.2.1]")),
            (format!("{HEAD}mx: a.test, b.test"), line("mx: a.test, b.test")),
            (format!("{HEAD}mx: gr\u{fc}n.test"), line("mx: gr\u{fc}n.test")),
            (format!("{HEAD}mx: a.test\nno colon"), line("no colon")),
            (format!("{HEAD}mx: a.test\0"), line("mx: a.test\0")),
            (format!("{HEAD}mx: a.test\rmode: none"), line("mx: a.test\rmode: none")),
        ] {
            assert_eq!(parse(&text), Err(want), "{text:?}");
        }
        let octets = [HEAD.as_bytes(), b"x: \xff\n"].concat();
        assert!(matches!(StsPolicy::parse(&octets), Err(PolicyFlaw::Line(_))));
    }

    #[test]
    fn a_wildcard_is_one_label_on_the_left() {
        let policy = parse(&format!("{HEAD}mx: *.example.com\nmx: MX.example.net")).unwrap();
        for (name, want) in [
            ("mx1.example.com", true),
            ("mx.example.net", true),
            ("example.com", false),
            ("a.mx1.example.com", false),
            ("mx1.example.net", false),
            ("xexample.com", false),
        ] {
            assert_eq!(policy.allows(&host(name)), Some(want), "{name}");
        }
    }

    #[test]
    fn ten_thousand_patterns_are_counted_and_some_are_kept() {
        let many: String = (0..10_000).map(|n| format!("mx:a{n}.b\n")).collect();
        let policy = parse(&format!("{HEAD}{many}")).unwrap();
        assert_eq!((policy.mx.len(), policy.more_mx), (256, 9_744));
        assert_eq!(policy.allows(&host("a255.b")), Some(true));
        assert_eq!(policy.allows(&host("a9999.b")), None);
    }
}
