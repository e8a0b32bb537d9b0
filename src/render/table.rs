//! The rules as a Markdown table, for the README.

use crate::rules::{ALL, Issue};

/// A row a rule: what holds where it passes, and what it can find, with severities.
pub fn table() -> String {
    let mut text = String::from("| rule | holds where | can find |\n|---|---|---|\n");
    for rule in ALL {
        let found: Vec<String> = rule.issues.iter().map(|issue| cell(issue)).collect();
        text.push_str(&format!("| `{}` | {} | {} |\n", rule.code, plain(rule.title), found.join(", ")));
    }
    text
}

fn cell(issue: &Issue) -> String {
    format!("[`{}`]({}) ({})", issue.code, issue.reference, issue.severity.as_str())
}

/// A bar would end the cell.
fn plain(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_row_of_three_cells() {
        let table = table();
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows.len(), ALL.len());
        for (row, rule) in rows.iter().zip(ALL) {
            assert!(row.starts_with(&format!("| `{}` | ", rule.code)), "{row}");
            assert_eq!(row.matches(" | ").count(), 2, "{row}");
            assert!(rule.issues.iter().all(|issue| row.contains(issue.code)), "{row}");
        }
    }
}
