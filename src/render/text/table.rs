//! The endpoint table: below each MX a row an address where the terminal is wide enough, else a paragraph an address.

use super::Terminal;
use super::layout::{columns, wrap};
use crate::render::servers::{Mark, Server};
use crate::rules::Status;

/// Between two columns.
const GAP: &str = "  ";
/// Before the first.
const INDENT: &str = "    ";
/// A space where no line is broken.
const WHOLE: &str = "\u{a0}";
const HEAD: [&str; 7] = ["Address", "Reachable", "STARTTLS", "Certificate", "PTR", "Relay", "Answer"];

/// What stands in one cell, and how good or bad that is.
type Cell = (String, Option<Status>);
type Row = [Cell; HEAD.len()];

/// The servers, indented. Why something was not judged is told elsewhere.
pub(super) fn table(servers: &[Server<'_>], terminal: Terminal) -> String {
    let head = HEAD.map(|word| (word.to_owned(), None));
    let rows: Vec<Row> = servers.iter().map(row).collect();
    let widths = widths(&rows);
    let is_wide_enough =
        INDENT.len() + widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1) <= terminal.width;
    let mut text = if is_wide_enough { line(&head, &widths, terminal) } else { String::new() };
    let mut above = None;
    for (server, row) in servers.iter().zip(&rows) {
        let mx = format!("{} {}", server.endpoint.preference, server.endpoint.mx);
        if above.as_ref() != Some(&mx) {
            text += &format!("  {}\n", terminal.bold(&mx));
            above = Some(mx);
        }
        text += &if is_wide_enough { line(row, &widths, terminal) } else { paragraph(row, terminal) };
    }
    text
}

fn row(server: &Server<'_>) -> Row {
    [
        (address(server), None),
        cell(&server.reachable),
        cell(&server.tls),
        cell(&server.certificate),
        cell(&server.ptr),
        cell(&server.relay),
        (server.answer.clone(), None),
    ]
}

/// `192.0.2.10`, or `192.0.2.10 of pool-v4`.
fn address(server: &Server<'_>) -> String {
    let (endpoint, address) = (server.endpoint, server.endpoint.address());
    if endpoint.pooled { format!("{address} of {}", endpoint.place()) } else { address.to_string() }
}

fn cell(mark: &Mark) -> Cell {
    let held = if mark.held { " (held)" } else { "" };
    (format!("{}{held}", mark.brief()), mark.status)
}

fn widths(rows: &[Row]) -> [usize; HEAD.len()] {
    let mut widths = HEAD.map(columns);
    for row in rows {
        for (width, (words, _)) in widths.iter_mut().zip(row) {
            *width = columns(words).max(*width);
        }
    }
    widths
}

fn line(row: &Row, widths: &[usize], terminal: Terminal) -> String {
    let mut line = INDENT.to_owned();
    for ((words, status), width) in row.iter().zip(widths) {
        let rest = width - columns(words);
        line += &format!("{}{:rest$}{GAP}", terminal.paint(*status, words), "");
    }
    format!("{}\n", line.trim_end())
}

/// The same as `192.0.2.10: Reachable yes, STARTTLS TLS 1.3, …`.
fn paragraph(row: &Row, terminal: Terminal) -> String {
    let [(address, _), facts @ ..] = row;
    let said = facts.iter().zip(&HEAD[1..]).filter(|((words, _), _)| words != "–");
    let said: Vec<String> =
        said.map(|((words, _), head)| format!("{head} {words}").replace(' ', WHOLE)).collect();
    let text = format!("{address}: {}", said.join(", "));
    let lines = wrap(INDENT, &text, INDENT.len() + 2, terminal.width);
    format!("{}\n", lines.replace(WHOLE, " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, now, observation};
    use crate::render::servers::servers;
    use crate::render::testing::report;

    #[test]
    fn columns_are_aligned_where_there_is_room() {
        let report = report(&observation().of([endpoint(), endpoint().at("mx2.example.com", "192.0.2.111")]));
        let of = |width| table(&servers(&report, now()), Terminal { width, colour: false });
        let wide = of(100);
        let lines: Vec<&str> = wide.lines().collect();
        let [head, mx1, one, mx2, two] = lines[..] else { panic!("{wide}") };
        assert_eq!((mx1, mx2), ("  10 mx1.example.com", "  10 mx2.example.com"));
        for (word, fact) in [("Reachable", "yes"), ("STARTTLS", "TLS 1.3"), ("Relay", "closed")] {
            let at = head.find(word).unwrap();
            assert!(one[at..].starts_with(fact) && two[at..].starts_with(fact), "{word}: {wide}");
        }
        let narrow = of(60);
        assert!(narrow.contains("192.0.2.111: Reachable yes, STARTTLS TLS 1.3,\n"), "{narrow}");
        assert!(narrow.lines().all(|line| columns(line) <= 60), "{narrow}");
    }

    #[test]
    fn a_pool_is_told_with_the_address_that_was_visited() {
        let report = report(&observation().of([endpoint().pooled()]));
        let text = table(&servers(&report, now()), Terminal { width: 120, colour: false });
        assert!(text.contains("    192.0.2.10 of pool-v4  yes"), "{text}");
    }
}
