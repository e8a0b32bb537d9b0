//! What is known of a domain's MX records beside the look-up of them: their last change, hosts that nobody owns, and what
//! a name answers that nobody published.

use super::{Lookup, MxRecord, PeerText, stored};
use crate::name::{DomainName, MxName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// A wildcard is asked for once in so long a time.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Nothing of it is known before somebody asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MxFacts {
    /// The records as they last were for certain.
    pub set: Option<MxSet>,
    /// Hosts that do not exist, below domains that do not exist either and that anybody may register.
    pub unowned: BTreeMap<MxName, DomainName>,
    /// What names below the domain have that nobody published; none before the first answer.
    pub wildcards: Option<Wildcards>,
}

/// The MX records of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MxSet {
    /// As [`DomainDns::mx`](super::DomainDns::mx) has them; empty where there conclusively are none.
    pub records: Vec<MxRecord>,
    /// When they were first seen to differ from those before; none where they never did.
    #[serde(with = "stored::maybe_moment")]
    pub changed: Option<SystemTime>,
}

/// The records of a name that was made up: those of a wildcard (RFC 4592).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wildcards {
    /// When it was asked for.
    #[serde(with = "stored::moment")]
    pub at: SystemTime,
    /// Its MX records.
    pub mx: Vec<MxRecord>,
    /// Its TXT records, which stand in for those of MTA-STS and TLS-RPT that were not published.
    pub txt: Vec<PeerText>,
}

/// What one run asked.
#[derive(Clone, Debug, Default)]
pub struct MxAsked {
    /// The registrable domain of each host that does not exist, and whether it does; unseen where the look-up failed.
    pub owners: BTreeMap<MxName, (DomainName, Option<bool>)>,
    /// The wildcards, where they were due and the look-up worked.
    pub wildcards: Option<Wildcards>,
}

impl MxFacts {
    /// What is known after one more run. What could not be looked up stays as it was.
    pub fn following(
        previous: Option<&Self>,
        mx: &Lookup<Vec<MxRecord>>,
        asked: MxAsked,
        at: SystemTime,
    ) -> Self {
        let held = |host: &MxName| previous.is_some_and(|previous| previous.unowned.contains_key(host));
        let MxAsked { owners, wildcards } = asked;
        let unowned = owners.into_iter().filter_map(|(host, (domain, exists))| {
            let is_gone = exists.map_or_else(|| held(&host), |exists| !exists);
            is_gone.then_some((host, domain))
        });
        let before = previous.and_then(|previous| previous.set.as_ref());
        Self {
            set: MxSet::following(before, mx, at),
            unowned: unowned.collect(),
            wildcards: wildcards.or_else(|| previous?.wildcards.clone()),
        }
    }

    /// Whether wildcards are due to be asked for again.
    pub fn wants_wildcards(&self, at: SystemTime) -> bool {
        self.wildcards.as_ref().is_none_or(|wildcards| wildcards.at + DAY <= at)
    }

    /// When the records were last seen to change; none where they never did.
    pub fn changed(&self) -> Option<SystemTime> {
        self.set.as_ref()?.changed
    }
}

impl MxSet {
    fn following(before: Option<&Self>, mx: &Lookup<Vec<MxRecord>>, at: SystemTime) -> Option<Self> {
        let Ok(records) = mx.records() else { return before.cloned() };
        let records = records.cloned().unwrap_or_default();
        let changed =
            before.and_then(|before| if before.records == records { before.changed } else { Some(at) });
        Some(Self { records, changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{answer, lookup, mx, now};
    use crate::observe::{MxTarget, Outcome};

    const HOUR: Duration = Duration::from_secs(3600);

    fn record(name: &str) -> MxRecord {
        MxRecord { preference: 10, target: MxTarget::Host(mx(name)) }
    }

    #[test]
    fn the_last_change_is_between_two_answers_and_never_the_first() {
        let one = || answer(vec![record("mx1.example")]);
        let two = || answer(vec![record("mx1.example"), record("mx2.example")]);
        let (none, failed) = (lookup(Outcome::NoData), lookup(Outcome::Timeout));
        let mut known: Option<MxFacts> = None;
        for (hour, seen, want) in [
            (0, &failed, None),
            (1, &one(), None),
            (2, &one(), None),
            (3, &two(), Some(3)),
            (4, &failed, Some(3)),
            (5, &two(), Some(3)),
            (6, &none, Some(6)),
            (7, &failed, Some(6)),
            (8, &one(), Some(8)),
        ] {
            known = Some(MxFacts::following(known.as_ref(), seen, MxAsked::default(), now() + hour * HOUR));
            let changed = known.as_ref().and_then(MxFacts::changed);
            assert_eq!(changed, want.map(|hour: u32| now() + hour * HOUR), "in hour {hour}");
        }
    }

    #[test]
    fn a_failed_look_up_of_an_owner_neither_finds_nor_clears() {
        let asked = |exists| MxAsked {
            owners: [(mx("mx.example.net"), (mx("mx.example.net").registrable().unwrap(), exists))].into(),
            wildcards: None,
        };
        let mut known: Option<MxFacts> = None;
        for (exists, want) in
            [(None, false), (Some(false), true), (None, true), (Some(true), false), (None, false)]
        {
            let seen = answer(vec![record("mx.example.net")]);
            known = Some(MxFacts::following(known.as_ref(), &seen, asked(exists), now()));
            assert_eq!(known.as_ref().is_some_and(|known| !known.unowned.is_empty()), want, "{exists:?}");
        }
        let resolved = MxFacts::following(known.as_ref(), &answer(vec![]), MxAsked::default(), now());
        assert!(resolved.unowned.is_empty(), "nobody had to ask");
    }

    #[test]
    fn wildcards_are_asked_for_once_a_day() {
        let mut known = MxFacts::default();
        assert!(known.wants_wildcards(now()));
        let wildcards = Some(Wildcards { at: now(), mx: vec![record("mx.example")], txt: Vec::new() });
        let seen = answer(vec![record("mx.example")]);
        known = MxFacts::following(None, &seen, MxAsked { wildcards, ..MxAsked::default() }, now());
        known = MxFacts::following(Some(&known), &seen, MxAsked::default(), now() + HOUR);
        assert_eq!(known.wildcards.as_ref().map(|wildcards| wildcards.mx.len()), Some(1), "kept meanwhile");
        assert!(!known.wants_wildcards(now() + 23 * HOUR) && known.wants_wildcards(now() + DAY));
    }
}
