//! Whom keys speak for, and how those stand: everything that decides what the holder of a key can do next.

use std::collections::BTreeMap;

use salus_access::{storage::Activities, storage::Caseloads, types::Activity};
use salus_appointments::SlotRef;
use salus_patients::{Patient, types::Invitation};
use salus_primitives::{AccountId, Moment, OrganisationId, PatientId, PractitionerId, Subject};
use salus_registry::{
    KemKey,
    types::{Affiliation, Organisation, OrganisationStatus, Practitioner},
};
use salus_support::StateReader;
use salus_system::{AccountData, Purpose, usage};

use super::ActionError;
use crate::chain::Chain;

/// A key and whom it speaks for.
#[derive(Clone, PartialEq, Debug)]
pub struct Holder {
    /// What the chain keeps of the key.
    pub data: AccountData,
    /// Whom it speaks for, or spoke for where it ended.
    pub bearer: Bearer,
    /// Weight units the subject used today and may use; none of a key that speaks for nobody.
    pub used: Option<u64>,
    /// How many it may use; none for the council, which is not bounded so.
    pub quota: Option<u64>,
    /// The subject's encryption key, where it has set one.
    pub kem: Option<KemKey>,
}

/// Whom a key speaks for.
#[derive(Clone, PartialEq, Debug)]
pub enum Bearer {
    /// Nobody.
    Nobody(Use),
    /// The council.
    Council {
        /// How many members there are.
        members: usize,
        /// How many ayes pass a motion.
        threshold: u8,
    },
    /// An organisation, as its officer.
    Organisation(OrganisationId, Option<Organisation>),
    /// A practitioner.
    Practitioner(Box<Doctor>),
    /// A patient.
    Patient(PatientId, Option<Patient>),
}

/// What a key is used for that speaks for nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// The chain does not know it.
    Nothing,
    /// A validator's blocks, or its node's connections.
    Validator(Purpose),
    /// An invitation to become a patient.
    Invitation(Invitation),
    /// An appointment.
    Booking(SlotRef),
}

/// A practitioner.
#[derive(Clone, PartialEq, Debug)]
pub struct Doctor {
    /// Who.
    pub id: PractitionerId,
    /// Their entry.
    pub entry: Option<Practitioner>,
    /// Did the council suspend them?
    pub by_council: bool,
    /// Where they work or worked.
    pub places: Vec<Place>,
    /// What they did today.
    pub today: Activity,
    /// Does an emergency of theirs wait for its review for too long?
    pub overdue: bool,
}

/// Where a practitioner works or worked.
#[derive(Clone, PartialEq, Debug)]
pub struct Place {
    /// Where.
    pub organisation: OrganisationId,
    /// On what terms.
    pub affiliation: Affiliation,
    /// May the organisation's people act?
    pub active: bool,
}

impl Doctor {
    /// Where they act at `now`: the affiliation lives, and the organisation is Active.
    pub fn acts_at(&self, now: Moment) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(move |place| place.active && now < place.affiliation.until)
    }
}

/// Whom `accounts` speak for, in one state, and that state's time.
///
/// # Errors
/// What asking failed with.
pub async fn holders(
    chain: &Chain,
    accounts: &[AccountId],
) -> Result<(Moment, BTreeMap<AccountId, Holder>), ActionError> {
    let read = |state: &dyn StateReader| {
        let now = Moment(salus_system::timestamp::Now::get(state));
        (now, accounts.iter().map(|account| (*account, holder(state, *account, now))).collect())
    };
    Ok(chain.view_now(read).await?)
}

fn holder(state: &dyn StateReader, account: AccountId, now: Moment) -> Holder {
    let data = salus_system::storage::Account::get(state, &account).data;
    let bearer = match data.subject {
        None => Bearer::Nobody(use_of(state, account)),
        Some(Subject::Council) => Bearer::Council {
            members: salus_system::storage::Keys::get(state, &Subject::Council).keys.len(),
            threshold: salus_council::storage::Threshold::get(state),
        },
        Some(Subject::Organisation(id)) => {
            Bearer::Organisation(id, salus_registry::storage::Organisations::get(state, &id))
        }
        Some(Subject::Practitioner(id)) => Bearer::Practitioner(Box::new(doctor(state, id, now))),
        Some(Subject::Patient(id)) => Bearer::Patient(id, salus_patients::storage::Patients::get(state, &id)),
    };
    Holder {
        data,
        bearer,
        used: data.subject.map(|subject| usage::used(state, &subject, now)),
        quota: data.subject.and_then(|subject| usage::quota(state, &subject, now)),
        kem: data.subject.and_then(|subject| salus_registry::kem(state, subject)),
    }
}

fn use_of(state: &dyn StateReader, account: AccountId) -> Use {
    if let Some(purpose) = salus_system::storage::Purposes::get(state, &account) {
        return Use::Validator(purpose);
    }
    if let Some(invitation) = salus_patients::storage::Invitations::get(state, &account) {
        return Use::Invitation(invitation);
    }
    salus_appointments::storage::BookingKeys::get(state, &account).map_or(Use::Nothing, Use::Booking)
}

fn doctor(state: &dyn StateReader, id: PractitionerId, now: Moment) -> Doctor {
    use salus_registry::storage::{Affiliations, CouncilSuspended, Organisations, Places, Practitioners};
    let place = |organisation| {
        let affiliation = Affiliations::get(state, &(id, organisation))?;
        let active = Organisations::get(state, &organisation)
            .is_some_and(|organisation| organisation.status == OrganisationStatus::Active);
        Some(Place { organisation, affiliation, active })
    };
    Doctor {
        id,
        entry: Practitioners::get(state, &id),
        by_council: CouncilSuspended::contains(state, &id),
        places: Places::get(state, &id).into_iter().filter_map(place).collect(),
        today: Activities::get(state, &Subject::Practitioner(id)).on(now.day()),
        overdue: Caseloads::get(state, &id).is_overdue(now),
    }
}
