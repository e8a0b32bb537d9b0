//! What the prober has to say of itself above the list: that the list cannot be better than its own view.

use crate::render::time;
use crate::snapshot::ProberFacts;

/// A sentence or two each; none where all is well.
pub(super) fn notices(prober: &ProberFacts) -> Vec<String> {
    let blocked = match (prober.v4_blocked, prober.v6_blocked) {
        (Some(true), Some(true)) => Some("IPv4 and IPv6"),
        (Some(true), _) => Some("IPv4"),
        (_, Some(true)) => Some("IPv6"),
        _ => None,
    };
    let blocked = blocked.map(|families| {
        format!("Port 25 is out of this machine's reach over {families}. What can be seen only there is not judged.")
    });
    let unread = prober.config.filter(|config| !config.successful).map(|config| {
        let since = time::minute(config.last_success);
        format!(
            "The configuration could not be read again. The one of {since} stays in force; the log says why."
        )
    });
    blocked.into_iter().chain(unread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::now;
    use crate::snapshot::ConfigRead;

    #[test]
    fn only_what_is_wrong_is_told() {
        let config = |successful| Some(ConfigRead { successful, last_success: now() });
        for (v4_blocked, v6_blocked, config, want) in [
            (None, None, None, vec![]),
            (Some(false), Some(false), config(true), vec![]),
            (Some(false), Some(true), None, vec!["over IPv6."]),
            (
                Some(true),
                Some(true),
                config(false),
                vec!["over IPv4 and IPv6.", "of 15 Jan 2027 08:00 UTC stays"],
            ),
        ] {
            let told = notices(&ProberFacts { v4_blocked, v6_blocked, config, ..ProberFacts::default() });
            assert_eq!(told.len(), want.len(), "{told:?}");
            assert!(told.iter().zip(want).all(|(told, want)| told.contains(want)), "{told:?}");
        }
    }
}
