//! Offering hours.

use super::*;

#[test]
fn a_practitioner_and_a_registrar_offer_hours() {
    let mut chain = chain();
    let (morning, noon) = (minutes(60, 75), minutes(75, 90));
    chain.ok(doctors(), publish(HOSPITAL, &[morning])).emitted(Event::Published {
        practitioner: DOCTOR,
        organisation: HOSPITAL,
        hours: Hours::try_from(vec![morning]).unwrap(),
    });
    chain.ok(registrar(), publish(HOSPITAL, &[noon]));
    let expected = Slot { organisation: HOSPITAL, hours: noon, status: Status::Free, booking: None };
    assert_eq!(slot(chain.state(), at(noon)), Some(expected));
    assert_eq!(slot(chain.state(), SlotRef { practitioner: SURGEON, from: noon.from }), None);
}

#[test]
fn whoever_else_calls_is_refused_by_name() {
    let mut chain = chain();
    let hours = [minutes(60, 75)];
    chain.refused(key(99).public(), publish(HOSPITAL, &hours), Error::NotRegistered);
    for caller in [clerk(), gateway(), clinic_registrar(), surgeons()] {
        chain.refused(caller, publish(HOSPITAL, &hours), Error::NotAuthorised);
    }
    let session = session(&mut chain, DOCTOR);
    chain.refused(session, publish(HOSPITAL, &hours), Error::NotAuthorised);
}

#[test]
fn the_practitioner_acts_for_the_organisation_at_that_moment() {
    let mut chain = chain();
    let hours = Hours::try_from(vec![minutes(60, 75)]).unwrap();
    let foreign = Call::Publish { practitioner: SURGEON, organisation: HOSPITAL, hours };
    chain.refused(registrar(), foreign.clone(), Error::NotActive(Standing::NotAffiliated));
    chain.refused(surgeons(), foreign, Error::NotActive(Standing::NotAffiliated));
    set_status(&mut chain, HOSPITAL, OrganisationStatus::Suspended);
    let suspended = Error::NotActive(Standing::OrganisationSuspended);
    chain.refused(doctors(), publish(HOSPITAL, &[minutes(60, 75)]), suspended);
    chain.refused(registrar(), publish(HOSPITAL, &[minutes(60, 75)]), suspended);
    chain.ok(doctors(), publish(CLINIC, &[minutes(60, 75)]));
}

#[test]
fn a_window_that_is_reversed_empty_too_long_past_or_too_far_is_refused() {
    let mut chain = chain();
    chain.refused(doctors(), publish(HOSPITAL, &[]), Error::NoHours);
    let now = chain.now();
    let window = |from, until| Window { from, until };
    let far = now.plus(AHEAD_MAX);
    for bad in [
        window(now.plus(2), now.plus(1)),
        window(now.plus(1), now.plus(1)),
        window(now.plus(1), now.plus(2 + LENGTH_MAX)),
        window(Moment(now.0 - 1), now.plus(HOUR)),
        window(far.plus(1), far.plus(HOUR)),
        window(now.plus(1), Moment(u64::MAX)),
        window(Moment(u64::MAX - 1), Moment(u64::MAX)),
        window(Moment(u64::MAX), Moment(0)),
        window(Moment(0), Moment(u64::MAX)),
    ] {
        chain.refused(doctors(), publish(HOSPITAL, &[minutes(600, 615), bad]), Error::BadWindow);
    }
    let longest = window(far, far.plus(LENGTH_MAX));
    chain.ok(doctors(), publish(HOSPITAL, &[window(now, now.plus(1)), longest]));
}

#[test]
fn hours_of_one_practitioner_never_overlap_wherever_they_are() {
    let mut chain = chain();
    chain.ok(doctors(), publish(HOSPITAL, &[minutes(60, 90)]));
    for (from, until) in [(60, 90), (59, 61), (89, 91), (70, 80), (50, 100), (60, 61)] {
        let hours = [minutes(from, until)];
        chain.refused(doctors(), publish(HOSPITAL, &hours), Error::Overlap);
        chain.refused(doctors(), publish(CLINIC, &hours), Error::Overlap);
    }
    chain.refused(doctors(), publish(CLINIC, &[minutes(200, 230), minutes(229, 240)]), Error::Overlap);
    chain.ok(doctors(), publish(CLINIC, &[minutes(30, 60), minutes(90, 120)]));
    let hours = Hours::try_from(vec![minutes(60, 90)]).unwrap();
    chain.ok(surgeons(), Call::Publish { practitioner: SURGEON, organisation: CLINIC, hours });
}

#[test]
fn hours_that_pass_midnight_overlap_with_those_of_both_days() {
    let mut chain = chain();
    let midnight = Moment((u64::from(chain.now().day()) + 3) * DAY);
    let around = |before: u64, after: u64| Window {
        from: Moment(midnight.0 - before * MINUTE),
        until: midnight.plus(after * MINUTE),
    };
    chain.ok(doctors(), publish(HOSPITAL, &[around(600, 60)]));
    let next_day = Window { from: midnight.plus(59 * MINUTE), until: midnight.plus(70 * MINUTE) };
    let same_day = Window { from: Moment(midnight.0 - 610 * MINUTE), until: Moment(midnight.0 - 599 * MINUTE) };
    for hours in [next_day, same_day, around(5, 0), around(0, 5), around(700, 1)] {
        chain.refused(doctors(), publish(HOSPITAL, &[hours]), Error::Overlap);
    }
    let after = Window { from: midnight.plus(60 * MINUTE), until: midnight.plus(70 * MINUTE) };
    chain.ok(doctors(), publish(HOSPITAL, &[after]));
    // And one that begins the day before meets what the next day has.
    let mut chain = chain_with(after);
    chain.refused(doctors(), publish(HOSPITAL, &[around(10, 61)]), Error::Overlap);
    chain.ok(doctors(), publish(HOSPITAL, &[around(10, 60)]));
}

fn chain_with(hours: Window) -> Chain {
    let mut chain = chain();
    chain.ok(doctors(), publish(HOSPITAL, &[hours]));
    chain
}

#[test]
fn a_day_has_sixty_four_slots_and_what_was_cancelled_makes_room() {
    let mut chain = chain();
    let tomorrow = Moment((u64::from(chain.now().day()) + 1) * DAY);
    let nth = |n: u64| Window { from: tomorrow.plus(n * 5 * MINUTE), until: tomorrow.plus((n + 1) * 5 * MINUTE) };
    let all: Vec<Window> = (0..u64::from(SLOTS_MAX)).map(nth).collect();
    chain.ok(doctors(), publish(HOSPITAL, &all));
    chain.refused(doctors(), publish(HOSPITAL, &[nth(64)]), Error::TooMany);
    chain.refused(doctors(), publish(CLINIC, &[nth(64)]), Error::TooMany);
    chain.ok(doctors(), set(nth(7), Change::Cancel)).ok(doctors(), publish(CLINIC, &[nth(64)]));
    assert_eq!(slot(chain.state(), at(nth(7))), None, "its place was used");
    assert_eq!(slot(chain.state(), at(nth(64))).unwrap().organisation, CLINIC);
    chain.refused(doctors(), publish(HOSPITAL, &[nth(7)]), Error::TooMany);
}

#[test]
fn cancelled_hours_are_published_anew_under_the_same_name() {
    let (mut chain, hours) = held();
    chain.ok(doctors(), set(hours, Change::Cancel)).ok(doctors(), publish(CLINIC, &[hours]));
    let expected = Slot { organisation: CLINIC, hours, status: Status::Free, booking: None };
    assert_eq!(slot(chain.state(), at(hours)), Some(expected));
    assert!(!BookingKeys::contains(chain.state(), &once(1).public()), "the key of what was there is kept no longer");
}

#[test]
fn a_page_that_is_long_over_is_overwritten_and_state_grows_no_more() {
    let (mut chain, hours) = held();
    let before = chain.entries().len();
    let places = |chain: &Chain| {
        let prefixes = [Pages::prefix(), Slots::prefix(), BookingKeys::prefix()];
        chain.entries().keys().filter(|key| prefixes.iter().any(|prefix| key.starts_with(prefix))).count()
    };
    assert_eq!(places(&chain), 3);
    // The hours a whole calendar later, as soon as they may be published.
    let around = u64::from(CALENDAR_DAYS) * DAY;
    let later = Window { from: hours.from.plus(around), until: hours.until.plus(around) };
    until(&mut chain, Moment(later.from.0 - AHEAD_MAX));
    assert!(chain.now().since(hours.until) > 145 * DAY);
    assert_eq!(status(&chain, hours), Status::Held, "until then it stays as it was");
    chain.ok(doctors(), publish(HOSPITAL, &[later]));
    assert_eq!((slot(chain.state(), at(hours)), status(&chain, later)), (None, Status::Free));
    assert_eq!(places(&chain), 2, "page and slot were overwritten, the key went");
    assert!(chain.entries().len() < before);
    chain.refused(doctors(), set(hours, Change::Decline), Error::NoSuchSlot);
}
