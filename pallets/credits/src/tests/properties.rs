//! I10: credits are conserved, and no day and no quota goes over its limit, whatever happens.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Share { earner: usize, user: usize, patient: usize, records: u32 },
    Redeem { organisation: usize, credits: u64 },
    Suspend(usize),
    Resume(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..2usize, 0..2usize, 0..4usize, 0..12u32)
            .prop_map(|(earner, user, patient, records)| Step::Share { earner, user, patient, records }),
        4 => (0..2usize, 0..14u64).prop_map(|(organisation, credits)| Step::Redeem { organisation, credits }),
        1 => (0..2usize).prop_map(Step::Suspend),
        2 => (0..2usize).prop_map(Step::Resume),
        2 => (0..DAY).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn credits_are_conserved_and_limits_hold_along_any_history(steps in prop::collection::vec(step(), 1..40)) {
        let mut chain = chain();
        let base = 100_000;
        chain.prepare(|state| {
            ChainParameters::put(state, &Parameters { organisation_weight: base, ..Parameters::default() });
        });
        let organisations = [HOSPITAL, CLINIC];
        let people = [patient(&mut chain, 1), patient(&mut chain, 2), registered(&mut chain, registrar(), 3, false).id,
            registered(&mut chain, registrar(), 4, true).id];
        // The model: balances, what each earned by each patient on each day, what each redeemed on each day.
        let mut balances = [0u64; 2];
        let mut active = [true; 2];
        let mut earned: BTreeMap<(usize, usize, u32), u32> = BTreeMap::new();
        let mut redeemed: BTreeMap<(usize, u32), u64> = BTreeMap::new();
        for step in steps {
            let day = chain.now().day();
            match step {
                Step::Share { earner, user, patient, records } => {
                    let counts = earner != user && active == [true; 2] && patient < 2;
                    let today = earned.entry((earner, patient, day)).or_default();
                    let expected = if counts { records.min(PER_PATIENT_DAY - *today) } else { 0 };
                    *today += expected;
                    balances[earner] += u64::from(expected);
                    let got = share(&mut chain, organisations[earner], organisations[user], people[patient], records);
                    prop_assert_eq!(got, u64::from(expected));
                }
                Step::Redeem { organisation, credits } => {
                    let today = redeemed.entry((organisation, day)).or_default();
                    let expected = if !active[organisation] {
                        Err(Error::NotActive(Standing::OrganisationSuspended))
                    } else if credits == 0 {
                        Err(Error::NoCredits)
                    } else if credits > balances[organisation] {
                        Err(Error::Insufficient)
                    } else if (*today + credits) * CREDIT_WEIGHT > base {
                        Err(Error::TooMany)
                    } else {
                        *today += credits;
                        balances[organisation] -= credits;
                        Ok(())
                    };
                    let admin = key([101, 102][organisation]).public();
                    prop_assert_eq!(chain.call(admin, redeem(credits)), expected.map_err(RuntimeError::Credits));
                }
                Step::Suspend(who) => {
                    active[who] = false;
                    set_status(&mut chain, organisations[who], OrganisationStatus::Suspended);
                }
                Step::Resume(who) => {
                    active[who] = true;
                    set_status(&mut chain, organisations[who], OrganisationStatus::Active);
                }
                Step::Wait(ms) => { chain.advance(ms); }
            }
            let (now, totals) = (chain.now(), AllTime::get(chain.state()));
            prop_assert_eq!(totals.earned - totals.redeemed, balances.iter().sum::<u64>());
            for (organisation, expected) in organisations.into_iter().zip(balances) {
                prop_assert_eq!(balance(chain.state(), organisation), expected);
                let quota = usage::quota(chain.state(), &Subject::Organisation(organisation), now).unwrap();
                prop_assert!((base..=2 * base).contains(&quota));
            }
        }
    }
}
