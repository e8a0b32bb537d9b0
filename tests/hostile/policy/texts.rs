//! What a host that can be trusted serves.

use super::{Answer, Domain, SOUND, all};

const INVALID: &str = "mta_sts.invalid";
const HEAD: &str = "version: STSv1\nmode: enforce\nmax_age: 1209600\n";

fn served(rest: &str) -> Answer {
    Answer::text(&format!("{HEAD}{rest}"))
}

fn typed(headers: &str) -> Answer {
    Answer::with("200 OK", headers, SOUND.as_bytes())
}

#[tokio::test]
async fn only_a_200_is_a_policy() {
    let moved = |status| Answer::with(status, "Location: https://example.test/x\r\n", SOUND.as_bytes());
    let instead = |status| Answer::with(status, "Content-Type: text/plain\r\n", SOUND.as_bytes());
    all(vec![
        (
            "M01 301",
            moved("301 Moved"),
            INVALID,
            "sts-policy-fetch-error: HTTP status 301, and senders follow no",
        ),
        ("M01 302", moved("302 Found"), INVALID, "HTTP status 302"),
        ("M01 307", moved("307 Temporary Redirect"), INVALID, "HTTP status 307"),
        ("M02 204", Answer::octets("HTTP/1.1 204 No Content\r\n\r\n"), INVALID, "HTTP status 204"),
        ("M02 500", Answer::status(500), INVALID, "sts-policy-fetch-error: HTTP status 500"),
        ("M02 503", Answer::status(503), "?tempfail", "HTTP status 503"),
        ("M02 429", Answer::status(429), "?throttled", "HTTP status 429"),
        ("M02 404", instead("404 Not Found"), INVALID, "HTTP status 404"),
        ("M02 410", instead("410 Gone"), INVALID, "HTTP status 410"),
        ("M02 206", instead("206 Partial Content"), INVALID, "HTTP status 206"),
    ])
    .await;
}

#[tokio::test]
async fn only_what_stands_in_the_body_counts() {
    let long = |octets: usize| format!("{HEAD}mx: mx.example.test\nx: {}", "y".repeat(octets));
    let exactly = 64 * 1_024 - long(0).len();
    let endless = |octets: &str| format!("HTTP/1.1 200 OK\r\n\r\n{}", octets.repeat(100_000));
    let gzip = "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n";
    all(vec![
        ("M00 sound", Answer::text(SOUND), "pass", ""),
        ("M03 text/html", typed("Content-Type: text/html\r\n"), "mta_sts.content_type", "text/html"),
        ("M03 no type", typed(""), "mta_sts.content_type", "none"),
        ("M03 a hostile type", typed("Content-Type: <b>\u{e9}\r\n"), "mta_sts.content_type", "<b>"),
        ("M04 64 KiB", Answer::text(&long(exactly)), "pass", ""),
        ("M04 more", Answer::text(&long(exactly + 1)), INVALID, "sts-policy-fetch-error: more than 64 KiB"),
        ("M04 without an end", Answer::octets(endless("x: y\n")), INVALID, "more than 64 KiB"),
        (
            "M04 said to be more",
            Answer::octets("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nversion"),
            INVALID,
            "more than 64 KiB",
        ),
        ("M18 gzip", typed(gzip), INVALID, "sts-policy-fetch-error: in content encoding gzip"),
        ("M18 deflate", typed("Content-Encoding: deflate\r\n"), INVALID, "content encoding deflate"),
        ("M18 identity", typed("Content-Type: text/plain\r\nContent-Encoding: identity\r\n"), "pass", ""),
    ])
    .await;
}

#[tokio::test]
async fn a_policy_is_read_as_senders_do() {
    let mx = |pattern: &str| served(&format!("mx: {pattern}\n"));
    let lines = SOUND.replace("\r\n", "\n");
    let many: String = (0..5_000).map(|n| format!("mx: a{n}.b\n")).collect();
    let flaw = "sts-policy-invalid: ";
    all(vec![
        ("M08 LF", Answer::text(&lines), "pass", ""),
        ("M10 unknown keys", Answer::text(&format!("{SOUND}future: 1\r\n")), "pass", ""),
        ("M11 twice", served("mx: mx.example.test\nmode: none\nmax_age: 1\nversion: x"), "pass", ""),
        (
            "M12 not first",
            Answer::text("mode: none\nversion: STSv1\nmax_age: 1"),
            "mta_sts.none",
            "mode: none",
        ),
        ("M12 STSv2", Answer::text("version: STSv2\nmode: none\nmax_age: 1"), INVALID, "no `version: STSv1`"),
        ("M13 none", Answer::text("version: STSv1\nmode: none\nmax_age: 1"), "mta_sts.none", "mode: none"),
        ("M14 nobody", served(""), INVALID, "it allows no `mx`"),
        ("M16 wildcard", mx("*.example.test"), "pass", ""),
        ("M16 all", mx("*"), INVALID, flaw),
        ("M16 two labels", mx("*.*.test"), INVALID, flaw),
        ("M16 another level", mx("*.test"), "mta_sts.mx_mismatch", "validation-failure: mx.example.test"),
        ("M16 upper case", mx("MX.Example.TEST"), "pass", ""),
        ("M16 trailing dot", mx("mx.example.test."), INVALID, flaw),
        ("M16 address", mx("127.0.0.1"), INVALID, flaw),
        ("M16 many", served(&many), "?unsupported_by_prober", "more than 256 patterns"),
        ("M16 many, the first fits", served(&format!("mx: mx.example.test\n{many}")), "pass", ""),
        ("M17 BOM", Answer::text(&format!("\u{feff}{SOUND}")), INVALID, "no `version: STSv1`"),
        ("M17 NUL", served("mx: mx.example.test\nx: \0"), INVALID, flaw),
        ("M17 8-bit", served("mx: m\u{fc}x.example.test"), INVALID, flaw),
    ])
    .await;
}

#[tokio::test]
async fn what_is_not_http_is_no_policy() {
    all(vec![
        (
            "M00 SMTP",
            Answer::octets("220 mx.example.test ESMTP\r\n"),
            INVALID,
            "protocol_error at policy_fetch",
        ),
        ("M00 HTTP/0.9", Answer::octets(SOUND), INVALID, "protocol_error at policy_fetch"),
        (
            "M00 a head without an end",
            Answer::octets(format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100_000))),
            INVALID,
            "oversize at policy_fetch",
        ),
        (
            "M00 ever more headers",
            Answer::octets(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(1_000))),
            INVALID,
            "oversize at policy_fetch",
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_request_says_what_is_wanted_and_no_more() {
    let domain = Domain::sound().await;
    let requests = domain.host.requests();
    let head: Vec<&str> = requests[0].trim_end().split("\r\n").collect();
    assert_eq!(head[0], "GET /.well-known/mta-sts.txt HTTP/1.1");
    for line in ["host: mta-sts.example.test", "accept-encoding: identity", "connection: close"] {
        assert!(head.contains(&line), "{head:?}");
    }
    assert!(!requests[0].to_lowercase().contains("cookie") && head.len() == 6, "{head:?}");
}
