//! The only place with sockets and TLS: holds sessions with mail servers, and tells what it saw as plain data.
//! Nothing here decides what is good or bad.
//!
//! [`Prober::session`] is one visit to one server: connect, greeting, EHLO (HELO behind it), STARTTLS, handshake, EHLO,
//! transactions, QUIT. [`PolicyHosts::fetch`] is the fetch of an MTA-STS policy.

mod address;
mod anchors;
mod certificate;
mod command;
mod connect;
mod deadline;
mod dialogue;
pub mod dns;
mod legacy_hello;
mod metered;
mod mta_sts;
mod own;
mod record;
mod reply;
mod session;
mod starttls;
mod transaction;
mod trouble;
mod verify;

use crate::name::{DomainName, HeloName, Mailbox};
use crate::observe::{Cause, Session, SessionKey, Stage, TlsScan, Tlsa, Unseen};
pub use mta_sts::{HttpsReached, PolicyHosts};

use deadline::Clock;
use ipnet::IpNet;
use record::Record;
use rustls::pki_types::CertificateDer;
use session::Call;
use starttls::TlsClient;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use transaction::Tests;

/// What one session is to do beside looking.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name in EHLO; none: the address literal of the socket's own end.
    pub helo: Option<HeloName>,
    /// The only sender beside `<>`; none: the postmaster of the name in EHLO.
    pub mail_from: Option<Mailbox>,
    /// How long the whole session may take, connecting included. A QUIT is said after that, but not waited for.
    pub timeout: Duration,
    /// Tests the null sender, with this domain's postmaster as recipient.
    pub null_sender: Option<DomainName>,
    /// Asks for these domains' postmasters; at most five are, and fewer where the server wants one transaction each.
    pub postmasters: Vec<DomainName>,
    /// Tests whether the server relays.
    pub relay: Option<RelayPlan>,
    /// So many recipients may be refused before no other is asked for.
    pub refusals: usize,
    /// Leaves STARTTLS alone: the second connection that a session with [`Session::owed`] asks for.
    pub plaintext: bool,
    /// TLSA records of usage 2 of the host: the session tells whether the chain leads to what they name.
    pub anchors: Vec<Tlsa>,
    /// Asks the next question of this TLS scan in place of the handshake, and then goes away.
    pub scan: Option<TlsScan>,
}

/// The recipients of a relay test, all outside.
#[derive(Clone, Debug)]
pub struct RelayPlan {
    /// Tried in order while the refusals are about the recipient; may be empty.
    pub recipients: Vec<Mailbox>,
    /// Second recipients, in order; the first of another domain than the accepted one's is asked.
    pub confirmations: Vec<Mailbox>,
}

/// Where sessions may go, and from where.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// May be contacted although not globally routable.
    pub allow_targets: Vec<IpNet>,
    /// Outgoing connections are bound to one of these of their family; none of it: the system chooses.
    pub source_addresses: Vec<IpAddr>,
}

/// Holds sessions. Cheap to clone.
#[derive(Clone)]
pub struct Prober(Arc<Inner>);

struct Inner {
    network: Network,
    tls: TlsClient,
}

/// Why no prober can be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate that is to be a root cannot be one.
    #[error("tls.ca_file: certificate {number} cannot be used as a root")]
    Root {
        /// Which one, counted from 1.
        number: usize,
        /// Why.
        source: webpki::Error,
    },
    /// The TLS library refuses its configuration.
    #[error("tls client cannot be set up")]
    Tls(#[from] rustls::Error),
}

impl Prober {
    /// A prober whose sessions verify against the built-in roots and these (`tls.ca_file`).
    ///
    /// # Errors
    /// When one of the roots is none.
    pub fn new(network: Network, roots: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner { network, tls: TlsClient::new(roots)? })))
    }

    /// Holds one session. `at` is the wall time it begins at, and the time certificates are verified for. When `stop`
    /// becomes true it ends at once, with QUIT where that is allowed; what was not seen by then is `prober_error`.
    pub async fn session(
        &self,
        key: &SessionKey,
        plan: &Plan,
        at: SystemTime,
        stop: watch::Receiver<bool>,
    ) -> Session {
        let mut record = Record::new(Clock::start(plan.timeout, stop));
        let connected = connect::open(key.address, &self.0.network, &mut record).await;
        let connected = connected.and_then(|stream| match stream.local_addr() {
            Ok(local) => Ok((stream, local.ip().to_canonical())),
            Err(error) => Err(Unseen::failed(Stage::Connect, Cause::ProberError, error.to_string())),
        });
        match connected {
            Ok((stream, local)) => {
                session::converse(stream, &Call::new(key, plan, at, &self.0.tls, local), record).await
            }
            Err(unseen) => Tests::behind(plan, &unseen).beside(at, Err(unseen)),
        }
    }

    /// Holds one session over a connection that stands already, a simulated one for instance: all of
    /// [`Self::session`] that lies behind connect. `local` is the address of our own end.
    pub async fn session_over<S>(
        &self,
        stream: S,
        local: IpAddr,
        key: &SessionKey,
        plan: &Plan,
        at: SystemTime,
        stop: watch::Receiver<bool>,
    ) -> Session
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let record = Record::new(Clock::start(plan.timeout, stop));
        session::converse(stream, &Call::new(key, plan, at, &self.0.tls, local), record).await
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
