//! The inputs that fuzzing of the state file begins with are values of this version: what is not, is forgotten and tells
//! fuzzing nothing. `RENEW_SEEDS=1 cargo test --lib the_seeds_of_fuzzing` writes them anew.

use super::*;
use std::path::Path;

/// Each with the octet before it that chooses its table.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let throttled = endpoint().banner("421 4.7.0 later");
    let seen = observation().of([endpoint(), throttled.clone()]).build();
    let alone = observation().of([]).build();
    let contact = |endpoint: crate::observe::testing::EndpointBuilder| encode(&*endpoint.build().contact);
    let report = |seen| encode(&Record::of(&kept("a.example", seen, 2)));
    [
        ("report", 0, report(&seen)),
        ("report-without-endpoints", 0, report(&alone)),
        ("contact", 1, contact(endpoint())),
        ("contact-throttled", 1, contact(throttled)),
        ("manners", 2, encode(&picture(2).manners)),
    ]
    .map(|(name, table, value)| (name, [vec![table], value.unwrap()].concat()))
    .into()
}

#[test]
fn the_seeds_of_fuzzing_are_of_this_version() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/state");
    for (name, seed) in seeds() {
        let path = folder.join(name);
        if std::env::var_os("RENEW_SEEDS").is_some() {
            fs::write(&path, &seed).unwrap();
        }
        let kept = fs::read(&path).unwrap();
        let is_read = match kept[0] {
            0 => decode::<Record>(&kept[1..]).is_some(),
            1 => decode::<Contact>(&kept[1..]).is_some(),
            _ => decode::<crate::schedule::Remembered>(&kept[1..]).is_some(),
        };
        assert!(is_read, "{name} is of another version");
    }
}
