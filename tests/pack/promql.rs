//! What a PromQL expression names: metrics with their matchers, and the labels that it joins and groups by. It takes
//! the expression for valid.

use std::collections::BTreeSet;

/// What is named.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Names {
    /// Every series selector.
    pub(crate) selectors: Vec<Selector>,
    /// The labels in `by`, `on`, `group_left` and their like.
    pub(crate) labels: BTreeSet<String>,
}

/// A metric and what its labels must be.
#[derive(Debug, PartialEq)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// A label with what it is compared to, regular expressions included.
    pub(crate) matchers: Vec<(String, String)>,
}

/// Words that stand without parentheses and name nothing.
const WORDS: &[&str] =
    &["and", "bool", "bottomk", "count", "group", "max", "min", "or", "quantile", "sum", "topk", "unless"];
/// Words whose parentheses hold labels.
const LISTS: &[&str] = &["by", "group_left", "group_right", "ignoring", "on", "without"];

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Sign(char),
}

/// Reads one expression, or one series in the notation of `promtool`.
pub(crate) fn names(expression: &str) -> Names {
    let tokens = tokens(expression);
    let mut names = Names::default();
    let mut at = 0;
    while at < tokens.len() {
        let opens = |sign| tokens.get(at + 1) == Some(&Token::Sign(sign));
        match tokens[at] {
            Token::Word(word) if LISTS.contains(&word) && opens('(') => {
                let list = until(&tokens[at + 2..], ')');
                names.labels.extend(list.iter().filter_map(word_of).map(str::to_owned));
                at += list.len() + 2;
            }
            Token::Word(word) if !WORDS.contains(&word) && !opens('(') => {
                let braces = if opens('{') { until(&tokens[at + 2..], '}') } else { &[] };
                names.selectors.push(Selector { metric: word.to_owned(), matchers: matchers(braces) });
                at += braces.len();
            }
            _ => {}
        }
        at += 1;
    }
    names
}

fn until<'t, 'a>(tokens: &'t [Token<'a>], end: char) -> &'t [Token<'a>] {
    let length = tokens.iter().position(|token| *token == Token::Sign(end));
    &tokens[..length.expect("a closing bracket")]
}

fn matchers(braces: &[Token<'_>]) -> Vec<(String, String)> {
    let labels = braces.iter().filter_map(word_of);
    let values = braces.iter().filter_map(|token| match token {
        Token::Text(text) => Some(*text),
        _ => None,
    });
    labels.zip(values).map(|(label, value)| (label.to_owned(), value.to_owned())).collect()
}

fn word_of<'a>(token: &Token<'a>) -> Option<&'a str> {
    match token {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

/// Words, quoted texts and signs; numbers, durations and ranges name nothing.
fn tokens(expression: &str) -> Vec<Token<'_>> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => rest[1..].find(first).expect("a closing quote") + 2,
            '[' => rest.find(']').expect("a closing bracket") + 1,
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let token = &rest[..length];
        match first {
            '"' | '\'' => tokens.push(Token::Text(&token[1..length - 1])),
            c if c.is_ascii_alphabetic() || c == '_' => tokens.push(Token::Word(token)),
            c if c.is_ascii_digit() || c == '[' => {}
            sign => tokens.push(Token::Sign(sign)),
        }
        rest = rest[length..].trim_start();
    }
    tokens
}

#[test]
fn everything_that_is_named_is_found() {
    let found = names(
        r#"sum by (a) (rate(x_total{b=~"1|2", c!="[}"}[5m])) * on (d) group_left () y > 3 unless max(z) == bool 4"#,
    );
    let selector = |metric: &str, matchers: &[(&str, &str)]| Selector {
        metric: metric.to_owned(),
        matchers: matchers.iter().map(|(label, value)| (label.to_string(), value.to_string())).collect(),
    };
    assert_eq!(
        found.selectors,
        [selector("x_total", &[("b", "1|2"), ("c", "[}")]), selector("y", &[]), selector("z", &[])]
    );
    assert_eq!(found.labels.iter().collect::<Vec<_>>(), ["a", "d"]);
}
