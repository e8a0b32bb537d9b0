//! Certificates are sound or broken as asked, and handshakes succeed or fail as written.
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::client::{Client, complaint};
use crate::support::smtp::Script;
use crate::support::tls::{ALL_VERSIONS, Ca, Key};

#[tokio::test]
async fn the_rest_of_the_script_goes_inside_tls() {
    let ca = Ca::new();
    let identity = ca.leaf("mx.example.test").issue();
    let server =
        Script::new().hear("STARTTLS").say("220 go").tls(&identity).hear("EHLO ").say("250 hi").serve().await;
    let mut client = Client::connect(server.addr).await;
    client.says("STARTTLS").await;
    client.hears().await;
    let mut client = client.secure(&ca, "mx.example.test").await.unwrap();
    client.says("EHLO probe.test").await;
    assert_eq!(client.hears().await, "250 hi");
    drop(client);
    assert_eq!(server.finish().await, ["STARTTLS", "(TLS)", "EHLO probe.test"]);
}

#[tokio::test]
async fn certificates_are_sound_or_broken_as_asked() {
    let ca = Ca::new();
    let leaf = || ca.leaf("mx.example.test");
    for (identity, want) in [
        (leaf().issue(), "sound"),
        (leaf().key(Key::P384).issue(), "sound"),
        (leaf().key(Key::P521).issue(), "sound"),
        (leaf().key(Key::Ed25519).issue(), "sound"),
        (leaf().key(Key::Rsa2048).issue(), "sound"),
        (leaf().by_intermediate().issue(), "sound"),
        (ca.leaf("other.example.test").and_name("*.example.test").issue(), "sound"),
        (leaf().by_missing_intermediate().issue(), "UnknownIssuer"),
        (leaf().by_expired_intermediate().issue(), "certificate expired"),
        (leaf().valid_days(-90, -1).issue(), "certificate expired"),
        (leaf().valid_days(1, 90).issue(), "not valid yet"),
        (leaf().self_signed().issue(), "UnknownIssuer"),
        (leaf().common_name_only().issue(), "not valid for name"),
        (ca.leaf("other.example.test").issue(), "not valid for name"),
        (ca.leaf("192.0.2.1").issue(), "not valid for name"),
        (Ca::new().leaf("mx.example.test").issue(), "UnknownIssuer"),
        (ca.impostor().leaf("mx.example.test").issue(), "BadSignature"),
    ] {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let accept = tokio_rustls::TlsAcceptor::from(identity.server_config(ALL_VERSIONS)).accept(server);
        let (verdict, _) = tokio::join!(Client::over(client).secure(&ca, "mx.example.test"), accept);
        let verdict = verdict.map_or_else(|error| error.to_string(), |_| "sound".to_owned());
        assert!(verdict.contains(want), "wanted {want}, got {verdict}");
    }
}

#[tokio::test]
async fn the_server_speaks_the_versions_asked_for() {
    let ca = Ca::new();
    let identity = ca.leaf("mx.example.test").issue();
    for (offered, want) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let (client, server) =
            Script::new().tls_with(identity.server_config(&[offered])).say("220 hi").over_duplex(10_000);
        let mut client = Client::over(client).secure(&ca, "mx.example.test").await.unwrap();
        assert_eq!(client.hears().await, "220 hi");
        assert_eq!(client.io.get_ref().get_ref().1.protocol_version(), Some(want));
        drop(client);
        server.finish().await;
    }
}

#[tokio::test]
async fn handshakes_fail_in_every_way() {
    let ca = Ca::new();
    let identity = ca.leaf("mx.example.test").issue();
    let demanding = identity.demanding_a_client_certificate(&ca, &[&TLS12]);
    for (script, want) in [
        (Script::new().tls_alert(40), "HandshakeFailure"),
        (Script::new().tls_alert(112), "UnrecognisedName"),
        (Script::new().tls_fails(demanding), "CertificateRequired"),
        (Script::new().tls_cut_short(&identity, 20).hang_up(), "eof"),
        (Script::new().hear_client_hello().say("554 what?").hang_up(), "corrupt message"),
        (Script::new().hear_client_hello().vanish(), "eof"),
    ] {
        let (client, server) = script.over_duplex(10_000);
        let error = Client::over(client).secure(&ca, "mx.example.test").await.unwrap_err().to_string();
        assert!(error.contains(want), "wanted {want}, got {error}");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_handshake_that_goes_otherwise_than_written_fails() {
    let ca = Ca::new();
    let identity = ca.leaf("mx.example.test").issue();
    let (client, server) = Script::new().tls(&identity).over_duplex(10_000);
    assert!(Client::over(client).secure(&Ca::new(), "mx.example.test").await.is_err());
    assert!(complaint(server.finish()).await.contains("the handshake failed"));

    let (client, server) = Script::new().tls_fails(identity.server_config(ALL_VERSIONS)).over_duplex(10_000);
    let secured = Client::over(client).secure(&ca, "mx.example.test").await;
    assert!(secured.is_ok());
    assert!(complaint(server.finish()).await.contains("the handshake succeeded"));
}
