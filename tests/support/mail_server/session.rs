//! One session of the mail server: what it answers to each command, in Postfix's words.
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::super::wire::{Line, Wire};
use super::record::Id;
use super::{Greeting, House, MailServer, NullSender, StartTls};

/// RFC 5321 §4.5.3.2.7: a server waits at least five minutes for the next command.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(5);
/// Postfix's hard error limit.
const ERROR_LIMIT: usize = 20;
/// RFC 8446 §6: a fatal alert, 40.
const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// Talks with a client until one of both has enough.
pub(super) async fn hold(socket: TcpStream, house: Arc<House>) {
    let server = Arc::clone(&house.server.read().unwrap());
    let (id, open) = house.record.arrival();
    let _departure = Departure(&house);
    let mut wire = Wire::over(socket);
    if open > server.connection_limit {
        let text = format!("421 4.7.0 {} Error: too many connections from 127.0.0.1\r\n", server.name);
        let _ = wire.write(text.as_bytes()).await; // the client may have left before
        return wire.half_close().await;
    }
    Session { server, house: &house, id, state: State::default() }.run(wire).await;
}

/// Whatever ends the session, it is over for the record.
struct Departure<'h>(&'h House);

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        self.0.record.departure();
    }
}

struct Session<'h> {
    server: Arc<MailServer>,
    house: &'h House,
    id: Id,
    state: State,
}

#[derive(Default)]
struct State {
    is_rejected: bool,
    in_tls: bool,
    /// The client said HELO or EHLO.
    is_introduced: bool,
    sender: Option<String>,
    errors: usize,
}

enum Answer {
    Close(String),
    Say(String),
    StartTls,
}

impl Session<'_> {
    async fn run(mut self, mut wire: Wire) {
        if self.greet(&mut wire).await {
            while let Ok(Some(line)) = timeout(COMMAND_TIMEOUT, wire.line()).await {
                let answer = self.hear(&line);
                sleep(self.server.reply_delay).await;
                wire = match answer {
                    Answer::Close(text) => {
                        let _ = say(&mut wire, &text).await;
                        break;
                    }
                    Answer::Say(text) if say(&mut wire, &text).await => wire,
                    Answer::Say(_) => break,
                    Answer::StartTls => match self.secure(wire).await {
                        Some(wire) => wire,
                        None => return,
                    },
                };
            }
        }
        wire.half_close().await;
    }

    /// Whether there is anything to listen to after the greeting.
    async fn greet(&mut self, wire: &mut Wire) -> bool {
        let server = Arc::clone(&self.server);
        match &server.greeting {
            Greeting::Silence => {
                while let Some(line) = wire.line().await {
                    self.house.record.line(self.id, line.to_string());
                }
                false
            }
            Greeting::Rejection(text) => {
                self.state.is_rejected = true;
                say(wire, text).await && !text.starts_with("421")
            }
            Greeting::Banner => {
                sleep(server.greeting_delay).await;
                if wire.has_surplus().await {
                    self.house.record.breach("the client did not wait for the greeting".to_owned());
                }
                say(wire, &server.banner).await
            }
        }
    }

    async fn secure(&mut self, mut wire: Wire) -> Option<Wire> {
        if !say(&mut wire, "220 2.0.0 Ready to start TLS").await {
            return None;
        }
        if self.server.starttls == StartTls::Broken {
            let _hello = timeout(COMMAND_TIMEOUT, wire.handshake_record()).await.ok()?;
            let _ = wire.write(&HANDSHAKE_FAILURE).await; // the client may have left before
            self.insist_on_silence(&mut wire).await;
            return None;
        }
        let config = self.server.identity.server_config(&self.server.tls_versions);
        match timeout(COMMAND_TIMEOUT, wire.secure(config)).await.ok()? {
            Ok(wire) => {
                self.house.record.line(self.id, "(TLS)".to_owned());
                self.state = State { in_tls: true, errors: self.state.errors, ..State::default() };
                Some(wire)
            }
            Err((_, mut wire)) => {
                self.insist_on_silence(&mut wire).await;
                None
            }
        }
    }

    /// After a handshake that failed, nothing may come in plaintext.
    async fn insist_on_silence(&self, wire: &mut Wire) {
        wire.half_close().await;
        while let Ok(Some(line)) = timeout(COMMAND_TIMEOUT, wire.line()).await {
            self.house.record.line(self.id, line.to_string());
            if line.is_text() {
                self.house.record.breach(format!("{line}: in plaintext, after the handshake failed"));
            }
        }
    }

    fn hear(&mut self, line: &Line) -> Answer {
        let text = line.to_string();
        self.house.record.line(self.id, text.clone());
        if let Some(breach) = line.breach() {
            self.house.record.breach(format!("{text}: {breach}"));
        }
        if matches!(line.verb().as_str(), "BDAT" | "DATA") {
            self.house.record.data();
        }
        let answer = self.overridden(&text).unwrap_or_else(|| self.answer(&line.verb(), &text));
        match answer {
            Answer::Say(text) if text.starts_with(['4', '5']) => self.count_error(text),
            answer => answer,
        }
    }

    fn count_error(&mut self, text: String) -> Answer {
        self.state.errors += 1;
        if self.state.errors < ERROR_LIMIT {
            return Answer::Say(text);
        }
        Answer::Close(format!("421 4.7.0 {} Error: too many errors", self.server.name))
    }

    fn overridden(&self, text: &str) -> Option<Answer> {
        let upper = text.to_ascii_uppercase();
        let (_, reply) = self.server.overrides.iter().find(|(prefix, _)| upper.starts_with(prefix))?;
        let closes = reply.is_empty() || reply.starts_with("421");
        Some(if closes { Answer::Close(reply.clone()) } else { Answer::Say(reply.clone()) })
    }

    fn answer(&mut self, verb: &str, text: &str) -> Answer {
        let reply = match verb {
            "QUIT" => return Answer::Close("221 2.0.0 Bye".to_owned()),
            _ if self.state.is_rejected => "503 5.5.1 Error: access denied".to_owned(),
            "STARTTLS" if self.may_start_tls() => return Answer::StartTls,
            "STARTTLS" if self.state.in_tls => "554 5.5.1 Error: TLS already active".to_owned(),
            "EHLO" if self.server.knows_ehlo => self.ehlo(),
            "HELO" => self.helo(),
            "MAIL" => self.mail(text),
            "RCPT" => self.rcpt(text),
            "RSET" => self.rset(),
            "NOOP" => "250 2.0.0 Ok".to_owned(),
            "BDAT" | "DATA" => "554 5.5.1 Error: no mail is taken here".to_owned(),
            "VRFY" => "252 2.0.0 Cannot VRFY user".to_owned(),
            "AUTH" | "EXPN" => "502 5.5.1 Error: command not implemented".to_owned(),
            _ => "502 5.5.2 Error: command not recognized".to_owned(),
        };
        Answer::Say(reply)
    }

    fn may_start_tls(&self) -> bool {
        !self.state.in_tls && matches!(self.server.starttls, StartTls::Broken | StartTls::Sound)
    }

    fn ehlo(&mut self) -> String {
        self.helo();
        let mut lines = vec![self.server.name.clone()];
        lines.extend(self.server.extensions.iter().cloned());
        match self.server.starttls {
            StartTls::Broken | StartTls::Sound
                if self.state.in_tls && !self.server.keeps_offering_starttls => {}
            StartTls::Broken | StartTls::Sound => lines.push("STARTTLS".to_owned()),
            StartTls::Masked => lines.push("XXXXXXXA".to_owned()),
            StartTls::Missing => {}
        }
        lines.extend(self.server.auth.iter().map(|mechanisms| format!("AUTH {mechanisms}")));
        let last = lines.len() - 1;
        let number = |(index, line)| format!("250{}{line}", if index == last { ' ' } else { '-' });
        lines.iter().enumerate().map(number).collect::<Vec<_>>().join("\n")
    }

    fn helo(&mut self) -> String {
        self.rset();
        self.state.is_introduced = true;
        format!("250 {}", self.server.name)
    }

    fn rset(&mut self) -> String {
        self.state.sender = None;
        "250 2.0.0 Ok".to_owned()
    }

    fn mail(&mut self, text: &str) -> String {
        let Some(sender) = path(text, "MAIL FROM:") else {
            return "501 5.5.4 Syntax: MAIL FROM:<address>".to_owned();
        };
        if !self.state.is_introduced {
            "503 5.5.1 Error: send HELO/EHLO first".to_owned()
        } else if self.server.requires_tls && !self.state.in_tls {
            "530 5.7.0 Must issue a STARTTLS command first".to_owned()
        } else if self.state.sender.is_some() {
            "503 5.5.1 Error: nested MAIL command".to_owned()
        } else if sender.is_empty() && matches!(self.server.null_sender, NullSender::RefusedAtMail) {
            "550 5.7.1 <>: Sender address rejected: null sender refused".to_owned()
        } else {
            self.state.sender = Some(sender);
            "250 2.1.0 Ok".to_owned()
        }
    }

    fn rcpt(&mut self, text: &str) -> String {
        let Some(recipient) = path(text, "RCPT TO:").filter(|path| !path.is_empty()) else {
            return "501 5.1.3 Bad recipient address syntax".to_owned();
        };
        let Some(sender) = self.state.sender.clone() else {
            return "503 5.5.1 Error: need MAIL command".to_owned();
        };
        self.refusal(&sender, &recipient).unwrap_or_else(|| "250 2.1.5 Ok".to_owned())
    }

    /// Why this recipient is not taken, in Postfix's order: relaying, sender, user, greylist.
    fn refusal(&self, sender: &str, recipient: &str) -> Option<String> {
        let server = &self.server;
        let (user, domain) = recipient.rsplit_once('@').unwrap_or((recipient, ""));
        let is_local =
            domain.is_empty() || server.local_domains.iter().any(|local| local.eq_ignore_ascii_case(domain));
        let exists = match user.to_ascii_lowercase().as_str() {
            "postmaster" => server.postmaster,
            user => user == "abuse",
        };
        if server.temporary_trouble {
            return Some(format!("451 4.3.0 <{recipient}>: Temporary lookup failure"));
        }
        if !is_local && !server.relays {
            return Some(format!("554 5.7.1 <{recipient}>: Relay access denied"));
        }
        if sender.is_empty() && matches!(server.null_sender, NullSender::RefusedAtRcpt) {
            return Some("550 5.7.1 <>: Sender address rejected: null sender refused".to_owned());
        }
        if is_local && !exists {
            return Some(format!(
                "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in local recipient table"
            ));
        }
        let period = server.greylisting?;
        let is_known = self.house.record.is_known(sender, recipient, period);
        (!is_known).then(|| format!("450 4.2.0 <{recipient}>: Recipient address rejected: Greylisted"))
    }
}

/// What stands between the angle brackets behind `keyword`.
fn path(text: &str, keyword: &str) -> Option<String> {
    let (said, rest) = text.split_at_checked(keyword.len())?;
    let (path, _parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    said.eq_ignore_ascii_case(keyword).then(|| path.to_owned())
}

/// Whether the client was there to hear it.
async fn say(wire: &mut Wire, text: &str) -> bool {
    let lines = if text.is_empty() { String::new() } else { text.replace('\n', "\r\n") + "\r\n" };
    wire.write(lines.as_bytes()).await.is_ok()
}
