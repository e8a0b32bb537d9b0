//! What is known beside the MX records.

use super::*;
use crate::observe::MxSet;
use crate::observe::testing::ObservationBuilder;

/// A domain whose MX records have changed.
pub(super) fn changed() -> ObservationBuilder {
    let set = MxSet { records: Vec::new(), changed: Some(now()) };
    observation().facts(|facts| facts.set = Some(set))
}

#[test]
fn the_last_change_is_absent_until_there_was_one() {
    let series = r#"smtp_mx_last_change_timestamp_seconds{domain="example.com"}"#;
    for (seen, want) in [(observation(), "-"), (changed(), "1800000000.0")] {
        says(&samples(&snapshot([report(&seen)])), &[(series, want)]);
    }
}
