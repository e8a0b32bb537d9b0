//! Would mail get through? For each kind of sender, falling through the MX preferences as senders do: one server that
//! works is enough. It says no more than the standings prove.

use super::{Held, Report};
use crate::observe::{Cause, DomainDns, Endpoint, HostDns, Lookup, Mode, Published, StsPolicy};
use crate::rules::Subject;

/// What a sender insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// On nothing: TLS where it comes about, else plaintext (RFC 7435).
    Opportunistic,
    /// On what an enforced policy says (RFC 8461 §5).
    MtaSts,
    /// On what signed TLSA records say, host by host (RFC 7672 §2.2).
    Dane,
}

/// Whether a sender finds a server to deliver to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// None, and none is wanted: a null MX.
    Declined,
    /// Some server will do.
    Works,
    /// None will.
    Fails,
    /// Nobody can tell.
    Unknown,
}

impl Sender {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Opportunistic, Self::MtaSts, Self::Dane];

    /// The word used in labels and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opportunistic => "opportunistic",
            Self::MtaSts => "mta_sts",
            Self::Dane => "dane",
        }
    }
}

impl Delivery {
    /// 1 or 0 in metrics; none where there is nothing to say.
    pub fn as_flag(self) -> Option<bool> {
        match self {
            Self::Works => Some(true),
            Self::Fails => Some(false),
            Self::Declined | Self::Unknown => None,
        }
    }
}

impl Report {
    /// Whether a sender of this kind gets through. A server in a family that this machine cannot reach has no say, as
    /// long as another one has.
    pub fn delivery(&self, sender: Sender) -> Delivery {
        if self.declines_mail() {
            return Delivery::Declined;
        }
        let endpoints = &self.observation.endpoints;
        if endpoints.is_empty() {
            return if self.leads_nowhere() { Delivery::Fails } else { Delivery::Unknown };
        }
        let takes: Vec<_> = endpoints
            .iter()
            .map(|endpoint| (Held::of(self, &Subject::of(endpoint)), endpoint))
            .map(|(held, endpoint)| (held.takes(endpoint, sender, self), held))
            .collect();
        if takes.iter().any(|(takes, _)| *takes == Some(true)) {
            return Delivery::Works;
        }
        let mut judged = takes.iter().filter(|(_, held)| !held.is_out_of_our_reach()).peekable();
        let none = judged.peek().is_some() && judged.all(|(takes, _)| *takes == Some(false));
        if none { Delivery::Fails } else { Delivery::Unknown }
    }

    /// Whether it takes no mail, by null MX (RFC 7505).
    pub fn declines_mail(&self) -> bool {
        let held = Held::of(self, &Subject::Domain);
        let last = held.last("smtp.null_mx").is_some_and(|last| !last.findings.is_empty());
        last || self.observation.dns.is_null_mx()
    }

    /// Whether DNS said for certain that there is no address to go to.
    pub fn leads_nowhere(&self) -> bool {
        fn is_empty<T>(lookup: &Lookup<Vec<T>>) -> bool {
            lookup.records().is_ok_and(|records| records.is_none_or(Vec::is_empty))
        }
        let has_none = |host: &HostDns| is_empty(&host.a) && is_empty(&host.aaaa);
        let DomainDns { mx, hosts, .. } = &self.observation.dns;
        mx.records().is_ok() && hosts.values().all(has_none)
    }
}

impl Held<'_> {
    /// Whether this machine's own lack of a way is all that is known of it.
    pub fn is_out_of_our_reach(&self) -> bool {
        let blocked = self
            .doubt("smtp.endpoint_reachable")
            .is_some_and(|doubt| doubt.trouble.cause == Cause::VantageBlocked);
        self.is_up().is_none() && blocked
    }

    /// Whether a sender delivers to the server; none where nobody can tell.
    fn takes(&self, endpoint: &Endpoint, sender: Sender, report: &Report) -> Option<bool> {
        if self.is_down(&endpoint.contact) {
            return Some(false);
        }
        let is_up = self.is_up()?;
        let observation = &report.observation;
        let is_wanted = match sender {
            Sender::Opportunistic => Some(true),
            Sender::MtaSts => self.suits_policy(observation.policy.mta_sts.policy(), endpoint),
            Sender::Dane => self.suits_records(observation.dns.hosts.get(&endpoint.mx), report),
        };
        if is_up { is_wanted } else { Some(false) }
    }

    /// RFC 8461 §5: an enforced policy has to allow the host, and wants TLS with a certificate that is valid.
    fn suits_policy(&self, policy: Option<&StsPolicy>, endpoint: &Endpoint) -> Option<bool> {
        let Some(policy) = policy.filter(|policy| policy.mode == Mode::Enforce) else { return Some(true) };
        match policy.allows(&endpoint.mx) {
            Some(true) if self.lacks_tls() => Some(false),
            Some(true) => self.has_valid_certificate(),
            other => other,
        }
    }

    /// RFC 7672 §2.2: what a host's signed records say goes, also that there are none; where that cannot be learnt, the
    /// sender waits.
    fn suits_records(&self, host: Option<&HostDns>, report: &Report) -> Option<bool> {
        let found = |held: &Held<'_>, code: &str| held.found("smtp.dane").any(|other| other == code);
        if found(self, "smtp.dane.mismatch") || found(self, "smtp.dane.no_tls") {
            return Some(false);
        }
        let domain = Held::of(report, &Subject::Domain);
        match host.map(HostDns::dane) {
            Some(Ok(Published::Bogus(_))) => Some(false),
            Some(Ok(Published::Unseen(..))) if found(&domain, "smtp.dane.lookup_failed") => Some(false),
            Some(Ok(Published::Records(found))) if found.usable().next().is_none() => Some(!self.lacks_tls()),
            Some(Ok(Published::Records(_))) => self.last("smtp.dane").map(|_| true),
            Some(Ok(Published::Unseen(..)) | Err(_)) | None => domain.last("smtp.dane").map(|_| true),
            Some(Ok(Published::Absent | Published::Insecure(_))) => Some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{
        EndpointBuilder, ObservationBuilder, Of, endpoint, host, observation, policies, tlsa,
    };
    use crate::report::testing::{after, report};
    use proptest::prelude::*;

    fn second() -> EndpointBuilder {
        endpoint().at("mx2.example.com", "192.0.2.11").preference(20)
    }

    /// What each kind of sender meets: opportunistic, MTA-STS, DANE.
    fn told(observation: &ObservationBuilder) -> [Option<bool>; 3] {
        let report = report(observation);
        Sender::ALL.map(|sender| report.delivery(sender).as_flag())
    }

    #[test]
    fn each_kind_of_sender_insists_on_its_own() {
        let (yes, no) = (Some(true), Some(false));
        let other = || host().tlsa([tlsa(3, 1, Of::Nothing)]);
        for (observation, want) in [
            (observation(), [yes, yes, yes]),
            (observation().of([endpoint().without_starttls()]), [yes, no, no]),
            (observation().of([endpoint().tls(|tls| tls.name_matches = false)]), [yes, no, yes]),
            (observation().policies(policies("enforce", &["mx9.example.com"])), [yes, no, yes]),
            (observation().policies(policies("testing", &["mx9.example.com"])), [yes, yes, yes]),
            (observation().of([endpoint()]).host("mx1.example.com", other()), [yes, yes, no]),
            (observation().of([endpoint().without_starttls(), second()]), [yes, yes, yes]),
            (observation().of([endpoint().unreachable(Cause::Refused)]), [no, no, no]),
            (observation().of([endpoint().banner("421 later")]), [None; 3]),
            (observation().of([]).mx([(0, ".")]), [None; 3]),
        ] {
            assert_eq!(told(&observation), want, "{observation:?}");
        }
    }

    #[test]
    fn what_could_not_be_renewed_still_counts() {
        let before = report(&observation().of([endpoint().without_starttls()]));
        let later = after(&before, &observation().of([endpoint().banner("421 later")]));
        for sender in Sender::ALL {
            assert_eq!(later.delivery(sender), before.delivery(sender), "{sender:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn one_server_that_works_is_enough_however_broken_the_first_is(
            how in 0..9_usize,
            tlsa_breaks in any::<bool>(),
        ) {
            let first = match how {
                0 => endpoint().unreachable(Cause::Refused),
                1 => endpoint().banner("554 no service"),
                2 => endpoint().banner("421 later"),
                3 => endpoint().ehlo("550 not here"),
                4 => endpoint().without_starttls(),
                5 => endpoint().starttls_refused("454 later"),
                6 => endpoint().handshake_fails(Cause::Alert, "handshake_failure"),
                7 => endpoint().tls(|tls| tls.name_matches = false),
                _ => endpoint(),
            };
            let mut domain = observation().of([first, second()]);
            if tlsa_breaks {
                domain = domain.host("mx1.example.com", host().tlsa([tlsa(3, 1, Of::Nothing)]));
            }
            prop_assert_eq!(told(&domain), [Some(true); 3]);
        }
    }
}
