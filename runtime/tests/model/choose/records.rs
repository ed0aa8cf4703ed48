//! Filing, labels, erasure and custody.

use super::*;
use crate::model::{Erasure, Record, has};

fn some_labels(draw: &mut Draw) -> Labels {
    let labelled = draw.chance(80);
    Labels {
        tags: if draw.chance(45) { draw.some(&TAGS, 2) } else { Vec::new() },
        labelled,
        restricted: draw.chance(25) || (!labelled && !draw.chance(5)),
    }
}

pub fn put(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pat = some_patient(model, draw)?;
    let by_patient = draw.chance(15);
    let (mut doc, mut org) = some_post(model, draw)?;
    for _ in 0..4 {
        // Somebody who may, if that is not hard to find.
        let adds = |rule: &crate::model::Rule| {
            !rule.terms.deny
                && has(rule.terms.actions.into(), ADD)
                && rule.is_live(model.now, 0)
                && model.speaks_to(rule.terms.to, doc, org, model.now)
        };
        if by_patient || model.pats.get(pat).is_some_and(|patient| patient.rules.iter().any(adds)) {
            break;
        }
        (doc, org) = some_post(model, draw)?;
    }
    let by = key_of(model, draw, if by_patient { Who::Pat(pat) } else { Who::Doc(doc) })?;
    let custodian = if draw.chance(80) { org } else { draw.below(model.orgs.len()) };
    if by_patient {
        org = custodian;
    }
    let second = draw.chance(30).then(|| draw.below(model.orgs.len()));
    let second = second.filter(|second| *second != custodian || draw.chance(5));
    let current: Vec<Record> = model.pats.get(pat).map_or(Vec::new(), |patient| {
        patient.records.iter().filter(|record| record.status == Status::Current || draw.chance(10)).cloned().collect()
    });
    let prev = if draw.chance(30) { draw.pick(&current) } else { None };
    let fresh = [0, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8];
    let kind = match &prev {
        Some(prev) if draw.chance(95) => prev.kind,
        _ => draw.of(&fresh),
    };
    let rec = if draw.chance(97) { model.next_rec } else { some_rec(model, draw, pat)? };
    model.next_rec += 1;
    let gateway = |draw: &mut Draw, org: Org| {
        let org = if draw.chance(97) { org } else { draw.below(model.orgs.len()) };
        officer(model, draw, org, GATEWAY)
    };
    let mut gateways = Vec::new();
    for keeper in [custodian].into_iter().chain(second) {
        gateways.push(gateway(draw, keeper)?);
    }
    let (prev, labels) = (prev.map(|prev| prev.id), some_labels(draw));
    Some(call(by, What::Put(Filing { pat, org, rec, prev, kind, labels, custodian, second, gateways })))
}

pub fn mark(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pat = some_patient(model, draw)?;
    let records = model.pats.get(pat).map_or(Vec::new(), |patient| patient.records.clone());
    let asked = |record: &&Record| record.erasure == Some(Erasure::Requested);
    let asked: Vec<Record> = records.iter().filter(asked).cloned().collect();
    let held: Vec<Record> = records.iter().filter(|record| record.hold).cloned().collect();
    let any = draw.pick(&records)?;
    let (record, to) = match draw.below(100) {
        0..30 => (draw.pick(&asked)?, if draw.chance(75) { Mark::Erase } else { Mark::RefuseErase }),
        30..45 => (draw.pick(&held)?, Mark::LiftHold),
        45..80 => (any, Mark::RequestErase),
        80..90 => (any, Mark::Hold),
        90..97 => (any, Mark::Error),
        _ => (any, draw.of(&[Mark::Erase, Mark::RefuseErase, Mark::LiftHold])),
    };
    let author = matches!(to, Mark::Hold | Mark::Error) && draw.chance(50);
    let by = match (to, author) {
        (Mark::RequestErase, _) => key_of(model, draw, Who::Pat(pat))?,
        (_, true) => key_of(model, draw, record.author)?,
        _ => officer(model, draw, record.custodian, PRIVACY)?,
    };
    let basis = u8::from(draw.chance(96));
    Some(call(by, What::Mark { pat, rec: record.id, to, basis }))
}

pub fn relabel(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pat = some_patient(model, draw)?;
    let rec = some_rec(model, draw, pat)?;
    let by = key_of(model, draw, Who::Pat(pat))?;
    Some(call(by, What::Relabel { pat, rec, labels: some_labels(draw) }))
}

pub fn shred(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let mut duties = Vec::new();
    for (pat, patient) in model.pats.iter().enumerate() {
        for record in &patient.records {
            if let Some(Erasure::Ordered(open)) = &record.erasure {
                duties.extend(open.iter().map(|org| (pat, record.id, *org)));
            }
        }
    }
    let (pat, rec, org) = if draw.chance(92) { draw.pick(&duties)? } else { (0, 1, draw.below(model.orgs.len())) };
    let by = officer(model, draw, org, GATEWAY)?;
    Some(call(by, What::Shred { pat, rec, epoch: if draw.chance(95) { 1 } else { 2 } }))
}

pub fn hand_over(model: &mut Model, draw: &mut Draw) -> Option<Deed> {
    let pat = some_patient(model, draw)?;
    let rec = some_rec(model, draw, pat)?;
    let from = model.record(pat, rec).map(|record| record.custodians()).map_or(0, |custodians| draw.of(&custodians));
    let same = |other: &Rec| *other != rec && model.record(pat, *other).is_some_and(|r| r.custodians().contains(&from));
    let more: Vec<Rec> = recs_of(model, pat).into_iter().filter(same).collect();
    let more = if draw.chance(30) { draw.pick(&more) } else { None };
    let records = [rec].into_iter().chain(more).map(|rec| (pat, rec)).collect();
    if let Some(to) = model.orgs.get(from)?.successor.filter(|_| draw.chance(80)) {
        let by = officer(model, draw, to, GATEWAY)?;
        return Some(call(by, What::Custody { records, to }));
    }
    let to = draw.below(model.orgs.len());
    let by = officer(model, draw, from, PRIVACY)?;
    let taker = officer(model, draw, to, GATEWAY)?;
    Some(signed(by, vec![taker], What::Custody { records, to }))
}
