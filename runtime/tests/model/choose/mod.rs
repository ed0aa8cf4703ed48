//! What happens next: calls drawn with an eye on what stands, so that most of them can succeed and every thing that
//! matters happens; some are made wrong on purpose.

mod access;
mod people;
mod records;
mod rules;

use crate::{
    draw::Draw,
    model::{Model, Status},
    words::*,
};

/// Labels that are used.
const TAGS: [Tag; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
/// Specialities and roles, SNOMED CT.
pub const SPECIALITIES: [u64; 3] = [394_579_002, 394_814_009, 394_589_003];
pub const ROLES: [u64; 2] = [309_343_006, 46_255_001];

/// What a sequence is mostly about. Some limits are met only by who does the same again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    Anything,
    /// One day, on which much is opened and reported.
    Day,
    /// Guardians, recovery and keys.
    Family,
    /// Appointments.
    Desk,
}

impl Mood {
    pub fn of(seed: u64) -> Self {
        match seed / 3 % 5 {
            0 => Self::Day,
            1 => Self::Family,
            2 => Self::Desk,
            _ => Self::Anything,
        }
    }

    /// What it often leads to, in place of anything.
    fn theme(self, draw: &mut Draw) -> usize {
        match self {
            Self::Day if draw.chance(60) => draw.of(&[27, 27, 47, 47, 47, 57, 57]),
            Self::Family if draw.chance(60) => draw.of(&[102, 106, 109, 109, 109, 114, 114]),
            Self::Desk if draw.chance(60) => 131,
            _ => draw.below(140),
        }
    }
}

/// How long until the next block: seconds to months, often to the very moment at which something ends, or one before.
pub fn wait(model: &Model, mood: Mood, number: u64) -> u64 {
    let mut draw = Draw::new(number);
    match draw.below(100) {
        0..88 if mood == Mood::Day => draw.between(0, 5 * MINUTE),
        0..50 if mood == Mood::Desk => draw.between(0, 2 * HOUR),
        0..40 => draw.between(0, 10 * MINUTE),
        40..53 => draw.between(0, 8 * HOUR),
        53..60 => draw.between(0, 3 * DAY),
        60 => draw.between(10 * DAY, 100 * DAY),
        _ => {
            let least = model.now + SECOND;
            // What is near lets the most go on.
            let most = least + if draw.chance(4) { 3 * YEAR } else { 5 * DAY };
            let ends: Vec<u64> = ends(model).into_iter().filter(|end| *end > least && *end <= most).collect();
            draw.pick(&ends).map_or(0, |end| end - least - draw.between(0, 1))
        }
    }
}

/// Moments at which something ends or begins.
fn ends(model: &Model) -> Vec<u64> {
    let mut ends: Vec<u64> = Vec::new();
    for patient in &model.pats {
        ends.extend(patient.rules.iter().flat_map(|rule| [rule.terms.from, rule.terms.until]));
        ends.extend(patient.log.places.iter().flatten().map(|receipt| receipt.until));
        ends.extend(patient.frozen.map(|(until, _)| until));
        ends.extend(patient.recovery.iter().flat_map(|recovery| [recovery.ripe, recovery.ripe + 14 * DAY]));
        ends.extend(patient.dead.map(|declared| declared + 72 * HOUR));
        ends.extend(patient.change.iter().map(|(_, from)| *from));
        ends.extend(patient.guardians.iter().map(|held| held.terms.until));
        ends.extend(patient.provisional);
    }
    for doctor in &model.docs {
        ends.extend([doctor.licence_until, doctor.closed_until]);
        ends.extend(doctor.posts.iter().map(|post| post.until));
        ends.extend(doctor.cases.iter().map(|(_, _, since)| since + 72 * HOUR));
    }
    ends.extend(model.slots.iter().flat_map(|slot| [slot.from, slot.until]));
    ends.extend(model.keys.iter().filter_map(|key| key.until.or(key.going)));
    ends
}

/// The next call.
pub fn deed(model: &mut Model, mood: Mood, number: u64) -> Deed {
    let mut draw = Draw::new(number);
    let mut chosen = None;
    for _ in 0..12 {
        chosen = drawn(model, mood, &mut draw);
        if chosen.is_some() {
            break;
        }
    }
    let mut deed = chosen.unwrap_or(Deed { by: 0, along: Vec::new(), what: What::Noop });
    match draw.below(100) {
        0..4 => deed.by = draw.below(model.keys.len()),
        4 => deed.along.clear(),
        _ => {}
    }
    deed
}

fn drawn(model: &mut Model, mood: Mood, draw: &mut Draw) -> Option<Deed> {
    // One thing leads to another: who booked confirms, who proposed votes.
    if draw.chance(70) {
        model.theme = mood.theme(draw);
    }
    match model.theme {
        0..16 => rules::grant(model, draw),
        16..21 => rules::revoke(model, draw),
        21..27 => rules::delegate(model, draw),
        27..47 => access::open(model, draw),
        47..57 => access::serve(model, draw),
        57..64 => access::emergency(model, draw),
        64..69 => access::review(model, draw),
        69..71 => access::dispute(model, draw),
        71..74 => access::request(model, draw),
        74..78 => access::respond(model, draw),
        78..85 => records::put(model, draw),
        85..95 => records::mark(model, draw),
        95..98 => records::relabel(model, draw),
        98..100 => records::shred(model, draw),
        100..102 => records::hand_over(model, draw),
        102..106 => people::patient(model, draw),
        106..109 => people::guardians(model, draw),
        109..114 => people::recovery(model, draw),
        114..117 => people::keys(model, draw),
        117..121 => people::newcomer(model, draw),
        121..127 => people::council(model, draw),
        127..131 => people::register(model, draw),
        131..138 => people::appointment(model, draw),
        138 => people::redeem(model, draw),
        _ => some_key(model, draw).map(|by| call(by, What::Noop)),
    }
}

fn call(by: Key, what: What) -> Deed {
    Deed { by, along: Vec::new(), what }
}

fn signed(by: Key, along: Vec<Key>, what: What) -> Deed {
    Deed { by, along, what }
}

/// A key that speaks for somebody.
fn some_key(model: &Model, draw: &mut Draw) -> Option<Key> {
    let keys: Vec<Key> = (0..model.keys.len()).filter(|key| model.speaks(*key).is_some()).collect();
    draw.pick(&keys)
}

/// A key of somebody: a lasting one for the most part.
fn key_of(model: &Model, draw: &mut Draw, whom: Who) -> Option<Key> {
    let keys = model.keys_of(whom);
    let lasting: Vec<Key> = keys.iter().copied().filter(|key| model.lasting(*key).is_some()).collect();
    if draw.chance(85) { draw.pick(&lasting).or(draw.pick(&keys)) } else { draw.pick(&keys) }
}

/// An officer with this role.
fn officer(model: &Model, draw: &mut Draw, org: Org, role: u8) -> Option<Key> {
    let keys = model.keys_of(Who::Org(org));
    let with: Vec<Key> = keys.into_iter().filter(|key| model.keys[*key].roles & role == role).collect();
    draw.pick(&with)
}

/// A patient who is there.
fn some_patient(model: &Model, draw: &mut Draw) -> Option<Pat> {
    let pats: Vec<Pat> = (0..model.pats.len()).filter(|pat| model.pats[*pat].exists).collect();
    // The first ones are met more often, so that much happens to them.
    let first = if draw.chance(50) { 1 } else { 3 };
    let pats = if draw.chance(60) { &pats[..pats.len().min(first)] } else { &pats[..] };
    if draw.chance(1) { Some(9) } else { draw.pick(pats) }
}

/// A practitioner and where they act, for the most part where they do.
fn some_post(model: &Model, draw: &mut Draw) -> Option<(Doc, Org)> {
    let acting = draw.chance(90);
    let mut posts = Vec::new();
    for (doc, doctor) in model.docs.iter().enumerate() {
        let acts = |org: &Org| !acting || model.acts(doc, *org, model.now).is_some();
        posts.extend(doctor.posts.iter().map(|post| post.org).filter(acts).map(|org| (doc, org)));
    }
    if draw.chance(3) { Some((draw.below(model.docs.len()), draw.below(model.orgs.len()))) } else { draw.pick(&posts) }
}

fn recs_of(model: &Model, pat: Pat) -> Vec<Rec> {
    model.pats.get(pat).map_or(Vec::new(), |patient| patient.records.iter().map(|record| record.id).collect())
}

/// A record of the patient: a Current one for the most part.
fn some_rec(model: &Model, draw: &mut Draw, pat: Pat) -> Option<Rec> {
    let records = &model.pats.get(pat)?.records;
    let current: Vec<Rec> =
        records.iter().filter(|record| record.status == Status::Current).map(|record| record.id).collect();
    if draw.chance(85) { draw.pick(&current).or(draw.pick(&recs_of(model, pat))) } else { Some(draw.below(12) as Rec) }
}

/// Somebody who stands in for the patient, now or otherwise.
fn guardian_key(model: &Model, draw: &mut Draw, pat: Pat) -> Option<Key> {
    let guardian = draw.pick(&model.pats.get(pat)?.guardians.as_ref()?.terms.who)?;
    key_of(model, draw, Who::Pat(guardian))
}

/// The patient's key, or a guardian's now and then.
fn own_key(model: &Model, draw: &mut Draw, pat: Pat, guardians: u64) -> Option<Key> {
    let guardian = if draw.chance(guardians) { guardian_key(model, draw, pat) } else { None };
    guardian.or_else(|| key_of(model, draw, Who::Pat(pat)))
}
