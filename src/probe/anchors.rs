//! Whether a chain leads to the trust anchors that TLSA records of usage 2 name (RFC 7671 §5.2): certificates sent above
//! the leaf, or certificates and keys that stand in the records themselves.

use super::certificate::{describe, is_certificate};
use super::starttls::CHAIN;
use super::verify::{leads_to, nearest, trouble, unsupported};
use crate::observe::{Anchored, Certificate, ChainTrouble, Tlsa};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, Der, TrustAnchor};
use std::collections::BTreeMap;
use std::time::SystemTime;
use webpki::{EndEntityCert, Error as ChainError};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::certificate::X509Certificate;

/// Anchors that are not sent are tried so many times in all; each may cost a hundred signatures.
const UNSENT: usize = 4;

/// A chain and how it was looked at so far.
pub(super) struct Anchors<'a> {
    algorithms: &'a WebPkiSupportedAlgorithms,
    chain: &'a [CertificateDer<'a>],
    described: &'a [Certificate],
    at: SystemTime,
    sent: BTreeMap<usize, Result<(), ChainTrouble>>,
    unsent: usize,
}

impl<'a> Anchors<'a> {
    /// The chain as sent, and its first certificates described.
    pub(super) fn of(
        algorithms: &'a WebPkiSupportedAlgorithms,
        chain: &'a [CertificateDer<'a>],
        described: &'a [Certificate],
        now: SystemTime,
    ) -> Self {
        let at = chain.first().map_or(now, |leaf| nearest(&describe(leaf), now));
        Self { algorithms, chain, described, at, sent: BTreeMap::new(), unsent: 0 }
    }

    /// What the chain says of a record. Of several certificates that it names, the first that the leaf leads to.
    pub(super) fn look_for(&mut self, record: &Tlsa) -> Anchored {
        let described = self.described.iter().enumerate().take(CHAIN).skip(1);
        let places: Vec<usize> =
            described.filter(|(_, one)| record.is_of(one)).map(|(place, _)| place).collect();
        let mut found = places.into_iter().map(|place| (Some(place), self.at_place(place)));
        let first = found.next();
        let found = match &first {
            Some((_, Err(_))) => found.find(|(_, trust)| trust.is_ok()).or(first),
            _ => first,
        };
        let unsent = || (None, Err(ChainTrouble::UnknownIssuer));
        let (place, trust) = match found {
            None if record.matching == 0 => (None, self.in_record(record)),
            found => found.unwrap_or_else(unsent),
        };
        let Tlsa { selector, matching, sha256, .. } = *record;
        Anchored { selector, matching, sha256, place, trust }
    }

    fn at_place(&mut self, place: usize) -> Result<(), ChainTrouble> {
        if let Some(known) = self.sent.get(&place) {
            return known.clone();
        }
        let trust = match self.chain.get(place) {
            Some(der) => self.up_to(der),
            None => Err(ChainTrouble::UnknownIssuer),
        };
        self.sent.insert(place, trust.clone());
        trust
    }

    /// A certificate or a key that the server need not send, because the record has all of it.
    fn in_record(&mut self, record: &Tlsa) -> Result<(), ChainTrouble> {
        if self.unsent >= UNSENT {
            return Err(ChainTrouble::Unsupported("too many anchors in TLSA records".into()));
        }
        self.unsent += 1;
        let der = CertificateDer::from(&*record.data);
        match record.selector {
            0 if is_certificate(&der) => self.up_to(&der),
            0 => Err(ChainTrouble::UnknownIssuer),
            _ => self.up_to_key(&record.data),
        }
    }

    /// As far up as a certificate, which must be within its own dates.
    fn up_to(&self, der: &CertificateDer<'_>) -> Result<(), ChainTrouble> {
        let anchor = webpki::anchor_from_trusted_cert(der).map_err(|error| self.trouble(&error))?;
        self.verified(&[anchor])?;
        let described = describe(der);
        match described.off_dates(self.at) {
            Some(_) => Err(ChainTrouble::Expired(described.subject)),
            None => Ok(()),
        }
    }

    /// As far up as a key, whoever it is the key of: it is tried under the name of each issuer that was not sent.
    fn up_to_key(&self, key: &[u8]) -> Result<(), ChainTrouble> {
        let issuers =
            self.chain.iter().take(CHAIN).filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1));
        let issuers: Vec<Vec<u8>> =
            issuers.filter_map(|one| value(one.issuer().as_raw()).map(<[u8]>::to_vec)).collect();
        let Some(key) = value(key) else { return Err(ChainTrouble::UnknownIssuer) };
        let anchors = issuers.iter().map(|subject| TrustAnchor {
            subject: Der::from_slice(subject),
            subject_public_key_info: Der::from_slice(key),
            name_constraints: None,
        });
        self.verified(&anchors.collect::<Vec<_>>())
    }

    fn verified(&self, anchors: &[TrustAnchor<'_>]) -> Result<(), ChainTrouble> {
        let Some((leaf, above)) = self.chain.split_first() else { return Err(ChainTrouble::UnknownIssuer) };
        let leaf = EndEntityCert::try_from(leaf).map_err(|error| unsupported(&error))?;
        leads_to(&leaf, above, anchors, self.algorithms, self.at).map_err(|error| self.trouble(&error))
    }

    /// Other libraries take the certificate of an authority for a server's.
    fn trouble(&self, error: &ChainError) -> ChainTrouble {
        match error {
            ChainError::CaUsedAsEndEntity => unsupported(error),
            error => trouble(error, self.chain.get(1..).unwrap_or_default(), self.at),
        }
    }
}

/// What lies inside a sequence.
fn value(der: &[u8]) -> Option<&[u8]> {
    Any::from_der(der).ok().map(|(_, any)| any.data)
}
