//! What holds whatever happens.

use parity_scale_codec::MaxEncodedLen;
use proptest::prelude::*;
use salus_primitives::{Moment, time::DAY};
use salus_system::{Parameters, storage::ChainParameters};

use super::*;
use crate::{
    storage::{Invitations, Rings, Slots},
    testing::invitation,
    types::{
        Approvals, FREEZE_EVERY, Guardianship, INVITATION_MAX, Invitation, PendingGuardians, Recovery, Ring, Slot,
        Thawing,
    },
};

/// One thing that happens to a chain of invitations.
#[derive(Clone, Debug)]
enum Step {
    Invite,
    Wait(u64),
    Limit(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Invite),
        3 => (0..12 * DAY).prop_map(Step::Wait),
        1 => (1u32..6).prop_map(Step::Limit),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Freeze),
        Just(Change::Thaw),
        Just(Change::Close),
        Just(Change::Deceased),
        Just(Change::Living),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_thirty_days_hold_more_invitations_than_allowed_and_state_keeps_no_more_than_the_largest_limit(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut chain = chain();
        let (mut limit, mut largest, mut number) = (3, 3, 0);
        chain.prepare(|state| {
            ChainParameters::put(state, &Parameters { invitations_max: limit, ..Parameters::default() });
        });
        let mut made: Vec<Moment> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(ms) => { chain.advance(ms); }
                Step::Limit(new) => {
                    (limit, largest) = (new, largest.max(new));
                    chain.prepare(|state| {
                        ChainParameters::put(state, &Parameters { invitations_max: new, ..Parameters::default() });
                    });
                }
                Step::Invite => {
                    let now = chain.now();
                    let recent = made.iter().filter(|at| now < at.plus(INVITATION_MAX)).count();
                    let (key, until) = (invitation(number).public(), now.plus(DAY));
                    let call = Call::Invite { key, until, provisional: false };
                    number += 1;
                    let outcome = chain.call(account(registrar()), call);
                    if recent < limit as usize {
                        prop_assert_eq!(outcome, Ok(()));
                        made.push(now);
                    } else {
                        prop_assert_eq!(outcome, Err(RuntimeError::Patients(Error::RateLimited)));
                    }
                }
            }
            let count = |prefix: [u8; 32]| chain.entries().keys().filter(|key| key.starts_with(&prefix)).count();
            let Ring { first, next } = Rings::get(chain.state(), &HOSPITAL);
            prop_assert_eq!(count(Slots::prefix()), (next - first) as usize);
            prop_assert_eq!(count(Invitations::prefix()), (next - first) as usize);
            prop_assert!(next - first <= largest);
        }
    }

    #[test]
    fn whatever_is_asked_closed_is_final_and_freezes_keep_their_distance(
        asked in prop::collection::vec((change(), any::<bool>(), 0..20 * DAY), 1..40),
    ) {
        let mut chain = chain();
        let person = confirmed(&mut chain, account(registrar()), 1);
        let mut freezes: Vec<Moment> = Vec::new();
        for (to, by_registrars, wait) in asked {
            chain.advance(wait);
            let before = state_of(&chain, &person);
            let call = Call::StatusSet { patient: person.id, to, cosign: CoSigns::new() };
            let outcome = if by_registrars {
                let cosign = chain.cosigns(account(registrar()), call, &[&clinic_registrar()]);
                chain.call(account(registrar()), Call::StatusSet { patient: person.id, to, cosign })
            } else {
                chain.call(person.account(), call)
            };
            let after = state_of(&chain, &person);
            if outcome.is_err() || before == PatientState::Closed {
                prop_assert_eq!(after, before);
            }
            if outcome.is_ok() && to == Change::Freeze {
                prop_assert!(freezes.last().is_none_or(|last| last.plus(FREEZE_EVERY) <= chain.now()));
                freezes.push(chain.now());
            }
            let locked = salus_registry::keys_locked(chain.state(), Subject::Patient(person.id), chain.now());
            prop_assert_eq!(locked, after != PatientState::Active, "keys are locked exactly when nothing may change");
        }
    }
}

#[test]
fn every_state_value_has_a_bound() {
    let bounds = [
        Patient::max_encoded_len(),
        PatientState::max_encoded_len(),
        Invitation::max_encoded_len(),
        Ring::max_encoded_len(),
        Slot::max_encoded_len(),
    ];
    assert!(bounds.into_iter().all(|bytes| bytes <= 96), "{bounds:?}");
    let bounds = [
        Guardianship::max_encoded_len(),
        PendingGuardians::max_encoded_len(),
        Thawing::max_encoded_len(),
        Recovery::max_encoded_len(),
    ];
    assert!(bounds.into_iter().all(|bytes| bytes <= 256), "{bounds:?}");
    assert!(Approvals::max_encoded_len() <= 1024, "{}", Approvals::max_encoded_len());
}
