//! Organisations, officers and practitioners ready made, for tests here and of the pallets above. They enter
//! by state, not by calls, and stay valid for years.

use salus_primitives::{
    BoundedVec, Hash, OrganisationId, PractitionerId, Subject, crypto::KeyPair, subject::Roles, time::YEAR,
};
use salus_support::{table::RuntimeTable, testing::TestChain};
use salus_system::keys::bind;

use crate::{
    organisation_set,
    storage::{Affiliations, Places, Practitioners},
    types::{Affiliation, Caps, DisplayName, OrganisationStatus, Practitioner, PractitionerStatus},
};

/// A general practitioner's speciality, SNOMED CT.
pub const GENERAL_MEDICINE: u64 = 394_814_009;
/// The role of a doctor, SNOMED CT.
pub const DOCTOR: u64 = 309_343_006;

/// The key pair of this seed.
pub fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

/// An Active organisation with these capabilities, whose Admin holds `admin`.
///
/// # Panics
/// When the key is bound already.
pub fn organisation<R: RuntimeTable>(chain: &mut TestChain<R>, id: OrganisationId, caps: Caps, admin: &KeyPair) {
    let now = chain.now();
    let name = DisplayName::try_from(format!("Hospital {:02x}", id.0[0]).into_bytes()).expect("eleven bytes");
    chain.prepare(|state| {
        organisation_set(state, now, id, OrganisationStatus::Active, name, caps, Some(admin.public()))
            .expect("a new organisation");
    });
}

/// Set an organisation's state, whatever it was.
///
/// # Panics
/// When there is no such organisation.
pub fn set_status<R: RuntimeTable>(chain: &mut TestChain<R>, id: OrganisationId, status: OrganisationStatus) {
    use crate::storage::Organisations;
    chain.prepare(|state| {
        let mut organisation = Organisations::get(state, &id).expect("the organisation is there");
        organisation.status = status;
        Organisations::insert(state, &id, &organisation);
    });
}

/// An officer of `organisation` with these roles, who holds `key`.
///
/// # Panics
/// When the key is bound already.
pub fn officer<R: RuntimeTable>(chain: &mut TestChain<R>, organisation: OrganisationId, roles: Roles, key: &KeyPair) {
    let now = chain.now();
    chain.prepare(|state| {
        bind(state, now, key.public(), Subject::Organisation(organisation), roles, None).expect("a new key");
    });
}

/// An Active practitioner, licensed by `licensing` for four years and affiliated nowhere, who holds `key`.
///
/// # Panics
/// When the key is bound already.
pub fn practitioner<R: RuntimeTable>(
    chain: &mut TestChain<R>,
    id: PractitionerId,
    licensing: OrganisationId,
    key: &KeyPair,
) {
    let now = chain.now();
    let practitioner = Practitioner {
        status: PractitionerStatus::Active,
        licence: Hash([id.0[0]; 32]),
        licence_until: now.plus(4 * YEAR),
        speciality: GENERAL_MEDICINE,
        licensing,
        enrolled_by: key.public(),
    };
    chain.prepare(|state| {
        bind(state, now, key.public(), Subject::Practitioner(id), Roles::NONE, None).expect("a new key");
        Practitioners::insert(state, &id, &practitioner);
    });
}

/// Affiliate a practitioner as a doctor for four years.
///
/// # Panics
/// When they have 16 affiliations.
pub fn affiliate<R: RuntimeTable>(
    chain: &mut TestChain<R>,
    practitioner: PractitionerId,
    organisation: OrganisationId,
) {
    let until = chain.now().plus(4 * YEAR);
    chain.prepare(|state| {
        let enrolled_by = Practitioners::get(state, &practitioner).expect("the practitioner is there").enrolled_by;
        let roles = BoundedVec::try_from(vec![DOCTOR]).expect("one role");
        let mut places = Places::get(state, &practitioner);
        if !places.contains(&organisation) {
            places.try_push(organisation).expect("room for an affiliation");
        }
        Places::insert(state, &practitioner, &places);
        Affiliations::insert(state, &(practitioner, organisation), &Affiliation { roles, until, enrolled_by });
    });
}

/// An Active doctor of `organisation`, licensed and affiliated there, who holds `key`.
///
/// # Panics
/// When the key is bound already.
pub fn doctor<R: RuntimeTable>(
    chain: &mut TestChain<R>,
    id: PractitionerId,
    organisation: OrganisationId,
    key: &KeyPair,
) {
    practitioner(chain, id, organisation, key);
    affiliate(chain, id, organisation);
}
