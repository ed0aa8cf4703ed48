//! What a hospital's or patient's program needs of Salus: encryption of records, keys at rest and FHIR at
//! the edge.

pub mod actions;
pub mod chain;
pub mod demo;
pub mod door;
pub mod envelope;
pub mod fhir;
pub mod keystore;
pub mod light;
mod preamble;
pub mod remote;
pub mod tags;

pub use salus_fhir::vitals;
