//! From the 220 to STARTTLS to an encrypted connection (RFC 3207), and what the handshake showed.
//!
//! The plaintext connection is consumed: after a failed handshake nobody is left who could write to it.

use super::anchors::Anchors;
use super::dialogue::Connection;
use super::metered::Metered;
use super::record::Record;
use super::verify::{Recorder, Roots, covers};
use super::{Error, certificate, trouble};
use crate::name::MxName;
use crate::observe::{Anchored, Cause, Certificate, Seen, Stage, StartTls, Tls, TlsVersion, Tlsa, Unseen};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, DnsName, ServerName};
use rustls::{CipherSuite, ClientConfig, ClientConnection, ProtocolVersion};
use std::io;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How many certificates of a chain are described.
pub(super) const CHAIN: usize = 10;

/// Stands in for an MX name that cannot be sent in a ClientHello; it is not sent either (RFC 2606 §2).
const UNNAMED: &str = "unnamed.invalid";

/// A transport inside TLS.
pub(super) type Encrypted<S> = TlsStream<Metered<S>>;

/// The TLS client of every session.
pub(super) struct TlsClient {
    provider: Arc<CryptoProvider>,
    roots: Roots,
}

impl TlsClient {
    /// A client that verifies against the built-in roots and these.
    pub(super) fn new(extra_roots: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        // The hybrid group would make the ClientHello longer than one segment, which some mail servers cannot take.
        let kx_groups =
            vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1, aws_lc_rs::kx_group::SECP384R1];
        let provider = Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() });
        let roots = Roots::with(extra_roots, provider.signature_verification_algorithms)
            .map_err(|(number, source)| Error::Root { number, source })?;
        let client = Self { provider, roots };
        client.config(&Arc::new(client.recorder()), true)?;
        Ok(client)
    }

    fn recorder(&self) -> Recorder {
        Recorder::new(self.provider.signature_verification_algorithms)
    }

    /// What a chain says of the TLSA records that the session was told of.
    pub(super) fn look_for_anchors(
        &self,
        told: &[Tlsa],
        chain: &[CertificateDer<'_>],
        described: &[Certificate],
        now: SystemTime,
    ) -> Vec<Anchored> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let mut anchors = Anchors::of(algorithms, chain, described, now);
        told.iter().map(|record| anchors.look_for(record)).collect()
    }

    fn config(&self, recorder: &Arc<Recorder>, named: bool) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?;
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(recorder.clone())
            .with_client_cert_resolver(recorder.clone());
        config.resumption = Resumption::disabled();
        config.enable_sni = named;
        Ok(config)
    }
}

/// Does the handshake, unless plaintext stands behind the 220: of that, not an octet may be taken for the server's
/// word inside TLS. What comes back is an encrypted connection, where EHLO is still to be said, and what the handshake
/// showed; or, with no connection left, what became of STARTTLS instead.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    plaintext: Connection<S>,
    client: &TlsClient,
    name: &MxName,
    told: &[Tlsa],
    now: SystemTime,
    record: &mut Record,
) -> Result<(Connection<Encrypted<S>>, Box<Tls>), StartTls> {
    let at = record.clock.elapsed();
    if let Some(alert) = plaintext.early_alert() {
        let unseen = trouble::of_early_alert(alert);
        record.note(Stage::TlsHandshake, at, None, Some(Err(unseen.clone())));
        return Err(StartTls::HandshakeFailed(unseen.trouble().clone()));
    }
    if let Some(surplus) = plaintext.surplus() {
        let unasked =
            |text| Unseen::failed(Stage::StartTls, Cause::ProtocolError, format!("behind the 220: {text}"));
        record.note(Stage::StartTls, at, None, Some(surplus.clone().map_err(unasked)));
        return Err(surplus.map_or_else(StartTls::Injected, StartTls::Refused));
    }
    let recorder = Arc::new(client.recorder());
    let shaken = shake(plaintext.into_stream(), client, name, &recorder, record).await;
    let reply = shaken.as_ref().err().map(|unseen| Err(unseen.clone()));
    record.note(Stage::TlsHandshake, at, None, reply);
    let secured = shaken.and_then(|stream| {
        let mut tls = described(stream.get_ref().1, recorder.chain(), &client.roots, name, now)?;
        tls.anchored = client.look_for_anchors(told, recorder.chain(), &tls.chain, now);
        Ok((Connection::encrypted(stream), Box::new(tls)))
    });
    secured.map_err(|unseen| StartTls::HandshakeFailed(unseen.trouble().clone()))
}

async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    client: &TlsClient,
    name: &MxName,
    recorder: &Arc<Recorder>,
    record: &mut Record,
) -> Seen<Encrypted<S>> {
    let ours = |detail: String| Unseen::failed(Stage::TlsHandshake, Cause::ProberError, detail);
    let sent = server_name(name);
    let config = client.config(recorder, sent.is_some()).map_err(|error| ours(error.to_string()))?;
    let dummy = || ServerName::try_from(UNNAMED).map_err(|error| ours(error.to_string()));
    let server = sent.map_or_else(dummy, Ok)?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(server, Metered::new(stream));
    let done = record.clock.within(Stage::TlsHandshake, connecting).await?;
    done.map_err(|error| refused(&error, recorder.asked_for_ours()))
}

/// A server that asked for a certificate, got none and sends an alert is not one that we cannot speak to.
fn refused(error: &io::Error, asked_for_ours: bool) -> Unseen {
    let unseen = trouble::of_io(Stage::TlsHandshake, error);
    if !asked_for_ours || !trouble::is_alert(error) {
        return unseen;
    }
    let detail = format!("{} after it asked for a client certificate", unseen.trouble().detail);
    Unseen::failed(Stage::TlsHandshake, Cause::Alert, detail)
}

fn server_name(name: &MxName) -> Option<ServerName<'static>> {
    DnsName::try_from(name.as_str().to_owned()).ok().map(ServerName::DnsName)
}

fn described(
    session: &ClientConnection,
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    name: &MxName,
    now: SystemTime,
) -> Seen<Tls> {
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
        Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
        other => {
            let detail = format!("the library negotiated {other:?}");
            return Err(Unseen::failed(Stage::TlsHandshake, Cause::ProberError, detail));
        }
    };
    let name = server_name(name);
    let name_matches = chain.first().zip(name.as_ref()).is_some_and(|(leaf, name)| covers(leaf, name));
    Ok(Tls {
        version,
        cipher: session.negotiated_cipher_suite().map_or("", |suite| iana_name(suite.suite())),
        key_exchange: session.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
        named: name.is_some(),
        chain: chain.iter().take(CHAIN).map(certificate::describe).collect(),
        name_matches,
        trust: roots.trust(chain, now),
        anchored: Vec::new(),
        ehlo: Err(Unseen::failed(Stage::EhloTls, Cause::ProberError, "not said yet")),
    })
}

/// The library has names of its own for the suites of TLS 1.3.
fn iana_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        suite => suite.as_str().unwrap_or(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{GROUPS, SUITES};
    use rustls::AlertDescription;

    #[test]
    fn the_client_hello_fits_one_segment_and_offers_no_hybrid() {
        let client = TlsClient::new(vec![]).unwrap();
        let config = client.config(&Arc::new(client.recorder()), true).unwrap();
        let longest =
            format!("{}.test", ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(55)].join("."));
        let name = server_name(&MxName::parse(&longest).unwrap()).unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut hello = vec![];
        session.write_tls(&mut hello).unwrap();
        assert!(hello.len() < 700, "{} octets", hello.len());
    }

    #[test]
    fn all_that_is_offered_has_a_name_of_the_closed_set() {
        let client = TlsClient::new(vec![]).unwrap();
        let config = client.config(&Arc::new(client.recorder()), true).unwrap();
        let provider = config.crypto_provider();
        for suite in &provider.cipher_suites {
            assert!(SUITES.contains(&iana_name(suite.suite())), "{suite:?}");
        }
        for group in &provider.kx_groups {
            assert!(group.name().as_str().is_none_or(|name| GROUPS.contains(&name)), "{group:?}");
        }
    }

    #[test]
    fn an_alert_after_a_wish_for_our_certificate_is_no_inability() {
        let failure = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
        let failure = io::Error::new(io::ErrorKind::InvalidData, failure);
        assert_eq!(refused(&failure, false).cause(), Cause::UnsupportedByProber);
        assert_eq!(refused(&failure, true).cause(), Cause::Alert);
        assert_eq!(refused(&io::ErrorKind::UnexpectedEof.into(), true).cause(), Cause::Closed);
    }
}
