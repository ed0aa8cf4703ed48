//! Grants, denials, revocations and delegation.

use super::*;
use crate::model::has;

/// Terms as somebody might say them about this patient.
pub fn some_terms(model: &Model, draw: &mut Draw, pat: Pat) -> Option<Terms> {
    let deny = draw.chance(20);
    let (doc, org) = some_post(model, draw)?;
    let to = match draw.below(100) {
        0..40 => To::Doc(doc, org),
        40..65 => To::Org(org),
        65..90 => {
            let role = draw.chance(60).then(|| draw.of(&ROLES));
            let speciality = draw.chance(if role.is_some() { 30 } else { 95 }).then(|| draw.of(&SPECIALITIES));
            To::Attribute { org, speciality, role }
        }
        90..98 if deny => To::Everyone,
        98 => To::Everyone,
        _ => To::Org(draw.of(&[0, 1, 2, 9])),
    };
    let tags = |draw: &mut Draw, percent| if draw.chance(percent) { draw.some(&TAGS, 2) } else { Vec::new() };
    let any_of = tags(draw, 18);
    let none_of = if deny && !draw.chance(5) { Vec::new() } else { tags(draw, 18) };
    let from = if draw.chance(85) { model.now } else { model.now + draw.of(&[MINUTE, HOUR, DAY]) };
    let lengths = [0, 20 * MINUTE, 2 * HOUR, DAY, DAY, 10 * DAY, 100 * DAY, YEAR, YEAR, 5 * YEAR, 5 * YEAR + 1];
    let until = from + draw.of(&lengths);
    let adds = if matches!(to, To::Attribute { .. }) { 5 } else { 35 };
    let extra = |draw: &mut Draw, percent, index: u8| if draw.chance(percent) { 1u8 << index } else { 0 };
    let actions = if deny {
        draw.of(&[0b1111, 0b1111, 0b0001, 0b0011])
    } else {
        extra(draw, 96, VIEW) | extra(draw, adds, ADD) | extra(draw, adds, AMEND) | extra(draw, 35, SHARE)
    };
    let purposes = match (deny, draw.below(100)) {
        (true, 0..60) => 0b1_1111_1111,
        (_, 0..80) => 1 | 1 << draw.below(9),
        (_, 80..97) => 1 + draw.below(511) as u16,
        _ => draw.of(&[0, 1 << 9]),
    };
    Some(Terms {
        deny,
        to,
        kinds: if draw.chance(60) { 0b1_1111_1111 } else { draw.below(512) as u16 },
        records: draw.chance(18).then(|| draw.some(&recs_of(model, pat), 3)),
        any_of,
        none_of,
        purposes,
        actions,
        from,
        until,
        max_uses: (draw.chance(35) && (!deny || draw.chance(5))).then(|| draw.below(4) as u32),
        no_redisclose: !deny && draw.chance(8),
        local_only: !deny && draw.chance(10),
        erase_by: (!deny && draw.chance(8)).then(|| until + draw.of(&[0, DAY, DAY]) - draw.below(2) as u64),
    })
}

fn some_rule(model: &Model, draw: &mut Draw, pat: Pat) -> Option<RuleName> {
    let names: Vec<RuleName> = model.pats.get(pat)?.rules.iter().map(|rule| rule.name()).collect();
    if draw.chance(4) { Some((Page::Org(0), 77)) } else { draw.pick(&names) }
}

pub fn grant(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pat = some_patient(model, draw)?;
    let by = own_key(model, draw, pat, 20)?;
    let mut terms = some_terms(model, draw, pat)?;
    if let (Some((_, held)), true) = (model.acts_for(by, pat), draw.chance(85)) {
        terms.deny = false;
        let excluded = held.excluded.iter().filter(|tag| !terms.none_of.contains(tag)).copied();
        terms.none_of.extend(excluded.collect::<Vec<_>>());
        terms.any_of.retain(|tag| !terms.none_of.contains(tag));
        terms.until = terms.until.min(held.until);
    }
    let replaces = if draw.chance(15) { some_rule(model, draw, pat) } else { None };
    Some(call(by, What::Grant { pat, terms, replaces }))
}

pub fn revoke(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pat = some_patient(model, draw)?;
    let first = some_rule(model, draw, pat)?;
    let by = match (first.0, draw.below(100)) {
        (Page::Doc(doc, _), 0..15) => key_of(model, draw, Who::Doc(doc))?,
        (Page::Org(org), 0..15) => officer(model, draw, org, PRIVACY)?,
        _ => own_key(model, draw, pat, 20)?,
    };
    let pages: Vec<Page> = [first.0].into_iter().chain(some_rule(model, draw, pat).map(|name| name.0)).collect();
    let what = match draw.below(10) {
        0..7 => What::Revoke { pat, rules: vec![first] },
        7 => What::Revoke { pat, rules: [first].into_iter().chain(some_rule(model, draw, pat)).collect() },
        8 => What::RevokePages { pat, pages: vec![first.0] },
        _ => What::RevokePages { pat, pages },
    };
    Some(call(by, what))
}

/// A part of a rule: narrower here and there, and now and then wider.
pub fn delegate(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pats: Vec<Pat> = (0..model.pats.len()).filter(|pat| model.pats[*pat].exists).collect();
    let mut shared = Vec::new();
    for pat in pats {
        let shares = |rule: &&crate::model::Rule| {
            has(rule.terms.actions.into(), SHARE)
                && !rule.terms.deny
                && matches!(rule.terms.to, To::Doc(..) | To::Org(_))
        };
        shared.extend(model.pats[pat].rules.iter().filter(shares).map(|rule| (pat, rule.clone())));
    }
    let (pat, parent) = draw.pick(&shared)?;
    let by = match parent.terms.to {
        To::Doc(doc, _) => key_of(model, draw, Who::Doc(doc))?,
        To::Org(org) => officer(model, draw, org, PRIVACY)?,
        _ => return None,
    };
    let other = some_terms(model, draw, pat)?;
    let mut terms = Terms { to: other.to, ..parent.terms.clone() };
    let left = parent.terms.max_uses.map(|max| max - parent.used.min(max));
    if let Some(left) = left {
        terms.max_uses = Some(1 + draw.below(left.max(1) as usize) as u32);
    }
    if matches!(terms.to, To::Attribute { .. }) {
        terms.actions &= 1 << VIEW | 1 << SHARE;
    }
    match draw.below(12) {
        0 => terms.actions &= 1 << VIEW,
        1 => terms.until = terms.from + (terms.until - terms.from) / 2,
        2 => terms.none_of = TAGS[4..].iter().copied().filter(|tag| !terms.any_of.contains(tag)).collect(),
        3 => terms.kinds &= other.kinds,
        4 => terms.max_uses = Some(1),
        5 => terms.no_redisclose = true,
        6 => terms.until += 1,
        7 => terms.kinds |= other.kinds,
        8 => terms.records = other.records,
        9 => (terms.any_of, terms.none_of) = (other.any_of, other.none_of),
        _ => {}
    }
    Some(call(by, What::Delegate { pat, parent: parent.name(), terms }))
}
