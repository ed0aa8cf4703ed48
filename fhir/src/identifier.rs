//! How FHIR resources name what the chain knows: an identifier whose system says what it is of, and whose value is
//! the random id in hex.

use core::{fmt, str::FromStr};
use serde_json::{Value, json};

/// An id of the chain: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

/// The text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected 32 hex digits")]
pub struct NotAnId;

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        from_hex(text).map(Self).ok_or(NotAnId)
    }
}

/// Bytes from twice as many hex digits.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The system of identifiers of this `what`: patient, practitioner, organisation, record.
pub(crate) fn system(what: &str) -> String {
    format!("urn:salus:{what}")
}

/// An Identifier.
pub(crate) fn identifier(what: &str, id: &Id) -> Value {
    json!({"system": system(what), "value": id.to_string()})
}

/// A Reference by identifier, to a resource of this FHIR type.
pub(crate) fn logical(kind: &str, what: &str, id: &Id) -> Value {
    json!({"type": kind, "identifier": identifier(what, id)})
}

/// A UUID's text.
pub(crate) fn uuid_text(bytes: &[u8; 16]) -> String {
    let hex = Id(*bytes).to_string();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = Id([0xa0; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "a0",
            "g0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0",
            "0xa0a0a0a0a0a0a0a0a0a0a0a0a0a0a0",
            "ä0a0a0a0a0a0a0a0a0a0a0a0a0a0a0",
        ] {
            assert_eq!(text.parse::<Id>(), Err(NotAnId), "{text}");
        }
        assert_eq!(uuid_text(&[0x12; 16]), "12121212-1212-1212-1212-121212121212");
    }
}
