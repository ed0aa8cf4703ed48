//! The runtime: which pallets there are, under which number, and how a block of calls to them is executed.
//!
//! The number is wire format for calls, events and errors alike. 60 (`<`) is never assigned, so that a signed
//! message can never be an extrinsic (`salus_primitives::signed`).

mod api;
mod executive;
mod functions;
pub mod genesis;
mod validity;

pub use api::SalusRuntime;
pub use genesis::GenesisConfig;

salus_support::runtime! {
    0 => System: salus_system,
    1 => Timestamp: salus_system::timestamp,
    2 => Validators: salus_validators,
    3 => Council: salus_council,
    4 => Registry: salus_registry,
    5 => Patients: salus_patients,
    6 => Records: salus_records,
    7 => Consent: salus_consent,
    8 => Access: salus_access,
    9 => Appointments: salus_appointments,
    10 => Credits: salus_credits,
}

/// An event with its phase, as `System.Events` holds it.
pub type EventRecord = salus_support::metadata::types::EventRecord<RuntimeEvent>;

impl scale_info::TypeInfo for Runtime {
    type Identity = Self;

    fn type_info() -> scale_info::Type {
        scale_info::Type::builder()
            .path(scale_info::Path::new("Runtime", module_path!()))
            .composite(scale_info::build::Fields::unit())
    }
}

#[cfg(test)]
mod tests;
