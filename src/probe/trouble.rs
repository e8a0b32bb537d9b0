//! What an error of the socket or of the TLS library means, as a cause.

use crate::observe::{Cause, PeerText, Stage, Unseen};
use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage, PeerMisbehaved};
use std::io::{self, ErrorKind};

/// What a failed read or write says of a connection that stood.
pub(super) fn of_io(stage: Stage, error: &io::Error) -> Unseen {
    if let Some(error) = tls_error(error) {
        return of_tls(stage, error);
    }
    let cause = match error.kind() {
        ErrorKind::UnexpectedEof => Cause::Closed,
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => Cause::Reset,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Cause::Unreachable,
        ErrorKind::TimedOut => Cause::Timeout,
        _ => Cause::ProberError,
    };
    Unseen::failed(stage, cause, error.to_string())
}

/// Whether the peer ended TLS with an alert.
pub(super) fn is_alert(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(TlsError::AlertReceived(_)))
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
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
    Unseen::failed(stage, cause, PeerText::from(error.to_string().as_str()).as_str())
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
