//! Types that clients look up by an exact path (clients.md 2.2). They describe bytes; most are never made.

use core::marker::PhantomData;
use parity_scale_codec::Encode;
use salus_primitives::{AccountId, Hash, dispatch::DispatchError};
use scale_info::{
    Path, Type, TypeInfo, TypeParameter,
    build::{Fields, Variants},
    meta_type,
};

fn path<const N: usize>(segments: [&'static str; N]) -> Path {
    Path::from_segments(segments).expect("every segment is an identifier")
}

/// `sp_runtime::multiaddress::MultiAddress`; only `Id` is accepted.
pub struct MultiAddress;

impl TypeInfo for MultiAddress {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(path(["sp_runtime", "multiaddress", "MultiAddress"]))
            .type_params(vec![
                TypeParameter::new("AccountId", Some(meta_type::<AccountId>())),
                TypeParameter::new("AccountIndex", Some(meta_type::<()>())),
            ])
            .variant(
                Variants::new()
                    .variant("Id", |v| {
                        v.index(0).fields(Fields::unnamed().field(|f| f.ty::<AccountId>().type_name("AccountId")))
                    })
                    .variant("Index", |v| {
                        v.index(1).fields(Fields::unnamed().field(|f| f.compact::<()>().type_name("AccountIndex")))
                    })
                    .variant("Raw", |v| {
                        v.index(2).fields(Fields::unnamed().field(|f| f.ty::<Vec<u8>>().type_name("Vec<u8>")))
                    })
                    .variant("Address32", |v| {
                        v.index(3).fields(Fields::unnamed().field(|f| f.ty::<[u8; 32]>().type_name("[u8; 32]")))
                    })
                    .variant("Address20", |v| {
                        v.index(4).fields(Fields::unnamed().field(|f| f.ty::<[u8; 20]>().type_name("[u8; 20]")))
                    }),
            )
    }
}

/// `sp_runtime::MultiSignature`; only `Ed25519` is accepted, all three must be declared.
pub struct MultiSignature;

impl TypeInfo for MultiSignature {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["sp_runtime", "MultiSignature"])).variant(
            Variants::new()
                .variant("Ed25519", |v| {
                    v.index(0).fields(Fields::unnamed().field(|f| f.ty::<[u8; 64]>().type_name("ed25519::Signature")))
                })
                .variant("Sr25519", |v| {
                    v.index(1).fields(Fields::unnamed().field(|f| f.ty::<[u8; 64]>().type_name("sr25519::Signature")))
                })
                .variant("Ecdsa", |v| {
                    v.index(2).fields(Fields::unnamed().field(|f| f.ty::<[u8; 65]>().type_name("ecdsa::Signature")))
                }),
        )
    }
}

/// `sp_runtime::generic::era::Era`, as its 256 variants.
pub struct Era;

/// The names `Mortal1` to `Mortal255`, made once.
fn mortal_names() -> &'static [String] {
    static NAMES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    NAMES.get_or_init(|| (1..=255).map(|i| format!("Mortal{i}")).collect())
}

impl TypeInfo for Era {
    type Identity = Self;

    fn type_info() -> Type {
        let variants = mortal_names().iter().zip(1..=255u8).fold(
            Variants::new().variant("Immortal", |v| v.index(0)),
            |variants, (name, index)| {
                variants.variant(name.as_str(), |v| v.index(index).fields(Fields::unnamed().field(|f| f.ty::<u8>())))
            },
        );
        Type::builder().path(path(["sp_runtime", "generic", "era", "Era"])).variant(variants)
    }
}

/// `UncheckedExtrinsic<Address, Call, Signature, Extra>`; clients find the four by the names of its parameters.
pub struct UncheckedExtrinsic<Call>(PhantomData<Call>);

impl<Call: TypeInfo + 'static> TypeInfo for UncheckedExtrinsic<Call> {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(path(["sp_runtime", "generic", "unchecked_extrinsic", "UncheckedExtrinsic"]))
            .type_params(vec![
                TypeParameter::new("Address", Some(meta_type::<MultiAddress>())),
                TypeParameter::new("Call", Some(meta_type::<Call>())),
                TypeParameter::new("Signature", Some(meta_type::<MultiSignature>())),
                TypeParameter::new("Extra", Some(meta_type::<Extra>())),
            ])
            .composite(Fields::unnamed().field(|f| f.ty::<Vec<u8>>()))
    }
}

/// One transaction extension: its name, what stands in the extrinsic, what is signed besides.
pub struct Extension {
    /// Name and last path segment.
    pub name: &'static str,
    /// What stands in the extrinsic.
    pub ty: scale_info::MetaType,
    /// What is signed besides.
    pub implicit: scale_info::MetaType,
}

macro_rules! extensions {
    ($($name:ident in $module:literal: $fields:expr => $implicit:ty;)+) => {
        $(
            #[doc = concat!("The transaction extension `", stringify!($name), "`.")]
            pub struct $name;

            impl TypeInfo for $name {
                type Identity = Self;

                fn type_info() -> Type {
                    let mut segments: Vec<&'static str> = $module.split("::").collect();
                    segments.push(stringify!($name));
                    Type::builder()
                        .path(Path::from_segments(segments).expect("every segment is an identifier"))
                        .composite($fields)
                }
            }
        )+

        /// All extensions, in the order in which they are encoded.
        pub fn all_extensions() -> Vec<Extension> {
            vec![$(Extension {
                name: stringify!($name),
                ty: meta_type::<$name>(),
                implicit: meta_type::<$implicit>(),
            }),+]
        }

        /// The tuple of all extensions.
        pub type Extra = ($($name,)+);
    };
}

/// Nothing stands in the extrinsic.
fn nothing() -> scale_info::build::FieldsBuilder<scale_info::form::MetaForm, scale_info::build::NoFields> {
    Fields::unit()
}

extensions! {
    CheckSpecVersion in "frame_system::extensions::check_spec_version": nothing() => u32;
    CheckTxVersion in "frame_system::extensions::check_tx_version": nothing() => u32;
    CheckGenesis in "frame_system::extensions::check_genesis": nothing() => Hash;
    CheckMortality in "frame_system::extensions::check_mortality":
        Fields::unnamed().field(|f| f.ty::<Era>().type_name("Era")) => Hash;
    CheckNonce in "frame_system::extensions::check_nonce":
        Fields::unnamed().field(|f| f.compact::<u32>().type_name("Nonce")) => ();
    CheckMetadataHash in "frame_metadata_hash_extension":
        Fields::named().field(|f| f.ty::<MetadataHashMode>().name("mode").type_name("Mode")) => Option<[u8; 32]>;
}

/// Whether a metadata hash is signed; only `Disabled` is accepted.
pub struct MetadataHashMode;

impl TypeInfo for MetadataHashMode {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(path(["frame_metadata_hash_extension", "Mode"]))
            .variant(Variants::new().variant("Disabled", |v| v.index(0)).variant("Enabled", |v| v.index(1)))
    }
}

/// `sp_weights::weight_v2::Weight`: our unit stands as `ref_time` in picoseconds of a reference microsecond.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, parity_scale_codec::Encode, parity_scale_codec::Decode)]
pub struct Weight {
    /// Execution time.
    #[codec(compact)]
    pub ref_time: u64,
    /// Unused.
    #[codec(compact)]
    pub proof_size: u64,
}

impl TypeInfo for Weight {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["sp_weights", "weight_v2", "Weight"])).composite(
            Fields::named()
                .field(|f| f.compact::<u64>().name("ref_time").type_name("u64"))
                .field(|f| f.compact::<u64>().name("proof_size").type_name("u64")),
        )
    }
}

/// `frame_support::dispatch::DispatchClass`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, parity_scale_codec::Encode, parity_scale_codec::Decode)]
pub enum DispatchClass {
    /// An ordinary call.
    #[codec(index = 0)]
    Normal,
    /// A protected call.
    #[codec(index = 1)]
    Operational,
    /// Never made here.
    #[codec(index = 2)]
    Mandatory,
}

impl TypeInfo for DispatchClass {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["frame_support", "dispatch", "DispatchClass"])).variant(
            Variants::new()
                .variant("Normal", |v| v.index(0))
                .variant("Operational", |v| v.index(1))
                .variant("Mandatory", |v| v.index(2)),
        )
    }
}

/// `frame_support::dispatch::Pays`: there are no fees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, parity_scale_codec::Encode, parity_scale_codec::Decode)]
pub enum Pays {
    /// Never made here.
    #[codec(index = 0)]
    Yes,
    /// Always.
    #[codec(index = 1)]
    No,
}

impl TypeInfo for Pays {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(path(["frame_support", "dispatch", "Pays"]))
            .variant(Variants::new().variant("Yes", |v| v.index(0)).variant("No", |v| v.index(1)))
    }
}

/// `frame_system::DispatchEventInfo`: what an applied extrinsic cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, parity_scale_codec::Encode, parity_scale_codec::Decode)]
pub struct DispatchEventInfo {
    /// Its weight.
    pub weight: Weight,
    /// Its class.
    pub class: DispatchClass,
    /// Never a fee.
    pub pays_fee: Pays,
}

impl TypeInfo for DispatchEventInfo {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["frame_system", "DispatchEventInfo"])).composite(
            Fields::named()
                .field(|f| f.ty::<Weight>().name("weight").type_name("Weight"))
                .field(|f| f.ty::<DispatchClass>().name("class").type_name("DispatchClass"))
                .field(|f| f.ty::<Pays>().name("pays_fee").type_name("Pays")),
        )
    }
}

/// What an extrinsic would cost, as wallets ask before they sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, parity_scale_codec::Encode, parity_scale_codec::Decode)]
pub struct RuntimeDispatchInfo {
    /// Its weight.
    pub weight: Weight,
    /// Its class.
    pub class: DispatchClass,
    /// Always zero.
    pub partial_fee: u128,
}

impl TypeInfo for RuntimeDispatchInfo {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["pallet_transaction_payment", "types", "RuntimeDispatchInfo"])).composite(
            Fields::named()
                .field(|f| f.ty::<Weight>().name("weight").type_name("Weight"))
                .field(|f| f.ty::<DispatchClass>().name("class").type_name("DispatchClass"))
                .field(|f| f.ty::<u128>().name("partial_fee").type_name("Balance")),
        )
    }
}

/// `frame_system::Phase`: where in the block an event was deposited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, parity_scale_codec::Encode, parity_scale_codec::Decode)]
pub enum Phase {
    /// By the extrinsic of this index.
    #[codec(index = 0)]
    ApplyExtrinsic(u32),
    /// After all extrinsics.
    #[codec(index = 1)]
    Finalization,
    /// Before all extrinsics.
    #[codec(index = 2)]
    Initialization,
}

impl TypeInfo for Phase {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["frame_system", "Phase"])).variant(
            Variants::new()
                .variant("ApplyExtrinsic", |v| {
                    v.index(0).fields(Fields::unnamed().field(|f| f.ty::<u32>().type_name("u32")))
                })
                .variant("Finalization", |v| v.index(1))
                .variant("Initialization", |v| v.index(2)),
        )
    }
}

/// `frame_system::EventRecord<E, T>`: an event with its phase; never a topic.
#[derive(Clone, PartialEq, Eq, Debug, parity_scale_codec::Encode, parity_scale_codec::Decode)]
pub struct EventRecord<E> {
    /// Where in the block.
    pub phase: Phase,
    /// What.
    pub event: E,
    /// Always empty.
    pub topics: Vec<Hash>,
}

impl<E: TypeInfo + 'static> TypeInfo for EventRecord<E> {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(path(["frame_system", "EventRecord"]))
            .type_params(vec![
                TypeParameter::new("E", Some(meta_type::<E>())),
                TypeParameter::new("T", Some(meta_type::<Hash>())),
            ])
            .composite(
                Fields::named()
                    .field(|f| f.ty::<Phase>().name("phase").type_name("Phase"))
                    .field(|f| f.ty::<E>().name("event").type_name("E"))
                    .field(|f| f.ty::<Vec<Hash>>().name("topics").type_name("Vec<T>")),
            )
    }
}

/// `Result<(), DispatchError>`, for `system_dryRun`.
pub type DispatchOutcome = Result<(), DispatchError>;

/// Where `System.Hashing` points in format 16: tells clients that blocks are named by BLAKE2b-256.
pub struct BlakeTwo256;

impl TypeInfo for BlakeTwo256 {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["sp_runtime", "traits", "BlakeTwo256"])).composite(Fields::unit())
    }
}

/// `sp_runtime::transaction_validity::ValidTransaction`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, parity_scale_codec::Decode)]
pub struct ValidTransaction {
    /// Higher goes first.
    pub priority: u64,
    /// What must be there before.
    pub requires: Vec<Vec<u8>>,
    /// What it provides for others.
    pub provides: Vec<Vec<u8>>,
    /// Blocks it stays valid for.
    pub longevity: u64,
    /// Whether to gossip it.
    pub propagate: bool,
}

impl TypeInfo for ValidTransaction {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["sp_runtime", "transaction_validity", "ValidTransaction"])).composite(
            Fields::named()
                .field(|f| f.ty::<u64>().name("priority").type_name("TransactionPriority"))
                .field(|f| f.ty::<Vec<Vec<u8>>>().name("requires").type_name("Vec<TransactionTag>"))
                .field(|f| f.ty::<Vec<Vec<u8>>>().name("provides").type_name("Vec<TransactionTag>"))
                .field(|f| f.ty::<u64>().name("longevity").type_name("TransactionLongevity"))
                .field(|f| f.ty::<bool>().name("propagate").type_name("bool")),
        )
    }
}

/// `sp_runtime::transaction_validity::InvalidTransaction`.
pub struct InvalidTransaction;

impl TypeInfo for InvalidTransaction {
    type Identity = Self;

    fn type_info() -> Type {
        let names = ["Call", "Payment", "Future", "Stale", "BadProof", "AncientBirthBlock", "ExhaustsResources"];
        let variants = names
            .into_iter()
            .zip(0u8..)
            .fold(Variants::new(), |variants, (name, index)| variants.variant(name, |v| v.index(index)))
            .variant("Custom", |v| v.index(7).fields(Fields::unnamed().field(|f| f.ty::<u8>().type_name("u8"))))
            .variant("BadMandatory", |v| v.index(8))
            .variant("MandatoryValidation", |v| v.index(9))
            .variant("BadSigner", |v| v.index(10));
        Type::builder().path(path(["sp_runtime", "transaction_validity", "InvalidTransaction"])).variant(variants)
    }
}

/// `sp_runtime::transaction_validity::UnknownTransaction`; never made here.
pub struct UnknownTransaction;

impl TypeInfo for UnknownTransaction {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["sp_runtime", "transaction_validity", "UnknownTransaction"])).variant(
            Variants::new()
                .variant("CannotLookup", |v| v.index(0))
                .variant("NoUnsignedValidator", |v| v.index(1))
                .variant("Custom", |v| v.index(2).fields(Fields::unnamed().field(|f| f.ty::<u8>().type_name("u8")))),
        )
    }
}

/// `sp_runtime::transaction_validity::TransactionValidityError`.
pub struct TransactionValidityError;

impl TypeInfo for TransactionValidityError {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["sp_runtime", "transaction_validity", "TransactionValidityError"])).variant(
            Variants::new()
                .variant("Invalid", |v| {
                    v.index(0).fields(
                        Fields::unnamed().field(|f| f.ty::<InvalidTransaction>().type_name("InvalidTransaction")),
                    )
                })
                .variant("Unknown", |v| {
                    v.index(1).fields(
                        Fields::unnamed().field(|f| f.ty::<UnknownTransaction>().type_name("UnknownTransaction")),
                    )
                }),
        )
    }
}

/// `sp_runtime::transaction_validity::TransactionSource`.
pub struct TransactionSource;

impl TypeInfo for TransactionSource {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder().path(path(["sp_runtime", "transaction_validity", "TransactionSource"])).variant(
            Variants::new()
                .variant("InBlock", |v| v.index(0))
                .variant("Local", |v| v.index(1))
                .variant("External", |v| v.index(2)),
        )
    }
}
