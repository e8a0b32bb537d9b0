//! The TLSA records of the world, which are of certificates that are made anew in every run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

use crate::certificates::Identity;

/// What a record is of.
enum Of {
    /// The key of this server.
    Key(&'static str),
    /// A key that nobody shows, as the next one would be.
    OtherKey,
    /// The private root.
    Root,
}

type Record = ((u8, u8, u8), Of);

/// The records of hosts in the signed zone.
const SIGNED: &[(&str, &[Record])] = &[
    ("mx.healthy.test", &[((3, 1, 1), Of::Key("mx.healthy.test")), ((3, 1, 1), Of::OtherKey)]),
    ("mx.exim.test", &[((3, 1, 1), Of::Key("mx.exim.test"))]),
    ("mx.no-starttls.test", &[((3, 1, 1), Of::Key("mx.no-starttls.test"))]),
    ("mx.dane-mismatch.test", &[((3, 1, 1), Of::OtherKey)]),
    ("mx.dane-anchor.test", &[((2, 0, 1), Of::Root)]),
    ("mx.dane-unsent.test", &[((2, 0, 1), Of::Root)]),
    ("mx.dane-whole.test", &[((2, 0, 0), Of::Root)]),
    ("mx.dane-both.test", &[((3, 1, 1), Of::Key("mx.dane-both.test")), ((2, 0, 1), Of::Root)]),
    ("mx.dane-expired.test", &[((3, 1, 1), Of::Key("mx.dane-expired.test"))]),
    ("mx.dane-unusable.test", &[((1, 1, 1), Of::Key("mx.dane-unusable.test"))]),
];

/// Of the host in the zone without signatures.
const UNSIGNED: &[(&str, &[Record])] = &[("mx.unsigned.test", &[((3, 1, 1), Of::OtherKey)])];

/// Of the host whose records alone are bogus.
const BOGUS: &[(&str, &[Record])] = &[("mx.dane-bogus.test", &[((3, 1, 1), Of::Key("mx.dane-bogus.test"))])];

/// The files of zones with TLSA records, and these in zone-file form.
pub(crate) fn zones(identities: &BTreeMap<&str, Identity>) -> [(&'static str, String); 3] {
    [("test.zone", SIGNED), ("unsigned.zone", UNSIGNED), ("bogus.zone", BOGUS)].map(|(file, hosts)| {
        let hosts = hosts.iter().flat_map(|(host, records)| records.iter().map(move |record| (host, record)));
        let lines = hosts.map(|(host, ((usage, selector, matching), of))| {
            let data = match of {
                Of::Key(name) => identities[name].key.clone(),
                Of::OtherKey => b"another key".to_vec(),
                Of::Root => identities[host].root.clone(),
            };
            let data = if *matching == 0 { data } else { digest(&SHA256, &data).as_ref().to_vec() };
            let data = data.iter().fold(String::new(), |mut text, octet| {
                let _ = write!(text, "{octet:02x}");
                text
            });
            format!("_25._tcp.{host}. TLSA {usage} {selector} {matching} {data}\n")
        });
        (file, lines.collect())
    })
}
