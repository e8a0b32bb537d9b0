//! What a domain publishes about TLS, in a line each, for pages and terminals.

use super::{time, words};
use crate::observe::{Mode, MtaSts, PeerText, Policy, StsPolicy, StsState};

/// `MTA-STS` and `TLS-RPT`, and what there is to say of each.
pub(super) fn policies(policy: &Policy) -> [(&'static str, String); 2] {
    [("MTA-STS", mta_sts(&policy.mta_sts)), ("TLS-RPT", tls_rpt(policy))]
}

fn mta_sts(sts: &MtaSts) -> String {
    let stands = sts.state.as_ref().map(|state| match state {
        StsState::Absent => "none".to_owned(),
        StsState::Invalid => "announced, but there is no policy that senders can use".to_owned(),
        StsState::Policy(policy) => in_force(policy),
    });
    match (stands, sts.current()) {
        (Some(stands), Ok(_)) => stands,
        (None, Ok(_)) => "not known".to_owned(),
        (Some(stands), Err(unseen)) => {
            format!("{stands}; not looked at again: {}", words::trouble(unseen.trouble()))
        }
        (None, Err(unseen)) => format!("not known: {}", words::trouble(unseen.trouble())),
    }
}

fn in_force(policy: &StsPolicy) -> String {
    let mode = match policy.mode {
        Mode::Enforce => "enforced",
        Mode::None => return "withdrawn".to_owned(),
        Mode::Testing => "being tested",
    };
    let mut mx: Vec<String> = policy.mx.iter().take(10).map(ToString::to_string).collect();
    match policy.more_mx + policy.mx.len().saturating_sub(10) {
        0 => {}
        more => mx.push(format!("{more} more")),
    }
    format!("{mode} for {}; senders keep it for {}", mx.join(", "), time::rough(policy.max_age))
}

fn tls_rpt(policy: &Policy) -> String {
    match policy.tls_rpt.records() {
        Err(unseen) => format!("not known: {}", words::trouble(unseen.trouble())),
        Ok(None) => "none".to_owned(),
        Ok(Some(record)) => match &record.read {
            Err(why) => format!("not usable: {why}"),
            Ok(reports) if reports.is_empty() => "none".to_owned(),
            Ok(reports) => {
                let to: Vec<_> = reports.iter().map(PeerText::as_str).collect();
                format!("reports go to {}", to.join(", "))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{failed, policies as published};
    use crate::observe::{Cause, Fetched, Outcome, Stage};
    use std::time::Duration;

    #[test]
    fn each_is_a_line() {
        let sound = || published("enforce", &["mx1.example.com", "*.example.net"]);
        let trouble = || sound().fetched(Some(failed(Stage::Fetch, Cause::Timeout)));
        let enforced = "enforced for mx1.example.com, *.example.net; senders keep it for 14 days";
        let doubt = "no answer in time, at fetch of the MTA-STS policy";
        for (policy, want) in [
            (sound(), enforced.to_owned()),
            (
                published("testing", &["a.test"]),
                "being tested for a.test; senders keep it for 14 days".to_owned(),
            ),
            (published("none", &[]), "withdrawn".to_owned()),
            (sound().record(&[]), "none".to_owned()),
            (
                sound().fetched(Some(Ok(Fetched::TooLarge))),
                "announced, but there is no policy that senders can use".to_owned(),
            ),
            (trouble().after(&sound()), format!("{enforced}; not looked at again: {doubt}")),
            (trouble().for_looks(1, Duration::ZERO), format!("not known: {doubt}")),
        ] {
            assert_eq!(policies(&policy.build())[0].1, want, "{policy:?}");
        }
        for (policy, want) in [
            (sound(), "reports go to mailto:tls@example.com"),
            (sound().tls_rpt(&["v=spf1 -all"]), "none"),
            (sound().tls_rpt(&["v=TLSRPTv1;"]), "not usable: it has no `rua`"),
            (sound().tls_rpt_is(Outcome::NoData), "none"),
            (sound().tls_rpt_is(Outcome::Refused), "not known: DNS did not answer, at look-up: refused"),
        ] {
            assert_eq!(policies(&policy.build())[1].1, want, "{policy:?}");
        }
    }
}
