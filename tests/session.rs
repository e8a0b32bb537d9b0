//! Sessions over real sockets: what an in-memory stream cannot show, and whole visits to mail servers that behave.
#![expect(clippy::unwrap_used, reason = "what goes wrong fails the test")]

#[path = "support/mod.rs"]
mod support;

use mx_exporter::name::{DomainName, HeloName, Mailbox, MxName};
use mx_exporter::observe::{
    Cause, ChainTrouble, Contact, RelayOutcome, Session, SessionKey, Stage, StartTls,
};
use mx_exporter::probe::{Network, Plan, Prober, RelayPlan};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};
use support::mail_server::MailServer;
use support::port::ClosedPort;
use support::smtp::Script;
use support::tls::{Ca, Identity};
use tokio::sync::watch;
use tokio::time::Instant;

/// 2027-01-01, the day of all tests.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600)
}

fn loopback() -> Network {
    Network { allow_targets: vec!["127.0.0.0/8".parse().unwrap()], source_addresses: vec![] }
}

fn looking() -> Plan {
    Plan {
        helo: Some(HeloName::parse("probe.test").unwrap()),
        mail_from: None,
        timeout: Duration::from_secs(10),
        null_sender: None,
        postmasters: vec![],
        relay: None,
        refusals: 3,
        plaintext: false,
        anchors: vec![],
        scan: None,
    }
}

/// Every test, on behalf of `example.test`.
fn testing() -> Plan {
    let domain = DomainName::parse("example.test").unwrap();
    let mailboxes = |text| vec![Mailbox::parse(text).unwrap()];
    Plan {
        null_sender: Some(domain.clone()),
        postmasters: vec![domain],
        relay: Some(RelayPlan {
            recipients: mailboxes("someone@out.test"),
            confirmations: mailboxes("someone@further.test"),
        }),
        ..looking()
    }
}

async fn visit_with(prober: &Prober, address: SocketAddr, plan: &Plan) -> Session {
    let key = SessionKey { address, tls_name: MxName::parse("mx.example.test").unwrap() };
    let (_stop, stopped) = watch::channel(false);
    prober.session(&key, plan, now(), stopped).await
}

async fn visit(address: SocketAddr, plan: &Plan) -> Session {
    visit_with(&Prober::new(loopback(), vec![]).unwrap(), address, plan).await
}

/// Where the way to an encrypted session ended, and why.
fn trouble(session: &Session) -> Option<(Stage, Cause)> {
    let trouble = match &session.dialogue {
        Ok(dialogue) => dialogue.trouble(),
        Err(unseen) => Some(unseen.trouble()),
    };
    trouble.map(|trouble| (trouble.stage, trouble.cause))
}

/// What the three tests proved: the null sender, the postmaster, the relay.
fn proved(session: &Session) -> (Option<bool>, Option<bool>, Option<RelayOutcome>) {
    let null = session.null_sender.as_ref().and_then(|null| null.as_ref().ok()?.is_accepted().ok());
    let postmaster =
        session.postmasters.first().and_then(|(_, asked)| asked.as_ref().ok()?.is_accepted().ok());
    let relay = session.relay.as_ref().and_then(|relay| relay.as_ref().ok()?.outcome().ok());
    (null, postmaster, relay)
}

fn starttls(session: &Session) -> &StartTls {
    let ehlo = session.dialogue.as_ref().unwrap().ehlo.as_ref().unwrap();
    ehlo.starttls.as_ref().unwrap()
}

fn sound(ca: &Ca) -> MailServer {
    let identity = ca.leaf("mx.example.test").issue();
    MailServer::named("mx.example.test").local_domains(["example.test"]).certificate(identity)
}

#[tokio::test]
async fn a_sound_server_passes_in_good_manners() {
    let ca = Ca::at(now());
    let server = sound(&ca).serve().await;
    let prober = Prober::new(loopback(), vec![ca.der()]).unwrap();
    let session = visit_with(&prober, server.addr, &testing()).await;
    assert_eq!(trouble(&session), None);
    assert_eq!(proved(&session), (Some(true), Some(true), Some(RelayOutcome::Closed)));
    let StartTls::Secured(tls) = starttls(&session) else { panic!("{session:#?}") };
    assert!(tls.name_matches && tls.trust.is_ok(), "{tls:#?}");
    assert_eq!(session.dialogue.as_ref().unwrap().local.unwrap().to_string(), "127.0.0.1");
    assert_eq!(server.breaches(), Vec::<String>::new());
    assert_eq!(server.data_seen(), 0);
}

#[tokio::test]
async fn an_open_relay_is_seen_twice() {
    let ca = Ca::at(now());
    let server = sound(&ca).relays_for_everyone().serve().await;
    let session = visit(server.addr, &testing()).await;
    assert_eq!(proved(&session), (Some(true), Some(true), Some(RelayOutcome::Open)));
    let relay = session.relay.unwrap().unwrap();
    assert_eq!(relay.confirmation.unwrap().sender, None, "the confirmation comes from the null sender");
}

#[tokio::test]
async fn a_refused_null_sender_and_a_refused_postmaster_are_told_apart() {
    for (refuse, want) in [
        (MailServer::refuses_null_sender as fn(MailServer) -> MailServer, (Some(false), Some(true))),
        (MailServer::refuses_null_sender_at_rcpt, (Some(false), Some(true))),
        (MailServer::refuses_postmaster, (Some(true), Some(false))),
    ] {
        let server = refuse(sound(&Ca::at(now()))).serve().await;
        let (null, postmaster, _) = proved(&visit(server.addr, &testing()).await);
        assert_eq!((null, postmaster), want);
    }
}

#[tokio::test]
async fn tests_that_a_broken_handshake_left_are_made_in_plaintext() {
    let server = sound(&Ca::at(now())).breaks_handshakes().serve().await;
    let first = visit(server.addr, &testing()).await;
    assert_eq!(trouble(&first), Some((Stage::TlsHandshake, Cause::UnsupportedByProber)));
    assert!(
        first.owed && first.null_sender.is_none() && first.relay.is_none() && first.postmasters.is_empty()
    );
    let second = visit(server.addr, &Plan { plaintext: true, ..testing() }).await;
    assert_eq!(proved(&second), (Some(true), Some(true), Some(RelayOutcome::Closed)));
    assert!(!second.owed);
    let key = SessionKey { address: server.addr, tls_name: MxName::parse("mx.example.test").unwrap() };
    let before = Contact::renewed(None, key, first);
    let after = before.with_tests(&second);
    assert_eq!(after.dialogue.streak, before.dialogue.streak, "the tests are no second look");
    assert_eq!(after.starttls(), before.starttls());
    let told = |contact: &Contact| contact.dialogue().unwrap().steps.len();
    assert_eq!(told(&after), told(&before) + second.dialogue.unwrap().steps.len());
}

#[tokio::test]
async fn a_server_that_is_too_busy_proves_nothing() {
    let server = sound(&Ca::at(now())).throttles().serve().await;
    let session = visit(server.addr, &testing()).await;
    let cause = session.relay.unwrap().unwrap_err().cause();
    assert_eq!(cause, Cause::Throttled);
}

#[tokio::test]
async fn certificates_are_told_apart() {
    let ca = Ca::at(now());
    let prober = Prober::new(loopback(), vec![ca.der()]).unwrap();
    let leaf = || ca.leaf("mx.example.test");
    for (identity, want) in [
        (leaf().by_intermediate().issue(), Ok(())),
        (leaf().by_missing_intermediate().issue(), Err(ChainTrouble::UnknownIssuer)),
        (leaf().self_signed().issue(), Err(ChainTrouble::SelfSigned)),
        (Ca::at(now()).leaf("mx.example.test").issue(), Err(ChainTrouble::UnknownIssuer)),
    ] {
        let server = sound(&ca).certificate(identity).serve().await;
        let session = visit_with(&prober, server.addr, &looking()).await;
        let StartTls::Secured(tls) = starttls(&session) else { panic!("{session:#?}") };
        assert_eq!((&tls.trust, tls.name_matches), (&want, true));
    }
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let port = ClosedPort::somewhere();
    assert_eq!(trouble(&visit(port.addr, &looking()).await), Some((Stage::Connect, Cause::Refused)));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_hears_nothing() {
    let server = sound(&Ca::at(now())).serve().await;
    let prober = Prober::new(Network::default(), vec![]).unwrap();
    let session = visit_with(&prober, server.addr, &testing()).await;
    assert_eq!(trouble(&session), Some((Stage::Connect, Cause::NotPublic)));
    assert_eq!(server.connections(), 0);
}

/// The dialogue up to each stage, and the stage that the next answer belongs to.
fn dialogues(identity: &Identity) -> Vec<(Script, Stage)> {
    let greeted = || Script::new().say("220 mx.example.test");
    let offered = || greeted().hear("EHLO ").say("250-mx.example.test\n250 STARTTLS").hear("STARTTLS");
    let shaken = || offered().say("220 go ahead").tls(identity);
    vec![
        (Script::new(), Stage::Banner),
        (greeted().hear("EHLO "), Stage::Ehlo),
        (offered(), Stage::StartTls),
        (offered().say("220 go ahead").hear_client_hello(), Stage::TlsHandshake),
        (shaken().hear("EHLO "), Stage::EhloTls),
    ]
}

#[tokio::test]
async fn a_reset_is_told_from_a_farewell_at_every_stage() {
    let identity = Ca::at(now()).leaf("mx.example.test").issue();
    for (script, stage) in dialogues(&identity) {
        let server = script.reset().serve().await;
        assert_eq!(trouble(&visit(server.addr, &looking()).await), Some((stage, Cause::Reset)));
        server.finish().await;
    }
    for (script, stage) in dialogues(&identity) {
        let server = script.hang_up().serve().await;
        assert_eq!(trouble(&visit(server.addr, &looking()).await), Some((stage, Cause::Closed)));
        server.finish().await;
    }
}

#[tokio::test]
async fn a_reset_in_a_transaction_leaves_what_came_before() {
    let greeted = || Script::new().say("220 mx").hear("EHLO ").say("250 mx").hear("MAIL FROM:<>");
    let asked = || greeted().say("250 ok").hear("RCPT TO:<postmaster@example.test>");
    for (name, script) in
        [("MAIL", greeted()), ("RCPT", asked()), ("RSET", asked().say("250 ok").hear("RSET"))]
    {
        let server = script.reset().serve().await;
        let session = visit(server.addr, &testing()).await;
        assert_eq!(trouble(&session), None, "{name}: the way in was sound");
        assert!(session.relay.unwrap().unwrap_err().is_inconclusive(), "{name}");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_costs_no_more_than_the_session() {
    let server = Script::new().say("220 mx").never_read().serve().await;
    let began = Instant::now();
    let session = visit(server.addr, &Plan { timeout: Duration::from_millis(300), ..looking() }).await;
    assert_eq!(trouble(&session), Some((Stage::Ehlo, Cause::Timeout)));
    assert!(began.elapsed() < Duration::from_secs(2));
    server.finish().await;
}

#[tokio::test]
async fn a_stop_ends_a_session_with_a_goodbye() {
    let server =
        Script::new().say("220 mx").hear("EHLO ").hear("QUIT").say("221 bye").expect_close().serve().await;
    let prober = Prober::new(loopback(), vec![]).unwrap();
    let key = SessionKey { address: server.addr, tls_name: MxName::parse("mx.example.test").unwrap() };
    let (stop, stopped) = watch::channel(false);
    let plan = looking();
    let session = prober.session(&key, &plan, now(), stopped);
    let stopping = async {
        while server.transcript().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    let (session, ()) = tokio::join!(session, stopping);
    assert_eq!(trouble(&session), Some((Stage::Ehlo, Cause::ProberError)));
    server.finish().await;
}
