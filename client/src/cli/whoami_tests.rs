//! What whoami says of keys and those they speak for.

use super::*;
use salus_patients::{Patient, types::Invitation};
use salus_primitives::{BoundedVec, Hash, PatientId, PractitionerId, Subject, time::DAY};
use salus_registry::types::{Affiliation, Caps, Practitioner};
use salus_system::AccountData;

const NOW: Moment = Moment(1_796_115_600_000);
const NORTH: OrganisationId = OrganisationId([5; 16]);

fn ahead() -> Moment {
    NOW.plus(DAY)
}

fn holder(subject: Option<Subject>, bearer: Bearer) -> Holder {
    let data = AccountData { subject, ..AccountData::default() };
    Holder { data, bearer, used: subject.map(|_| 7), quota: subject.map(|_| 1_000), kem: None }
}

fn doctor_of(change: impl FnOnce(&mut Doctor)) -> Holder {
    let id = PractitionerId([1; 16]);
    let entry = Practitioner {
        status: PractitionerStatus::Active,
        licence: Hash::ZERO,
        licence_until: ahead(),
        speciality: 1,
        licensing: NORTH,
        enrolled_by: AccountId([9; 32]),
    };
    let affiliation = Affiliation { roles: BoundedVec::new(), until: ahead(), enrolled_by: AccountId([9; 32]) };
    let place = identity::Place { organisation: NORTH, affiliation, active: true };
    let mut doctor = Doctor {
        id,
        entry: Some(entry),
        by_council: false,
        places: vec![place],
        today: Default::default(),
        overdue: false,
    };
    change(&mut doctor);
    holder(Some(Subject::Practitioner(id)), Bearer::Practitioner(Box::new(doctor)))
}

fn next(holder: &Holder) -> String {
    held(holder, NOW).next
}

#[test]
fn a_doctor_is_told_what_keeps_them_from_acting_or_where_they_act() {
    let fine = next(&doctor_of(|_| {}));
    assert!(fine.starts_with(&format!("Can ask for access, open and file records for {NORTH}")), "{fine}");
    let entry = |change: fn(&mut Practitioner)| {
        next(&doctor_of(|doctor| {
            if let Some(entry) = &mut doctor.entry {
                change(entry);
            }
        }))
    };
    for (told, word) in [
        (entry(|entry| entry.status = PractitionerStatus::Suspended), "salus doctor restore"),
        (entry(|entry| entry.status = PractitionerStatus::Struck), "for good"),
        (entry(|entry| entry.licence_until = NOW), "The licence ran out at 2026-12-01T09:00:00Z"),
        (next(&doctor_of(|doctor| doctor.places.clear())), "Works nowhere"),
        (next(&doctor_of(|doctor| doctor.places[0].active = false)), "Works nowhere"),
        (next(&doctor_of(|doctor| doctor.places[0].affiliation.until = NOW)), "Works nowhere"),
        (next(&doctor_of(|doctor| doctor.overdue = true)), "waits for its review for too long"),
        (next(&doctor_of(|doctor| doctor.entry = None)), "not on this chain"),
    ] {
        assert!(told.contains(word), "{told}");
    }
    let by_council = doctor_of(|doctor| {
        doctor.by_council = true;
        if let Some(entry) = &mut doctor.entry {
            entry.status = PractitionerStatus::Suspended;
        }
    });
    assert!(next(&by_council).contains("by the council"), "{}", next(&by_council));
}

#[test]
fn a_session_key_is_told_its_end_and_what_it_may_do() {
    let mut session = doctor_of(|_| {});
    session.data.until = Some(ahead());
    let found = held(&session, NOW);
    assert_eq!((found.until, found.status.as_deref()), (Some(ahead()), Some("active")));
    assert!(found.next.starts_with("Can ask for access and open records for"), "{}", found.next);
    let over = held(&session, ahead());
    assert_eq!(over.status.as_deref(), Some("ended"));
    assert!(over.next.contains("ran out at 2026-12-02T09:00:00Z"), "{}", over.next);
}

#[test]
fn a_key_that_ended_says_so_and_one_that_will_end_says_when() {
    let mut ended = doctor_of(|_| {});
    ended.data.ended = Ended::Yes;
    let found = held(&ended, NOW);
    assert_eq!((found.speaks_for, found.status.as_deref()), (Some("doctor"), Some("ended")));
    assert!(found.next.contains("for good"), "{}", found.next);
    ended.data.ended = Ended::At(ahead());
    assert_eq!((held(&ended, NOW).until, held(&ended, NOW).status.as_deref()), (Some(ahead()), Some("active")));
}

#[test]
fn a_key_that_speaks_for_nobody_is_told_how_it_comes_to_or_what_it_is_for() {
    let nobody = |used| next(&holder(None, Bearer::Nobody(used)));
    let unknown = nobody(Use::Nothing);
    for way in ["salus doctor register", "salus patient register", "salus officer set"] {
        assert!(unknown.contains(way), "{unknown}");
    }
    let invitation = Invitation { organisation: NORTH, until: ahead(), provisional: false, spent: false };
    assert!(nobody(Use::Invitation(invitation)).contains("until 2026-12-02T09:00:00Z"));
    assert!(nobody(Use::Invitation(Invitation { until: NOW, ..invitation })).contains("ran out"));
    assert!(nobody(Use::Invitation(Invitation { spent: true, ..invitation })).contains("has done its work"));
    assert!(nobody(Use::Validator(salus_system::Purpose::Authority)).contains("no person"));
    let slot = salus_appointments::SlotRef { practitioner: PractitionerId([1; 16]), from: NOW };
    assert!(nobody(Use::Booking(slot)).contains("salus appointment give-back"));
}

#[test]
fn an_officer_is_told_what_each_role_does_and_that_a_suspended_house_does_nothing() {
    let entry = |status| Organisation {
        status,
        display_name: BoundedVec::new(),
        profile: Hash::ZERO,
        url: BoundedVec::new(),
        caps: Caps::ALL,
        peer_ids: BoundedVec::new(),
    };
    let officer = |status, roles| {
        let mut holder = holder(Some(Subject::Organisation(NORTH)), Bearer::Organisation(NORTH, Some(entry(status))));
        holder.data.roles = roles;
        held(&holder, NOW)
    };
    let both = officer(OrganisationStatus::Active, Roles::ADMIN.with(Roles::REVIEWER));
    assert_eq!((both.speaks_for, both.roles.as_deref()), (Some("organisation"), Some("admin, reviewer")));
    assert!(both.next.contains("salus officer set") && both.next.contains("salus emergency cases"), "{}", both.next);
    assert!(!both.next.contains("salus patient"), "{}", both.next);
    let suspended = officer(OrganisationStatus::Suspended, Roles::ADMIN);
    assert_eq!(suspended.status.as_deref(), Some("suspended"));
    assert!(suspended.next.contains("suspended"), "{}", suspended.next);
}

#[test]
fn a_patient_is_told_what_their_state_lets_them_do() {
    let id = PatientId([2; 16]);
    let told = |state, assurance| {
        let entry = Patient { state, assurance, inviting: NORTH, held_key: None, frozen_at: None };
        held(&holder(Some(Subject::Patient(id)), Bearer::Patient(id, Some(entry))), NOW)
    };
    let fine = told(PatientState::Active, 1);
    assert_eq!((fine.status.as_deref(), fine.used, fine.quota), (Some("active"), Some(7), Some(1_000)));
    assert!(fine.next.contains("salus consent"), "{}", fine.next);
    assert!(told(PatientState::Active, 0).next.contains("Not confirmed yet"));
    let frozen = |by| told(PatientState::Frozen { until: ahead(), by }, 1);
    assert_eq!(frozen(FrozenBy::Patient).status.as_deref(), Some("frozen"));
    assert!(frozen(FrozenBy::Patient).next.contains("you thaw it"));
    assert!(frozen(FrozenBy::Guardian).next.contains("your guardians together"));
    // A freeze ends by itself.
    let over = told(PatientState::Frozen { until: NOW, by: FrozenBy::Guardian }, 1);
    assert_eq!(over.status.as_deref(), Some("active"));
    assert!(told(PatientState::Deceased { declared: NOW }, 1).next.contains("before 2026-12-04T09:00:00Z"));
    assert!(told(PatientState::Deceased { declared: Moment(0) }, 1).next.contains("for good"));
    assert!(told(PatientState::Closed, 1).next.contains("for good"));
    assert!(told(PatientState::Provisional { until: ahead() }, 0).next.contains("Provisional until"));
    assert!(told(PatientState::Recovering { until: ahead(), freeze: None }, 1).next.contains("stop it"));
}

#[test]
fn a_row_has_a_cell_for_each_column() {
    let found = held(&doctor_of(|_| {}), NOW);
    assert_eq!(Told { name: "house".to_owned(), kind: "account", found }.row().len(), COLUMNS.len());
}

#[test]
fn one_key_is_told_with_where_its_doctor_acts() {
    let holder = doctor_of(|doctor| doctor.today.openings = 3);
    let told = Told { name: "house".to_owned(), kind: "account", found: held(&holder, NOW) };
    let json = one(told, Some(AccountId([1; 32])), Some(&holder), NOW).to_json();
    assert_eq!((&json["speaks_for"], &json["openings_today"]), (&"doctor".into(), &3.into()));
    assert_eq!(json["affiliations"][0]["organisation"], NORTH.to_string());
    assert_eq!(json["affiliations"][0]["acts_there"], true);
    assert_eq!(json["licence_until"], "2026-12-02T09:00:00Z");
}
