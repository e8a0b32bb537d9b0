//! Counts what was compared, and shows at the end what was not as wanted.

use std::fmt::Display;
use std::process::ExitCode;

use crate::world::attempt;

#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: Vec<(String, Vec<String>)>,
}

impl Tally {
    /// One comparison: all the ways in which what was got differs from what was wanted.
    pub(crate) fn compare(&mut self, subject: impl Display, differences: Vec<String>) {
        if differences.is_empty() {
            println!("  ok     {subject}");
            self.passed += 1;
        } else {
            println!("  FAILED {subject}");
            self.failed.push((subject.to_string(), differences));
        }
    }

    /// One comparison, of what may take up to about a minute to become as wanted.
    pub(crate) fn compare_in_time(
        &mut self,
        subject: impl Display,
        mut differences: impl FnMut() -> Vec<String>,
    ) {
        let last = attempt(|| match differences() {
            none if none.is_empty() => Ok(()),
            some => Err(some),
        });
        self.compare(subject, last.err().unwrap_or_default());
    }

    pub(crate) fn any_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// The table of all differences and the count; nothing compared is a failure too.
    pub(crate) fn close(self) -> ExitCode {
        println!();
        for (subject, differences) in &self.failed {
            for difference in differences {
                println!("FAILED {subject:<26} {difference}");
            }
        }
        println!("{} passed, {} failed", self.passed, self.failed.len());
        if self.failed.is_empty() && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
