//! The runtime's table: which pallets there are and under which index.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use salus_primitives::dispatch::ModuleError;
use scale_info::TypeInfo;

use crate::{
    Ctx, Pallet,
    context::Deposited,
    metadata::description::{OuterTypes, PalletDescription},
    pallet::Cost,
};

/// What [`crate::runtime!`] makes of its rows.
pub trait RuntimeTable {
    /// A call of any pallet.
    type Call: Encode + Decode + DecodeWithMemTracking + TypeInfo + Clone + PartialEq + core::fmt::Debug + 'static;
    /// An event of any pallet.
    type Event: Encode + Decode + TypeInfo + Clone + PartialEq + core::fmt::Debug + 'static;
    /// An error of any pallet.
    type Error: Encode + Decode + TypeInfo + Copy + PartialEq + core::fmt::Debug + 'static;

    /// Run a call.
    ///
    /// # Errors
    /// The pallet's, with its index.
    fn dispatch(ctx: &mut Ctx<'_, '_>, call: Self::Call) -> Result<(), Self::Error>;

    /// What a call costs.
    fn cost(call: &Self::Call) -> Cost;

    /// Index of the pallet of this name.
    fn index_of(pallet: &str) -> Option<u8>;

    /// The rows, for metadata.
    fn pallets() -> Vec<PalletDescription>;

    /// Call, event and error types, for metadata.
    fn outer_types() -> OuterTypes {
        OuterTypes::of::<Self::Call, Self::Event, Self::Error>()
    }

    /// A deposited event as clients read it: the pallet's index before its own bytes.
    ///
    /// # Panics
    /// When the pallet is not in the table: a runtime that uses a pallet without listing it is a mistake at
    /// the desk, and every test meets it.
    fn event_bytes(event: &Deposited) -> Vec<u8> {
        let index = Self::index_of(event.pallet).expect("a pallet that deposits events stands in the runtime's table");
        [&[index][..], &event.bytes].concat()
    }
}

/// An error as `DispatchError::Module` carries it: the first byte of its encoding is the pallet's index.
pub fn module_error(error: &impl Encode) -> ModuleError {
    let bytes = error.encode();
    let mut code = [0; 4];
    let length = bytes.len().saturating_sub(1).min(4);
    code[..length].copy_from_slice(&bytes[1..=length]);
    ModuleError { index: bytes[0], error: code }
}

/// Describe one row of the table.
pub fn describe<P: Pallet>(index: u8) -> PalletDescription {
    PalletDescription::of::<P>(index)
}

/// Join pallets into a runtime: one row per pallet, `index => Name: path::of::its::module,` where the module has the
/// pallet's `Call`, `Event` and `Error` and the type `Name` that implements [`Pallet`].
///
/// Makes `RuntimeCall`, `RuntimeEvent`, `RuntimeError` and `Runtime`, which implements
/// [`table::RuntimeTable`](crate::table::RuntimeTable). The index is wire format for call, event and error alike.
#[macro_export]
macro_rules! runtime {
    ($($index:literal => $name:ident: $($module:ident)::+),+ $(,)?) => {
        /// A call of any pallet.
        #[derive(
            Clone, PartialEq, Debug,
            $crate::macro_support::parity_scale_codec::Encode,
            $crate::macro_support::parity_scale_codec::Decode,
            $crate::macro_support::parity_scale_codec::DecodeWithMemTracking,
            $crate::macro_support::TypeInfo,
        )]
        pub enum RuntimeCall {$(
            #[doc = concat!("A call of ", stringify!($name), ".")]
            #[codec(index = $index)]
            $name($($module)::+::Call),
        )+}

        /// An event of any pallet.
        #[derive(
            Clone, PartialEq, Debug,
            $crate::macro_support::parity_scale_codec::Encode,
            $crate::macro_support::parity_scale_codec::Decode,
            $crate::macro_support::TypeInfo,
        )]
        pub enum RuntimeEvent {$(
            #[doc = concat!("An event of ", stringify!($name), ".")]
            #[codec(index = $index)]
            $name($($module)::+::Event),
        )+}

        /// An error of any pallet.
        #[derive(
            Clone, Copy, PartialEq, Debug,
            $crate::macro_support::parity_scale_codec::Encode,
            $crate::macro_support::parity_scale_codec::Decode,
            $crate::macro_support::TypeInfo,
        )]
        pub enum RuntimeError {$(
            #[doc = concat!("An error of ", stringify!($name), ".")]
            #[codec(index = $index)]
            $name($($module)::+::Error),
        )+}

        $(
            impl From<$($module)::+::Call> for RuntimeCall {
                fn from(call: $($module)::+::Call) -> Self {
                    Self::$name(call)
                }
            }

            impl From<$($module)::+::Event> for RuntimeEvent {
                fn from(event: $($module)::+::Event) -> Self {
                    Self::$name(event)
                }
            }

            impl From<$($module)::+::Error> for RuntimeError {
                fn from(error: $($module)::+::Error) -> Self {
                    Self::$name(error)
                }
            }
        )+

        /// The table of pallets.
        pub struct Runtime;

        impl $crate::table::RuntimeTable for Runtime {
            type Call = RuntimeCall;
            type Event = RuntimeEvent;
            type Error = RuntimeError;

            fn dispatch(ctx: &mut $crate::Ctx<'_, '_>, call: RuntimeCall) -> Result<(), RuntimeError> {
                match call {$(
                    RuntimeCall::$name(call) => {
                        <$($module)::+::$name as $crate::Pallet>::dispatch(ctx, call).map_err(RuntimeError::$name)
                    }
                )+}
            }

            fn cost(call: &RuntimeCall) -> $crate::Cost {
                match call {$(
                    RuntimeCall::$name(call) => <$($module)::+::$name as $crate::Pallet>::cost(call),
                )+}
            }

            fn index_of(pallet: &str) -> Option<u8> {
                match pallet {
                    $(<$($module)::+::$name as $crate::Pallet>::NAME => Some($index),)+
                    _ => None,
                }
            }

            fn pallets() -> Vec<$crate::macro_support::PalletDescription> {
                vec![$($crate::table::describe::<$($module)::+::$name>($index)),+]
            }
        }
    };
}
