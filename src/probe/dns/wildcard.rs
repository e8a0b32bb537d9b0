//! Records of wildcards (RFC 4592): which answers are of one, as their signatures tell, and whether NSEC proves that no
//! name stands in its way, which the library believes in some of its forms only. Asks nothing.

use hickory_resolver::proto::dnssec::rdata::{DNSSECRData, NSEC, RRSIG};
use hickory_resolver::proto::dnssec::{DnssecSummary, Proof};
use hickory_resolver::proto::op::{DnsResponse, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// The wildcard that one of these records is of, the first that is of one. Its signatures are among the answers: they
/// have fewer labels than the name (RFC 4034 §3.1.3).
pub(super) fn behind(used: &[Record], answers: &[Record]) -> Option<Name> {
    used.iter().find_map(|record| {
        let signatures = signatures(answers, &record.name, record.record_type());
        let labels = signatures.map(|signature| signature.input().num_labels).max()?;
        let is_of_one = labels < record.name.num_labels();
        is_of_one.then(|| record.name.trim_to(labels.into()).prepend_label("*").ok())?
    })
}

/// Whether there are answers whose signatures all fit, and NSEC proves for each that is of a wildcard that no name is
/// closer (RFC 4035 §5.3.4). Where none is of a wildcard, there is nothing to deny, whatever else was sent.
pub(super) fn is_proved(response: &DnsResponse) -> bool {
    response.response_code == ResponseCode::NoError && is_secure(response) && no_name_is_closer(response)
}

/// Whether NSEC came along and does not prove that: the library is content if no wildcard is closer, although every
/// other name that is closer hides the wildcard, too (RFC 4592 §3.3.1).
pub(super) fn is_disproved(response: &DnsResponse) -> bool {
    let has_nsec = response.authorities.iter().any(|record| record.record_type() == RecordType::NSEC);
    is_secure(response) && has_nsec && !no_name_is_closer(response)
}

fn is_secure(response: &DnsResponse) -> bool {
    DnssecSummary::from_records(response.answers.iter()) == DnssecSummary::Secure
}

fn no_name_is_closer(response: &DnsResponse) -> bool {
    let mut expanded = response.answers.iter().filter_map(Expanded::of);
    expanded.all(|one| one.is_proved_by(&response.authorities))
}

/// A name that has the records of a wildcard.
struct Expanded<'a> {
    name: &'a Name,
    /// What stands behind the asterisk.
    encloser: Name,
    /// The zone that signs.
    zone: &'a Name,
}

impl<'a> Expanded<'a> {
    /// What a signature tells, whether it fits or not, if it is of a wildcard.
    fn of(record: &'a Record) -> Option<Self> {
        let RData::DNSSEC(DNSSECRData::RRSIG(signature)) = &record.data else { return None };
        let (name, input) = (&record.name, signature.input());
        let encloser = name.trim_to(input.num_labels.into());
        (input.num_labels < name.num_labels()).then_some(Self { name, encloser, zone: &input.signer_name })
    }

    fn is_proved_by(&self, authorities: &[Record]) -> bool {
        let proofs = authorities.iter().filter(|record| record.proof == Proof::Secure);
        let mut nsecs = proofs.filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::NSEC(nsec)) => Some((&record.name, nsec)),
            _ => None,
        });
        nsecs.any(|(owner, nsec)| {
            let mut signatures = signatures(authorities, owner, RecordType::NSEC);
            signatures.any(|signature| signature.input().signer_name == *self.zone)
                && self.is_absent(owner, nsec)
                && self.closest(owner, nsec) == self.encloser
        })
    }

    /// Whether the name is in the gap; one that has others below it exists (RFC 4592 §2.2.2), and what is above a zone
    /// cut tells nothing of what is below (RFC 6840 §4.1).
    fn is_absent(&self, owner: &Name, nsec: &NSEC) -> bool {
        let next = nsec.next_domain_name();
        let is_last = next == self.zone && next <= owner;
        let is_below_cut = nsec.is_ancestor_delegation() && owner.zone_of(self.name);
        self.name > owner && (self.name < next || is_last) && !self.name.zone_of(next) && !is_below_cut
    }

    /// The longest name above that exists, as the ends of the gap tell.
    fn closest(&self, owner: &Name, nsec: &NSEC) -> Name {
        let ends = [owner, nsec.next_domain_name()].map(|end| {
            let mut above = end.clone();
            while !above.zone_of(self.name) {
                above = above.base_name();
            }
            above
        });
        let [one, other] = ends;
        if one.zone_of(&other) { other } else { one }
    }
}

/// The signatures over one set.
fn signatures<'r>(records: &'r [Record], name: &Name, kind: RecordType) -> impl Iterator<Item = &'r RRSIG> {
    records.iter().filter(move |record| record.name == *name).filter_map(move |record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) if signature.input().type_covered == kind => {
            Some(signature)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::dnssec::Algorithm;
    use hickory_resolver::proto::dnssec::rdata::SigInput;
    use hickory_resolver::proto::op::{Message, OpCode};
    use hickory_resolver::proto::rr::SerialNumber;
    use hickory_resolver::proto::rr::rdata::A;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn secure(owner: &str, data: RData) -> Record {
        let mut record = Record::from_rdata(name(owner), 60, data);
        record.proof = Proof::Secure;
        record
    }

    fn signature(owner: &str, type_covered: RecordType, num_labels: u8, zone: &str) -> Record {
        let input = SigInput {
            type_covered,
            algorithm: Algorithm::ED25519,
            num_labels,
            original_ttl: 60,
            sig_expiration: SerialNumber::new(0),
            sig_inception: SerialNumber::new(0),
            key_tag: 1,
            signer_name: name(zone),
        };
        secure(owner, RData::DNSSEC(DNSSECRData::RRSIG(RRSIG::from_sig(input, vec![]))))
    }

    /// `b.a.test` has an address of `*.test` or of `*.a.test`, by the number of its labels.
    fn answer(labels: u8) -> [Record; 2] {
        let address = RData::A(A::new(192, 0, 2, 1));
        [secure("b.a.test.", address), signature("b.a.test.", RecordType::A, labels, "test.")]
    }

    fn gap(owner: &str, next: &str, types: &[RecordType]) -> Record {
        secure(owner, RData::DNSSEC(DNSSECRData::NSEC(NSEC::new(name(next), types.iter().copied()))))
    }

    fn response(answers: &[Record], gap: Record, signer: &str) -> DnsResponse {
        let mut message = Message::response(1, OpCode::Query);
        message.add_answers(answers.iter().cloned());
        let (owner, labels) = (gap.name.to_ascii(), gap.name.num_labels());
        message.add_authorities([gap, signature(&owner, RecordType::NSEC, labels, signer)]);
        DnsResponse::from_message(message).unwrap()
    }

    #[test]
    fn the_labels_of_a_signature_tell_the_wildcard() {
        for (labels, want) in [(1, Some("*.test.")), (2, Some("*.a.test.")), (3, None)] {
            let answers = answer(labels);
            assert_eq!(behind(&answers[..1], &answers), want.map(name), "{labels}");
        }
        assert_eq!(behind(&answer(1)[..1], &[]), None, "without signatures nobody knows");
    }

    #[test]
    fn only_a_gap_around_the_name_down_to_the_wildcard_proves_it() {
        const PLAIN: &[RecordType] = &[RecordType::A];
        const CUT: &[RecordType] = &[RecordType::NS];
        for (case, labels, owner, next, types, want) in [
            ("from the wildcard itself", 2, "*.a.test.", "c.a.test.", PLAIN, true),
            ("from a name beside", 2, "a.a.test.", "c.test.", PLAIN, true),
            ("to the end of the zone", 2, "*.a.test.", "test.", PLAIN, true),
            ("to the end of another zone", 2, "*.a.test.", "a.", PLAIN, false),
            ("from the zone's own wildcard", 1, "*.test.", "c.test.", PLAIN, true),
            ("a closer name that exists", 1, "*.a.test.", "c.a.test.", PLAIN, false),
            ("a closer name that exists, with a name below", 1, "*.test.", "c.a.test.", PLAIN, false),
            ("a wildcard above which no name exists", 2, "*.test.", "c.test.", PLAIN, false),
            ("the name itself", 2, "b.a.test.", "c.a.test.", PLAIN, false),
            ("a gap before", 2, "a.a.test.", "b.a.test.", PLAIN, false),
            ("a gap behind", 2, "c.a.test.", "d.a.test.", PLAIN, false),
            ("a name that has others below", 2, "*.a.test.", "c.b.a.test.", PLAIN, false),
            ("a zone cut above", 2, "a.test.", "c.test.", CUT, false),
            ("a zone cut beside", 2, "a.a.test.", "c.test.", CUT, true),
        ] {
            let response = response(&answer(labels), gap(owner, next, types), "test.");
            assert_eq!((is_proved(&response), is_disproved(&response)), (want, !want), "{case}");
        }
    }

    #[test]
    fn an_alias_to_a_name_that_does_not_exist_is_no_matter_of_wildcards() {
        let gap = gap("*.a.test.", "c.a.test.", &[RecordType::A]);
        let mut message = response(&answer(3), gap, "test.").into_message();
        message.metadata.response_code = ResponseCode::NXDomain;
        let response = DnsResponse::from_message(message).unwrap();
        assert!(!is_proved(&response) && !is_disproved(&response));
    }

    #[test]
    fn what_does_not_fit_or_is_of_others_proves_nothing() {
        let gap = || gap("*.a.test.", "c.a.test.", &[RecordType::A]);
        assert!(is_proved(&response(&answer(2), gap(), "test.")));
        assert!(!is_proved(&response(&answer(2), gap(), "a.test.")), "another zone's");
        assert!(is_proved(&response(&answer(3), gap(), "a.test.")), "no wildcard, nothing to prove");
        assert!(!is_proved(&response(&[], gap(), "test.")), "no answer");
        let mut answers = answer(2);
        answers[0].proof = Proof::Bogus;
        assert!(!is_proved(&response(&answers, gap(), "test.")));
        let mut spoilt = gap();
        spoilt.proof = Proof::Bogus;
        assert!(!is_proved(&response(&answer(2), spoilt, "test.")));
    }
}
