//! Reads SMTP replies octet by octet (RFC 5321 §4.2): any way of cutting the stream into pieces gives the same
//! replies, and no peer can make it keep more than a few pages.

use crate::observe::{Flaw, PeerText, Reply};
use std::collections::BTreeSet;
use std::mem::take;

/// What is kept of a line; Postfix keeps as much.
const LINE_KEPT: usize = 2_048;
/// A line without an end is given up here.
const LINE_GIVEN_UP: usize = 64 * 1_024;
/// The longest line that RFC 5321 §4.5.3.1.5 allows, CRLF included.
const LINE_ALLOWED: usize = 512;
/// The lines of one reply.
const REPLY_LINES: usize = 128;
/// What is kept of one reply, all lines together.
const REPLY_KEPT: usize = 16 * 1_024;
/// What an unfinished reply is quoted with.
const QUOTED: usize = 256;

/// A reply in the making.
#[derive(Default)]
pub(super) struct Parser {
    keeps_reading: bool,
    line: Vec<u8>,
    length: usize,
    ends_in_cr: bool,
    code: Option<u16>,
    lines: Vec<PeerText>,
    kept: usize,
    flaws: BTreeSet<Flaw>,
}

/// Why a reply cannot be read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// This line is none of a reply, or its code is outside 200 to 599.
    Malformed(PeerText),
    /// Longer than any honest reply.
    Oversize(&'static str),
}

/// Whether a reply goes on behind this line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Last,
    Middle,
}

impl Parser {
    /// Of most commands, where too many lines are a reason to stop.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Of EHLO: lines beyond the limit are read, and forgotten.
    pub(super) fn of_ehlo() -> Self {
        Self { keeps_reading: true, ..Self::default() }
    }

    /// Reads on: how many of the octets it took, and the reply once that is whole.
    pub(super) fn feed(&mut self, octets: &[u8]) -> (usize, Result<Option<Reply>, Unreadable>) {
        for (index, octet) in octets.iter().enumerate() {
            match self.take_in(*octet) {
                Ok(None) => {}
                done => return (index + 1, done),
            }
        }
        (octets.len(), Ok(None))
    }

    /// The beginning of what was read of an unfinished reply; nothing where there was nothing.
    pub(super) fn heard(&self) -> String {
        let whole = self.lines.iter().map(PeerText::as_str);
        let unfinished = PeerText::from_bytes(&self.line);
        let texts: Vec<_> = whole.chain([unfinished.as_str()]).filter(|text| !text.is_empty()).collect();
        texts.join(" / ").chars().take(QUOTED).collect()
    }

    fn take_in(&mut self, octet: u8) -> Result<Option<Reply>, Unreadable> {
        self.length += 1;
        if octet == b'\n' {
            return self.end_line();
        }
        if self.length > LINE_GIVEN_UP {
            return Err(Unreadable::Oversize("a line of more than 64 KiB"));
        }
        if take(&mut self.ends_in_cr) {
            self.keep(b'\r');
        }
        match octet {
            b'\r' => self.ends_in_cr = true,
            _ => self.keep(octet),
        }
        Ok(None)
    }

    fn keep(&mut self, octet: u8) {
        if self.line.len() < LINE_KEPT {
            self.line.push(octet);
        }
    }

    fn end_line(&mut self) -> Result<Option<Reply>, Unreadable> {
        let line = take(&mut self.line);
        let (code, place) = split(&line).ok_or_else(|| Unreadable::Malformed(quoted(&line)))?;
        if !take(&mut self.ends_in_cr) {
            self.flaws.insert(Flaw::BareLf);
        }
        if take(&mut self.length) > LINE_ALLOWED {
            self.flaws.insert(Flaw::LongLine);
        }
        if self.code.replace(code).is_some_and(|before| before != code) {
            self.flaws.insert(Flaw::CodesDiffer);
        }
        self.keep_line(&line)?;
        Ok((place == Place::Last).then(|| self.whole(code)))
    }

    fn keep_line(&mut self, line: &[u8]) -> Result<(), Unreadable> {
        self.kept += line.len();
        if self.kept > REPLY_KEPT {
            return Err(Unreadable::Oversize("a reply of more than 16 KiB"));
        }
        if self.lines.len() < REPLY_LINES {
            self.lines.push(PeerText::from_bytes(line));
        } else if self.keeps_reading {
            self.flaws.insert(Flaw::Truncated);
        } else {
            return Err(Unreadable::Oversize("a reply of more than 128 lines"));
        }
        Ok(())
    }

    fn whole(&mut self, code: u16) -> Reply {
        let Self { lines, flaws, .. } = take(self);
        Reply { code, lines, flaws: flaws.into_iter().collect() }
    }
}

/// The code of a line and what stands behind it.
fn split(line: &[u8]) -> Option<(u16, Place)> {
    let (code, rest) = line.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let place = match rest.first() {
        None | Some(b' ') => Place::Last,
        Some(b'-') => Place::Middle,
        Some(_) => return None,
    };
    (200..=599).contains(&code).then_some((code, place))
}

fn quoted(line: &[u8]) -> PeerText {
    PeerText::from_bytes(line.get(..QUOTED).unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Read = Result<Option<Reply>, Unreadable>;

    fn read(text: impl AsRef<[u8]>) -> Read {
        Parser::new().feed(text.as_ref()).1
    }

    fn reply(text: impl AsRef<[u8]>) -> Reply {
        read(text).unwrap().expect("a whole reply")
    }

    #[test]
    fn a_reply_ends_with_the_line_that_has_no_hyphen() {
        for (text, code, lines) in [
            ("220 mx.test ESMTP\r\n", 220, vec!["220 mx.test ESMTP"]),
            ("220\r\n", 220, vec!["220"]),
            ("220-one\r\n220-\r\n220 two\r\n", 220, vec!["220-one", "220-", "220 two"]),
            ("250 a\rb\0c\r\n", 250, vec!["250 a\\x0db\\x00c"]),
            ("554 \x1b[2J\r\r\n", 554, vec!["554 \\x1b[2J\\x0d"]),
        ] {
            let reply = reply(text);
            let read: Vec<_> = reply.lines.iter().map(PeerText::as_str).collect();
            assert_eq!((reply.code, read, reply.flaws), (code, lines, vec![]), "{text:?}");
        }
    }

    #[test]
    fn a_flawed_reply_is_read_and_its_flaws_are_told() {
        let long = format!("220 {}\r\n", "x".repeat(600));
        for (text, code, flaws) in [
            ("220-a\n220 b\r\n", 220, vec![Flaw::BareLf]),
            ("220-a\r\n250 b\r\n", 250, vec![Flaw::CodesDiffer]),
            (long.as_str(), 220, vec![Flaw::LongLine]),
            ("220-a\n554 b\n", 554, vec![Flaw::BareLf, Flaw::CodesDiffer]),
        ] {
            let reply = reply(text);
            assert_eq!((reply.code, reply.flaws), (code, flaws), "{text:?}");
        }
        let fits = format!("220 {}\r\n", "x".repeat(506));
        assert_eq!((fits.len(), reply(&fits).flaws), (512, vec![]));
    }

    #[test]
    fn what_is_no_reply_is_malformed() {
        for text in [
            "22\r\n",
            "2200 x\r\n",
            "2x0 x\r\n",
            "-20 x\r\n",
            " 220 x\r\n",
            "\r\n",
            "\n",
            "220\tx\r\n",
            "199 x\r\n",
            "600 x\r\n",
            "999 x\r\n",
            "000 x\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "220-a\r\nb\r\n220 c\r\n",
            "220-a\r\n999-b\r\n",
            "\u{662}20 x\r\n",
        ] {
            assert!(matches!(read(text), Err(Unreadable::Malformed(_))), "{text:?}");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_an_endless_one_given_up() {
        let line = reply(format!("220 {}\r\n", "x".repeat(60_000)));
        assert_eq!(line.lines[0].as_str().len(), LINE_KEPT);
        let endless = format!("220 {}", "x".repeat(LINE_GIVEN_UP));
        assert!(matches!(read(endless), Err(Unreadable::Oversize(_))));
    }

    #[test]
    fn an_endless_reply_is_given_up() {
        assert!(matches!(read("220-x\r\n".repeat(129)), Err(Unreadable::Oversize(_))));
        assert!(matches!(
            read(format!("220-{}\r\n", "x".repeat(2_040)).repeat(9)),
            Err(Unreadable::Oversize(_))
        ));
        let (_, ehlo) = Parser::of_ehlo().feed("250-x\r\n".repeat(10_000).as_bytes());
        assert!(matches!(ehlo, Err(Unreadable::Oversize(_))));
    }

    #[test]
    fn keywords_beyond_the_limit_are_forgotten() {
        let text = "250-KEYWORD12\r\n".repeat(1_000) + "250 LAST\r\n";
        let (used, reply) = Parser::of_ehlo().feed(text.as_bytes());
        let reply = reply.unwrap().unwrap();
        assert_eq!((used, reply.lines.len()), (text.len(), REPLY_LINES));
        assert_eq!((reply.code, reply.flaws), (250, vec![Flaw::Truncated]));
    }

    #[test]
    fn what_was_heard_of_an_unfinished_reply_can_be_told() {
        let mut parser = Parser::new();
        assert_eq!(parser.heard(), "");
        assert_eq!(parser.feed(b"220-one\r\n220-tw\x07"), (16, Ok(None)));
        assert_eq!(parser.heard(), "220-one / 220-tw\\x07");
    }

    /// Reads all replies from a stream that comes in these pieces.
    fn replies(pieces: &[&[u8]]) -> Vec<Result<Reply, Unreadable>> {
        let (mut parser, mut replies) = (Parser::new(), vec![]);
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let (used, read) = parser.feed(rest);
                rest = &rest[used..];
                match read {
                    Ok(reply) => replies.extend(reply.map(Ok)),
                    Err(unreadable) => {
                        replies.push(Err(unreadable));
                        return replies;
                    }
                }
            }
        }
        replies
    }

    /// Streams that are nearly replies.
    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"220 ok\r\n".to_vec()),
            Just(b"220-more\r\n".to_vec()),
            Just(b"250-x\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\n".to_vec()),
            Just(vec![b'x'; 3_000]),
            proptest::collection::vec(any::<u8>(), 0..20),
        ];
        proptest::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_cut_of_the_stream_gives_the_same_replies(stream in streams(), cuts in proptest::collection::vec(0usize..40, 0..40)) {
            let (mut pieces, mut rest) = (vec![], stream.as_slice());
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            pieces.push(rest);
            let octets: Vec<_> = stream.chunks(1).collect();
            let whole = replies(&[&stream]);
            prop_assert_eq!(&replies(&pieces), &whole);
            prop_assert_eq!(&replies(&octets), &whole);
        }
    }
}
