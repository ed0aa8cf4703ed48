//! Patients' states, guardians, recovery and keys; the register, the council, appointments and credits.

use super::*;
use crate::model::{Slot, SlotState, Stage};

fn registrar(model: &Model, draw: &mut Draw) -> Option<(Key, Org)> {
    let org = draw.below(model.orgs.len());
    officer(model, draw, org, REGISTRAR).map(|key| (key, org))
}

/// Registrars of two organisations.
fn two_registrars(model: &Model, draw: &mut Draw) -> Option<(Key, Key)> {
    let (first, org) = registrar(model, draw)?;
    let other = if draw.chance(97) { (org + 1 + draw.below(2)) % 3 } else { org };
    officer(model, draw, other, REGISTRAR).map(|second| (first, second))
}

pub fn patient(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    // Who is frozen or declared dead is met again before long.
    let met = |pat: &Pat| model.pats[*pat].dead.or(model.pats[*pat].frozen.map(|_| 0)).is_some();
    let locked: Vec<Pat> = (0..model.pats.len()).filter(met).filter(|pat| !model.pats[*pat].closed).collect();
    let dying = locked
        .iter()
        .copied()
        .find(|pat| model.pats[*pat].dead.is_some_and(|declared| model.now < declared + 72 * HOUR));
    if let (Some(pat), true) = (dying, draw.chance(50)) {
        return Some(call(key_of(model, draw, Who::Pat(pat))?, What::Patient { pat, to: PatientChange::Living }));
    }
    let pat = if draw.chance(60) { draw.pick(&locked) } else { None };
    let pat = pat.or_else(|| some_patient(model, draw))?;
    let found = model.pats.get(pat)?;
    let (dead, frozen) = (found.dead.is_some(), found.frozen.is_some());
    let to = match draw.below(100) {
        0..60 if dead => PatientChange::Living,
        0..70 if frozen => PatientChange::Thaw,
        0..70 => PatientChange::Freeze,
        70..85 => PatientChange::Deceased,
        85..91 => PatientChange::Close,
        91..96 => PatientChange::Thaw,
        _ => PatientChange::Living,
    };
    let by_registrars = to == PatientChange::Deceased || to == PatientChange::Close && (dead || draw.chance(20));
    if by_registrars {
        let (by, other) = two_registrars(model, draw)?;
        return Some(signed(by, vec![other], What::Patient { pat, to }));
    }
    let guardian = matches!(found.frozen, Some((_, true))) || draw.chance(35);
    let by = own_key(model, draw, pat, if guardian { 85 } else { 5 })?;
    Some(call(by, What::Patient { pat, to }))
}

pub fn guardians(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let changing: Vec<Pat> = (0..model.pats.len()).filter(|pat| model.pats[*pat].change.is_some()).collect();
    let pat = if draw.chance(40) { draw.pick(&changing) } else { None };
    let pat = pat.or_else(|| some_patient(model, draw))?;
    let waits = model.pats.get(pat)?.change.is_some() || draw.chance(5);
    if waits && draw.chance(45) {
        return Some(call(key_of(model, draw, Who::Pat(pat))?, What::KeepGuardians { pat }));
    }
    if draw.chance(15) {
        return Some(call(key_of(model, draw, Who::Pat(pat))?, What::EndGuardians { pat }));
    }
    let fit: Vec<Pat> = (0..model.pats.len()).filter(|other| *other != pat && model.pats[*other].stands_in()).collect();
    let mut who = draw.some(&fit, 3);
    if draw.chance(5) {
        who.push(draw.below(model.pats.len()));
    }
    let guards = Guards {
        threshold: if draw.chance(95) { 1 + draw.below(who.len().max(1)) as u8 } else { draw.below(5) as u8 },
        who,
        recover: draw.chance(80),
        act: draw.chance(80),
        excluded: if draw.chance(50) { draw.some(&TAGS, 2) } else { Vec::new() },
        until: model.now + draw.of(&[HOUR, 72 * HOUR, 72 * HOUR + 1, 60 * DAY, YEAR, YEAR, 2 * YEAR, 2 * YEAR + 1]),
    };
    let what = What::SetGuardians { pat, guards };
    match draw.below(10) {
        0..2 => {
            let (by, other) = two_registrars(model, draw)?;
            Some(signed(by, vec![other], what))
        }
        2..4 => {
            let org = model.pats[pat].inviting;
            let (by, other) = (officer(model, draw, org, REGISTRAR)?, officer(model, draw, org, PRIVACY)?);
            Some(if draw.chance(50) { signed(by, vec![other], what) } else { signed(other, vec![by], what) })
        }
        _ => Some(call(key_of(model, draw, Who::Pat(pat))?, what)),
    }
}

pub fn recovery(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let guarded: Vec<Pat> = (0..model.pats.len()).filter(|pat| model.pats[*pat].guardians.is_some()).collect();
    let pat = if draw.chance(75) { draw.pick(&guarded)? } else { some_patient(model, draw)? };
    let found = model.pats.get(pat)?;
    if let Some(recovery) = &found.recovery {
        let ripe = recovery.ripe <= model.now;
        match draw.below(100) {
            0..40 if !ripe => return Some(call(key_of(model, draw, Who::Pat(pat))?, What::Veto { pat })),
            0..85 => {
                let by = match recovery.registrars {
                    Some((first, _)) if draw.chance(90) => officer(model, draw, first, REGISTRAR)?,
                    _ => guardian_key(model, draw, pat)?,
                };
                return Some(call(by, What::FinishRecovery { pat }));
            }
            _ => {}
        }
    }
    // The key that others proposed, so that they agree.
    let proposed = found.approvals.last().map(|(_, key, _)| *key).filter(|_| draw.chance(90));
    let by_guardian = if draw.chance(85) { guardian_key(model, draw, pat) } else { None };
    if let Some(by) = by_guardian {
        let key = proposed.unwrap_or_else(|| model.new_key());
        return Some(signed(by, vec![key], What::Recover { pat, key }));
    }
    let (by, other) = two_registrars(model, draw)?;
    let key = model.new_key();
    Some(signed(by, vec![key, other], What::Recover { pat, key }))
}

pub fn keys(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let provisional: Vec<Pat> = (0..model.pats.len()).filter(|pat| model.pats[*pat].held_key.is_some()).collect();
    let whom = match draw.below(10) {
        0 => Who::Doc(draw.below(model.docs.len())),
        3..6 if !provisional.is_empty() => Who::Pat(draw.of(&provisional)),
        6..8 => Who::Pat(draw.below(2)),
        _ => Who::Pat(some_patient(model, draw)?),
    };
    // Who has two keys can drop one, and who dropped one under guardians can keep it.
    let rich: Vec<Pat> = (0..model.pats.len()).filter(|pat| model.keys_of(Who::Pat(*pat)).len() > 1).collect();
    let whom = if draw.chance(50) { draw.pick(&rich).map_or(whom, Who::Pat) } else { whom };
    let leaving = |pat: &Pat| {
        let keys = model.keys_of(Who::Pat(*pat));
        keys.into_iter().find(|key| model.keys[*key].going.is_some()).map(|key| (*pat, key))
    };
    if let (Some((pat, key)), true) = ((0..model.pats.len()).find_map(|pat| leaving(&pat)), draw.chance(50)) {
        return Some(call(key_of(model, draw, Who::Pat(pat))?, What::KeepKey { key }));
    }
    let by = key_of(model, draw, whom)?;
    let held = model.keys_of(whom);
    let going = held.iter().copied().find(|key| model.keys[*key].going.is_some());
    let own = match whom {
        Who::Pat(pat) => model.pats.get(pat)?.held_key,
        _ => None,
    };
    match draw.below(10) {
        0..4 => {
            let key = model.new_key();
            let until = draw.chance(25).then(|| model.now + draw.of(&[HOUR, 12 * HOUR, 12 * HOUR + 1]));
            Some(signed(by, vec![key], What::AddKey { key, until }))
        }
        4..8 => Some(call(by, What::DropKey { key: own.unwrap_or_else(|| draw.of(&held)) })),
        8 => Some(call(by, What::KeepKey { key: going.unwrap_or_else(|| draw.of(&held)) })),
        _ => Some(call(by, What::NewKem { weak: draw.chance(10) })),
    }
}

/// Inviting, registering and confirming.
pub fn newcomer(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let absent: Vec<Pat> = (0..model.pats.len()).filter(|pat| !model.pats[*pat].exists).collect();
    let open: Vec<_> = model.invites.iter().filter(|invite| !invite.spent || draw.chance(5)).cloned().collect();
    let low: Vec<Pat> =
        (0..model.pats.len()).filter(|pat| model.pats[*pat].exists && model.pats[*pat].assurance < 2).collect();
    match draw.below(10) {
        0..5 if !open.is_empty() => {
            let invite = draw.of(&open).key;
            let pat = if draw.chance(95) { draw.pick(&absent)? } else { 0 };
            let by = model.new_key();
            let possession_of = if draw.chance(95) { invite } else { by };
            Some(call(by, What::Register { pat, invite, possession_of }))
        }
        0..7 if !absent.is_empty() => {
            let (by, _) = registrar(model, draw)?;
            let key = model.new_key();
            let until = model.now + draw.of(&[0, DAY, 30 * DAY, 30 * DAY, 30 * DAY + 1]);
            Some(call(by, What::Invite { key, until, provisional: draw.chance(40) }))
        }
        _ => {
            let pat = draw.pick(&low)?;
            let org = if draw.chance(90) { model.pats[pat].inviting } else { draw.below(model.orgs.len()) };
            let by = officer(model, draw, org, REGISTRAR)?;
            Some(call(by, What::Confirm { pat, level: draw.of(&[0, 1, 1, 2, 2, 2, 3]) }))
        }
    }
}

pub fn council(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let open: Vec<usize> =
        (0..model.motions.len()).filter(|number| model.motions[*number].is_open(model.now)).collect();
    if let (Some(number), true) = (draw.pick(&open), draw.chance(90)) {
        let motion = &model.motions[number];
        let left: Vec<Key> = (0..3).filter(|key| !motion.ayes.contains(key) && !motion.nays.contains(key)).collect();
        let by = if draw.chance(95) { draw.pick(&left)? } else { draw.below(3) };
        return Some(call(by, What::Vote { motion: number as u32, aye: draw.chance(90) }));
    }
    if model.motions.len() >= 30 {
        return None;
    }
    let by = draw.below(3);
    let standing = |wanted| (0..model.orgs.len()).find(|org| model.orgs[*org].standing == Some(wanted));
    let waiting = model.motions.iter().position(|motion| matches!(motion.stage, Stage::Waiting(_)));
    let (suspended, gone) = (standing(Standing::Suspended), standing(Standing::Gone));
    let off = (0..model.docs.len()).find(|doc| model.docs[*doc].standing == Some(Standing::Suspended));
    let act = match (draw.below(100), suspended, gone, off, waiting) {
        (0..60, Some(org), ..) => {
            let to = if draw.chance(80) { Standing::Active } else { Standing::Gone };
            CouncilAct::Organisation { org, to, caps: model.orgs[org].caps }
        }
        (0..70, _, Some(removed), ..) => CouncilAct::Successor { removed, new: draw.below(3) },
        (0..30, _, _, Some(doc), _) => CouncilAct::Practitioner { doc, to: Standing::Active },
        (0..20, .., Some(motion)) => CouncilAct::Cancel { motion: motion as u32 },
        (0..35, ..) => {
            let org = draw.below(model.orgs.len());
            let caps = if draw.chance(90) { model.orgs[org].caps } else { draw.below(8) as u8 };
            CouncilAct::Organisation { org, to: Standing::Suspended, caps }
        }
        (35..80, ..) => CouncilAct::Parameters {
            custodians_treat: draw.chance(85),
            patient_weight: draw.of(&[999, 1_000, 1_000, 20_000, 20_000, 20_000]),
        },
        (80..95, ..) => {
            let to = draw.of(&[Standing::Suspended, Standing::Suspended, Standing::Active, Standing::Gone]);
            CouncilAct::Practitioner { doc: draw.below(model.docs.len()), to }
        }
        _ => draw.of(&[CouncilAct::Cancel { motion: 0 }, CouncilAct::Successor { removed: 0, new: 1 }]),
    };
    Some(call(by, What::Propose { act }))
}

pub fn register(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let org = draw.below(model.orgs.len());
    match draw.below(10) {
        0 => Some(call(officer(model, draw, org, ADMIN)?, What::OrganisationUpdate { bad_url: draw.chance(30) })),
        1..3 => {
            let by = officer(model, draw, org, ADMIN)?;
            let officers = model.keys_of(Who::Org(org));
            let roles = draw.of(&[ADMIN, REVIEWER, GATEWAY, PRIVACY, 31, 0, 32]);
            if draw.chance(50) {
                let account = model.new_key();
                return Some(signed(by, vec![account], What::OfficerSet { account, roles: Some(roles) }));
            }
            let account = draw.of(&officers);
            // Who is there keeps what they have, for the most part: others would stand alone soon.
            let kept = model.keys[account].roles | roles;
            let roles = draw.chance(85).then_some(kept);
            Some(call(by, What::OfficerSet { account, roles }))
        }
        3..7 => {
            let doc = draw.below(model.docs.len());
            let (standing, speciality) = (model.docs[doc].standing, model.docs[doc].speciality);
            let licensing = if standing.is_some() { model.docs[doc].licensing } else { draw.below(2) };
            let of = if draw.chance(92) { licensing } else { org };
            let by = officer(model, draw, of, REGISTRAR)?;
            let status = match standing {
                Some(Standing::Active) => draw.of(&[Standing::Active, Standing::Active, Standing::Suspended]),
                Some(Standing::Suspended) => draw.of(&[Standing::Active, Standing::Active, Standing::Gone]),
                _ => Standing::Active,
            };
            let account = (standing.is_none() || draw.chance(15)).then(|| model.new_key());
            let ends = [0, DAY, 30 * DAY, YEAR, 5 * YEAR, 5 * YEAR + 1];
            let licence_until =
                if draw.chance(40) { model.docs[doc].licence_until } else { model.now + draw.of(&ends) };
            let speciality = if draw.chance(70) { speciality } else { draw.of(&SPECIALITIES) };
            let what = What::PractitionerSet { doc, account, licence_until, speciality, status };
            Some(signed(by, account.into_iter().collect(), what))
        }
        _ => {
            let doc = draw.below(model.docs.len());
            if draw.chance(25) {
                let post = draw.pick(&model.docs[doc].posts)?;
                let own = key_of(model, draw, Who::Doc(doc))?;
                let by = if draw.chance(50) { own } else { officer(model, draw, post.org, REGISTRAR)? };
                return Some(call(by, What::AffiliationSet { doc, org: post.org, terms: None }));
            }
            let by = officer(model, draw, org, REGISTRAR)?;
            let agrees = key_of(model, draw, Who::Doc(doc))?;
            let until = model.now + draw.of(&[0, DAY, 30 * DAY, YEAR, 5 * YEAR, 5 * YEAR + 1]);
            let mut roles = draw.some(&ROLES, 2);
            if draw.chance(5) {
                roles.extend(roles.first().copied());
            }
            Some(signed(by, vec![agrees], What::AffiliationSet { doc, org, terms: Some((roles, until)) }))
        }
    }
}

pub fn appointment(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    // Those with which something can be done, for the most part.
    let ready = |slot: &&Slot| match slot.state {
        SlotState::Free | SlotState::Held => model.now < slot.from,
        SlotState::Confirmed => slot.from <= model.now + 4 * HOUR,
        SlotState::CheckedIn => slot.from <= model.now,
        _ => false,
    };
    let slots: Vec<Slot> =
        if draw.chance(88) { model.slots.iter().filter(ready).cloned().collect() } else { model.slots.clone() };
    let taken: Vec<Slot> = slots.iter().filter(|slot| slot.state != SlotState::Free).cloned().collect();
    let slot = draw.pick(&taken).filter(|_| draw.chance(75)).or_else(|| draw.pick(&slots));
    let (Some(slot), true) = (slot, draw.chance(92)) else {
        let (doc, org) = some_post(model, draw)?;
        let by =
            if draw.chance(50) { key_of(model, draw, Who::Doc(doc)) } else { officer(model, draw, org, REGISTRAR) };
        let from = model.now + draw.of(&[0, HOUR, 3 * HOUR, 3 * HOUR, 30 * HOUR, 30 * HOUR, 366 * DAY, 366 * DAY + 1]);
        let until = from + draw.of(&[0, 20 * MINUTE, 20 * MINUTE, HOUR, 12 * HOUR, 12 * HOUR + 1]);
        let mut hours = vec![(from, until)];
        if draw.chance(30) {
            hours.push((until - draw.below(2) as u64, until + HOUR));
        }
        return Some(call(by?, What::Publish { doc, org, hours }));
    };
    let (doc, org, hours) = (slot.doc, slot.org, (slot.from, slot.until));
    if slot.state == SlotState::Free && draw.chance(80) {
        let role = if draw.chance(50) { REGISTRAR } else { GATEWAY };
        let by = officer(model, draw, org, role)?;
        let key = model.new_key();
        let signed_by = if draw.chance(95) { key } else { by };
        return Some(call(by, What::Book { doc, org, hours, key, signed_by }));
    }
    if draw.chance(15) {
        let by = officer(model, draw, org, GATEWAY)?;
        let key = slot.key.filter(|_| draw.chance(90)).unwrap_or(by);
        return Some(call(by, What::Slot { doc, org, hours, to: SlotChange::GiveBack { key } }));
    }
    let by = key_of(model, draw, Who::Doc(doc))?;
    let to = match slot.state {
        SlotState::Held => draw.of(&[SlotChange::Confirm, SlotChange::Confirm, SlotChange::Decline]),
        SlotState::Confirmed if slot.until <= model.now => SlotChange::NoShow,
        SlotState::Confirmed => draw.of(&[SlotChange::CheckIn, SlotChange::CheckIn, SlotChange::NoShow]),
        SlotState::CheckedIn => SlotChange::Complete,
        _ => draw.of(&[SlotChange::Cancel, SlotChange::Confirm, SlotChange::NoShow]),
    };
    let to = if draw.chance(8) { SlotChange::Cancel } else { to };
    Some(call(by, What::Slot { doc, org, hours, to }))
}

pub fn redeem(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let rich = (0..model.orgs.len()).find(|org| model.orgs[*org].balance > 0);
    let org = rich.filter(|_| draw.chance(85)).unwrap_or_else(|| draw.below(model.orgs.len()));
    let by = officer(model, draw, org, ADMIN)?;
    let balance = model.orgs[org].balance;
    Some(call(by, What::Redeem { credits: draw.of(&[1, 1, balance, balance + 1]) }))
}
