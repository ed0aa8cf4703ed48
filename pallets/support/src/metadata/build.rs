//! From the description to formats 14, 15 and 16.
//!
//! Each format is built in `MetaForm` by `frame-metadata` and turned into its portable form with one
//! registry; then the paths of the pallets' enums are set to what clients look for.

use std::collections::BTreeMap;

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v14, v15, v16};
use parity_scale_codec::{Compact, Encode};
use scale_info::{MetaType, PortableRegistry, TypeDef, meta_type};

use super::{
    description::{EntryKind, OuterTypes, PalletDescription, RuntimeFunction, StorageEntry},
    types::{BlakeTwo256, EventRecord, MultiAddress, MultiSignature, all_extensions},
};
use crate::{storage::Hasher, table::RuntimeTable};

/// All that clients learn of a runtime.
pub struct Metadata {
    pallets: Vec<PalletDescription>,
    outer: OuterTypes,
    extrinsic: MetaType,
    extra: MetaType,
    runtime: MetaType,
    functions: Vec<RuntimeFunction>,
}

impl Metadata {
    /// The metadata of a runtime, with the functions clients may call by name.
    pub fn of<R: RuntimeTable + scale_info::TypeInfo + 'static>(functions: Vec<RuntimeFunction>) -> Self {
        let mut pallets = R::pallets();
        if let Some(system) = pallets.iter_mut().find(|pallet| pallet.name == "System") {
            let mut events = StorageEntry::value::<Vec<EventRecord<R::Event>>>("Events");
            events.docs = vec!["The events of the block this state is after, in order."];
            system.storage.push(events);
        }
        Self {
            pallets,
            outer: R::outer_types(),
            extrinsic: meta_type::<super::types::UncheckedExtrinsic<R::Call>>(),
            extra: meta_type::<super::types::Extra>(),
            runtime: meta_type::<R>(),
            functions,
        }
    }

    /// Format `version`, prefixed as clients read it; none for another than 14, 15 or 16.
    pub fn encode(&self, version: u32) -> Option<Vec<u8>> {
        let metadata = match version {
            14 => {
                let mut metadata = self.v14();
                self.set_names(&mut metadata.types);
                RuntimeMetadata::V14(metadata)
            }
            15 => {
                let mut metadata = self.v15();
                self.set_names(&mut metadata.types);
                RuntimeMetadata::V15(metadata)
            }
            16 => {
                let mut metadata = self.v16();
                self.set_names(&mut metadata.types);
                RuntimeMetadata::V16(metadata)
            }
            _ => return None,
        };
        Some(RuntimeMetadataPrefixed(frame_metadata::META_RESERVED, metadata).encode())
    }

    /// Give each pallet's enums the path `pallet_<name>::pallet::{Call, Event, Error}` (formats.md 15), and calls the
    /// names of functions, as clients look for them: `affiliation_set`, not `AffiliationSet`.
    fn set_names(&self, registry: &mut PortableRegistry) {
        for pallet in &self.pallets {
            for (ty, name) in [(pallet.calls, "Call"), (pallet.events, "Event"), (pallet.errors, "Error")] {
                let Some(own) = ty.map(|ty| ty.type_info().path.segments) else { continue };
                let module = format!("pallet_{}", pallet.name.to_lowercase());
                for portable in registry.types.iter_mut().filter(|portable| portable.ty.path.segments == own) {
                    portable.ty.path.segments = vec![module.clone(), "pallet".into(), name.into()];
                    if let (true, TypeDef::Variant(calls)) = (name == "Call", &mut portable.ty.type_def) {
                        calls.variants.iter_mut().for_each(|call| call.name = snake_case(&call.name));
                    }
                }
            }
        }
    }

    fn v14(&self) -> v14::RuntimeMetadataV14 {
        let pallets = self
            .pallets
            .iter()
            .map(|pallet| v14::PalletMetadata {
                name: pallet.name,
                storage: pallet.has_storage().then(|| v14::PalletStorageMetadata {
                    prefix: pallet.name,
                    entries: pallet.storage.iter().map(v14_entry).collect(),
                }),
                calls: pallet.calls.map(|ty| v14::PalletCallMetadata { ty }),
                event: pallet.events.map(|ty| v14::PalletEventMetadata { ty }),
                constants: v14_constants(pallet),
                error: pallet.errors.map(|ty| v14::PalletErrorMetadata { ty }),
                index: pallet.index,
            })
            .collect();
        let signed_extensions = all_extensions()
            .into_iter()
            .map(|extension| v14::SignedExtensionMetadata {
                identifier: extension.name,
                ty: extension.ty,
                additional_signed: extension.implicit,
            })
            .collect();
        let extrinsic = v14::ExtrinsicMetadata { ty: self.extrinsic, version: 4, signed_extensions };
        v14::RuntimeMetadataV14::new(pallets, extrinsic, self.runtime)
    }

    fn v15(&self) -> v15::RuntimeMetadataV15 {
        let pallets = self
            .pallets
            .iter()
            .map(|pallet| v15::PalletMetadata {
                name: pallet.name,
                storage: pallet.has_storage().then(|| v15::PalletStorageMetadata {
                    prefix: pallet.name,
                    entries: pallet.storage.iter().map(v14_entry).collect(),
                }),
                calls: pallet.calls.map(|ty| v15::PalletCallMetadata { ty }),
                event: pallet.events.map(|ty| v15::PalletEventMetadata { ty }),
                constants: v14_constants(pallet),
                error: pallet.errors.map(|ty| v15::PalletErrorMetadata { ty }),
                index: pallet.index,
                docs: vec![pallet.docs],
            })
            .collect();
        let extrinsic = v15::ExtrinsicMetadata {
            version: 4,
            address_ty: meta_type::<MultiAddress>(),
            call_ty: self.outer.call,
            signature_ty: meta_type::<MultiSignature>(),
            extra_ty: self.extra,
            signed_extensions: all_extensions()
                .into_iter()
                .map(|extension| v15::SignedExtensionMetadata {
                    identifier: extension.name,
                    ty: extension.ty,
                    additional_signed: extension.implicit,
                })
                .collect(),
        };
        let apis = self
            .apis()
            .into_iter()
            .map(|(name, functions)| v15::RuntimeApiMetadata {
                name,
                methods: functions
                    .iter()
                    .map(|function| v15::RuntimeApiMethodMetadata {
                        name: function.name,
                        inputs: function
                            .inputs
                            .iter()
                            .map(|&(name, ty)| v15::RuntimeApiMethodParamMetadata { name, ty })
                            .collect(),
                        output: function.output,
                        docs: vec![function.docs],
                    })
                    .collect(),
                docs: vec![],
            })
            .collect();
        let outer_enums = v15::OuterEnums {
            call_enum_ty: self.outer.call,
            event_enum_ty: self.outer.event,
            error_enum_ty: self.outer.error,
        };
        let custom = v15::CustomMetadata { map: BTreeMap::new() };
        v15::RuntimeMetadataV15::new(pallets, extrinsic, self.runtime, apis, outer_enums, custom)
    }

    fn v16(&self) -> v16::RuntimeMetadataV16 {
        let kept = v16::ItemDeprecationInfo::NotDeprecated;
        let pallets = self
            .pallets
            .iter()
            .map(|pallet| v16::PalletMetadata {
                name: pallet.name,
                storage: pallet.has_storage().then(|| v16::PalletStorageMetadata {
                    prefix: pallet.name,
                    entries: pallet.storage.iter().map(v16_entry).collect(),
                }),
                calls: pallet.calls.map(|ty| v16::PalletCallMetadata {
                    ty,
                    deprecation_info: v16::EnumDeprecationInfo::nothing_deprecated(),
                }),
                event: pallet.events.map(|ty| v16::PalletEventMetadata {
                    ty,
                    deprecation_info: v16::EnumDeprecationInfo::nothing_deprecated(),
                }),
                constants: pallet
                    .constants
                    .iter()
                    .map(|constant| v16::PalletConstantMetadata {
                        name: constant.name,
                        ty: constant.ty,
                        value: constant.value.clone(),
                        docs: vec![constant.docs],
                        deprecation_info: v16::ItemDeprecationInfo::NotDeprecated,
                    })
                    .collect(),
                error: pallet.errors.map(|ty| v16::PalletErrorMetadata {
                    ty,
                    deprecation_info: v16::EnumDeprecationInfo::nothing_deprecated(),
                }),
                associated_types: if pallet.name == "System" {
                    vec![v16::PalletAssociatedTypeMetadata {
                        name: "Hashing",
                        ty: meta_type::<BlakeTwo256>(),
                        docs: vec!["Blocks and extrinsics are named by BLAKE2b-256."],
                    }]
                } else {
                    vec![]
                },
                view_functions: vec![],
                index: pallet.index,
                docs: vec![pallet.docs],
                deprecation_info: v16::ItemDeprecationInfo::NotDeprecated,
            })
            .collect();
        let extensions = all_extensions();
        let extrinsic = v16::ExtrinsicMetadata {
            versions: vec![4],
            address_ty: meta_type::<MultiAddress>(),
            call_ty: self.outer.call,
            signature_ty: meta_type::<MultiSignature>(),
            transaction_extensions_by_version: BTreeMap::from([(
                0,
                (0u32..).zip(&extensions).map(|(index, _)| Compact(index)).collect(),
            )]),
            transaction_extensions: extensions
                .into_iter()
                .map(|extension| v16::TransactionExtensionMetadata {
                    identifier: extension.name,
                    ty: extension.ty,
                    implicit: extension.implicit,
                })
                .collect(),
        };
        let apis = self
            .apis()
            .into_iter()
            .map(|(name, functions)| v16::RuntimeApiMetadata {
                name,
                version: Compact(functions[0].api_version),
                methods: functions
                    .iter()
                    .map(|function| v16::RuntimeApiMethodMetadata {
                        name: function.name,
                        inputs: function
                            .inputs
                            .iter()
                            .map(|&(name, ty)| v16::FunctionParamMetadata { name, ty })
                            .collect(),
                        output: function.output,
                        docs: vec![function.docs],
                        deprecation_info: v16::ItemDeprecationInfo::NotDeprecated,
                    })
                    .collect(),
                docs: vec![],
                deprecation_info: kept.clone(),
            })
            .collect();
        let outer_enums = v16::OuterEnums {
            call_enum_ty: self.outer.call,
            event_enum_ty: self.outer.event,
            error_enum_ty: self.outer.error,
        };
        let custom = v16::CustomMetadata { map: BTreeMap::new() };
        v16::RuntimeMetadataV16::new(pallets, extrinsic, apis, outer_enums, custom)
    }

    /// The functions by interface, in order of first appearance.
    fn apis(&self) -> Vec<(&'static str, Vec<&RuntimeFunction>)> {
        let mut apis: Vec<(&'static str, Vec<&RuntimeFunction>)> = Vec::new();
        for function in &self.functions {
            match apis.iter_mut().find(|(name, _)| *name == function.api) {
                Some((_, functions)) => functions.push(function),
                None => apis.push((function.api, vec![function])),
            }
        }
        apis
    }
}

/// A variant's name as that of a function.
fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

impl PalletDescription {
    fn has_storage(&self) -> bool {
        !self.storage.is_empty()
    }
}

fn v14_constants(pallet: &PalletDescription) -> Vec<v14::PalletConstantMetadata> {
    pallet
        .constants
        .iter()
        .map(|constant| v14::PalletConstantMetadata {
            name: constant.name,
            ty: constant.ty,
            value: constant.value.clone(),
            docs: vec![constant.docs],
        })
        .collect()
}

fn hasher(hasher: &Hasher) -> v14::StorageHasher {
    match hasher {
        Hasher::Blake2_128Concat => v14::StorageHasher::Blake2_128Concat,
        Hasher::Twox64Concat => v14::StorageHasher::Twox64Concat,
    }
}

fn modifier(entry: &StorageEntry) -> v14::StorageEntryModifier {
    if entry.has_default { v14::StorageEntryModifier::Default } else { v14::StorageEntryModifier::Optional }
}

fn entry_type(kind: &EntryKind) -> v14::StorageEntryType {
    match kind {
        EntryKind::Plain(ty) => v14::StorageEntryType::Plain(*ty),
        EntryKind::Map { hashers, key, value } => {
            v14::StorageEntryType::Map { hashers: hashers.iter().map(hasher).collect(), key: *key, value: *value }
        }
    }
}

fn v14_entry(entry: &StorageEntry) -> v14::StorageEntryMetadata {
    v14::StorageEntryMetadata {
        name: entry.name,
        modifier: modifier(entry),
        ty: entry_type(&entry.kind),
        default: entry.default.clone(),
        docs: entry.docs.clone(),
    }
}

fn v16_entry(entry: &StorageEntry) -> v16::StorageEntryMetadata {
    v16::StorageEntryMetadata {
        name: entry.name,
        modifier: modifier(entry),
        ty: entry_type(&entry.kind),
        default: entry.default.clone(),
        docs: entry.docs.clone(),
        deprecation_info: v16::ItemDeprecationInfo::NotDeprecated,
    }
}
