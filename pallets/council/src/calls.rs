//! What each call does: check first, write last.

use salus_primitives::{AccountId, Moment, Subject, signed::CoSigns};
use salus_support::{Ctx, StateReader, ensure};
use salus_system::storage::ChainParameters;

use crate::{
    Error, Event,
    acts::{Happened, agreeing, find, refresh_due, run, slot, try_out},
    members,
    storage::{Motions, NextMotion, Threshold},
    types::{Act, Members, Motion, SLOTS, Stage},
};

/// Call 2.
///
/// # Errors
/// As [`crate::Call::Propose`] says.
pub fn propose(ctx: &mut Ctx<'_, '_>, act: Act, cosign: &CoSigns) -> Result<(), Error> {
    let (proposer, now) = (member(ctx)?, ctx.now());
    let council = members(ctx.state());
    let number = free_number(ctx.state(), &council, proposer, now)?;
    let when = (earliest(ctx.state(), now, &act), ctx.height());
    try_out(ctx.state_mut(), when, &act).map_err(Error::BadAct)?;
    let agreed = ctx.cosigners(cosign).ok_or(Error::BadCoSign)?;
    ensure(agreed.iter().copied().eq(agreeing(&act)), Error::BadCoSign)?;

    let ayes = Members::try_from(vec![proposer]).map_err(|_| Error::TooMany)?;
    let motion = Motion { number, proposer, act, proposed: now, ayes, nays: Members::new(), stage: Stage::Open };
    NextMotion::put(ctx.state_mut(), &(number + 1));
    ctx.emit(Event::Proposed { motion: number, proposer, act: motion.act.clone() });
    settle(ctx, motion, &council);
    Ok(())
}

/// Call 3.
///
/// # Errors
/// As [`crate::Call::Vote`] says.
pub fn vote(ctx: &mut Ctx<'_, '_>, number: u32, aye: bool) -> Result<(), Error> {
    let (voter, now) = (member(ctx)?, ctx.now());
    let council = members(ctx.state());
    let mut motion = find(ctx.state(), number).ok_or(Error::UnknownMotion)?;
    ensure(motion.is_open(&council, now), Error::BadState)?;
    ensure(!motion.ayes.contains(&voter) && !motion.nays.contains(&voter), Error::AlreadyVoted)?;
    // Who left counts no more, and makes room in the lists.
    motion.ayes.retain(|member| council.contains(member));
    motion.nays.retain(|member| council.contains(member));
    let side = if aye { &mut motion.ayes } else { &mut motion.nays };
    side.try_push(voter).map_err(|_| Error::TooMany)?;

    ctx.emit(Event::Voted { motion: number, voter, aye });
    settle(ctx, motion, &council);
    Ok(())
}

/// When an act would run that passed at `now`.
fn earliest(state: &dyn StateReader, now: Moment, act: &Act) -> Moment {
    if act.waits() { now.plus(ChainParameters::get(state).root_delay) } else { now }
}

/// The caller, who is a member.
fn member(ctx: &Ctx<'_, '_>) -> Result<AccountId, Error> {
    let caller = salus_system::caller(ctx).map_err(|_| Error::NotRegistered)?;
    ensure(caller.subject == Subject::Council, Error::NotAuthorised)?;
    Ok(caller.account)
}

/// The number for a new motion by `proposer`: the next whose slot is free, of a motion that is over.
fn free_number(state: &dyn StateReader, council: &[AccountId], proposer: AccountId, now: Moment) -> Result<u32, Error> {
    let mut free = None;
    let next = NextMotion::get(state);
    for number in (0..SLOTS).filter_map(|ahead| next.checked_add(ahead)) {
        match Motions::get(state, &slot(number)) {
            Some(motion) if motion.is_open(council, now) => ensure(motion.proposer != proposer, Error::OneOpen)?,
            Some(motion) if motion.due().is_some() => {}
            _ => free = free.or(Some(number)),
        }
    }
    // One below the top, so that the next number can be written.
    free.filter(|number| *number < u32::MAX).ok_or(Error::TooMany)
}

/// Decide a motion that got a vote, run it if it passed and need not wait, and write it.
fn settle(ctx: &mut Ctx<'_, '_>, mut motion: Motion, council: &[AccountId]) {
    let threshold = usize::from(Threshold::get(ctx.state()));
    let (number, now) = (motion.number, ctx.now());
    if motion.ayes.len() < threshold {
        if motion.nays.len() + threshold > council.len() {
            motion.stage = Stage::Rejected;
            ctx.emit(Event::Rejected { motion: number });
        }
        Motions::insert(ctx.state_mut(), &slot(number), &motion);
        return;
    }
    let due = earliest(ctx.state(), now, &motion.act);
    ctx.emit(Event::Passed { motion: number, due });
    if now < due {
        motion.stage = Stage::Waiting(due);
        Motions::insert(ctx.state_mut(), &slot(number), &motion);
        refresh_due(ctx.state_mut());
    } else {
        let when = (now, ctx.height());
        for happened in run(ctx.state_mut(), when, motion) {
            match happened {
                Happened::Council(event) => ctx.emit(event),
                Happened::Registry(event) => ctx.emit(event),
                Happened::Validators(event) => ctx.emit(event),
            }
        }
    }
}
