//! A server that has had enough of us: what it let us see before stands, and nothing is held against it.

use crate::daemon::Daemon;
use crate::expectations;
use crate::said;
use crate::smtp::Dialogue;
use crate::tally::Tally;

const DOMAIN: &str = "rate-limited.test";
const ADDRESS: &str = "192.0.2.17";

/// All that needs more of a server than that it takes a connection and has a name.
pub(crate) const BEHIND_THE_GREETING: [&str; 12] = [
    "smtp.banner_sanity",
    "smtp.ehlo_supported",
    "smtp.starttls_offered",
    "smtp.starttls_handshake",
    "smtp.auth_posture",
    "smtp.null_sender",
    "smtp.postmaster",
    "smtp.open_relay",
    "smtp.extension_posture",
    "smtp.availability",
    "smtp.tls_quality",
    "smtp.tls_version",
];

/// Lets the daemon look once, uses up what the server grants this machine, and waits for the daemon to be turned away.
pub(crate) fn holds_the_verdict(tally: &mut Tally, daemon: &mut Daemon) {
    let missed = daemon.watch(2); // of which one is the other addresses' second look
    tally.compare("every domain looked at", missed);
    tally.compare("the server throttles this machine", exhaust().err().into_iter().collect());

    tally.compare_in_time("throttled, and every verdict held", || differs().into_iter().collect());
}

/// Connects until it is told to go away, which must happen before the hundredth time.
fn exhaust() -> Result<(), String> {
    for _ in 0..100 {
        let (_, greeting) = Dialogue::open(ADDRESS).map_err(|error| error.to_string())?;
        if greeting.code() == "421" && greeting.text().contains("too many connections") {
            return Ok(());
        }
    }
    Err("one hundred connections were let in".to_owned())
}

/// What is not as it should be: every rule behind the greeting is inconclusive as throttled and no other, and all
/// statuses are still those of the table.
fn differs() -> Option<String> {
    let metrics = said::get("/metrics").unwrap_or_default();
    let statuses = said::statuses(&metrics);
    for (rule, wanted) in expectations::read().remove(DOMAIN).expect("it stands in the table") {
        let got = statuses.get(&(DOMAIN.to_owned(), rule.clone()));
        if got != wanted.status.as_ref() {
            return Some(format!("{rule}: status {got:?} instead of {:?}", wanted.status));
        }
    }
    let wanted = BEHIND_THE_GREETING.map(|rule| (rule.to_owned(), "throttled".to_owned())).into();
    let got = said::inconclusive(&metrics, DOMAIN);
    (got != wanted).then(|| format!("inconclusive: wanted {wanted:?}, got {got:?}"))
}
