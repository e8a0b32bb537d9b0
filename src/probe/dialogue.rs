//! One connection that speaks SMTP, over any transport: one command, one whole reply, nothing pipelined.
//!
//! A connection that failed, or was told 421, answers every further command with that trouble.

use super::command::Command;
use super::record::{Intake, Record};
use super::reply::{Parser, Unreadable};
use super::trouble;
use crate::observe::{Cause, Flaw, PeerText, Reply, Seen, Stage, Unseen};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// What is read at once.
const CHUNK: usize = 4_096;
/// What surplus text is quoted with.
const QUOTED: usize = 256;
/// "Service not available, closing transmission channel" (RFC 5321 §4.2.3).
const THROTTLED: u16 = 421;

/// A connection and what is known of its state.
pub(super) struct Connection<S> {
    stream: S,
    encrypted: bool,
    greeted: bool,
    parser: Parser,
    /// Octets that came behind the last reply.
    unread: Vec<u8>,
    /// An error that was met when looking for them.
    broken: Option<io::Error>,
    /// Why no further command makes sense.
    ended: Option<Unseen>,
}

/// Why an exchange failed.
enum Failure {
    Closed,
    Io(io::Error),
    TooMuch,
    Unreadable(Unreadable),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection that has not been greeted.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            encrypted: false,
            greeted: false,
            parser: Parser::new(),
            unread: Vec::new(),
            broken: None,
            ended: None,
        }
    }

    /// The inside of a TLS session (RFC 3207 §4.2: nothing that was known before counts).
    pub(super) fn encrypted(stream: S) -> Self {
        Self { encrypted: true, greeted: true, ..Self::new(stream) }
    }

    /// Waits for the greeting.
    pub(super) async fn greeting(&mut self, record: &mut Record) -> Seen<Reply> {
        self.exchange(record, Stage::Banner, None).await
    }

    /// Says a command and waits for its whole reply.
    pub(super) async fn ask(&mut self, record: &mut Record, command: Command<'_>) -> Seen<Reply> {
        let stage = command.stage(self.encrypted);
        if let Some(unseen) = &self.ended {
            return Err(unseen.behind());
        }
        self.look_ahead(&mut record.intake).await;
        match self.early_word(stage) {
            Some(word) => {
                self.settle(record, stage, record.clock.elapsed(), None, word).map_err(|unseen| match stage {
                    Stage::StartTls => unseen.behind(), // what was never said cannot have been refused
                    _ => unseen,
                })
            }
            None => self.exchange(record, stage, Some(command.to_string())).await,
        }
    }

    /// Says goodbye where that is allowed: never before a greeting, never to a connection that is gone.
    pub(super) async fn quit(mut self, record: &mut Record) {
        let gone = self.ended.as_ref().is_some_and(|end| matches!(end.cause(), Cause::Closed | Cause::Reset));
        if !self.greeted || gone {
            return;
        }
        let (at, command) = (record.clock.elapsed(), Command::Quit.to_string());
        self.parser = Parser::new();
        self.unread.clear();
        let talk = async {
            let reply = self.say_and_hear(&mut record.intake, Some(&command)).await;
            // The other half of the farewell, close_notify inside TLS and FIN, is nobody's business.
            self.stream.shutdown().await.ok();
            reply
        };
        let reply = record.clock.farewell(talk).await.and_then(|reply| reply.map_err(|f| f.at(Stage::Quit)));
        record.note(Stage::Quit, at, Some(command), Some(reply));
    }

    /// Why no further command makes sense, if so.
    pub(super) fn ended(&self) -> Option<&Unseen> {
        self.ended.as_ref()
    }

    /// Lets no further command through.
    pub(super) fn end(&mut self, unseen: Unseen) {
        self.ended.get_or_insert(unseen);
    }

    /// The bare stream. What came on it already is lost.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// What stands unasked behind the last reply: a 421, by which a server may take its leave at any time (RFC 5321
    /// §3.8), or other text.
    pub(super) fn surplus(&self) -> Option<Result<Reply, PeerText>> {
        if self.unread.is_empty() {
            return None;
        }
        Some(match Parser::new().feed(&self.unread) {
            (_, Ok(Some(reply))) if reply.code == THROTTLED => Ok(reply),
            _ => Err(PeerText::from_bytes(self.unread.get(..QUOTED).unwrap_or(&self.unread))),
        })
    }

    /// The fatal alert, by its number, that stands behind the last reply and nothing else: a TLS server that cannot begin
    /// at all says so before it hears of what is offered (RFC 5246 §7.2). It is no word that could be mistaken for another.
    pub(super) fn early_alert(&self) -> Option<u8> {
        match self.unread[..] {
            [21, 3, _, 0, 2, 2, description] => Some(description),
            _ => None,
        }
    }

    async fn exchange(&mut self, record: &mut Record, stage: Stage, sent: Option<String>) -> Seen<Reply> {
        let at = record.clock.elapsed();
        self.parser = match stage {
            Stage::Ehlo | Stage::EhloTls => Parser::of_ehlo(),
            _ => Parser::new(),
        };
        let talk = self.say_and_hear(&mut record.intake, sent.as_deref());
        let reply = record.clock.within(stage, talk).await.and_then(|reply| reply.map_err(|f| f.at(stage)));
        let reply = match reply {
            Ok(reply) => Ok(self.with_flaw(stage, reply, &mut record.intake).await),
            Err(unseen) => Err(self.quoting(&unseen)),
        };
        self.settle(record, stage, at, sent, reply)
    }

    /// Writes an exchange down, and what it means for the rest of the session.
    fn settle(
        &mut self,
        record: &mut Record,
        stage: Stage,
        at: Duration,
        sent: Option<String>,
        reply: Seen<Reply>,
    ) -> Seen<Reply> {
        match &reply {
            Ok(reply) if reply.code == THROTTLED => {
                self.greeted = true;
                self.ended = reply.accepted(stage).err();
            }
            Ok(_) => self.greeted = true,
            Err(unseen) => {
                self.greeted |= matches!(unseen.cause(), Cause::Oversize | Cause::ProtocolError);
                self.ended = Some(unseen.clone());
            }
        }
        record.note(stage, at, sent, Some(reply.clone()));
        reply
    }

    async fn say_and_hear(&mut self, intake: &mut Intake, sent: Option<&str>) -> Result<Reply, Failure> {
        let said = match sent {
            Some(command) => self.say(command).await,
            None => Ok(()),
        };
        // A peer that hung up may have said why: its last words count more than the failed write.
        match (self.hear(intake).await, said) {
            (Err(Failure::Closed), Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                Err(Failure::Io(error))
            }
            (heard, _) => heard,
        }
    }

    async fn say(&mut self, command: &str) -> io::Result<()> {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    async fn hear(&mut self, intake: &mut Intake) -> Result<Reply, Failure> {
        loop {
            let (used, read) = self.parser.feed(&self.unread);
            self.unread.drain(..used);
            if let Some(reply) = read.map_err(Failure::Unreadable)? {
                return Ok(reply);
            }
            if let Some(error) = self.broken.take() {
                return Err(Failure::Io(error));
            }
            self.unread.reserve(CHUNK);
            let count = self.stream.read_buf(&mut self.unread).await.map_err(Failure::Io)?;
            if count == 0 {
                return Err(Failure::Closed);
            }
            if !intake.count(count) {
                return Err(Failure::TooMuch);
            }
        }
    }

    /// The reply, marked where more came than was asked for. What the network still holds back cannot be seen here:
    /// it is taken for the answer to the next command, and that command's own answer is then the surplus.
    async fn with_flaw(&mut self, stage: Stage, mut reply: Reply, intake: &mut Intake) -> Reply {
        self.look_ahead(intake).await;
        let is_tls = stage == Stage::StartTls && self.early_alert().is_some();
        if matches!(self.surplus(), Some(Err(_))) && !is_tls {
            reply.flaws.push(Flaw::Unsolicited);
        }
        reply
    }

    /// Takes in what is there already, without waiting.
    async fn look_ahead(&mut self, intake: &mut Intake) {
        if self.broken.is_some() || !self.unread.is_empty() {
            return;
        }
        let mut space = [0; 512];
        let mut buffer = ReadBuf::new(&mut space);
        let stream = &mut self.stream;
        let read = poll_fn(|cx| match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => Poll::Ready(Ok(())),
        });
        self.broken = read.await.err();
        intake.count(buffer.filled().len());
        self.unread.extend_from_slice(buffer.filled());
    }

    /// The surplus in place of the answer to a command that was not said yet. Who answers what is lost with it.
    fn early_word(&mut self, stage: Stage) -> Option<Seen<Reply>> {
        let surplus = self.surplus()?;
        self.unread.clear();
        let unasked =
            |text| Unseen::failed(stage, Cause::ProtocolError, format!("said without being asked: {text}"));
        Some(surplus.map_err(unasked))
    }

    /// The same trouble with what was heard of the reply.
    fn quoting(&self, unseen: &Unseen) -> Unseen {
        let (trouble, heard) = (unseen.trouble(), self.parser.heard());
        if heard.is_empty() {
            return unseen.clone();
        }
        Unseen::failed(trouble.stage, trouble.cause, format!("{}; heard only: {heard}", trouble.detail))
    }
}

impl Failure {
    fn at(self, stage: Stage) -> Unseen {
        match self {
            Self::Closed => Unseen::failed(stage, Cause::Closed, "the server hung up"),
            Self::Io(error) => trouble::of_io(stage, &error),
            Self::TooMuch => Unseen::failed(stage, Cause::Oversize, "more than 256 KiB in one session"),
            Self::Unreadable(Unreadable::Malformed(line)) => {
                Unseen::failed(stage, Cause::ProtocolError, format!("not a reply: {line}"))
            }
            Self::Unreadable(Unreadable::Oversize(what)) => Unseen::failed(stage, Cause::Oversize, what),
        }
    }
}
