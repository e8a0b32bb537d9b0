//! A grade in words.

use crate::grade::{Grade, Graded};

/// `Grade B: the certificate expires soon (mx1.example.com).` At an A, the reasons are what an A+ wants.
pub(super) fn sentence(graded: &Graded) -> String {
    let reasons = graded.reasons.join("; ");
    match graded.grade {
        None => format!("Not graded: {reasons}."),
        Some(grade) if reasons.is_empty() => format!("Grade {}.", grade.as_str()),
        Some(grade) => format!("Grade {}: {reasons}.", grade.as_str()),
    }
}

/// Its class in the style sheet.
pub(super) fn class(grade: Grade) -> &'static str {
    match grade {
        Grade::F | Grade::D | Grade::C => "crit",
        Grade::B => "warn",
        Grade::A | Grade::APlus => "ok",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_behind_the_letter() {
        let of = |grade, reasons: &[&str]| {
            sentence(&Graded { grade, reasons: reasons.iter().map(|text| (*text).to_owned()).collect() })
        };
        assert_eq!(of(Some(Grade::APlus), &[]), "Grade A+.");
        assert_eq!(of(Some(Grade::A), &["A+ with DANE"]), "Grade A: A+ with DANE.");
        assert_eq!(of(None, &["one", "two"]), "Not graded: one; two.");
    }
}
