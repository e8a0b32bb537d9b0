//! Pages for people: the fleet, one domain, and what to say where there is none. Templates escape everything that they
//! are given; there is no script, no inline style and nothing from elsewhere.

mod certificate;
mod dialogue;
mod domain;
mod doubt;
mod fix;
mod fleet;
mod glance;
mod hosts;
mod mx;
mod phases;
mod policy;
mod reports;
mod rule;
mod trial;
mod when;
mod whom;

pub use fleet::Query;

use crate::name::DomainName;
use crate::report::Report;
use crate::snapshot::Snapshot;
use askama::Template;
use std::sync::Arc;
use std::time::SystemTime;

/// What every page says of the program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The style sheet of every page.
pub const STYLE: &str = include_str!("../templates/style.css");

/// Every watched domain, by what `query` asks for.
pub fn fleet(snapshot: &Snapshot, query: &Query, now: SystemTime) -> String {
    page(&fleet::Fleet::of(snapshot, query, now))
}

/// Everything about one domain.
pub fn domain(report: &Report, now: SystemTime) -> String {
    page(&domain::Domain::of(report, now))
}

/// Reports as one page that needs no other file.
pub fn reports(reports: &[Arc<Report>], now: SystemTime) -> String {
    page(&reports::Reports::of(reports, now))
}

/// A watched domain that no run has finished for yet.
pub fn waiting(domain: &DomainName) -> String {
    page(&Waiting { root: "../", domain: domain.as_str(), unicode: domain.to_unicode() })
}

/// There is no such page, nor such a domain; what was asked for is not repeated. `root` is the path of the fleet, with a
/// slash at its end: from an unknown place only an absolute one leads there.
pub fn not_found(root: &str) -> String {
    page(&NotFound { root })
}

/// Templates write into a string, which takes everything.
fn page(template: &impl Template) -> String {
    template.render().unwrap_or_default()
}

/// `root` is what leads from the page to the fleet.
#[derive(Template)]
#[template(path = "waiting.html", config = "src/render/askama.toml")]
struct Waiting<'a> {
    root: &'static str,
    domain: &'a str,
    unicode: String,
}

#[derive(Template)]
#[template(path = "not_found.html", config = "src/render/askama.toml")]
struct NotFound<'a> {
    root: &'a str,
}

#[cfg(test)]
mod tests;
