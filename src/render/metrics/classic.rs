//! OpenMetrics to the text format 0.0.4, line by line: the same series, other types, no units and no end mark.

use std::fmt::{self, Write};

/// Takes OpenMetrics, passes on the format that `promtool` and old scrapers read. Keeps a line, never more.
pub(super) struct Classic<'a, W> {
    out: &'a mut W,
    line: String,
    /// The help of a family whose TYPE line, which has its name, is yet to come.
    help: String,
}

impl<'a, W: Write> Classic<'a, W> {
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out, line: String::new(), help: String::new() }
    }

    fn pass_on(&mut self) -> fmt::Result {
        let Self { out, line, help } = self;
        match line.strip_prefix("# ").and_then(|comment| comment.trim_end().split_once(' ')) {
            Some(("HELP", rest)) => {
                help.clear();
                help.push_str(rest.split_once(' ').map_or("", |(_, help)| help));
                Ok(())
            }
            Some(("TYPE", rest)) => write_head(*out, rest, help),
            Some(_) => Ok(()),
            None if line.starts_with('#') => Ok(()),
            None => out.write_str(line),
        }
    }
}

impl<W: Write> Write for Classic<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive('\n') {
            self.line.push_str(piece);
            if piece.ends_with('\n') {
                self.pass_on()?;
                self.line.clear();
            }
        }
        Ok(())
    }
}

fn write_head(out: &mut impl Write, name_and_kind: &str, help: &str) -> fmt::Result {
    let (name, kind) = name_and_kind.split_once(' ').unwrap_or((name_and_kind, "unknown"));
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "unknown" => ("", "untyped"),
        kind => ("", kind),
    };
    write!(out, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENMETRICS: &str = "# HELP a_seconds Time.\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds{x=\"# EOF\"} 1.5\n\
                               # HELP b Things.\n# TYPE b counter\nb_total 3\n\
                               # HELP c About.\n# TYPE c info\nc_info{v=\"1\"} 1\n\
                               # HELP d Some.\n# TYPE d unknown\nd 4\n\
                               # HELP e_seconds Waits.\n# TYPE e_seconds histogram\n# UNIT e_seconds seconds\n\
                               e_seconds_sum 1.0\ne_seconds_count 1\ne_seconds_bucket{le=\"+Inf\"} 1\n# EOF\n";
    const CLASSIC: &str = "# HELP a_seconds Time.\n# TYPE a_seconds gauge\na_seconds{x=\"# EOF\"} 1.5\n\
                           # HELP b_total Things.\n# TYPE b_total counter\nb_total 3\n\
                           # HELP c_info About.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n\
                           # HELP d Some.\n# TYPE d untyped\nd 4\n\
                           # HELP e_seconds Waits.\n# TYPE e_seconds histogram\n\
                           e_seconds_sum 1.0\ne_seconds_count 1\ne_seconds_bucket{le=\"+Inf\"} 1\n";

    #[test]
    fn types_and_names_become_what_the_older_format_knows() {
        for size in [1, 7, 4096] {
            let mut text = String::new();
            let mut classic = Classic::new(&mut text);
            for piece in OPENMETRICS.as_bytes().chunks(size) {
                classic.write_str(str::from_utf8(piece).unwrap()).unwrap();
            }
            assert_eq!(text, CLASSIC, "in pieces of {size}");
        }
    }

    #[test]
    fn a_reader_that_has_gone_ends_it() {
        struct Gone;
        impl Write for Gone {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        assert!(Classic::new(&mut Gone).write_str("a 1\n").is_err());
    }
}
