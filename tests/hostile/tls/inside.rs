//! What a server may do once it is encrypted.

use super::{ONLY_12, ONLY_13, looking, served, shaken};
use crate::meet::testing;
use crate::smtp::{WELCOME, offered, trusting};
use rustls::ServerConfig;
use std::sync::Arc;
use tokio::io::{AsyncWriteExt, DuplexStream};

#[tokio::test(start_paused = true)]
async fn t48_a_flood_of_tickets_is_cut_short() {
    let (_, identity) = trusting();
    let with_tickets = |count| {
        let mut config = Arc::<ServerConfig>::unwrap_or_clone(identity.server_config(ONLY_13));
        config.send_tls13_tickets = count;
        Arc::new(config)
    };
    let met = looking(testing()).with(served(with_tickets(8))).await;
    assert_eq!(met.gist(), "220 250 1.3 250");
    let flooding = offered().say("220 go ahead").tls_fails(with_tickets(20_000));
    let met = looking(testing()).with(flooding).await;
    assert_eq!(met.gist(), "220 250 1.3 oversize@ehlo_tls");
    assert!(met.read <= 520 * 1_024 && met.kept() < 32 * 1_024, "{} {}", met.read, met.kept());
}

#[tokio::test(start_paused = true)]
async fn t48_t63_floods_without_a_word_are_cut_short() {
    let (_, identity) = trusting();
    for (name, renews, gist) in [
        ("T48 new keys", true, "220 250 1.3 protocol_error@ehlo_tls"),
        ("T63 records of one octet", false, "220 250 1.3 oversize@ehlo_tls"),
    ] {
        let config = identity.server_config(ONLY_13);
        let (ours, theirs) = tokio::io::duplex(4_096);
        let (met, ()) = tokio::join!(looking(testing()).over(ours), flood(theirs, config, renews));
        assert_eq!(met.gist(), gist, "{name}");
        assert!(met.read <= 520 * 1_024, "{name}: {}", met.read);
    }
}

/// Never says a word inside TLS, and is never silent.
async fn flood(stream: DuplexStream, config: Arc<ServerConfig>, renews: bool) {
    let mut inside = shaken(stream, config).await.unwrap();
    loop {
        let session = inside.get_mut().1;
        let sent = match renews {
            true => session.refresh_traffic_keys().is_ok(),
            false => inside.write_all(b"\0").await.is_ok(),
        };
        if !sent || inside.flush().await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t49_an_end_without_a_farewell() {
    let (_, identity) = trusting();
    for versions in [ONLY_12, ONLY_13] {
        let inside =
            || offered().say("220 go ahead").tls_with(identity.server_config(versions)).hear("EHLO ");
        let cut = looking(testing()).with(inside().say_bytes("250-mx").vanish()).await;
        assert!(cut.gist().ends_with("closed@ehlo_tls"), "{}", cut.gist());
        let after = looking(testing()).with(inside().say(WELCOME).hear("QUIT").vanish()).await;
        assert!(after.gist().ends_with(" 250"), "{}", after.gist());
    }
}
