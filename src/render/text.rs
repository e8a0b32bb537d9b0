//! Reports for a terminal: headline, what to fix, the servers, the policies, what is open, all rules. Colour only where asked for, and
//! never alone.

mod layout;
mod table;

use super::doubts::{Open, doubts};
use super::fixes::{Fix, Place, fixes};
use super::policies::policies;
use super::scan::Scan;
use super::servers::servers;
use super::verdict::{WORST_FIRST, verdict};
use super::{answer, dane, grades, time, words};
use crate::grade::grade;
use crate::observe::Endpoint;
use crate::report::{Report, RuleStanding};
use crate::rules::{ALL, Severity, Status, Subject};
use layout::wrap;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

/// What the reports are shown on.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// In columns; lines are broken between words.
    pub width: usize,
    /// Whether to colour, by ANSI escapes.
    pub colour: bool,
}

/// Where the codes of rules stand, right of the longest status.
const CODES_AT: usize = "  not applicable  ".len();

/// What `check` prints: the reports, and behind more than one of them how many domains are how.
pub fn reports(reports: &[Arc<Report>], terminal: Terminal, now: SystemTime) -> String {
    let mut page = Page { text: String::new(), terminal };
    for (place, report) in reports.iter().enumerate() {
        if place > 0 {
            page.text += &format!("\n{}\n\n", "─".repeat(terminal.width));
        }
        page.report(report, now).ok(); // a string takes all that is written
    }
    if reports.len() > 1 {
        page.summary(reports).ok();
    }
    page.text
}

struct Page {
    text: String,
    terminal: Terminal,
}

impl Page {
    fn report(&mut self, report: &Report, now: SystemTime) -> fmt::Result {
        self.headline(report, now)?;
        self.fixes(&fixes(report))?;
        self.servers(report, now)?;
        self.scans(report, now)?;
        self.policies(report)?;
        self.doubts(&doubts(report), now)?;
        self.rules(report)?;
        writeln!(self.text)?;
        self.paragraph("", "Not tested here: SPF, DKIM, DMARC, content, block-lists, submission ports.", 0)
    }

    fn headline(&mut self, report: &Report, now: SystemTime) -> fmt::Result {
        let domain = report.domain();
        let (unicode, status) = (domain.to_unicode(), verdict(report));
        let name = self.bold(&unicode);
        let also = if unicode == domain.as_str() { String::new() } else { format!(" ({domain})") };
        writeln!(self.text, "{name}{also}: {}", self.paint(Some(status), status.as_str()))?;
        self.paragraph("", &answer::answer(report), 0)?;
        self.paragraph("", &grades::sentence(&grade(report)), 0)?;
        let age = time::ago(report.observation.at, now);
        writeln!(self.text, "Probed {age}, in {}.", time::precise(report.took))
    }

    fn fixes(&mut self, fixes: &[Fix<'_>]) -> fmt::Result {
        if fixes.is_empty() {
            return Ok(());
        }
        self.title("What to fix")?;
        for (place, fix) in fixes.iter().enumerate() {
            if place > 0 {
                writeln!(self.text)?;
            }
            self.fix(fix)?;
        }
        Ok(())
    }

    fn fix(&mut self, fix: &Fix<'_>) -> fmt::Result {
        let tag = self.paint(Some(fix.severity.into()), heading(fix.severity));
        let title = self.bold(fix.issue.title);
        let wide = layout::columns(&format!(
            "  {}  {}  ({})",
            heading(fix.severity),
            fix.issue.title,
            fix.issue.code
        ));
        let gap = if wide > self.terminal.width { "\n    " } else { "  " };
        writeln!(self.text, "  {tag}  {title}{gap}({})", fix.issue.code)?;
        for places in fix.places.chunk_by(|one, other| one.evidence == other.evidence) {
            places.iter().try_for_each(|place| self.place(place))?;
            for line in harmless(places[0].evidence).lines() {
                self.paragraph("      ", line, 8)?;
            }
        }
        self.paragraph("    Why: ", fix.issue.why, 4)?;
        self.paragraph("    Do this: ", fix.issue.fix, 4)?;
        let (section, link) = (words::reference(fix.issue.reference), fix.issue.reference);
        let section = if section == link { String::new() } else { format!("{section}: ") };
        writeln!(self.text, "    {section}{link}")
    }

    fn place(&mut self, place: &Place<'_>) -> fmt::Result {
        let doubt =
            place.doubt.map(|doubt| format!("held, not judged again: {}", words::cause(doubt.trouble.cause)));
        let notes: Vec<String> = place.accepted.map(words::accepted).into_iter().chain(doubt).collect();
        match (place.subject, notes.join("; ")) {
            (Subject::Domain, notes) if notes.is_empty() => Ok(()),
            (Subject::Domain, notes) => self.paragraph("    ", &notes, 4),
            (server, notes) if notes.is_empty() => self.paragraph("    ", &format!("{server}:"), 4),
            (server, notes) => self.paragraph("    ", &format!("{server} ({notes}):"), 4),
        }
    }

    fn servers(&mut self, report: &Report, now: SystemTime) -> fmt::Result {
        let servers = servers(report, now);
        if servers.is_empty() {
            return Ok(());
        }
        self.title("Servers")?;
        self.text += &table::table(&servers, self.terminal);
        report.observation.endpoints.iter().try_for_each(|endpoint| self.dane(report, endpoint, now))
    }

    /// What each TLSA record says of an endpoint, where there are some.
    fn dane(&mut self, report: &Report, endpoint: &Endpoint, now: SystemTime) -> fmt::Result {
        for (at, row) in dane::Row::all(&report.observation, endpoint, now).iter().enumerate() {
            if at == 0 {
                let source = dane::wildcard(&report.observation, endpoint);
                let source = source.map(|source| format!(" ({source})")).unwrap_or_default();
                self.text.push('\n');
                self.paragraph("  ", &format!("TLSA of {} {}{source}:", endpoint.mx, endpoint.address()), 4)?;
            }
            self.paragraph("    ", &format!("{}: {}", row.record, row.says), 6)?;
        }
        Ok(())
    }

    fn policies(&mut self, report: &Report) -> fmt::Result {
        self.title("Policies")?;
        policies(&report.observation.policy).into_iter().try_for_each(|(name, says)| {
            self.paragraph("  ", &format!("{name}: {}", harmless(&says).replace('\n', " ")), 4)
        })
    }

    fn scans(&mut self, report: &Report, now: SystemTime) -> fmt::Result {
        let endpoints = report.observation.endpoints.iter();
        let scans: Vec<_> = endpoints.filter_map(|one| Some((one, Scan::of(&one.contact)?))).collect();
        if scans.is_empty() {
            return Ok(());
        }
        self.title("TLS scan")?;
        for (endpoint, scan) in scans {
            let head = format!("{} {} ({})", endpoint.mx, endpoint.address(), time::ago(scan.at, now));
            self.paragraph("  ", &format!("{head}: {}.", scan.line()), 4)?;
        }
        Ok(())
    }

    fn doubts(&mut self, doubts: &[Open<'_>], now: SystemTime) -> fmt::Result {
        if doubts.is_empty() {
            return Ok(());
        }
        self.title("Not judged this time")?;
        for open in doubts {
            let why = harmless(&words::trouble(&open.doubt.trouble)).replace('\n', " ");
            self.paragraph("  ", &format!("{}: {why}", open.whom().join(", ")), 4)?;
            let codes: Vec<&str> = open.rules.iter().map(|rule| rule.code).collect();
            let held = match open.held {
                0 => String::new(),
                held => format!(" {} held.", words::count(held, "former verdict")),
            };
            let since = time::ago(open.doubt.since, now);
            self.paragraph("    ", &format!("Since {since}: {}.{held}", codes.join(", ")), 4)?;
        }
        Ok(())
    }

    /// The rules by status, worst first.
    fn rules(&mut self, report: &Report) -> fmt::Result {
        self.title("Rules")?;
        let codes = |is: &dyn Fn(Option<&RuleStanding>) -> bool| -> Vec<&'static str> {
            let codes = ALL.iter().map(|rule| rule.code);
            codes.filter(|code| is(report.rule(code))).collect()
        };
        let by_status = WORST_FIRST.map(|status| {
            let has = |row: Option<&RuleStanding>| row.is_some_and(|row| row.status() == status);
            (Some(status), status.as_str(), codes(&has))
        });
        let others = (None, "not applicable", codes(&|row| row.is_none()));
        for (status, word, codes) in by_status.into_iter().chain([others]) {
            if codes.is_empty() {
                continue;
            }
            let lines = wrap(&" ".repeat(CODES_AT), &codes.join(", "), CODES_AT, self.terminal.width);
            let gap = CODES_AT - 2 - word.len();
            writeln!(self.text, "  {}{:gap$}{}", self.paint(status, word), "", lines.trim_start())?;
        }
        Ok(())
    }

    fn summary(&mut self, reports: &[Arc<Report>]) -> fmt::Result {
        let count = |status| (status, reports.iter().filter(|report| verdict(report) == status).count());
        let counts = WORST_FIRST.map(count).into_iter().filter(|&(_, count)| count > 0);
        let counts: Vec<String> = counts
            .map(|(status, count)| self.paint(Some(status), &format!("{count} {}", status.as_str())))
            .collect();
        let line = "─".repeat(self.terminal.width);
        writeln!(self.text, "\n{line}\n\n{} domains: {}", reports.len(), counts.join(", "))
    }

    fn title(&mut self, words: &str) -> fmt::Result {
        let title = self.bold(words);
        writeln!(self.text, "\n{title}")
    }

    /// A paragraph that begins with `head`; further lines are indented so far.
    fn paragraph(&mut self, head: &str, text: &str, indent: usize) -> fmt::Result {
        writeln!(self.text, "{}", wrap(head, text, indent, self.terminal.width))
    }

    fn bold(&self, words: &str) -> String {
        self.terminal.bold(words)
    }

    fn paint(&self, status: Option<Status>, words: &str) -> String {
        self.terminal.paint(status, words)
    }
}

fn heading(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Warning => "WARNING",
        Severity::Critical => "CRITICAL",
    }
}

/// Nothing that a terminal would obey but the end of a line.
fn harmless(text: &str) -> String {
    text.trim_end().chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::{endpoint, now, observation, open_relay};
    use crate::render::testing::{accepting, report, run};

    fn printed(report: &Report, colour: bool) -> String {
        reports(&[Arc::new(report.clone())], Terminal { width: 100, colour }, now())
    }

    #[test]
    fn an_open_relay_is_told_in_words() {
        let second = endpoint().at("mx2.example.com", "192.0.2.11").relay(Some(open_relay()));
        let report = report(&observation().of([endpoint(), second]));
        let text = printed(&report, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "example.com: critical");
        assert_eq!(lines[1], "Mail gets in, but mx2.example.com relays for strangers.");
        for part in [
            "\n  CRITICAL  ",
            "smtp.open_relay",
            "mx2.example.com 192.0.2.11:\n      → MAIL FROM:",
            "\n    Do this: ",
            "  OPEN RELAY",
        ] {
            assert!(text.contains(part), "{part:?} is missing in {text}");
        }
        assert!(!text.contains('\x1b'), "{text}");
        for line in lines {
            assert!(line.chars().count() <= 100 || line.contains("  https://"), "{line}");
        }
    }

    #[test]
    fn what_is_accepted_says_until_when_and_why() {
        let relays = observation().of([endpoint().relay(Some(open_relay()))]);
        let report = run(None, &relays, &accepting("smtp.open_relay"));
        let text = printed(&report, false);
        assert!(text.starts_with("example.com: info\n"), "{text}");
        let told = "\n    mx1.example.com 192.0.2.10 (accepted until 31 Jan 2027: a lab & its <relay>):\n";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn colour_adds_escapes_and_takes_no_word() {
        let report = report(&observation().of([endpoint().relay(Some(open_relay()))]));
        let (plain, coloured) = (printed(&report, false), printed(&report, true));
        let mut stripped = String::new();
        for part in coloured.split('\x1b') {
            stripped.push_str(
                part.strip_prefix('[').and_then(|code| code.split_once('m')).map_or(part, |(_, rest)| rest),
            );
        }
        assert_ne!(plain, coloured);
        assert_eq!(stripped, plain);
    }

    #[test]
    fn what_could_not_be_judged_is_told_once_a_server() {
        let report = report(&observation().of([endpoint().banner("421 4.7.0 too many connections")]));
        let text = printed(&report, false);
        assert_eq!(text.matches("421 4.7.0 too many connections").count(), 1, "{text}");
        assert!(text.contains("\nNot judged this time\n"), "{text}");
    }

    #[test]
    fn a_domain_without_servers_has_no_table() {
        let report = report(&observation().of([]).mx([(0, ".")]));
        let text = printed(&report, false);
        assert!(text.contains("Accepts no mail, by null MX.") && !text.contains("Servers"), "{text}");
        let dead =
            crate::render::testing::report(&observation().of([endpoint().unreachable(Cause::Refused)]));
        assert!(printed(&dead, false).contains("No mail server can be reached."));
    }
}
