//! What one session says of the way to its server, and what becomes of a session that says more of the way than of the
//! server.

use crate::observe::{Cause, Dialogue, Reply, Session, SessionKey, Stage, StartTls, Trouble, Unseen};
use crate::schedule::Errand;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// One session, as far as the vantage is concerned.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) key: SessionKey,
    /// When it began.
    pub(super) at: SystemTime,
    /// The time until the next one, on behalf of the domain that wanted this one.
    pub(super) interval: Duration,
    pub(super) found: Found,
}

/// How far it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// To the server, or to whatever answers in its place.
    Answer(Answer),
    /// Nowhere; it did not even leave this machine.
    NoRoute,
    /// It says nothing of the way.
    Nothing,
    /// Out, and no connection came about.
    Silence,
}

/// What came back over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// When the connection came about. One that did may go on where no new one does.
    pub(super) at: SystemTime,
    /// Whether a greeting could be read.
    pub(super) greeted: bool,
    /// What this says of encryption.
    pub(super) cover: Cover,
}

/// How a connection stands to encryption, which a transparent proxy takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// It conclusively came to none.
    Bare,
    /// STARTTLS is offered, in a session that left it alone.
    Offered,
    /// The session was encrypted: no simple proxy stands between.
    Secured,
    /// It ended in something temporary, or about this client, before that.
    Unknown,
}

/// What a session is put down to instead of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ours {
    /// No connection: nobody else has been reached either.
    Silence(&'static str),
    /// Whatever was said, another than the server may have said it.
    Everything(&'static str),
}

impl Look {
    pub(super) fn of(errand: &Errand, session: &Session) -> Self {
        let found = match &session.dialogue {
            Err(unseen) => nothing_came(unseen.trouble()),
            Ok(dialogue) => Found::Answer(Answer {
                at: session.at + connected_after(dialogue),
                greeted: dialogue.banner.is_ok(),
                cover: if errand.plaintext || errand.scan.is_some() {
                    bare_or_offered(dialogue)
                } else {
                    cover(dialogue)
                },
            }),
        };
        let interval = errand.domain.settings.interval.gap(session.at);
        Self { key: errand.key.clone(), at: session.at, interval, found }
    }

    pub(super) fn address(&self) -> IpAddr {
        self.key.address.ip()
    }
}

fn nothing_came(trouble: &Trouble) -> Found {
    match trouble.cause {
        Cause::VantageBlocked => Found::NoRoute,
        _ if is_silence(trouble) => Found::Silence,
        _ => Found::Nothing,
    }
}

fn is_silence(trouble: &Trouble) -> bool {
    trouble.stage == Stage::Connect && (trouble.cause.needs_second_look() || trouble.cause == Cause::Timeout)
}

fn connected_after(dialogue: &Dialogue) -> Duration {
    let connect = dialogue.steps.iter().find(|step| step.stage == Stage::Connect);
    connect.map(|step| step.at + step.took).unwrap_or_default()
}

fn cover(dialogue: &Dialogue) -> Cover {
    let starttls = dialogue.ehlo.as_ref().ok().map(|ehlo| &ehlo.starttls);
    if matches!(starttls, Some(Ok(StartTls::Secured(_)))) {
        Cover::Secured
    } else {
        bare_or_unknown(dialogue)
    }
}

fn bare_or_unknown(dialogue: &Dialogue) -> Cover {
    let passes = |cause: Cause| cause.is_inconclusive();
    let temporary =
        dialogue.trouble().is_some_and(|trouble| passes(trouble.cause)) || dialogue.put_off().is_some();
    if temporary { Cover::Unknown } else { Cover::Bare }
}

/// Of a session that says EHLO and nothing more.
fn bare_or_offered(dialogue: &Dialogue) -> Cover {
    let refusal = |seen: Result<&Reply, &Unseen>, stage| match seen {
        Ok(reply) => reply.accepted(stage).err(),
        Err(unseen) => Some(unseen.clone()),
    };
    let ehlo = dialogue.ehlo.as_ref();
    let refused = refusal(dialogue.banner.as_ref(), Stage::Banner)
        .or_else(|| refusal(ehlo.map(|ehlo| &ehlo.reply), Stage::Ehlo));
    match (refused, ehlo) {
        (Some(unseen), _) if unseen.is_inconclusive() => Cover::Unknown,
        (None, Ok(ehlo)) if ehlo.extensions.has("STARTTLS") => Cover::Offered,
        _ => Cover::Bare,
    }
}

/// The session as this machine's trouble.
pub(super) fn put_down(session: Session, ours: Ours) -> Session {
    match ours {
        Ours::Silence(why) => each(session, |unseen| blocked(unseen, why)),
        Ours::Everything(why) => {
            let unseen = Unseen::failed(Stage::Connect, Cause::VantageBlocked, why);
            let behind = unseen.behind();
            let postmasters = session.postmasters.into_iter();
            Session {
                at: session.at,
                null_sender: session.null_sender.map(|_| Err(behind.clone())),
                relay: session.relay.map(|_| Err(behind.clone())),
                postmasters: postmasters.map(|(domain, _)| (domain, Err(behind.clone()))).collect(),
                dialogue: Err(unseen),
                owed: false,
                scan: session.scan.map(|_| Err(behind)),
            }
        }
    }
}

fn each(session: Session, change: impl Fn(Unseen) -> Unseen) -> Session {
    let postmasters = session.postmasters.into_iter();
    Session {
        dialogue: session.dialogue.map_err(&change),
        null_sender: session.null_sender.map(|seen| seen.map_err(&change)),
        relay: session.relay.map(|seen| seen.map_err(&change)),
        postmasters: postmasters.map(|(domain, seen)| (domain, seen.map_err(&change))).collect(),
        scan: session.scan.map(|seen| seen.map_err(&change)),
        ..session
    }
}

/// A failed connect as this machine's trouble; everything else as it is.
fn blocked(unseen: Unseen, why: &str) -> Unseen {
    let blocked = |trouble: Trouble| Trouble {
        cause: Cause::VantageBlocked,
        detail: format!("{why} ({})", trouble.cause).into(),
        ..trouble
    };
    match unseen {
        Unseen::Failed(trouble) if is_silence(&trouble) => Unseen::Failed(blocked(trouble)),
        Unseen::Blocked(trouble) if is_silence(&trouble) => Unseen::Blocked(blocked(trouble)),
        unseen => unseen,
    }
}
