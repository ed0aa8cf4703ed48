//! The gateway of a hospital: it keeps encrypted records and releases them only against a finalised receipt.

pub mod copies;
pub mod keyring;
pub mod store;
pub mod upkeep;
