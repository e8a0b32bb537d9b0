//! Looks at a server's certificates twice: [`Recorder`] keeps them during the handshake and objects to none;
//! [`Roots`] says afterwards what a sender that insists on a valid certificate would object to.

use super::certificate::describe;
use crate::observe::{Certificate, ChainTrouble, PeerText};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use webpki::{EndEntityCert, Error as ChainError, KeyUsage};

/// Accepts every certificate and remembers it, and whether the server asked for ours. The handshake's own signature
/// is checked wherever the library knows the key.
#[derive(Debug)]
pub(super) struct Recorder {
    algorithms: WebPkiSupportedAlgorithms,
    chain: OnceLock<Vec<CertificateDer<'static>>>,
    asked_for_ours: AtomicBool,
}

/// How much of an error's own words is kept, in characters.
const QUOTED: usize = 256;

/// What a chain has to lead to.
pub(super) struct Roots {
    algorithms: WebPkiSupportedAlgorithms,
    anchors: Vec<TrustAnchor<'static>>,
    extra: Vec<CertificateDer<'static>>,
}

impl Recorder {
    /// An empty one, for one handshake.
    pub(super) fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { algorithms, chain: OnceLock::new(), asked_for_ours: AtomicBool::new(false) }
    }

    /// The certificates as sent, leaf first.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        self.chain.get().map_or(&[], Vec::as_slice)
    }

    /// Whether the server wanted a certificate from this client.
    pub(super) fn asked_for_ours(&self) -> bool {
        self.asked_for_ours.load(Ordering::Relaxed)
    }

    /// A signature that cannot be checked, for want of a key that the library knows, is let through: nothing is
    /// entrusted to this server, and its certificate is judged by what it is.
    fn unless_unknown(
        checked: Result<HandshakeSignatureValid, TlsError>,
        leaf: &CertificateDer<'_>,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        match checked {
            Err(_) if is_beyond_library(leaf) => Ok(HandshakeSignatureValid::assertion()),
            checked => checked,
        }
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let sent = std::iter::once(end_entity).chain(intermediates);
        self.chain.get_or_init(|| sent.map(|der| der.clone().into_owned()).collect());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        match verify_tls12_signature(message, cert, dss, &self.algorithms) {
            // TLS 1.2 lets a key of any curve sign with any hash.
            Err(TlsError::InvalidCertificate(
                CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            )) => Ok(HandshakeSignatureValid::assertion()),
            checked => Self::unless_unknown(checked, cert),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Self::unless_unknown(verify_tls13_signature(message, cert, dss, &self.algorithms), cert)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked_for_ours.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl Roots {
    /// The built-in roots and these.
    ///
    /// # Errors
    /// The number of the first certificate, counted from 1, that is none, and why.
    pub(super) fn with(
        extra: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<Self, (usize, ChainError)> {
        Ok(Self { algorithms, anchors: anchors(&extra)?, extra })
    }

    /// Whether a chain, leaf first, leads to one of the roots. The leaf's own dates are no part of the question: where
    /// `now` is outside them, it is asked at the nearest second inside.
    pub(super) fn trust(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<(), ChainTrouble> {
        let Some((leaf_der, above)) = chain.split_first() else { return Err(ChainTrouble::UnknownIssuer) };
        if self.extra.contains(leaf_der) {
            return Ok(()); // the library never takes a root for a leaf
        }
        let leaf = EndEntityCert::try_from(leaf_der).map_err(|error| unsupported(&error))?;
        let described = describe(leaf_der);
        let asked = nearest(&described, now);
        match leads_to(&leaf, above, &self.anchors, &self.algorithms, asked) {
            Ok(()) => Ok(()),
            Err(ChainError::UnknownIssuer | ChainError::CaUsedAsEndEntity) if described.self_issued => {
                Err(ChainTrouble::SelfSigned)
            }
            Err(error) => Err(trouble(&error, above, asked)),
        }
    }
}

/// The built-in roots and these.
///
/// # Errors
/// As [`Roots::with`].
pub(super) fn anchors(
    extra: &[CertificateDer<'static>],
) -> Result<Vec<TrustAnchor<'static>>, (usize, ChainError)> {
    let anchor = |(index, der)| {
        let anchor = webpki::anchor_from_trusted_cert(der).map_err(|error| (index + 1, error))?;
        Ok(anchor.to_owned())
    };
    let built_in = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().map(Ok);
    built_in.chain(extra.iter().enumerate().map(anchor)).collect()
}

/// The second inside a certificate's dates that is nearest to `now`.
pub(super) fn nearest(certificate: &Certificate, now: SystemTime) -> SystemTime {
    now.min(certificate.not_after).max(certificate.not_before)
}

/// Whether a leaf leads to one of these anchors at that time, by way of the certificates above it.
pub(super) fn leads_to(
    leaf: &EndEntityCert<'_>,
    above: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'_>],
    algorithms: &WebPkiSupportedAlgorithms,
    at: SystemTime,
) -> Result<(), ChainError> {
    let usage = KeyUsage::server_auth();
    leaf.verify_for_usage(algorithms.all, anchors, above, unix_time(at), usage, None, None).map(drop)
}

/// Whether a certificate's subjectAltName covers a name (RFC 9525).
pub(super) fn covers(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    EndEntityCert::try_from(leaf).is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(name).is_ok())
}

/// What stands in the way, as it is told.
pub(super) fn trouble(error: &ChainError, above: &[CertificateDer<'_>], asked: SystemTime) -> ChainTrouble {
    match error {
        ChainError::UnknownIssuer => ChainTrouble::UnknownIssuer,
        ChainError::CertExpired { .. } | ChainError::CertNotValidYet { .. } => {
            let mut above = above.iter().take(super::starttls::CHAIN).map(describe);
            let stale = above.find(|certificate| certificate.off_dates(asked).is_some());
            ChainTrouble::Expired(stale.map_or_else(|| text(error), |certificate| certificate.subject))
        }
        // The library reports a key of a size that it does not know as a signature that does not fit.
        ChainError::InvalidSignatureForPublicKey if above.iter().any(has_odd_rsa_key) => unsupported(error),
        ChainError::UnsupportedCertVersion
        | ChainError::UnsupportedCriticalExtension
        | ChainError::UnsupportedNameType
        | ChainError::UnsupportedSignatureAlgorithmContext(_)
        | ChainError::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => unsupported(error),
        _ => ChainTrouble::Invalid(text(error)),
    }
}

/// What the library cannot judge.
pub(super) fn unsupported(error: &ChainError) -> ChainTrouble {
    ChainTrouble::Unsupported(text(error))
}

/// The library's words, which may quote as much of a certificate as the peer likes.
fn text(error: &ChainError) -> PeerText {
    let words: String = error.to_string().chars().take(QUOTED).collect();
    PeerText::from(words.as_str())
}

/// Whether the library cannot check what this certificate's key signed.
fn is_beyond_library(leaf: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(leaf).is_err() || has_odd_rsa_key(leaf)
}

/// RSA of a size outside those the library verifies.
fn has_odd_rsa_key(der: &CertificateDer<'_>) -> bool {
    let key = describe(der).key;
    key.algorithm.as_str() == "RSA" && key.bits.is_some_and(|bits| !(2_048..=8_192).contains(&bits))
}

fn unix_time(time: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}
