//! One report for a terminal: headline, what to fix, the servers. Colour only where asked for, and never alone.

use super::doubts::{Open, doubts};
use super::fixes::{Fix, fixes};
use super::servers::{Mark, Server, servers};
use super::{answer, time, words};
use crate::report::Report;
use crate::rules::{Severity, Status, Subject};
use std::fmt::{self, Write};
use std::time::SystemTime;

/// How far a line of prose goes.
const WIDTH: usize = 88;

/// What `check` prints.
pub fn report(report: &Report, colour: bool, now: SystemTime) -> String {
    let mut page = Page { text: String::new(), colour };
    // A string takes all that is written.
    page.report(report, now).ok();
    page.text
}

struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn report(&mut self, report: &Report, now: SystemTime) -> fmt::Result {
        self.headline(report, now)?;
        self.fixes(&fixes(report))?;
        self.servers(&servers(report, now))?;
        self.doubts(&doubts(report), now)?;
        writeln!(self.text, "\nNot tested: SPF, DKIM, DMARC, content, block-lists, submission ports.")
    }

    fn headline(&mut self, report: &Report, now: SystemTime) -> fmt::Result {
        let domain = report.domain();
        let (unicode, status) = (domain.to_unicode(), report.status());
        let name = self.bold(&unicode);
        let also = if unicode == domain.as_str() { String::new() } else { format!(" ({domain})") };
        let status = self.paint(Some(status), status.as_str());
        writeln!(self.text, "{name}{also}: {status}\n{}", answer::answer(report))?;
        let age = time::ago(report.observation.at, now);
        writeln!(self.text, "Probed {age}, in {}.", time::precise(report.took))
    }

    fn fixes(&mut self, fixes: &[Fix<'_>]) -> fmt::Result {
        if fixes.is_empty() {
            return Ok(());
        }
        let title = self.bold("What to fix");
        writeln!(self.text, "\n{title}")?;
        fixes.iter().try_for_each(|fix| self.fix(fix))
    }

    fn fix(&mut self, fix: &Fix<'_>) -> fmt::Result {
        let tag = self.paint(Some(fix.severity.into()), heading(fix.severity));
        let title = self.bold(fix.issue.title);
        writeln!(self.text, "\n  {tag}  {title}  {}", fix.issue.code)?;
        for place in &fix.places {
            let evidence = harmless(place.evidence, 6);
            match place.subject {
                Subject::Domain => writeln!(self.text, "      {evidence}")?,
                server => writeln!(self.text, "    {}:\n      {evidence}", server)?,
            }
        }
        self.prose("Why: ", fix.issue.why)?;
        self.prose("Do this: ", fix.issue.fix)?;
        writeln!(self.text, "    {}", fix.issue.reference)
    }

    /// A paragraph, broken between words.
    fn prose(&mut self, head: &str, text: &str) -> fmt::Result {
        let mut line = format!("    {head}");
        let mut is_fresh = true;
        for word in text.split_whitespace() {
            if !is_fresh && line.chars().count() + word.chars().count() >= WIDTH {
                writeln!(self.text, "{}", line.trim_end())?;
                line = "    ".to_owned();
            }
            line.push_str(word);
            line.push(' ');
            is_fresh = false;
        }
        writeln!(self.text, "{}", line.trim_end())
    }

    fn servers(&mut self, servers: &[Server<'_>]) -> fmt::Result {
        if servers.is_empty() {
            return Ok(());
        }
        let title = self.bold("Servers");
        writeln!(self.text, "\n{title}")?;
        let head = ["MX", "Address", "Reachable", "STARTTLS", "Certificate", "PTR", "Relay", "Answer"];
        let mut rows = vec![head.map(|word| (word.to_owned(), None)).to_vec()];
        rows.extend(servers.iter().map(row));
        let widths: Vec<usize> = (0..head.len()).map(|column| width(&rows, column)).collect();
        for row in rows {
            let mut line = String::from(" ");
            for ((words, status), width) in row.iter().zip(&widths) {
                let gap = width - words.chars().count();
                write!(line, " {}{:gap$} ", self.paint(*status, words), "")?;
            }
            writeln!(self.text, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn doubts(&mut self, doubts: &[Open<'_>], now: SystemTime) -> fmt::Result {
        if doubts.is_empty() {
            return Ok(());
        }
        let title = self.bold("Not judged this time");
        writeln!(self.text, "\n{title}")?;
        doubts.iter().try_for_each(|open| {
            let why = words::trouble(&open.doubt.trouble);
            writeln!(self.text, "  {}: {}", open.whom().join(", "), harmless(&why, 4))?;
            let codes: Vec<&str> = open.rules.iter().map(|rule| rule.code).collect();
            let held = match open.held {
                0 => String::new(),
                held => format!(" {} held.", words::count(held, "former verdict")),
            };
            let since = time::ago(open.doubt.since, now);
            self.prose("", &format!("Since {since}: {}.{held}", codes.join(", ")))
        })
    }

    fn bold(&self, words: &str) -> String {
        if self.colour { format!("\x1b[1m{words}\x1b[0m") } else { words.to_owned() }
    }

    fn paint(&self, status: Option<Status>, words: &str) -> String {
        let code = match status {
            Some(Status::Ok) => "32",
            Some(Status::Info) => "36",
            Some(Status::Warning) => "33",
            Some(Status::Critical) => "1;31",
            Some(Status::Unknown | Status::Error) => "35",
            None => return words.to_owned(),
        };
        if self.colour { format!("\x1b[{code}m{words}\x1b[0m") } else { words.to_owned() }
    }
}

type Cell = (String, Option<Status>);

fn row(server: &Server<'_>) -> Vec<Cell> {
    let endpoint = server.endpoint;
    let mark = |mark: &Mark| {
        let held = if mark.held { " (held)" } else { "" };
        (format!("{}{held}", mark.words), mark.status)
    };
    vec![
        (format!("{} {}", endpoint.preference, endpoint.mx), None),
        (endpoint.address().to_string(), None),
        mark(&server.reachable),
        mark(&server.tls),
        mark(&server.certificate),
        mark(&server.ptr),
        mark(&server.relay),
        (server.answer.clone(), None),
    ]
}

fn width(rows: &[Vec<Cell>], column: usize) -> usize {
    let width = |row: &Vec<Cell>| row.get(column).map_or(0, |(words, _)| words.chars().count());
    rows.iter().map(width).max().unwrap_or_default()
}

fn heading(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Warning => "WARNING",
        Severity::Critical => "CRITICAL",
    }
}

/// Further lines indented, and nothing that a terminal would obey.
fn harmless(text: &str, indent: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            '\n' => shown.push_str(&format!("\n{:indent$}", "")),
            c if c.is_control() => shown.push('\u{fffd}'),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use crate::observe::Cause;
    use crate::observe::testing::{endpoint, now, observation, open_relay};
    use crate::render::testing::report;

    #[test]
    fn an_open_relay_is_told_in_words() {
        let second = endpoint().at("mx2.example.com", "192.0.2.11").relay(Some(open_relay()));
        let report = report(&observation().of([endpoint(), second]));
        let text = super::report(&report, false, now());
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
        assert!(lines.iter().filter(|line| line.starts_with("    ")).all(|line| line.chars().count() < 200));
    }

    #[test]
    fn colour_adds_escapes_and_takes_no_word() {
        let report = report(&observation().of([endpoint().relay(Some(open_relay()))]));
        let (plain, coloured) = (super::report(&report, false, now()), super::report(&report, true, now()));
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
        let text = super::report(&report, false, now());
        assert_eq!(text.matches("421 4.7.0 too many connections").count(), 1, "{text}");
        assert_eq!(text.matches("not judged: the server limits our rate").count(), 1, "{text}");
        assert!(text.contains("\nNot judged this time\n"), "{text}");
    }

    #[test]
    fn a_domain_without_servers_has_no_table() {
        let report = report(&observation().of([]).mx([(0, ".")]));
        let text = super::report(&report, false, now());
        assert!(text.contains("Accepts no mail, by null MX.") && !text.contains("Servers"), "{text}");
        let dead =
            crate::render::testing::report(&observation().of([endpoint().unreachable(Cause::Refused)]));
        assert!(super::report(&dead, false, now()).contains("No mail server can be reached."));
    }
}
