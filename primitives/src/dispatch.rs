//! How a call's failure looks to clients, and what a node answers about an extrinsic's validity.

use parity_scale_codec::{Decode, Encode};
use scale_info::{
    Path, Type, TypeInfo,
    build::{Fields, Variants},
};

/// A pallet's error on the wire: pallet index and error index.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, Debug)]
pub struct ModuleError {
    /// Index of the pallet in the runtime's table.
    pub index: u8,
    /// Index of the error in the pallet, then three zero bytes.
    pub error: [u8; 4],
}

/// Substrate's `DispatchError`. Only `BadOrigin` and `Module` are ever made here.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, Debug)]
pub enum DispatchError {
    /// Unused.
    #[codec(index = 0)]
    Other,
    /// The kind of caller may never make this call.
    #[codec(index = 2)]
    BadOrigin,
    /// A pallet refused.
    #[codec(index = 3)]
    Module(ModuleError),
}

fn path(segments: [&'static str; 2]) -> Path {
    Path::from_segments(segments).expect("both segments are identifiers")
}

impl TypeInfo for ModuleError {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["sp_runtime", "ModuleError"])).composite(
            Fields::named()
                .field(|f| f.ty::<u8>().name("index").type_name("u8"))
                .field(|f| f.ty::<[u8; 4]>().name("error").type_name("[u8; 4]")),
        )
    }
}

/// Unit enums that clients look up by path inside `DispatchError`; never made here.
macro_rules! unit_enum_type {
    ($(#[doc = $doc:literal])+ $name:ident, $module:literal, [$($variant:literal),+ $(,)?]) => {
        $(#[doc = $doc])+
        pub struct $name;

        impl TypeInfo for $name {
            type Identity = Self;

            fn type_info() -> Type {
                let names: &[&'static str] = &[$($variant),+];
                let variants = names.iter().copied().zip(0u8..).fold(Variants::new(), |variants, (name, index)| {
                    variants.variant(name, |v| v.index(index))
                });
                Type::builder().path(path([$module, stringify!($name)])).variant(variants)
            }
        }
    };
}

unit_enum_type!(
    /// Type only.
    TokenError, "sp_runtime", [
        "FundsUnavailable", "OnlyProvider", "BelowMinimum", "CannotCreate", "UnknownAsset", "Frozen", "Unsupported",
        "CannotCreateHold", "NotExpendable", "Blocked",
    ]
);
unit_enum_type!(
    /// Type only.
    ArithmeticError, "sp_arithmetic", ["Underflow", "Overflow", "DivisionByZero"]
);
unit_enum_type!(
    /// Type only.
    TransactionalError, "sp_runtime", ["LimitReached", "NoLayer"]
);

impl TypeInfo for DispatchError {
    type Identity = Self;

    fn type_info() -> Type {
        fn one<T: TypeInfo + 'static>(
            name: &'static str,
        ) -> scale_info::build::FieldsBuilder<scale_info::form::MetaForm, scale_info::build::UnnamedFields> {
            Fields::unnamed().field(|f| f.ty::<T>().type_name(name))
        }
        Type::builder().path(path(["sp_runtime", "DispatchError"])).variant(
            Variants::new()
                .variant("Other", |v| v.index(0))
                .variant("CannotLookup", |v| v.index(1))
                .variant("BadOrigin", |v| v.index(2))
                .variant("Module", |v| v.index(3).fields(one::<ModuleError>("ModuleError")))
                .variant("ConsumerRemaining", |v| v.index(4))
                .variant("NoProviders", |v| v.index(5))
                .variant("TooManyConsumers", |v| v.index(6))
                .variant("Token", |v| v.index(7).fields(one::<TokenError>("TokenError")))
                .variant("Arithmetic", |v| v.index(8).fields(one::<ArithmeticError>("ArithmeticError")))
                .variant("Transactional", |v| v.index(9).fields(one::<TransactionalError>("TransactionalError")))
                .variant("Exhausted", |v| v.index(10))
                .variant("Corruption", |v| v.index(11))
                .variant("Unavailable", |v| v.index(12))
                .variant("RootNotAllowed", |v| v.index(13)),
        )
    }
}

/// Why an extrinsic cannot stand in the next block. The index is Substrate's `InvalidTransaction`,
/// so that clients know it; the text says what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidTransaction {
    /// The call does not decode, or would fail where it must not.
    #[error("Transaction call is not expected: it does not decode, or this call must not fail and would")]
    Call,
    /// The signer is in no register.
    #[error(
        "Transaction signer is not registered on this chain: a Registrar, an Admin or the council must enrol the key first"
    )]
    UnknownSigner,
    /// Nonce ahead of the account's next one.
    #[error("Transaction will be valid in the future: its nonce is ahead of the account's next one")]
    Future,
    /// Nonce already used.
    #[error("Transaction is outdated: its nonce is already used")]
    Stale,
    /// The signature does not fit: wrong key, wrong chain, wrong version or changed bytes.
    #[error("Transaction has a bad signature: wrong key, chain, spec version or birth block, or changed bytes")]
    BadProof,
    /// The era is over, or its birth block is too old to know.
    #[error("Transaction has an ancient birth block: sign it again")]
    AncientBirthBlock,
    /// Over a quota or the block's limit.
    #[error("Transaction would exhaust the resources of its sender's daily quota or of the block")]
    ExhaustsResources,
    /// An address or signature scheme this chain does not take.
    #[error("Invalid signing address: this chain takes Ed25519 account ids only")]
    BadSigner,
    /// Larger than the limit.
    #[error("Transaction is larger than 65536 bytes")]
    TooLarge,
}

impl InvalidTransaction {
    /// SCALE bytes of Substrate's `TransactionValidityError` for this.
    pub fn to_validity_error(self) -> Vec<u8> {
        let inner: &[u8] = match self {
            Self::Call => &[0],
            Self::Future => &[2],
            Self::Stale => &[3],
            Self::BadProof => &[4],
            Self::AncientBirthBlock => &[5],
            Self::ExhaustsResources => &[6],
            Self::UnknownSigner => &[7, 1],
            Self::TooLarge => &[7, 2],
            Self::BadSigner => &[10],
        };
        [&[0][..], inner].concat()
    }
}
