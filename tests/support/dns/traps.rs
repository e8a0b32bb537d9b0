//! Zones that cost whoever validates them: keys of one tag (KeyTrap, CVE-2023-50387), and signatures without end.
use std::sync::Arc;

use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_proto::dnssec::{Algorithm, PublicKeyBuf};
use hickory_proto::rr::{Name, RData, Record, RecordSet, RecordType, SerialNumber};

use super::zones::Flaw;

/// Octets of a number that costs to reckon with: a hundred of them fill a message.
const MODULUS: usize = 512;
const TAG: u16 = 4_711;
const TTL: u32 = 60;

/// The keys of a zone that are nobody's, all with one tag: random numbers, to each of which a signature is compared in
/// earnest.
pub(super) fn keys(flaw: Option<Flaw>, origin: &Name) -> Vec<Record> {
    let count = match flaw {
        Some(Flaw::ManyKeys(count)) => count,
        Some(Flaw::ManySignatures(_)) => 1, // which nothing but a signature could vouch for
        _ => 0,
    };
    let keys = (0..).filter_map(tagged).take(count);
    keys.map(|key| Record::from_rdata(origin.clone(), TTL, RData::from(key))).collect()
}

/// Replaces the signatures of a set by many that do not fit.
pub(super) fn smother(set: &mut Arc<RecordSet>, flaw: Flaw) {
    let is_of_keys = set.record_type() == RecordType::DNSKEY;
    match flaw {
        Flaw::ManyKeys(count) if !is_of_keys => replace(Arc::make_mut(set), count, by_nobody),
        Flaw::ManySignatures(count) if is_of_keys => replace(Arc::make_mut(set), count, spoilt),
        _ => {}
    }
}

fn replace(set: &mut RecordSet, count: usize, make: impl Fn(&RRSIG, u64) -> RRSIG) {
    let Some(model) = set.rrsigs().first().cloned() else { return };
    let RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) = &model.data else { return };
    let made = (0..count as u64).map(|n| RData::DNSSEC(DNSSECRData::RRSIG(make(rrsig, n))));
    set.set_rrsigs(made.map(|data| Record::from_rdata(model.name.clone(), TTL, data)).collect());
}

/// By the keys that are nobody's.
fn by_nobody(model: &RRSIG, n: u64) -> RRSIG {
    let input = SigInput { algorithm: Algorithm::RSASHA256, key_tag: TAG, ..model.input().clone() };
    let mut octets = noise(n, MODULUS);
    octets[0] = 0x40; // less than every modulus
    RRSIG::from_sig(input, octets)
}

/// By the zone's own key, each another one.
fn spoilt(model: &RRSIG, n: u64) -> RRSIG {
    let expiration = SerialNumber::new(model.input().sig_expiration.get().wrapping_sub(n as u32 % 1_000));
    let mut octets = noise(n, model.sig().len());
    let half = octets.len() / 2;
    (octets[0], octets[half]) = (0x40, 0x40); // both numbers less than the group's order
    RRSIG::from_sig(SigInput { sig_expiration: expiration, ..model.input().clone() }, octets)
}

/// An RSA key with the one tag, made of noise; not every noise can have it.
fn tagged(seed: u64) -> Option<DNSKEY> {
    let mut octets = [vec![3, 1, 0, 1], noise(seed, MODULUS)].concat();
    octets[4] |= 0x80;
    *octets.last_mut()? |= 1;
    let key = |word: u16| {
        let mut octets = octets.clone();
        octets[100..102].copy_from_slice(&word.to_be_bytes());
        DNSKEY::from_key(&PublicKeyBuf::new(octets, Algorithm::RSASHA256))
    };
    let missing = TAG.wrapping_sub(key(0).calculate_key_tag().ok()?);
    let words = [missing, missing.wrapping_sub(1)];
    words.into_iter().map(key).find(|key| key.calculate_key_tag().is_ok_and(|tag| tag == TAG))
}

/// Octets that look like chance and are always the same (splitmix64).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x1_0000);
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_be_bytes()
    });
    words.flatten().take(length).collect()
}
