//! Organisations, practitioners and patients: each with as many keys and as long texts as they may have.

use parity_scale_codec::Encode;
use salus_patients::{
    Patient, PatientState,
    storage::{BeforeDeath, Patients},
    types::GUARDIANS_MAX,
};
use salus_primitives::{
    AccountId, BoundedVec, Hash, OrganisationId, PatientId, PractitionerId, RecordId, Subject, Tag,
    crypto::{KeyPair, sha256, sha256_of},
    subject::Roles,
    time::{HOUR, YEAR},
};
use salus_registry::{
    KemKey,
    storage::{Affiliations, KemKeys, Organisations, Places, Practitioners},
    types::{
        Affiliation, Caps, NAME_MAX, Organisation, OrganisationStatus, PEERS_MAX, Practitioner, PractitionerStatus,
        SUITE_X25519, URL_MAX,
    },
};
use salus_support::Overlay;
use salus_system::{
    storage::{Account, Keys},
    types::{AccountData, AccountInfo, KEYS_MAX, SubjectKeys},
};
use salus_validators::types::peer_of;

use crate::scene::{Builder, NOW};

/// The hospital most cases are about. It has one officer fewer than it may.
pub(crate) const HOSPITAL: OrganisationId = OrganisationId([0x11; 16]);
/// The other hospital.
pub(crate) const GRANTEE: OrganisationId = OrganisationId([0x22; 16]);
/// What practitioners of the scene are, SNOMED CT.
pub(crate) const SPECIALITY: u64 = 394_814_009;
/// The last of the roles that practitioners have where they work.
pub(crate) const ROLE: u64 = 8;

/// A key of this scene.
pub(crate) fn key(name: &str, number: usize) -> KeyPair {
    KeyPair::from_seed(&sha256_of(&[b"weights ", name.as_bytes(), &number.to_le_bytes()]).0)
}

/// Sixteen bytes that name something.
pub(crate) fn id(name: &str, number: usize) -> [u8; 16] {
    let digest = sha256_of(&[name.as_bytes(), &number.to_le_bytes()]).0;
    core::array::from_fn(|place| digest[place])
}

/// A list that is no longer than it may be.
///
/// # Panics
/// When it is longer: a mistake at the desk.
pub(crate) fn list<T, const MAX: u32>(items: Vec<T>) -> BoundedVec<T, MAX> {
    let length = items.len();
    BoundedVec::try_from(items).unwrap_or_else(|_| panic!("a list of {length} items where {MAX} may be"))
}

/// Tags that no two names share.
pub(crate) fn tags<const MAX: u32>(name: &str, count: usize) -> BoundedVec<Tag, MAX> {
    let tag = |number| {
        let id = id(name, number);
        Tag(core::array::from_fn(|place| id[place]))
    };
    list((0..count).map(tag).collect())
}

/// The records of a patient, by number.
pub(crate) fn record_id(number: usize) -> RecordId {
    RecordId(id("record", number))
}

/// A KEM key that is taken.
pub(crate) fn kem(number: usize) -> KemKey {
    KemKey { suite: SUITE_X25519, key: sha256(&id("kem", number)).0 }
}

/// Two groups of patients who stand in for others.
pub(crate) const GUARDIANS: [&str; 2] = ["guardian", "guardian to be"];

/// The guardian of this number of the first group, and the key they sign with.
pub(crate) fn guardian(number: usize) -> (PatientId, KeyPair) {
    let guardian = PatientId(id(GUARDIANS[0], number));
    (guardian, person_key(Subject::Patient(guardian), 0))
}

/// A digest that says nothing.
pub(crate) const NOTE: Hash = Hash([0x0E; 32]);

/// The officers of an organisation of this scene, by what they do.
pub(crate) fn officer(organisation: OrganisationId, role: Roles) -> KeyPair {
    key("officer", usize::from(organisation.0[0]) << 8 | usize::from(role.0))
}

/// The two hospitals, with an officer for each role.
pub(crate) fn found(builder: &mut Builder<'_>) {
    for id in [HOSPITAL, GRANTEE] {
        organisation(&mut builder.state, id, OrganisationStatus::Active);
        KemKeys::insert(&mut builder.state, &Subject::Organisation(id), &kem(usize::from(id.0[0])));
        for role in [Roles::ADMIN, Roles::REGISTRAR, Roles::PRIVACY, Roles::REVIEWER, Roles::GATEWAY] {
            bind_fresh(&mut builder.state, Subject::Organisation(id), &officer(id, role), role, None);
        }
    }
    for name in GUARDIANS {
        for number in 0..GUARDIANS_MAX as usize {
            numbered(&mut builder.state, name, number);
        }
    }
    // Room for one more officer, whose binding looks at each of these.
    let subject = Subject::Organisation(HOSPITAL);
    let held = Keys::get(&builder.state, &subject).keys.len();
    for number in held..KEYS_MAX as usize - 1 {
        bind_fresh(&mut builder.state, subject, &key("further officer", number), Roles::REVIEWER, None);
    }
}

/// An organisation with every capability, whose texts and lists are as long as they may be.
pub(crate) fn organisation(state: &mut Overlay<'_>, id: OrganisationId, status: OrganisationStatus) {
    let peers = (0..PEERS_MAX as usize).map(|number| peer_of(&peer(id, number)));
    let organisation = Organisation {
        status,
        display_name: list(vec![b'H'; NAME_MAX as usize]),
        profile: NOTE,
        url: list(vec![b'u'; URL_MAX as usize]),
        caps: Caps::ALL,
        peer_ids: list(peers.collect()),
    };
    Organisations::insert(state, &id, &organisation);
}

/// A network key that an organisation lists. Derived without a curve, since nobody ever signs with it.
fn peer(id: OrganisationId, number: usize) -> AccountId {
    AccountId(sha256_of(&[&id.0, &number.to_le_bytes()]).0)
}

/// Bind a key as `keys::bind` does, without looking through those that are there.
pub(crate) fn bind_fresh(
    state: &mut Overlay<'_>,
    subject: Subject,
    key: &KeyPair,
    roles: Roles,
    until: Option<salus_primitives::Moment>,
) {
    let data = AccountData { subject: Some(subject), roles, until, ..AccountData::default() };
    Account::insert(state, &key.public(), &AccountInfo { data, ..AccountInfo::default() });
    let mut held: SubjectKeys = Keys::get(state, &subject);
    held.admins += u16::from(roles.contains(Roles::ADMIN));
    held.keys.try_push(key.public()).expect("a subject of this scene has no more keys than it may");
    Keys::insert(state, &subject, &held);
}

/// The keys of a person: four lasting ones and two session keys. The first one signs.
pub(crate) fn person_key(subject: Subject, number: usize) -> KeyPair {
    KeyPair::from_seed(&sha256_of(&[b"person", &subject.encode(), &number.to_le_bytes()]).0)
}

/// Give a person all the keys they may have.
fn six_keys(state: &mut Overlay<'_>, subject: Subject) -> KeyPair {
    for number in 0..6 {
        let until = (number >= 4).then_some(NOW.plus(HOUR));
        bind_fresh(state, subject, &person_key(subject, number), Roles::NONE, until);
    }
    person_key(subject, 0)
}

/// A practitioner with six keys who works at both hospitals in eight roles; the key that signs.
pub(crate) fn doctor(builder: &mut Builder<'_>, name: &str) -> (PractitionerId, KeyPair) {
    let practitioner = PractitionerId(id(name, 0));
    let state = &mut builder.state;
    let signs = six_keys(state, Subject::Practitioner(practitioner));
    let entry = Practitioner {
        status: PractitionerStatus::Active,
        licence: NOTE,
        licence_until: NOW.plus(YEAR),
        speciality: SPECIALITY,
        licensing: HOSPITAL,
        enrolled_by: key("enroller", 0).public(),
    };
    Practitioners::insert(state, &practitioner, &entry);
    for place in [HOSPITAL, GRANTEE] {
        affiliate(state, practitioner, place, YEAR);
    }
    Places::insert(state, &practitioner, &list(vec![HOSPITAL, GRANTEE]));
    (practitioner, signs)
}

/// An affiliation in eight roles; where `lasts` is zero it ran out.
pub(crate) fn affiliate(state: &mut Overlay<'_>, practitioner: PractitionerId, place: OrganisationId, lasts: u64) {
    let enrolled_by = key("enroller", 1).public();
    let affiliation = Affiliation { roles: list((1..=ROLE).collect()), until: NOW.plus(lasts), enrolled_by };
    Affiliations::insert(state, &(practitioner, place), &affiliation);
}

/// An Active patient with six keys; the first one signs.
pub(crate) fn patient(builder: &mut Builder<'_>, name: &str) -> (PatientId, KeyPair) {
    numbered(&mut builder.state, name, 0)
}

/// As [`patient`], one of several.
pub(crate) fn numbered(state: &mut Overlay<'_>, name: &str, number: usize) -> (PatientId, KeyPair) {
    let patient = PatientId(id(name, number));
    let subject = Subject::Patient(patient);
    let signs = six_keys(state, subject);
    KemKeys::insert(state, &subject, &kem(number));
    set(state, patient, PatientState::Active);
    (patient, signs)
}

/// Write a patient's entry in this state.
pub(crate) fn set(state: &mut Overlay<'_>, patient: PatientId, to: PatientState) {
    let entry = Patient { state: to, assurance: 1, inviting: HOSPITAL, held_key: None, frozen_at: None };
    Patients::insert(state, &patient, &entry);
}

/// The patient was declared dead an hour ago: care goes on, and what they were before is read too.
pub(crate) fn declared_dead(state: &mut Overlay<'_>, patient: PatientId) {
    set(state, patient, PatientState::Deceased { declared: salus_primitives::Moment(NOW.0 - HOUR) });
    BeforeDeath::insert(state, &patient, &PatientState::Active);
}
