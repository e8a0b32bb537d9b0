//! The mail server behaves as Postfix does, misbehaves where told, and remembers what it was asked.
use std::net::SocketAddr;
use std::time::Duration;

use rustls::ProtocolVersion;
use rustls::version::TLS12;
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::client::Client;
use crate::support::mail_server::MailServer;
use crate::support::port::ClosedPort;
use crate::support::tls::Ca;

const A_MOMENT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_sound_server_is_sound() {
    let ca = Ca::new();
    let identity = ca.leaf("mx.example.test").issue();
    let mx = sound().certificate(identity).tls_versions(&[&TLS12]).serve().await;
    let mut client = Client::connect(mx.addr).await;
    assert_eq!(client.hears_reply().await, "220 mx.example.test ESMTP Postfix");
    let ehlo = client.asks("EHLO probe.test").await;
    assert!(ehlo.starts_with("250-mx.example.test\n250-PIPELINING\n250-SIZE 10240000\n"), "{ehlo}");
    assert!(ehlo.ends_with("\n250 STARTTLS"), "{ehlo}");
    assert_eq!(client.asks("STARTTLS").await, "220 2.0.0 Ready to start TLS");
    let mut client = client.secure(&ca, "mx.example.test").await.unwrap();
    assert_eq!(client.io.get_ref().get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert!(!client.asks("EHLO probe.test").await.contains("STARTTLS"));
    for (command, reply) in [
        ("MAIL FROM:<>", "250 2.1.0 Ok"),
        ("RCPT TO:<postmaster@example.test>", "250 2.1.5 Ok"),
        ("RCPT TO:<nobody@example.test>", "550 5.1.1 <nobody@example.test>: "),
        ("RCPT TO:<someone@elsewhere.test>", "554 5.7.1 <someone@elsewhere.test>: Relay access denied"),
        ("RSET", "250 2.0.0 Ok"),
        ("NOOP", "250 2.0.0 Ok"),
        ("RCPT TO:<postmaster@example.test>", "503 5.5.1"),
        ("HELP", "502 5.5.2"),
        ("QUIT", "221 2.0.0 Bye"),
    ] {
        let heard = client.asks(command).await;
        assert!(heard.starts_with(reply), "{command}: {heard}");
    }
    assert_eq!(client.io.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(mx.transcripts()[0][..4], ["EHLO probe.test", "STARTTLS", "(TLS)", "EHLO probe.test"]);
    assert_eq!((mx.connections(), mx.data_seen(), mx.breaches()), (1, 0, vec![]));
}

#[tokio::test]
async fn servers_misbehave_as_told() {
    const ABUSE: &str = "RCPT TO:<abuse@example.test>";
    const POSTMASTER: &str = "RCPT TO:<postmaster@example.test>";
    const OUTSIDE: &str = "RCPT TO:<postmaster@example.com>";
    const FROM_US: &str = "MAIL FROM:<a@probe.test>";
    const FROM_NULL: &str = "MAIL FROM:<>";
    const EHLO: &str = "EHLO probe.test";
    let nothing: &[&str] = &[];
    for (server, dialogue, reply) in [
        (sound().banner("220-a\n220 b"), nothing, "220-a\n220 b"),
        (sound().throttles(), nothing, "421 4.7.0"),
        (sound().blocks_client(), nothing, "554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked"),
        (sound().blocks_client(), &[EHLO], "503"),
        (sound().at_most_at_once(0), nothing, "421 4.7.0"),
        (sound().masks_starttls(), &[EHLO], "*\n250 XXXXXXXA"),
        (sound().without_starttls(), &[EHLO, "STARTTLS"], "502"),
        (sound().auth_before_tls("PLAIN LOGIN"), &[EHLO], "*\n250 AUTH PLAIN LOGIN"),
        (sound().extension("ODD"), &[EHLO], "*\n250-ODD\n"),
        (sound().without_ehlo(), &[EHLO], "502"),
        (sound().without_ehlo(), &["HELO probe.test"], "250 mx"),
        (sound().requires_tls(), &[EHLO, FROM_NULL], "530"),
        (sound(), &[EHLO, FROM_US, OUTSIDE], "554 5.7.1"),
        (sound().relays_for_everyone(), &[EHLO, FROM_US, OUTSIDE], "250"),
        (sound().refuses_null_sender(), &[EHLO, FROM_NULL], "550 5.7.1"),
        (sound().refuses_null_sender_at_rcpt(), &[EHLO, FROM_NULL, ABUSE], "550 5.7.1"),
        (sound().refuses_null_sender_at_rcpt(), &[EHLO, FROM_US, ABUSE], "250"),
        (sound().refuses_postmaster(), &[EHLO, FROM_US, POSTMASTER], "550 5.1.1"),
        (sound().refuses_postmaster(), &[EHLO, FROM_US, ABUSE], "250"),
        (sound().greylists(), &[EHLO, FROM_US, ABUSE], "450 4.2.0"),
        (sound().greylists_for(Duration::ZERO), &[EHLO, FROM_US, ABUSE], "250"),
        (sound().tempfails(), &[EHLO, FROM_US, ABUSE], "451 4.3.0"),
        (sound().answering("mail from:<>", "421 4.7.0 bye"), &[EHLO, FROM_NULL], "421 4.7.0 bye"),
        (sound().answering("RSET", "500 what?"), &[EHLO, "RSET"], "500 what?"),
        (sound(), &[FROM_NULL], "503 5.5.1"),
        (sound(), &[EHLO, FROM_NULL, FROM_NULL], "503 5.5.1"),
        (sound(), &[EHLO, "MAIL FROM:a"], "501"),
    ] {
        let mx = server.serve().await;
        let mut client = Client::connect(mx.addr).await;
        let mut heard = client.hears_reply().await;
        for command in dialogue {
            heard = client.asks(command).await;
        }
        let is_so = reply.strip_prefix('*').map_or(heard.starts_with(reply), |part| heard.contains(part));
        assert!(is_so, "{dialogue:?}: wanted {reply}, got {heard}");
    }
}

#[tokio::test]
async fn extensions_can_be_missing_or_linger() {
    let ca = Ca::new();
    let mx = sound().certificate(ca.leaf("mx.example.test").issue()).without_pipelining().without_8bitmime();
    let mx = mx.keeps_offering_starttls().serve().await;
    let mut client = Client::connect(mx.addr).await;
    client.hears_reply().await;
    let ehlo = client.asks("EHLO probe.test").await;
    assert!(!ehlo.contains("PIPELINING") && !ehlo.contains("8BITMIME"), "{ehlo}");
    client.asks("STARTTLS").await;
    let mut client = client.secure(&ca, "mx.example.test").await.unwrap();
    assert!(client.asks("EHLO probe.test").await.contains("STARTTLS"));
    assert!(client.asks("STARTTLS").await.starts_with("554"));
}

#[tokio::test]
async fn servers_are_late_or_silent_or_gone() {
    for server in [sound().silent(), sound().greets_after(Duration::from_hours(1))] {
        let mx = server.serve().await;
        let mut client = Client::connect(mx.addr).await;
        assert!(timeout(A_MOMENT, client.hears()).await.is_err());
    }
    for server in [sound().hangs_up_at("EHLO"), sound().throttles()] {
        let mx = server.serve().await;
        let mut client = Client::connect(mx.addr).await;
        client.hears().await;
        client.says("EHLO probe.test").await;
        assert_eq!(client.io.read(&mut [0]).await.unwrap_or(0), 0);
    }
    let mut mx = sound().answers_after(A_MOMENT).serve().await;
    let mut client = Client::connect(mx.addr).await;
    client.hears().await;
    assert!(timeout(A_MOMENT / 2, client.asks("NOOP")).await.is_err());
    mx.stop().await;
    for refusing in [mx.addr, ClosedPort::somewhere().addr] {
        assert!(TcpSocket::new_v4().unwrap().connect(refusing).await.is_err());
    }
}

#[tokio::test]
async fn bad_manners_are_remembered() {
    let ca = Ca::new();
    let mx = sound().breaks_handshakes().serve().await;
    let mut client = Client::connect(mx.addr).await;
    client.hears_reply().await;
    client.writes("EHLO probe.test\r\nNOOP\r\n").await;
    client.hears_reply().await;
    client.hears_reply().await;
    assert!(client.asks("DATA").await.starts_with("554"));
    assert!(client.asks("VRFY root").await.starts_with("252"));
    client.asks("STARTTLS").await;
    let error = client.secure(&ca, "mx.example.test").await.unwrap_err();
    assert!(error.to_string().contains("HandshakeFailure"), "{error}");
    assert_eq!(mx.data_seen(), 1);
    let breaches = mx.breaches();
    assert_eq!(breaches.len(), 3, "{breaches:?}");
}

#[tokio::test]
async fn plaintext_after_a_failed_handshake_is_remembered() {
    let mx = sound().serve().await;
    let mut client = Client::connect(mx.addr).await;
    client.hears_reply().await;
    client.asks("STARTTLS").await;
    client.says("QUIT").await;
    client.io.read_to_end(&mut Vec::new()).await.unwrap();
    client.says("QUIT").await;
    drop(client);
    until(|| mx.breaches() == ["QUIT: in plaintext, after the handshake failed"]).await;
}

#[tokio::test]
async fn a_server_can_change_and_knows_how_busy_it_was() {
    let mx = sound().serve().await;
    let (first, second) = (greeting(mx.addr).await, greeting(mx.addr).await);
    assert_eq!((mx.most_at_once(), mx.arrivals().len()), (2, 2));
    drop((first, second));
    mx.becomes(sound().banner("554 no").silent());
    let mut client = Client::connect(mx.addr).await;
    assert!(timeout(A_MOMENT, client.hears()).await.is_err());
    mx.becomes(sound().banner("220 again"));
    assert_eq!(Client::connect(mx.addr).await.hears().await, "220 again");
}

#[tokio::test]
async fn too_many_errors_end_the_session() {
    let mx = sound().serve().await;
    let mut client = greeting(mx.addr).await;
    for _ in 1..20 {
        assert!(client.asks("HELP").await.starts_with("502"));
    }
    assert!(client.asks("HELP").await.starts_with("421 4.7.0"));
}

fn sound() -> MailServer {
    MailServer::named("mx.example.test").local_domains(["example.test"])
}

async fn greeting(addr: SocketAddr) -> Client<tokio::net::TcpStream> {
    let mut client = Client::connect(addr).await;
    assert!(client.hears().await.starts_with("220 "));
    client
}

/// Waits for what another task is about to see.
async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(timeout(Duration::from_secs(5), waiting).await.is_ok());
}
