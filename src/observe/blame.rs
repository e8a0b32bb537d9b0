//! Whom a refusal is about: the one table that tells "we are not welcome" and "not now" from "this server is broken".
//!
//! It is read from top to bottom in [`cause`]; the tests hold real replies of real servers against it.

use super::{Cause, Reply, Stage};
use std::net::IpAddr;
use words::{
    AT_THE_DOOR, CALLOUT, CLIENT, GREYLISTING, NULL_SENDER, RATE_LIMIT, RECIPIENT, RECIPIENT_DOMAIN,
    RELAY_DENIED, SENDER, TRY_AGAIN, WANTS_TLS,
};

mod words;

/// Why a reply proves nothing about the server; none where it does (any 2xx, or a refusal that is not about us).
pub fn cause(stage: Stage, reply: &Reply) -> Option<Cause> {
    if !reply.is_transient() && !reply.is_permanent() {
        return None;
    }
    let said = Phrases::of(reply);
    if reply.code == 421 {
        Some(Cause::Throttled)
    } else if said.any(RELAY_DENIED) {
        None
    } else if said.any(RATE_LIMIT) {
        Some(Cause::Throttled)
    } else if reply.is_transient() && said.any(GREYLISTING) {
        Some(Cause::Greylisted)
    } else if is_about_us(stage, &said, reply) {
        Some(Cause::ClientBlocked)
    } else if reply.is_permanent() {
        None
    } else if stage == Stage::Rcpt && matches!(reply.code, 450 | 451) && said.any(TRY_AGAIN) {
        Some(Cause::Greylisted)
    } else {
        Some(Cause::Tempfail)
    }
}

/// Whether a refusal is about the recipient's domain, so that another recipient has to decide the relay test.
pub fn recipient_unusable(reply: &Reply) -> bool {
    let said = Phrases::of(reply);
    reply.code == 556
        || (!reply.is_positive()
            && !said.any(RELAY_DENIED)
            && cause(Stage::Rcpt, reply) != Some(Cause::ClientBlocked)
            && said.any(RECIPIENT_DOMAIN))
}

/// Whether a permanent refusal is only of plaintext (RFC 3207 §4).
pub fn wants_tls(reply: &Reply) -> bool {
    reply.is_permanent() && Phrases::of(reply).any(WANTS_TLS)
}

/// Whether a refusal names the null sender, which is not ours.
pub fn names_null_sender(reply: &Reply) -> bool {
    Phrases::of(reply).any(NULL_SENDER) || reply.lines.iter().any(|line| line.as_str().contains("<>"))
}

fn is_about_us(stage: Stage, said: &Phrases, reply: &Reply) -> bool {
    let sender = said.any(SENDER) && !names_null_sender(reply);
    let door = matches!(stage, Stage::Banner | Stage::Ehlo | Stage::EhloTls) && said.any(AT_THE_DOOR);
    sender
        || said.any(CALLOUT)
        || door
        || said.any(CLIENT)
        || (reply.is_permanent() && !said.any(RECIPIENT) && names_address(reply))
}

/// Whether an IP address is quoted, as one is where the client is refused.
fn names_address(reply: &Reply) -> bool {
    let parts = |line: &str| {
        line.split(|c: char| !(c.is_ascii_hexdigit() || c == ':' || c == '.'))
            .any(|part| part.trim_end_matches(['.', ':']).parse::<IpAddr>().is_ok())
    };
    reply.lines.iter().any(|line| parts(line.as_str()))
}

/// A reply's words in lower case, one space between two and at both ends; full stops survive inside numbers only, so
/// that `5.7.1` stays one word. Codes that continuation lines repeat are left out: servers break sentences over lines.
/// So is what stands in `<>`: names of senders and recipients, not the server's own words.
struct Phrases(String);

impl Phrases {
    fn of(reply: &Reply) -> Self {
        let mut words = String::from(" ");
        let mut first = "";
        for line in &reply.lines {
            let text = line.as_str().get(4..).unwrap_or_default().trim_start();
            let enhanced = text.split(' ').next().filter(|word| is_enhanced_code(word)).unwrap_or_default();
            let repeated = if first.is_empty() { None } else { text.strip_prefix(first) };
            if first.is_empty() {
                first = enhanced;
            }
            push_words(&mut words, &without_addresses(repeated.unwrap_or(text)));
        }
        Self(words)
    }

    fn any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| {
            self.0
                .match_indices(phrase)
                .any(|(at, _)| self.0[..at].ends_with(' ') && self.0[at + phrase.len()..].starts_with(' '))
        })
    }
}

/// Whether a word looks like an enhanced status code (RFC 3463 §2).
fn is_enhanced_code(word: &str) -> bool {
    word.split('.').count() == 3 && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn without_addresses(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, bracketed)) = rest.split_once('<') {
        kept.push_str(before);
        kept.push(' ');
        rest = bracketed.split_once('>').map_or(bracketed, |(_, after)| after);
    }
    kept + rest
}

fn push_words(words: &mut String, text: &str) {
    let text = text.to_lowercase();
    let mut previous = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let inside_number =
            c == '.' && previous.is_ascii_digit() && rest.peek().is_some_and(char::is_ascii_digit);
        if c.is_alphanumeric() || matches!(c, '\'' | '@') || inside_number {
            words.push(c);
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
        previous = c;
    }
    if !words.ends_with(' ') {
        words.push(' ');
    }
}

#[cfg(test)]
mod tests;
