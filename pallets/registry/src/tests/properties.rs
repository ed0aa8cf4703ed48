//! What holds after any sequence of calls.

use parity_scale_codec::{Decode, MaxEncodedLen};
use proptest::{prelude::*, test_runner::RngSeed};
use salus_primitives::{Moment, Subject, time::DAY};
use salus_support::StateReader;
use salus_system::{keys as system_keys, storage::Keys};

use super::*;
use crate::storage::*;

/// Seeds of all keys in a history.
const SEEDS: core::ops::Range<u8> = 1..40;

/// A step of a random history: which call, about whom. A fair step is made by someone who may, as far as there
/// is anyone; another by whoever holds the key `by`.
#[derive(Clone, Debug)]
struct Step {
    fair: bool,
    by: u8,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Officer { about: u8, roles: Option<u8> },
    Practitioner { id: u8, key: Option<u8>, status: PractitionerStatus, days: u64 },
    Affiliation { id: u8, clinic: bool, days: Option<u64> },
    Keys { id: u8, add: Option<(u8, bool)>, drop: Vec<u8> },
    Status { clinic: bool, status: OrganisationStatus },
    Wait { days: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    use prop::{collection::vec, option::weighted, sample::select};
    let standing = select(vec![
        PractitionerStatus::Active,
        PractitionerStatus::Active,
        PractitionerStatus::Active,
        PractitionerStatus::Suspended,
        PractitionerStatus::Struck,
    ]);
    let status = select(vec![OrganisationStatus::Active, OrganisationStatus::Active, OrganisationStatus::Suspended]);
    let what = prop_oneof![
        3 => (SEEDS, weighted(0.7, 0u8..34)).prop_map(|(about, roles)| What::Officer { about, roles }),
        4 => (0u8..3, weighted(0.5, SEEDS), standing, 0u64..1_900)
            .prop_map(|(id, key, status, days)| What::Practitioner { id, key, status, days }),
        4 => (0u8..3, any::<bool>(), weighted(0.8, 0u64..1_900))
            .prop_map(|(id, clinic, days)| What::Affiliation { id, clinic, days }),
        4 => (0u8..3, weighted(0.7, (SEEDS, any::<bool>())), vec(SEEDS, 0..2))
            .prop_map(|(id, add, drop)| What::Keys { id, add, drop }),
        1 => (any::<bool>(), status).prop_map(|(clinic, status)| What::Status { clinic, status }),
        1 => (0u64..100).prop_map(|days| What::Wait { days }),
    ];
    (prop::bool::weighted(0.85), SEEDS, what).prop_map(|(fair, by, what)| Step { fair, by, what })
}

/// The seed of a key that speaks for `subject` with `role`.
fn who(chain: &Chain, subject: Subject, role: Roles) -> Option<u8> {
    let keys = system_keys::lasting(chain.state(), subject, chain.now());
    let has = |key: &AccountId| {
        system_keys::speaker(chain.state(), *key, chain.now()).is_some_and(|caller| caller.roles.contains(role))
    };
    let key = keys.into_iter().find(has)?;
    SEEDS.into_iter().find(|seed| account(*seed) == key)
}

/// Take a step; whether its call was accepted.
fn take(chain: &mut Chain, Step { fair, by, what }: Step) -> bool {
    let now = chain.now();
    let place = |clinic| if clinic { CLINIC } else { LABORATORY };
    let officer = |chain: &Chain, clinic, role| {
        who(chain, Subject::Organisation(place(clinic)), role).filter(|_| fair).unwrap_or(by)
    };
    let person = |chain: &Chain, id| {
        let subject = Subject::Practitioner(PractitionerId([id; 16]));
        who(chain, subject, Roles::NONE).filter(|_| fair).unwrap_or(by)
    };
    let cosign = CoSigns::new();
    let (by, call, signers): (u8, Call, Vec<u8>) = match what {
        What::Officer { about, roles } => {
            let new = salus_system::storage::Account::get(chain.state(), &account(about)).data.subject.is_none();
            let call = Call::OfficerSet { account: account(about), roles: roles.map(Roles), cosign };
            (officer(chain, true, Roles::ADMIN), call, if new { vec![about] } else { vec![] })
        }
        What::Practitioner { id, key, status, days } => {
            let call = Call::PractitionerSet {
                id: PractitionerId([id; 16]),
                account: key.map(account),
                licence: Hash([id; 32]),
                licence_until: now.plus(days * DAY),
                speciality: 1,
                status,
                cosign,
            };
            (officer(chain, true, Roles::REGISTRAR), call, key.into_iter().collect())
        }
        What::Affiliation { id, clinic, days } => {
            let terms = days.map(|days| Terms { roles: RoleCodes::new(), until: now.plus(days * DAY) });
            let signers = if terms.is_some() { vec![person(chain, id)] } else { vec![] };
            let practitioner = PractitionerId([id; 16]);
            let call = Call::AffiliationSet { practitioner, organisation: place(clinic), terms, cosign };
            (officer(chain, clinic, Roles::REGISTRAR), call, signers)
        }
        What::Keys { id, add, drop } => {
            let new: Vec<NewKey> = add
                .iter()
                .map(|(seed, session)| NewKey { account: account(*seed), until: session.then(|| now.plus(1_000)) })
                .collect();
            let drop = BoundedVec::try_from(drop.into_iter().map(account).collect::<Vec<_>>()).unwrap();
            let call =
                Call::KeysSet { add: BoundedVec::try_from(new).unwrap(), drop, kem: Some(kem_key(id + 1)), cosign };
            (person(chain, id), call, add.into_iter().map(|(seed, _)| seed).collect())
        }
        What::Status { clinic, status } => {
            set_status(chain, place(clinic), status);
            return false;
        }
        What::Wait { days } => {
            chain.advance(days * DAY);
            return false;
        }
    };
    let signers: Vec<u8> = signers.into_iter().filter(|signer| *signer != by).collect();
    let call = cosigned(chain, by, &call, &signers);
    let before = chain.entries().clone();
    let accepted = chain.call(account(by), call).is_ok();
    assert!(accepted || *chain.entries() == before, "a refused call changes nothing");
    accepted
}

fn values<V: Decode + MaxEncodedLen>(chain: &Chain, prefix: [u8; 32]) -> Vec<V> {
    let entries = chain.entries().iter().filter(|(key, _)| key.starts_with(&prefix));
    entries
        .map(|(_, bytes)| {
            assert!(bytes.len() <= V::max_encoded_len(), "every value is bounded");
            V::decode(&mut &bytes[..]).unwrap()
        })
        .collect()
}

fn holds(chain: &Chain) {
    for id in [CLINIC, LABORATORY] {
        assert!(system_keys::admins(chain.state(), Subject::Organisation(id)) >= 1, "never without an Admin");
    }
    values::<Organisation>(chain, Organisations::prefix());
    values::<KemKey>(chain, KemKeys::prefix());
    let mut places = 0;
    for seed in 0..3 {
        let practitioner = PractitionerId([seed; 16]);
        for place in &Places::get(chain.state(), &practitioner) {
            assert!(Affiliations::contains(chain.state(), &(practitioner, *place)));
            places += 1;
        }
        let subject = Subject::Practitioner(practitioner);
        let known = Practitioners::get(chain.state(), &practitioner).is_some();
        let keys = Keys::get(chain.state(), &subject).keys;
        assert_eq!(
            known,
            !system_keys::lasting(chain.state(), subject, chain.now()).is_empty(),
            "whoever is known has a key"
        );
        assert!(keys.len() <= 6 && !keys.has_duplicates());
    }
    assert_eq!(values::<Affiliation>(chain, Affiliations::prefix()).len(), places, "no affiliation without its place");
    for practitioner in values::<Practitioner>(chain, Practitioners::prefix()) {
        assert_eq!(practitioner.licensing, CLINIC, "only the clinic licenses");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16, rng_seed: RngSeed::Fixed(5), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_history_leaves_admins_places_and_keys_in_order(steps in prop::collection::vec(step(), 40..80)) {
        let mut chain = chain();
        let mut accepted = 0;
        for step in steps {
            if take(&mut chain, step) {
                accepted += 1;
                holds(&chain);
            }
        }
        prop_assert!(accepted > 1, "a history in which something happens");
    }

    #[test]
    fn nobody_acts_for_a_suspended_organisation_whatever_they_are(seed in 1u8..6, role in 0u8..5, days in 0u64..3_000) {
        let mut chain = chain_with_doctor();
        crate::testing::affiliate(&mut chain, DOCTOR, CLINIC);
        set_status(&mut chain, CLINIC, OrganisationStatus::Suspended);
        let now = Moment(chain.now().0 + days * DAY);
        let state: &dyn StateReader = chain.state();
        prop_assert_ne!(crate::officer_key(state, account(seed), Roles(1 << role), now), Ok(CLINIC));
        prop_assert_eq!(
            crate::practitioner_acts(state, DOCTOR, CLINIC, now),
            Err(Standing::OrganisationSuspended)
        );
    }
}
