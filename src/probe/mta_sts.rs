//! The fetch of an MTA-STS policy (RFC 8461 §3.3): HTTPS with a valid certificate and nothing that a redirect, a proxy or
//! an encoding could change. What is fetched is bounded and read, not judged.

mod get;

use super::dns::Dns;
use super::metered::Metered;
use super::verify::anchors;
use super::{Error, Network, connect, trouble};
use crate::name::{DomainName, MxName};
use crate::observe::{Cause, Fetched, PeerText, Seen, Stage, Unseen};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error as TlsError, RootCertStore};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// One fetch, look-ups included.
const IN_ALL: Duration = Duration::from_secs(15);
/// One address, so that the next one has its turn.
const CONNECT: Duration = Duration::from_secs(4);
/// As many fetches at once.
const AT_ONCE: usize = 64;
/// Policies are served here.
const HTTPS: u16 = 443;
/// How much of an error's own words is kept, in characters.
const QUOTED: usize = 256;

/// Fetches policies. Cheap to clone.
#[derive(Clone)]
pub struct PolicyHosts {
    inner: Arc<Inner>,
    port: u16,
}

struct Inner {
    network: Network,
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    places: Semaphore,
    reached: Arc<HttpsReached>,
}

/// Whether any policy host has ever been connected to from here. Before the first one, a failure to connect says nothing
/// about a host: many machines may send mail and nothing else.
#[derive(Debug, Default)]
pub struct HttpsReached {
    v4: AtomicBool,
    v6: AtomicBool,
}

impl PolicyHosts {
    /// Hosts verified against the built-in roots and these (`tls.ca_file`).
    ///
    /// # Errors
    /// When one of the roots is none.
    pub fn new(
        network: Network,
        roots: &[CertificateDer<'static>],
        reached: Arc<HttpsReached>,
    ) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = anchors(roots).map_err(|(number, source)| Error::Root { number, source })?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(RootCertStore { roots }), provider.clone())
                .build()
                .map_err(|error| TlsError::General(error.to_string()))?;
        let places = Semaphore::new(AT_ONCE);
        let inner = Inner { network, provider, verifier, places, reached };
        Ok(Self { inner: Arc::new(inner), port: HTTPS })
    }

    /// The same, at another port than the only one that senders use: for worlds where that one is not to be had.
    pub fn at_port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Fetches the policy of `domain`. Certificates are verified for `at`.
    pub async fn fetch(&self, dns: &Dns, domain: &DomainName, at: SystemTime) -> Seen<Fetched> {
        let _place = self.inner.places.acquire().await;
        match timeout(IN_ALL, self.exchange(dns, domain, at)).await {
            Ok(seen) => seen,
            Err(_) => Err(failed(Cause::Timeout, format!("not done within {IN_ALL:?}"))),
        }
    }

    async fn exchange(&self, dns: &Dns, domain: &DomainName, at: SystemTime) -> Seen<Fetched> {
        let name = format!("mta-sts.{domain}");
        let host =
            MxName::parse(&name).map_err(|_| failed(Cause::Rejected, format!("{name} is too long")))?;
        let server = ServerName::try_from(host.as_str().to_owned());
        let server = server.map_err(|_| failed(Cause::Rejected, format!("{name} is no host name")))?;
        let stream = self.connect(addresses(dns, &host).await?).await?;
        match self.encrypt(stream, server, at).await {
            Ok(stream) => get::policy(stream, &host).await,
            Err(error) => refused(&error),
        }
    }

    /// The first address that takes a connection, IPv4 before IPv6.
    async fn connect(&self, addresses: Vec<IpAddr>) -> Seen<TcpStream> {
        let mut troubles = Vec::new();
        for address in addresses {
            let target = SocketAddr::new(address, self.port);
            match connect::within(CONNECT, Stage::Fetch, target, &self.inner.network).await {
                Ok(stream) => {
                    self.inner.reached.of(address).store(true, Ordering::Relaxed);
                    return Ok(stream);
                }
                Err(unseen) => troubles.push(self.unless_ours(address, unseen)),
            }
        }
        let worst = troubles.into_iter().max_by_key(|unseen| match unseen.cause() {
            Cause::NotPublic => 0,
            Cause::VantageBlocked | Cause::ProberError => 1,
            _ => 2,
        });
        Err(worst.unwrap_or_else(|| failed(Cause::Rejected, "no address".to_owned())))
    }

    fn unless_ours(&self, address: IpAddr, unseen: Unseen) -> Unseen {
        if !unseen.cause().needs_second_look() || self.inner.reached.of(address).load(Ordering::Relaxed) {
            return unseen;
        }
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        let detail = &unseen.trouble().detail;
        let detail = format!("no policy host was reached over {family} so far; {detail}");
        failed(Cause::VantageBlocked, detail)
    }

    async fn encrypt(
        &self,
        stream: TcpStream,
        server: ServerName<'static>,
        at: SystemTime,
    ) -> io::Result<TlsStream<Metered<TcpStream>>> {
        let Inner { provider, verifier, .. } = &*self.inner;
        let mut config = ClientConfig::builder_with_details(provider.clone(), Arc::new(Today(at)))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_webpki_verifier(verifier.clone())
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config)).connect(server, Metered::new(stream)).await
    }
}

impl HttpsReached {
    fn of(&self, address: IpAddr) -> &AtomicBool {
        if address.is_ipv4() { &self.v4 } else { &self.v6 }
    }
}

/// The time that certificates are verified for.
#[derive(Debug)]
struct Today(SystemTime);

impl TimeProvider for Today {
    fn current_time(&self) -> Option<UnixTime> {
        self.0.duration_since(SystemTime::UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

async fn addresses(dns: &Dns, host: &MxName) -> Seen<Vec<IpAddr>> {
    let found = dns.host(host).await;
    let addresses = found.addresses().map_err(|unseen| {
        failed(unseen.cause(), format!("addresses of {host}: {}", unseen.trouble().detail))
    })?;
    if addresses.is_empty() {
        return Err(failed(Cause::Rejected, format!("{host} has no address: {}", found.a.outcome.as_str())));
    }
    Ok(addresses)
}

/// What a failed handshake says. A host without a valid certificate serves no policy, nor does one without TLS 1.2.
fn refused(error: &io::Error) -> Seen<Fetched> {
    let tls = trouble::tls_error(error);
    match tls {
        Some(TlsError::InvalidCertificate(why)) if !is_beyond_library(why) => {
            let words: String = why.to_string().chars().take(QUOTED).collect();
            Ok(Fetched::BadCertificate(PeerText::from(words.as_str())))
        }
        Some(TlsError::AlertReceived(AlertDescription::ProtocolVersion) | TlsError::PeerIncompatible(_)) => {
            Err(failed(Cause::ProtocolError, "the host does not speak TLS 1.2 or newer".to_owned()))
        }
        _ => Err(trouble::of_io(Stage::Fetch, error)),
    }
}

fn is_beyond_library(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
    )
}

fn failed(cause: Cause, detail: String) -> Unseen {
    Unseen::failed(Stage::Fetch, cause, detail)
}
