//! Guardians of a patient, and the recovery of a patient's keys.

use salus_patients::{
    Call, Event, PatientState,
    guardians::{guardianship, waiting},
    storage::{Patients, Recoveries, RecoveryApprovals, Thaws},
    types::{
        APPROVAL_MAX, Approval, FrozenBy, GuardianChange, Guardianship, PendingGuardians, Recovery, RecoveryKeys,
        RecoveryNews, RecoveryStep,
    },
};
use salus_primitives::{AccountId, BoundedVec, Moment, PatientId, bounded::Full};
use salus_runtime::{RuntimeCall, RuntimeEvent};
use salus_support::StateReader;

use super::ActionError;
use crate::chain::{Chain, ChainError, Receipt};

/// The call that sets or ends a patient's guardians, or cancels such a change. The second officer agrees, where
/// officers set them.
pub fn change_call(patient: PatientId, change: GuardianChange) -> RuntimeCall {
    RuntimeCall::Patients(Call::GuardiansSet { patient, change, cosign: Default::default() })
}

/// When a change of guardians takes effect, of which `receipt` is the receipt.
///
/// # Errors
/// When it is the receipt of something else.
pub fn takes_effect(receipt: &Receipt) -> Result<Moment, ChainError> {
    receipt.find(|event| match event {
        RuntimeEvent::Patients(Event::GuardiansSet { from, .. }) => Some(*from),
        _ => None,
    })
}

/// The call that proposes, finishes or vetoes a recovery. The new keys agree where it is proposed, and the second
/// Registrar where Registrars do.
pub fn recover_call(patient: PatientId, step: RecoveryStep) -> RuntimeCall {
    RuntimeCall::Patients(Call::Recover { patient, step, cosign: Default::default() })
}

/// The keys of a recovery, in one order whatever order they are named in: guardians agree to the same list only.
///
/// # Errors
/// When there are more than two.
pub fn recovery_keys(mut keys: Vec<AccountId>) -> Result<RecoveryKeys, Full> {
    keys.sort_unstable();
    BoundedVec::try_from(keys)
}

/// What became of a recovery, of which `receipt` is the receipt.
///
/// # Errors
/// When it is the receipt of something else.
pub fn recovery_news(receipt: &Receipt) -> Result<RecoveryNews, ChainError> {
    receipt.find(|event| match event {
        RuntimeEvent::Patients(Event::Recovery { news, .. }) => Some(news.clone()),
        _ => None,
    })
}

/// Who stands in for a patient, and what of it waits or runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guarded {
    /// The guardians there are.
    pub guardianship: Option<Guardianship>,
    /// The change of guardians that waits.
    pub waiting: Option<PendingGuardians>,
    /// The recovery that runs, and when it lapses.
    pub recovery: Option<(Recovery, Moment)>,
    /// Guardians' approvals of a recovery that has not begun.
    pub approvals: Vec<Approval>,
    /// Guardians who would end the freeze that a guardian began.
    pub thawing: Vec<PatientId>,
}

/// Who stands in for a patient now, and what of it waits or runs.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn show(chain: &Chain, patient: PatientId) -> Result<Guarded, ActionError> {
    let found = chain.view_now(|state| {
        let now = Moment(salus_system::timestamp::Now::get(state));
        Some(read(state, &patient, Patients::get(state, &patient)?.state_at(now), now))
    });
    found.await?.ok_or_else(|| super::patients::unknown(patient))
}

/// As [`show`], of a patient who is in this state at `now`.
pub(super) fn read(state: &dyn StateReader, patient: &PatientId, entry: PatientState, now: Moment) -> Guarded {
    let recovery = match entry {
        PatientState::Recovering { until, .. } => Recoveries::get(state, patient).map(|found| (found, until)),
        _ => None,
    };
    let mut approvals = RecoveryApprovals::get(state, patient).to_vec();
    approvals.retain(|approval| now < approval.at.plus(APPROVAL_MAX));
    let thawing = match entry {
        PatientState::Frozen { until, by: FrozenBy::Guardian } => {
            Thaws::get(state, patient).filter(|thawing| thawing.freeze == until)
        }
        _ => None,
    };
    Guarded {
        guardianship: guardianship(state, patient, now),
        waiting: waiting(state, patient, now),
        recovery,
        approvals,
        thawing: thawing.map(|thawing| thawing.by.to_vec()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guardians_who_name_the_same_keys_in_another_order_propose_the_same_recovery() {
        let (one, other) = (AccountId([1; 32]), AccountId([2; 32]));
        assert_eq!(recovery_keys(vec![one, other]), recovery_keys(vec![other, one]));
        assert!(recovery_keys(vec![one, other, AccountId([3; 32])]).is_err());
    }
}
