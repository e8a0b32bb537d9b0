//! Reports for unit tests: built observations, judged by the real rules and folded.

use super::{NextDue, Report, fold};
use crate::observe::testing::{ObservationBuilder, days, now};
use crate::rules::testing::context;
use crate::rules::{Acceptance, Overrides, Subject, judge};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A first run.
pub(crate) fn report(observation: &ObservationBuilder) -> Report {
    run(None, observation, &Overrides::default())
}

/// One more run.
pub(crate) fn after(previous: &Report, observation: &ObservationBuilder) -> Report {
    run(Some(previous), observation, &Overrides::default())
}

/// A run with severities of its own.
pub(crate) fn run(
    previous: Option<&Report>,
    observation: &ObservationBuilder,
    overrides: &Overrides,
) -> Report {
    let mut observation = observation.build();
    for endpoint in &mut observation.endpoints {
        let before = previous.into_iter().flat_map(|report| &report.observation.endpoints);
        let before = before.into_iter().find(|other| Subject::of(other) == Subject::of(endpoint));
        // What a session did not reach stays as the last one that did saw it.
        if let (None, Some(before)) = (&endpoint.contact.latest.tls, before) {
            Arc::make_mut(&mut endpoint.contact).latest.tls = before.contact.latest.tls.clone();
        }
    }
    let judged = judge(&observation, &context());
    let minutes = |minutes: u64| now() + Duration::from_secs(minutes * 60);
    let next = NextDue {
        run: minutes(11),
        transactions: minutes(41),
        interval: Duration::from_secs(900),
        transactions_interval: Duration::from_secs(3600),
    };
    fold(previous, observation, judged, overrides, (next, Duration::from_millis(1_420)))
}

/// An issue that is known and wanted until the end of January 2027.
pub(crate) fn accepting(issue: &'static str) -> Overrides {
    let until = SystemTime::UNIX_EPOCH + days(20_849);
    let acceptance = Acceptance { issue, mx: None, until, reason: "a lab & its <relay>".into() };
    Overrides { accepted: vec![Arc::new(acceptance)], ..Overrides::default() }
}
