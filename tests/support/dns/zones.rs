//! Zone text to answers: parsing, delegations between the zones at hand, signatures.
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::dnssec::crypto::EcdsaSigningKey;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, RRSIG};
use hickory_proto::dnssec::{Algorithm, DigestType, DnssecSigner, PublicKeyBuf, SigningKey};
use hickory_proto::rr::rdata::NS;
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordSet, RecordType};
use hickory_proto::serialize::txt::Parser;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_server::dnssec::NxProofKind;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType};
use rustls::pki_types::PrivatePkcs8KeyDer;

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
    Signed(PrivatePkcs8KeyDer<'static>),
    /// With signatures that are none.
    Bogus(PrivatePkcs8KeyDer<'static>),
}

impl Zone {
    pub(super) fn unsigned(origin: &str, records: &str) -> Self {
        Self::of(origin, records, Security::Unsigned)
    }

    pub(super) fn signed(origin: &str, records: &str) -> Self {
        Self::of(origin, records, Security::Signed(EcdsaSigningKey::generate_pkcs8(ALGORITHM).unwrap()))
    }

    pub(super) fn bogus(origin: &str, records: &str) -> Self {
        Self::of(origin, records, Security::Bogus(EcdsaSigningKey::generate_pkcs8(ALGORITHM).unwrap()))
    }

    fn of(origin: &str, records: &str, security: Security) -> Self {
        let origin = Name::from_str(origin).unwrap();
        assert!(origin.is_fqdn(), "{origin} ends with a dot");
        Self { origin, records: records.to_owned(), security }
    }

    fn key(&self) -> Option<EcdsaSigningKey> {
        match &self.security {
            Security::Unsigned => None,
            Security::Signed(key) | Security::Bogus(key) => {
                Some(EcdsaSigningKey::from_pkcs8(key, ALGORITHM).unwrap())
            }
        }
    }

    fn public_key(&self) -> Option<PublicKeyBuf> {
        self.key().map(|key| key.to_public_key().unwrap())
    }

    fn handler(&self, delegations: Vec<Record>) -> InMemoryZoneHandler<TokioRuntimeProvider> {
        let text = format!(
            "$TTL {TTL}\n@ IN SOA ns hostmaster 1 {TTL} {TTL} {TTL} {TTL}\n@ IN NS ns\n{}\n",
            self.records
        );
        let parser = Parser::new(text.as_str(), None, Some(self.origin.clone()));
        let (origin, sets) = parser.parse().unwrap_or_else(|error| panic!("{error} in the zone\n{text}"));
        let proofs = self.key().map(|_| NxProofKind::Nsec);
        let mut handler =
            InMemoryZoneHandler::new(origin, sets, ZoneType::Primary, AxfrPolicy::Deny, proofs).unwrap();
        for record in delegations {
            handler.upsert_mut(record, 1);
        }
        self.sign(&mut handler);
        handler
    }

    fn sign(&self, handler: &mut InMemoryZoneHandler<TokioRuntimeProvider>) {
        let Some(key) = self.key() else { return };
        let dnskey = DNSKEY::from_key(&key.to_public_key().unwrap());
        let signer = DnssecSigner::new(dnskey, Box::new(key), self.origin.clone(), A_DAY);
        handler.add_zone_signing_key_mut(signer).unwrap();
        handler.secure_zone_mut().unwrap();
        if let Security::Bogus(_) = self.security {
            let sets = handler.records_get_mut().values_mut();
            sets.filter(|set| set.record_type() != RecordType::DNSKEY)
                .for_each(|set| spoil(Arc::make_mut(set)));
        }
    }

    /// What the zone above says of this one.
    fn delegation(&self) -> Vec<Record> {
        let ns = Name::from_str("ns").unwrap().append_domain(&self.origin).unwrap();
        let ds = self.public_key().map(|key| DS::from_key(&key, &self.origin, DigestType::SHA256).unwrap());
        let ds = ds.map(|ds| RData::DNSSEC(DNSSECRData::DS(ds)));
        let data = [Some(RData::NS(NS(ns))), ds].into_iter().flatten();
        data.map(|data| Record::from_rdata(self.origin.clone(), TTL, data)).collect()
    }
}

/// Adds the root, signed where there is something to anchor.
pub(super) fn complete(zones: &mut Vec<Zone>) {
    if zones.iter().any(|zone| zone.origin.is_root()) {
        return;
    }
    let is_signed = zones.iter().any(|zone| zone.key().is_some());
    zones.push(if is_signed { Zone::signed(".", "") } else { Zone::unsigned(".", "") });
}

/// The root's key as a line of zone text.
pub(super) fn trust_anchor(zones: &[Zone]) -> Option<String> {
    let key = zones.iter().find(|zone| zone.origin.is_root())?.public_key()?;
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
