//! What rules are told beside an observation, for tests.

use super::{Context, Prober, Tests};
use crate::observe::testing::{days, now};
use std::time::Duration;

/// The defaults of the configuration, now.
pub(crate) fn context() -> Context {
    Context {
        now: now(),
        certificate_expires_soon: days(20),
        tests: Tests { null_sender: true, postmaster: true, open_relay: true },
        expect_mx: Vec::new(),
        trusted_by: Vec::new(),
        persistent: Duration::from_secs(4 * 3600),
        prober: Prober {
            v4_blocked: Some(false),
            v6_blocked: Some(false),
            resolver_answers: Some(true),
            validates: Some(true),
        },
    }
}
