//! Storage tables: typed access to state under Substrate's keys.
//!
//! ```text
//! key = twox128(pallet) ++ twox128(item) ++ per map key: blake2_128(SCALE) ++ SCALE
//! ```

use parity_scale_codec::{Decode, Encode};
use salus_primitives::{crypto::blake2_128, storage_key::twox_64};
use scale_info::MetaType;

/// The hashers a key of ours may have. A subset of those metadata can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hasher {
    /// 16 bytes of BLAKE2b, then the key itself.
    Blake2_128Concat,
    /// 8 bytes of XX-64, then the key itself: for keys nobody can choose.
    Twox64Concat,
}

impl Hasher {
    fn append(self, part: &[u8], key: &mut Vec<u8>) {
        match self {
            Self::Blake2_128Concat => key.extend(blake2_128(part)),
            Self::Twox64Concat => key.extend(twox_64(part)),
        }
        key.extend(part);
    }

    /// Bytes before the key itself.
    pub const fn hash_len(self) -> usize {
        match self {
            Self::Blake2_128Concat => 16,
            Self::Twox64Concat => 8,
        }
    }
}

/// One part of a map's key.
pub trait KeyPart: Encode + Decode {
    /// How it is hashed.
    const HASHER: Hasher = Hasher::Blake2_128Concat;
}

impl KeyPart for u32 {
    const HASHER: Hasher = Hasher::Twox64Concat;
}
impl KeyPart for salus_primitives::Height {
    const HASHER: Hasher = Hasher::Twox64Concat;
}
impl KeyPart for salus_primitives::AccountId {}
impl KeyPart for salus_primitives::Hash {}
impl KeyPart for salus_primitives::OrganisationId {}
impl KeyPart for salus_primitives::PractitionerId {}
impl KeyPart for salus_primitives::PatientId {}
impl KeyPart for salus_primitives::RecordId {}
impl KeyPart for salus_primitives::Subject {}

/// The whole key of a map: one part, or a tuple of two or three, each hashed on its own.
pub trait MapKey {
    /// Append the hashed parts.
    fn append_to(&self, key: &mut Vec<u8>);
    /// One hasher per part.
    fn hashers() -> Vec<Hasher>;
}

impl<A: KeyPart> MapKey for A {
    fn append_to(&self, key: &mut Vec<u8>) {
        self.using_encoded(|part| A::HASHER.append(part, key));
    }

    fn hashers() -> Vec<Hasher> {
        vec![A::HASHER]
    }
}

impl<A: KeyPart, B: KeyPart> MapKey for (A, B) {
    fn append_to(&self, key: &mut Vec<u8>) {
        self.0.append_to(key);
        self.1.append_to(key);
    }

    fn hashers() -> Vec<Hasher> {
        vec![A::HASHER, B::HASHER]
    }
}

impl<A: KeyPart, B: KeyPart, C: KeyPart> MapKey for (A, B, C) {
    fn append_to(&self, key: &mut Vec<u8>) {
        self.0.append_to(key);
        self.1.append_to(key);
        self.2.append_to(key);
    }

    fn hashers() -> Vec<Hasher> {
        vec![A::HASHER, B::HASHER, C::HASHER]
    }
}

/// A type's entry for metadata: used by [`crate::storage!`].
pub fn map_key_type<K: scale_info::TypeInfo + 'static>() -> MetaType {
    MetaType::new::<K>()
}

/// Read what this chain wrote.
///
/// # Panics
/// When the bytes are no `V`: the database is damaged or a newer runtime's, and going on would be worse.
pub fn decode_stored<V: Decode>(item: &'static str, bytes: &[u8]) -> V {
    V::decode(&mut &bytes[..]).unwrap_or_else(|_| {
        panic!("the state holds a {item} this release cannot read: the database is damaged or a newer release's")
    })
}

/// Declare a pallet's storage as a table. Each row becomes a type with the functions its kind allows.
///
/// * `Name: value T;` — one `T`, its default where nothing was written: `get`, `put`.
/// * `Name: option T;` — one `T` or nothing: `get`, `put`, `remove`.
/// * `Name: map K => V;` or `map (K1, K2) => V;` — a `V` per key or nothing: `get`, `contains`, `insert`, `remove`.
/// * `Name: counters K => V;` — a `V` per key, its default where nothing was written: `get`, `insert`, `remove`.
///
/// The pallet's name comes first; `entries()` gives metadata its rows.
#[macro_export]
macro_rules! storage {
    ($pallet:ident; $($(#[doc = $doc:literal])+ $name:ident: $kind:ident $ty:ty $(=> $value:ty)?;)+) => {
        $(
            $(#[doc = $doc])+
            pub struct $name;
            $crate::storage_item!($pallet, $name, $kind $ty $(=> $value)?);
        )+

        /// The rows of this table, for metadata.
        pub fn entries() -> Vec<$crate::macro_support::StorageEntry> {
            vec![$({
                let mut entry = $name::entry();
                entry.docs = vec![$($doc.trim()),+];
                entry
            }),+]
        }
    };
}

/// One row of [`storage!`].
#[doc(hidden)]
#[macro_export]
macro_rules! storage_item {
    ($pallet:ident, $name:ident, value $ty:tt) => {
        impl $name {
            $crate::storage_item!(@plain $pallet, $name);

            /// The value, its default where none was written.
            pub fn get(state: &dyn $crate::StateReader) -> $ty {
                state
                    .get(&Self::key())
                    .map(|bytes| $crate::storage::decode_stored(stringify!($name), &bytes))
                    .unwrap_or_default()
            }

            fn entry() -> $crate::macro_support::StorageEntry {
                $crate::macro_support::StorageEntry::value::<$ty>(stringify!($name))
            }

            $crate::storage_item!(@put $ty);
        }
    };
    ($pallet:ident, $name:ident, option $ty:tt) => {
        impl $name {
            $crate::storage_item!(@plain $pallet, $name);

            /// The value, if one was written.
            pub fn get(state: &dyn $crate::StateReader) -> Option<$ty> {
                state.get(&Self::key()).map(|bytes| $crate::storage::decode_stored(stringify!($name), &bytes))
            }

            /// Remove the value.
            pub fn remove(state: &mut $crate::Overlay<'_>) {
                state.remove(Self::key());
            }

            fn entry() -> $crate::macro_support::StorageEntry {
                $crate::macro_support::StorageEntry::option::<$ty>(stringify!($name))
            }

            $crate::storage_item!(@put $ty);
        }
    };
    ($pallet:ident, $name:ident, map $key:tt => $value:ty) => {
        impl $name {
            $crate::storage_item!(@map $pallet, $name, $key, $value);

            /// The value of `key`, if one was written.
            pub fn get(state: &dyn $crate::StateReader, key: &$key) -> Option<$value> {
                state.get(&Self::key(key)).map(|bytes| $crate::storage::decode_stored(stringify!($name), &bytes))
            }

            /// Is there a value for `key`?
            pub fn contains(state: &dyn $crate::StateReader, key: &$key) -> bool {
                state.get(&Self::key(key)).is_some()
            }

            fn entry() -> $crate::macro_support::StorageEntry {
                $crate::macro_support::StorageEntry::map::<$key, $value>(stringify!($name))
            }
        }
    };
    ($pallet:ident, $name:ident, counters $key:tt => $value:ty) => {
        impl $name {
            $crate::storage_item!(@map $pallet, $name, $key, $value);

            /// The value of `key`, its default where none was written.
            pub fn get(state: &dyn $crate::StateReader, key: &$key) -> $value {
                state
                    .get(&Self::key(key))
                    .map(|bytes| $crate::storage::decode_stored(stringify!($name), &bytes))
                    .unwrap_or_default()
            }

            fn entry() -> $crate::macro_support::StorageEntry {
                $crate::macro_support::StorageEntry::counters::<$key, $value>(stringify!($name))
            }
        }
    };
    (@plain $pallet:ident, $name:ident) => {
        /// The storage key.
        pub fn key() -> Vec<u8> {
            $crate::storage_item!(@prefix $pallet, $name).to_vec()
        }
    };
    (@prefix $pallet:ident, $name:ident) => {{
        // Four hashes of names that never change: each key of the item needs them.
        static PREFIX: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
        *PREFIX.get_or_init(|| $crate::macro_support::prefix(stringify!($pallet), stringify!($name)))
    }};
    (@put $ty:tt) => {
        /// Write the value.
        pub fn put(state: &mut $crate::Overlay<'_>, value: &$ty) {
            state.put(Self::key(), $crate::macro_support::parity_scale_codec::Encode::encode(value));
        }
    };
    (@map $pallet:ident, $name:ident, $key:ty, $value:ty) => {
        /// What every key of this map starts with.
        pub fn prefix() -> [u8; 32] {
            $crate::storage_item!(@prefix $pallet, $name)
        }

        /// The storage key of `key`.
        pub fn key(key: &$key) -> Vec<u8> {
            let mut bytes = Vec::with_capacity(128);
            bytes.extend(Self::prefix());
            $crate::storage::MapKey::append_to(key, &mut bytes);
            bytes
        }

        /// Write the value of `key`.
        pub fn insert(state: &mut $crate::Overlay<'_>, key: &$key, value: &$value) {
            state.put(Self::key(key), $crate::macro_support::parity_scale_codec::Encode::encode(value));
        }

        /// Remove the value of `key`.
        pub fn remove(state: &mut $crate::Overlay<'_>, key: &$key) {
            state.remove(Self::key(key));
        }
    };
}
