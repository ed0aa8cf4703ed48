//! Records: filing, states, labels, erasure and hand-over.

use salus_consent::{Action, Actions, Grantee, Kind, Kinds, Scope, Terms, types::Uses};
use salus_primitives::{
    Hash, Moment, OrganisationId, PatientId, RecordId, Subject, signed, signed::CoSigns, subject::Roles, time::DAY,
};
use salus_records::{
    Call,
    storage::{Erasures, FormerCustodians, Records, Summary},
    types::{
        Change, CustodyReceipt, Erasure, FIRST_EPOCH, FIRST_VERSION, FORMER_KEPT, FORMERS_MAX, Former, HAND_OVER_MAX,
        Place, Record, RecordKeys, RecordStatus,
    },
};
use salus_registry::storage::Successors;
use salus_support::Overlay;

use crate::{
    people::{GRANTEE, HOSPITAL, NOTE, declared_dead, doctor, id, list, officer, patient, record_id, tags},
    rules::{PAGE, RECORDS, deny, grantees, page, permit, rule},
    scene::{Builder, GENESIS, NOW},
};

/// A labelled and restricted record with eight tags at both hospitals.
pub(crate) fn record(author: Subject) -> Record {
    Record {
        version: FIRST_VERSION,
        prev: Some(record_id(10_000)),
        kind: Kind::Lab,
        tags: tags("borne", 8),
        labelled: true,
        restricted: true,
        digest: NOTE,
        size: 1 << 20,
        key_epoch: FIRST_EPOCH,
        author,
        organisation: HOSPITAL,
        custodian: HOSPITAL,
        second: Some(GRANTEE),
        status: RecordStatus::Current,
        hold: false,
    }
}

/// Give a patient as many records as one opening names; the first is the summary.
pub(crate) fn filed(state: &mut Overlay<'_>, patient: PatientId, author: Subject) {
    for number in 0..RECORDS {
        let kind = if number == 0 { Kind::Summary } else { Kind::Lab };
        Records::insert(state, &(patient, record_id(number)), &Record { kind, ..record(author) });
        FormerCustodians::insert(state, &(patient, record_id(number)), &list(formers(Place::First)));
    }
    Summary::insert(state, &patient, &record_id(0));
}

/// As many former custodians as are kept: half of them left long enough ago to make room.
fn formers(place: Place) -> Vec<Former> {
    let former = |number: usize| {
        let long_ago = number < FORMERS_MAX as usize / 2;
        let until = Moment(NOW.0 - if long_ago { FORMER_KEPT } else { 2 * DAY });
        Former { organisation: OrganisationId(id("former", number)), place, until }
    };
    (0..FORMERS_MAX as usize).map(former).collect()
}

/// Write the cases.
pub(crate) fn cases(builder: &mut Builder<'_>) {
    put(builder);
    states(builder);
    hand_over(builder);
    succession(builder);
}

/// An amendment of the summary that rests on two rules with a limit, one for what there is and one for what will be,
/// each the last of a full page.
fn put(builder: &mut Builder<'_>) {
    let (practitioner, signs) = doctor(builder, "amends a summary");
    let (patient, _) = patient(builder, "whose summary is amended");
    let (author, prev, new) = (Subject::Practitioner(practitioner), record_id(0), record_id(20_000));
    let state = &mut builder.state;
    declared_dead(state, patient);
    let old = Record { kind: Kind::Summary, tags: tags("borne", 4), ..record(author) };
    Records::insert(state, &(patient, prev), &old);
    Summary::insert(state, &patient, &prev);
    for (place, grantee) in grantees(practitioner, HOSPITAL).into_iter().enumerate() {
        let scope = match grantee {
            Grantee::Practitioner(..) => Some(Scope { none_of: tags("added", 1), ..Scope::kinds(Kinds::ALL) }),
            Grantee::Organisation(_) => Some(Scope::kinds(Kinds::ALL)),
            Grantee::Attribute(_) | Grantee::Everyone => None,
        };
        let lines = (0..PAGE).map(|line| match &scope {
            Some(scope) if line + 1 == PAGE => {
                let terms = Terms {
                    scope: scope.clone(),
                    actions: Actions::of(&[Action::Amend]),
                    max_uses: Some(1_000),
                    ..permit(grantee)
                };
                salus_consent::Rule { uses: Some(Uses { count: 1, last: NOW }), ..rule(place * PAGE + line, terms) }
            }
            _ => rule(place * PAGE + line, deny(grantee)),
        });
        let lines = lines.collect();
        page(state, patient, lines);
    }
    let (digest, size) = (Hash([0xD1; 32]), 1 << 20);
    let message = signed::custody_receipt(&GENESIS, &patient, &new, &digest, size, &author);
    let receipts = [HOSPITAL, GRANTEE].map(|custodian| {
        let gateway = officer(custodian, Roles::GATEWAY);
        CustodyReceipt { account: gateway.public(), signature: gateway.sign(&message) }
    });
    let call = Call::Put {
        patient,
        organisation: HOSPITAL,
        id: new,
        prev: Some(prev),
        kind: Kind::Summary,
        tags: tags("added", 4),
        labelled: true,
        restricted: true,
        digest,
        size,
        custodian: HOSPITAL,
        second: Some(GRANTEE),
        receipts: list(receipts.to_vec()),
    };
    builder.verifying(
        2,
        "the summary is amended by two limited rules of four full pages, for two custodians",
        &signs,
        call,
    );
}

fn states(builder: &mut Builder<'_>) {
    let (practitioner, author) = doctor(builder, "filed many records");
    let (patient, owner) = patient(builder, "of many records");
    let state = &mut builder.state;
    filed(state, patient, Subject::Practitioner(practitioner));
    let [summary, held, refused, erased] = [0, 1, 2, 3].map(record_id);
    let plain = record(Subject::Practitioner(practitioner));
    Erasures::insert(state, &(patient, summary), &Erasure::Requested { at: NOW });
    Records::insert(state, &(patient, held), &Record { hold: true, ..plain.clone() });
    salus_patients::state::hold_set(state, &patient);
    Erasures::insert(state, &(patient, refused), &Erasure::Refused { at: NOW, basis: 1 });
    Records::insert(state, &(patient, erased), &Record { status: RecordStatus::Erased, ..plain });
    Erasures::insert(state, &(patient, erased), &Erasure::Ordered { at: NOW, open: list(vec![HOSPITAL]) });

    let privacy = officer(HOSPITAL, Roles::PRIVACY);
    let set = |id: RecordId, to| Call::StatusSet { patient, id, to, basis: 1 };
    builder.case("the summary was an error, says its author", &author, set(summary, Change::EnteredInError));
    builder.case("a hold by the author", &author, set(summary, Change::Hold));
    builder.case("a hold is lifted", &privacy, set(held, Change::LiftHold));
    builder.case("erasure is asked for", &owner, set(refused, Change::RequestErase));
    builder.case("the summary is erased", &privacy, set(summary, Change::Erase));
    builder.case("erasure is refused", &privacy, set(summary, Change::RefuseErase));
    let call = Call::Relabel { patient, id: summary, tags: tags("new", 8), labelled: true, restricted: true };
    builder.case("eight tags", &owner, call);
    let call = Call::ShredAttest { patient, id: erased, key_epoch: FIRST_EPOCH };
    builder.case("the last attestation", &officer(HOSPITAL, Roles::GATEWAY), call);
}

/// Records of one patient, as many as one call hands over, each with `first` and `second` for its number.
fn handed_over(
    builder: &mut Builder<'_>,
    name: &str,
    first: impl Fn(usize) -> OrganisationId,
    second: impl Fn(usize) -> OrganisationId,
) -> RecordKeys {
    let (patient, _) = patient(builder, name);
    let author = Subject::Patient(patient);
    let key = |number| {
        let key = (patient, record_id(number));
        let found = Record { custodian: first(number), second: Some(second(number)), ..record(author) };
        Records::insert(&mut builder.state, &key, &found);
        FormerCustodians::insert(&mut builder.state, &key, &list(formers(Place::Second)));
        key
    };
    list((0..HAND_OVER_MAX as usize).map(key).collect())
}

fn hand_over(builder: &mut Builder<'_>) {
    let other = OrganisationId(id("other custodian", 0));
    let records = handed_over(builder, "handed over", |_| other, |_| HOSPITAL);
    let (privacy, gateway) = (officer(HOSPITAL, Roles::PRIVACY), officer(GRANTEE, Roles::GATEWAY));
    builder.cosigned(
        "256 records by their second custodian, old custodians cleared",
        &privacy,
        &[&gateway],
        |cosign| Call::CustodySet { records: records.clone(), organisation: GRANTEE, cosign },
    );
}

/// The first custodian of each record was removed too, and has another successor: both are looked up.
fn succession(builder: &mut Builder<'_>) {
    let removed = |name: &'static str| move |number| OrganisationId(id(name, number));
    let (first, second) = (removed("removed first"), removed("removed second"));
    for number in 0..HAND_OVER_MAX as usize {
        Successors::insert(&mut builder.state, &first(number), &HOSPITAL);
        Successors::insert(&mut builder.state, &second(number), &GRANTEE);
    }
    let records = handed_over(builder, "inherited", first, second);
    let call = Call::CustodySet { records, organisation: GRANTEE, cosign: CoSigns::new() };
    builder.case("256 records by a successor, of 512 removed custodians", &officer(GRANTEE, Roles::GATEWAY), call);
}
