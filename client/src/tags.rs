//! Blinded tags: what lets a rule speak of "psychiatry" on chain without the chain saying so
//! (domain.md section 1, "Tags").
//!
//! ```text
//! tag = first 8 bytes of HMAC-SHA256(patient's tag key, code)
//! code of a sensitivity class  "sensitivity:" ++ HL7 v3-ActCode, as "sensitivity:PSY"
//! code of an encounter         "encounter:" ++ encounter id, 32 lower-case hex digits
//! ```
//!
//! The key stays with the patient; an organisation is given the tags it needs, never the key.

use core::{fmt, str::FromStr};
use salus_primitives::crypto::hmac_sha256;

use crate::envelope::secret_bytes;
pub use salus_fhir::Sensitivity;

secret_bytes! {
    /// A patient's tag key. Who has it can tell which tags mean what.
    TagKey
}

/// A blinded tag as it stands on chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub [u8; 8]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Not a tag.
    #[error("not a tag: expected 16 hex digits")]
    NotATag,
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes).map_err(|_| TagError::NotATag)?;
        Ok(Self(bytes))
    }
}

/// What a tag may stand for: these two and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TagCode {
    /// A class of sensitive information.
    Sensitivity(Sensitivity),
    /// One encounter, by the hospital's random id for it.
    Encounter([u8; 16]),
}

impl fmt::Display for TagCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sensitivity(class) => write!(f, "sensitivity:{class}"),
            Self::Encounter(id) => write!(f, "encounter:{}", hex::encode(id)),
        }
    }
}

impl TagKey {
    /// The tag that stands for `code` with this patient, and with no other.
    pub fn tag(&self, code: TagCode) -> Tag {
        let mac = hmac_sha256(self.expose(), code.to_string().as_bytes());
        Tag(*mac.first_chunk().expect("32 bytes hold 8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PSY: TagCode = TagCode::Sensitivity(Sensitivity::Psychiatry);

    #[test]
    fn a_tag_is_the_same_for_the_same_patient_and_differs_between_patients() {
        let (one, other) = (TagKey::from_bytes([1; 32]), TagKey::from_bytes([2; 32]));
        assert_eq!(one.tag(PSY), one.tag(PSY));
        assert_ne!(one.tag(PSY), other.tag(PSY));
    }

    #[test]
    fn every_code_has_its_own_tag() {
        let key = TagKey::from_bytes([1; 32]);
        let mut tags: Vec<_> = Sensitivity::ALL.map(|class| key.tag(TagCode::Sensitivity(class))).to_vec();
        tags.push(key.tag(TagCode::Encounter([0; 16])));
        tags.push(key.tag(TagCode::Encounter([1; 16])));
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 8);
    }

    #[test]
    fn a_tag_is_the_start_of_the_published_mac() {
        // RFC 4231, test case 2 stands behind hmac_sha256; here: the code is the text and nothing else.
        let key = TagKey::from_bytes([7; 32]);
        let mac = hmac_sha256(&[7; 32], b"sensitivity:PSY");
        assert_eq!(key.tag(PSY).0, mac[..8]);
        let mac = hmac_sha256(&[7; 32], b"encounter:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
        assert_eq!(key.tag(TagCode::Encounter([10; 16])).0, mac[..8]);
    }

    #[test]
    fn a_tag_reads_back_from_its_text() {
        let tag = Tag([1, 2, 3, 4, 5, 6, 7, 0xff]);
        assert_eq!(tag.to_string().parse(), Ok(tag));
        assert_eq!("0102".parse::<Tag>(), Err(TagError::NotATag));
    }

    #[test]
    fn a_tag_key_is_never_printed() {
        assert_eq!(format!("{:?}", TagKey::from_bytes([0x5a; 32])), "TagKey(secret)");
    }
}
