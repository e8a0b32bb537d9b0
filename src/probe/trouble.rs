//! What an error of the socket or of the TLS library means, as a cause.

use super::metered::TooMuch;
use crate::observe::{Cause, PeerText, Stage, Unseen};
use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage, PeerMisbehaved};
use std::io::{self, ErrorKind};

/// How much of an error's own words is kept, in characters.
const QUOTED: usize = 256;

/// What a failed read or write says of a connection that stood.
pub(super) fn of_io(stage: Stage, error: &io::Error) -> Unseen {
    if let Some(error) = tls_error(error) {
        return of_tls(stage, error);
    }
    if error.get_ref().is_some_and(|inner| inner.is::<TooMuch>()) {
        return Unseen::failed(stage, Cause::Oversize, error.to_string());
    }
    let cause = match error.kind() {
        // The library's own words are for its users.
        ErrorKind::UnexpectedEof => return Unseen::failed(stage, Cause::Closed, "the server hung up"),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => Cause::Reset,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Cause::Unreachable,
        ErrorKind::TimedOut => Cause::Timeout,
        // The TLS library's buffers are full of messages that nobody asked for; the system's own errors have a number.
        ErrorKind::InvalidData | ErrorKind::Other if error.raw_os_error().is_none() => Cause::Oversize,
        _ => Cause::ProberError,
    };
    Unseen::failed(stage, cause, error.to_string())
}

/// What an alert says that a server sends before it knows what is offered: the same as behind the ClientHello, which only
/// chance may have kept from coming first.
pub(super) fn of_early_alert(description: u8) -> Unseen {
    let alert = AlertDescription::from(description);
    let detail = format!("alert {} before the ClientHello", alert_name(alert));
    Unseen::failed(Stage::TlsHandshake, of_alert(alert), detail)
}

/// Whether the peer ended TLS with an alert.
pub(super) fn is_alert(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(TlsError::AlertReceived(_)))
}

/// The TLS library's error, where it is one.
pub(super) fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

fn of_tls(stage: Stage, error: &TlsError) -> Unseen {
    let cause = match error {
        TlsError::AlertReceived(alert) => {
            return Unseen::failed(stage, of_alert(*alert), format!("alert {}", alert_name(*alert)));
        }
        TlsError::InvalidMessage(message) => of_message(*message),
        TlsError::PeerMisbehaved(misdeed) => of_misdeed(misdeed),
        TlsError::InvalidCertificate(CertificateError::BadSignature) => Cause::ProtocolError,
        TlsError::InvalidCertificate(_) | TlsError::PeerIncompatible(_) => Cause::UnsupportedByProber,
        TlsError::DecryptError
        | TlsError::InappropriateHandshakeMessage { .. }
        | TlsError::InappropriateMessage { .. }
        | TlsError::NoCertificatesPresented
        | TlsError::PeerSentOversizedRecord => Cause::ProtocolError,
        _ => Cause::ProberError,
    };
    Unseen::failed(stage, cause, detail(error))
}

/// The library's words, which may quote as much of a certificate as the peer likes.
fn detail(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => "the certificate has a key that this program does not know".to_owned(),
        error => {
            let words: String = error.to_string().chars().take(QUOTED).collect();
            PeerText::from(words.as_str()).as_str().to_owned()
        }
    }
}

/// Alerts by which a server that is sound, but old, answers a client without its versions, suites or groups.
fn of_alert(alert: AlertDescription) -> Cause {
    match alert {
        AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity
        | AlertDescription::ProtocolVersion => Cause::UnsupportedByProber,
        _ => Cause::Alert,
    }
}

fn of_message(message: InvalidMessage) -> Cause {
    match message {
        InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge => {
            Cause::Oversize
        }
        InvalidMessage::UnsupportedCompression
        | InvalidMessage::UnsupportedCurveType
        | InvalidMessage::UnsupportedKeyExchangeAlgorithm(_) => Cause::UnsupportedByProber,
        _ => Cause::ProtocolError,
    }
}

/// A signature by an algorithm that was not offered (SHA-1, mostly) is one that other clients may still take.
fn of_misdeed(misdeed: &PeerMisbehaved) -> Cause {
    match misdeed {
        PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme
        | PeerMisbehaved::SignedKxWithWrongAlgorithm => Cause::UnsupportedByProber,
        _ => Cause::ProtocolError,
    }
}

/// The name of an alert as RFC 8446 §6 writes it.
fn alert_name(alert: AlertDescription) -> String {
    let Some(name) = alert.as_str() else { return u8::from(alert).to_string() };
    let mut text = String::new();
    let mut after_small = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && after_small {
            text.push('_');
        }
        after_small = c.is_ascii_lowercase();
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::PeerIncompatible;

    #[test]
    fn only_what_other_clients_may_take_is_our_own_inability() {
        for (error, cause) in [
            (TlsError::AlertReceived(AlertDescription::HandshakeFailure), Cause::UnsupportedByProber),
            (TlsError::AlertReceived(AlertDescription::ProtocolVersion), Cause::UnsupportedByProber),
            (TlsError::AlertReceived(AlertDescription::InsufficientSecurity), Cause::UnsupportedByProber),
            (TlsError::AlertReceived(AlertDescription::InternalError), Cause::Alert),
            (TlsError::AlertReceived(AlertDescription::UnrecognisedName), Cause::Alert),
            (PeerIncompatible::ServerDoesNotSupportTls12Or13.into(), Cause::UnsupportedByProber),
            (PeerMisbehaved::SignedKxWithWrongAlgorithm.into(), Cause::UnsupportedByProber),
            (PeerMisbehaved::TooManyWarningAlertsReceived.into(), Cause::ProtocolError),
            (CertificateError::BadEncoding.into(), Cause::UnsupportedByProber),
            (CertificateError::BadSignature.into(), Cause::ProtocolError),
            (InvalidMessage::InvalidContentType.into(), Cause::ProtocolError),
            (InvalidMessage::CertificatePayloadTooLarge.into(), Cause::Oversize),
            (InvalidMessage::UnsupportedCurveType.into(), Cause::UnsupportedByProber),
            (TlsError::FailedToGetRandomBytes, Cause::ProberError),
        ] {
            let wrapped = io::Error::new(ErrorKind::InvalidData, error.clone());
            assert_eq!(of_io(Stage::TlsHandshake, &wrapped).cause(), cause, "{error:?}");
        }
    }

    #[test]
    fn what_overflows_is_the_peers_doing() {
        for (error, cause) in [
            (io::Error::new(ErrorKind::InvalidData, "message buffer full"), Cause::Oversize),
            (io::Error::other(TooMuch), Cause::Oversize),
            (io::Error::from_raw_os_error(24), Cause::ProberError), // EMFILE
            (ErrorKind::UnexpectedEof.into(), Cause::Closed),
        ] {
            assert_eq!(of_io(Stage::EhloTls, &error).cause(), cause, "{error}");
        }
    }

    #[test]
    fn a_certificate_is_not_quoted_at_length() {
        let context = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![7; 50_000],
            public_key_algorithm_id: vec![7; 50_000],
        };
        let long = TlsError::General("x".repeat(50_000));
        for error in [TlsError::InvalidCertificate(context), long] {
            let wrapped = io::Error::new(ErrorKind::InvalidData, error);
            assert!(of_io(Stage::TlsHandshake, &wrapped).trouble().detail.len() <= 300);
        }
    }

    #[test]
    fn alerts_are_named_as_the_standard_names_them() {
        for (alert, name) in [
            (AlertDescription::HandshakeFailure, "handshake_failure"),
            (AlertDescription::CertificateRequired, "certificate_required"),
            (AlertDescription::UnknownCA, "unknown_ca"),
            (AlertDescription::Unknown(222), "222"),
        ] {
            assert_eq!(alert_name(alert), name);
        }
    }
}
