//! One question and its answer, validated where that is wanted. Decides when an answer may be called bogus: not
//! before a second look, and not where the resolver passes no signatures on.

use super::answer::{self, Answer};
use super::upstream::{SecondLook, Upstream};
use crate::observe::{Dnssec, Outcome};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer};
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::op::{DnsRequestOptions, Query};
use hickory_resolver::proto::rr::{Name, RecordType};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Iterations of NSEC3 that the first look reckons with; what takes more is insecure by that alone (RFC 9276 §3.2).
const FEW_ITERATIONS: u16 = 100;
/// What the second look reckons with: the most that RFC 5155 §10.3 had for keys of 2048 bits.
const MOST_ITERATIONS: u16 = 500;
/// Validated record sets kept; hickory's own limit is a million.
const VALIDATED: usize = 16_384;
/// How long nothing is validated after the resolver was seen to pass no signatures on.
const PAUSE: Duration = Duration::from_secs(600);

/// Asks the resolvers.
pub(super) struct Asking {
    upstream: Upstream,
    validation: Option<Validation>,
}

struct Validation {
    anchors: Arc<TrustAnchors>,
    handle: DnssecDnsHandle<Upstream>,
    paused_until: Mutex<Option<Instant>>,
}

impl Asking {
    /// Validates from `anchors`, if there are any.
    pub(super) fn new(upstream: Upstream, anchors: Option<TrustAnchors>) -> Self {
        let validation = anchors.map(Arc::new).map(|anchors| Validation {
            handle: handle(upstream.clone(), &anchors),
            anchors,
            paused_until: Mutex::new(None),
        });
        Self { upstream, validation }
    }

    /// One question. A bogus answer wants a [second look](Self::look_again).
    pub(super) async fn ask(&self, query: &Query) -> Answer {
        match &self.validation {
            Some(validation) if !validation.is_paused() => validated(&validation.handle, query).await,
            _ => self.ask_unvalidated(query).await,
        }
    }

    /// What to say of a question whose answer was bogus. It stays bogus only if the same comes again past every cache,
    /// nothing failed on the way, the root zone validates by the same resolvers, and they do not know better. To the
    /// library, an unsigned zone below one with many iterations of NSEC3 is bogus: here they are reckoned with.
    pub(super) async fn look_again(&self, query: &Query) -> Answer {
        let Some(validation) = &self.validation else { return self.ask_unvalidated(query).await };
        let look = SecondLook::default();
        let handle = handle(self.upstream.anew(look.clone()), &validation.anchors)
            .nsec3_iteration_limits(Some(MOST_ITERATIONS), Some(MOST_ITERATIONS));
        let came = handle.lookup(query.clone(), options(true)).first_answer().await;
        let no_flaw_is_known = answer::signatures_fit(&came) || look.iterations() > MOST_ITERATIONS;
        let second = Answer::read(query, came, true);
        if second.dnssec != Dnssec::Bogus {
            return if look.iterations() > FEW_ITERATIONS { second.insecure() } else { second };
        }
        let root = validated(&handle, &Query::query(Name::root(), RecordType::SOA)).await;
        if look.met_trouble() {
            return Answer::failed(Outcome::ServerFailure);
        }
        if root.dnssec != Dnssec::Secure {
            validation.pause();
            return self.ask_unvalidated(query).await;
        }
        self.vouched_for(query, no_flaw_is_known).await.unwrap_or(second)
    }

    /// The library may hold a valid denial for none, and does not reckon with endless iterations of NSEC3. So the
    /// resolvers' own validation is heard: always if they say that the answer is authentic (AD, RFC 4035 §3.2.3), and
    /// where no signature is known not to fit, if they answer at all. Their word makes nothing secure, it only keeps bogus
    /// from being said.
    async fn vouched_for(&self, query: &Query, no_flaw_is_known: bool) -> Option<Answer> {
        let came = self.upstream.vouched().lookup(query.clone(), options(true)).first_answer().await;
        let is_authentic = came.as_ref().is_ok_and(|response| response.metadata.authentic_data);
        let answer = Answer::read(query, came, false);
        let says_something =
            matches!(answer.outcome, Outcome::Answer(_) | Outcome::NoData | Outcome::NoSuchName);
        (says_something && (is_authentic || no_flaw_is_known)).then_some(answer)
    }

    /// Whether answers are validated, when the resolvers pass signatures on.
    pub(super) fn validates(&self) -> bool {
        self.validation.is_some()
    }

    /// Whether the resolvers themselves answer; none where they were not asked lately.
    pub(super) fn answers(&self) -> Option<bool> {
        self.upstream.answers()
    }

    /// One question, whatever its answer is worth.
    pub(super) async fn ask_unvalidated(&self, query: &Query) -> Answer {
        let came = self.upstream.lookup(query.clone(), options(false)).first_answer().await;
        Answer::read(query, came, false)
    }
}

impl Validation {
    fn is_paused(&self) -> bool {
        let until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn pause(&self) {
        if !self.is_paused() {
            tracing::warn!(
                "the resolver passes no valid signatures of the root zone on: for ten minutes nothing is validated \
                 (dns.dnssec, dns.nameservers, dns.trust_anchor, or the clock)"
            );
        }
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
    }
}

fn handle(upstream: Upstream, anchors: &Arc<TrustAnchors>) -> DnssecDnsHandle<Upstream> {
    DnssecDnsHandle::with_trust_anchor(upstream, Arc::clone(anchors))
        .validation_cache_size(VALIDATED)
        .nsec3_iteration_limits(Some(FEW_ITERATIONS), Some(MOST_ITERATIONS))
}

async fn validated(handle: &DnssecDnsHandle<Upstream>, query: &Query) -> Answer {
    let came = handle.lookup(query.clone(), options(true)).first_answer().await;
    Answer::read(query, came, true)
}

fn options(dnssec_ok: bool) -> DnsRequestOptions {
    let mut options = DnsRequestOptions::default();
    options.edns_set_dnssec_ok = dnssec_ok;
    options
}
