//! Credits for weight.

use super::*;

const ORGANISATION: Subject = Subject::Organisation(HOSPITAL);

/// Give the hospital credits as if it had earned them.
fn endow(chain: &mut Chain, credits: u64) {
    chain.prepare(|state| {
        Balances::insert(state, &HOSPITAL, &credits);
        AllTime::put(state, &Totals { earned: credits, redeemed: 0 });
    });
}

fn quota(chain: &Chain, now: Moment) -> u64 {
    usage::quota(chain.state(), &ORGANISATION, now).unwrap()
}

#[test]
fn an_admin_redeems_credits_for_weight_of_this_day() {
    let mut chain = chain();
    endow(&mut chain, 10);
    let (now, base) = (chain.now(), Parameters::default().organisation_weight);
    let raised = base + 4 * CREDIT_WEIGHT;
    chain.ok(admin(), redeem(4)).emitted(Event::Redeemed {
        organisation: HOSPITAL,
        credits: 4,
        day: now.day(),
        quota: raised,
    });
    assert_eq!((balance(chain.state(), HOSPITAL), quota(&chain, now)), (6, raised));
    assert_eq!(quota(&chain, now.plus(DAY)), base, "what is left of it is lost at midnight");
    chain.ok(admin(), redeem(6));
    assert_eq!(quota(&chain, now), base + 10 * CREDIT_WEIGHT);
    assert!(!chain.entries().contains_key(&Balances::key(&HOSPITAL)), "an empty balance takes no room");
    assert_eq!(AllTime::get(chain.state()), Totals { earned: 10, redeemed: 10 });
}

#[test]
fn redeeming_is_refused_by_name() {
    let mut chain = chain();
    endow(&mut chain, 10);
    chain.refused(key(9).public(), redeem(1), Error::NotRegistered);
    chain.refused(registrar(), redeem(1), Error::NotAuthorised);
    chain.refused(key(3).public(), redeem(1), Error::NotAuthorised);
    chain.refused(key(102).public(), redeem(1), Error::Insufficient);
    chain.refused(admin(), redeem(0), Error::NoCredits);
    chain.refused(admin(), redeem(11), Error::Insufficient);
    chain.refused(admin(), redeem(u64::MAX), Error::Insufficient);
    set_status(&mut chain, HOSPITAL, OrganisationStatus::Suspended);
    chain.refused(admin(), redeem(1), Error::NotActive(Standing::OrganisationSuspended));
}

#[test]
fn a_quota_is_at_most_doubled_and_what_was_refused_is_kept() {
    let mut chain = chain();
    let most = Parameters::default().organisation_weight / CREDIT_WEIGHT;
    endow(&mut chain, most + 5);
    chain.refused(admin(), redeem(most + 1), Error::TooMany);
    chain.ok(admin(), redeem(most)).refused(admin(), redeem(1), Error::TooMany);
    assert_eq!(quota(&chain, chain.now()), 2 * Parameters::default().organisation_weight);
    assert_eq!(balance(chain.state(), HOSPITAL), 5);
    chain.advance(DAY).ok(admin(), redeem(5));
}

#[test]
fn a_balance_beyond_all_weight_is_refused_and_does_not_overflow() {
    let mut chain = chain();
    endow(&mut chain, u64::MAX);
    chain.refused(admin(), redeem(u64::MAX), Error::TooMany);
}

#[test]
fn a_smaller_parameter_holds_at_once() {
    let mut chain = chain();
    endow(&mut chain, 50);
    chain.prepare(|state| {
        ChainParameters::put(state, &Parameters { organisation_weight: 100_000, ..Parameters::default() });
    });
    chain.refused(admin(), redeem(11), Error::TooMany);
    chain.ok(admin(), redeem(10));
    assert_eq!(quota(&chain, chain.now()), 200_000);
}
