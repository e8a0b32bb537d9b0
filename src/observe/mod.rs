//! What was seen, as plain data: no I/O, no clock, no opinion of good or bad.
//!
//! [`Observation`] is one domain as one run saw it; [`Contact`] is one endpoint, shared by every domain that uses
//! it. Accessors such as [`Contact::tls`] walk down the dialogue and stop at the first thing that was not seen.

pub mod blame;
mod contact;
mod dane;
mod dns;
mod histogram;
mod lasting;
mod mx;
mod place;
mod policy;
pub mod scan;
mod seen;
mod smtp;
pub(crate) mod stored;
mod text;
mod tls;
mod welcome;

pub use contact::{Contact, Endpoint, Fact, Latest, Observation, Session, SessionKey, Streak};
pub use dane::{Anchored, Breach, DaneState, Digests, Fit, Published, Tlsa, TlsaLookup, Unusable};
pub use dns::{Dnssec, DomainDns, HostDns, Lookup, MxRecord, MxTarget, Outcome, Ptr};
pub use histogram::Histogram;
pub use lasting::Lasting;
pub use mx::{MxAsked, MxFacts, MxSet, Wildcards};
pub use place::{Absence, Family, Place};
pub use policy::{
    Announced, Fetch, Fetched, Mode, MtaSts, MxPattern, Policy, PolicyFlaw, PolicyText, StsId, StsPolicy,
    StsRecord, StsState, TlsRpt,
};
pub use scan::{Scanned, TlsScan};
pub use seen::{Cause, Phase, Seen, Stage, Trouble, Unseen};
pub use smtp::{
    Dialogue, Ehlo, Extensions, Flaw, NullSender, RelayOutcome, RelayTest, Reply, StartTls, Step, Transaction,
};
pub use text::PeerText;
pub use tls::{Certificate, ChainTrouble, GROUPS, IanaName, PublicKey, SUITES, Tls, TlsEhlo, TlsVersion};

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "fuzzing builds less than the unit tests"))]
#[expect(clippy::expect_used, reason = "the builders are of tests")]
pub(crate) mod testing;
