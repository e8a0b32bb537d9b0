//! Throw-away certificates and servers that show them.
//!
//! What rcgen cannot make lies in `certificates/`, made by OpenSSL 3.0: `openssl req -new -x509 -nodes -subj
//! /CN=mx.test -addext subjectAltName=DNS:mx.test -days 3650 -outform DER`, each with the key and digest that its name
//! tells; `version1` by `openssl x509 -req`.

use super::peer::now;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, SanType,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    RootCertStore, ServerConfig, SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion, WantsVerifier,
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

pub(super) type Versions = &'static [&'static SupportedProtocolVersion];
pub(super) const BOTH: Versions = &[&TLS12, &TLS13];
pub(super) const ONLY_12: Versions = &[&TLS12];
pub(super) const ONLY_13: Versions = &[&TLS13];

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate in the making: name, names, days from and until, relative to the day of all tests.
pub(super) struct Leaf {
    pub(super) names: Vec<&'static str>,
    pub(super) days: (i64, i64),
    pub(super) key: KeyPair,
    pub(super) is_ca: bool,
}

/// A chain, leaf first, and the leaf's key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: KeyPair,
}

pub(super) fn leaf() -> Leaf {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    Leaf { names: vec!["mx.test"], days: (-10, 80), key, is_ca: false }
}

pub(super) fn authority(name: &str, days: (i64, i64)) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name, days), KeyPair::generate().unwrap()).unwrap()
}

pub(super) fn intermediate(of: &Authority, days: (i64, i64)) -> Authority {
    let params = authority_params("Intermediate", days);
    CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), of).unwrap()
}

impl Leaf {
    pub(super) fn signed_by(self, authority: &Authority) -> Identity {
        let der = self.params().signed_by(&self.key, authority).unwrap();
        Identity { chain: vec![der.into()], key: self.key }
    }

    pub(super) fn self_signed(self) -> Identity {
        let der = self.params().self_signed(&self.key).unwrap();
        Identity { chain: vec![der.into()], key: self.key }
    }

    fn params(&self) -> CertificateParams {
        let mut params = params("mx.test", self.days);
        params.subject_alt_names = self.names.iter().map(|name| alternative(name)).collect();
        if self.is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }
}

impl Identity {
    pub(super) fn and(mut self, more: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.chain.extend(more);
        self
    }

    pub(super) fn server(self, versions: Versions) -> Arc<ServerConfig> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        Arc::new(builder(versions).with_no_client_auth().with_single_cert(self.chain, key.into()).unwrap())
    }

    /// A server that asks for a certificate of its client, and may live without one.
    pub(super) fn server_asking(
        self,
        authority: &Authority,
        must: bool,
        versions: Versions,
    ) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = if must { verifier } else { verifier.allow_unauthenticated() };
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let builder = builder(versions).with_client_cert_verifier(verifier.build().unwrap());
        Arc::new(builder.with_single_cert(self.chain, key.into()).unwrap())
    }
}

/// A server that shows any octets as its certificate, signs with nonsense, and remembers the name it was asked for.
#[derive(Debug)]
pub(super) struct Impostor {
    chain: Vec<CertificateDer<'static>>,
    algorithm: SignatureAlgorithm,
    scheme: SignatureScheme,
    pub(super) asked_for: Mutex<Option<String>>,
}

impl Impostor {
    pub(super) fn of(der: &[u8], scheme: SignatureScheme) -> Arc<Self> {
        let algorithm = match scheme {
            SignatureScheme::ECDSA_NISTP256_SHA256 => SignatureAlgorithm::ECDSA,
            _ => SignatureAlgorithm::RSA,
        };
        let chain = vec![CertificateDer::from(der.to_vec())];
        Arc::new(Self { chain, algorithm, scheme, asked_for: Mutex::new(None) })
    }

    pub(super) fn server(self: &Arc<Self>, versions: Versions) -> Arc<ServerConfig> {
        Arc::new(builder(versions).with_no_client_auth().with_cert_resolver(self.clone()))
    }
}

impl ResolvesServerCert for Impostor {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        *self.asked_for.lock().unwrap() = hello.server_name().map(str::to_owned);
        let key = Nonsense { algorithm: self.algorithm, scheme: self.scheme };
        Some(Arc::new(CertifiedKey::new(self.chain.clone(), Arc::new(key))))
    }
}

#[derive(Clone, Debug)]
struct Nonsense {
    algorithm: SignatureAlgorithm,
    scheme: SignatureScheme,
}

impl SigningKey for Nonsense {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(self.clone()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
}

impl Signer for Nonsense {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![7; 128])
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

fn builder(versions: Versions) -> rustls::ConfigBuilder<ServerConfig, WantsVerifier> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap()
}

fn authority_params(name: &str, days: (i64, i64)) -> CertificateParams {
    let mut params = params(name, days);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn params(name: &str, (from, until): (i64, i64)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let today = now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let day = |days: i64| {
        rcgen::date_time_ymd(1970, 1, 1)
            + Duration::from_secs(today.checked_add_signed(days * 86_400).unwrap())
    };
    (params.not_before, params.not_after) = (day(from), day(until));
    params
}

fn alternative(name: &str) -> SanType {
    match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }
}
