//! State of the patients pallet.

use salus_primitives::{AccountId, Moment, OrganisationId, PatientId};

use crate::types::{
    Approvals, Guardianship, Invitation, Patient, PatientState, PendingGuardians, Recovery, Ring, Slot, Thawing,
};

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
    /// The guardians of a patient, as they last took effect.
    Guardianships: map PatientId => Guardianship;
    /// The change of guardians that waits, or took effect since and was not moved yet.
    PendingChanges: map PatientId => PendingGuardians;
    /// When one of a patient's guardians last froze.
    GuardianFreezes: map PatientId => Moment;
    /// Who approved that a guardian's freeze ends.
    Thaws: map PatientId => Thawing;
    /// Approvals of recoveries by guardians that have not reached the threshold.
    RecoveryApprovals: counters PatientId => Approvals;
    /// The recovery that runs, or lapsed and was not overwritten yet.
    Recoveries: map PatientId => Recovery;
}
