//! OpenMetrics to the text format 0.0.4, line by line: the same series, other types, no units and no end mark.

/// The same metrics in the format that `promtool` and old scrapers read.
pub fn classic(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = "";
    for line in openmetrics.lines() {
        match line.strip_prefix("# ").and_then(|comment| comment.split_once(' ')) {
            // Its name is that of the TYPE line behind it, once that is known.
            Some(("HELP", rest)) => help = rest.split_once(' ').map_or("", |(_, help)| help),
            Some(("TYPE", rest)) => push_head(&mut text, rest, help),
            Some(_) => {}
            None if line.starts_with('#') => {}
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

fn push_head(text: &mut String, name_and_kind: &str, help: &str) {
    let (name, kind) = name_and_kind.split_once(' ').unwrap_or((name_and_kind, "unknown"));
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "unknown" => ("", "untyped"),
        kind => ("", kind),
    };
    text.push_str(&format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_names_become_what_the_older_format_knows() {
        let openmetrics = "# HELP a_seconds Time.\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds{x=\"# EOF\"} 1.5\n\
                           # HELP b Things.\n# TYPE b counter\nb_total 3\n\
                           # HELP c About.\n# TYPE c info\nc_info{v=\"1\"} 1\n\
                           # HELP d Some.\n# TYPE d unknown\nd 4\n# EOF\n";
        let want = "# HELP a_seconds Time.\n# TYPE a_seconds gauge\na_seconds{x=\"# EOF\"} 1.5\n\
                    # HELP b_total Things.\n# TYPE b_total counter\nb_total 3\n\
                    # HELP c_info About.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n\
                    # HELP d Some.\n# TYPE d untyped\nd 4\n";
        assert_eq!(classic(openmetrics), want);
    }
}
