//! What is printed, as functions of what stands: values in, text out. No I/O, no clock, no opinion of its own.
//!
//! [`metrics`] and [`sd`] for Prometheus, [`discovery`] for those who watch TLS, [`config`] for operators, [`html`] for browsers, [`json`] for programs, [`text`] for terminals, [`table`] for the
//! README. What they share: `held` reads verdicts, `answer` says whether mail gets in, `fixes` what to mend, `doubts` what
//! could not be judged, `advice` what that means, `servers` how each address does, `dane` what TLSA records say of it.

mod advice;
mod answer;
pub mod config;
mod dane;
pub mod discovery;
mod doubts;
mod fixes;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod grades;
pub mod html;
pub mod json;
pub mod metrics;
mod policies;
mod scan;
pub mod sd;
mod servers;
mod software;
pub mod table;
pub mod text;
mod time;
mod verdict;
mod words;

pub use verdict::verdict;

#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), expect(unused_imports, reason = "fuzzing builds less than the unit tests"))]
mod testing;
