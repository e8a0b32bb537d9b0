//! TXT records: none, several, broken, somebody else's, or more than anybody reads.

use super::*;

/// A zone with these records instead of the sound one.
fn with(records: &str) -> Plan {
    zone(&format!("@ IN MX 10 mx\nmx IN A 127.0.0.1\nmta-sts IN A 127.0.0.1\n{records}"))
}

fn sts(texts: &[&str]) -> Plan {
    let records: Vec<_> = texts.iter().map(|text| format!("_mta-sts IN TXT {text}")).collect();
    with(&records.join("\n"))
}

#[tokio::test]
async fn a_record_that_senders_ignore_is_no_policy_and_no_host_is_asked() {
    let (invalid, absent) = ("mta_sts.invalid", "mta_sts.absent");
    let mut wrong = vec![];
    for (name, zone, want, evidence) in [
        ("M21 none", with(""), absent, "_mta-sts.example.test TXT: no_such_name"),
        ("M21 two", sts(&["\"v=STSv1; id=1\"", "\"v=STSv1; id=2\""]), invalid, "2 records"),
        ("M21 no id", sts(&["\"v=STSv1;\""]), invalid, "no `id`"),
        ("M21 33 characters", sts(&[&format!("\"v=STSv1; id={}\"", "a".repeat(33))]), invalid, "1 to 32"),
        ("M21 a hyphen", sts(&["\"v=STSv1; id=2027-01\""]), invalid, "1 to 32"),
        ("M21 not its case", sts(&["\"V=STSV1; id=1\""]), invalid, "does not begin"),
        ("M21 control characters", sts(&["\"v=STSv1; id=1\\027[31m\""]), invalid, "not printable"),
        (
            "D30 a wildcard of another kind",
            with("* IN TXT \"v=spf1 -all\""),
            absent,
            "as of a wildcard: v=spf1",
        ),
        (
            "D30 a wildcard beside",
            with("*.example.test. IN TXT \"x\"\n*.example.test. IN TXT \"y\""),
            absent,
            "x",
        ),
    ] {
        let domain = Domain::of(zone, loopback()).await;
        wrong.extend(domain.says(name, (want, want), evidence).await);
        assert_eq!(domain.host.requests().len(), 0, "{name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn d30_a_wildcard_that_is_a_record_of_mta_sts_is_one() {
    let domain = Domain::of(with("* IN TXT \"v=STSv1; id=1\""), loopback()).await;
    assert_eq!(domain.told().await.1, "pass");
    let policy = domain.look(None, now()).await;
    let rpt = domain.judged_by("smtp.tls_rpt", &policy);
    assert_eq!(word(&rpt), "tls_rpt.absent");
    assert!(evidence(&rpt).contains("only others, as of a wildcard: v=STSv1; id=1"));
}

#[tokio::test]
async fn strings_of_one_record_are_one_text_and_others_stand_beside() {
    for texts in [
        &["\"v=STSv1; i\" \"d=1\""][..],
        &["\"v=STSv1; id=1\"", "\"v=spf1 -all\""],
        &["\"v=STSv1;id=1; future=x;\""],
    ] {
        let domain = Domain::of(sts(texts), loopback()).await;
        assert_eq!(domain.told().await.1, "pass", "{texts:?}");
    }
}

#[tokio::test]
async fn d27_of_hundreds_of_records_some_are_read_and_fewer_kept() {
    let long: Vec<_> = (0..600).map(|n| format!("\"x{n} {}\"", "y".repeat(40))).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let domain = Domain::of(sts(&long), loopback()).await;
    let policy = domain.look(None, now()).await;
    assert_eq!(word(&domain.judged(&policy)), "mta_sts.absent", "{:?}", policy.mta_sts.record);
    let record = policy.mta_sts.record.records().unwrap().unwrap();
    assert_eq!(record.texts.len(), 10);
    let one = format!("\"v=STSv1; id=1;\" {}", format!("\"x={}\" ", "y".repeat(250)).repeat(200));
    let domain = Domain::of(sts(&[&one]), loopback()).await;
    let policy = domain.look(None, now()).await;
    let record = policy.mta_sts.record.records().unwrap().unwrap();
    assert!(record.texts[0].as_str().len() <= 4 << 10, "{}", record.texts[0].as_str().len());
}

#[tokio::test]
async fn a_look_up_that_fails_holds_what_stands() {
    let domain = Domain::of(zone(ZONE).servfail("_mta-sts.example.test."), loopback()).await;
    assert_eq!(domain.told().await.1, "?dns_failure");
    let sound = Domain::sound().await;
    let before = sound.look(None, now()).await;
    let after = domain.look(Some(&before), now() + seconds(900)).await;
    assert!(after.mta_sts.enforces(), "the state is what it was");
    assert_eq!(word(&domain.judged(&after)), "?dns_failure");
}

#[tokio::test]
async fn a_policy_that_changes_under_its_id_is_noticed_after_an_hour() {
    let domain = Domain::sound().await;
    let first = domain.look(None, now()).await;
    domain.host.becomes(Answer::text(&SOUND.replace("1209600", "604800")));
    let soon = domain.look(Some(&first), now() + seconds(900)).await;
    assert_eq!(word(&domain.judged(&soon)), "pass", "it is not fetched again yet");
    let later = domain.look(Some(&soon), now() + seconds(3_600)).await;
    assert_eq!(word(&domain.judged(&later)), "mta_sts.id_unchanged");
    assert_eq!(domain.host.requests().len(), 3);
}
