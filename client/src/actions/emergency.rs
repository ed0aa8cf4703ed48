//! Emergencies: opening in one, what has to be reviewed of them, reviewing and objecting.

use std::collections::BTreeSet;

use parity_scale_codec::Decode;
use salus_access::{
    Call, Case, Event, Finding, Receipt as AccessReceipt, RecordIds,
    cases::{Caseload, REVIEW_WITHIN},
    storage::{Activities, Caseloads, Cases, Disputes, LateHolds, Receipts},
    types::Activity,
};
use salus_consent::Tier;
use salus_primitives::{
    BoundedVec, Hash, Moment, OrganisationId, PatientId, PractitionerId, RecordId, Subject, crypto::KeyPair,
    signed::CoSigns,
};
use salus_registry::organisation_active;
use salus_runtime::{RuntimeCall, RuntimeEvent};
use salus_support::StateReader;

use super::{ActionError, access::Opened, records::tail};
use crate::chain::{Chain, Receipt, decode_value};

/// Most practitioners with a caseload, and most patients with a dispute, that are looked through.
const LOOKED_THROUGH: usize = 10_000;

/// What is opened in an emergency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// For whom the practitioner acts.
    pub organisation: OrganisationId,
    /// How much.
    pub tier: Tier,
    /// Which records; for tier summary the patient's [`summary`].
    pub records: RecordIds,
    /// Code of the reason, from the deployment's list.
    pub reason: u8,
    /// Commitment to a note for the reviewer; zero for none.
    pub note: Hash,
}

/// The patient's emergency summary: what tier summary opens.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn summary(chain: &Chain, patient: PatientId) -> Result<RecordId, ActionError> {
    let found = chain.view_now(|state| salus_records::summary(state, patient)).await?;
    found.ok_or_else(|| ActionError::Unknown { what: "an emergency summary of patient", id: patient.to_string() })
}

/// The call that opens in an emergency. Where a review is overdue an officer of the organisation agrees.
pub fn open_call(patient: PatientId, asked: Asked) -> RuntimeCall {
    let Asked { organisation, tier, records, reason, note } = asked;
    let cosign = CoSigns::new();
    RuntimeCall::Access(Call::EmergencyOpen { patient, organisation, tier, records, reason, note, late: None, cosign })
}

/// What stands on chain of an emergency that `receipt` opened or wrote down.
///
/// # Errors
/// What asking failed with.
pub async fn opened(chain: &Chain, receipt: Receipt) -> Result<Opened, ActionError> {
    let (patient, index) = receipt.find(|event| match event {
        RuntimeEvent::Access(Event::EmergencyOpened { patient, receipt, .. }) => Some((*patient, *receipt)),
        _ => None,
    })?;
    let access = chain.view(receipt.block, |state| Receipts::get(state, &(patient, index))).await?;
    Ok(Opened { index, access: access.ok_or_else(|| unknown(index))?, receipt })
}

/// Review an emergency or a dispute. By a Reviewer.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn review(
    chain: &Chain,
    reviewer: &KeyPair,
    patient: PatientId,
    receipt: u32,
    finding: Finding,
    note: Hash,
) -> Result<Reviewed, ActionError> {
    let call = Call::Review { patient, receipt, finding, note };
    let receipt = chain.submit(reviewer, RuntimeCall::Access(call)).await?;
    let of_dispute = receipt.find(|event| match event {
        RuntimeEvent::Access(Event::Reviewed { of_dispute, .. }) => Some(*of_dispute),
        _ => None,
    })?;
    Ok(Reviewed { of_dispute, receipt })
}

/// A review was made.
#[derive(Clone, PartialEq, Debug)]
pub struct Reviewed {
    /// Was it of the dispute, or of the emergency?
    pub of_dispute: bool,
    /// Where that stands.
    pub receipt: Receipt,
}

/// Object to an opening: another organisation reviews it. By the patient or a guardian.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn dispute(
    chain: &Chain,
    key: &KeyPair,
    patient: PatientId,
    receipt: u32,
    note: Hash,
) -> Result<Receipt, ActionError> {
    Ok(chain.submit(key, RuntimeCall::Access(Call::Dispute { patient, receipt, note })).await?)
}

/// An opening and what hangs on it.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn show(chain: &Chain, patient: PatientId, index: u32) -> Result<(AccessReceipt, Case), ActionError> {
    let (access, case) =
        chain.view_now(|state| (Receipts::get(state, &(patient, index)), Cases::get(state, &(patient, index)))).await?;
    let access = access.ok_or_else(|| unknown(index))?;
    let case = case.ok_or_else(|| ActionError::Unknown { what: "a case of receipt", id: index.to_string() })?;
    Ok((access, case))
}

/// How a practitioner stands with emergencies.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// Block time.
    pub now: Moment,
    /// What waits for a review.
    pub caseload: Caseload,
    /// What they did today.
    pub today: Activity,
    /// The cases that state lists.
    pub cases: Vec<Waiting>,
}

/// How a practitioner stands with emergencies.
///
/// # Errors
/// What asking failed with.
pub async fn caseload(chain: &Chain, practitioner: PractitionerId) -> Result<Standing, ActionError> {
    let read = |state: &dyn StateReader| {
        let now = Moment(salus_system::timestamp::Now::get(state));
        let caseload = Caseloads::get(state, &practitioner);
        let today = Activities::get(state, &Subject::Practitioner(practitioner)).on(now.day());
        let cases = emergencies(state, practitioner, &caseload, now);
        Standing { now, caseload, today, cases }
    };
    Ok(chain.view_now(read).await?)
}

/// A review that is waited for.
#[derive(Clone, PartialEq, Debug)]
pub struct Waiting {
    /// Whose records were opened.
    pub patient: PatientId,
    /// Index of the receipt.
    pub receipt: u32,
    /// Who opened.
    pub opener: Subject,
    /// For whom they acted.
    pub organisation: OrganisationId,
    /// How much an emergency opened and the code of its reason; none of a dispute.
    pub emergency: Option<(Tier, u8)>,
    /// Since when it waits; of a late emergency, since it happened.
    pub since: Moment,
    /// Until when an emergency has to be reviewed; a dispute has no such moment.
    pub due: Option<Moment>,
    /// Is that over?
    pub overdue: bool,
}

/// What Reviewers of an organisation may review.
#[derive(Clone, PartialEq, Debug)]
pub struct ToReview {
    /// What waits, the longest first.
    pub waiting: Vec<Waiting>,
    /// How many late emergencies of the organisation are overdue: while there is one, its people open nothing in full.
    pub held: u32,
    /// How many emergencies of practitioners who have any here are only counted: they are in the patients' histories.
    pub unlisted: u64,
}

/// What Reviewers of `organisation` may review: emergencies opened there, or anywhere that is not Active, and disputes
/// of openings elsewhere.
///
/// # Errors
/// What asking failed with.
pub async fn to_review(chain: &Chain, organisation: OrganisationId) -> Result<ToReview, ActionError> {
    let at = chain.finalised().await?;
    let mut loads: Vec<(PractitionerId, Caseload)> = Vec::new();
    for (key, bytes) in chain.entries(&Caseloads::prefix(), at, LOOKED_THROUGH).await? {
        let Some(practitioner) = id_of(&key) else { continue };
        loads.push((PractitionerId(practitioner), decode_value("caseload", &bytes)?));
    }
    let mut disputed: Vec<(PatientId, Vec<u32>)> = Vec::new();
    for (key, bytes) in chain.entries(&Disputes::prefix(), at, LOOKED_THROUGH).await? {
        let Some(patient) = id_of(&key) else { continue };
        let open: BoundedVec<u32, { salus_access::cases::DISPUTES_MAX }> = decode_value("disputes", &bytes)?;
        disputed.push((PatientId(patient), open.to_vec()));
    }
    let read = |state: &dyn StateReader| {
        let now = Moment(salus_system::timestamp::Now::get(state));
        let found = loads.iter().flat_map(|(who, load)| emergencies(state, *who, load, now));
        let own = |case: &Waiting| {
            case.organisation == organisation || organisation_active(state, case.organisation).is_err()
        };
        let mut waiting: Vec<Waiting> = found.filter(own).collect();
        let openers: BTreeSet<PractitionerId> = waiting.iter().filter_map(practitioner_of).collect();
        let here = loads.iter().filter(|(who, _)| openers.contains(who));
        let unlisted = here.map(|(_, load)| u64::from(load.more)).sum();
        waiting.extend(
            disputed
                .iter()
                .flat_map(|(patient, open)| disputes(state, *patient, open))
                .filter(|case: &Waiting| case.organisation != organisation),
        );
        waiting.sort_by_key(|case| case.since);
        ToReview { waiting, held: LateHolds::get(state, &organisation), unlisted }
    };
    Ok(chain.view(at, read).await?)
}

fn practitioner_of(case: &Waiting) -> Option<PractitionerId> {
    match case.opener {
        Subject::Practitioner(id) => Some(id),
        _ => None,
    }
}

/// The listed emergencies of a practitioner that wait.
fn emergencies(state: &dyn StateReader, opener: PractitionerId, caseload: &Caseload, now: Moment) -> Vec<Waiting> {
    let one = |case: &salus_access::cases::OpenCase| {
        let name = (case.patient, case.receipt);
        let access = Receipts::get(state, &name)?;
        let emergency = Cases::get(state, &name)?.emergency?;
        let due = case.since.plus(REVIEW_WITHIN);
        Some(Waiting {
            patient: case.patient,
            receipt: case.receipt,
            opener: Subject::Practitioner(opener),
            organisation: access.organisation,
            emergency: Some((emergency.tier, emergency.reason)),
            since: case.since,
            due: Some(due),
            overdue: due <= now,
        })
    };
    caseload.open.iter().filter_map(one).collect()
}

/// The disputes of a patient that wait.
fn disputes(state: &dyn StateReader, patient: PatientId, open: &[u32]) -> Vec<Waiting> {
    let one = |receipt: &u32| {
        let access = Receipts::get(state, &(patient, *receipt))?;
        let dispute = Cases::get(state, &(patient, *receipt))?.dispute?;
        Some(Waiting {
            patient,
            receipt: *receipt,
            opener: access.opener,
            organisation: access.organisation,
            emergency: None,
            since: dispute.at,
            due: None,
            overdue: false,
        })
    };
    open.iter().filter_map(one).collect()
}

/// The id that a key of a map by one id ends with.
fn id_of(key: &[u8]) -> Option<[u8; 16]> {
    <[u8; 16]>::decode(&mut tail(key)?).ok()
}

fn unknown(index: u32) -> ActionError {
    ActionError::Unknown { what: "access receipt", id: index.to_string() }
}
