//! Who and what: account keys and the random 16-byte ids of everything else (decision 17).

use core::fmt;
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::{Path, Type, TypeInfo, build::Fields};

/// A 32-byte Ed25519 public key that may sign extrinsics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub struct AccountId(pub [u8; 32]);

impl AccountId {
    /// The key bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::ss58::encode(self))
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", hex::encode(&self.0[..4]))
    }
}

impl TypeInfo for AccountId {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(Path::from_segments(["sp_core", "crypto", "AccountId32"]).expect("all segments are identifiers"))
            .composite(Fields::unnamed().field(|f| f.ty::<[u8; 32]>().type_name("[u8; 32]")))
    }
}

/// The text is not 16 bytes of hex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected 32 hex digits")]
pub struct NotAnId;

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        ///
        /// 16 random bytes, chosen by whoever creates it; printed in full by `Display`, cut short by `Debug`.
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking,
            MaxEncodedLen, TypeInfo,
        )]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}…", hex::encode(&self.0[..4]))
            }
        }

        impl core::str::FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let mut bytes = [0; 16];
                hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes).map_err(|_| NotAnId)?;
                Ok(Self(bytes))
            }
        }
    )+};
}

ids! {
    /// A hospital, laboratory, insurer or authority.
    OrganisationId;
    /// A doctor, nurse, pharmacist: anyone licensed to practise.
    PractitionerId;
    /// A patient. One person may hold many, never linked on chain.
    PatientId;
    /// One version of one record of one patient.
    RecordId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_own_text() {
        let id = PatientId([7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("07".parse::<PatientId>(), Err(NotAnId));
    }

    #[test]
    fn debug_does_not_show_the_whole_id() {
        assert_eq!(format!("{:?}", PatientId([7; 16])), "07070707…");
    }
}
