//! Why a resource is refused: where, and what is wrong. Nothing of what it says about a person is repeated: a
//! value is shown only where it has the form of a code or a unit.

use core::fmt;

/// One fault of a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Where, as `Bundle.entry[3].resource.valueQuantity.unit`.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

impl Refusal {
    /// A fault at a path.
    pub fn new(path: impl Into<String>, fault: Fault) -> Self {
        Self { path: path.into(), fault }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.fault)
    }
}

/// What is wrong with one field.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A field that has to be there is not.
    #[error("is missing")]
    Missing,
    /// A field that this type of resource does not have.
    #[error("is no field of FHIR R4 here: remove it, or put it into an extension")]
    UnknownField,
    /// A value of another JSON type.
    #[error("is of another type, expected {expected}")]
    WrongType {
        /// The JSON type it has to be of.
        expected: String,
    },
    /// A code that is none of the list.
    #[error("is {found}, expected {expected}")]
    NotInList {
        /// What was found, where it looks like a code.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// Text that has not the form of its type.
    #[error("has not the form of its type: no text, id, code, URL, date or number as FHIR writes it")]
    Form,
    /// A date that is not of the calendar.
    #[error("is no day of the calendar")]
    NotADate,
    /// A field with a choice of types, given in more than one.
    #[error("is given more than once, as {first} and as {second}: keep one")]
    TwoValues {
        /// One of the fields.
        first: String,
        /// Another one.
        second: String,
    },
    /// An empty list or object.
    #[error("is empty: leave it out")]
    Empty,
    /// A `null` that no extension goes with.
    #[error("is null without an extension in its place: leave it out")]
    Null,
    /// A reference to what is not in the bundle.
    #[error("points to nothing in this bundle")]
    Dangling,
    /// A reference that is none.
    #[error("is no reference: expected #id, urn:uuid:, urn:oid:, Type/id or an http address")]
    BadReference,
    /// A reference to a resource of another type.
    #[error("points to a resource of type {found}, expected {expected}")]
    WrongTarget {
        /// The type it points to.
        found: String,
        /// What it may point to.
        expected: String,
    },
    /// It is about another patient than the bundle's.
    #[error("is about another patient than the bundle's own: split the bundle")]
    OtherPatient,
    /// Two resources of one name.
    #[error("is the name of two resources")]
    Twice,
    /// A unit that this measurement is not given in.
    #[error("is {found}, expected {expected}: convert the value")]
    Unit {
        /// The unit found, where it looks like one.
        found: String,
        /// The unit of UCUM.
        expected: &'static str,
    },
    /// A value that cannot be.
    #[error("is outside {bounds}: check the value and its unit")]
    Implausible {
        /// What can be.
        bounds: &'static str,
    },
    /// A body mass index that does not follow.
    #[error("does not follow from the weight and height measured with it: recompute it in kg/m2")]
    Bmi,
    /// A value, and a reason why there is none (obs-6).
    #[error("stands beside a value (obs-6): keep one of them")]
    ValueAndAbsent,
    /// An end before its beginning.
    #[error("lies before {other}")]
    Order {
        /// The field it has to come after.
        other: &'static str,
    },
    /// A code whose check digit is wrong.
    #[error("is no code of {system}: its check digit is wrong")]
    CheckDigit {
        /// The code system.
        system: &'static str,
    },
    /// An invariant of HL7's, by its name.
    #[error("breaks {rule}: {words}")]
    Invariant {
        /// HL7's name of the rule.
        rule: &'static str,
        /// What it demands.
        words: &'static str,
    },
    /// Something that a rule of Salus cannot say.
    #[error("cannot be kept as a rule: {words}")]
    Inexpressible {
        /// Why, and what to do.
        words: &'static str,
    },
}

/// `path` with a field's name, if that can be one: anything else might be a person's.
pub(crate) fn push_field(path: &mut String, name: &str) {
    path.push('.');
    let plain = !name.is_empty() && name.len() <= 64 && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    path.push_str(if plain { name } else { "(not a field's name)" });
}

/// The text, if it has the form of FHIR's own codes: lower case with hyphens.
pub(crate) fn shown_code(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 24
        && text.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
    if plain { format!("\"{text}\"") } else { "no such code".to_owned() }
}

/// The text, if it has the form of a unit.
pub(crate) fn shown_unit(text: &str) -> String {
    let plain = !text.is_empty()
        && text.len() <= 12
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "[]{}()/_.%*'\"°".contains(c));
    if plain { text.to_owned() } else { "no such unit".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_name_is_not_shown() {
        assert_eq!(shown_code("enroled"), "\"enroled\"");
        for text in ["Doe", "jane doe", "1990-05-17", "", "J"] {
            assert_eq!(shown_code(text), "no such code", "{text}");
        }
        assert_eq!((shown_unit("[ft_i]"), shown_unit("kg/m2")), ("[ft_i]".to_owned(), "kg/m2".to_owned()));
        assert_eq!(shown_unit("as Jane said"), "no such unit");
        let mut path = "Patient".to_owned();
        push_field(&mut path, "_birthDate");
        push_field(&mut path, "Jane Doe");
        assert_eq!(path, "Patient._birthDate.(not a field's name)");
    }

    #[test]
    fn a_refusal_reads_as_a_sentence_with_its_path() {
        let fault = Fault::Unit { found: "[ft_i]".into(), expected: "cm" };
        let refusal = Refusal::new("Bundle.entry[3].resource.valueQuantity.unit", fault);
        let sentence = "Bundle.entry[3].resource.valueQuantity.unit is [ft_i], expected cm: convert the value";
        assert_eq!(refusal.to_string(), sentence);
    }
}
