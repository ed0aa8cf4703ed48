//! State of the patients pallet.

use salus_primitives::{AccountId, OrganisationId, PatientId};

use crate::types::{Invitation, Patient, PatientState, Ring, Slot};

salus_support::storage! { Patients;
    /// Every patient that ever registered.
    Patients: map PatientId => Patient;
    /// What a patient was before being declared dead: a cancelled declaration restores it.
    BeforeDeath: map PatientId => PatientState;
    /// How many records of the patient are under a hold; a patient with any cannot be closed.
    Holds: counters PatientId => u32;
    /// Invitations of the last 30 days, open and spent, by the key handed over.
    Invitations: map AccountId => Invitation;
    /// Which places of an organisation's ring of invitations are taken.
    Rings: counters OrganisationId => Ring;
    /// The ring: an organisation's invitations in the order they were made.
    Slots: map (OrganisationId, u32) => Slot;
}
