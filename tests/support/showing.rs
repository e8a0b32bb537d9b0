//! TLS servers that show certificates which no honest one has: any octets, any chain, any signature.
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{ServerConfig, SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion};

use super::tls::Identity;

/// A server that shows these octets as its chain and signs nonsense by this scheme.
pub fn nonsense(
    chain: &[&[u8]],
    scheme: SignatureScheme,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let algorithm = match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 => SignatureAlgorithm::ECDSA,
        _ => SignatureAlgorithm::RSA,
    };
    let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    showing(CertifiedKey::new(chain, Arc::new(Nonsense { algorithm, scheme })), versions)
}

impl Identity {
    /// A server that shows another chain than its own, with its own key.
    pub fn showing(
        &self,
        chain: Vec<CertificateDer<'static>>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        showing(CertifiedKey::new(chain, self.signing_key()), versions)
    }

    /// A server that staples these octets as its OCSP response.
    pub fn stapling(
        &self,
        response: &[u8],
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let key = CertifiedKey::new(self.chain.clone(), self.signing_key());
        showing(CertifiedKey { ocsp: Some(response.to_vec()), ..key }, versions)
    }

    fn signing_key(&self) -> Arc<dyn SigningKey> {
        aws_lc_rs::sign::any_supported_type(&self.key).unwrap()
    }
}

fn showing(key: CertifiedKey, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(versions).unwrap().with_no_client_auth();
    Arc::new(builder.with_cert_resolver(Arc::new(Always(Arc::new(key)))))
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
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
