//! What a template of an alert's text asks for: the alert's labels, queries of its own, and their labels.

/// Everything after `prefix`, as far as it is a word: `domain` of `$labels.domain`.
pub(crate) fn words_after<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let word = |at: usize| {
        let rest = &text[at + prefix.len()..];
        &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())]
    };
    text.match_indices(prefix).map(|(at, _)| word(at)).collect()
}

/// The queries between quotes; whatever is put into them stands as a text.
pub(crate) fn queries(text: &str) -> Vec<String> {
    let quoted = text.split('"').skip(1).step_by(2);
    let queries = quoted.filter(|quoted| quoted.contains("smtp_") || quoted.contains("mx_exporter_"));
    queries.map(|query| query.replace("%q", "\"\"")).collect()
}

#[test]
fn labels_and_queries_are_found() {
    let text = r#"{{ $labels.mx }}{{ range printf "smtp_x{mx=%q}" $labels.mx | query | sortByLabel "y" }}{{ .Labels.z }}{{ end }}"#;
    assert_eq!(words_after(text, "$labels."), ["mx", "mx"]);
    assert_eq!(words_after(text, ".Labels."), ["z"]);
    assert_eq!(queries(text), [r#"smtp_x{mx=""}"#]);
}
