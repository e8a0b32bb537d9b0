//! The DNS server answers, misbehaves, changes and signs.
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use hickory_resolver::net::NetError;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::support::dns::{Dns, Trouble};

#[tokio::test]
async fn the_zone_answers_over_udp_and_tcp() {
    let dns = Dns::serving("example.test.", "@ IN MX 10 mx\nmx IN A 127.0.0.1")
        .and_zone("other.test.", "@ IN MX 0 .\n@ IN TXT \"v=STSv1; id=1\"")
        .and_ptr("192.0.2.1", "mx.example.test.")
        .and_ptr("2001:db8::1", "mx6.example.test.")
        .truncated("other.test.")
        .await;
    assert_eq!(ask(&dns, "example.test.", RecordType::MX).await, "10 mx.example.test.");
    assert_eq!(ask(&dns, "1.2.0.192.in-addr.arpa.", RecordType::PTR).await, "mx.example.test.");
    assert_eq!(ask(&dns, "other.test.", RecordType::MX).await, "0 .");
    assert_eq!(ask(&dns, "other.test.", RecordType::A).await, "NODATA");
    assert_eq!(ask(&dns, "nowhere.example.test.", RecordType::A).await, "NXDOMAIN");
    assert_eq!(ask(&dns, "nowhere.", RecordType::A).await, "NXDOMAIN");
    let asked: Vec<_> = dns.lookups().into_iter().filter(|lookup| lookup.name == "other.test.").collect();
    assert_eq!(asked.iter().map(|lookup| lookup.over_tcp).collect::<Vec<_>>(), [false, true, false, true]);
    assert_eq!(dns.asked("example.test.", RecordType::MX), 1);
    assert_eq!(dns.asked("example.test.", RecordType::A), 0);
}

#[tokio::test]
async fn questions_in_trouble_get_no_answer_or_a_bad_one() {
    let dns = Dns::serving("example.test.", "@ IN A 127.0.0.1\n@ IN AAAA ::1\nlate IN A 127.0.0.1")
        .servfail(("example.test.", RecordType::AAAA))
        .refused("refused.test.")
        .trouble("odd.test.", Trouble::Code(ResponseCode::NotImp))
        .trouble("late.example.test.", Trouble::Delay(Duration::from_millis(20)))
        .unanswered("*.dead.test.")
        .await;
    for (name, kind, want) in [
        ("example.test.", RecordType::A, "127.0.0.1"),
        ("example.test.", RecordType::AAAA, "Server Failure"),
        ("refused.test.", RecordType::A, "Query Refused"),
        ("odd.test.", RecordType::A, "Not Implemented"),
        ("late.example.test.", RecordType::A, "127.0.0.1"),
    ] {
        let heard = ask(&dns, name, kind).await;
        assert!(heard.contains(want), "{name} {kind}: wanted {want}, got {heard}");
    }
    let answer = timeout(Duration::from_millis(50), ask(&dns, "mx.dead.test.", RecordType::A)).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(dns.asked("mx.dead.test.", RecordType::A), 1);
}

#[tokio::test]
async fn the_world_changes() {
    let dns = Dns::serving("example.test.", "@ IN A 127.0.0.1").await;
    dns.change_zone("example.test.", "@ IN A 127.0.0.2");
    assert_eq!(ask(&dns, "example.test.", RecordType::A).await, "127.0.0.2");
    dns.trouble("*.", Trouble::Code(ResponseCode::ServFail));
    assert!(ask(&dns, "example.test.", RecordType::A).await.contains("Server Failure"));
    dns.recover("*.");
    assert_eq!(ask(&dns, "example.test.", RecordType::A).await, "127.0.0.2");
}

#[tokio::test]
async fn the_port_can_be_closed() {
    let connect = async |addr| TcpSocket::new_v4().unwrap().connect(addr).await;
    let dns = Dns::serving("example.test.", "@ IN A 127.0.0.1").over_udp_only().await;
    assert_eq!(ask(&dns, "example.test.", RecordType::A).await, "127.0.0.1");
    assert!(connect(dns.addr).await.is_err());
    let mut dns = Dns::serving("example.test.", "@ IN A 127.0.0.1").await;
    assert!(connect(dns.addr).await.is_ok());
    dns.stop().await;
    assert!(connect(dns.addr).await.is_err());
}

#[tokio::test]
async fn signed_zones_are_secure_insecure_or_bogus() {
    let dns = Dns::serving_signed("secure.test.", "@ IN A 127.0.0.1")
        .and_zone("insecure.test.", "@ IN A 127.0.0.1")
        .and_bogus_zone("bogus.test.", "@ IN A 127.0.0.1")
        .and_signed_zone("below.secure.test.", "@ IN TLSA 3 1 1 aabb")
        .await;
    let resolver = dns.validating_resolver();
    for (name, kind, want) in [
        ("secure.test.", RecordType::A, "Secure"),
        ("below.secure.test.", RecordType::TLSA, "Secure"),
        ("insecure.test.", RecordType::A, "Insecure"),
        ("bogus.test.", RecordType::A, "DNSSEC validation failed"),
        ("secure.test.", RecordType::MX, "NODATA"),
        ("nowhere.secure.test.", RecordType::MX, "NXDOMAIN"),
    ] {
        let heard = match resolver.lookup(name, kind).await {
            Ok(answer) => format!("{:?}", answer.answers()[0].proof),
            Err(error) => told(&error),
        };
        assert!(heard.contains(want), "{name} {kind}: wanted {want}, got {heard}");
    }
}

/// The first record's data, or the error.
async fn ask(dns: &Dns, name: &str, kind: RecordType) -> String {
    match dns.resolver().lookup(name, kind).await {
        Ok(answer) => answer.answers()[0].data.to_string(),
        Err(error) => told(&error),
    }
}

fn told(error: &NetError) -> String {
    match error {
        error if error.is_nx_domain() => "NXDOMAIN".to_owned(),
        error if error.is_no_records_found() => "NODATA".to_owned(),
        error => error.to_string(),
    }
}
