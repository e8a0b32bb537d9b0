//! Which hello a scan sends next, given the answers so far. Classes of suites are asked for as a whole: what a server
//! refuses as a whole needs one connection, however many suites there are in it.

use crate::observe::TlsVersion::{Ssl30, Tls10, Tls11, Tls12, Tls13};
use crate::observe::scan::{Answer, KeyKind, Offer, Question, SuiteClass, TlsScan};

/// As many connections one scan makes at most: each is a "lost connection after STARTTLS" in the server's log.
pub(super) const CONNECTIONS: usize = 12;
/// As many insufficient suites are found out by name.
const BY_NAME: usize = 4;

/// The next question; none where nothing is left to ask, or too much was asked already.
pub(super) fn next(scan: &TlsScan) -> Option<Question> {
    if scan.answers.len() >= CONNECTIONS {
        return None;
    }
    again(scan).or_else(|| versions(scan)).or_else(|| certificates(scan)).or_else(|| by_name(scan))
}

/// What may have been chance is asked a second time.
fn again(scan: &TlsScan) -> Option<Question> {
    let (question, answer) = scan.answers.last()?;
    let unclear = matches!(answer, Answer::Refused(refusal) if refusal.may_be_chance());
    let times = scan.answers.iter().filter(|(other, _)| other == question).count();
    (unclear && times == 1).then_some(*question)
}

/// Which versions there are, and which classes of suites in TLS 1.2.
fn versions(scan: &TlsScan) -> Option<Question> {
    let all = |version| Question { version, offer: Offer::All };
    let worth_it = |version| scan.accepts(version) != Some(false);
    let insufficient = Question::of_class(SuiteClass::Insufficient);
    let refused_whole = scan.refuses(insufficient) && scan.worst_class() != Some(SuiteClass::Insufficient);
    let sufficient_of_13 = Question { version: Tls13, offer: Offer::Class(SuiteClass::Sufficient) };
    let course = [
        (Question { version: Tls13, offer: Offer::Hybrid }, true),
        (all(Tls13), scan.accepts(Tls13).is_none()),
        (Question::of_class(SuiteClass::Sufficient), worth_it(Tls12)),
        (insufficient, worth_it(Tls12)),
        (Question::of_class(SuiteClass::PhaseOut), worth_it(Tls12) && refused_whole),
        (all(Tls11), scan.accepts(Tls11).is_none()),
        (all(Tls10), scan.accepts(Tls10).is_none()),
        (all(Ssl30), scan.accepts(Ssl30).is_none()),
        (sufficient_of_13, scan.worst_class() == Some(SuiteClass::Good)),
    ];
    course.into_iter().find(|(question, is_worth_it)| *is_worth_it && is_new(scan, *question)).map(|(q, _)| q)
}

/// Whether there is a certificate with a key of each kind. TLS 1.3 tells whatever the suites, and shows none: where there is
/// one by it alone, an older version may show it.
fn certificates(scan: &TlsScan) -> Option<Question> {
    let versions = || scan.choices().map(|choice| choice.version);
    let newest = versions().max()?;
    let in_clear = versions().filter(|version| *version < Tls13).max();
    let is_shown = |kind: KeyKind| {
        let mut in_clear = scan.choices().filter(|choice| choice.version < Tls13);
        in_clear.any(|choice| choice.suite.signed_by() == Some(kind))
    };
    let ask = |kind: KeyKind| {
        let version = match scan.has_key(kind) {
            None => newest,
            Some(true) if !is_shown(kind) => in_clear?,
            Some(_) => return None,
        };
        Some(Question { version, offer: Offer::Signed(kind) })
    };
    KeyKind::ALL.into_iter().filter_map(ask).find(|question| is_new(scan, *question))
}

/// More insufficient suites, one after the other, each without those before.
fn by_name(scan: &TlsScan) -> Option<Question> {
    let question = Question::of_class(SuiteClass::Insufficient);
    let asked: Vec<_> = scan.answers.iter().filter(|(other, _)| *other == question).collect();
    let goes_on = asked
        .last()
        .is_some_and(|(_, answer)| matches!(answer, Answer::Chose(choice) if choice.version == Tls12));
    (goes_on && asked.len() < BY_NAME).then_some(question)
}

fn is_new(scan: &TlsScan, question: Question) -> bool {
    scan.answers.iter().all(|(other, _)| *other != question)
}

#[cfg(test)]
mod tests {
    use super::super::compose;
    use super::*;
    use crate::observe::TlsVersion;
    use crate::observe::scan::{
        Choice,
        KeyKind::{Ecdsa, Rsa},
        Refusal, Suite,
    };
    use std::time::SystemTime;

    /// A server as far as a scan can see it: its versions, suites in its own order, keys, and whether it has the hybrid.
    struct Server {
        versions: &'static [TlsVersion],
        suites: &'static [u16],
        keys: &'static [KeyKind],
        hybrid: bool,
        refusal: Refusal,
    }

    const SOUND: Server = Server {
        versions: &[Tls12, Tls13],
        suites: &[0x1302, 0x1301, 0xc030, 0xc02f],
        keys: &[Rsa],
        hybrid: false,
        refusal: Refusal::Alert(40),
    };

    impl Server {
        fn answer(&self, question: Question, offered: &[&'static Suite]) -> Answer {
            let usable = |version: &&TlsVersion| match question.version {
                Tls13 => **version == Tls13,
                highest => **version <= highest,
            };
            let Some(version) = self.versions.iter().filter(usable).max() else {
                return Answer::Refused(self.refusal);
            };
            let key_fits = |suite: &Suite| suite.signed_by().is_none_or(|kind| self.keys.contains(&kind));
            let fits = |suite: &&&Suite| suite.is_of_13() == (*version == Tls13) && key_fits(suite);
            let both = |id: &&u16| offered.iter().filter(fits).any(|suite| suite.id == **id);
            let no_key = matches!(question.offer, Offer::Signed(kind) if !self.keys.contains(&kind));
            let suite = self.suites.iter().find(both).and_then(|id| Suite::of(*id));
            match suite {
                Some(suite) if !no_key && (self.hybrid || question.offer != Offer::Hybrid) => {
                    let group = (question.offer == Offer::Hybrid).then_some(crate::observe::scan::HYBRID);
                    Answer::Chose(Choice { version: *version, suite, group, prime_bits: None })
                }
                // A version there is, but nothing in common.
                _ => Answer::Refused(match self.refusal {
                    Refusal::Alert(_) => Refusal::Alert(40),
                    cut => cut,
                }),
            }
        }

        fn scan(&self) -> TlsScan {
            let mut scan = TlsScan::beginning(SystemTime::UNIX_EPOCH);
            while let Some(question) = next(&scan) {
                let chosen: Vec<_> = scan.choices().map(|choice| choice.suite).collect();
                let answer = self.answer(question, &compose::suites(question, &chosen));
                scan.add(question, answer, None);
            }
            scan
        }
    }

    /// What a scan knows in the end: versions, the newest first; the worst class; the hybrid; the kinds of keys.
    fn told(scan: &TlsScan) -> String {
        let known = |yes: Option<bool>| yes.map_or('?', |yes| if yes { '+' } else { '-' });
        let versions: String =
            TlsVersion::ALL.iter().rev().map(|version| known(scan.accepts(*version))).collect();
        let keys: String = KeyKind::ALL.iter().map(|kind| known(scan.has_key(*kind))).collect();
        let worst = scan.worst_class().map_or("nothing", SuiteClass::as_str);
        format!("{versions} {worst} {}{keys} {}", known(scan.accepts_hybrid()), scan.answers.len())
    }

    #[test]
    fn servers_are_told_apart_in_few_connections() {
        let alert = Refusal::Alert(70);
        let mut wrong = vec![];
        for (name, server, want) in [
            ("sound", SOUND, "++--- sufficient --+ 7"),
            ("sound, hybrid", Server { hybrid: true, ..SOUND }, "++--- sufficient +-+ 6"),
            (
                "two certificates",
                Server { keys: &[Rsa, Ecdsa], suites: &[0x1301, 0xc02f, 0xc02b], ..SOUND },
                "++--- sufficient -++ 8",
            ),
            (
                "two certificates, one for TLS 1.3 alone",
                Server { keys: &[Rsa, Ecdsa], suites: &[0x1301, 0xc02b], ..SOUND },
                "++--- sufficient -++ 8",
            ),
            (
                "TLS 1.3 alone",
                Server { versions: &[Tls13], refusal: alert, ..SOUND },
                "+---- sufficient --+ 6",
            ),
            (
                "phase out",
                Server { suites: &[0xc030, 0xc027], versions: &[Tls12], ..SOUND },
                "-+--- phase out --+ 7",
            ),
            (
                "CBC with SHA-1",
                Server { suites: &[0xc030, 0xc013, 0x2f, 0x35, 0x0a, 0x05], versions: &[Tls12], ..SOUND },
                "-+--- insufficient --+ 9",
            ),
            (
                "everything",
                Server { versions: &TlsVersion::ALL, suites: &[0x1301, 0xc030, 0xc013, 0x2f], ..SOUND },
                "+++++ insufficient --+ 10",
            ),
            ("TLS 1.0", Server { versions: &[Tls10], suites: &[0x2f], ..SOUND }, "---+- insufficient --+ 6"),
            ("TLS 1.1", Server { versions: &[Tls11], suites: &[0x2f], ..SOUND }, "--+-- insufficient --+ 6"),
            ("SSL 3.0", Server { versions: &[Ssl30], suites: &[0x05], ..SOUND }, "----+ insufficient --+ 5"),
            (
                "RSA",
                Server { versions: &[Tls12], suites: &[0x9c, 0x2f], ..SOUND },
                "-+--- insufficient --+ 8",
            ),
            ("nothing", Server { versions: &[], ..SOUND }, "----- nothing -?? 6"),
            (
                "nothing, and says so",
                Server { versions: &[], refusal: alert, ..SOUND },
                "----- nothing -?? 2",
            ),
            ("hangs up", Server { refusal: Refusal::Closed, ..SOUND }, "++--- sufficient --+ 12"),
            (
                "hangs up always",
                Server { versions: &[], refusal: Refusal::Reset, ..SOUND },
                "----- nothing -?? 12",
            ),
        ] {
            let came = told(&server.scan());
            wrong.extend((came != want).then(|| format!("{name}: {came}, not {want}")));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn no_server_makes_a_scan_long() {
        use proptest::prelude::*;
        proptest!(|(bits in any::<[u16; 16]>())| {
            let mut scan = TlsScan::beginning(SystemTime::UNIX_EPOCH);
            for bits in bits {
                let Some(question) = next(&scan) else { break };
                let offered = compose::suites(question, &[]);
                let suite = offered.get(usize::from(bits) % (offered.len() * 2 + 1));
                let version = TlsVersion::ALL.into_iter().filter(|version| *version <= question.version).nth(usize::from(bits % 3));
                let answer = match (suite, version) {
                    (Some(suite), Some(version)) => Answer::Chose(Choice { version, suite, group: None, prime_bits: None }),
                    (_, Some(_)) => Answer::Refused(Refusal::Closed),
                    _ => Answer::Refused(Refusal::Alert(40)),
                };
                scan.add(question, answer, None);
            }
            prop_assert!(next(&scan).is_none() && scan.answers.len() <= CONNECTIONS);
        });
    }
}
