//! One status for a domain that was probed once. What could not be judged counts for more than what was found to be in
//! order: nobody comes back in a quarter of an hour to judge it.

use crate::report::Report;
use crate::rules::Status;

/// Every status that a rule or a domain can have, worst first.
pub(super) const WORST_FIRST: [Status; 6] =
    [Status::Critical, Status::Warning, Status::Error, Status::Unknown, Status::Info, Status::Ok];

/// The status that counts; unknown where there is none.
pub fn verdict(report: &Report) -> Status {
    let has = |status: &Status| report.standings.iter().any(|row| row.status() == *status);
    WORST_FIRST.into_iter().find(has).unwrap_or(Status::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, observation, open_relay};
    use crate::render::testing::report;

    #[test]
    fn what_was_not_judged_is_worse_than_what_is_in_order() {
        let throttled = || endpoint().banner("421 4.7.0 too many connections");
        let relay = || endpoint().at("mx2.example.com", "192.0.2.11").relay(Some(open_relay()));
        for (endpoints, want) in [
            (vec![throttled()], Status::Unknown),
            (vec![throttled(), relay()], Status::Critical),
            (vec![endpoint()], Status::Info), // it has no IPv6
        ] {
            assert_eq!(verdict(&report(&observation().of(endpoints))), want);
        }
    }
}
