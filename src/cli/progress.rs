//! How far a check has come, on one line of a terminal that is written over and over.

use crate::name::DomainName;
use std::collections::BTreeMap;
use std::io::{self, Write as _};

/// The line, and the domains that it waits for, by their places.
pub(super) struct Progress {
    total: usize,
    waiting: BTreeMap<usize, String>,
    /// What the terminal has room for; none where there is none, and then nothing is written.
    width: Option<usize>,
    shown: usize,
}

impl Progress {
    /// Shows that nothing has been done yet.
    pub(super) fn of<'d>(domains: impl Iterator<Item = &'d DomainName>, width: Option<usize>) -> Self {
        let waiting: BTreeMap<_, _> = domains.map(DomainName::to_unicode).enumerate().collect();
        let mut progress = Self { total: waiting.len(), waiting, width, shown: 0 };
        progress.show();
        progress
    }

    /// The domain at this place is done.
    pub(super) fn done(&mut self, place: usize) {
        self.waiting.remove(&place);
        self.show();
    }

    fn show(&mut self) {
        let line = self.line();
        self.write(&line);
    }

    /// Nothing, once all is done.
    fn line(&self) -> String {
        let Some(next) = self.waiting.values().next() else { return String::new() };
        let done = self.total - self.waiting.len();
        match self.waiting.len() - 1 {
            _ if self.total == 1 => format!("{next} …"),
            0 => format!("{done}/{} done, waiting for {next} …", self.total),
            more => format!("{done}/{} done, waiting for {next} and {more} more …", self.total),
        }
    }

    /// Over the last line, and leaves the cursor where the next one, or a line of the log, begins.
    fn write(&mut self, line: &str) {
        let Some(width) = self.width else { return };
        let line: String = line.chars().take(width.saturating_sub(1)).collect();
        let rest = self.shown.saturating_sub(line.chars().count());
        self.shown = line.chars().count();
        write!(io::stderr(), "\r{line}{:rest$}\r", "").ok(); // an ornament
    }
}

/// However a check ends, the line goes.
impl Drop for Progress {
    fn drop(&mut self) {
        self.write("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_waited_for() {
        let [a, b, c] =
            ["a.example", "bücher.example", "c.example"].map(|name| DomainName::parse(name).unwrap());
        let mut three = Progress::of([&a, &b, &c].into_iter(), None);
        assert_eq!(three.line(), "0/3 done, waiting for a.example and 2 more …");
        three.done(0);
        assert_eq!(three.line(), "1/3 done, waiting for bücher.example and 1 more …");
        three.done(2);
        assert_eq!(three.line(), "2/3 done, waiting for bücher.example …");
        three.done(1);
        assert_eq!(three.line(), "");
        assert_eq!(Progress::of([&a].into_iter(), None).line(), "a.example …");
    }
}
