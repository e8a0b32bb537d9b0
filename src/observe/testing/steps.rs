//! The exchanges of a built dialogue, as a session would have recorded them.

use super::super::{Dialogue, Reply, Seen, Stage, StartTls, Step};
use std::time::Duration;

/// Connect, greeting, EHLO, STARTTLS, handshake and EHLO again, as far as they went; 40 ms each.
pub(crate) fn steps(dialogue: &Dialogue) -> Vec<Step> {
    let mut steps = vec![(Stage::Connect, None, None)];
    push(&mut steps, Stage::Banner, None, &dialogue.banner);
    let Ok(ehlo) = &dialogue.ehlo else { return timed(steps) };
    push(&mut steps, Stage::Ehlo, Some("EHLO probe.example.net"), &Ok(ehlo.reply.clone()));
    if let Some(helo) = &ehlo.helo {
        push(&mut steps, Stage::Ehlo, Some("HELO probe.example.net"), helo);
    }
    let go_ahead = Ok(super::reply("220 2.0.0 Ready to start TLS"));
    match &ehlo.starttls {
        Ok(StartTls::NotOffered) => {}
        Ok(StartTls::Refused(reply)) => {
            push(&mut steps, Stage::StartTls, Some("STARTTLS"), &Ok(reply.clone()));
        }
        Ok(StartTls::Injected(_) | StartTls::HandshakeFailed(_)) => {
            push(&mut steps, Stage::StartTls, Some("STARTTLS"), &go_ahead);
        }
        Ok(StartTls::Secured(tls)) => {
            push(&mut steps, Stage::StartTls, Some("STARTTLS"), &go_ahead);
            steps.push((Stage::TlsHandshake, None, None));
            let inside = tls.ehlo.clone().map(|inside| inside.reply);
            push(&mut steps, Stage::EhloTls, Some("EHLO probe.example.net"), &inside);
        }
        Err(unseen) => push(&mut steps, Stage::StartTls, Some("STARTTLS"), &Err(unseen.clone())),
    }
    timed(steps)
}

type Untimed = (Stage, Option<String>, Option<Seen<Reply>>);

fn push(steps: &mut Vec<Untimed>, stage: Stage, sent: Option<&str>, reply: &Seen<Reply>) {
    steps.push((stage, sent.map(str::to_owned), Some(reply.clone())));
}

fn timed(steps: Vec<Untimed>) -> Vec<Step> {
    let took = Duration::from_millis(40);
    let times = (0..).map(|step| took * step);
    steps
        .into_iter()
        .zip(times)
        .map(|((stage, sent, reply), at)| Step { stage, sent, reply, at, took })
        .collect()
}
