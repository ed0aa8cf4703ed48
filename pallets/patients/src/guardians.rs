//! Guardians: who stands in for a patient, as other pallets ask, and when a change of guardians takes effect.

use salus_primitives::{Moment, PatientId, Subject, Tag};
use salus_registry as registry;
use salus_support::{Overlay, StateReader};

use crate::{
    state::at,
    storage::{Guardianships, PendingChanges, RecoveryApprovals, Thaws},
    types::{ExcludedTags, Guardianship, PatientState, PendingGuardians, Powers},
};

/// What a guardian who acts for a patient must keep to. Besides this, a guardian relabels nothing and revokes only
/// rules that a guardian made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acting {
    /// The guardian.
    pub guardian: PatientId,
    /// Tags of records a guardian never touches: every rule a guardian makes has them in `none_of`, and matches
    /// labelled records only.
    pub excluded: ExcludedTags,
    /// First moment without the guardianship.
    pub until: Moment,
}

impl Acting {
    /// May the guardian touch a record with these tags? Never one that is unlabelled, for it could have any.
    pub fn may_touch(&self, tags: &[Tag], labelled: bool) -> bool {
        labelled && !tags.iter().any(|tag| self.excluded.contains(tag))
    }
}

/// Does `guardian` act for `patient` at `now`, each guardian alone: grant, answer a request, open? What the patient's
/// state forbids to the patient it forbids to the guardian too: ask [`may_change_rules`](crate::may_change_rules)
/// before a rule is made. None for whoever is no such guardian, and once a death was declared.
pub fn acts_for(state: &dyn StateReader, patient: &PatientId, guardian: Subject, now: Moment) -> Option<Acting> {
    let (guardian, guardianship) = guarded(state, patient, guardian, now)?;
    let terms = guardianship.terms;
    let acting = Acting { guardian, excluded: terms.excluded, until: terms.until };
    terms.powers.contains(Powers::ACT).then_some(acting)
}

/// Is `guardian` one of the guardians of `patient` at `now`, whatever their powers?
pub fn is_guardian(state: &dyn StateReader, patient: &PatientId, guardian: Subject, now: Moment) -> bool {
    guarded(state, patient, guardian, now).is_some()
}

/// The guardianship of `patient` that lives at `now`.
pub fn guardianship(state: &dyn StateReader, patient: &PatientId, now: Moment) -> Option<Guardianship> {
    let held = match due(state, patient, now) {
        Some(change) => change.terms.map(Guardianship::from),
        None => Guardianships::get(state, patient),
    };
    held.filter(|guardianship| now < guardianship.terms.until)
}

/// The guardian's id and the live guardianship of `patient` they stand in, while either's state allows it.
pub(crate) fn guarded(
    state: &dyn StateReader,
    patient: &PatientId,
    guardian: Subject,
    now: Moment,
) -> Option<(PatientId, Guardianship)> {
    let Subject::Patient(guardian) = guardian else { return None };
    let guardianship = guardianship(state, patient, now)?;
    let stands = guardianship.terms.guardians.contains(&guardian)
        && may_stand_in(state, &guardian, now)
        && may_be_stood_in_for(state, patient, now);
    stands.then_some((guardian, guardianship))
}

/// May this patient stand in for another: confirmed, and neither frozen, recovering, dead nor closed?
pub(crate) fn may_stand_in(state: &dyn StateReader, guardian: &PatientId, now: Moment) -> bool {
    at(state, guardian, now).is_ok_and(|found| found.state == PatientState::Active && found.assurance > 0)
}

/// Is there somebody to stand in for? Not after a death was declared, nor for who is closed or has lapsed.
fn may_be_stood_in_for(state: &dyn StateReader, patient: &PatientId, now: Moment) -> bool {
    match at(state, patient, now).map(|found| found.state) {
        Ok(PatientState::Provisional { until }) => now < until,
        Ok(PatientState::Active | PatientState::Frozen { .. } | PatientState::Recovering { .. }) => true,
        Ok(PatientState::Deceased { .. } | PatientState::Closed) | Err(_) => false,
    }
}

/// The change of guardians that has taken effect at `now` and was not moved yet. None takes effect while the patient
/// is frozen, recovering, declared dead or closed: [`settle`] was called when that began.
fn due(state: &dyn StateReader, patient: &PatientId, now: Moment) -> Option<PendingGuardians> {
    let change = PendingChanges::get(state, patient).filter(|change| change.from <= now)?;
    let state = at(state, patient, now).ok()?.state;
    matches!(state, PatientState::Active | PatientState::Provisional { .. }).then_some(change)
}

/// The change of guardians that has not taken effect at `now`.
pub fn waiting(state: &dyn StateReader, patient: &PatientId, now: Moment) -> Option<PendingGuardians> {
    if due(state, patient, now).is_some() { None } else { PendingChanges::get(state, patient) }
}

/// Move a change of guardians that has taken effect to where guardians stand. Called before anything that stops
/// changes from taking effect, and before guardians are written.
pub(crate) fn settle(state: &mut Overlay<'_>, patient: &PatientId, now: Moment) {
    if let Some(change) = due(state, patient, now) {
        PendingChanges::remove(state, patient);
        replace(state, patient, change.terms.map(Guardianship::from));
    }
}

/// These guardians from now on, or none. What the old ones had approved is void.
pub(crate) fn replace(state: &mut Overlay<'_>, patient: &PatientId, guardianship: Option<Guardianship>) {
    match guardianship {
        Some(guardianship) => Guardianships::insert(state, patient, &guardianship),
        None => Guardianships::remove(state, patient),
    }
    RecoveryApprovals::remove(state, patient);
    Thaws::remove(state, patient);
}

/// Tell the registry until when dropping a key of the patient takes 72 hours.
pub(crate) fn guard_keys(state: &mut Overlay<'_>, patient: &PatientId) {
    let until = match PendingChanges::get(state, patient) {
        Some(PendingGuardians { terms: Some(terms), .. }) => Some(terms.until),
        Some(PendingGuardians { terms: None, from }) => Some(from),
        None => Guardianships::get(state, patient).map(|held| held.terms.until),
    };
    registry::guard_keys(state, Subject::Patient(*patient), until);
}
