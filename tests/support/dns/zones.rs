//! Zone text to answers: parsing, delegations between the zones at hand, signatures.
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::dnssec::crypto::{EcdsaSigningKey, Ed25519SigningKey};
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, RRSIG};
use hickory_proto::dnssec::{Algorithm, DigestType, DnssecSigner, PublicKeyBuf, SigningKey};
use hickory_proto::rr::rdata::NS;
use hickory_proto::rr::{DNSClass, LowerName, Name, RData, Record, RecordSet, RecordType};
use hickory_proto::serialize::txt::Parser;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_server::dnssec::NxProofKind;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType};
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::traps;

const ALGORITHM: Algorithm = Algorithm::ECDSAP256SHA256;
const TTL: u32 = 60;
const A_DAY: Duration = Duration::from_secs(86_400);

/// A zone as text, with its key if it is signed.
pub(super) struct Zone {
    origin: Name,
    records: String,
    security: Security,
}

enum Security {
    Unsigned,
    Signed { keys: Vec<Key>, proof: NxProofKind, flaw: Option<Flaw> },
}

/// What is wrong with the signatures of a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flaw {
    /// They expired in 2020.
    Expired,
    /// So many keys have one tag, and everything has as many signatures that could be by any of them.
    ManyKeys(usize),
    /// The keys have so many signatures, none of which fits.
    ManySignatures(usize),
    /// There are none.
    Missing,
    /// A bit of each is turned.
    Spoilt,
    /// The zone above vouches for another key.
    WrongKey,
}

/// A zone's key.
enum Key {
    Ecdsa(PrivatePkcs8KeyDer<'static>),
    Ed25519(PrivatePkcs8KeyDer<'static>),
}

impl Key {
    fn ecdsa() -> Self {
        Self::Ecdsa(EcdsaSigningKey::generate_pkcs8(ALGORITHM).unwrap())
    }

    fn ed25519() -> Self {
        Self::Ed25519(Ed25519SigningKey::generate_pkcs8().unwrap())
    }

    fn signing(&self) -> Box<dyn SigningKey> {
        match self {
            Self::Ecdsa(key) => Box::new(EcdsaSigningKey::from_pkcs8(key, ALGORITHM).unwrap()),
            Self::Ed25519(key) => Box::new(Ed25519SigningKey::from_pkcs8(key).unwrap()),
        }
    }

    fn public(&self) -> PublicKeyBuf {
        self.signing().to_public_key().unwrap()
    }

    fn signer(&self, origin: &Name) -> DnssecSigner {
        DnssecSigner::new(DNSKEY::from_key(&self.public()), self.signing(), origin.clone(), A_DAY)
    }
}

impl Zone {
    pub(super) fn unsigned(origin: &str, records: &str) -> Self {
        Self::of(origin, records, Security::Unsigned)
    }

    pub(super) fn signed(origin: &str, records: &str) -> Self {
        Self::denied_by(origin, records, NxProofKind::Nsec)
    }

    /// Signed, with denials of that kind.
    pub(super) fn denied_by(origin: &str, records: &str, proof: NxProofKind) -> Self {
        Self::of(origin, records, Security::Signed { keys: vec![Key::ecdsa()], proof, flaw: None })
    }

    /// Signed with keys of two algorithms.
    pub(super) fn signed_twice(origin: &str, records: &str) -> Self {
        let keys = vec![Key::ecdsa(), Key::ed25519()];
        Self::of(origin, records, Security::Signed { keys, proof: NxProofKind::Nsec, flaw: None })
    }

    pub(super) fn flawed(origin: &str, records: &str, flaw: Flaw) -> Self {
        let (keys, proof) = (vec![Key::ecdsa()], NxProofKind::Nsec);
        Self::of(origin, records, Security::Signed { keys, proof, flaw: Some(flaw) })
    }

    fn of(origin: &str, records: &str, security: Security) -> Self {
        let origin = Name::from_str(origin).unwrap();
        assert!(origin.is_fqdn(), "{origin} ends with a dot");
        Self { origin, records: records.to_owned(), security }
    }

    fn keys(&self) -> &[Key] {
        match &self.security {
            Security::Unsigned => &[],
            Security::Signed { keys, .. } => keys,
        }
    }

    fn handler(&self, delegations: Vec<Record>) -> InMemoryZoneHandler<TokioRuntimeProvider> {
        let text = format!(
            "$TTL {TTL}\n@ IN SOA ns hostmaster 1 {TTL} {TTL} {TTL} {TTL}\n@ IN NS ns\n{}\n",
            self.records
        );
        let parser = Parser::new(text.as_str(), None, Some(self.origin.clone()));
        let (origin, sets) = parser.parse().unwrap_or_else(|error| panic!("{error} in the zone\n{text}"));
        let proofs = match &self.security {
            Security::Unsigned => None,
            Security::Signed { proof, .. } => Some(proof.clone()),
        };
        let mut handler =
            InMemoryZoneHandler::new(origin, sets, ZoneType::Primary, AxfrPolicy::Deny, proofs).unwrap();
        for record in delegations {
            handler.upsert_mut(record, 1);
        }
        self.sign(&mut handler);
        handler
    }

    fn sign(&self, handler: &mut InMemoryZoneHandler<TokioRuntimeProvider>) {
        let Security::Signed { keys, flaw, .. } = &self.security else { return };
        for key in keys {
            handler.add_zone_signing_key_mut(key.signer(&self.origin)).unwrap();
        }
        for key in traps::keys(*flaw, &self.origin) {
            handler.upsert_mut(key, 1);
        }
        handler.secure_zone_mut().unwrap();
        if let Some(flaw) = flaw {
            handler.records_get_mut().values_mut().for_each(|set| traps::smother(set, *flaw));
        }
        let sets = handler.records_get_mut().values_mut();
        for set in sets.filter(|set| set.record_type() != RecordType::DNSKEY).map(Arc::make_mut) {
            match flaw {
                Some(Flaw::Expired) => expire(set, &keys[0].signer(&self.origin)),
                Some(Flaw::Missing) => set.set_rrsigs(vec![]),
                Some(Flaw::Spoilt) => spoil(set),
                Some(Flaw::ManyKeys(_) | Flaw::ManySignatures(_) | Flaw::WrongKey) | None => {}
            }
        }
    }

    /// What the zone above says of this one.
    fn delegation(&self) -> Vec<Record> {
        let ns = Name::from_str("ns").unwrap().append_domain(&self.origin).unwrap();
        let other = Key::ecdsa();
        let vouched_for = match &self.security {
            Security::Signed { flaw: Some(Flaw::WrongKey), .. } => std::slice::from_ref(&other),
            _ => self.keys(),
        };
        let ds = vouched_for.iter().map(|key| DS::from_key(&key.public(), &self.origin, DigestType::SHA256));
        let ds = ds.map(|ds| RData::DNSSEC(DNSSECRData::DS(ds.unwrap())));
        let data = std::iter::once(RData::NS(NS(ns))).chain(ds);
        data.map(|data| Record::from_rdata(self.origin.clone(), TTL, data)).collect()
    }
}

/// Adds the root, signed where there is something to anchor.
pub(super) fn complete(zones: &mut Vec<Zone>) {
    if zones.iter().any(|zone| zone.origin.is_root()) {
        return;
    }
    let is_signed = zones.iter().any(|zone| !zone.keys().is_empty());
    zones.push(if is_signed { Zone::signed(".", "") } else { Zone::unsigned(".", "") });
}

/// The root's key as a line of zone text.
pub(super) fn trust_anchor(zones: &[Zone]) -> Option<String> {
    let key = zones.iter().find(|zone| zone.origin.is_root())?.keys().first()?.public();
    Some(format!(". {TTL} IN DNSKEY {}\n", DNSKEY::from_key(&key)))
}

pub(super) fn change(zones: &mut [Zone], origin: &str, records: &str) {
    let origin = Name::from_str(origin).unwrap();
    let zone = zones.iter_mut().find(|zone| zone.origin == origin);
    zone.unwrap_or_else(|| panic!("no zone {origin}")).records = records.to_owned();
}

/// Who answers what.
pub(super) struct Catalogs {
    all: Catalog,
    /// By the top of a zone, the zone above it: DS stands there.
    parents: HashMap<LowerName, Catalog>,
}

impl Catalogs {
    pub(super) fn of(zones: &[Zone]) -> Self {
        let mut all = Catalog::new();
        let mut parents = HashMap::new();
        for zone in zones {
            let children = zones.iter().filter(|child| parent_of(child, zones) == Some(&zone.origin));
            let delegations = children.clone().flat_map(Zone::delegation).collect();
            let handler: Arc<dyn ZoneHandler> = Arc::new(zone.handler(delegations));
            for child in children {
                let mut parent = Catalog::new();
                parent.upsert(zone.origin.clone().into(), vec![Arc::clone(&handler)]);
                parents.insert(child.origin.clone().into(), parent);
            }
            all.upsert(zone.origin.clone().into(), vec![handler]);
        }
        Self { all, parents }
    }

    pub(super) fn for_question(&self, name: &LowerName, kind: RecordType) -> &Catalog {
        let parent = if kind == RecordType::DS { self.parents.get(name) } else { None };
        parent.unwrap_or(&self.all)
    }
}

fn parent_of<'z>(child: &Zone, zones: &'z [Zone]) -> Option<&'z Name> {
    let above = zones.iter().map(|zone| &zone.origin);
    above
        .filter(|origin| **origin != child.origin && origin.zone_of(&child.origin))
        .max_by_key(|origin| origin.num_labels())
}

/// Replaces each signature by one of 2020.
fn expire(set: &mut RecordSet, signer: &DnssecSigner) {
    let mut signatures = set.rrsigs().to_vec();
    let old = RRSIG::from_rrset(set, DNSClass::IN, rcgen::date_time_ymd(2020, 1, 1), signer).unwrap();
    for record in &mut signatures {
        record.data = RData::DNSSEC(DNSSECRData::RRSIG(old.clone()));
    }
    set.set_rrsigs(signatures);
}

/// Turns one bit of each signature.
fn spoil(set: &mut RecordSet) {
    let mut signatures = set.rrsigs().to_vec();
    for record in &mut signatures {
        let RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) = &record.data else { continue };
        let mut octets = rrsig.sig().to_vec();
        octets[0] ^= 1;
        record.data = RData::DNSSEC(DNSSECRData::RRSIG(RRSIG::from_sig(rrsig.input().clone(), octets)));
    }
    set.set_rrsigs(signatures);
}
