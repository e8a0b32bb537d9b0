//! Scripts are followed or complained of, and end in every way a peer can.
use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout};

use crate::client::{Client, complaint};
use crate::support::smtp::Script;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_script_that_is_followed_passes() {
    let server = Script::new()
        .say("220 mx.test ESMTP")
        .hear("EHLO ")
        .say("250-mx.test\n250 STARTTLS")
        .hear_anything()
        .say("221 bye")
        .expect_close()
        .serve()
        .await;
    let mut client = Client::connect(server.addr).await;
    assert_eq!(client.hears().await, "220 mx.test ESMTP");
    client.says("EHLO probe.test").await;
    assert_eq!(client.hears().await, "250-mx.test");
    assert_eq!(client.hears().await, "250 STARTTLS");
    client.says("QUIT").await;
    assert_eq!(client.hears().await, "221 bye");
    drop(client);
    assert_eq!(server.finish().await, ["EHLO probe.test", "QUIT"]);
}

#[tokio::test]
async fn another_dialogue_fails_and_says_where() {
    let complaint = complaint_about(Script::new().say("220 hi").hear("EHLO "), "HELO probe.test\r\n").await;
    assert!(complaint.starts_with(r#"step 2 of 2, hear "EHLO ": heard "HELO probe.test""#), "{complaint}");
}

#[tokio::test]
async fn bad_manners_fail() {
    let banner = || Script::new().say("220 hi");
    for (script, written, complaint) in [
        (banner().hear_anything(), "DATA\r\n", "a probe never says this"),
        (banner().hang_up(), "vrfy root\r\n", "a probe never says this"),
        (banner().hear_anything(), "NOOP\n", "does not end with CRLF"),
        (banner().hear_anything(), "NOOP \0\r\n", "stray control character"),
        (banner().hear_anything(), &format!("NOOP {}\r\n", "x".repeat(512)), "longer than 512"),
        (banner().hear("EHLO "), "EHLO a\r\nNOOP\r\n", "more was sent behind it"),
        (banner().hear("RSET").hear("QUIT"), "RSET\r\nQUIT\r\n", "sent behind another command"),
        (banner().expect_close(), "QUIT\r\n", "QUIT"),
        (banner().hear("EHLO "), "", "the client has left"),
        (banner().hear_client_hello(), "QUIT\r\n", "instead of a ClientHello"),
    ] {
        let heard = complaint_about(script, written).await;
        assert!(heard.contains(complaint), "{written:?}: wanted {complaint:?}, got {heard}");
    }
}

#[tokio::test]
async fn talking_before_the_greeting_fails() {
    let (mut client, server) = Script::new().delay(Duration::ZERO).say("220 hi").over_duplex(100);
    client.write_all(b"EHLO probe.test\r\n").await.unwrap();
    let heard = complaint(server.finish()).await;
    assert!(heard.contains("did not wait for the greeting"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_script_that_is_left_unfinished_fails() {
    let (client, server) = Script::new().say("220 hi").hear("EHLO ").over_duplex(100);
    let heard = complaint(server.finish()).await;
    assert!(heard.contains("not come to its end: step 2 of 2"), "{heard}");
    drop(client);
}

#[tokio::test]
async fn a_script_that_is_forgotten_fails() {
    let (_client, server) = Script::new().say("220 hi").over_duplex(100);
    let heard = complaint(async move { drop(server) }).await;
    assert!(heard.contains("end it with finish()"), "{heard}");
    Script::new().over_duplex(100).1.abandon();
}

#[tokio::test(start_paused = true)]
async fn silence_lasts_until_the_client_leaves() {
    let (client, server) = Script::new().silence().over_duplex(100);
    let mut client = Client::over(client);
    assert!(timeout(10 * MINUTE, client.io.read_u8()).await.is_err());
    client.says("QUIT").await;
    drop(client);
    assert_eq!(server.finish().await, ["QUIT"]);
}

#[tokio::test(start_paused = true)]
async fn a_drip_takes_its_time() {
    let (client, server) = Script::new().drip("220 hi", MINUTE).over_duplex(100);
    let start = Instant::now();
    assert_eq!(Client::over(client).hears().await, "220 hi");
    assert_eq!(start.elapsed(), 8 * MINUTE);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_drip_and_a_delay_end_with_the_client() {
    let (client, server) =
        Script::new().drip("220 hi", MINUTE).delay(60 * MINUTE).expect_close().over_duplex(100);
    let start = Instant::now();
    drop(client);
    server.finish().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_flood_lasts_as_long_as_the_client() {
    let (client, server) = Script::new().flood("250-more", usize::MAX).expect_close().over_duplex(100);
    let mut client = Client::over(client);
    for _ in 0..100 {
        assert_eq!(client.hears().await, "250-more");
    }
    drop(client);
    server.finish().await;
}

#[tokio::test]
async fn injected_text_comes_in_the_same_write() {
    let (mut client, server) = Script::new().say("220 go ahead").inject("250 AUTH PLAIN").over_duplex(100);
    let mut bytes = [0; 100];
    let read = client.read(&mut bytes).await.unwrap();
    assert_eq!(&bytes[..read], b"220 go ahead\r\n250 AUTH PLAIN\r\n");
    drop(client);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_reads_blocks_the_writer() {
    let (client, server) = Script::new().say("220 hi").never_read().over_duplex(8);
    let mut client = Client::over(client);
    assert_eq!(client.hears().await, "220 hi");
    assert!(timeout(MINUTE, client.says("EHLO probe.test")).await.is_err());
    drop(client);
    server.finish().await;
}

#[tokio::test]
async fn a_connection_ends_by_fin_or_by_rst() {
    for (script, want) in [
        (Script::new().say("220 hi").hang_up(), Ok(())),
        (Script::new().say("220 hi").vanish(), Ok(())),
        (Script::new().say("220 hi").hear("EHLO ").reset(), Err(ErrorKind::ConnectionReset)),
    ] {
        let server = script.serve().await;
        let mut client = Client::connect(server.addr).await;
        client.hears().await;
        if want.is_err() {
            client.says("EHLO probe.test").await;
        }
        let end = client.io.read(&mut [0]).await;
        assert_eq!(end.map(|read| assert_eq!(read, 0)).map_err(|error| error.kind()), want);
        drop(client);
        server.finish().await;
    }
}

#[tokio::test]
async fn the_next_connection_has_a_script_of_its_own_and_a_third_is_refused() {
    let server = Script::new().say("421 later").next_connection().say("220 hi").hear("QUIT").serve().await;
    assert_eq!(Client::connect(server.addr).await.hears().await, "421 later");
    let mut client = Client::connect(server.addr).await;
    assert_eq!(client.hears().await, "220 hi");
    assert!(TcpSocket::new_v4().unwrap().connect(server.addr).await.is_err());
    client.says("QUIT").await;
    drop(client);
    assert_eq!(server.finish().await, ["(next connection)", "QUIT"]);
}

/// What the script complains of when the client writes this after the first line and leaves.
async fn complaint_about(script: Script, written: &str) -> String {
    let server = script.serve().await;
    let mut client = Client::connect(server.addr).await;
    client.hears().await;
    client.writes(written).await;
    drop(client);
    complaint(server.finish()).await
}
