//! The one description that all metadata formats are made from.

use parity_scale_codec::Encode;
use scale_info::{MetaType, TypeDef, TypeInfo};

use crate::{
    ConstantEntry, Pallet,
    storage::{Hasher, MapKey, map_key_type},
};

/// One row of a `storage!` table.
pub struct StorageEntry {
    /// The item's name.
    pub name: &'static str,
    /// Shape of the item.
    pub kind: EntryKind,
    /// What a missing value reads as: the default's SCALE bytes, or a single zero for an optional item.
    pub default: Vec<u8>,
    /// Is a missing value the default (or nothing at all)?
    pub has_default: bool,
    /// The row's own words.
    pub docs: Vec<&'static str>,
}

/// Shape of a storage item.
pub enum EntryKind {
    /// One value.
    Plain(MetaType),
    /// A value per key.
    Map {
        /// One per part of the key.
        hashers: Vec<Hasher>,
        /// The key, a tuple when it has parts.
        key: MetaType,
        /// The value.
        value: MetaType,
    },
}

impl StorageEntry {
    fn new(name: &'static str, kind: EntryKind, default: Option<Vec<u8>>) -> Self {
        let has_default = default.is_some();
        Self { name, kind, default: default.unwrap_or_else(|| vec![0]), has_default, docs: Vec::new() }
    }

    /// A value with a default.
    pub fn value<V: TypeInfo + Default + Encode + 'static>(name: &'static str) -> Self {
        Self::new(name, EntryKind::Plain(MetaType::new::<V>()), Some(V::default().encode()))
    }

    /// A value or nothing.
    pub fn option<V: TypeInfo + 'static>(name: &'static str) -> Self {
        Self::new(name, EntryKind::Plain(MetaType::new::<V>()), None)
    }

    /// A value or nothing per key.
    pub fn map<K: MapKey + TypeInfo + 'static, V: TypeInfo + 'static>(name: &'static str) -> Self {
        Self::new(name, Self::map_kind::<K, V>(), None)
    }

    /// A value with a default per key.
    pub fn counters<K: MapKey + TypeInfo + 'static, V: TypeInfo + Default + Encode + 'static>(
        name: &'static str,
    ) -> Self {
        Self::new(name, Self::map_kind::<K, V>(), Some(V::default().encode()))
    }

    fn map_kind<K: MapKey + TypeInfo + 'static, V: TypeInfo + 'static>() -> EntryKind {
        EntryKind::Map { hashers: K::hashers(), key: map_key_type::<K>(), value: MetaType::new::<V>() }
    }
}

/// One row of the runtime's table.
pub struct PalletDescription {
    /// Its index.
    pub index: u8,
    /// Its name.
    pub name: &'static str,
    /// One sentence.
    pub docs: &'static str,
    /// Its calls; none when there is no call.
    pub calls: Option<MetaType>,
    /// Its events; none when there is no event.
    pub events: Option<MetaType>,
    /// Its errors; none when there is no error.
    pub errors: Option<MetaType>,
    /// Its storage.
    pub storage: Vec<StorageEntry>,
    /// Its constants.
    pub constants: Vec<ConstantEntry>,
}

/// A type, unless it is an enum without variants.
fn inhabited<T: TypeInfo + 'static>() -> Option<MetaType> {
    let empty = matches!(T::type_info().type_def, TypeDef::Variant(ref variants) if variants.variants.is_empty());
    (!empty).then(MetaType::new::<T>)
}

impl PalletDescription {
    /// Describe a pallet.
    pub fn of<P: Pallet>(index: u8) -> Self {
        Self {
            index,
            name: P::NAME,
            docs: P::DOCS,
            calls: inhabited::<P::Call>(),
            events: inhabited::<P::Event>(),
            errors: inhabited::<P::Error>(),
            storage: P::storage(),
            constants: P::constants(),
        }
    }
}

/// The runtime's enums over all pallets.
#[derive(Clone, Copy)]
pub struct OuterTypes {
    /// `RuntimeCall`.
    pub call: MetaType,
    /// `RuntimeEvent`.
    pub event: MetaType,
    /// `RuntimeError`.
    pub error: MetaType,
}

impl OuterTypes {
    /// Of these three.
    pub fn of<C: TypeInfo + 'static, E: TypeInfo + 'static, R: TypeInfo + 'static>() -> Self {
        Self { call: MetaType::new::<C>(), event: MetaType::new::<E>(), error: MetaType::new::<R>() }
    }
}

/// A runtime function that clients may call by name.
pub struct RuntimeFunction {
    /// The interface it belongs to.
    pub api: &'static str,
    /// Version of that interface.
    pub api_version: u32,
    /// Its name in the interface.
    pub name: &'static str,
    /// Its arguments.
    pub inputs: Vec<(&'static str, MetaType)>,
    /// Its result.
    pub output: MetaType,
    /// What it does.
    pub docs: &'static str,
}
