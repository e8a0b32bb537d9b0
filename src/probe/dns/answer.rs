//! What one question gave: a response, or the library's error, read as an outcome. Follows the CNAMEs that are in
//! the response; asks nothing.

use super::wildcard;
use crate::observe::{Dnssec, Outcome};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::{DnssecSummary, Proof};
use hickory_resolver::proto::op::{DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// The end of one question.
#[derive(Debug)]
pub(super) struct Answer {
    /// Records of the type that was asked for, never an empty list.
    pub(super) outcome: Outcome<Vec<RData>>,
    /// The CNAMEs passed on the way, in order.
    pub(super) aliases: Vec<Name>,
    /// Of everything used here. Bogus comes with [`Outcome::ServerFailure`] only.
    pub(super) dnssec: Dnssec,
    /// The wildcard that the records or one of the CNAMEs are of, if they are signed.
    pub(super) wildcard: Option<Name>,
}

impl Answer {
    /// Reads what came back. `validated` tells whether the records carry proofs.
    pub(super) fn read(query: &Query, came: Result<DnsResponse, NetError>, validated: bool) -> Self {
        match came {
            Ok(response) if validated && wildcard::is_disproved(&response) => Self::bogus(),
            Ok(response) => Self::from_response(query, &response, validated),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let authorities = none.authorities.as_deref().unwrap_or_default();
                Self::without_records(none.response_code, authorities, Dnssec::Unchecked)
            }
            Err(NetError::Dns(DnsError::Nsec { response, proof, .. })) => match proof {
                Proof::Bogus if wildcard::is_proved(&response) => Self::from_response(query, &response, true),
                Proof::Bogus => Self::bogus(),
                _ => Self::from_response(query, &response, true).insecure(),
            },
            Err(NetError::Dns(DnsError::ResponseCode(code))) => Self::failed(refusal(code)),
            Err(NetError::Timeout | NetError::Busy | NetError::NoConnections | NetError::Io(_)) => {
                Self::failed(Outcome::Timeout)
            }
            Err(_) => Self::failed(Outcome::ServerFailure),
        }
    }

    /// The same where something on the way proves nothing.
    pub(super) fn insecure(self) -> Self {
        let dnssec = if self.dnssec == Dnssec::Secure { Dnssec::Insecure } else { self.dnssec };
        Self { dnssec, ..self }
    }

    /// An end that says nothing of the name.
    pub(super) fn failed(outcome: Outcome<Vec<RData>>) -> Self {
        Self { outcome, aliases: Vec::new(), dnssec: Dnssec::Unchecked, wildcard: None }
    }

    fn bogus() -> Self {
        Self { dnssec: Dnssec::Bogus, ..Self::failed(Outcome::ServerFailure) }
    }

    fn from_response(query: &Query, response: &DnsResponse, validated: bool) -> Self {
        let found = Found::among(&response.answers, query);
        let proofs = if response.answers.is_empty() { &response.authorities } else { &found.used };
        let dnssec = if validated { summary(proofs) } else { Dnssec::Unchecked };
        if dnssec == Dnssec::Bogus {
            return Self::bogus();
        }
        let wildcard = wildcard::behind(&found.used, &response.answers);
        let outcome = if found.is_loop {
            Outcome::Loop
        } else if !found.records.is_empty() {
            Outcome::Answer(found.records)
        } else if !found.aliases.is_empty() {
            absence(response.response_code)
        } else if response.answers.is_empty() {
            return Self::without_records(response.response_code, &response.authorities, dnssec);
        } else {
            Outcome::ServerFailure // records of other names or types: no answer to this question
        };
        Self { outcome, aliases: found.aliases, dnssec, wildcard }
    }

    /// A referral is no denial: whoever sends one has not looked the name up (RFC 2308 §2.2).
    fn without_records(code: ResponseCode, authorities: &[Record], dnssec: Dnssec) -> Self {
        let has = |kind| authorities.iter().any(|record| record.record_type() == kind);
        if has(RecordType::NS) && !has(RecordType::SOA) {
            return Self::failed(Outcome::ServerFailure);
        }
        Self { dnssec, ..Self::failed(absence(code)) }
    }
}

/// Whether every signature in a response fits, whatever else the validation says of it.
pub(super) fn signatures_fit(came: &Result<DnsResponse, NetError>) -> bool {
    let Err(NetError::Dns(DnsError::Nsec { response, .. })) = came else { return false };
    DnssecSummary::from_records(response.all_sections()) == DnssecSummary::Secure
}

/// What a response has for a question.
#[derive(Default)]
struct Found {
    aliases: Vec<Name>,
    records: Vec<RData>,
    used: Vec<Record>,
    is_loop: bool,
}

impl Found {
    fn among(answers: &[Record], query: &Query) -> Self {
        let mut found = Self::default();
        let mut name = query.name().clone();
        loop {
            let here = |record: &&Record| record.name == name;
            let wanted = answers.iter().filter(here).filter(|record| is_wanted(record, query.query_type()));
            found.used.extend(wanted.clone().cloned());
            found.records.extend(wanted.map(|record| record.data.clone()));
            if !found.records.is_empty() {
                return found;
            }
            let alias = answers.iter().filter(here).find_map(|record| match &record.data {
                RData::CNAME(target) => Some((record, target.0.clone())),
                _ => None,
            });
            let Some((record, target)) = alias else { return found };
            found.used.push(record.clone());
            found.is_loop = target == *query.name() || found.aliases.contains(&target);
            found.aliases.push(target.clone());
            if found.is_loop {
                return found;
            }
            name = target;
        }
    }
}

/// A record without data has its type, but nothing in it.
fn is_wanted(record: &Record, kind: RecordType) -> bool {
    record.record_type() == kind && !matches!(record.data, RData::Update0(_))
}

fn summary(records: &[Record]) -> Dnssec {
    match DnssecSummary::from_records(records.iter()) {
        DnssecSummary::Secure => Dnssec::Secure,
        DnssecSummary::Bogus => Dnssec::Bogus,
        DnssecSummary::Insecure => Dnssec::Insecure,
    }
}

fn absence(code: ResponseCode) -> Outcome<Vec<RData>> {
    match code {
        ResponseCode::NoError => Outcome::NoData,
        ResponseCode::NXDomain => Outcome::NoSuchName,
        code => refusal(code),
    }
}

fn refusal(code: ResponseCode) -> Outcome<Vec<RData>> {
    match code {
        ResponseCode::Refused | ResponseCode::NotImp | ResponseCode::FormErr => Outcome::Refused,
        _ => Outcome::ServerFailure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::{Message, OpCode};
    use hickory_resolver::proto::rr::rdata::{A, CNAME, MX, NS, SOA};

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn record(owner: &str, data: RData) -> Record {
        Record::from_rdata(name(owner), 60, data)
    }

    fn mx(owner: &str) -> Record {
        record(owner, RData::MX(MX::new(10, name("mx.test."))))
    }

    fn alias(owner: &str, target: &str) -> Record {
        record(owner, RData::CNAME(CNAME(name(target))))
    }

    fn soa() -> Record {
        record("test.", RData::SOA(SOA::new(name("ns.test."), name("h.test."), 1, 60, 60, 60, 60)))
    }

    fn response(code: ResponseCode, answers: &[Record], authorities: &[Record]) -> Answer {
        let query = Query::query(name("example.test."), RecordType::MX);
        let mut message = Message::response(1, OpCode::Query);
        message.metadata.response_code = code;
        message.add_query(query.clone());
        message.add_answers(answers.iter().cloned());
        message.add_authorities(authorities.iter().cloned());
        let came = DnsError::from_response(DnsResponse::from_message(message).unwrap());
        Answer::read(&query, came.map_err(NetError::from), false)
    }

    #[test]
    fn responses_are_read_as_what_they_are() {
        let found = || Outcome::Answer(vec![mx("x.").data]);
        let empty = || record("example.test.", RData::Update0(RecordType::MX));
        let ns = || record("test.", RData::NS(NS(name("ns.test."))));
        let a = || record("example.test.", RData::A(A::new(192, 0, 2, 1)));
        let (ok, nx) = (ResponseCode::NoError, ResponseCode::NXDomain);
        for (case, code, answers, authorities, want) in [
            ("records", ok, vec![mx("example.test.")], vec![], found()),
            ("records in another case", ok, vec![mx("EXAMPLE.test.")], vec![], found()),
            ("nothing, said by the zone", ok, vec![], vec![soa()], Outcome::NoData),
            ("nothing, said by nobody", ok, vec![], vec![], Outcome::NoData),
            ("nothing, with the zone's servers", ok, vec![], vec![soa(), ns()], Outcome::NoData),
            ("a referral", ok, vec![], vec![ns()], Outcome::ServerFailure),
            ("no such name", nx, vec![], vec![soa()], Outcome::NoSuchName),
            ("another name's records", ok, vec![mx("other.test.")], vec![], Outcome::ServerFailure),
            ("another type's records", ok, vec![a()], vec![], Outcome::ServerFailure),
            ("a record without data", ok, vec![empty()], vec![], Outcome::ServerFailure),
            (
                "an alias to nothing",
                ok,
                vec![alias("example.test.", "b.test.")],
                vec![soa()],
                Outcome::NoData,
            ),
            ("an alias to nowhere", nx, vec![alias("example.test.", "b.test.")], vec![], Outcome::NoSuchName),
            ("an alias of itself", ok, vec![alias("example.test.", "example.test.")], vec![], Outcome::Loop),
            ("a server's trouble", ResponseCode::ServFail, vec![], vec![], Outcome::ServerFailure),
            ("an unknown code", ResponseCode::Unknown(4_000), vec![], vec![], Outcome::ServerFailure),
        ] {
            assert_eq!(response(code, &answers, &authorities).outcome, want, "{case}");
        }
    }

    #[test]
    fn aliases_are_followed_in_any_order() {
        let chain = [mx("c.test."), alias("b.test.", "c.test."), alias("example.test.", "B.test.")];
        let answer = response(ResponseCode::NoError, &chain, &[]);
        assert_eq!(answer.aliases, [name("b.test."), name("c.test.")]);
        assert!(matches!(answer.outcome, Outcome::Answer(_)));
        let ring =
            [alias("b.test.", "c.test."), alias("example.test.", "b.test."), alias("c.test.", "b.test.")];
        assert_eq!(response(ResponseCode::NoError, &ring, &[]).outcome, Outcome::Loop);
    }

    #[test]
    fn silence_and_nonsense_are_told_apart() {
        let read = |error| Answer::read(&Query::default(), Err(error), true).outcome;
        assert_eq!(read(NetError::Timeout), Outcome::Timeout);
        assert_eq!(read(NetError::Busy), Outcome::Timeout);
        assert_eq!(read(NetError::Truncated), Outcome::ServerFailure);
        assert_eq!(read(NetError::Message("not a message")), Outcome::ServerFailure);
    }
}
