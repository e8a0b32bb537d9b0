use super::*;
use proptest::prelude::*;

#[test]
fn domains_are_kept_as_a_labels() {
    for (written, kept) in [
        ("example.com", "example.com"),
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("ai", "ai"),
    ] {
        assert_eq!(
            DomainName::parse(written).map(|d| d.as_str().to_owned()),
            Ok(kept.to_owned()),
            "{written}"
        );
    }
    assert_eq!(DomainName::parse("xn--bcher-kva.example").unwrap().to_unicode(), "bücher.example");
}

#[test]
fn what_is_not_a_domain_is_refused() {
    let long_label = "a".repeat(64) + ".example";
    let long_name = "a.".repeat(127) + "example";
    for text in [
        "",
        ".",
        "..",
        "a..b",
        "a b.example",
        "a_b.example",
        "-a.example",
        "a-.example",
        "192.0.2.1",
        "[192.0.2.1]",
        "a\r\nRCPT TO:<x>.example",
        "a\0.example",
        "<a>.example",
        "a;b.example",
        &long_label,
        &long_name,
    ] {
        assert!(DomainName::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn mx_targets_may_break_host_name_rules_but_not_the_wire() {
    assert!(MxName::parse("MX1.Example.com.").unwrap().is_host_name());
    assert!(!MxName::parse("_dmarc.example.com").unwrap().is_host_name());
    for text in ["", ".", "a b", "a\\.b.example", "ä.example", "a..b"] {
        assert!(MxName::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn helo_is_a_full_name_or_a_literal() {
    for good in ["probe.example.net", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
        assert_eq!(HeloName::parse(good).unwrap().as_str(), good);
    }
    for bad in
        ["localhost", "probe", "a_b.example", "[2001:db8::1]", "[IPv6:192.0.2.1]", "192.0.2.1", "a.localhost"]
    {
        assert!(HeloName::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn mailboxes_are_plain() {
    assert_eq!(Mailbox::parse("a.b+c@Example.NET").unwrap().to_string(), "a.b+c@example.net");
    for bad in [
        "",
        "@",
        "a@",
        "@b.example",
        "a b@c.example",
        "a..b@c.example",
        "\"a\"@c.example",
        "<a>@c.example",
        "ü@c.example",
    ] {
        assert!(Mailbox::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_name_is_within_itself_and_its_parents() {
    let name = |text| DomainName::parse(text).unwrap();
    assert!(name("a.example").is_within(&name("a.example")));
    assert!(name("b.a.example").is_within(&name("a.example")));
    assert!(!name("ba.example").is_within(&name("a.example")));
}

proptest! {
    #[test]
    fn no_name_carries_what_could_end_a_command(text in any::<String>()) {
        let built = [
            DomainName::parse(&text).map(|n| n.to_string()).ok(),
            MxName::parse(&text).map(|n| n.to_string()).ok(),
            HeloName::parse(&text).map(|n| n.to_string()).ok(),
            Mailbox::parse(&text).map(|n| n.to_string()).ok(),
        ];
        for name in built.into_iter().flatten() {
            prop_assert!(name.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b)), "{name:?}");
        }
    }
}

#[test]
fn stored_names_go_through_the_parsers() {
    fn again<T: serde::Serialize + serde::de::DeserializeOwned>(name: &T) -> T {
        serde_json::from_str(&serde_json::to_string(name).unwrap()).unwrap()
    }
    let domain = DomainName::parse("bücher.example").unwrap();
    assert_eq!(again(&domain), domain);
    assert_eq!(again(&domain.as_host()), domain.as_host());
    let literal = Mailbox::postmaster_of(&HeloName::literal("2001:db8::1".parse().unwrap()));
    for mailbox in [Mailbox::parse("a.b+c@example.com").unwrap(), Mailbox::postmaster(&domain), literal] {
        assert_eq!(again(&mailbox), mailbox);
    }
    for smuggled in [
        "a.example\r\nDATA",
        "",
        "a b.example",
        "<>",
        "a@b.example>\r\n",
        "postmaster@[x]",
        "postmaster@[\n]",
    ] {
        let stored = serde_json::to_string(smuggled).unwrap();
        assert!(serde_json::from_str::<DomainName>(&stored).is_err(), "{smuggled}");
        assert!(serde_json::from_str::<MxName>(&stored).is_err(), "{smuggled}");
        assert!(serde_json::from_str::<Mailbox>(&stored).is_err(), "{smuggled}");
    }
}

#[test]
fn what_can_be_registered_is_one_label_below_a_public_suffix() {
    for (name, want) in [
        ("mx1.mail.example.com", Some("example.com")),
        ("example.com", Some("example.com")),
        ("mx.example.co.uk", Some("example.co.uk")),
        ("mx.example.xn--p1ai", Some("example.xn--p1ai")),
        ("a.b.github.io", Some("b.github.io")),
        ("_mx.example.org", Some("example.org")),
        ("a_b.org", None),
        ("co.uk", None),
        ("com", None),
        ("localhost", None),
        ("mx.corp.internal", None),
        ("mx.example.test", None),
    ] {
        let found = MxName::parse(name).unwrap().registrable();
        assert_eq!(found.as_ref().map(DomainName::as_str), want, "{name}");
    }
}
