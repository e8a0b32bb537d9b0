//! What must hold of EHLO keywords and of the table of refusals whatever a server says.

mod policy;

pub(crate) use policy::{policy, policy_records};

use super::blame::{cause, names_null_sender, recipient_unusable, wants_tls};
use super::{Cause, Extensions, PeerText, Reply, Stage};

const STAGES: [Stage; 7] =
    [Stage::Banner, Stage::Ehlo, Stage::EhloTls, Stage::StartTls, Stage::Mail, Stage::Rcpt, Stage::Rset];

/// The reply whose lines, code included, stand in `text`. Its own code is `code`, which none of them need have.
fn reply(code: u16, text: &[u8]) -> Reply {
    let lines = text.split(|octet| *octet == b'\n').map(PeerText::from_bytes).collect();
    Reply { code, lines, flaws: Vec::new() }
}

/// Keywords are what stands in the lines behind the first, in any case; what is made of them is as a plain reading of
/// those lines has it.
pub(crate) fn keywords(input: &[u8]) {
    let reply = reply(250, input);
    let extensions = Extensions::of(&reply);
    let lines: Vec<&str> = extensions.lines().iter().map(PeerText::as_str).collect();
    assert!(lines.len() < reply.lines.len().max(1), "the greeting is no keyword");
    // Tabs are escaped like all control characters, and count as spaces.
    let sent = reply.lines.iter().skip(1).filter_map(|line| line.as_str().get(4..));
    let tabs = |part: &str| part.replace("\\x09", " ");
    let sent =
        sent.map(|line| line.split("\\\\").map(tabs).collect::<Vec<_>>().join("\\\\").trim().to_owned());
    assert_eq!(lines, sent.filter(|line| !line.is_empty()).collect::<Vec<_>>());
    let is_end = |c: char| matches!(c, ' ' | '\t' | '=');
    // Each is looked for among all: the first ones will do.
    for line in lines.iter().take(8) {
        let keyword = line.split(is_end).next().unwrap_or_default();
        assert!(extensions.has(keyword), "{keyword:?} of {line:?}");
        assert!(
            extensions.has(&keyword.to_ascii_uppercase()) && extensions.has(&keyword.to_ascii_lowercase())
        );
    }
    let offers = |name: &str| {
        lines.iter().any(|line| line.split(is_end).next().is_some_and(|k| k.eq_ignore_ascii_case(name)))
    };
    for name in ["STARTTLS", "PIPELINING", "8BITMIME", "AUTH", "SIZE"] {
        assert_eq!(extensions.has(name), offers(name), "{name}");
    }
    let mechanisms = extensions.auth_mechanisms();
    assert!(mechanisms.is_empty() || extensions.has("AUTH"));
    assert!(
        mechanisms.iter().all(|name| !name.is_empty() && !name.contains(|c: char| c.is_ascii_whitespace()))
    );
    assert!(extensions.size() != Some(0) && (extensions.size().is_none() || extensions.has("SIZE")));
}

/// Every reply is decided, the same in any case of its letters. Acceptance is about nobody, 421 throttles, no transient
/// refusal but that of a relay proves anything, and what denies relaying is never about us. The first two octets are the code,
/// the length is the stage.
pub(crate) fn refusal(input: &[u8]) {
    let Some((code, text)) = input.split_first_chunk() else { return };
    let said = reply(200 + u16::from_be_bytes(*code) % 400, text);
    let shouted = reply(said.code, &text.to_ascii_uppercase());
    let mut denied = said.clone();
    denied.lines.push(PeerText::from("554 Relay access denied."));
    let stage = STAGES[text.len() % STAGES.len()];
    let blamed = cause(stage, &said);
    match said.code {
        200..=399 => assert_eq!(blamed, None, "{said:?}"),
        421 => assert_eq!(blamed, Some(Cause::Throttled), "{said:?}"),
        400..=499 => {
            assert!(blamed.map_or_else(|| denies_relay(&said), is_about_us_or_later), "{said:?}: {blamed:?}")
        }
        _ => assert!(blamed.is_none_or(is_about_us), "{said:?}: {blamed:?}"),
    }
    assert_eq!(blamed, cause(stage, &shouted), "{said:?} at {stage}");
    if said.code != 421 {
        assert_eq!(cause(stage, &denied), None, "{denied:?} at {stage}");
    }
    assert!(!recipient_unusable(&denied) || denied.code == 556, "{denied:?}");
    assert!(!(said.is_positive() && recipient_unusable(&said)), "{said:?}");
    assert!(said.is_permanent() || !wants_tls(&said), "{said:?}");
    assert!(names_null_sender(&reply(said.code, &[text, b"\n550 <> refused"].concat())));
}

fn is_about_us(cause: Cause) -> bool {
    matches!(cause, Cause::ClientBlocked | Cause::Throttled)
}

fn is_about_us_or_later(cause: Cause) -> bool {
    is_about_us(cause) || matches!(cause, Cause::Greylisted | Cause::Tempfail)
}

/// Whether a word of the good answers to a relay probe is there at all.
fn denies_relay(reply: &Reply) -> bool {
    let text = reply.text().to_lowercase();
    ["relay", "rcpthosts", "5.7.54", "5.7.64"].iter().any(|word| text.contains(word))
}
