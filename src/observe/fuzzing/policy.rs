//! What must hold of MTA-STS policies and of the records that announce them, whatever a domain publishes.

use crate::observe::{Mode, PolicyText, StsPolicy, StsRecord, TlsRpt};

/// How lines end changes nothing; a policy that is written anew is the same; keys that nobody knows are no part of it.
pub(crate) fn policy(input: &[u8]) {
    let text = PolicyText::read(None, input);
    assert!(text.lines.iter().all(|line| !line.as_str().contains(|c: char| c.is_control())));
    let read = |bytes: &[u8]| PolicyText::read(None, bytes).policy;
    let lines: Vec<&[u8]> = input.split(|octet| *octet == b'\n').collect();
    let bare: Vec<&[u8]> = lines.iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    assert_eq!(read(&bare.join(&b"\r\n"[..])), text.policy);
    let Ok(policy) = &text.policy else { return };
    assert!(!policy.mx.is_empty() || policy.mode == Mode::None);
    assert!(policy.max_age.as_secs() <= 31_557_600 && policy.mx.len() <= 256);
    for pattern in &policy.mx {
        let own = pattern.covers(&pattern.name);
        assert!(own != pattern.wildcard, "{pattern}");
        assert!(pattern.wildcard || policy.allows(&pattern.name) == Some(true), "{pattern}");
    }
    let written = written(policy);
    assert_eq!(read(written.as_bytes()), Ok(StsPolicy { more_mx: 0, ..policy.clone() }), "{written}");
    let longer = [input, b"\nfuture: 1\nmode: none\nversion: 2\n"].concat();
    assert_eq!(read(&longer).as_ref(), Ok(policy));
}

fn written(policy: &StsPolicy) -> String {
    let mx: String = policy.mx.iter().map(|mx| format!("mx: {mx}\n")).collect();
    format!("version: STSv1\nmode: {}\n{mx}max_age: {}", policy.mode.as_str(), policy.max_age.as_secs())
}

/// The records stand in `input`, a NUL between. Their order says nothing, nor do those of others; a record twice is none.
pub(crate) fn policy_records(input: &[u8]) {
    let records: Vec<Vec<u8>> = input.split(|octet| *octet == 0).map(<[u8]>::to_vec).collect();
    let mut others = records.clone();
    others.reverse();
    others.push(b"v=spf1 -all".to_vec());
    let (sts, rpt) = (StsRecord::read(&records), TlsRpt::read(&records));
    assert_eq!(StsRecord::read(&others).read, sts.read);
    assert_eq!(TlsRpt::read(&others).read, rpt.read);
    for text in sts.texts.iter().chain(&rpt.texts) {
        assert!(!text.as_str().contains(|c: char| c.is_control()), "{text}");
    }
    let twice = [records.clone(), records.clone()].concat();
    if let Some(id) = sts.id() {
        let id = id.as_str();
        assert!((1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        let field = format!("id={id}");
        let holds = |record: &Vec<u8>| record.windows(field.len()).any(|part| part == field.as_bytes());
        assert!(records.iter().any(|record| record.starts_with(b"v=STSv1") && holds(record)));
        assert!(StsRecord::read(&twice).read.is_err());
    }
    if !rpt.is_absent() {
        assert!(TlsRpt::read(&twice).read.is_err());
    }
    for uri in rpt.read.into_iter().flatten() {
        let scheme = uri.as_str().split(':').next().unwrap_or_default().to_ascii_lowercase();
        assert!(["mailto", "https"].contains(&&*scheme), "{uri}");
    }
}
