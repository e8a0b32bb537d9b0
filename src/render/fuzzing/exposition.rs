//! A reader of both metric formats that forgives nothing: order, types, names, escapes, numbers, duplicates.

use std::collections::{BTreeMap, BTreeSet};

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format 0.0.4.
    Classic,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// One series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
}

/// All that stands in an exposition.
#[derive(Default)]
pub(super) struct Exposition {
    /// Each series with its value.
    pub(super) series: BTreeMap<Series, String>,
    families: BTreeSet<String>,
    family: String,
    kind: String,
    help: String,
}

/// Reads a whole text.
pub(super) fn read(text: &str, format: Format) -> Exposition {
    let mut exposition = Exposition::default();
    let body = match format {
        Format::Classic => text,
        Format::OpenMetrics => text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end in {text}")),
    };
    assert!(body.is_empty() || body.ends_with('\n'), "the last line has no end");
    for line in body.split_terminator('\n') {
        match line.strip_prefix('#') {
            Some(comment) => exposition.comment(comment, format),
            None => exposition.sample(line, format),
        }
    }
    exposition
}

impl Exposition {
    fn comment(&mut self, comment: &str, format: Format) {
        let mut words = comment.splitn(4, ' ');
        let (nothing, what) = (words.next(), words.next());
        let (name, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        assert!(nothing == Some("") && is_name(name), "#{comment}");
        match what {
            Some("HELP") => name.clone_into(&mut self.help),
            Some("TYPE") => {
                assert_eq!(self.help, name, "TYPE without HELP");
                let known: &[&str] = match format {
                    Format::Classic => &["counter", "gauge", "histogram", "summary", "untyped"],
                    Format::OpenMetrics => {
                        &["counter", "gauge", "histogram", "info", "stateset", "summary", "unknown"]
                    }
                };
                assert!(known.contains(&rest), "#{comment}");
                assert!(self.families.insert(name.to_owned()), "{name} is told twice");
                name.clone_into(&mut self.family);
                rest.clone_into(&mut self.kind);
            }
            Some("UNIT") => {
                assert!(format == Format::OpenMetrics && self.family == name, "#{comment}");
                assert!(name.ends_with(&format!("_{rest}")), "#{comment}");
            }
            _ => panic!("#{comment}"),
        }
    }

    fn sample(&mut self, line: &str, format: Format) {
        let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value in {line:?}"));
        let (name, rest) = line.split_at(end);
        assert!(
            is_name(name) && self.suffixes(format).iter().any(|end| name == format!("{}{end}", self.family)),
            "{line:?}"
        );
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest),
            None => (BTreeMap::new(), rest),
        };
        let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value in {line:?}"));
        assert!(value.parse::<f64>().is_ok_and(|value| !value.is_nan()), "{line:?}");
        let series = Series { name: name.to_owned(), labels };
        assert!(self.series.insert(series, value.to_owned()).is_none(), "twice: {line:?}");
    }

    fn suffixes(&self, format: Format) -> &'static [&'static str] {
        match (format, self.kind.as_str()) {
            (_, "histogram") => &["_bucket", "_sum", "_count"],
            (Format::OpenMetrics, "counter") => &["_total"],
            (Format::OpenMetrics, "info") => &["_info"],
            _ => &[""],
        }
    }
}

/// The labels up to the closing brace, and what stands behind it.
fn labels(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, behind) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label in {rest:?}"));
        assert!(is_name(name) && !name.contains(':'), "{name:?} is no label");
        let (value, behind) = value(behind);
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice");
        match behind.split_at_checked(1) {
            Some((",", behind)) => rest = behind,
            Some(("}", behind)) => return (labels, behind),
            _ => panic!("{behind:?} behind a label"),
        }
    }
}

/// A value up to its closing quote, without its escapes, and what stands behind it.
fn value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, c @ ('"' | '\\'))) => c,
                other => panic!("{other:?} is no escape"),
            }),
            '\n' => break,
            c => value.push(c),
        }
    }
    panic!("no end of {text:?}")
}

fn is_name(name: &str) -> bool {
    let mut octets = name.bytes();
    octets.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && octets.all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}
