//! Chain and model say the same of everything that can be seen.

use std::{collections::BTreeSet, fmt::Debug};

use parity_scale_codec::Decode;
use salus_access::{
    Case, Receipt as Opened, RequestStatus,
    storage::{Caseloads, Cases, Disputes, LateHolds, Logs, Receipts, Requests},
};
use salus_consent::{
    Basis, Page as RulePage, Reason, Tier, Verdict as Said,
    storage::{Ledgers, Rules},
};
use salus_patients::{
    PatientState,
    storage::{Holds, Patients},
    types::FrozenBy,
};
use salus_primitives::{Moment, PatientId};
use salus_records::{
    RecordStatus,
    storage::{Erasures, Records, Summary},
};
use salus_support::storage::MapKey;
use salus_system::{keys, usage};

use crate::{
    chain::{Chain, State},
    model::{
        Erasure, Model, No, Origin, Patient, Receipt, Record, RequestState, Rule, SlotState, Stage, Status, Verdict,
    },
    speak::{account, doc_id, doc_status, org_id, org_status, pat_id, rec_id, rule_ref, subject, tag, terms},
    words::*,
};

/// Both say the same of `what`.
pub fn same<T: PartialEq + Debug>(what: impl Debug, chain: T, model: T) -> Result<(), String> {
    if chain == model { Ok(()) } else { Err(format!("{what:?}: the chain says {chain:?}, the model {model:?}")) }
}

/// The values of one storage item whose keys begin with this patient.
fn of_patient<V: Decode>(state: &State, item: [u8; 32], patient: PatientId) -> Vec<V> {
    let mut start = item.to_vec();
    patient.append_to(&mut start);
    let values = state.range(start.clone()..).take_while(|(key, _)| key.starts_with(&start));
    values.map(|(_, value)| V::decode(&mut &value[..]).expect("it is one of this item")).collect()
}

/// What the chain decided, in the model's words.
pub fn plain(said: &Said) -> Verdict {
    match said {
        Said::Permit(Basis::Rule(rule)) => Verdict::Rule(rule.id),
        Said::Permit(Basis::Default) => Verdict::Default,
        Said::Permit(Basis::Guardianship) => Verdict::Guardian,
        Said::Permit(Basis::Emergency(tier)) => Verdict::Emergency { full: *tier == Tier::Full },
        Said::Denied(denial) => Verdict::No(match denial.reason {
            Reason::Standing(_) => No::Standing,
            Reason::Patient(_) => No::Patient,
            Reason::UnknownRecord => No::Unknown,
            Reason::EnteredInError => No::Error,
            Reason::Erased => No::Erased,
            Reason::DenyRule => No::DenyRule(denial.rule.map_or(u32::MAX, |rule| rule.id)),
            Reason::NoConsent => No::WithoutConsent,
            Reason::NotSummary => No::NotSummary,
            Reason::NoEmergency => No::WithoutCapability,
            Reason::FullClosed => No::FullClosed,
            Reason::Excluded => No::Excluded,
        }),
    }
}

/// Everything of one patient.
pub fn patient(chain: &Chain, model: &Model, pat: Pat) -> Result<(), String> {
    let Some(expected) = model.pats.get(pat) else { return Ok(()) };
    let (state, id, now) = (&chain.state, pat_id(pat), Moment(model.now));
    let Some(found) = Patients::get(state, &id) else { return same("a patient", false, expected.exists) };
    same(("assurance", pat), (true, found.assurance), (expected.exists, expected.assurance))?;
    same(("state", pat), condition(found.state_at(now)), expected_condition(expected))?;
    let held = salus_patients::guardianship(state, &id, now).map(|held| held.terms);
    let guards = expected.guardians.as_ref().map(|held| crate::speak::guardian_terms(&held.terms));
    same(("guardians", pat), held, guards)?;
    keys_of(chain, model, Who::Pat(pat))?;
    rules(state, expected, pat, model.now)?;
    records(state, model, expected, pat)?;
    log(state, expected, pat)?;
    let number = |doc: Doc| expected.requests.iter().rfind(|request| request.doc == doc);
    for doc in 0..model.docs.len() {
        let asked = Requests::get(state, &(id, doc_id(doc)));
        let asked = asked.map(|asked| (asked.number, request_state(asked.status), terms_window(&asked)));
        let wanted = number(doc).map(|asked| (asked.number, asked.state, (asked.terms.from, asked.terms.until)));
        same(("request", pat, doc), asked, wanted)?;
    }
    let used = usage::used(state, &subject(Who::Pat(pat)), now);
    same(("weight used", pat), used, expected.weights.used_on(model.day()))
}

fn terms_window(asked: &salus_access::Request) -> (u64, u64) {
    (asked.window.from.0, asked.window.until.0)
}

fn request_state(status: RequestStatus) -> RequestState {
    match status {
        RequestStatus::Open => RequestState::Open,
        RequestStatus::Approved(_) => RequestState::Approved,
        RequestStatus::Refused(_) => RequestState::Refused,
        RequestStatus::Withdrawn => RequestState::Withdrawn,
    }
}

/// A patient's state, with the moment that belongs to it.
fn condition(state: PatientState) -> (&'static str, u64) {
    match state {
        PatientState::Provisional { until } => ("provisional", until.0),
        PatientState::Active => ("active", 0),
        PatientState::Frozen { until, by: FrozenBy::Patient } => ("frozen", until.0),
        PatientState::Frozen { until, by: FrozenBy::Guardian } => ("frozen by a guardian", until.0),
        PatientState::Deceased { declared } => ("deceased", declared.0),
        PatientState::Closed => ("closed", 0),
        PatientState::Recovering { until, .. } => ("recovering", until.0),
    }
}

fn expected_condition(patient: &Patient) -> (&'static str, u64) {
    match (patient.closed, patient.dead, &patient.recovery, patient.frozen, patient.provisional) {
        (true, ..) => ("closed", 0),
        (_, Some(declared), ..) => ("deceased", declared),
        (_, _, Some(recovery), ..) => ("recovering", recovery.ripe + 14 * DAY),
        (_, _, _, Some((until, false)), _) => ("frozen", until),
        (_, _, _, Some((until, true)), _) => ("frozen by a guardian", until),
        (.., Some(until)) => ("provisional", until),
        _ => ("active", 0),
    }
}

pub fn keys_of(chain: &Chain, model: &Model, whom: Who) -> Result<(), String> {
    let live = keys::live(&chain.state, subject(whom), Moment(model.now)).into_iter().collect::<BTreeSet<_>>();
    let expected = model.keys_of(whom).into_iter().map(account).collect();
    same(("keys of", whom), live, expected)
}

fn rules(state: &State, expected: &Patient, pat: Pat, now: u64) -> Result<(), String> {
    let pages: Vec<RulePage> = of_patient(state, Rules::prefix(), pat_id(pat));
    let ledger = Ledgers::get(state, &pat_id(pat));
    same(("rules made", pat), (ledger.next_id, ledger.pages as usize), (expected.next_rule, pages.len()))?;
    let mut written: Vec<salus_consent::Rule> = pages.into_iter().flatten().collect();
    written.sort_unstable_by_key(|rule| rule.id);
    let ids = written.iter().map(|rule| rule.id).collect::<Vec<_>>();
    same(("rules that lie in pages", pat), ids, expected.rules.iter().map(|rule| rule.id).collect())?;
    for (rule, expected) in written.iter().zip(&expected.rules) {
        let name = (pat, rule.id);
        same(("terms", name), &rule.terms, &terms(&expected.terms))?;
        let used = rule.uses.map_or(0, |uses| uses.count);
        same(("uses", name), (used, rule.labelled_only), (expected.used, expected.labelled_only))?;
        let origin = match expected.origin {
            Origin::Patient => salus_consent::Origin::Patient,
            Origin::Guardian(guardian) => salus_consent::Origin::Guardian(pat_id(guardian)),
            Origin::Part(whole) => salus_consent::Origin::Delegated(rule_ref(whole)),
        };
        same(("origin", name), rule.origin, origin)?;
        let parts = expected.parts.iter().map(|part| rule_ref(*part)).collect::<Vec<_>>();
        same(("delegated from", name), rule.children.to_vec(), parts)?;
    }
    let mut left = expected.rules.iter().filter(|rule| !rule.is_over(now));
    left.try_for_each(|rule| is_within_its_parent(expected, rule, pat))
}

/// I4: what was delegated, and is not over, lies within its parent, record by record and bit by bit, and the parent lists it.
fn is_within_its_parent(patient: &Patient, rule: &Rule, pat: Pat) -> Result<(), String> {
    let Origin::Part(whole) = rule.origin else { return Ok(()) };
    let Some(parent) = patient.rules.iter().find(|other| other.name() == whole) else {
        return Err(format!("I4: rule {} of patient {pat} is there without the rule it is a part of", rule.id));
    };
    let more = |record: &&Record| rule.sees(record) && !parent.sees(record);
    let wider = rule.terms.purposes & !parent.terms.purposes != 0
        || rule.terms.actions & !parent.terms.actions != 0
        || rule.terms.from < parent.terms.from
        || rule.terms.until > parent.terms.until
        || parent.terms.max_uses.is_some() && rule.terms.max_uses.is_none_or(|uses| uses > parent.used)
        || patient.records.iter().any(|record| more(&record));
    let listed = parent.parts.contains(&rule.name());
    if listed && !wider { Ok(()) } else { Err(format!("I4: rule {} of patient {pat} exceeds its parent", rule.id)) }
}

fn records(state: &State, model: &Model, expected: &Patient, pat: Pat) -> Result<(), String> {
    let id = pat_id(pat);
    let found: Vec<salus_records::Record> = of_patient(state, Records::prefix(), id);
    same(("records", pat), found.len(), expected.records.len())?;
    for record in &expected.records {
        let key = (id, rec_id(record.id));
        let Some(found) = Records::get(state, &key) else { return Err(format!("record {} is gone", record.id)) };
        let status = match record.status {
            Status::Current => RecordStatus::Current,
            Status::Superseded => RecordStatus::Superseded,
            Status::Error => RecordStatus::EnteredInError,
            Status::Erased => RecordStatus::Erased,
        };
        let name = (pat, record.id);
        same(("status", name), (found.status, found.hold), (status, record.hold))?;
        let tags = record.tags.iter().map(|label| tag(*label)).collect::<Vec<_>>();
        let labels = (found.tags.to_vec(), found.labelled, found.restricted);
        same(("labels", name), labels, (tags, record.labelled, record.restricted))?;
        let custody = (found.custodian, found.second, found.organisation);
        let kept = (org_id(record.custodian), record.second.map(org_id), org_id(record.org));
        same(("custody", name), custody, kept)?;
        let origin = (found.author, found.prev, found.version, found.kind as u8);
        same(("origin", name), origin, (subject(record.author), record.prev.map(rec_id), record.version, record.kind))?;
        same(("digest", name), found.digest, crate::fixtures::digest(pat, record.id))?;
        let erasure = Erasures::get(state, &key).map(|erasure| match erasure {
            salus_records::Erasure::Requested { .. } => ("requested", Vec::new()),
            salus_records::Erasure::Refused { .. } => ("refused", Vec::new()),
            salus_records::Erasure::Ordered { open, .. } => ("ordered", open.to_vec()),
        });
        let wanted = record.erasure.as_ref().map(|erasure| match erasure {
            Erasure::Requested => ("requested", Vec::new()),
            Erasure::Refused => ("refused", Vec::new()),
            Erasure::Ordered(open) => ("ordered", open.iter().map(|org| org_id(*org)).collect()),
        });
        same(("erasure", name), erasure, wanted)?;
    }
    same(("summary", pat), Summary::get(state, &id), model.summary(pat).map(rec_id))?;
    let held = expected.records.iter().filter(|record| record.hold).count();
    same(("holds", pat), Holds::get(state, &id) as usize, held)
}

/// I2: as many facts as the model counted; and each receipt that is kept says what the model decided.
fn log(state: &State, expected: &Patient, pat: Pat) -> Result<(), String> {
    let id = pat_id(pat);
    let log = Logs::get(state, &id);
    let (count, first) = (expected.log.places.len(), expected.log.first);
    same(("I2, facts and the oldest kept", pat), (log.count as usize, log.first as usize), (count, first))?;
    let kept: Vec<Opened> = of_patient(state, Receipts::prefix(), id);
    same(("receipts kept", pat), kept.len(), expected.log.places.iter().flatten().count())?;
    for (index, wanted) in expected.log.places.iter().enumerate() {
        let Some(wanted) = wanted else { continue };
        let key = (id, index as u32);
        let Some(found) = Receipts::get(state, &key) else { return Err(format!("receipt {index} is gone")) };
        receipt((pat, index), &found, wanted)?;
        let case = Cases::get(state, &key).unwrap_or_default();
        let dispute = case.dispute.map(|dispute| dispute.review.is_some());
        same(("dispute", pat, index), dispute, wanted.dispute)?;
        same(("emergency", pat, index), waits(&case), wanted.emergency.as_ref().map(|found| !found.reviewed))?;
    }
    let open = expected.log.places.iter().flatten().filter(|receipt| receipt.dispute == Some(false)).count();
    same(("open disputes", pat), Disputes::get(state, &id).len(), open)
}

fn waits(case: &Case) -> Option<bool> {
    case.emergency.map(|_| case.review.is_none())
}

pub fn receipt(name: (Pat, usize), found: &Opened, wanted: &Receipt) -> Result<(), String> {
    let who = (found.opener, found.organisation, found.at.0, found.until.0);
    same(("receipt", name), who, (subject(wanted.opener), org_id(wanted.org), wanted.at, wanted.until))?;
    same(("entries", name), found.entries.len(), wanted.entries.len())?;
    for (entry, wanted) in found.entries.iter().zip(&wanted.entries) {
        same(("record opened", name), entry.record, rec_id(wanted.rec))?;
        same(("verdict on", name, wanted.rec), plain(&entry.verdict), wanted.verdict)?;
        let served = entry.served.0.count_ones() as usize;
        same(("reports of", name, wanted.rec), served, wanted.served.len())?;
    }
    Ok(())
}

/// Organisations, practitioners, credits.
pub fn register(chain: &Chain, model: &Model) -> Result<(), String> {
    let (state, now) = (&chain.state, Moment(model.now));
    for (org, expected) in model.orgs.iter().enumerate() {
        let found = salus_registry::storage::Organisations::get(state, &org_id(org));
        let found = found.map(|found| (found.status, found.caps.0));
        same(("organisation", org), found, expected.standing.map(|standing| (org_status(standing), expected.caps)))?;
        same(("balance", org), salus_credits::balance(state, org_id(org)), expected.balance)?;
        same(("late holds", org), LateHolds::get(state, &org_id(org)), expected.late_holds)?;
        let used = usage::used(state, &subject(Who::Org(org)), now);
        same(("weight used by organisation", org), used, expected.weights.used_on(model.day()))?;
    }
    for (doc, expected) in model.docs.iter().enumerate() {
        let found = salus_registry::storage::Practitioners::get(state, &doc_id(doc));
        let found = found.map(|found| (found.status, found.licence_until.0, found.speciality));
        let wanted = expected.standing.map(|s| (doc_status(s), expected.licence_until, expected.speciality));
        same(("practitioner", doc), found, wanted)?;
        let load = Caseloads::get(state, &doc_id(doc));
        let cases = (load.open.len() + load.more as usize, load.closed_until.0);
        same(("cases", doc), cases, (expected.cases.len(), expected.closed_until))?;
        let mut places = salus_registry::storage::Places::get(state, &doc_id(doc)).to_vec();
        places.sort_unstable();
        let mut posts = expected.posts.iter().map(|post| org_id(post.org)).collect::<Vec<_>>();
        posts.sort_unstable();
        same(("places", doc), places, posts)?;
    }
    // I10.
    let totals = salus_credits::storage::AllTime::get(state);
    same("credits", (totals.earned, totals.redeemed), (model.earned, model.redeemed))?;
    let balances = (0..model.orgs.len()).map(|org| salus_credits::balance(state, org_id(org))).sum::<u64>();
    same("I10, what was earned less what was redeemed", totals.earned - totals.redeemed, balances)
}

/// Everything else: asked at the end of a sequence.
pub fn rest(chain: &Chain, model: &Model) -> Result<(), String> {
    let state = &chain.state;
    for (number, motion) in model.motions.iter().enumerate() {
        let found = salus_council::storage::Motions::get(state, &(number as u32)).map(|found| found.stage);
        let found = found.map(|stage| match stage {
            salus_council::types::Stage::Open => Stage::Open,
            salus_council::types::Stage::Waiting(due) => Stage::Waiting(due.0),
            salus_council::types::Stage::Executed => Stage::Executed,
            salus_council::types::Stage::Failed(_) => Stage::Failed,
            salus_council::types::Stage::Rejected => Stage::Rejected,
            salus_council::types::Stage::Cancelled => Stage::Cancelled,
        });
        same(("motion", number), found, Some(motion.stage))?;
    }
    for slot in model.slots.iter().filter(|slot| !matches!(slot.state, SlotState::Cancelled | SlotState::Declined)) {
        let name = salus_appointments::SlotRef { practitioner: doc_id(slot.doc), from: Moment(slot.from) };
        let found =
            salus_appointments::slot(state, name).map(|found| (found.status as u8, found.booking.map(|b| b.key)));
        same(("slot", slot.doc, slot.from), found, Some((slot.state as u8, slot.key.map(account))))?;
    }
    let people = (0..model.docs.len()).map(Who::Doc).chain((0..model.orgs.len()).map(Who::Org));
    people.chain([Who::Council]).try_for_each(|whom| keys_of(chain, model, whom))?;
    for org in 0..model.orgs.len() {
        // T19.10: an organisation never loses its last Admin.
        let admins = model.keys_of(Who::Org(org)).into_iter().filter(|key| model.keys[*key].roles & ADMIN != 0).count();
        same(("admins", org), usize::from(keys::admins(state, subject(Who::Org(org)))), admins)?;
        if admins == 0 {
            return Err(format!("organisation {org} lost its last Admin"));
        }
    }
    (0..model.pats.len()).try_for_each(|pat| patient(chain, model, pat))?;
    register(chain, model)
}
