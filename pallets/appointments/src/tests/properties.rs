//! Any history against a small model: a list of hours, where each stands, and nothing else.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Publish { from: u64, length: u64, at_clinic: bool },
    Book { slot: usize, key: u8 },
    Set { slot: usize, change: u8 },
    GiveBack { slot: usize },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..400u64, 0..90u64, any::<bool>())
            .prop_map(|(from, length, at_clinic)| Step::Publish { from, length, at_clinic }),
        5 => (0..12usize, 0..10u8).prop_map(|(slot, key)| Step::Book { slot, key }),
        8 => (0..12usize, 0..6u8).prop_map(|(slot, change)| Step::Set { slot, change }),
        2 => (0..12usize).prop_map(|slot| Step::GiveBack { slot }),
        3 => (0..120u64).prop_map(Step::Wait),
    ]
}

/// What the model knows of a slot.
#[derive(Clone, Debug)]
struct Known {
    hours: Window,
    at_clinic: bool,
    status: Status,
    key: Option<u8>,
}

/// Where a slot goes, by the page that says so.
fn expected(known: &Known, change: Change, now: Moment) -> Result<Status, Error> {
    let (begun, over) = (known.hours.from <= now, known.hours.until <= now);
    let timely = |to, yes| if yes { Ok(to) } else { Err(Error::NotNow) };
    match (known.status, change) {
        (Status::Held, Change::Confirm) => timely(Status::Confirmed, !begun),
        (Status::Held, Change::Decline) => Ok(Status::Declined),
        (Status::Confirmed, Change::CheckIn) => {
            timely(Status::CheckedIn, known.hours.from.since(now) <= CHECK_IN_EARLY && !over)
        }
        (Status::CheckedIn, Change::Complete) => timely(Status::Completed, begun),
        (Status::Confirmed, Change::NoShow) => timely(Status::NoShow, over),
        (Status::Free | Status::Held | Status::Confirmed, Change::Cancel) => timely(Status::Cancelled, !begun),
        (Status::Held | Status::Confirmed, Change::GiveBack { .. }) => timely(Status::Cancelled, !begun),
        _ => Err(Error::BadState),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_calendar_does_what_the_model_does(steps in prop::collection::vec(step(), 1..50)) {
        let mut chain = chain();
        let mut model: Vec<Known> = Vec::new();
        let mut used: Vec<u8> = Vec::new();
        let wrapped = |result: Result<(), Error>| result.map_err(RuntimeError::Appointments);
        for step in steps {
            let now = chain.now();
            match step {
                Step::Publish { from, length, at_clinic } => {
                    let hours = Window { from: now.plus(from * MINUTE), until: now.plus((from + length) * MINUTE) };
                    let meets = |known: &Known| known.status != Status::Cancelled
                        && known.status != Status::Declined
                        && hours.from < known.hours.until
                        && known.hours.from < hours.until;
                    let outcome = if length == 0 {
                        Err(Error::BadWindow)
                    } else if model.iter().any(meets) {
                        Err(Error::Overlap)
                    } else {
                        // Its name means this slot from now on.
                        model.retain(|known| known.hours.from != hours.from);
                        model.push(Known { hours, at_clinic, status: Status::Free, key: None });
                        Ok(())
                    };
                    let place = if at_clinic { CLINIC } else { HOSPITAL };
                    prop_assert_eq!(chain.call(doctors(), publish(place, &[hours])), wrapped(outcome));
                }
                Step::Book { slot, key } => {
                    let Some(known) = model.get_mut(slot) else { continue };
                    let call = booking(&chain, known.hours, key);
                    let outcome = if super::slot(chain.state(), at(known.hours)).is_none() {
                        // Given up, and its place on the page used by another since.
                        prop_assert!(!known.status.takes_hours());
                        Err(Error::NoSuchSlot)
                    } else if known.at_clinic {
                        Err(Error::NotAuthorised)
                    } else if known.status != Status::Free {
                        Err(Error::Taken)
                    } else if known.hours.from <= now {
                        Err(Error::NotNow)
                    } else if BookingKeys::contains(chain.state(), &once(key).public()) {
                        prop_assert!(used.contains(&key));
                        Err(Error::KeyTaken)
                    } else {
                        known.status = Status::Held;
                        known.key = Some(key);
                        used.push(key);
                        Ok(())
                    };
                    prop_assert_eq!(chain.call(registrar(), call), wrapped(outcome));
                }
                Step::Set { slot, change } => {
                    let Some(known) = model.get_mut(slot) else { continue };
                    let change = [Change::Confirm, Change::Decline, Change::CheckIn, Change::Complete, Change::NoShow,
                        Change::Cancel][usize::from(change)];
                    if super::slot(chain.state(), at(known.hours)).is_none() {
                        prop_assert!(!known.status.takes_hours());
                        continue;
                    }
                    let outcome = expected(known, change, now);
                    known.status = outcome.unwrap_or(known.status);
                    prop_assert_eq!(chain.call(doctors(), set(known.hours, change)), wrapped(outcome.map(|_| ())));
                }
                Step::GiveBack { slot } => {
                    let Some(known) = model.get_mut(slot) else { continue };
                    let Some(key) = known.key.filter(|_| super::slot(chain.state(), at(known.hours)).is_some()) else {
                        continue;
                    };
                    let call = giving_back(&chain, known.hours, key);
                    let Call::Set { to, .. } = call else { unreachable!("giving back is setting") };
                    let outcome = expected(known, to, now);
                    known.status = outcome.unwrap_or(known.status);
                    prop_assert_eq!(chain.call(registrar(), call), wrapped(outcome.map(|_| ())));
                }
                Step::Wait(minutes) => { chain.advance(minutes * MINUTE); }
            }
            for known in model.iter().filter(|known| known.status.takes_hours()) {
                prop_assert_eq!(status(&chain, known.hours), known.status);
                let kept = |key: u8| BookingKeys::contains(chain.state(), &once(key).public());
                prop_assert!(known.key.is_none_or(kept), "a key that booked books nothing else");
            }
            let taken: Vec<Window> =
                model.iter().filter(|known| known.status.takes_hours()).map(|known| known.hours).collect();
            for (place, one) in taken.iter().enumerate() {
                prop_assert!(taken[..place].iter().all(|other| !crate::calendar::overlap(one, other)));
            }
        }
    }
}
