//! Metadata in formats 14, 15 and 16, made from one description of the pallets (clients.md section 2).

mod build;
pub mod description;
pub mod types;

pub use build::Metadata;
