//! TLSA records that nobody published for the server's own name (D30).

use super::*;

/// The records of a host that are those of a wildcard.
fn of_wildcard(wildcard: &str, records: &[Tlsa]) -> TlsaLookup {
    TlsaLookup { wildcard: Some(wildcard.into()), ..signed(records.to_vec()) }
}

fn published(server: &EndpointBuilder, found: TlsaLookup) -> ObservationBuilder {
    observation().of([server.clone()]).host(HOST, host().aaaa([]).tlsa_is([found]))
}

/// The evidence of a finding of the server, or of the domain where there is none.
fn told(seen: &ObservationBuilder) -> String {
    let findings =
        RULE.judge(&seen.build(), &context()).into_iter().filter_map(|judged| match judged.judgement {
            Ok(Verdict::Findings(findings)) => findings.into_iter().next(),
            _ => None,
        });
    findings.last().map(|finding| finding.evidence).unwrap_or_default()
}

#[test]
fn records_of_a_wildcard_are_judged_as_all_others_are() {
    for wildcard in ["*._tcp.mx1.example.com", "*.mx1.example.com", "*.example.com"] {
        let judged = |record| {
            let found = of_wildcard(wildcard, &[record, next()]);
            judge_endpoints(&RULE, &published(&endpoint(), found)).remove(0)
        };
        assert_eq!(judged(tlsa(3, 1, Of::LeafKey)), pass(), "{wildcard}");
        assert_eq!(judged(tlsa(3, 1, Of::NothingElse)), finds(&MISMATCH), "{wildcard}");
    }
}

#[test]
fn that_records_are_perhaps_not_meant_for_the_server_is_told_where_they_harm() {
    let unusable = || Tlsa { matching: 7, ..tlsa(3, 1, Of::Leaf) };
    let words = |wildcard: &str| {
        format!("\nthe records are those of the wildcard {wildcard}, perhaps not meant for this server")
    };
    for (wildcard, is_stray) in [
        ("*._tcp.mx1.example.com", false),
        ("*._TCP.MX1.example.com", false),
        ("*._tcp.example.com", true),
        ("*.mx1.example.com", true),
        ("*.example.com", true),
    ] {
        for (case, server, record) in [
            ("another certificate", endpoint(), tlsa(3, 1, Of::NothingElse)),
            ("no TLS", endpoint().without_starttls(), tlsa(3, 1, Of::LeafKey)),
            ("of no use", endpoint(), unusable()),
        ] {
            let told = told(&published(&server, of_wildcard(wildcard, &[record])));
            assert!(!told.is_empty(), "{case}");
            assert_eq!(told.ends_with(&words(wildcard)), is_stray, "{case}, {wildcard}: {told}");
        }
    }
}
