//! Words on lines: columns as a terminal counts them, paragraphs broken between words, colour.

use super::Terminal;
use crate::rules::Status;
use unicode_width::UnicodeWidthStr as _;

/// A paragraph that begins with `head`, its further lines indented so far, broken where the terminal ends. Words that
/// are longer than a line stay whole, to be copied.
pub(super) fn wrap(head: &str, text: &str, indent: usize, width: usize) -> String {
    let mut lines = head.to_owned();
    let mut column = columns(head);
    let mut is_fresh = true;
    for word in text.split_inclusive(' ') {
        if !is_fresh && column + columns(word.trim_end()) > width {
            lines.truncate(lines.trim_end_matches(' ').len());
            lines += &format!("\n{:indent$}", "");
            column = indent;
        }
        lines += word;
        column += columns(word);
        is_fresh = false;
    }
    lines.truncate(lines.trim_end_matches(' ').len());
    lines
}

/// How many columns a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

impl Terminal {
    pub(super) fn bold(self, words: &str) -> String {
        self.escaped("1", words)
    }

    /// In the colour of a status; plain without one.
    pub(super) fn paint(self, status: Option<Status>, words: &str) -> String {
        match status {
            Some(Status::Ok) => self.escaped("32", words),
            Some(Status::Info) => self.escaped("36", words),
            Some(Status::Warning) => self.escaped("33", words),
            Some(Status::Critical) => self.escaped("1;31", words),
            Some(Status::Unknown | Status::Error) => self.escaped("35", words),
            None => words.to_owned(),
        }
    }

    fn escaped(self, code: &str, words: &str) -> String {
        if self.colour { format!("\x1b[{code}m{words}\x1b[0m") } else { words.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_end_where_the_terminal_does() {
        for (text, want) in [
            ("", ">"),
            ("one two", "> one two"),
            ("one two three four", "> one two\n  three four"),
            ("a-word-too-long-for-any-line and", "> a-word-too-long-for-any-line\n  and"),
            ("250  two  spaces", "> 250  two\n  spaces"),
            ("邮件 邮件 邮件", "> 邮件 邮件\n  邮件"),
        ] {
            assert_eq!(wrap("> ", text, 2, 12), want);
        }
    }
}
