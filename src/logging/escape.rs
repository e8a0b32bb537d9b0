//! Escapes as readers of logfmt know them: those of JSON. The formatter writes those of Rust, `\u{1b}` and `\'`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The same line with the escapes of JSON. A line of JSON has no others and stays as it is.
pub(super) fn as_json_does(line: &[u8]) -> Box<[u8]> {
    let mut rest = match String::from_utf8_lossy(line) {
        Cow::Borrowed(line) if line.contains('\\') => line,
        _ => return line.into(),
    };
    let mut text = String::with_capacity(line.len());
    while let Some((before, escape)) = rest.split_once('\\') {
        text += before;
        rest = push(&mut text, escape);
    }
    text += rest;
    text.into_bytes().into()
}

/// Appends the escape that begins behind a backslash, and gives what is left behind it.
fn push<'l>(text: &mut String, escape: &'l str) -> &'l str {
    if let Some((c, rest)) = code_point(escape) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(text, "\\u{unit:04x}").ok(); // a string takes all that is written
        }
        return rest;
    }
    let mut chars = escape.chars();
    match chars.next() {
        Some('\'') => text.push('\''),
        Some('0') => *text += "\\u0000",
        Some(c) => text.extend(['\\', c]),
        None => text.push('\\'),
    }
    chars.as_str()
}

/// `u{1b}` and what stands behind it.
fn code_point(escape: &str) -> Option<(char, &str)> {
    let (hex, rest) = escape.strip_prefix("u{")?.split_once('}')?;
    Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_escapes_of_rust_change() {
        for (line, want) in [
            ("a=b", "a=b"),
            (r#"a="it\'s""#, r#"a="it's""#),
            (r#"a="\u{1b}[2J\u{202e}\0""#, r#"a="\u001b[2J\u202e\u0000""#),
            (r#"a="\u{1f600}""#, r#"a="\ud83d\ude00""#),
            (r#"{"a":"\\u{1b} \" \n \u001b"}"#, r#"{"a":"\\u{1b} \" \n \u001b"}"#),
            (r"a=\", r"a=\"),
            (r"a=\u{zz}", r"a=\u{zz}"),
        ] {
            assert_eq!(String::from_utf8_lossy(&as_json_does(line.as_bytes())), want);
        }
    }

    proptest! {
        /// Whatever the formatter quotes is a text of JSON that says the same.
        #[test]
        fn nothing_is_lost(text in "\\PC*|.*|[\\\\\"'u{}0\u{1b}é]*") {
            let quoted = as_json_does(format!("\"{}\"", text.escape_debug()).as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&quoted).ok(), Some(text));
        }
    }
}
