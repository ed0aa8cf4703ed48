//! What each act does when its motion passed, and when it runs.

use salus_primitives::{AccountId, Height, Moment, Subject, subject::Roles};
use salus_registry::{
    storage::Organisations,
    types::{Caps, OrganisationStatus},
};
use salus_support::{Overlay, PalletEvent, StateReader, context::Deposited, ensure};
use salus_system::{keys, storage::ChainParameters};
use salus_validators::types::{Added, Authorities};

use crate::{
    Event, members,
    storage::{Due, Motions, Scheduled, Threshold},
    types::{Act, ActError, Members, Motion, SLOTS, Stage, Upgrade},
};

/// Run what is due. The executive calls this at the start of each block, before any extrinsic. A block in
/// which nothing is due costs one read.
pub fn on_initialise(state: &mut Overlay<'_>, now: Moment, height: Height, events: &mut Vec<Deposited>) {
    if Due::get(state).is_none_or(|due| now < due) {
        return;
    }
    let mut due: Vec<Motion> = (0..SLOTS)
        .filter_map(|slot| Motions::get(state, &slot))
        .filter(|motion| motion.due().is_some_and(|due| due <= now))
        .collect();
    due.sort_unstable_by_key(|motion| motion.number);
    for motion in due {
        events.extend(run(state, (now, height), motion).into_iter().map(Happened::deposit));
    }
    refresh_due(state);
}

/// An event of an act, of whichever pallet.
pub(crate) enum Happened {
    /// The council's own.
    Council(Event),
    /// The registry's.
    Registry(salus_registry::Event),
    /// The validators'.
    Validators(salus_validators::Event),
}

impl Happened {
    fn deposit(self) -> Deposited {
        match self {
            Self::Council(event) => deposited(&event),
            Self::Registry(event) => deposited(&event),
            Self::Validators(event) => deposited(&event),
        }
    }
}

fn deposited<E: PalletEvent>(event: &E) -> Deposited {
    Deposited { pallet: E::PALLET, bytes: event.encode() }
}

/// The time and the height of a block.
pub(crate) type When = (Moment, Height);

/// Run a motion that passed, once: whether it succeeds or fails, its act is not tried again.
pub(crate) fn run(state: &mut Overlay<'_>, when: When, mut motion: Motion) -> Vec<Happened> {
    let number = motion.number;
    let mut happened = Vec::new();
    state.begin();
    match perform(state, when, &motion.act) {
        Ok(event) => {
            state.commit();
            motion.stage = Stage::Executed;
            happened.extend(event);
            happened.push(Happened::Council(Event::Executed { motion: number }));
        }
        Err(reason) => {
            state.rollback();
            motion.stage = Stage::Failed(reason);
            happened.push(Happened::Council(Event::Failed { motion: number, reason }));
        }
    }
    Motions::insert(state, &slot(number), &motion);
    happened
}

/// Would this act run at `when`, on the state as it is? Leaves no trace.
pub(crate) fn try_out(state: &mut Overlay<'_>, when: When, act: &Act) -> Result<(), ActError> {
    state.begin();
    let outcome = perform(state, when, act).map(|_| ());
    state.rollback();
    outcome
}

/// The slot of the motion of this number.
pub(crate) const fn slot(number: u32) -> u32 {
    number % SLOTS
}

/// Make `Due` the first moment at which a waiting motion is due.
pub(crate) fn refresh_due(state: &mut Overlay<'_>) {
    let first = (0..SLOTS).filter_map(|slot| Motions::get(state, &slot)?.due()).min();
    match first {
        Some(due) => Due::put(state, &due),
        None => Due::remove(state),
    }
}

fn perform(state: &mut Overlay<'_>, when: When, act: &Act) -> Result<Option<Happened>, ActError> {
    let (now, height) = when;
    match act {
        Act::OrganisationSet { id, status, display_name, caps, admin } => {
            let event =
                salus_registry::organisation_set(state, now, *id, *status, display_name.clone(), *caps, *admin)?;
            Ok(Some(Happened::Registry(event)))
        }
        Act::CouncilSet { members, threshold } => council_set(state, now, members, *threshold).map(|()| None),
        Act::ValidatorsSet { add, drop } => {
            validators_set(state, when, add, drop).map(|event| Some(Happened::Validators(event)))
        }
        Act::ParametersSet { parameters } => {
            parameters.check().map_err(|_| ActError::BadParameter)?;
            ChainParameters::put(state, parameters);
            Ok(None)
        }
        Act::UpgradeSchedule { spec_version, height: from } => {
            let before = Scheduled::get(state).map_or(0, |upgrade| upgrade.at(height));
            ensure(*spec_version > before && *from > height, ActError::BadUpgrade)?;
            Scheduled::put(state, &Upgrade { spec_version: *spec_version, height: *from, before });
            Ok(None)
        }
        Act::CancelMotion { motion } => cancel(state, *motion).map(|event| Some(Happened::Council(event))),
        Act::PractitionerStatus { id, status } => {
            Ok(Some(Happened::Registry(salus_registry::practitioner_status(state, now, *id, *status)?)))
        }
        Act::Successor { removed, new } => {
            Ok(Some(Happened::Registry(salus_registry::successor_set(state, *removed, *new)?)))
        }
    }
}

fn council_set(state: &mut Overlay<'_>, now: Moment, new: &Members, threshold: u8) -> Result<(), ActError> {
    ensure(!new.is_empty() && !new.has_duplicates(), ActError::BadMembers)?;
    ensure(threshold >= 1 && usize::from(threshold) <= new.len(), ActError::BadThreshold)?;
    let old = members(state);
    for leaving in old.iter().filter(|member| !new.contains(member)) {
        keys::end(state, *leaving);
    }
    for joining in new.iter().filter(|member| !old.contains(member)) {
        keys::bind(state, now, *joining, Subject::Council, Roles::NONE, None)?;
    }
    Threshold::put(state, &threshold);
    Ok(())
}

fn validators_set(
    state: &mut Overlay<'_>,
    (now, height): When,
    add: &Added,
    drop: &Authorities,
) -> Result<salus_validators::Event, ActError> {
    for new in add {
        let fit = Organisations::get(state, &new.organisation).is_some_and(|organisation| {
            organisation.status == OrganisationStatus::Active && organisation.caps.contains(Caps::VALIDATOR)
        });
        ensure(fit, ActError::BadOrganisation)?;
    }
    Ok(salus_validators::change(state, now, height, add, drop)?)
}

fn cancel(state: &mut Overlay<'_>, number: u32) -> Result<Event, ActError> {
    let mut motion = find(state, number).ok_or(ActError::NotWaiting)?;
    ensure(motion.due().is_some(), ActError::NotWaiting)?;
    motion.stage = Stage::Cancelled;
    Motions::insert(state, &slot(number), &motion);
    refresh_due(state);
    Ok(Event::Cancelled { motion: number })
}

/// The motion of this number, unless its slot has another by now.
pub(crate) fn find(state: &dyn StateReader, number: u32) -> Option<Motion> {
    Motions::get(state, &slot(number)).filter(|motion| motion.number == number)
}

/// Keys that must sign the proposal of `act` along.
pub(crate) fn agreeing(act: &Act) -> Option<AccountId> {
    match act {
        Act::OrganisationSet { admin, .. } => *admin,
        Act::CouncilSet { .. }
        | Act::ValidatorsSet { .. }
        | Act::ParametersSet { .. }
        | Act::UpgradeSchedule { .. }
        | Act::CancelMotion { .. }
        | Act::PractitionerStatus { .. }
        | Act::Successor { .. } => None,
    }
}
