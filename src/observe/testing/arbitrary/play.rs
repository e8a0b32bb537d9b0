//! A script, played as a session would play it: what a refusal or a 421 prevents is blocked.

use super::super::transactions::{SENDER, mailbox};
use super::*;
use crate::observe::{NullSender, RelayTest, Scanned, Transaction};
use std::time::SystemTime;

/// Which stage each question belongs to: greeting, EHLO, HELO, STARTTLS, EHLO inside; then MAIL and RCPT of the null
/// sender, of the same from an ordinary sender, of postmaster, of two relay attempts and of the confirmation.
pub(crate) const STAGES: [Stage; QUESTIONS] = {
    use Stage::{Banner, Ehlo, EhloTls, Mail, Rcpt, StartTls};
    [
        Banner, Ehlo, Ehlo, StartTls, EhloTls, Mail, Rcpt, Mail, Rcpt, Mail, Rcpt, Mail, Rcpt, Mail, Rcpt,
        Mail, Rcpt,
    ]
};

/// A session in progress; `end` is what ended it.
struct Play<'a> {
    script: &'a Script,
    end: Option<Unseen>,
}

impl Script {
    /// One session, held at `at`.
    pub(crate) fn play(&self, at: SystemTime) -> Session {
        let mut play = Play { script: self, end: None };
        let dialogue = play.dialogue();
        if let (None, Ok(dialogue)) = (&play.end, &dialogue) {
            play.end = in_the_way(dialogue);
        }
        let null_sender = self.tests.then(|| play.null_sender());
        let postmaster = self.tests.then(|| play.test(9, Some(SENDER), "postmaster@example.com"));
        let relay = self.tests.then(|| play.relay());
        let postmasters = postmaster.into_iter().map(|seen| (super::super::domain(), seen)).collect();
        let scan = self.scan.clone().map(|scan| match scan {
            Ok(scan) => Ok(Scanned { scan: TlsScan { at, ..scan }, is_complete: true }),
            Err(cause) => Err(Unseen::failed(Stage::StartTls, cause, "")),
        });
        Session { at, dialogue, null_sender, relay, postmasters, owed: false, scan }
    }
}

/// What keeps a session without an end from its transactions.
fn in_the_way(dialogue: &Dialogue) -> Option<Unseen> {
    let ehlo = match (dialogue.banner.as_ref().map(|banner| banner.accepted(Stage::Banner)), &dialogue.ehlo) {
        (Ok(Err(unseen)), _) => return Some(unseen),
        (_, Err(unseen)) => return Some(unseen.clone()),
        (_, Ok(ehlo)) => ehlo,
    };
    if let Err(unseen) = ehlo.welcome() {
        return Some(unseen);
    }
    match &ehlo.starttls {
        Ok(StartTls::Secured(tls)) => match &tls.ehlo {
            Ok(inside) => inside.reply.accepted(Stage::EhloTls).err(),
            Err(unseen) => Some(unseen.clone()),
        },
        _ => None,
    }
}

impl Play<'_> {
    fn ask(&mut self, question: usize) -> Seen<Reply> {
        if let Some(end) = &self.end {
            return Err(end.behind());
        }
        let stage = STAGES[question];
        match &self.script.answers[question] {
            Ok(reply) => {
                if reply.code == 421 {
                    self.end = Some(Unseen::failed(stage, Cause::Throttled, reply.text()));
                }
                Ok(reply.clone())
            }
            Err(cause) => {
                let unseen = Unseen::failed(stage, *cause, "");
                self.end = Some(unseen.clone());
                Err(unseen)
            }
        }
    }

    fn dialogue(&mut self) -> Seen<Dialogue> {
        if let Err(cause) = self.script.connect {
            let unseen = Unseen::failed(Stage::Connect, cause, "");
            self.end = Some(unseen.clone());
            return Err(unseen);
        }
        let banner = self.ask(0);
        let ehlo = match &banner {
            Ok(banner) => match banner.accepted(Stage::Banner) {
                Ok(_) => self.ehlo(),
                Err(unseen) => Err(unseen.behind()),
            },
            Err(unseen) => Err(unseen.behind()),
        };
        let mut dialogue = Dialogue { steps: Vec::new(), local: None, banner, ehlo };
        dialogue.steps = steps(&dialogue);
        Ok(dialogue)
    }

    fn ehlo(&mut self) -> Seen<Ehlo> {
        let reply = self.ask(1)?;
        let helo = matches!(reply.code, 500 | 501 | 502 | 504).then(|| self.ask(2));
        let extensions = if reply.is_positive() { Extensions::of(&reply) } else { Extensions::default() };
        let mut ehlo = Ehlo { reply, helo, extensions, starttls: Ok(StartTls::NotOffered) };
        if let Err(unseen) = ehlo.welcome() {
            ehlo.starttls = Err(unseen.behind());
        } else if ehlo.extensions.has("STARTTLS") {
            ehlo.starttls = self.starttls();
        }
        Ok(ehlo)
    }

    fn starttls(&mut self) -> Seen<StartTls> {
        let reply = self.ask(3)?;
        if reply.code != 220 {
            return Ok(StartTls::Refused(reply));
        }
        Ok(match &self.script.handshake {
            Handshake::Done(tls) => {
                let ehlo = self.ask(4).map(|reply| TlsEhlo { extensions: Extensions::of(&reply), reply });
                StartTls::Secured(Box::new(Tls { ehlo, ..(**tls).clone() }))
            }
            Handshake::Failed(cause) => StartTls::HandshakeFailed(Trouble {
                stage: Stage::TlsHandshake,
                cause: *cause,
                detail: "".into(),
            }),
            Handshake::Injected => StartTls::Injected("250 injected".into()),
        })
    }

    /// MAIL and RCPT, unless the session has ended before.
    fn test(&mut self, question: usize, sender: Option<&str>, recipient: &str) -> Seen<Transaction> {
        if let Some(end) = &self.end {
            return Err(end.behind());
        }
        let mail = self.ask(question);
        let rcpt = match &mail {
            Ok(reply) => match reply.accepted(Stage::Mail) {
                Ok(_) => self.ask(question + 1),
                Err(unseen) => Err(unseen.behind()),
            },
            Err(unseen) => Err(unseen.behind()),
        };
        Ok(Transaction { sender: sender.map(mailbox), recipient: mailbox(recipient), mail, rcpt })
    }

    fn null_sender(&mut self) -> Seen<NullSender> {
        let null = self.test(5, None, "postmaster@example.com")?;
        let refused = [&null.mail, &null.rcpt].into_iter().flatten().any(Reply::is_permanent);
        let again = if refused { Some(self.test(7, Some(SENDER), "postmaster@example.com")) } else { None };
        Ok(NullSender { null, ordinary: again.and_then(Result::ok) })
    }

    fn relay(&mut self) -> Seen<RelayTest> {
        let mut attempts = vec![self.test(11, Some(SENDER), "relaytest@example.org")?];
        if attempts[0].is_about_recipient() {
            attempts.extend(self.test(13, Some(SENDER), "relaytest@example.net"));
        }
        let accepted =
            |one: &Transaction| one.rcpt.as_ref().is_ok_and(|reply| matches!(reply.code, 250 | 251));
        let confirmation = match attempts.last().filter(|last| accepted(last)) {
            Some(_) => self.test(15, None, "postmaster@probe.example.net").ok(),
            None => None,
        };
        Ok(RelayTest { attempts, confirmation, local: None })
    }
}
