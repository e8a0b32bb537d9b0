//! A ClientHello written by hand (RFC 5246 §7.4.1.2, RFC 8446 §4.1.2). It is complete in form, and has no cryptography:
//! the keys in it are octets from the random generator, which nobody has the other half of.

use crate::name::MxName;
use crate::observe::TlsVersion;
use crate::observe::scan::{HYBRID, KeyKind, Offer, Question, SCANNED, SCANNED_GROUPS, Suite};
use rustls::pki_types::DnsName;

/// Octets that have to be new in each hello: a random, a session and a key share.
pub(super) type Noise = [u8; 96];

/// "No renegotiation info" (RFC 5746 §3.3) as the pseudo-suite that every version takes.
const RENEGOTIATION_INFO: u16 = 0x00ff;
/// The group whose keys may be any 32 octets (RFC 7748 §5).
const X25519: u16 = 29;
/// Some old load balancers read no hello between these sizes (RFC 7685).
const PADDED: std::ops::Range<usize> = 256..512;

/// Signature schemes by key (RFC 8446 §4.2.3), those of old times last.
const ECDSA_SCHEMES: [u16; 7] = [0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0303, 0x0203];
const RSA_SCHEMES: [u16; 11] =
    [0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0809, 0x080a, 0x080b, 0x0301, 0x0201];
const DSA_SCHEMES: [u16; 2] = [0x0402, 0x0202];

/// The suites that a question offers; of a class without those `chosen` before.
pub(super) fn suites(question: Question, chosen: &[&Suite]) -> Vec<&'static Suite> {
    let has = |suite: &Suite| match question.version {
        TlsVersion::Tls13 => suite.is_of_13(),
        TlsVersion::Tls12 => !suite.is_of_13(),
        _ => suite.is_of_every_version(),
    };
    let wanted = |suite: &Suite| is_offered(suite, question.offer, chosen);
    SCANNED.iter().filter(|suite| has(suite) && wanted(suite)).collect()
}

fn is_offered(suite: &Suite, offer: Offer, chosen: &[&Suite]) -> bool {
    match offer {
        _ if suite.is_of_13() && !matches!(offer, Offer::Class(_)) => true,
        Offer::All => true,
        Offer::Class(class) => suite.class() == class && !chosen.contains(&suite),
        Offer::Hybrid => false,
        Offer::Signed(kind) => suite.signed_by() == Some(kind),
    }
}

/// The hello, its record included.
pub(super) fn hello(question: Question, suites: &[&Suite], name: &MxName, noise: &Noise) -> Vec<u8> {
    let (random, rest) = noise.split_at(32);
    let (session, share) = rest.split_at(32);
    let is_13 = question.version == TlsVersion::Tls13;
    let mut body = version(question.version.min(TlsVersion::Tls12)).to_vec();
    body.extend(random);
    body.extend(vector8(if is_13 { session } else { &[] }));
    let ids = suites.iter().map(|suite| suite.id).chain([RENEGOTIATION_INFO]);
    body.extend(vector16(&ids.flat_map(u16::to_be_bytes).collect::<Vec<_>>()));
    body.extend([1, 0]); // one method of compression: none
    if question.version > TlsVersion::Ssl30 {
        body.extend(vector16(&padded(extensions(question, name, share), body.len())));
    }
    let mut record = vec![22];
    record.extend(version(question.version.min(TlsVersion::Tls10)));
    record.extend(vector16(&message(&body)));
    record
}

/// The two records of a client that goes away (RFC 8446 §6.1): user_canceled, close_notify.
pub(super) const FAREWELL: [u8; 14] = [21, 3, 3, 0, 2, 1, 90, 21, 3, 3, 0, 2, 1, 0];

fn message(body: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    [&[1][..], &length, body].concat()
}

fn extensions(question: Question, name: &MxName, share: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    if DnsName::try_from(name.as_str()).is_ok() {
        let host = [&[0][..], &vector16(name.as_str().as_bytes())].concat();
        all.extend(extension(0, &vector16(&host)));
    }
    all.extend(extension(10, &vector16(&groups(question).flat_map(u16::to_be_bytes).collect::<Vec<_>>())));
    all.extend(extension(11, &[1, 0])); // points as they are
    if question.version >= TlsVersion::Tls12 {
        let schemes = schemes(question).into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        all.extend(extension(13, &vector16(&schemes)));
    }
    if question.version == TlsVersion::Tls13 {
        all.extend(extension(43, &[2, 3, 4]));
        // Without a share the server names its group (RFC 8446 §4.2.8), and the hello stays short.
        let shares = match question.offer {
            Offer::Hybrid => Vec::new(),
            _ => [&X25519.to_be_bytes()[..], &vector16(share)].concat(),
        };
        all.extend(extension(51, &vector16(&shares)));
    }
    all
}

fn groups(question: Question) -> impl Iterator<Item = u16> {
    let only_hybrid = question.offer == Offer::Hybrid;
    SCANNED_GROUPS.iter().filter(move |(_, name)| (*name == HYBRID) == only_hybrid).map(|(id, _)| *id)
}

fn schemes(question: Question) -> Vec<u16> {
    match question.offer {
        Offer::Signed(KeyKind::Ecdsa) => ECDSA_SCHEMES.to_vec(),
        Offer::Signed(KeyKind::Rsa) => RSA_SCHEMES.to_vec(),
        _ => [&ECDSA_SCHEMES[..], &RSA_SCHEMES, &DSA_SCHEMES].concat(),
    }
}

/// With as many zeroes as make the message long enough for everybody.
fn padded(mut extensions: Vec<u8>, before: usize) -> Vec<u8> {
    let length = 4 + before + 2 + extensions.len();
    if PADDED.contains(&length) {
        extensions.extend(extension(21, &vec![0; PADDED.end.saturating_sub(length + 4)]));
    }
    extensions
}

fn version(version: TlsVersion) -> [u8; 2] {
    match version {
        TlsVersion::Ssl30 => [3, 0],
        TlsVersion::Tls10 => [3, 1],
        TlsVersion::Tls11 => [3, 2],
        TlsVersion::Tls12 => [3, 3],
        TlsVersion::Tls13 => [3, 4],
    }
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(content)].concat()
}

fn vector8(content: &[u8]) -> Vec<u8> {
    [&[u8::try_from(content.len()).unwrap_or_default()][..], content].concat()
}

fn vector16(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap_or_default().to_be_bytes()[..], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::scan::SuiteClass;
    use rustls::server::Acceptor;

    const VERSIONS: [TlsVersion; 5] = TlsVersion::ALL;

    fn name() -> MxName {
        MxName::parse("mx.example.test").unwrap()
    }

    fn questions() -> impl Iterator<Item = Question> {
        let offers = [Offer::All, Offer::Hybrid, Offer::Signed(KeyKind::Rsa), Offer::Signed(KeyKind::Ecdsa)];
        let offers: Vec<_> = offers.into_iter().chain(SuiteClass::ALL.map(Offer::Class)).collect();
        VERSIONS
            .into_iter()
            .flat_map(move |version| offers.clone().into_iter().map(move |offer| Question { version, offer }))
    }

    #[test]
    fn every_hello_has_the_form_of_one_and_fits_a_segment() {
        for question in questions() {
            let suites = suites(question, &[]);
            let hello = hello(question, &suites, &name(), &[7; 96]);
            let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
            assert_eq!((hello[0], length + 5), (22, hello.len()), "{question}");
            assert!(hello.len() < 1_400, "{question}: {} octets", hello.len());
            assert!(
                !PADDED.contains(&length) || question.version == TlsVersion::Ssl30,
                "{question}: {length} octets"
            );
        }
    }

    #[test]
    fn a_library_reads_what_is_offered() {
        for question in questions().filter(|question| question.version >= TlsVersion::Tls12) {
            let suites = suites(question, &[]);
            if suites.is_empty() {
                continue;
            }
            let mut acceptor = Acceptor::default();
            acceptor.read_tls(&mut &hello(question, &suites, &name(), &[7; 96])[..]).unwrap();
            let accepted =
                acceptor.accept().unwrap_or_else(|(error, _)| panic!("{question}: {error}")).unwrap();
            let seen = accepted.client_hello();
            assert_eq!(seen.server_name(), Some("mx.example.test"));
            let offered: Vec<u16> = seen.cipher_suites().iter().map(|suite| u16::from(*suite)).collect();
            let ids: Vec<u16> = suites.iter().map(|suite| suite.id).chain([RENEGOTIATION_INFO]).collect();
            assert_eq!(offered, ids, "{question}");
            let groups: Vec<u16> =
                seen.named_groups().unwrap().iter().map(|group| u16::from(*group)).collect();
            assert_eq!(groups == [0x11ec], question.offer == Offer::Hybrid, "{question}: {groups:?}");
            let schemes = seen.signature_schemes().iter().map(|scheme| u16::from(*scheme));
            let of_rsa = schemes.filter(|scheme| RSA_SCHEMES.contains(scheme)).count();
            assert_eq!(of_rsa == 0, question.offer == Offer::Signed(KeyKind::Ecdsa), "{question}");
        }
    }

    #[test]
    fn versions_offer_what_they_have_and_classes_what_was_not_chosen_before() {
        let ids = |question, chosen: &[&Suite]| {
            suites(question, chosen).iter().map(|suite| suite.id).collect::<Vec<_>>()
        };
        let insufficient = Question::of_class(SuiteClass::Insufficient);
        let all = ids(insufficient, &[]);
        assert!(all.contains(&0x002f) && !all.contains(&0xc027) && !all.contains(&0x1301));
        let rest = ids(insufficient, &[Suite::of(0x002f).unwrap()]);
        assert_eq!(rest.len(), all.len() - 1);
        let old = Question { version: TlsVersion::Tls10, offer: Offer::All };
        let old = ids(old, &[Suite::of(0x002f).unwrap()]);
        assert!(old.contains(&0x002f) && !old.contains(&0x009c) && !old.contains(&0x003c), "{old:x?}");
    }
}
