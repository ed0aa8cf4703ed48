//! Codes that can be checked without their code system: LOINC and SNOMED CT carry a check digit, UCUM has a syntax.

use crate::refusal::{Fault, shown_unit};

/// LOINC.
pub(super) const LOINC: &str = "http://loinc.org";
/// SNOMED CT.
const SNOMED: &str = "http://snomed.info/sct";
/// UCUM.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";

/// What is wrong with a code of this system. Systems that are not known here are not judged.
pub(super) fn check(system: &str, code: &str) -> Option<Fault> {
    match system {
        LOINC if !is_loinc(code) => Some(Fault::CheckDigit { system: "LOINC" }),
        // A concept's id. Expressions, and what Synthea files under this name, are not judged.
        SNOMED if code.bytes().all(|c| c.is_ascii_digit()) && !is_snomed(code) => {
            Some(Fault::CheckDigit { system: "SNOMED CT" })
        }
        UCUM if !is_ucum(code) => Some(Fault::Unit { found: shown_unit(code), expected: "a unit of UCUM" }),
        _ => None,
    }
}

/// `8302-2`, whose last digit is Luhn's; or a part, list, answer or group as `LA6576-8`, of which the form alone is
/// judged.
fn is_loinc(code: &str) -> bool {
    let special = ["LA", "LP", "LL", "LG"].iter().find_map(|prefix| code.strip_prefix(prefix));
    let Some((number, check)) = special.unwrap_or(code).split_once('-') else { return false };
    let digits = number.bytes().chain(check.bytes()).all(|c| c.is_ascii_digit());
    if !digits || number.is_empty() || number.len() > 8 || check.len() != 1 {
        return false;
    }
    let sum: u32 = (0u32..)
        .zip(number.bytes().rev())
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    special.is_some() || (10 - sum % 10) % 10 == u32::from(check.as_bytes()[0] - b'0')
}

/// A SNOMED CT identifier: 6 to 18 digits, the last one Verhoeff's.
fn is_snomed(code: &str) -> bool {
    // The product of the dihedral group of ten elements, and the permutation that is applied once more per place.
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const PERMUTE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |digit: u8, place: usize| (0..place % 8).fold(digit, |digit, _| PERMUTE[usize::from(digit)]);
    let sum = code.bytes().rev().enumerate().fold(0, |sum, (place, digit)| times(sum, permuted(digit - b'0', place)));
    (6..=18).contains(&code.len()) && sum == 0
}

/// Could it be a unit of UCUM: printable ASCII without blanks, its brackets closed?
fn is_ucum(code: &str) -> bool {
    let mut open = Vec::new();
    for c in code.chars() {
        match c {
            '(' | '[' | '{' => open.push(c),
            ')' | ']' | '}' => {
                let opened = open.pop();
                if !matches!((opened, c), (Some('('), ')') | (Some('['), ']') | (Some('{'), '}')) {
                    return false;
                }
            }
            _ if c.is_ascii_graphic() => {}
            // What is said in braces is a remark and may have blanks in the wild.
            ' ' if open.last() == Some(&'{') => {}
            _ => return false,
        }
    }
    !code.is_empty() && open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_loinc_code_is_found() {
        for code in ["8302-2", "29463-7", "39156-5", "85354-9", "8480-6", "2708-6", "59408-5", "883-9", "LA6576-8"] {
            assert_eq!(check(LOINC, code), None, "{code}");
        }
        for code in ["8302-3", "8320-2", "29463-", "8302", "-2", "8302-22", "height", "LX6576-8", "83o2-2"] {
            assert_eq!(check(LOINC, code), Some(Fault::CheckDigit { system: "LOINC" }), "{code}");
        }
    }

    #[test]
    fn a_mistyped_snomed_code_is_found() {
        for code in ["38341003", "44054006", "112144000", "165743006", "58460004", "185349003", "25064002:363698007=1"]
        {
            assert_eq!(check(SNOMED, code), None, "{code}");
        }
        for code in ["38341004", "38314003", "12345", "", "1234567890123456789"] {
            assert_eq!(check(SNOMED, code), Some(Fault::CheckDigit { system: "SNOMED CT" }), "{code}");
        }
    }

    #[test]
    fn what_cannot_be_a_unit_is_found() {
        for code in ["cm", "kg/m2", "mm[Hg]", "/min", "10*3/uL", "{score}", "{a b}", "%", "m[H2O].s"] {
            assert_eq!(check(UCUM, code), None, "{code}");
        }
        for (code, found) in
            [("mm Hg", "no such unit"), ("mm[Hg", "mm[Hg"), ("°C", "°C"), ("", "no such unit"), ("a)b(", "a)b(")]
        {
            let expected = Fault::Unit { found: found.to_owned(), expected: "a unit of UCUM" };
            assert_eq!(check(UCUM, code), Some(expected), "{code}");
        }
        assert_eq!(check("urn:example", "anything at all"), None);
    }
}
