//! Throw-away certificate authorities and the certificates of mail servers, sound or broken on purpose.
//!
//! ```ignore
//! let ca = Ca::new();
//! let sound = ca.leaf("mx.example.test").issue();
//! let expired = ca.leaf("mx.example.test").valid_days(-90, -1).issue();
//! ```
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// What rustls can speak, for [`Identity::server_config`].
pub const ALL_VERSIONS: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// A certificate authority that lives as long as the test.
pub struct Ca {
    root: CertifiedIssuer<'static, KeyPair>,
    name: String,
    now: SystemTime,
}

impl Ca {
    /// An authority of a name of its own, whose idea of *now* is the wall clock.
    #[expect(clippy::disallowed_methods, reason = "certificates are judged by the wall clock")]
    pub fn new() -> Self {
        Self::at(SystemTime::now())
    }

    /// An authority whose idea of *now* is `now`; all validity is relative to it.
    pub fn at(now: SystemTime) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        Self::called(&format!("Throw-away CA {}", COUNT.fetch_add(1, Ordering::Relaxed)), now)
    }

    /// Another authority with the same name and another key: its signatures are forgeries.
    pub fn impostor(&self) -> Self {
        Self::called(&self.name, self.now)
    }

    /// The root certificate in PEM, as `tls.ca_file` takes it.
    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// The root certificate in DER.
    pub fn der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// A store that trusts this authority only.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).unwrap();
        roots
    }

    /// Begins a server's certificate: this name, P-256, valid from 30 days ago for 90 days, signed by the root.
    pub fn leaf(&self, name: &str) -> Leaf<'_> {
        Leaf {
            ca: self,
            common_name: name.to_owned(),
            names: vec![name.to_owned()],
            days: (-30, 60),
            key: Key::P256,
            signer: Signer::Root,
        }
    }

    fn called(name: &str, now: SystemTime) -> Self {
        let key = KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(authority(name, now, (-3650, 3650)), key).unwrap();
        Self { root, name: name.to_owned(), now }
    }
}

/// The kind of key a certificate is made for.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    Ed25519,
    P256,
    P384,
    P521,
    /// One key for the whole process, because making it takes long.
    Rsa2048,
}

impl Key {
    fn pair(self) -> KeyPair {
        let algorithm = match self {
            Self::Ed25519 => &rcgen::PKCS_ED25519,
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            Self::Rsa2048 => return shared_rsa_key(),
        };
        KeyPair::generate_for(algorithm).unwrap()
    }
}

/// A server's certificate that is still being described; [`Leaf::issue`] makes it.
#[must_use]
pub struct Leaf<'ca> {
    ca: &'ca Ca,
    common_name: String,
    names: Vec<String>,
    days: (i64, i64),
    key: Key,
    signer: Signer,
}

enum Signer {
    Itself,
    Root,
    Intermediate { sent: bool, days: (i64, i64) },
}

impl Leaf<'_> {
    /// One more subject alternative name: a host name, a wildcard or an address.
    pub fn and_name(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// No subject alternative name at all: the name stands in the subject's CN only.
    pub fn common_name_only(mut self) -> Self {
        self.names.clear();
        self
    }

    /// Valid from and until, in days relative to now: `(-90, -1)` expired yesterday.
    pub fn valid_days(mut self, from: i64, until: i64) -> Self {
        self.days = (from, until);
        self
    }

    /// Made for a key of this kind.
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// Signed by its own key instead of the authority's.
    pub fn self_signed(mut self) -> Self {
        self.signer = Signer::Itself;
        self
    }

    /// Signed by an intermediate authority, which the server sends along.
    pub fn by_intermediate(mut self) -> Self {
        self.signer = Signer::Intermediate { sent: true, days: (-365, 365) };
        self
    }

    /// Signed by an intermediate authority, which the server forgets to send.
    pub fn by_missing_intermediate(mut self) -> Self {
        self.signer = Signer::Intermediate { sent: false, days: (-365, 365) };
        self
    }

    /// Signed by an intermediate authority that expired yesterday.
    pub fn by_expired_intermediate(mut self) -> Self {
        self.signer = Signer::Intermediate { sent: true, days: (-365, -1) };
        self
    }

    /// Makes the key and the certificate.
    pub fn issue(self) -> Identity {
        let key = self.key.pair();
        let params = self.params();
        let chain = match &self.signer {
            Signer::Itself => vec![params.self_signed(&key).unwrap().into()],
            Signer::Root => vec![params.signed_by(&key, &self.ca.root).unwrap().into()],
            Signer::Intermediate { sent, days } => {
                let intermediate = self.intermediate(*days);
                let leaf = params.signed_by(&key, &intermediate).unwrap().into();
                if *sent { vec![leaf, intermediate.der().clone()] } else { vec![leaf] }
            }
        };
        Identity { chain, key: Arc::new(PrivatePkcs8KeyDer::from(key.serialize_der()).into()) }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        validity(&mut params, self.ca.now, self.days);
        params.distinguished_name = distinguished_name(&self.common_name);
        params.subject_alt_names = self.names.iter().map(|name| alternative_name(name)).collect();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params
    }

    fn intermediate(&self, days: (i64, i64)) -> CertifiedIssuer<'static, KeyPair> {
        let params = authority(&format!("{} intermediate", self.ca.name), self.ca.now, days);
        CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.ca.root).unwrap()
    }
}

/// What a server shows: the chain, leaf first, and the leaf's key.
#[derive(Clone)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Arc<PrivateKeyDer<'static>>,
}

impl Identity {
    /// A server that shows this chain and speaks these versions ([`ALL_VERSIONS`], or `&[&TLS12]` …).
    pub fn server_config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let config = builder(versions).with_no_client_auth();
        Arc::new(config.with_single_cert(self.chain.clone(), self.key.clone_key()).unwrap())
    }

    /// The same, for a server that talks only to clients with a certificate of `ca`.
    pub fn demanding_a_client_certificate(
        &self,
        ca: &Ca,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(ca.roots()), provider).build();
        let config = builder(versions).with_client_cert_verifier(verifier.unwrap());
        Arc::new(config.with_single_cert(self.chain.clone(), self.key.clone_key()).unwrap())
    }

    /// The same, for a server that asks its clients for one and lives without.
    pub fn asking_for_a_client_certificate(
        &self,
        ca: &Ca,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(ca.roots()), provider);
        let verifier = verifier.allow_unauthenticated().build().unwrap();
        let config = builder(versions).with_client_cert_verifier(verifier);
        Arc::new(config.with_single_cert(self.chain.clone(), self.key.clone_key()).unwrap())
    }
}

fn builder(
    versions: &[&'static SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap()
}

fn authority(name: &str, now: SystemTime, days: (i64, i64)) -> CertificateParams {
    let mut params = CertificateParams::default();
    validity(&mut params, now, days);
    params.distinguished_name = distinguished_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

fn distinguished_name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn alternative_name(name: &str) -> SanType {
    match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }
}

fn validity(params: &mut CertificateParams, now: SystemTime, (from, until): (i64, i64)) {
    let today = now.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = |days: i64| today.as_secs().checked_add_signed(days * 86_400).unwrap();
    params.not_before = epoch + Duration::from_secs(seconds(from));
    params.not_after = epoch + Duration::from_secs(seconds(until));
}

fn shared_rsa_key() -> KeyPair {
    static DER: OnceLock<Vec<u8>> = OnceLock::new();
    let algorithm = &rcgen::PKCS_RSA_SHA256;
    let der = DER.get_or_init(|| KeyPair::generate_for(algorithm).unwrap().serialize_der());
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der.as_slice()), algorithm).unwrap()
}
