//! Version of the runtime, as clients see it.

use parity_scale_codec::{Decode, Encode};
use scale_info::{Path, Type, TypeInfo, build::Fields};

/// Substrate's `RuntimeVersion`.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Debug)]
pub struct RuntimeVersion {
    /// Name of the chain's runtime.
    pub spec_name: String,
    /// Name of this implementation of it.
    pub impl_name: String,
    /// Unused here; kept for clients.
    pub authoring_version: u32,
    /// Raised with every change of what a block means or of metadata.
    pub spec_version: u32,
    /// Raised with changes that mean nothing to others.
    pub impl_version: u32,
    /// Runtime interfaces by the first 8 bytes of BLAKE2b-64 of their names, with versions.
    pub apis: Vec<([u8; 8], u32)>,
    /// Raised when the encoding of calls changes.
    pub transaction_version: u32,
    /// Unused here; kept for clients.
    pub system_version: u8,
}

impl TypeInfo for RuntimeVersion {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(Path::from_segments(["sp_version", "RuntimeVersion"]).expect("both segments are identifiers"))
            .composite(
                Fields::named()
                    .field(|f| f.ty::<String>().name("spec_name").type_name("String"))
                    .field(|f| f.ty::<String>().name("impl_name").type_name("String"))
                    .field(|f| f.ty::<u32>().name("authoring_version").type_name("u32"))
                    .field(|f| f.ty::<u32>().name("spec_version").type_name("u32"))
                    .field(|f| f.ty::<u32>().name("impl_version").type_name("u32"))
                    .field(|f| f.ty::<Vec<([u8; 8], u32)>>().name("apis").type_name("ApisVec"))
                    .field(|f| f.ty::<u32>().name("transaction_version").type_name("u32"))
                    .field(|f| f.ty::<u8>().name("system_version").type_name("u8")),
            )
    }
}
