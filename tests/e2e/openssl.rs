//! OpenSSL's names of things.

use std::collections::BTreeMap;

use crate::namespace::run;

/// IANA's name of each suite by OpenSSL's own: `TLS_ECDHE_…` by `ECDHE-…`.
pub(crate) fn iana_names() -> BTreeMap<String, String> {
    let names = run("openssl ciphers -stdname ALL:COMPLEMENTOFALL");
    let pairs = names.lines().filter_map(|line| line.split_once(" - "));
    pairs
        .filter_map(|(iana, rest)| Some((rest.split(' ').next()?.to_owned(), iana.trim().to_owned())))
        .collect()
}
