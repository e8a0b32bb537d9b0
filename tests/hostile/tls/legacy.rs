//! Servers of old times, which the TLS library cannot speak to: what a session says of them alone, and what a scan adds.

mod peer;

use super::looking;
use crate::meet::{Met, now, seconds, testing};
use crate::says::{context, word};
use crate::smtp::offered;
use crate::support::smtp::Script;
use mx_exporter::observe::{Contact, Endpoint, Observation, Scanned, TlsScan};
use mx_exporter::rules::{self, Judgement, Subject, Verdict};
use peer::Old;
use std::sync::Arc;

const RSA: &[u8] = include_bytes!("../../../src/probe/tests/certificates/rsa1024.der");
const SHA1: &[u8] = include_bytes!("../../../src/probe/tests/certificates/rsa2048-sha1.der");

/// One session with a server, looking or scanning.
async fn meet(old: &Old, scan: Option<TlsScan>) -> (Met, Vec<u8>) {
    let (ours, theirs) = tokio::io::duplex(4_096);
    let mut meeting = looking(testing());
    meeting.plan.scan = scan;
    let serving = tokio::spawn(old.clone().serve(theirs));
    let met = meeting.over(ours).await;
    (met, serving.await.unwrap())
}

/// Asks until there is nothing left to ask.
async fn scan(old: &Old) -> Scanned {
    let mut scan = TlsScan::beginning(now());
    loop {
        let (met, behind) = meet(old, Some(scan)).await;
        assert!(behind.is_empty() || behind[..3] == [21, 3, 3], "no plaintext behind the hello: {behind:?}");
        let scanned = met.session.scan.unwrap().unwrap();
        if scanned.is_complete {
            return scanned;
        }
        scan = scanned.scan;
    }
}

/// What the two rules say of two sessions that met the same, and what they found: without a scan and with it.
async fn said(old: &Old) -> (String, String, Vec<String>) {
    let (met, _) = meet(old, None).await;
    let seen = met.observation(2);
    let alone = judged(&seen);
    let mut endpoint: Endpoint = seen.endpoints[0].clone();
    let contact: &Contact = &endpoint.contact;
    let scanned = scan(old).await;
    assert!(scanned.scan.answers.len() <= 12, "{scanned:?}");
    endpoint.contact = Arc::new(contact.with_scan(now(), &Ok(scanned)));
    let with_scan = judged(&Observation { endpoints: vec![endpoint], ..seen });
    let words = |judged: &[(&str, Judgement)]| {
        judged.iter().map(|(_, judgement)| word(judgement)).collect::<Vec<_>>().join(", ")
    };
    let found = with_scan.iter().filter_map(|(_, judgement)| match judgement {
        Ok(Verdict::Findings(findings)) => Some(findings.iter().map(|finding| finding.evidence.clone())),
        _ => None,
    });
    let found = found.flatten().collect();
    (words(&alone), words(&with_scan), found)
}

fn judged(seen: &Observation) -> Vec<(&'static str, Judgement)> {
    let judged = rules::judge(seen, &context(now())).into_iter();
    let judged = judged.filter(|judged| judged.subject != Subject::Domain);
    let rules = ["smtp.starttls_handshake", "smtp.tls_version"];
    judged
        .filter(|judged| rules.contains(&judged.rule.code))
        .map(|judged| (judged.rule.code, judged.judgement))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn old_servers_are_told_apart() {
    let of = |versions, suites| Old { versions, suites, certificate: RSA };
    for (name, old, want, found) in [
        (
            "T07 TLS 1.0 alone",
            of(1..=1, &[0x2f, 0x35]),
            "pass, tls.legacy_only",
            "accepted: TLS 1.0 TLS_RSA_WITH_AES_128_CBC_SHA",
        ),
        (
            "T08 TLS 1.1 alone",
            of(2..=2, &[0xc013]),
            "pass, tls.legacy_only",
            "accepted: TLS 1.1 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA (secp256r1)",
        ),
        (
            "T09 SSL 3.0 alone",
            of(0..=0, &[0x0a]),
            "pass, tls.legacy_only",
            "accepted: SSL 3.0 TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        ),
        (
            "T09 SSL 3.0 to TLS 1.1",
            of(0..=2, &[0x05]),
            "pass, tls.legacy_only",
            "accepted: SSL 3.0 TLS_RSA_WITH_RC4_128_SHA; TLS 1.0 TLS_RSA_WITH_RC4_128_SHA; TLS 1.1 TLS_RSA_WITH_RC4_128_SHA",
        ),
        (
            "T10 RSA key exchange alone",
            of(3..=3, &[0x9c, 0x2f]),
            "pass, tls.obsolete_key_exchange",
            "accepted: TLS 1.2 TLS_RSA_WITH_AES_128_GCM_SHA256; TLS 1.2 TLS_RSA_WITH_AES_128_CBC_SHA",
        ),
        (
            "T11 CBC alone",
            of(3..=3, &[0xc027, 0xc013]),
            "pass, tls.obsolete_key_exchange",
            "accepted: TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA (secp256r1)",
        ),
        (
            "T11 CBC with SHA-2 alone",
            of(3..=3, &[0xc027]),
            "pass, tls.obsolete_key_exchange",
            "accepted: TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256 (secp256r1)",
        ),
        (
            "T12 DHE alone",
            of(3..=3, &[0x9e, 0x9f]),
            "pass, tls.obsolete_key_exchange",
            "accepted: TLS 1.2 TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 (1024-bit prime)",
        ),
        (
            "T13 3DES and RC4 alone",
            of(3..=3, &[0x0a, 0x05]),
            "pass, tls.obsolete_key_exchange",
            "accepted: TLS 1.2 TLS_RSA_WITH_3DES_EDE_CBC_SHA; TLS 1.2 TLS_RSA_WITH_RC4_128_SHA",
        ),
        (
            "T13 3DES and RC4 in TLS 1.0, too",
            of(1..=3, &[0x0a, 0x05]),
            "pass, tls.legacy_accepted+tls.obsolete_key_exchange",
            "accepted: TLS 1.0 TLS_RSA_WITH_3DES_EDE_CBC_SHA; TLS 1.1 TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        ),
        ("T62 nothing that anybody has", of(3..=3, &[0x1337]), "starttls.handshake_failed, -", ""),
    ] {
        let (alone, with_scan, evidence) = said(&old).await;
        assert_eq!(alone, "?unsupported_by_prober, -", "{name}");
        assert_eq!(with_scan, want, "{name}");
        assert!(evidence.iter().any(|evidence| evidence.starts_with(found)), "{name}: {evidence:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn t14_a_signature_that_others_take_is_no_broken_handshake() {
    let old = Old { versions: 3..=3, suites: &[0xc02f], certificate: SHA1 };
    let scanned = scan(&old).await;
    assert_eq!(scanned.scan.accepts_modern(), Some(true));
    let leaf = &scanned.scan.leaves[0];
    assert_eq!((leaf.key.algorithm.as_str(), leaf.key.bits), ("RSA", Some(2_048)));
    let hex = leaf.digests.sha256.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    assert_eq!(hex, leaf.fingerprint);
    assert!(leaf.key_digests.as_ref().is_some_and(|key| *key != leaf.digests));
}

#[tokio::test(start_paused = true)]
async fn t16_no_hello_of_a_scan_is_longer_than_a_segment() {
    let mut scan = TlsScan::beginning(now());
    for _ in 0..12 {
        let mut meeting = looking(testing());
        meeting.plan.scan = Some(scan);
        let inspected = offered().say("220 go ahead").inspect_client_hello(|hello| {
            assert!(hello.len() < 1_400, "{} octets are more than a segment", hello.len());
        });
        let met = meeting.with(inspected.say_bytes([21, 3, 3, 0, 2, 2, 40]).expect_close()).await;
        let scanned = met.session.scan.unwrap().unwrap();
        if scanned.is_complete {
            return;
        }
        scan = scanned.scan;
    }
}

/// The one answer of a scan that is still at its first question, or why there is none.
async fn first_answer(peer: Script) -> (String, Met) {
    let mut meeting = looking(testing());
    meeting.plan.scan = Some(TlsScan::beginning(now()));
    let met = meeting.with(peer).await;
    let answer = match met.session.scan.as_ref().unwrap() {
        Ok(scanned) => format!("{:?}", scanned.scan.answers[0].1),
        Err(unseen) => unseen.trouble().to_string(),
    };
    (answer, met)
}

#[tokio::test(start_paused = true)]
async fn answers_to_a_scan() {
    let hello = || offered().say("220 go ahead").hear_client_hello();
    let flood = |record: &[u8]| hello().flood_bytes(record, 1_000_000);
    for (name, peer, want) in [
        (
            "T01 an octet a second",
            hello().drip_bytes([[22, 3, 3, 0, 122, 2], [7; 6]].concat().repeat(9), seconds(1)),
            "Refused(Silent)",
        ),
        ("T02 no word", hello().silence(), "Refused(Silent)"),
        ("T03 a reply", hello().say("454 TLS not available").expect_close(), "Refused(Nonsense)"),
        ("T04 garbage", hello().say_bytes([0xde; 300]).expect_close(), "Refused(Nonsense)"),
        (
            "T04 a record of 65,535 octets",
            hello().say_bytes([22, 3, 3, 255, 255, 2]).expect_close(),
            "Refused(Nonsense)",
        ),
        ("T04 empty records", flood(&[22, 3, 3, 0, 0]), "Refused(Nonsense)"),
        ("T04 warnings", flood(&[21, 3, 3, 0, 2, 1, 90]), "Refused(Nonsense)"),
        ("T04 changes of cipher", flood(&[20, 3, 3, 0, 1, 1]), "Refused(Nonsense)"),
        ("T04 hello requests", flood(&[22, 3, 3, 0, 4, 0, 0, 0, 0]), "Refused(Nonsense)"),
        ("T05 an alert", hello().say_bytes([21, 3, 3, 0, 2, 2, 112]).expect_close(), "Refused(Alert(112))"),
        (
            "T05 an alert before the hello",
            offered().say_bytes(*b"220 go ahead\r\n\x15\x03\x03\x00\x02\x02\x28").expect_close(),
            "Refused(Alert(40))",
        ),
        ("T05 a farewell", hello().say_bytes([21, 3, 3, 0, 2, 1, 0]).expect_close(), "Refused(Closed)"),
        (
            "T40 a message of 16 MiB",
            hello().say_bytes([22, 3, 3, 0, 5, 2, 255, 255, 255, 0]).expect_close(),
            "Refused(Nonsense)",
        ),
        ("T61 cut in the middle", hello().say_bytes([22, 3, 3, 0, 90, 2, 0, 0]).hang_up(), "Refused(Closed)"),
        (
            "T63 a suite that nobody offered",
            hello().say_bytes(server_hello(0x002f)).silence(),
            "Refused(Nonsense)",
        ),
        (
            "T63 a suite that nobody knows",
            hello().say_bytes(server_hello(0x1337)).expect_close(),
            "Refused(Nonsense)",
        ),
    ] {
        let (answer, met) = first_answer(peer).await;
        assert_eq!(answer, want, "{name}");
        assert!(
            met.read <= 160 * 1_024 && met.took <= seconds(22),
            "{name}: {} octets, {:?}",
            met.read,
            met.took
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_keeps_a_scan_from_its_question_says_so() {
    for (name, peer, want) in [
        (
            "S20 throttled",
            Script::new().say("421 4.7.0 too many connections").hear("QUIT"),
            "throttled at banner: 421 4.7.0 too many connections",
        ),
        (
            "S34 not now",
            offered().say("454 4.7.0 TLS not available").hear("QUIT"),
            "tempfail at starttls: 454 4.7.0 TLS not available",
        ),
        (
            "S16 gone",
            Script::new().say("220 mx").hear("EHLO").say("250 mx").hear("QUIT"),
            "rejected at starttls: not offered",
        ),
        (
            "S24 injected",
            offered().say("220 go ahead").inject("250 mx").expect_close(),
            "protocol_error at starttls: plaintext stands behind the 220",
        ),
    ] {
        assert_eq!(first_answer(peer).await.0, want, "{name}");
    }
}

/// TLS 1.2 with this suite, and that is all.
fn server_hello(suite: u16) -> Vec<u8> {
    let body = [&[3, 3][..], &[9; 32], &[0], &suite.to_be_bytes(), &[0]].concat();
    let length = body.len() as u8;
    [&[22, 3, 3, 0, length + 8, 2, 0, 0, length][..], &body, &[14, 0, 0, 0]].concat()
}
