//! Hosts that are not there, not to be trusted, or in no hurry.

use super::*;
use rustls::version::TLS12;
use tokio::time::{Instant, advance, pause, resume, sleep, timeout};

const INVALID: &str = "mta_sts.invalid";

#[tokio::test]
async fn m06_a_host_needs_a_valid_certificate_for_its_name() {
    let domain = Domain::sound().await;
    let leaf = || domain.ca.leaf("mta-sts.example.test");
    let stranger = Ca::at(now());
    let mut wrong = vec![];
    for (name, identity, evidence) in [
        ("self-signed", leaf().self_signed().issue(), "UnknownIssuer"),
        ("expired", leaf().valid_days(-90, -1).issue(), "expired"),
        ("not yet", leaf().valid_days(1, 90).issue(), "not valid yet"),
        ("wrong host", domain.ca.leaf("example.test").issue(), "not valid for name"),
        ("a name in CN alone", leaf().common_name_only().issue(), "not valid for name"),
        ("unknown", stranger.leaf("mta-sts.example.test").issue(), "UnknownIssuer"),
        ("no intermediate", leaf().by_missing_intermediate().issue(), "UnknownIssuer"),
        ("expired intermediate", leaf().by_expired_intermediate().issue(), "expired"),
    ] {
        domain.host.shows(identity.server_config(ALL_VERSIONS));
        let asked = domain.host.requests().len();
        let evidence = format!("sts-webpki-invalid: {evidence}").to_lowercase();
        let (first, second, told) = domain.told().await;
        let is_so = first == INVALID
            && second == INVALID
            && told.starts_with("sts-webpki-invalid: ")
            && told.to_lowercase().contains(evidence.trim_start_matches("sts-webpki-invalid: "));
        wrong.extend((!is_so).then(|| format!("{name}: {first} {second} {told}")));
        assert_eq!(domain.host.requests().len(), asked, "{name}: nothing is asked of a stranger");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for identity in
        [leaf().issue(), leaf().by_intermediate().issue(), domain.ca.leaf("*.example.test").issue()]
    {
        domain.host.shows(identity.server_config(&[&TLS12]));
        assert_eq!(domain.told().await.1, "pass");
    }
}

#[tokio::test]
async fn m07_a_host_without_tls_12_serves_no_policy() {
    let domain = Domain::sound().await;
    let alert = |description| Answer::octets([21, 3, 1, 0, 2, 2, description]).unencrypted();
    let mut wrong = vec![];
    for (name, answer, (first, second), evidence) in [
        ("M07 an alert", alert(70), (INVALID, INVALID), "does not speak TLS 1.2"),
        ("M07 another", alert(80), (INVALID, INVALID), "alert internal_error"),
        ("M07 maybe others can", alert(40), ("?unsupported_by_prober", "?unsupported_by_prober"), ""),
        ("M07 no TLS", Answer::status(400).unencrypted(), (INVALID, INVALID), "protocol_error"),
        ("M07 hangs up", Answer::octets("").unencrypted(), ("?tempfail", INVALID), "closed"),
    ] {
        domain.host.becomes(answer);
        wrong.extend(domain.says(name, (first, second), evidence).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn m05_a_host_has_fifteen_seconds_in_all() {
    let domain = Domain::sound().await;
    let second = Duration::from_secs(1);
    let slow = || Answer::text(SOUND).dripping(second);
    let record =
        Answer::octets([&[22, 3, 3, 0x40, 0][..], &[0; 100]].concat()).dripping(second).unencrypted();
    for answer in [slow(), Answer::octets("HTTP/1.1 200 OK\r\n\r\n").dripping(second), record] {
        domain.host.becomes(answer);
        let asked = domain.host.requests().len();
        let began = Instant::now();
        let look = domain.look(None, now());
        tokio::pin!(look);
        // As far as the first octets, in real time; what is left of the fifteen seconds passes at once.
        timeout(second / 2, &mut look).await.unwrap_err();
        pause();
        let policy = loop {
            advance(second / 4).await;
            if let Ok(policy) = timeout(Duration::ZERO, &mut look).await {
                break policy;
            }
        };
        resume();
        assert_eq!(word(&domain.judged(&policy)), "?timeout", "{policy:?}");
        assert!(began.elapsed() >= 14 * second && began.elapsed() <= 17 * second, "{:?}", began.elapsed());
        assert!(domain.host.requests().len() <= asked + 1);
    }
    sleep(Duration::ZERO).await;
}

#[tokio::test]
async fn a_host_that_is_down_has_a_second_look_unless_no_host_was_ever_reached() {
    let closed = ClosedPort::somewhere();
    let domain = Domain::of(zone(ZONE), loopback()).await;
    let reaches = domain.clients.clone();
    let clients = reaches.clone().at_port(closed.addr.port());
    let blind = Domain { clients, ..domain };
    let (first, second, told) = blind.told().await;
    assert_eq!((&*first, &*second), ("?vantage_blocked", "?vantage_blocked"));
    assert!(told.contains("no policy host was reached over IPv4 so far; 127.0.0.1:"), "{told}");
    assert!(reaches.fetch(&blind.dns, &name(), now()).await.is_ok());
    let (first, second, told) = blind.told().await;
    assert_eq!((&*first, &*second), ("?tempfail", INVALID));
    assert!(told.starts_with("sts-policy-fetch-error: refused at policy_fetch: 127.0.0.1:"), "{told}");
}

#[tokio::test]
async fn m20_no_connection_goes_to_a_private_address() {
    let nowhere = Network { allow_targets: vec![], source_addresses: vec![] };
    let zone_with = |addresses: &[&str]| {
        let records = ZONE.replace("mta-sts IN A 127.0.0.1", &addresses.join("\n"));
        zone(&records)
    };
    for addresses in [
        &["mta-sts IN A 127.0.0.1"][..],
        &["mta-sts IN A 169.254.169.254"],
        &["mta-sts IN A 10.0.0.1", "mta-sts IN AAAA fd00::1"],
        &["mta-sts IN AAAA ::ffff:127.0.0.1"],
    ] {
        let domain = Domain::of(zone_with(addresses), nowhere.clone()).await;
        let (first, second, told) = domain.told().await;
        assert_eq!((&*first, &*second), (INVALID, INVALID), "{addresses:?}");
        assert!(told.contains("not globally routable"), "{told}");
        assert_eq!(domain.host.requests().len(), 0);
    }
    let both = ["mta-sts IN A 10.0.0.1", "mta-sts IN A 127.0.0.1"];
    let domain = Domain::of(zone_with(&both), loopback()).await;
    assert_eq!(domain.told().await.1, "pass", "the address that may be contacted is");
}

#[tokio::test]
async fn a_host_without_an_answer_from_dns_is_in_doubt() {
    let without = ZONE.replace("mta-sts IN A 127.0.0.1\n", "");
    for (name, zone, want, evidence) in [
        ("M22 no such host", zone(&without), INVALID, "mta-sts.example.test has no address: no_such_name"),
        (
            "M22 an alias to nowhere",
            zone(&format!("{without}\nmta-sts IN CNAME x.test.")),
            INVALID,
            "no_such_name",
        ),
        (
            "M22 SERVFAIL",
            zone(ZONE).servfail("mta-sts.example.test."),
            "?dns_failure",
            "addresses of mta-sts",
        ),
        ("M22 silence", zone(ZONE).unanswered("mta-sts.example.test."), "?dns_failure", "timeout"),
    ] {
        let domain = Domain::of(zone, loopback()).await;
        let wrong = domain.says(name, (want, want), evidence).await;
        assert_eq!(wrong, None);
    }
}

#[tokio::test]
async fn a_host_behind_an_alias_needs_a_certificate_for_the_name_that_was_asked() {
    let records = ZONE.replace("mta-sts IN A 127.0.0.1", "mta-sts IN CNAME host.provider.test.");
    let plan = zone(&records).and_zone("provider.test.", "host IN A 127.0.0.1");
    let domain = Domain::of(plan, loopback()).await;
    assert_eq!(domain.told().await.1, "pass");
    let provider = domain.ca.leaf("host.provider.test").issue();
    domain.host.shows(provider.server_config(ALL_VERSIONS));
    assert_eq!(domain.told().await.0, INVALID);
}
