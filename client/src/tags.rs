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

/// Why a text is no tag or no sensitivity class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Not a tag.
    #[error("not a tag: expected 16 hex digits")]
    NotATag,
    /// Not a class.
    #[error("not a sensitivity class: expected one of ETH, ETHUD, OPIOIDUD, PSY, HIV, SDV")]
    NotAClass,
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes).map_err(|_| TagError::NotATag)?;
        Ok(Self(bytes))
    }
}

/// Classes of sensitive information: HL7 v3-ActCode, as domain.md section 8 lists them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sensitivity {
    /// ETH: substance abuse.
    SubstanceAbuse,
    /// ETHUD: alcohol use disorder.
    AlcoholUse,
    /// OPIOIDUD: opioid use disorder.
    OpioidUse,
    /// PSY: psychiatry.
    Psychiatry,
    /// HIV: HIV or AIDS.
    Hiv,
    /// SDV: sexual assault, abuse or domestic violence.
    Violence,
}

impl Sensitivity {
    /// Every class there is.
    pub const ALL: [Self; 6] =
        [Self::SubstanceAbuse, Self::AlcoholUse, Self::OpioidUse, Self::Psychiatry, Self::Hiv, Self::Violence];

    /// The HL7 v3-ActCode.
    pub fn code(self) -> &'static str {
        match self {
            Self::SubstanceAbuse => "ETH",
            Self::AlcoholUse => "ETHUD",
            Self::OpioidUse => "OPIOIDUD",
            Self::Psychiatry => "PSY",
            Self::Hiv => "HIV",
            Self::Violence => "SDV",
        }
    }
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Sensitivity {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        Self::ALL.into_iter().find(|class| class.code() == text).ok_or(TagError::NotAClass)
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
    fn a_tag_and_a_class_read_back_from_their_text() {
        let tag = Tag([1, 2, 3, 4, 5, 6, 7, 0xff]);
        assert_eq!(tag.to_string().parse(), Ok(tag));
        assert_eq!("0102".parse::<Tag>(), Err(TagError::NotATag));
        for class in Sensitivity::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        assert_eq!("psy".parse::<Sensitivity>(), Err(TagError::NotAClass));
    }

    #[test]
    fn a_tag_key_is_never_printed() {
        assert_eq!(format!("{:?}", TagKey::from_bytes([0x5a; 32])), "TagKey(secret)");
    }
}
