//! Openings, reports, emergencies, reviews, disputes and requests.

use super::*;
use crate::model::{Entry, Question, Receipt, Record, Request};

/// Some records of the patient, or all.
fn some_recs(model: &Model, draw: &mut Draw, pat: Pat) -> Vec<Rec> {
    let all = recs_of(model, pat);
    if draw.chance(25) { all } else { draw.some(&all, 4) }
}

/// Who was denied twice today tries again.
fn stubborn(model: &Model, draw: &mut Draw) -> Option<Deed> {
    let mut denied = Vec::new();
    for (pat, patient) in model.pats.iter().enumerate() {
        let today = patient.denied.iter().filter(|(_, day, times)| *day == model.day() && *times > 1);
        denied.extend(today.map(|(who, ..)| (pat, *who)));
    }
    let (pat, who) = draw.pick(&denied)?;
    let Who::Doc(doc) = who else { return None };
    let org = draw.pick(&model.docs[doc].posts)?.org;
    Some(call(key_of(model, draw, who)?, What::Open { pat, org, purpose: TREAT, recs: vec![999] }))
}

pub fn open(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    if draw.chance(30)
        && let Some(again) = stubborn(model, draw)
    {
        return Some(again);
    }
    let pat = some_patient(model, draw)?;
    let mut recs = some_recs(model, draw, pat);
    if draw.chance(4) {
        recs.push(999);
    }
    if draw.chance(2) {
        recs.extend(recs.first().copied());
    }
    if draw.chance(15)
        && let Some(by) = guardian_key(model, draw, pat)
    {
        let purpose = if draw.chance(92) { FAMILY } else { TREAT };
        return Some(call(by, What::Open { pat, org: draw.below(model.orgs.len()), purpose, recs }));
    }
    let (mut doc, mut org) = some_post(model, draw)?;
    let purpose = if draw.chance(80) { TREAT } else { draw.below(9) as u8 };
    for _ in 0..3 {
        // Somebody who may, if that is not hard to find.
        let question = Question { pat, doc, org, action: VIEW, purpose, at: model.now };
        let may = |rec: &Rec| model.decide(&question, model.record(pat, *rec), &[]).is_permit();
        if recs.iter().any(may) || draw.chance(20) {
            break;
        }
        (doc, org) = some_post(model, draw)?;
    }
    let by = key_of(model, draw, Who::Doc(doc))?;
    Some(call(by, What::Open { pat, org, purpose, recs }))
}

/// Receipts of all patients: those that are not over, or any.
fn receipts(model: &Model, which: impl Fn(&Receipt) -> bool) -> Vec<(Pat, u32)> {
    let mut found = Vec::new();
    for (pat, patient) in model.pats.iter().enumerate() {
        for (index, receipt) in patient.log.places.iter().enumerate() {
            if receipt.as_ref().is_some_and(&which) {
                found.push((pat, index as u32));
            }
        }
    }
    found
}

fn some_receipt(model: &Model, draw: &mut Draw, which: impl Fn(&Receipt) -> bool) -> Option<(Pat, u32)> {
    if draw.chance(4) { Some((0, draw.below(8) as u32)) } else { draw.pick(&receipts(model, which)) }
}

/// Entries that another organisation opened and their custodian has not reported: these earn credits.
fn earning(model: &Model, pat: Pat, receipt: &Receipt) -> Vec<Entry> {
    let earns = |entry: &&Entry| {
        let record = model.record(pat, entry.rec);
        let foreign = |record: &Record| record.custodian != receipt.org && !entry.served.contains(&record.custodian);
        entry.verdict.is_permit() && record.is_some_and(foreign)
    };
    receipt.entries.iter().filter(earns).cloned().collect()
}

pub fn serve(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let now = model.now;
    let (live, earns) = (draw.chance(75), draw.chance(60));
    let permitted = |receipt: &Receipt| receipt.entries.iter().any(|entry| entry.verdict.is_permit());
    let mut found = receipts(model, |receipt| !live || (now < receipt.until && permitted(receipt)));
    let of = |(pat, index): &(Pat, u32)| model.pats[*pat].log.receipt(*index);
    let earn = |place: &(Pat, u32)| of(place).is_some_and(|receipt| !earning(model, place.0, receipt).is_empty());
    if earns && found.iter().any(earn) {
        found.retain(earn);
    }
    let (pat, receipt) = if draw.chance(4) { (0, draw.below(8) as u32) } else { draw.pick(&found)? };
    let opened = of(&(pat, receipt));
    let mut entries = opened.map_or(Vec::new(), |receipt| receipt.entries.clone());
    let named = opened.map_or(Vec::new(), |receipt| earning(model, pat, receipt));
    let named = if earns && !named.is_empty() { named } else { entries.clone() };
    let org = match draw.pick(&named).and_then(|entry| model.record(pat, entry.rec)) {
        Some(record) if draw.chance(70) => record.custodian,
        Some(record) if draw.chance(90) => draw.of(&record.custodians()),
        _ => draw.below(model.orgs.len()),
    };
    let by = officer(model, draw, org, GATEWAY)?;
    let kept = |rec: Rec| model.record(pat, rec).is_some_and(|record| record.custodians().contains(&org));
    let mut bits = 0;
    for (place, entry) in entries.drain(..).enumerate() {
        let wanted = kept(entry.rec) && (entry.verdict.is_permit() || draw.chance(20)) && !entry.served.contains(&org);
        bits |= u64::from(wanted || draw.chance(3)) << place;
    }
    Some(call(by, What::Serve { pat, receipt, entries: bits }))
}

pub fn emergency(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pat = some_patient(model, draw)?;
    let (doc, org) = some_post(model, draw)?;
    let by = key_of(model, draw, Who::Doc(doc))?;
    let cosigner = |draw: &mut Draw, org| {
        let role = draw.of(&[0, REVIEWER]);
        officer(model, draw, org, role)
    };
    let summary = model.summary(pat).unwrap_or(1);
    if draw.chance(12) {
        let officer = cosigner(draw, org)?;
        let happened = model.now - draw.of(&[0, HOUR, 71 * HOUR, 72 * HOUR, 100 * HOUR]);
        let rec = if draw.chance(90) { summary } else { some_rec(model, draw, pat)? };
        let by = if draw.chance(50) { by } else { officer };
        let opener = key_of(model, draw, Who::Doc(doc))?;
        return Some(call(by, What::LateEmergency { pat, org, doc, rec, happened, opener, officer }));
    }
    let full = draw.chance(55);
    let recs = if full || draw.chance(5) { some_recs(model, draw, pat) } else { vec![summary] };
    let org_of_officer = if draw.chance(93) { org } else { draw.below(model.orgs.len()) };
    let along = if draw.chance(if full { 10 } else { 40 }) { cosigner(draw, org_of_officer) } else { None };
    Some(signed(by, along.into_iter().collect(), What::Emergency { pat, org, full, recs }))
}

pub fn review(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let (pat, receipt) = some_receipt(model, draw, Receipt::is_open)?;
    let finding = draw.of(&[Finding::Justified, Finding::Justified, Finding::Unjustified, Finding::Inconclusive]);
    let own = model.pats[pat].log.receipt(receipt).map_or(0, |receipt| receipt.org);
    let disputed = model.pats[pat].log.receipt(receipt).is_some_and(|receipt| receipt.dispute == Some(false));
    let org = if disputed || draw.chance(15) { draw.below(model.orgs.len()) } else { own };
    let by = officer(model, draw, org, REVIEWER)?;
    Some(call(by, What::Review { pat, receipt, finding }))
}

pub fn dispute(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let (pat, receipt) = some_receipt(model, draw, |receipt| receipt.dispute.is_none())?;
    let by = own_key(model, draw, pat, 20)?;
    Some(call(by, What::Dispute { pat, receipt }))
}

pub fn request(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pat = some_patient(model, draw)?;
    let (doc, org) = some_post(model, draw)?;
    let by = key_of(model, draw, Who::Doc(doc))?;
    let terms = rules::some_terms(model, draw, pat)?;
    // A request says nothing of these.
    let terms = Terms { deny: false, max_uses: None, no_redisclose: false, local_only: false, erase_by: None, ..terms };
    Some(call(by, What::Request { pat, org, terms }))
}

pub fn respond(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let open = draw.chance(90);
    let mut requests: Vec<(Pat, Request)> = Vec::new();
    for (pat, patient) in model.pats.iter().enumerate() {
        let wanted = |request: &&Request| !open || request.is_open(model.now);
        requests.extend(patient.requests.iter().filter(wanted).map(|request| (pat, request.clone())));
    }
    let (pat, Request { doc, number, org, terms: asked, .. }) = draw.pick(&requests)?;
    if draw.chance(20) {
        let by = key_of(model, draw, Who::Doc(doc))?;
        return Some(call(by, What::Respond { pat, doc, number, answer: Answer::Withdraw }));
    }
    let by = own_key(model, draw, pat, 20)?;
    if draw.chance(20) {
        return Some(call(by, What::Respond { pat, doc, number, answer: Answer::Refuse }));
    }
    let (no_redisclose, local_only, erase_by) = (draw.chance(20), false, None);
    let mut terms = Terms { to: To::Doc(doc, org), deny: false, no_redisclose, local_only, erase_by, ..asked.clone() };
    terms.from = terms.from.max(model.now).min(terms.until);
    match draw.below(8) {
        0 => terms.max_uses = Some(1),
        1 => terms.kinds &= draw.below(512) as u16,
        2 => terms.until += 1,
        3 => terms.to = To::Org(org),
        _ => {}
    }
    if let Some((_, held)) = model.acts_for(by, pat) {
        terms.none_of = held.excluded.clone();
        terms.any_of.retain(|tag| !terms.none_of.contains(tag));
    }
    Some(call(by, What::Respond { pat, doc, number, answer: Answer::Approve(terms) }))
}
