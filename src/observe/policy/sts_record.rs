//! The record that announces an MTA-STS policy (RFC 8461 §3.1).

use super::super::PeerText;
use super::fields::{is_of, looks_like, pairs};
use serde::{Deserialize, Serialize};

const VERSION: &str = "v=STSv1";

/// What stands at `_mta-sts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StsRecord {
    /// The TXT records there, sorted; at most ten are kept.
    pub texts: Vec<PeerText>,
    /// What senders read in all of them: the id, nothing, or something that they ignore and why.
    pub read: Result<Option<StsId>, Box<str>>,
}

/// The id of a policy: 1 to 32 letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Box<str>")]
pub struct StsId(Box<str>);

impl StsRecord {
    /// Reads all TXT records of the name, each joined from its strings.
    pub fn read(records: &[Vec<u8>]) -> Self {
        Self { texts: super::kept(records), read: read(records) }
    }

    /// The id of the only record, where it can be used.
    pub fn id(&self) -> Option<&StsId> {
        self.read.as_ref().ok()?.as_ref()
    }

    /// Whether none of them is about MTA-STS, such as those of a wildcard.
    pub fn is_absent(&self) -> bool {
        self.read == Ok(None)
    }
}

/// Records of other kinds are passed over; of what is left there must be one.
fn read(records: &[Vec<u8>]) -> Result<Option<StsId>, Box<str>> {
    let ours: Vec<_> = records.iter().filter(|record| is_of(record, VERSION)).collect();
    match ours[..] {
        [] if records.iter().any(|record| looks_like(record, VERSION)) => {
            Err("the record does not begin with `v=STSv1;`".into())
        }
        [] => Ok(None),
        [record] => id(record).map(Some).map_err(Into::into),
        _ => Err(format!("there are {} records that begin with `v=STSv1;`", ours.len()).into()),
    }
}

fn id(record: &[u8]) -> Result<StsId, &'static str> {
    let pairs = pairs(record, VERSION)?;
    if pairs.iter().any(|(_, value)| value.is_empty() || value.contains(['=', ' ', '\t'])) {
        return Err("a field has a value that it cannot have");
    }
    let (_, id) = pairs.iter().find(|(name, _)| *name == "id").ok_or("it has no `id`")?;
    StsId::try_from(Box::from(*id))
}

impl StsId {
    /// As it stands in the record.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Box<str>> for StsId {
    type Error = &'static str;

    fn try_from(text: Box<str>) -> Result<Self, &'static str> {
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then_some(Self(text)).ok_or("its `id` is not of 1 to 32 letters and digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(records: &[&[u8]]) -> StsRecord {
        StsRecord::read(&records.iter().map(|record| record.to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn a_record_has_one_id() {
        for (record, want) in [
            ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),
            ("v=STSv1;id=1", "1"),
            ("v=STSv1 ;\tid=1 ; ext.a-b_c=x;", "1"),
            ("v=STSv1; ext=1; id=a; id=b", "a"),
            ("v=STSv1; id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ] {
            let read = read_of(&[record.as_bytes()]);
            assert_eq!(read.id().map(StsId::as_str), Some(want), "{record}");
        }
    }

    #[test]
    fn what_senders_ignore_is_told_with_its_reason() {
        for (records, want) in [
            (&["v=STSv1;"][..], "no `id`"),
            (&["v=STSv1; id="], "cannot have"),
            (&["v=STSv1; id=a b"], "cannot have"),
            (&["v=STSv1; id=a=b"], "cannot have"),
            (&["v=STSv1; id=2026-01-01"], "1 to 32"),
            (&["v=STSv1; id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], "1 to 32"),
            (&["v=STSv1; ID=1"], "no `id`"),
            (&["v=STSv1; id"], "no `=`"),
            (&["v=STSv1; ; id=1"], "no `=`"),
            (&["v=STSv1; _id=1"], "proper name"),
            (&["v=STSv1; id=1; x=\u{e9}"], "printable"),
            (&["v=STSv1", "x"], "does not begin"),
            (&["V=stsv1; id=1"], "does not begin"),
            (&["v=STSv2; id=1"], "does not begin"),
            (&[" v=STSv1; id=1"], "does not begin"),
            (&["v=STSv1; id=1", "v=STSv1; id=1"], "2 records"),
        ] {
            let bytes: Vec<_> = records.iter().map(|record| record.as_bytes()).collect();
            let read = read_of(&bytes);
            assert!(read.read.as_ref().is_err_and(|why| why.contains(want)), "{records:?}: {read:?}");
            assert!(!read.is_absent() && read.id().is_none());
        }
    }

    #[test]
    fn other_records_are_no_policy() {
        for records in [&[][..], &["v=spf1 -all"], &["v=TLSRPTv1; rua=mailto:a@b.test"], &["", "v="]] {
            let bytes: Vec<_> = records.iter().map(|record| record.as_bytes()).collect();
            assert!(read_of(&bytes).is_absent(), "{records:?}");
        }
        let beside = read_of(&[b"v=spf1 -all", b"v=STSv1; id=7"]);
        assert_eq!(beside.id().map(StsId::as_str), Some("7"));
    }
}
