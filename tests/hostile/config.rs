//! Configurations that are wrong, huge or malicious.

use crate::meet::seconds;
use mx_exporter::config::{self, Config};
use mx_exporter::name::{DomainName, HeloName, Mailbox};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

fn read(text: &str) -> Result<Config, String> {
    config::parse(text, Path::new("c.yml"), None).map_err(|error| error.to_string())
}

fn refused(text: &str) -> String {
    read(text).expect_err(&text[..text.len().min(80)])
}

#[expect(clippy::disallowed_methods, reason = "how long the reader is busy")]
fn timed<T>(limit: Duration, work: impl FnOnce() -> T) -> T {
    let began = SystemTime::now();
    let done = work();
    let took = began.elapsed().unwrap_or_default();
    assert!(took < limit, "{took:?}");
    done
}

#[test]
fn c01_c02_c03_bombs_are_refused_at_once() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..20 {
        let parts = format!("*a{}, ", n - 1).repeat(9);
        writeln!(laughs, "a{n}: &a{n} [{}]", parts.trim_end_matches(", ")).unwrap();
    }
    let said = timed(seconds(2), || refused(&laughs));
    assert!(said.ends_with("found aliases that stand for too much"), "{said}");
    let deep = format!("domains: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let said = timed(seconds(2), || refused(&deep));
    assert!(said.ends_with("found values nested deeper than 16 levels"), "{said}");
    let indented: String = (0..10_000).map(|n| format!("{}a:\n", " ".repeat(n.min(2_000)))).collect();
    assert!(timed(seconds(5), || read(&indented)).is_err());
    let endless = timed(seconds(5), || config::load(Path::new("/dev/zero"), None));
    assert_eq!(endless.unwrap_err().to_string(), "/dev/zero: larger than 32 MiB");
}

#[test]
fn c04_c05_c06_what_stands_twice_and_what_nobody_knows() {
    for (text, said) in [
        (
            "defaults: {interval: 5m, interval: 6m}",
            "c.yml:1:26: interval: found a second time, allowed: once in a map",
        ),
        (
            "domains: [a.test, a.test]",
            "c.yml:1:19: domain: found `a.test`, which stands on line 1 already, allowed: each domain once",
        ),
        (
            "domains: [a.test, A.Test]",
            "c.yml:1:19: domain: found `A.Test`, which stands on line 1 already, allowed: each domain once",
        ),
        (
            "domains: [a.test, a.test.]",
            "c.yml:1:19: domain: found `a.test.`, which stands on line 1 already, allowed: each domain once",
        ),
        (
            "domains: [bücher.test, xn--bcher-kva.test]",
            "c.yml:1:24: domain: found `xn--bcher-kva.test`, which stands on line 1 already, allowed: each domain once",
        ),
        (
            "domain: [a.test]",
            "c.yml:1:1: domain: found an unknown key, allowed: defaults, domains, domain_files, dns, network, tls, state",
        ),
    ] {
        assert_eq!(refused(text), said);
    }
    assert!(
        refused("domains: [{domain: a.test, intervall: 5m}]")
            .starts_with("c.yml:1:28: intervall: found an unknown key")
    );
}

#[test]
fn c08_a_quarter_of_a_million_domains_are_read_and_a_larger_file_is_not() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-config");
    std::fs::create_dir_all(&folder).unwrap();
    let mut text = String::new();
    for n in 0..250_000 {
        writeln!(text, "d{n}.example").unwrap();
    }
    std::fs::write(folder.join("million.txt"), &text).unwrap();
    std::fs::write(folder.join("million.yml"), "domain_files: [million.txt]\n").unwrap();
    let config = timed(seconds(60), || config::load(&folder.join("million.yml"), None)).unwrap();
    assert_eq!(config.domains.len(), 250_000);
    text.push_str(&"x.example\n".repeat(3_000_000));
    std::fs::write(folder.join("million.txt"), &text).unwrap();
    let said = config::load(&folder.join("million.yml"), None).unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(said.ends_with("million.txt: larger than 32 MiB"), "{said}");
}

#[test]
fn c09_durations_that_are_none() {
    for duration in
        ["-1s", "0", "0s", "1", "5m5", "9e99h", "NaN", "inf", "1e3s", "''", "1y1y1y", "999999999999d"]
    {
        let said = refused(&format!("defaults: {{interval: {duration}}}"));
        assert!(
            said.starts_with("c.yml:1:22: interval: found") && said.contains("from 1s to 365d"),
            "{duration}: {said}"
        );
    }
    for duration in ["500ms", "1ns"] {
        assert!(refused(&format!("defaults: {{interval: {duration}}}")).contains("from 1s"), "{duration}");
    }
}

#[test]
fn c10_nothing_that_could_be_a_command_is_a_name() {
    for evil in [
        "a.test\r\nRCPT TO:<x>",
        "a.test\n",
        "a.test\0",
        "a<b.test",
        "a>b.test",
        "a b.test",
        "a;b.test",
        "a\u{85}.test",
    ] {
        assert!(DomainName::parse(evil).is_err(), "{evil:?}");
        assert!(HeloName::parse(evil).is_err(), "{evil:?}");
        assert!(Mailbox::parse(&format!("x@{evil}")).is_err(), "{evil:?}");
        let quoted = serde_json::to_string(evil).unwrap();
        for text in [
            format!("domains: [{quoted}]"),
            format!("defaults: {{helo_name: {quoted}}}"),
            format!(
                "defaults: {{test_probe_address: {}}}",
                serde_json::to_string(&format!("x@{evil}")).unwrap()
            ),
            format!("defaults: {{mail_from: {}}}", serde_json::to_string(&format!("{evil}@a.test")).unwrap()),
        ] {
            let said = refused(&text);
            assert!(said.contains("allowed:") && !said.contains(|c: char| c.is_control()), "{said:?}");
        }
    }
}

#[test]
fn c11_names_that_look_like_others_are_kept_as_a_labels_and_told() {
    for name in ["p\u{430}ypal.test", "\u{440}\u{430}\u{443}.test", "ab\u{5d0}.test"] {
        let config = read(&format!("domains: [\"{name}\"]"));
        let Ok(config) = config else { continue }; // refused is fine as well
        let domain = &config.domains[0].name;
        assert!(domain.as_str().is_ascii() && domain.as_str().starts_with("xn--"), "{domain}");
    }
    let mixed = read("domains: [\"p\u{430}ypal.test\"]").unwrap();
    assert_eq!(mixed.warnings.len(), 1, "{:?}", mixed.warnings);
    assert_eq!(mixed.domains[0].name.to_unicode(), "p\u{430}ypal.test");
    for bidi in ["a\u{202e}b.test", "a\u{200b}b.test", "a\u{2066}b.test"] {
        match DomainName::parse(bidi) {
            Err(_) => {}
            Ok(name) => assert!(!name.to_unicode().contains(['\u{202e}', '\u{200b}', '\u{2066}']), "{name}"),
        }
    }
}

#[test]
fn c12_names_for_ehlo() {
    for (name, is_one) in [
        ("probe.example.net", true),
        ("[192.0.2.1]", true),
        ("[IPv6:2001:db8::1]", true),
        ("localhost", false),
        ("probe", false),
        ("192.0.2.1", false),
        ("[192.0.2.256]", false),
        ("[IPv6:192.0.2.1]", false),
        ("my_probe.example.net", false),
        ("-probe.example.net", false),
        ("probe..net", false),
        ("", false),
    ] {
        assert_eq!(HeloName::parse(name).is_ok(), is_one, "{name}");
        assert_eq!(read(&format!("defaults: {{helo_name: \"{name}\"}}")).is_ok(), is_one, "{name}");
    }
}

#[test]
fn c19_nothing_outside_the_file_is_read() {
    for text in [
        "domains: !include /etc/passwd",
        "defaults: {helo_name: !ENV HOSTNAME}",
        "defaults: !!python/object/apply:os.system [id]",
        "domains: [!<tag:yaml.org,2002:str> a.test]",
    ] {
        match read(text) {
            Err(said) => assert!(said.contains("found the tag") || said.contains("not YAML"), "{said}"),
            Ok(config) => assert_eq!(config.domains[0].name.as_str(), "a.test", "a plain string says so"),
        }
    }
    let said = refused("defaults: {helo_name: \"${HOSTNAME}\"}");
    assert!(said.contains("found `${HOSTNAME}`"), "{said}");
}

proptest! {
    #[test]
    fn c10_whatever_is_taken_for_a_name_has_no_room_for_a_command(text in "\\PC{0,20}|[a-z.<>;\\r\\n\\x00 @-]{1,30}") {
        let taken = [
            DomainName::parse(&text).map(|name| name.as_str().to_owned()).ok(),
            HeloName::parse(&text).map(|name| name.as_str().to_owned()).ok(),
            Mailbox::parse(&text).map(|mailbox| mailbox.to_string()).ok(),
        ];
        for name in taken.into_iter().flatten() {
            prop_assert!(name.is_ascii() && !name.contains(|c: char| c.is_ascii_control() || "<> ;".contains(c)), "{name:?}");
        }
    }
}
