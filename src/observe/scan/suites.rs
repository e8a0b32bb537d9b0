//! Cipher suites that a scan offers, by their IANA numbers and names, and how they stand in the guideline of NCSC-NL.
//!
//! The classes are those of appendix B of the "ICT-beveiligingsrichtlijnen voor Transport Layer Security" 2025-05
//! (<https://www.ncsc.nl/en/transport-layer-security-tls/security-guidelines-for-transport-layer-security-2025-05>):
//! what it does not list is insufficient.

use super::super::IanaName;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A cipher suite of the closed set [`SCANNED`].
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suite {
    /// Its number on the wire.
    pub id: u16,
    /// Its name in the registry.
    pub name: IanaName,
}

/// How the guideline sees a suite, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SuiteClass {
    /// To be used.
    Good,
    /// May be used.
    Sufficient,
    /// May be used for a while yet.
    PhaseOut,
    /// Not to be used.
    Insufficient,
}

/// What proves that the server is itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyKind {
    /// An elliptic curve.
    Ecdsa,
    /// RSA.
    Rsa,
}

/// How both ends come to a common secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyExchange {
    /// Fresh keys on elliptic curves, those of TLS 1.3 included.
    Ecdhe,
    /// Fresh Diffie-Hellman keys.
    Dhe,
    /// Encrypted to the server's own RSA key.
    Rsa,
}

impl SuiteClass {
    /// Every class, from best to worst.
    pub const ALL: [Self; 4] = [Self::Good, Self::Sufficient, Self::PhaseOut, Self::Insufficient];

    /// The word used in JSON and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Sufficient => "sufficient",
            Self::PhaseOut => "phase out",
            Self::Insufficient => "insufficient",
        }
    }
}

impl KeyKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ecdsa, Self::Rsa];

    /// The word used in JSON and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecdsa => "ECDSA",
            Self::Rsa => "RSA",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Ecdsa => Self::Rsa,
            Self::Rsa => Self::Ecdsa,
        }
    }
}

impl Suite {
    /// The suite of this number, if it is one that is scanned for.
    pub fn of(id: u16) -> Option<&'static Self> {
        SCANNED.iter().find(|suite| suite.id == id)
    }

    /// Where the guideline puts it.
    pub fn class(&self) -> SuiteClass {
        let has = |part| self.name.contains(part);
        if self.is_of_13() {
            return match () {
                () if has("CCM_8") => SuiteClass::Insufficient,
                () if has("AES_256_GCM") || has("CHACHA20") => SuiteClass::Good,
                () => SuiteClass::Sufficient,
            };
        }
        let is_old = self.is_of_every_version() || has("CCM_8") || has("_NULL_");
        match (is_old, self.key_exchange()) {
            (false, KeyExchange::Ecdhe) if has("ECDHE") && is_sufficient(self.name) => SuiteClass::Sufficient,
            (false, KeyExchange::Ecdhe) if has("ECDHE") => SuiteClass::PhaseOut,
            (false, KeyExchange::Dhe) if has("DHE_RSA") => SuiteClass::PhaseOut,
            _ => SuiteClass::Insufficient,
        }
    }

    /// How the secret comes about.
    pub fn key_exchange(&self) -> KeyExchange {
        match self.name {
            name if self.is_of_13() || name.contains("ECDH") => KeyExchange::Ecdhe,
            name if name.contains("_DH") => KeyExchange::Dhe,
            _ => KeyExchange::Rsa,
        }
    }

    /// Which key the server's certificate has with it; none where that is open (TLS 1.3), DSS or nobody's.
    pub fn signed_by(&self) -> Option<KeyKind> {
        match self.name {
            name if self.is_of_13() || name.contains("anon") || name.contains("_DSS_") => None,
            name if name.contains("_ECDSA_") => Some(KeyKind::Ecdsa),
            _ => Some(KeyKind::Rsa),
        }
    }

    /// Whether nobody proves anything with it.
    pub fn is_anonymous(&self) -> bool {
        self.name.contains("anon")
    }

    /// Whether it belongs to TLS 1.3 (RFC 8446 §B.4).
    pub fn is_of_13(&self) -> bool {
        !self.name.contains("_WITH_")
    }

    /// Whether versions before TLS 1.2 have it as well: those know neither authenticated encryption nor SHA-2.
    pub fn is_of_every_version(&self) -> bool {
        self.name.ends_with("_SHA") || self.name.ends_with("_MD5")
    }
}

fn is_sufficient(name: &str) -> bool {
    ["AES_128_GCM", "AES_256_GCM", "AES_128_CCM", "AES_256_CCM", "CHACHA20"]
        .iter()
        .any(|part| name.contains(part))
}

/// As its number.
pub(super) fn serialize<S: Serializer>(suite: &&'static Suite, serializer: S) -> Result<S::Ok, S::Error> {
    suite.id.serialize(serializer)
}

/// Only suites of the closed set come back from a stored state.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Suite, D::Error> {
    Suite::of(u16::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("an unknown cipher suite"))
}

/// Every suite that is offered, in the order of a hello: what servers have most often first, since some read only the
/// first 64.
#[rustfmt::skip]
pub static SCANNED: &[Suite] = &[
    // TLS 1.3 (RFC 8446 §B.4)
    suite(0x1302, "TLS_AES_256_GCM_SHA384"),
    suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    suite(0x1301, "TLS_AES_128_GCM_SHA256"),
    suite(0x1304, "TLS_AES_128_CCM_SHA256"),
    suite(0x1305, "TLS_AES_128_CCM_8_SHA256"),
    // Fresh keys, authenticated encryption (RFC 5289, RFC 7905, RFC 7251)
    suite(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    suite(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    suite(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    suite(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    suite(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    suite(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    // Every version (RFC 5246 §A.5, RFC 8422)
    suite(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    suite(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    suite(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    suite(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    suite(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    suite(0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    suite(0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    suite(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    suite(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    suite(0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    suite(0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    suite(0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    suite(0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    suite(0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    suite(0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    suite(0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    suite(0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    suite(0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    suite(0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"),
    suite(0x009a, "TLS_DHE_RSA_WITH_SEED_CBC_SHA"),
    suite(0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"),
    suite(0x0009, "TLS_RSA_WITH_DES_CBC_SHA"),
    suite(0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA"),
    suite(0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"),
    suite(0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5"),
    suite(0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA"),
    suite(0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"),
    // The server's own RSA key (RFC 5288, RFC 6655, RFC 5932, RFC 6209)
    suite(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    suite(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    suite(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    suite(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    suite(0xc09d, "TLS_RSA_WITH_AES_256_CCM"),
    suite(0xc09c, "TLS_RSA_WITH_AES_128_CCM"),
    suite(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8"),
    suite(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8"),
    suite(0x00c0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256"),
    suite(0x00ba, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    suite(0xc051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384"),
    suite(0xc050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256"),
    // Short tags, DSS, no encryption
    suite(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"),
    suite(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
    suite(0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8"),
    suite(0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8"),
    suite(0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384"),
    suite(0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256"),
    suite(0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"),
    suite(0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"),
    suite(0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA"),
    suite(0x003b, "TLS_RSA_WITH_NULL_SHA256"),
    suite(0x0002, "TLS_RSA_WITH_NULL_SHA"),
    suite(0x0001, "TLS_RSA_WITH_NULL_MD5"),
    suite(0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA"),
    suite(0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA"),
    // Fresh keys, older ciphers (RFC 5289, RFC 6367, RFC 6209)
    suite(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    suite(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    suite(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    suite(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    suite(0xc077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384"),
    suite(0xc076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    suite(0xc073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384"),
    suite(0xc072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256"),
    suite(0xc08b, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384"),
    suite(0xc08a, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256"),
    suite(0xc087, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384"),
    suite(0xc086, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256"),
    suite(0xc061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384"),
    suite(0xc060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256"),
    suite(0xc05d, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384"),
    suite(0xc05c, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256"),
    suite(0xc04d, "TLS_ECDHE_RSA_WITH_ARIA_256_CBC_SHA384"),
    suite(0xc04c, "TLS_ECDHE_RSA_WITH_ARIA_128_CBC_SHA256"),
    suite(0xc049, "TLS_ECDHE_ECDSA_WITH_ARIA_256_CBC_SHA384"),
    suite(0xc048, "TLS_ECDHE_ECDSA_WITH_ARIA_128_CBC_SHA256"),
    // Fresh Diffie-Hellman keys (RFC 5288, RFC 7905, RFC 6655, RFC 5932, RFC 6209)
    suite(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    suite(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    suite(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    suite(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    suite(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    suite(0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM"),
    suite(0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM"),
    suite(0x00c4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256"),
    suite(0x00be, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    suite(0xc07d, "TLS_DHE_RSA_WITH_CAMELLIA_256_GCM_SHA384"),
    suite(0xc07c, "TLS_DHE_RSA_WITH_CAMELLIA_128_GCM_SHA256"),
    suite(0xc053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384"),
    suite(0xc052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256"),
    suite(0xc045, "TLS_DHE_RSA_WITH_ARIA_256_CBC_SHA384"),
    suite(0xc044, "TLS_DHE_RSA_WITH_ARIA_128_CBC_SHA256"),
    // Nobody's word, last: it hides the certificate
    suite(0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"),
    suite(0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"),
    suite(0xc017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA"),
    suite(0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA"),
    suite(0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
    suite(0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA"),
    suite(0x0018, "TLS_DH_anon_WITH_RC4_128_MD5"),
    suite(0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"),
    suite(0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"),
    suite(0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256"),
    suite(0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256"),
    suite(0x00c5, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA256"),
    suite(0x00bf, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256"),
    suite(0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA"),
    suite(0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA"),
    suite(0x009b, "TLS_DH_anon_WITH_SEED_CBC_SHA"),
    suite(0xc016, "TLS_ECDH_anon_WITH_RC4_128_SHA"),
    suite(0xc015, "TLS_ECDH_anon_WITH_NULL_SHA"),
];

const fn suite(id: u16, name: IanaName) -> Suite {
    Suite { id, name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_suite_is_there_once() {
        let (ids, names): (BTreeSet<_>, BTreeSet<_>) =
            SCANNED.iter().map(|suite| (suite.id, suite.name)).unzip();
        assert_eq!((ids.len(), names.len()), (SCANNED.len(), SCANNED.len()));
    }

    #[test]
    fn classes_are_those_of_the_guideline() {
        use SuiteClass::{Good, Insufficient, PhaseOut, Sufficient};
        let of = |class| SCANNED.iter().filter(move |suite| suite.class() == class).map(|suite| suite.name);
        assert_eq!(of(Good).collect::<Vec<_>>(), ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]);
        for name in of(Sufficient) {
            assert!(!name.contains("CBC") && !name.contains("CCM_8"), "{name}");
        }
        assert_eq!(of(Sufficient).count(), 2 + 8);
        assert_eq!(of(PhaseOut).count(), 20 + 15, "the appendix has 20 with ECDHE and 15 with DHE");
        for (name, class) in [
            ("TLS_AES_128_GCM_SHA256", Sufficient),
            ("TLS_ECDHE_ECDSA_WITH_AES_128_CCM", Sufficient),
            ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", PhaseOut),
            ("TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", PhaseOut),
            ("TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256", PhaseOut),
            ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Insufficient),
            ("TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", Insufficient),
            ("TLS_RSA_WITH_AES_256_GCM_SHA384", Insufficient),
            ("TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", Insufficient),
            ("TLS_DH_anon_WITH_AES_256_GCM_SHA384", Insufficient),
            ("TLS_RSA_WITH_NULL_SHA256", Insufficient),
        ] {
            let suite = SCANNED.iter().find(|suite| suite.name == name).unwrap();
            assert_eq!(suite.class(), class, "{name}");
        }
    }

    #[test]
    fn names_say_how_the_secret_comes_about_and_who_signs() {
        use KeyExchange::{Dhe, Ecdhe, Rsa};
        for (name, exchange, signed) in [
            ("TLS_AES_128_GCM_SHA256", Ecdhe, None),
            ("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", Ecdhe, Some(KeyKind::Ecdsa)),
            ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", Ecdhe, Some(KeyKind::Rsa)),
            ("TLS_DHE_RSA_WITH_AES_128_CCM", Dhe, Some(KeyKind::Rsa)),
            ("TLS_DHE_DSS_WITH_AES_128_CBC_SHA", Dhe, None),
            ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", Rsa, Some(KeyKind::Rsa)),
            ("TLS_ECDH_anon_WITH_AES_128_CBC_SHA", Ecdhe, None),
            ("TLS_DH_anon_WITH_RC4_128_MD5", Dhe, None),
        ] {
            let suite = SCANNED.iter().find(|suite| suite.name == name).unwrap();
            assert_eq!((suite.key_exchange(), suite.signed_by()), (exchange, signed), "{name}");
        }
    }
}
