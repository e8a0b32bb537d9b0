//! One hello of a TLS scan behind the 220 to STARTTLS: says it, reads the answer as far as it comes in clear, and goes
//! away politely inside TLS. It tells what rustls cannot speak, and decides nothing about it.
//!
//! The plaintext connection is consumed: nobody is left who could write to it.

mod compose;
mod course;
pub(super) mod flight;

use super::dialogue::Connection;
use super::record::Record;
use super::{certificate, trouble};
use crate::name::MxName;
use crate::observe::scan::{Answer, Leaf, Question, Refusal, Suite, TlsScan};
use crate::observe::{Cause, Certificate, Scanned, Seen, Stage, TlsVersion, Unseen};
use aws_lc_rs::rand;
use compose::{FAREWELL, Noise};
use flight::{Flight, Reader};
use rustls::pki_types::CertificateDer;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What is read at once.
const CHUNK: usize = 4_096;
/// What one flight may have: twice the largest message that is read.
const FLIGHT: usize = 128 * 1_024;

/// Asks the next question of a scan; gives the scan with one answer more.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    plaintext: Connection<S>,
    scan: &TlsScan,
    name: &MxName,
    record: &mut Record,
) -> Seen<Scanned> {
    let scan = scan.clone();
    let Some(question) = course::next(&scan) else { return Ok(Scanned { scan, is_complete: true }) };
    if let Some(alert) = plaintext.early_alert() {
        return Ok(answered_by(scan, question, Answer::Refused(Refusal::Alert(alert)), None));
    }
    if plaintext.surplus().is_some() {
        return Err(Unseen::failed(Stage::StartTls, Cause::ProtocolError, "plaintext stands behind the 220"));
    }
    let at = record.clock.elapsed();
    let suites = compose::suites(question, &chosen(&scan));
    let hello = compose::hello(question, &suites, name, &noise()?);
    let mut stream = plaintext.into_stream();
    let talk = record.clock.within(Stage::TlsHandshake, exchange(&mut stream, &hello)).await;
    let flight = answered(talk);
    record.clock.farewell(leave(stream, &flight)).await.ok();
    record.note(Stage::TlsHandshake, at, None, flight.as_ref().err().map(|unseen| Err(unseen.clone())));
    let (answer, leaf) = read(question, &suites, flight?);
    Ok(answered_by(scan, question, answer, leaf))
}

fn answered_by(mut scan: TlsScan, question: Question, answer: Answer, leaf: Option<Leaf>) -> Scanned {
    scan.add(question, answer, leaf);
    let is_complete = course::next(&scan).is_none();
    Scanned { scan, is_complete }
}

/// What the server chose of TLS 1.2 already; older versions and TLS 1.3 are not asked for by name.
fn chosen(scan: &TlsScan) -> Vec<&'static Suite> {
    scan.choices().filter(|choice| choice.version == TlsVersion::Tls12).map(|choice| choice.suite).collect()
}

fn noise() -> Seen<Noise> {
    let mut noise = [0; _];
    let failed = |_| Unseen::failed(Stage::TlsHandshake, Cause::ProberError, "no random octets");
    rand::fill(&mut noise).map(|()| noise).map_err(failed)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, hello: &[u8]) -> io::Result<Flight> {
    let said = async {
        stream.write_all(hello).await?;
        stream.flush().await
    };
    let said = said.await;
    // A server that hung up may have said why.
    match (hear(stream).await, said) {
        (Ok(Flight::Refused(Refusal::Closed)), Err(error)) => Err(error),
        (heard, _) => heard,
    }
}

/// Tells a server that would have gone on that nobody does.
async fn leave<S: AsyncWrite + Unpin>(mut stream: S, flight: &Seen<Flight>) {
    if matches!(flight, Ok(Flight::Chose { .. })) {
        stream.write_all(&FAREWELL).await.ok();
    }
    stream.shutdown().await.ok();
}

async fn hear<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Flight> {
    let (mut reader, mut left, mut chunk) = (Reader::default(), FLIGHT, [0; CHUNK]);
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(Flight::Refused(Refusal::Closed));
        }
        if let Some(flight) = reader.feed(chunk.get(..count).unwrap_or_default()) {
            return Ok(flight);
        }
        left = match left.checked_sub(count) {
            Some(left) => left,
            None => return Ok(Flight::Refused(Refusal::Nonsense)),
        };
    }
}

/// A connection that breaks, and silence, are answers; what is our own trouble is none.
fn answered(talk: Seen<io::Result<Flight>>) -> Seen<Flight> {
    let unseen = match talk {
        Ok(Ok(flight)) => return Ok(flight),
        Ok(Err(error)) => trouble::of_io(Stage::TlsHandshake, &error),
        Err(unseen) => unseen,
    };
    match unseen.cause() {
        Cause::Closed => Ok(Flight::Refused(Refusal::Closed)),
        Cause::Reset => Ok(Flight::Refused(Refusal::Reset)),
        Cause::NoAnswer => Ok(Flight::Refused(Refusal::Silent)),
        _ => Err(unseen),
    }
}

/// What a flight says to this question: nothing may be chosen that was not offered.
fn read(question: Question, offered: &[&'static Suite], flight: Flight) -> (Answer, Option<Leaf>) {
    match flight {
        Flight::Refused(refusal) => (Answer::Refused(refusal), None),
        Flight::Chose { choice, .. }
            if !offered.contains(&choice.suite) || choice.version > question.version =>
        {
            (Answer::Refused(Refusal::Nonsense), None)
        }
        Flight::Chose { choice, leaf } => {
            let describe = |der: Vec<u8>| {
                let described = certificate::describe(&CertificateDer::from(der));
                let Certificate { key, fingerprint, digests, key_digests, .. } = described;
                Leaf { key, fingerprint, digests, key_digests }
            };
            (Answer::Chose(choice), leaf.map(describe))
        }
    }
}
