//! What it means that something could not be judged, cause by cause, and what can be done about it.

use crate::observe::Cause;

/// What people should know of a cause.
pub(super) struct Advice {
    /// The cause in two words.
    pub(super) tag: &'static str,
    /// The cause as a headline.
    pub(super) title: &'static str,
    /// What it says of the server, and what it does not.
    pub(super) meaning: &'static str,
    /// What to do about it; code stands between backticks.
    pub(super) remedy: &'static str,
}

/// What to know of a cause that proves nothing about the server. The others never lead to doubt.
pub(super) fn advice(cause: Cause) -> Advice {
    match cause {
        Cause::Throttled => THROTTLED,
        Cause::Greylisted => GREYLISTED,
        Cause::ClientBlocked => CLIENT_BLOCKED,
        Cause::Timeout => TIMEOUT,
        Cause::DnsFailure => DNS_FAILURE,
        Cause::VantageBlocked => VANTAGE_BLOCKED,
        Cause::TrustedVantage => TRUSTED_VANTAGE,
        Cause::ProbeRecipientUnusable => PROBE_RECIPIENT_UNUSABLE,
        Cause::UnsupportedByProber => UNSUPPORTED_BY_PROBER,
        Cause::ProberError => PROBER_ERROR,
        Cause::Tempfail
        | Cause::Alert
        | Cause::Closed
        | Cause::NoAnswer
        | Cause::NotPublic
        | Cause::Oversize
        | Cause::ProtocolError
        | Cause::Refused
        | Cause::Rejected
        | Cause::Reset
        | Cause::Unreachable => TEMPFAIL,
    }
}

const THROTTLED: Advice = Advice {
    tag: "throttled",
    title: "The server limits how often this prober may come",
    meaning: "It asks to be left alone for a while, so nothing behind that point was seen. That says nothing about how it treats mail.",
    remedy: "Nothing, if it passes. If it stays, except the prober's address from the limit (Postfix: `smtpd_client_event_limit_exceptions`), or come less often with a longer `interval` and `network.min_spacing`.",
};

const GREYLISTED: Advice = Advice {
    tag: "greylisted",
    title: "The server greylists this prober",
    meaning: "It lets strangers wait and takes the same mail later. The same test is repeated until it has an answer.",
    remedy: "Nothing, if it passes. If it stays for hours, except the prober's address from greylisting.",
};

const CLIENT_BLOCKED: Advice = Advice {
    tag: "refuses us",
    title: "The server refuses this prober, not mail as such",
    meaning: "The refusal is about the prober's address, name or sender. Senders of better repute may well get in, so this is not held against the server.",
    remedy: "Give the prober's address a PTR record that matches its `helo_name`, and let `mail_from` be an address that takes mail. Where a block-list is named, ask it for delisting. Or allow the prober at the server.",
};

const TEMPFAIL: Advice = Advice {
    tag: "temporary failure",
    title: "Something failed that may pass",
    meaning: "The server reported a temporary failure, or did not answer for the first time. Senders that meet the same try again, and so does this prober before it calls it a finding.",
    remedy: "Nothing, if it passes. If it stays, look into the mail server's log at the times given here.",
};

const TIMEOUT: Advice = Advice {
    tag: "no answer in time",
    title: "No answer came in time",
    meaning: "The server or the way to it was slow. One silence proves nothing.",
    remedy: "Nothing, if it passes. If it stays, look at the server's load and its own DNS look-ups, and raise `timeout` where it is slow on purpose.",
};

const DNS_FAILURE: Advice = Advice {
    tag: "DNS failure",
    title: "DNS did not answer",
    meaning: "A look-up failed on the way, which is not the same as a name that does not exist. What depends on it could not be judged.",
    remedy: "If many domains have this, look at the prober's resolver (`dns.nameservers`); if only this one has, look at the name servers of its zone.",
};

const VANTAGE_BLOCKED: Advice = Advice {
    tag: "out of reach here",
    title: "Port 25, or HTTPS for MTA-STS, is out of reach from this machine",
    meaning: "No server can be reached from here over this family of addresses, so this is not about any of them.",
    remedy: "Ask this machine's provider to open outgoing port 25, which most of them block at first; for MTA-STS policies, let it connect to port 443. For IPv6, see that the machine has a route at all.",
};

const TRUSTED_VANTAGE: Advice = Advice {
    tag: "trusts us",
    title: "The server may trust this prober",
    meaning: "It is listed in `network.trusted_by`. That it relays for this machine does not tell whether it relays for strangers.",
    remedy: "Probe it from an address that it does not trust.",
};

const PROBE_RECIPIENT_UNUSABLE: Advice = Advice {
    tag: "no test recipient",
    title: "No outside recipient could be used",
    meaning: "The relay test needs a recipient that is somebody else's. Each of those configured was refused for its own domain's sake, or is served by this very host.",
    remedy: "Name an address at another domain that takes mail in `test_probe_address`.",
};

const UNSUPPORTED_BY_PROBER: Advice = Advice {
    tag: "TLS unknown to us",
    title: "The prober does not speak this server's TLS",
    meaning: "The handshake failed because of what this program's TLS library leaves out. Other senders may do better.",
    remedy: "Let the server offer TLS 1.2 with ECDHE and AES-GCM, or TLS 1.3. Every current sender speaks both.",
};

const PROBER_ERROR: Advice = Advice {
    tag: "prober error",
    title: "A fault of the prober itself",
    meaning: "It says nothing about the server.",
    remedy: "Look into the prober's log, and report it if it stays.",
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_doubt_is_explained_in_words_of_its_own() {
        let doubtful: Vec<_> = Cause::ALL.into_iter().filter(|cause| cause.is_inconclusive()).collect();
        let titles: BTreeSet<_> = doubtful.iter().map(|cause| advice(*cause).title).collect();
        let tags: BTreeSet<_> = doubtful.iter().map(|cause| advice(*cause).tag).collect();
        assert_eq!((titles.len(), tags.len()), (doubtful.len(), doubtful.len()));
        for cause in doubtful {
            let Advice { tag, meaning, remedy, .. } = advice(cause);
            assert!(tag.len() <= 18 && meaning.ends_with('.') && remedy.ends_with('.'), "{cause}");
            assert_eq!(remedy.matches('`').count() % 2, 0, "{cause}");
        }
    }
}
