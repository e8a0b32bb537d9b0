//! The order of a session's stages behind connect, over any transport, and what each end of it leaves unseen.

use super::Plan;
use super::command::Command;
use super::dialogue::Connection;
use super::legacy_hello;
use super::record::Record;
use super::starttls::{self, TlsClient};
use super::transaction::{self, Tests};
use crate::name::{HeloName, Mailbox};
use crate::observe::{
    Cause, Dialogue, Ehlo, Extensions, Reply, Seen, Session, SessionKey, Stage, StartTls, Tls, TlsEhlo,
    TlsScan, Unseen,
};
use std::net::IpAddr;
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite};

/// What every stage of one session knows.
pub(super) struct Call<'a> {
    key: &'a SessionKey,
    plan: &'a Plan,
    at: SystemTime,
    tls: &'a TlsClient,
    local: IpAddr,
    helo: HeloName,
}

impl<'a> Call<'a> {
    /// One, from this address of ours.
    pub(super) fn new(
        key: &'a SessionKey,
        plan: &'a Plan,
        at: SystemTime,
        tls: &'a TlsClient,
        local: IpAddr,
    ) -> Self {
        let helo = plan.helo.clone().unwrap_or_else(|| HeloName::literal(local));
        Self { key, plan, at, tls, local, helo }
    }

    fn mail_from(&self) -> Mailbox {
        self.plan.mail_from.clone().unwrap_or_else(|| Mailbox::postmaster_of(&self.helo))
    }
}

/// Everything behind connect, over any transport.
pub(super) async fn converse<S>(stream: S, call: &Call<'_>, mut record: Record) -> Session
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection::new(stream);
    let banner = connection.greeting(&mut record).await;
    let refused = match &banner {
        Ok(reply) => reply.accepted(Stage::Banner).err(),
        Err(unseen) => Some(unseen.clone()),
    };
    let (ehlo, mut tests) = match refused {
        None => welcomed(connection, call, &mut record).await,
        Some(unseen) => {
            connection.quit(&mut record).await;
            (Err(unseen.behind()), Tests::behind(call.plan, &unseen))
        }
    };
    if call.plan.scan.is_some() {
        tests.scan = tests.scan.or_else(|| Some(Err(unscanned(&ehlo))));
    }
    let dialogue = Dialogue { local: Some(call.local), banner, ehlo, steps: record.into_steps() };
    tests.beside(call.at, Ok(dialogue))
}

/// Behind the greeting: EHLO and what the server offers.
async fn welcomed<S>(
    mut connection: Connection<S>,
    call: &Call<'_>,
    record: &mut Record,
) -> (Seen<Ehlo>, Tests)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ehlo = match introduce(&mut connection, call, record).await {
        Ok(ehlo) => ehlo,
        Err(unseen) => {
            connection.quit(record).await;
            return (Err(unseen.clone()), Tests::behind(call.plan, &unseen));
        }
    };
    let tests;
    if let Some(unseen) = ehlo.welcome().err() {
        connection.quit(record).await;
        ehlo.starttls = Err(unseen.behind());
        tests = Tests::behind(call.plan, &unseen);
    } else if !ehlo.extensions.has("STARTTLS") {
        ehlo.starttls = Ok(StartTls::NotOffered);
        tests = transactions(connection, call, record).await;
    } else if call.plan.plaintext {
        tests = transactions(connection, call, record).await;
    } else {
        (ehlo.starttls, tests) = encrypt(connection, call, record).await;
    }
    (Ok(ehlo), tests)
}

/// EHLO, and HELO where the server does not know it (RFC 5321 §3.2). STARTTLS is left for later.
async fn introduce<S>(connection: &mut Connection<S>, call: &Call<'_>, record: &mut Record) -> Seen<Ehlo>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reply = connection.ask(record, Command::Ehlo(&call.helo)).await?;
    let helo = match reply.code {
        500 | 501 | 502 | 504 => Some(connection.ask(record, Command::Helo(&call.helo)).await),
        _ => None,
    };
    let starttls =
        Err(Unseen::failed(Stage::StartTls, Cause::ProberError, "left alone in a plaintext session"));
    Ok(Ehlo { extensions: offered(&reply), reply, helo, starttls })
}

fn offered(reply: &Reply) -> Extensions {
    if reply.is_positive() { Extensions::of(reply) } else { Extensions::default() }
}

/// STARTTLS, the handshake, and the session inside.
async fn encrypt<S>(mut plain: Connection<S>, call: &Call<'_>, record: &mut Record) -> (Seen<StartTls>, Tests)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let starttls = match plain.ask(record, Command::StartTls).await {
        Ok(reply) if reply.code == 220 => {
            if let Some(scan) = &call.plan.scan {
                return scan_on(plain, scan, call, record).await;
            }
            match starttls::upgrade(plain, call.tls, &call.key.tls_name, &call.plan.anchors, call.at, record)
                .await
            {
                Ok((connection, tls)) => return inside(connection, tls, call, record).await,
                Err(starttls) => Ok(starttls),
            }
        }
        answer => {
            plain.quit(record).await;
            answer.map(StartTls::Refused)
        }
    };
    let tests = without_tls(call.plan, &starttls);
    (starttls, tests)
}

/// One question of a TLS scan, and no session inside.
async fn scan_on<S>(
    plain: Connection<S>,
    scan: &TlsScan,
    call: &Call<'_>,
    record: &mut Record,
) -> (Seen<StartTls>, Tests)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let scanned = legacy_hello::ask(plain, scan, &call.key.tls_name, record).await;
    let left_alone = Unseen::failed(Stage::TlsHandshake, Cause::ProberError, "left alone in a TLS scan");
    (Err(left_alone), Tests { scan: Some(scanned), ..Tests::default() })
}

/// Why a scan did not get to its question.
fn unscanned(ehlo: &Seen<Ehlo>) -> Unseen {
    let of = |cause, detail: &str| Unseen::failed(Stage::StartTls, cause, detail);
    match ehlo.as_ref().map(|ehlo| &ehlo.starttls) {
        Err(unseen) | Ok(Err(unseen)) => unseen.behind(),
        Ok(Ok(StartTls::Refused(reply))) => match reply.accepted(Stage::StartTls) {
            Err(unseen) => unseen,
            Ok(_) => of(Cause::ProtocolError, &reply.text()),
        },
        Ok(Ok(_)) => of(Cause::Rejected, "not offered"),
    }
}

/// The tests of a session that got no TLS: a sender that does not insist would try again in plaintext, so they are
/// owed, unless the server, an intruder or this program wanted the session to end.
fn without_tls(plan: &Plan, starttls: &Seen<StartTls>) -> Tests {
    let end = match starttls {
        Ok(StartTls::HandshakeFailed(trouble)) if trouble.cause == Cause::ProberError => {
            Some(Unseen::Failed(trouble.clone()))
        }
        Ok(StartTls::Refused(reply)) => {
            reply.accepted(Stage::StartTls).err().filter(|unseen| unseen.cause() == Cause::Throttled)
        }
        Ok(StartTls::Injected(text)) => {
            Some(Unseen::failed(Stage::StartTls, Cause::ProtocolError, format!("behind the 220: {text}")))
        }
        Ok(_) => None,
        Err(unseen) => Some(unseen.clone()),
    };
    end.map_or_else(|| Tests::owed(plan), |unseen| Tests::behind(plan, &unseen))
}

/// EHLO inside TLS and what follows from it. Here a server tells at last that it wants a client certificate.
async fn inside<S>(
    mut connection: Connection<S>,
    mut tls: Box<Tls>,
    call: &Call<'_>,
    record: &mut Record,
) -> (Seen<StartTls>, Tests)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reply = connection.ask(record, Command::Ehlo(&call.helo)).await;
    let refused = match &reply {
        Ok(reply) => reply.accepted(Stage::EhloTls).err(),
        Err(unseen) => Some(unseen.clone()),
    };
    tls.ehlo = reply.map(|reply| TlsEhlo { extensions: offered(&reply), reply });
    let tests = match refused {
        None => transactions(connection, call, record).await,
        Some(unseen) => {
            connection.quit(record).await;
            match unseen.cause() {
                Cause::Alert => Tests::owed(call.plan),
                _ => Tests::behind(call.plan, &unseen),
            }
        }
    };
    (Ok(StartTls::Secured(tls)), tests)
}

async fn transactions<S>(mut connection: Connection<S>, call: &Call<'_>, record: &mut Record) -> Tests
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let tests = transaction::run(&mut connection, record, call.plan, &call.mail_from()).await;
    connection.quit(record).await;
    tests
}
