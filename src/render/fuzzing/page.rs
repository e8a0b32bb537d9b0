//! A reader of pages that forgives nothing: only the elements and attributes of the templates, every value quoted, every
//! element closed in order, every `<` and `&` of a text escaped. A browser would make of such a page what this makes of it.

use crate::render::html::STYLE;

/// Every element there is, with the attributes it may have beside those of all.
const ELEMENTS: &[(&str, &[&str])] = &[
    ("a", &["href", "rel", "aria-current"]),
    ("article", &[]),
    ("b", &[]),
    ("body", &[]),
    ("br", &[]),
    ("button", &["type"]),
    ("caption", &[]),
    ("circle", &["cx", "cy", "r"]),
    ("code", &[]),
    ("dd", &[]),
    ("details", &["open"]),
    ("div", &[]),
    ("dl", &[]),
    ("dt", &[]),
    ("footer", &[]),
    ("form", &["method"]),
    ("h1", &[]),
    ("h2", &[]),
    ("h3", &[]),
    ("head", &[]),
    ("header", &[]),
    ("html", &["lang"]),
    ("input", &["type", "name", "value", "placeholder"]),
    ("label", &[]),
    ("li", &[]),
    ("link", &["rel", "href"]),
    ("main", &[]),
    ("meta", &["charset", "content", "http-equiv", "name"]),
    ("nav", &[]),
    ("ol", &[]),
    ("option", &["value", "selected"]),
    ("p", &[]),
    ("path", &["d"]),
    ("pre", &[]),
    ("q", &[]),
    ("rect", &["x", "y", "width", "height", "rx"]),
    ("section", &[]),
    ("select", &["name"]),
    ("span", &[]),
    ("strong", &[]),
    ("style", &[]),
    ("summary", &[]),
    ("svg", &["viewBox", "preserveAspectRatio", "focusable", "width", "height"]),
    ("table", &[]),
    ("tbody", &[]),
    ("td", &["data-label", "colspan"]),
    ("th", &["scope", "rowspan", "colspan"]),
    ("thead", &[]),
    ("time", &["datetime", "title"]),
    ("title", &[]),
    ("tr", &[]),
    ("ul", &[]),
];

/// Attributes of any element.
const ANYWHERE: &[&str] =
    &["aria-describedby", "aria-hidden", "aria-label", "aria-labelledby", "class", "id", "role"];

/// Elements that have no end of their own; the graphics among them say so.
const VOID: &[&str] = &["br", "circle", "input", "link", "meta", "path", "rect"];

/// Reads a whole page; what comes back is its text, without the escapes.
pub(super) fn read(html: &str) -> String {
    let rest = strip_doctype(html).unwrap_or_else(|| panic!("no doctype in {html}"));
    let (mut rest, mut open, mut shown) = (rest, Vec::new(), String::new());
    while let Some((text, tag)) = rest.split_once('<') {
        shown.push_str(&unescaped(text));
        let (tag, behind) = tag.split_once('>').unwrap_or_else(|| panic!("no end of <{tag}"));
        rest = behind;
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "</{name}> in {html}"),
            None => {
                let name = element(tag);
                if !VOID.contains(&name) {
                    open.push(name);
                }
                if name == "style" {
                    rest = rest
                        .trim_start()
                        .strip_prefix(STYLE)
                        .unwrap_or_else(|| panic!("another style in {html}"));
                }
            }
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?}, {rest:?}");
    shown
}

fn strip_doctype(html: &str) -> Option<&str> {
    let (doctype, rest) = html.split_at_checked("<!doctype html>".len())?;
    doctype.eq_ignore_ascii_case("<!doctype html>").then_some(rest)
}

/// Checks an opening tag and returns its name.
fn element(tag: &str) -> &str {
    let tag = tag.strip_suffix('/').unwrap_or(tag);
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let known = ELEMENTS.iter().find(|(element, _)| *element == name);
    let (_, own) = known.unwrap_or_else(|| panic!("<{tag}>"));
    let mut seen = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\n']);
        if rest.is_empty() {
            return name;
        }
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let (attribute, behind) = rest.split_at(end);
        assert!(own.contains(&attribute) || ANYWHERE.contains(&attribute), "{attribute} in <{tag}>");
        assert!(!seen.contains(&attribute), "{attribute} twice in <{tag}>");
        seen.push(attribute);
        rest = match behind.strip_prefix("=\"") {
            Some(value) => {
                let (value, behind) = value.split_once('"').unwrap_or_else(|| panic!("no end in <{tag}>"));
                assert!(behind.is_empty() || behind.starts_with([' ', '\n']), "{behind:?} in <{tag}>");
                assert_value(attribute, &unescaped(value));
                behind
            }
            None => {
                assert!(matches!(attribute, "selected" | "open") && !behind.starts_with('='), "<{tag}>");
                behind
            }
        };
    }
}

/// Words of ours where a browser would act on them; text where people read it.
fn assert_value(attribute: &str, value: &str) {
    let plain = |more: &'static [u8]| value.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
    let fine = match attribute {
        "href" => is_relative(value) || value.starts_with("https://www.rfc-editor.org/"),
        "aria-label" | "content" | "placeholder" | "title" | "value" => true,
        "aria-labelledby" | "aria-describedby" | "id" => plain(b"-_.:"),
        _ => plain(b" -_.:,=/"),
    };
    assert!(fine, "{attribute}={value:?}");
}

/// Whether a link stays below the path that the program is served at, or is the home that it was told.
fn is_relative(link: &str) -> bool {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    link == "/mx/"
        || link.starts_with("/mx/") && !link.contains("//")
        || !path.starts_with('/') && !path.contains([':', '\\']) && !link.contains(char::is_control)
}

/// A text with its character references resolved; nothing in it may look like markup.
fn unescaped(text: &str) -> String {
    assert!(!text.contains(['<', '>']), "{text:?}");
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (reference, rest) = part.split_once(';').unwrap_or_else(|| panic!("&{part}"));
        plain.push(match reference {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "nbsp" => '\u{a0}',
            _ => {
                let code = reference.strip_prefix('#').and_then(|code| code.parse().ok());
                code.and_then(char::from_u32).unwrap_or_else(|| panic!("&{reference};"))
            }
        });
        plain.push_str(rest);
    }
    plain
}
