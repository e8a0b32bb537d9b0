//! A server with two certificates: a session is shown one of them, a TLS scan both.

use super::*;

/// A server whose session is shown one certificate, and whose scan another one beside.
fn two() -> EndpointBuilder {
    endpoint().scan_shows(Of::Nothing, Of::NothingElse)
}

#[test]
fn the_record_of_the_other_certificate_is_none_of_the_next() {
    let of_one = || tlsa(3, 1, Of::LeafKey);
    for (case, server, other, want) in [
        ("the other key", two(), tlsa(3, 1, Of::NothingElse), finds(&NO_ROLLOVER)),
        ("the other key, SHA-512", two(), tlsa(3, 2, Of::NothingElse), finds(&NO_ROLLOVER)),
        ("the other key itself", two(), tlsa(3, 0, Of::NothingElse), finds(&NO_ROLLOVER)),
        (
            "the other certificate",
            two(),
            Tlsa { selector: 0, ..tlsa(3, 1, Of::Nothing) },
            finds(&NO_ROLLOVER),
        ),
        ("the next key", two(), tlsa(3, 1, Of::Nothing), pass()),
        ("the other key before any scan", endpoint().without_scan(), tlsa(3, 1, Of::NothingElse), pass()),
    ] {
        assert_eq!(said(&server, [of_one(), other]), want, "{case}");
    }
    assert_eq!(said(&two(), [of_one(), tlsa(3, 1, Of::NothingElse), next()]), pass(), "and a next one");
}

#[test]
fn a_scan_of_another_address_of_the_same_host_tells_as_well() {
    let other = |server: EndpointBuilder| server.at(HOST, "192.0.2.11");
    let records = [tlsa(3, 1, Of::LeafKey), tlsa(3, 1, Of::NothingElse)];
    let seen = observation()
        .of([endpoint(), other(two())])
        .host(HOST, host().aaaa([]).a(["192.0.2.10", "192.0.2.11"]).tlsa(records));
    assert_eq!(judge_endpoints(&RULE, &seen), [finds(&NO_ROLLOVER), finds(&NO_ROLLOVER)]);
}
