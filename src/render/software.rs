//! Which software speaks, guessed from its banner against a closed table: safe as a label, never the peer's own text.

use crate::observe::Reply;

/// A guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Software {
    /// As a label: `other` for a banner that says nothing known, `unknown` without a banner.
    pub(super) label: &'static str,
    /// As its makers write it; empty where the banner does not tell.
    pub(super) name: &'static str,
}

/// How a banner gives its software away.
enum Sign {
    /// A word behind the host name.
    Word(&'static str),
    /// Two words in a row behind the host name.
    Words(&'static str, &'static str),
    /// The host name's end.
    Host(&'static str),
}

use Sign::{Host, Word, Words};

/// The first sign that is there decides.
const SIGNS: &[(Sign, &str, &str)] = &[
    (Words("microsoft", "esmtp"), "microsoft", "Microsoft"),
    (Word("gsmtp"), "gmail", "Google"),
    (Host(".amazonaws.com"), "amazon_ses", "Amazon SES"),
    (Host(".icloud.com"), "icloud", "iCloud"),
    (Host(".messagelabs.com"), "messagelabs", "MessageLabs"),
    (Host(".mimecast.com"), "mimecast", "Mimecast"),
    (Host(".pphosted.com"), "proofpoint", "Proofpoint"),
    (Host(".ppe-hosted.com"), "proofpoint", "Proofpoint"),
    (Host(".yahoo.com"), "yahoo", "Yahoo"),
    (Host(".yahoodns.net"), "yahoo", "Yahoo"),
    (Host(".zoho.com"), "zoho", "Zoho"),
    (Word("axigen"), "axigen", "Axigen"),
    (Word("barracuda"), "barracuda", "Barracuda"),
    (Word("communigate"), "communigate", "CommuniGate"),
    (Word("courier"), "courier", "Courier"),
    (Word("domino"), "domino", "Domino"),
    (Word("exim"), "exim", "Exim"),
    (Word("fortimail"), "fortimail", "FortiMail"),
    (Word("halon"), "halon", "Halon"),
    (Word("haraka"), "haraka", "Haraka"),
    (Word("hmailserver"), "hmailserver", "hMailServer"),
    (Word("icewarp"), "icewarp", "IceWarp"),
    (Word("kerio"), "kerio", "Kerio Connect"),
    (Word("kumomta"), "kumomta", "KumoMTA"),
    (Word("maddy"), "maddy", "maddy"),
    (Word("mailenable"), "mailenable", "MailEnable"),
    (Word("mdaemon"), "mdaemon", "MDaemon"),
    (Word("opensmtpd"), "opensmtpd", "OpenSMTPD"),
    (Word("postfix"), "postfix", "Postfix"),
    (Word("powermta"), "powermta", "PowerMTA"),
    (Word("qmail"), "qmail", "qmail"),
    (Word("sendmail"), "sendmail", "Sendmail"),
    (Word("stalwart"), "stalwart", "Stalwart"),
    (Word("zimbra"), "zimbra", "Zimbra"),
    (Word("zonemta"), "zonemta", "ZoneMTA"),
];

/// Guesses by the greeting's last line.
pub(super) fn software(banner: Option<&Reply>) -> Software {
    let Some(line) = banner.and_then(|banner| banner.lines.last()) else {
        return Software { label: "unknown", name: "" };
    };
    let text = line.as_str().get(4..).unwrap_or_default().to_ascii_lowercase();
    let (host, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let words: Vec<&str> =
        rest.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let shows = |sign: &Sign| match sign {
        Word(word) => words.contains(word),
        Words(first, second) => words.windows(2).any(|pair| pair == [*first, *second]),
        Host(end) => host.ends_with(end),
    };
    let found = SIGNS.iter().find(|(sign, ..)| shows(sign));
    found.map_or(Software { label: "other", name: "" }, |(_, label, name)| Software { label, name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::reply;

    #[test]
    fn banners_give_their_software_away() {
        for (banner, want) in [
            ("220 mx.example.org ESMTP Postfix (Debian/GNU)", "postfix"),
            ("220-mx.example.org wait\n220 mx.example.org ESMTP Postfix", "postfix"),
            ("220 mx.example.org ESMTP Exim 4.96 Fri, 21 Nov 2026 12:00:00 +0000", "exim"),
            ("220 mx.eximbank.example ESMTP", "other"),
            ("220 mx.google.com ESMTP a640c23a62f3a-b7654 - gsmtp", "gmail"),
            ("220 x.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready", "microsoft"),
            ("220 mx0a-001.pphosted.com ESMTP mfa-m0001", "proofpoint"),
            ("220 pphosted.com.evil.example ESMTP", "other"),
            ("220 mx.example.org ESMTP OpenSMTPD", "opensmtpd"),
            ("220 mx.example.org ESMTP Haraka/3.0.2 ready", "haraka"),
            ("220", "other"),
            ("220 \"}\nsmtp_open_relay 1", "other"),
        ] {
            let reply = crate::observe::Reply { code: 220, ..reply_of(banner) };
            assert_eq!(software(Some(&reply)).label, want, "{banner}");
        }
        assert_eq!(software(None).label, "unknown");
    }

    /// As [`reply`], for lines that need not begin with a code.
    fn reply_of(text: &str) -> Reply {
        Reply { lines: text.split('\n').map(crate::observe::PeerText::from).collect(), ..reply("220 x") }
    }

    #[test]
    fn labels_are_words() {
        for (_, label, _) in SIGNS {
            assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{label}");
        }
    }
}
