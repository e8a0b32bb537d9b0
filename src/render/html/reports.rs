//! Several domains on one page that needs no other file: the style sheet stands in it, and it links to nothing of ours.

use super::domain::Domain;
use super::when::When;
use crate::render::verdict;
use crate::report::Report;
use askama::Template;
use std::sync::Arc;
use std::time::SystemTime;

#[derive(Template)]
#[template(path = "reports.html", config = "src/render/askama.toml")]
pub(super) struct Reports<'a> {
    style: &'static str,
    title: String,
    made_at: When,
    domains: Vec<Domain<'a>>,
    version: &'static str,
}

impl<'a> Reports<'a> {
    pub(super) fn of(reports: &'a [Arc<Report>], now: SystemTime) -> Self {
        let domain = |report: &'a Arc<Report>| Domain::of(report, now).among_others(verdict(report));
        let domains: Vec<_> = reports.iter().map(domain).collect();
        let title = match &*domains {
            [domain] => format!("{}: {}", domain.unicode, domain.status),
            domains => format!("{} domains", domains.len()),
        };
        Self { style: super::STYLE, title, made_at: When::minute(now), domains, version: super::VERSION }
    }
}

#[cfg(test)]
mod tests {
    use crate::observe::testing::{endpoint, now, observation, open_relay};
    use crate::render::html;
    use crate::render::testing::report;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    #[test]
    fn a_page_of_reports_needs_nothing_else() {
        let hostile = endpoint().banner("220 <script>alert(1)</script></style>");
        let relay = endpoint().relay(Some(open_relay()));
        let reports: Vec<_> = [("example.com", hostile), ("example.org", relay)]
            .map(|(name, endpoint)| Arc::new(report(&observation().named(name).of([endpoint]))))
            .into();
        let page = html::reports(&reports, now());
        for part in
            ["<style>", "--", "OPEN RELAY", "href=\"#example.org\"", "id=\"example.com\"", "&#60;script&#62;"]
        {
            assert!(page.contains(part), "{part} is missing in {page}");
        }
        for part in ["<link", "<script", "src=", "href=\"../", "next in", "url("] {
            assert!(!page.contains(part), "{part} is in {page}");
        }
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    }
}
