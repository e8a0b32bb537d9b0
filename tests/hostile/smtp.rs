//! The mail dialogue, stage by stage.

use crate::meet::{MX, Meeting, now, testing};
use crate::support::smtp::Script;
use crate::support::tls::{Ca, Identity};

mod banner;
mod ehlo;
mod ends;
mod many;
mod refusals;
mod relay;
mod starttls;
mod transactions;

/// A greeted client that says EHLO.
pub(crate) fn greeted() -> Script {
    Script::new().say("220 mx.example.test ESMTP").hear("EHLO probe.test")
}

/// The same, welcome, where STARTTLS is not offered.
fn plain() -> Script {
    greeted().say("250-mx.example.test\n250-PIPELINING\n250 8BITMIME")
}

/// The same, where STARTTLS is offered and asked for.
pub(crate) fn offered() -> Script {
    greeted().say("250-mx.example.test\n250-PIPELINING\n250-8BITMIME\n250 STARTTLS").hear("STARTTLS")
}

/// The same inside TLS.
pub(crate) fn encrypted(identity: &Identity) -> Script {
    offered().say("220 go ahead").tls(identity).hear("EHLO probe.test")
}

/// What is said inside TLS by a server that has nothing to hide.
pub(crate) const WELCOME: &str = "250-mx.example.test\n250-PIPELINING\n250 8BITMIME";

/// One MAIL with one RCPT, and its RSET.
fn transaction(script: Script, mail: &str, rcpt: &str) -> Script {
    script.hear("MAIL FROM:<").say(mail).hear("RCPT TO:<").say(rcpt).hear("RSET").say("250 ok")
}

/// The null sender's test, which passes with the postmaster's.
fn welcome_null(script: Script) -> Script {
    transaction(script, "250 ok", "250 ok")
}

/// The relay test, which passes.
fn no_relay(script: Script) -> Script {
    transaction(script, "250 ok", "554 5.7.1 Relay access denied")
}

/// The end of a session in good manners.
pub(crate) fn goodbye(script: Script) -> Script {
    script.hear("QUIT").say("221 bye").expect_close()
}

/// A session with every test, and a certificate that it takes for good.
pub(crate) fn trusting() -> (Meeting, Identity) {
    let ca = Ca::at(now());
    let identity = ca.leaf(MX).issue();
    (Meeting { roots: vec![ca.der()], ..testing() }, identity)
}
