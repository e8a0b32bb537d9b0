//! A session in short: the codes of banner, EHLO and HELO, what became of STARTTLS and of the EHLO inside, and what
//! the tests proved. A trouble is `cause@stage`, what lies behind one is the same in brackets.

use crate::meet::Met;
use mx_exporter::observe::{Dialogue, Ehlo, RelayOutcome, Reply, Seen, StartTls, Tls, Unseen};

impl Met {
    pub(crate) fn gist(&self) -> String {
        let Dialogue { banner, ehlo, .. } = match &self.session.dialogue {
            Ok(dialogue) => dialogue,
            Err(unseen) => return why(unseen),
        };
        let mut words = vec![code(banner)];
        match ehlo {
            Err(unseen) => words.push(why(unseen)),
            Ok(ehlo) => {
                words.push(ehlo.reply.code.to_string());
                words.extend(ehlo.helo.as_ref().map(|helo| format!("helo {}", code(helo))));
                words.extend(starttls(&ehlo.starttls));
            }
        }
        words.join(" ")
    }

    /// What the tests proved: the null sender, the postmaster, the relay.
    pub(crate) fn tests(&self) -> String {
        let session = &self.session;
        let mut words = vec![];
        words.extend(session.null_sender.as_ref().map(|null| {
            let proved = null.as_ref().map(|null| null.is_accepted());
            format!("null {}", proved.map_or_else(why, accepted))
        }));
        words.extend(session.postmasters.iter().map(|(_, asked)| {
            let proved = asked.as_ref().map(|asked| asked.is_accepted());
            format!("postmaster {}", proved.map_or_else(why, accepted))
        }));
        words.extend(session.relay.as_ref().map(|relay| {
            let proved = match relay.as_ref().map(|relay| relay.outcome()) {
                Ok(Ok(RelayOutcome::Open)) => "open".to_owned(),
                Ok(Ok(RelayOutcome::Closed)) => "closed".to_owned(),
                Ok(Err(unseen)) => why(&unseen),
                Err(unseen) => why(unseen),
            };
            format!("relay {proved}")
        }));
        words.extend(session.owed.then(|| "owed".to_owned()));
        match words.iter().map(|word| word.split_once(' ').unwrap_or_default().1).collect::<Vec<_>>()[..] {
            [null, postmaster, relay] if null == postmaster && null == relay => format!("all {null}"),
            _ => words.join(", "),
        }
    }

    pub(crate) fn banner(&self) -> &Reply {
        self.session.dialogue.as_ref().unwrap().banner.as_ref().unwrap()
    }

    pub(crate) fn ehlo(&self) -> &Ehlo {
        self.session.dialogue.as_ref().unwrap().ehlo.as_ref().unwrap()
    }

    pub(crate) fn tls(&self) -> &Tls {
        match &self.ehlo().starttls {
            Ok(StartTls::Secured(tls)) => tls,
            other => panic!("no TLS: {other:?}"),
        }
    }
}

fn code(reply: &Seen<Reply>) -> String {
    reply.as_ref().map_or_else(why, |reply| reply.code.to_string())
}

fn accepted(seen: Seen<bool>) -> String {
    seen.map_or_else(|unseen| why(&unseen), |yes| if yes { "accepted" } else { "refused" }.to_owned())
}

fn why(unseen: &Unseen) -> String {
    match unseen {
        Unseen::Failed(trouble) => format!("{}@{}", trouble.cause, trouble.stage),
        Unseen::Blocked(trouble) => format!("({}@{})", trouble.cause, trouble.stage),
    }
}

fn starttls(starttls: &Seen<StartTls>) -> Vec<String> {
    match starttls {
        Err(unseen) => vec![why(unseen)],
        Ok(StartTls::NotOffered) => vec!["not offered".to_owned()],
        Ok(StartTls::Refused(reply)) => vec![format!("refused {}", reply.code)],
        Ok(StartTls::Injected(_)) => vec!["injected".to_owned()],
        Ok(StartTls::HandshakeFailed(trouble)) => vec![format!("{}@{}", trouble.cause, trouble.stage)],
        Ok(StartTls::Secured(tls)) => {
            let inside = tls.ehlo.as_ref().map_or_else(why, |ehlo| ehlo.reply.code.to_string());
            vec![tls.version.as_str().to_owned(), inside]
        }
    }
}
