//! Names that may not be what they look like (UTS 39): worth a second look before anyone relies on what is said of them.

use super::error::{Place, Problem};
use crate::name::DomainName;
use unicode_security::confusable_detection::skeleton;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};

/// What is odd about a name, if anything is.
pub(super) fn warning(place: Place, name: &DomainName) -> Option<Problem> {
    let unicode = name.to_unicode();
    let odd = unicode.split('.').filter(|label| !label.is_ascii()).find_map(oddity)?;
    Some(Problem::noted(place, format!("domain: {name} ({unicode}) {odd}")))
}

fn oddity(label: &str) -> Option<String> {
    let plain: String = skeleton(label).collect();
    if plain.is_ascii() {
        return Some(format!("looks like `{plain}`"));
    }
    let mixed = !label.check_restriction_level(RestrictionLevel::HighlyRestrictive);
    mixed.then(|| format!("mixes scripts in `{label}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_others_are_told() {
        for (name, odd) in [
            ("example.com", None),
            ("bücher.example", None),
            ("почта.example", None),
            ("日本語ひらがな.example", None),
            ("пример.рф", None),
            ("p\u{430}ypal.example", Some("looks like `paypal`")),
            ("\u{430}\u{440}\u{440}\u{435}.example", Some("looks like `appe`")),
            ("mail-почта.example", Some("mixes scripts in `mail-почта`")),
            ("www.bücherр.example", Some("mixes scripts in `bücherр`")),
        ] {
            let parsed = DomainName::parse(name).unwrap();
            let said = warning(Place::at(3, 5), &parsed).map(|problem| problem.to_string());
            let want = odd.map(|odd| format!("3:5: domain: {parsed} ({name}) {odd}"));
            assert_eq!(said, want, "{name}");
        }
    }
}
