//! TLSA records and what each says of the last session, in words: for pages, terminals and JSON.

use super::words;
use crate::observe::{Breach, Endpoint, Fit, Observation, Published, Tls, Tlsa, TlsaLookup};
use std::fmt::Write as _;
use std::time::SystemTime;

/// One record of an endpoint's host.
pub(super) struct Row<'a> {
    pub(super) record: &'a Tlsa,
    /// None where there is no certificate to compare it with.
    pub(super) fit: Option<Fit>,
    /// What it says of the server.
    pub(super) says: String,
}

impl<'a> Row<'a> {
    /// Every record that counts at an endpoint, in the order of the look-up.
    pub(super) fn all(observation: &'a Observation, endpoint: &Endpoint, now: SystemTime) -> Vec<Self> {
        let Some(found) = records(observation, endpoint) else { return Vec::new() };
        let tls = endpoint.contact.tls().ok();
        let fits = observation.fits(endpoint, now);
        let row = |(at, record): (usize, &'a Tlsa)| {
            let fit = fits.get(at).map(|(_, fit)| fit.clone());
            let says = match (&fit, tls) {
                (Some(Fit::Nothing), _) if is_shown_to_scan(record, endpoint) => {
                    "matches another certificate of the server, which a TLS scan was shown".to_owned()
                }
                (Some(fit), Some(tls)) => says(fit, tls),
                _ => "no certificate to compare it with".to_owned(),
            };
            Self { record, fit, says }
        };
        found.records().iter().enumerate().map(row).collect()
    }

    /// Whether a sender accepts the server for it.
    pub(super) fn is_match(&self) -> bool {
        self.fit.as_ref().is_some_and(Fit::is_match)
    }
}

/// The look-up whose records count at an endpoint.
fn records<'a>(observation: &'a Observation, endpoint: &Endpoint) -> Option<&'a TlsaLookup> {
    match observation.dns.hosts.get(&endpoint.mx)?.dane() {
        Ok(Published::Records(found)) => Some(found),
        _ => None,
    }
}

/// Whose the records of an endpoint are, if they were not published for its very name.
pub(super) fn wildcard(observation: &Observation, endpoint: &Endpoint) -> Option<String> {
    let found = records(observation, endpoint)?;
    let wildcard = found.wildcard.as_ref()?;
    let for_whom =
        found.stray_wildcard().map_or("for all its ports", |_| "perhaps not meant for this server");
    Some(format!("by the wildcard {wildcard}, {for_whom}"))
}

fn is_shown_to_scan(record: &Tlsa, endpoint: &Endpoint) -> bool {
    endpoint.contact.latest.scan.as_ref().is_some_and(|scan| record.is_shown_to(scan))
}

/// What there is instead of records, in a few words; none where there are some.
pub(super) fn without_records(observation: &Observation, endpoint: &Endpoint) -> Option<String> {
    Some(match observation.dns.hosts.get(&endpoint.mx)?.dane() {
        Ok(Published::Records(_)) => return None,
        Ok(Published::Absent) => "no TLSA records".to_owned(),
        Ok(Published::Bogus(_)) => "the signatures do not fit".to_owned(),
        Ok(Published::Insecure(what)) => format!("not possible: {what} are not signed"),
        Ok(Published::Unseen(_, unseen)) | Err(unseen) => {
            format!("not known: {}", words::trouble(unseen.trouble()))
        }
    })
}

/// The word for a fit in JSON.
pub(super) fn word(fit: &Fit) -> &'static str {
    match fit {
        Fit::Anchor(_) => "anchor",
        Fit::Broken(_) => "broken",
        Fit::Leaf => "leaf",
        Fit::Nothing => "nothing",
        Fit::Unknown(_) => "unknown",
        Fit::Unusable(_) => "unusable",
    }
}

/// The data in lower-case hexadecimal digits, as far as they are kept.
pub(super) fn data(record: &Tlsa) -> String {
    record.data.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").ok();
        text
    })
}

fn says(fit: &Fit, tls: &Tls) -> String {
    let at = |place: usize| tls.chain.get(place).map_or("a certificate above it", |one| one.subject.as_str());
    match fit {
        Fit::Leaf => "matches the server's own certificate".to_owned(),
        Fit::Anchor(Some(place)) => format!("matches what is above it: {}", at(*place)),
        Fit::Anchor(None) => "matches: the chain leads to what the record holds".to_owned(),
        Fit::Broken(Breach::Chain(trouble)) => {
            format!("an authority that does not vouch for the server: {}", words::chain_trouble(trouble))
        }
        Fit::Broken(Breach::Dates) => "the server's certificate is outside its dates".to_owned(),
        Fit::Broken(Breach::Name) => "the server's certificate is for other names".to_owned(),
        Fit::Nothing => "matches nothing that was shown".to_owned(),
        Fit::Unknown(why) => format!("not judged: {why}"),
        Fit::Unusable(why) => format!("cannot be used: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::observe::testing::{
        ObservationBuilder, Of, asked, endpoint, host, now, observation, signed, tlsa,
    };
    use crate::observe::{DaneState, Dnssec, Outcome, TlsaLookup};
    use crate::render::testing::{after, report};
    use crate::render::text::Terminal;
    use crate::render::{html, text};
    use crate::rules::Subject;
    use DaneState::*;

    const TERMINAL: Terminal = Terminal { width: 200, colour: false };

    fn with<const N: usize>(records: [crate::observe::Tlsa; N]) -> ObservationBuilder {
        observation().host("mx1.example.com", host().tlsa(records))
    }

    fn asked_in_vain(outcome: Outcome<Vec<crate::observe::Tlsa>>, dnssec: Dnssec) -> ObservationBuilder {
        observation().host("mx1.example.com", host().tlsa_is([asked(outcome, dnssec)]))
    }

    #[test]
    fn a_domain_is_in_the_worst_state_of_its_servers() {
        let absent = || host().tlsa_is([asked(Outcome::NoData, Dnssec::Secure)]);
        let second = || endpoint().at("mx2.example.com", "192.0.2.11");
        for (name, seen, want) in [
            ("well", observation(), Some(Valid)),
            ("without a roll-over", with([tlsa(3, 1, Of::LeafKey)]), Some(Valid)),
            ("another certificate", with([tlsa(3, 1, Of::Nothing)]), Some(Mismatch)),
            ("nothing usable", with([tlsa(1, 1, Of::LeafKey)]), Some(Unusable)),
            (
                "something unusable",
                with([tlsa(3, 1, Of::LeafKey), crate::observe::Tlsa { matching: 7, ..tlsa(3, 1, Of::Leaf) }]),
                Some(Valid),
            ),
            ("without TLS", observation().of([endpoint().without_starttls()]), Some(NoTls)),
            ("not signed", observation().without_dane(), Some(Insecure)),
            ("signed, but for the domain", observation().dnssec(Dnssec::Insecure), Some(InsecureMx)),
            ("no records", asked_in_vain(Outcome::NoData, Dnssec::Secure), Some(Absent)),
            ("bogus", asked_in_vain(Outcome::ServerFailure, Dnssec::Bogus), Some(Bogus)),
            ("failing", asked_in_vain(Outcome::ServerFailure, Dnssec::Unchecked), None),
            (
                "half",
                observation().of([endpoint(), second()]).host("mx2.example.com", absent()),
                Some(Partial),
            ),
            ("throttled", observation().of([endpoint(), second().banner("421 later")]), None),
            ("a null MX", observation().of([]).mx([(0, ".")]), None),
        ] {
            assert_eq!(report(&seen).dane(), want, "{name}");
        }
    }

    #[test]
    fn a_record_of_the_other_of_two_certificates_is_told_from_one_of_none() {
        let says = |server: crate::observe::testing::EndpointBuilder| {
            let report = report(&with([tlsa(3, 1, Of::Nothing)]).of([server]));
            super::Row::all(&report.observation, &report.observation.endpoints[0], now()).remove(0).says
        };
        assert_eq!(says(endpoint()), "matches nothing that was shown");
        let two = endpoint().scan_shows(Of::NothingElse, Of::Nothing);
        assert_eq!(says(two), "matches another certificate of the server, which a TLS scan was shown");
    }

    #[test]
    fn a_wildcard_is_told_with_what_it_is_for() {
        let of_wildcard = |wildcard: Option<&str>| {
            let found = signed(vec![tlsa(3, 1, Of::LeafKey)]);
            let found = TlsaLookup { wildcard: wildcard.map(Into::into), ..found };
            let report = report(&observation().host("mx1.example.com", host().tlsa_is([found])));
            let words = super::wildcard(&report.observation, &report.observation.endpoints[0]);
            let is_told = |shown: &str| words.as_ref().is_some_and(|words| shown.contains(words.as_str()));
            let (text, page) =
                (text::reports(&[report.clone().into()], TERMINAL, now()), html::domain(&report, now()));
            assert_eq!(is_told(&text), is_told(&page), "{text}");
            (words.clone().unwrap_or_default(), is_told(&page))
        };
        let all_ports = "by the wildcard *._tcp.mx1.example.com, for all its ports";
        let stray = "by the wildcard *.example.com, perhaps not meant for this server";
        assert_eq!(of_wildcard(Some("*._tcp.mx1.example.com")), (all_ports.to_owned(), true));
        assert_eq!(of_wildcard(Some("*.example.com")), (stray.to_owned(), true));
        assert_eq!(of_wildcard(None), (String::new(), false));
    }

    #[test]
    fn what_could_not_be_renewed_stands() {
        let first = report(&observation());
        let throttled = after(&first, &observation().of([endpoint().banner("421 later")]));
        assert_eq!(throttled.dane(), Some(Valid));
        let failing = after(&first, &asked_in_vain(Outcome::Timeout, Dnssec::Unchecked));
        assert_eq!(failing.dane(), Some(Valid));
        let server = Subject::of(&first.observation.endpoints[0]);
        assert_eq!(failing.dane_at(&server), Some(Valid));
        assert_eq!(report(&with([tlsa(3, 1, Of::Nothing)])).dane_at(&server), Some(Mismatch));
        assert_eq!(report(&observation().without_dane()).dane_at(&server), None);
    }
}
