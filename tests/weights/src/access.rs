//! Asking, opening, reporting, emergencies and reviews.

use salus_access::{
    Answer, Call, Evidence, Finding, Receipt, Request, RequestRef, RequestStatus,
    cases::{Case, Caseload, DISPUTES_MAX, Dispute, Emergency, Late, OPEN_CASES_MAX, OpenCase, REVIEW_WITHIN},
    storage::{Activities, Caseloads, Cases, Disputes, LateHolds, Receipts, Requests},
    types::Activity,
};
use salus_consent::{Actions, Grantee, Kinds, Purpose, Purposes, Scope, Tier};
use salus_primitives::{
    Moment, PatientId, PractitionerId, Subject, Window,
    crypto::KeyPair,
    signed::{self, CoSign, CoSigns, EmergencyRelease},
    subject::Roles,
    time::{DAY, HOUR},
};
use salus_support::Overlay;

use crate::{
    consent::guardians_terms,
    guardians::{Changes, guarded},
    people::{GRANTEE, HOSPITAL, NOTE, declared_dead, doctor, guardian, key, list, officer, patient, record_id, tags},
    records::filed,
    rules::{
        PAGE, RECEIPT, by_limited_rule, deny, denying_pages, limited_pages, log, page, permit, receipt, record_ids,
        rule,
    },
    scene::{Builder, GENESIS, NOW},
};

/// Write the cases.
pub(crate) fn cases(builder: &mut Builder<'_>) {
    request(builder);
    respond(builder);
    open(builder);
    serve(builder);
    emergencies(builder);
    late(builder);
    reviews(builder);
    dispute(builder);
}

/// The longest scope that can be asked for.
fn widest() -> Scope {
    Scope {
        records: Some(record_ids()),
        any_of: tags("asked", 8),
        none_of: tags("not asked", 8),
        ..Scope::kinds(Kinds::ALL)
    }
}

fn earlier(number: u32, scope: Scope, status: RequestStatus) -> Request {
    Request {
        number,
        organisation: HOSPITAL,
        scope,
        purposes: Purposes::ALL,
        actions: Actions::ALL,
        window: permit(Grantee::Everyone).window,
        note: NOTE,
        at: Moment(NOW.0 - HOUR),
        status,
    }
}

fn request(builder: &mut Builder<'_>) {
    let (practitioner, signs) = doctor(builder, "asks");
    let (patient, _) = patient(builder, "asked");
    denying_pages(&mut builder.state, patient, practitioner, HOSPITAL);
    let before = earlier(6, widest(), RequestStatus::Refused(1));
    Requests::insert(&mut builder.state, &(patient, practitioner), &before);
    did_much(&mut builder.state, practitioner);
    let call = Call::Request {
        patient,
        organisation: HOSPITAL,
        scope: widest(),
        purposes: Purposes::ALL,
        actions: Actions::ALL,
        window: Window { from: NOW, until: NOW.plus(DAY) },
        note: NOTE,
    };
    builder.case("64 records and 16 tags, among four full pages of denials", &signs, call);
}

/// A practitioner's day so far.
fn did_much(state: &mut Overlay<'_>, practitioner: PractitionerId) {
    let activity = Activity { day: NOW.day(), openings: 40, requests: 40, emergencies: 5 };
    Activities::insert(state, &Subject::Practitioner(practitioner), &activity);
}

fn respond(builder: &mut Builder<'_>) {
    let (practitioner, requester) = doctor(builder, "waits for an answer");
    let (patient, _) = guarded(builder, "answered for", Changes::Waits);
    let grantee = Grantee::Practitioner(practitioner, HOSPITAL);
    let lines = (0..PAGE - 1).map(|line| rule(line, deny(grantee))).collect();
    page(&mut builder.state, patient, lines);
    let asked = Scope { records: Some(record_ids()), ..Scope::kinds(Kinds::ALL) };
    Requests::insert(&mut builder.state, &(patient, practitioner), &earlier(7, asked, RequestStatus::Open));
    let respond =
        |answer| Call::Respond { patient, request: RequestRef { requester: practitioner, number: 7 }, answer };
    let (_, signs) = guardian(0);
    let approval = respond(Answer::Approve(guardians_terms(grantee)));
    builder.case("approved by one of eight guardians, as the last rule on a page", &signs, approval);
    builder.case("refused by one of eight guardians", &signs, respond(Answer::Refuse(1)));
    builder.case("withdrawn", &requester, respond(Answer::Withdraw));
}

/// A patient of 64 records and a long log whom a practitioner opens.
fn opened(builder: &mut Builder<'_>, name: &str) -> (PractitionerId, KeyPair, PatientId) {
    let (practitioner, signs) = doctor(builder, name);
    let (patient, _) = patient(builder, name);
    let state = &mut builder.state;
    declared_dead(state, patient);
    filed(state, patient, Subject::Practitioner(practitioner));
    log(state, patient, Subject::Practitioner(practitioner));
    did_much(state, practitioner);
    (practitioner, signs, patient)
}

fn open(builder: &mut Builder<'_>) {
    let records = record_ids;
    let call = |patient, purpose| Call::Open { patient, organisation: HOSPITAL, purpose, records: records() };
    let (practitioner, signs, patient) = opened(builder, "opens by many rules");
    limited_pages(&mut builder.state, patient, practitioner, HOSPITAL);
    builder.case("64 records by 48 limited rules of four full pages", &signs, call(patient, Purpose::Treatment));
    let (practitioner, signs, patient) = opened(builder, "opens in vain");
    denying_pages(&mut builder.state, patient, practitioner, HOSPITAL);
    builder.case("64 records that no rule of four full pages permits", &signs, call(patient, Purpose::Payment));

    let (patient, _) = guarded(builder, "opened by a guardian", Changes::Waits);
    let state = &mut builder.state;
    filed(state, patient, Subject::Patient(patient));
    log(state, patient, Subject::Patient(patient));
    let lines = (0..PAGE).map(|line| rule(line, deny(Grantee::Everyone))).collect();
    page(state, patient, lines);
    builder.case("64 records by one of eight guardians", &guardian(0).1, call(patient, Purpose::FamilyRequest));
}

fn serve(builder: &mut Builder<'_>) {
    let (practitioner, _, patient) = opened(builder, "was released to");
    limited_pages(&mut builder.state, patient, practitioner, HOSPITAL);
    let at = Moment(NOW.0 - 60_000);
    let opener = Subject::Practitioner(practitioner);
    let receipt = receipt(opener, HOSPITAL, at, by_limited_rule(practitioner, HOSPITAL));
    Receipts::insert(&mut builder.state, &(patient, RECEIPT), &receipt);
    let call = Call::Serve { patient, receipt: RECEIPT, entries: u64::MAX, digest: NOTE };
    builder.case(
        "64 entries by 48 limited rules, each of a record with eight former custodians, and what it earns",
        &officer(GRANTEE, Roles::GATEWAY),
        call,
    );
}

/// Cases of a practitioner, of the given age each; the last is that of `patient`.
fn caseload(count: u32, patient: PatientId, age: u64) -> Caseload {
    let open = |number: u32| {
        let other = PatientId(crate::people::id("case", number as usize));
        let patient = if number + 1 == count { patient } else { other };
        OpenCase { patient, receipt: RECEIPT, since: Moment(NOW.0 - age) }
    };
    Caseload { open: list((0..count).map(open).collect()), ..Caseload::default() }
}

fn emergencies(builder: &mut Builder<'_>) {
    // At the other hospital, where no late emergency waits.
    let (along, there) = (officer(HOSPITAL, Roles::PRIVACY), officer(GRANTEE, Roles::PRIVACY));
    let (practitioner, signs, patient) = opened(builder, "emergency in full");
    denying_pages(&mut builder.state, patient, practitioner, GRANTEE);
    let other = PatientId([0; 16]);
    Caseloads::insert(&mut builder.state, &practitioner, &caseload(OPEN_CASES_MAX - 1, other, HOUR));
    builder.cosigned("64 records in full, beside 15 open cases, an officer along", &signs, &[&there], |cosign| {
        Call::EmergencyOpen {
            patient,
            organisation: GRANTEE,
            tier: Tier::Full,
            records: record_ids(),
            reason: 1,
            note: NOTE,
            late: None,
            cosign,
        }
    });
    let (practitioner, signs, patient) = opened(builder, "emergency summary");
    denying_pages(&mut builder.state, patient, practitioner, HOSPITAL);
    Caseloads::insert(&mut builder.state, &practitioner, &caseload(OPEN_CASES_MAX, other, REVIEW_WITHIN));
    builder.cosigned("the summary, beside 16 overdue cases, an officer along", &signs, &[&along], |cosign| {
        Call::EmergencyOpen {
            patient,
            organisation: HOSPITAL,
            tier: Tier::Summary,
            records: list(vec![record_id(0)]),
            reason: 1,
            note: NOTE,
            late: None,
            cosign,
        }
    });
}

/// An emergency of the time of a halt, written down too late.
fn late(builder: &mut Builder<'_>) {
    let (practitioner, opener, patient) = opened(builder, "emergency in a halt");
    denying_pages(&mut builder.state, patient, practitioner, HOSPITAL);
    let other = PatientId([0; 16]);
    Caseloads::insert(&mut builder.state, &practitioner, &caseload(OPEN_CASES_MAX, other, HOUR));
    let (record, happened) = (record_id(0), Moment(NOW.0 - REVIEW_WITHIN));
    let release =
        EmergencyRelease { patient, organisation: HOSPITAL, practitioner, record, reason: 1, note: NOTE, happened };
    let message = signed::emergency_receipt(&GENESIS, &release);
    let sign = |key: &KeyPair| CoSign { account: key.public(), signature: key.sign(&message) };
    let officer = officer(HOSPITAL, Roles::PRIVACY);
    let evidence = Evidence { practitioner, happened, opener: sign(&opener), officer: sign(&officer) };
    let call = Call::EmergencyOpen {
        patient,
        organisation: HOSPITAL,
        tier: Tier::Summary,
        records: list(vec![record]),
        reason: 1,
        note: NOTE,
        late: Some(evidence),
        cosign: CoSigns::new(),
    };
    builder.verifying(2, "one written down after 72 hours, beside 16 cases", &opener, call);
}

/// The emergency that a receipt is of, with those who do not review it.
fn case(dispute: Option<Dispute>) -> Case {
    let late = Some(Late { happened: Moment(NOW.0 - REVIEW_WITHIN), overdue: true });
    let officer = Some(key("who signed along", 0).public());
    let emergency = Some(Emergency { tier: Tier::Summary, reason: 1, note: NOTE, officer, late });
    Case {
        emergency,
        review: None,
        dispute,
        involved: list((0..3).map(|number| key("involved", number).public()).collect()),
    }
}

/// The receipt of an emergency, in state with its case.
fn disputed(builder: &mut Builder<'_>, patient: PatientId, practitioner: PractitionerId, dispute: Option<Dispute>) {
    let opener = Subject::Practitioner(practitioner);
    let receipt: Receipt = receipt(opener, HOSPITAL, Moment(NOW.0 - DAY), by_limited_rule(practitioner, HOSPITAL));
    Receipts::insert(&mut builder.state, &(patient, RECEIPT), &receipt);
    Cases::insert(&mut builder.state, &(patient, RECEIPT), &case(dispute));
    Caseloads::insert(&mut builder.state, &practitioner, &caseload(OPEN_CASES_MAX, patient, HOUR));
    LateHolds::insert(&mut builder.state, &HOSPITAL, &2);
}

/// As many open disputes as there may be, less `room`; the last is that of the receipt where there is no room.
fn disputes(state: &mut Overlay<'_>, patient: PatientId, room: u32) {
    let count = DISPUTES_MAX - room;
    let first = RECEIPT + 1 - count;
    Disputes::insert(state, &patient, &list((first..first + count).map(|index| index - room).collect()));
}

fn reviews(builder: &mut Builder<'_>) {
    let review = |patient| Call::Review { patient, receipt: RECEIPT, finding: Finding::Unjustified, note: NOTE };
    let (practitioner, _, patient) = opened(builder, "reviewed");
    disputed(builder, patient, practitioner, None);
    builder.case(
        "an overdue emergency, unjustified, of 16 cases",
        &officer(HOSPITAL, Roles::REVIEWER),
        review(patient),
    );
    let (practitioner, _, patient) = opened(builder, "dispute reviewed");
    let dispute = Dispute { by: patient, note: NOTE, at: NOW, review: None };
    disputed(builder, patient, practitioner, Some(dispute));
    disputes(&mut builder.state, patient, 0);
    builder.case("one of 20 disputes, unjustified", &officer(GRANTEE, Roles::REVIEWER), review(patient));
}

fn dispute(builder: &mut Builder<'_>) {
    let (practitioner, _) = doctor(builder, "disputed");
    let (patient, _) = guarded(builder, "objects to an opening", Changes::Waits);
    log(&mut builder.state, patient, Subject::Practitioner(practitioner));
    disputed(builder, patient, practitioner, None);
    disputes(&mut builder.state, patient, 1);
    let call = Call::Dispute { patient, receipt: RECEIPT, note: NOTE };
    builder.case("the 20th of an emergency, by one of eight guardians", &guardian(0).1, call);
}
