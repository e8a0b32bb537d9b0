//! An instant on a page: words for people, RFC 3339 for programs.

use crate::render::time;
use askama::Template;
use askama::filters::HtmlSafe;
use std::time::SystemTime;

/// It is written as an element, not as its words alone.
#[derive(Template)]
#[template(
    source = r#"<time datetime="{{ machine }}"{% if let Some(full) = full %} title="{{ full }}"{% endif %}>{{ words }}</time>"#,
    ext = "html"
)]
pub(super) struct When {
    machine: String,
    words: String,
    /// The whole date, where the words leave it out.
    full: Option<String>,
}

impl HtmlSafe for When {}

impl When {
    /// `4 min ago`
    pub(super) fn ago(at: SystemTime, now: SystemTime) -> Self {
        Self::told(at, time::ago(at, now))
    }

    /// `4 min`
    pub(super) fn age(at: SystemTime, now: SystemTime) -> Self {
        Self::told(at, time::rough(time::age(at, now)))
    }

    /// `in 11 min`
    pub(super) fn until(at: SystemTime, now: SystemTime) -> Self {
        Self::told(at, time::until(at, now))
    }

    /// `20 Nov 2026 13:05 UTC`
    pub(super) fn minute(at: SystemTime) -> Self {
        Self { machine: time::rfc3339(at), words: time::minute(at), full: None }
    }

    /// `20 Nov 2026`
    pub(super) fn day(at: SystemTime) -> Self {
        Self::told(at, time::day(at))
    }

    fn told(at: SystemTime, words: String) -> Self {
        Self { machine: time::rfc3339(at), words, full: Some(time::minute(at)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::now;
    use std::time::Duration;

    #[test]
    fn people_and_programs_read_the_same_instant() {
        let later = now() + Duration::from_secs(240);
        for (when, want) in [
            (When::minute(now()), r#"<time datetime="2027-01-15T08:00:00Z">15 Jan 2027 08:00 UTC</time>"#),
            (
                When::ago(now(), later),
                r#"<time datetime="2027-01-15T08:00:00Z" title="15 Jan 2027 08:00 UTC">4 min ago</time>"#,
            ),
            (
                When::until(later, now()),
                r#"<time datetime="2027-01-15T08:04:00Z" title="15 Jan 2027 08:04 UTC">in 4 min</time>"#,
            ),
        ] {
            assert_eq!(when.to_string(), want);
        }
    }
}
