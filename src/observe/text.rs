//! Text that a peer sent, made harmless once and for all when it is read.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt::{self, Write as _};

/// No text that a peer sent is longer, escaped.
const LONGEST: usize = 256 << 10;

/// Peer text with everything that is not plainly printable escaped, losslessly: control bytes and invalid UTF-8 as
/// `\x1b`, a backslash as `\\`, invisible and direction-changing characters as `\u{202e}`.
///
/// It is safe in a log line; a page still has to escape it as HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct PeerText(Box<str>);

impl PeerText {
    /// Reads bytes as they came.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            chunk.valid().chars().for_each(|c| push_escaped(&mut text, c));
            for byte in chunk.invalid() {
                write!(text, "\\x{byte:02x}").ok();
            }
        }
        Self(text.into())
    }

    /// A part of peer text that is escaped already.
    pub(super) fn clone_of(escaped: &str) -> Self {
        Self(escaped.into())
    }

    /// The escaped text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for PeerText {
    /// Reads stored text, which is escaped already. What was never escaped is so now.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Box::<str>::deserialize(deserializer)?;
        let end = stored.floor_char_boundary(LONGEST);
        let mut text = String::with_capacity(end);
        for c in stored[..end].chars() {
            if c == '\\' { text.push(c) } else { push_escaped(&mut text, c) }
        }
        Ok(Self(text.into()))
    }
}

fn push_escaped(text: &mut String, c: char) {
    match c {
        '\\' => text.push_str("\\\\"),
        ' '..='~' => text.push(c),
        '\0'..='\u{9f}' => {
            write!(text, "\\x{:02x}", u32::from(c)).ok();
        }
        _ if is_invisible(c) => write!(text, "\\u{{{:x}}}", u32::from(c)).unwrap_or(()),
        _ => text.push(c),
    }
}

/// Characters that change what stands beside them, or show nothing: joiners, direction marks, separators, private
/// use, tags and variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}'
        | '\u{e0000}'..='\u{10ffff}')
}

impl fmt::Display for PeerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for PeerText {
    fn from(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_survives() {
        for (bytes, want) in [
            (&b"220 mx.example ESMTP"[..], "220 mx.example ESMTP"),
            (b"a\x1b[31mb\0c\r", "a\\x1b[31mb\\x00c\\x0d"),
            (b"\xff\xfe", "\\xff\\xfe"),
            (b"back\\slash", "back\\\\slash"),
            ("grüß 中".as_bytes(), "grüß 中"),
            ("a\u{202e}b\u{200b}".as_bytes(), "a\\u{202e}b\\u{200b}"),
            ("\u{85}".as_bytes(), "\\x85"),
        ] {
            assert_eq!(PeerText::from_bytes(bytes).as_str(), want);
        }
    }

    #[test]
    fn stored_text_is_read_as_it_is_and_never_unescaped() {
        for bytes in
            [&b"220 mx.example ESMTP"[..], b"a\x1b[31mb\0c\r", b"\xff\\x41", "a\u{202e}gr\u{fc}n".as_bytes()]
        {
            let text = PeerText::from_bytes(bytes);
            let stored = serde_json::to_string(&text).unwrap();
            assert_eq!(serde_json::from_str::<PeerText>(&stored).unwrap(), text);
        }
        let smuggled: PeerText = serde_json::from_str("\"a\\u001b[31m\\r\\n\u{202e}\"").unwrap();
        assert_eq!(smuggled.as_str(), "a\\x1b[31m\\x0d\\x0a\\u{202e}");
        let endless = serde_json::to_string(&"\u{fc}".repeat(LONGEST)).unwrap();
        assert_eq!(serde_json::from_str::<PeerText>(&endless).unwrap().as_str().len(), LONGEST);
    }
}
