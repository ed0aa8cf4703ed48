//! What else is in state: patients who granted to one of two hospitals, and patients of few and many grants.

use salus_consent::{Action, Grantee, Purpose, Question};
use salus_council::{Call, types::Act};
use salus_patients::PatientState;
use salus_primitives::{
    AccountId, OrganisationId, PatientId, PractitionerId, RecordId, Subject, crypto::sha256, signed::CoSigns,
};
use salus_records::storage::Records;
use salus_registry::{
    storage::KemKeys,
    types::{Caps, NAME_MAX, OrganisationStatus},
};
use salus_support::Overlay;
use salus_system::{
    storage::{Account, Keys},
    types::{AccountData, AccountInfo, SubjectKeys},
};

use crate::{
    council::{MEMBERS, member},
    people::{HOSPITAL, doctor, id, kem, list, organisation, record_id, set},
    records::record as filed,
    rules::{PAGE, deny, grantees, page, permit, rule},
    scene::{Builder, NOW},
};

/// Grants to the hospital that has few.
pub const FEW: usize = 10;
/// Why there is a case of suspending it.
pub const SUSPENDS_FEW: &str = "a hospital to which 10 patients granted is suspended";
/// Why there is a case of suspending the other.
pub const SUSPENDS_MANY: &str = "a hospital to which all other patients granted is suspended";

/// A patient of this many grants, and a decision about one of their records.
pub struct Asked {
    /// How many rules the patient made.
    pub grants: usize,
    /// Who asks, and what for.
    pub question: Question,
    /// About which record.
    pub record: RecordId,
}

/// Write the patients, and the cases of suspending either hospital.
pub(crate) fn suspensions(builder: &mut Builder<'_>, grants: usize) {
    let (few, many) = (OrganisationId(id("few grants", 0)), OrganisationId(id("many grants", 0)));
    for hospital in [few, many] {
        organisation(&mut builder.state, hospital, OrganisationStatus::Active);
    }
    for number in 0..FEW + grants {
        let to = if number < FEW { few } else { many };
        granted(&mut builder.state, number, Grantee::Organisation(to));
    }
    for (size, id) in [(SUSPENDS_FEW, few), (SUSPENDS_MANY, many)] {
        let act = Act::OrganisationSet {
            id,
            status: OrganisationStatus::Suspended,
            display_name: list(vec![b'H'; NAME_MAX as usize]),
            caps: Caps::ALL,
            admin: None,
        };
        builder.case(size, &member(MEMBERS - 1), Call::Propose { act, cosign: CoSigns::new() });
    }
}

/// A patient with one key, one record and one grant.
fn granted(state: &mut Overlay<'_>, number: usize, to: Grantee) {
    let patient = PatientId(id("one of many", number));
    let subject = Subject::Patient(patient);
    // Derived without a curve: none of them ever signs.
    let key = AccountId(sha256(&patient.0).0);
    let data = AccountData { subject: Some(subject), ..AccountData::default() };
    Account::insert(state, &key, &AccountInfo { data, ..AccountInfo::default() });
    Keys::insert(state, &subject, &SubjectKeys { keys: list(vec![key]), admins: 0 });
    KemKeys::insert(state, &subject, &kem(number));
    set(state, patient, PatientState::Active);
    page(state, patient, vec![rule(0, permit(to))]);
    Records::insert(state, &(patient, record_id(number)), &filed(subject));
}

/// Decisions that one practitioner asks for.
pub(crate) fn asked(builder: &mut Builder<'_>) -> Vec<Asked> {
    let (actor, _) = doctor(builder, "asks for a decision");
    [1, 100, 1_000].into_iter().map(|grants| about(&mut builder.state, actor, grants)).collect()
}

/// A patient of `grants` rules: as many as fit on the four pages about whoever asks, the others on pages of others.
/// Only the last of the asker's own page permits.
fn about(state: &mut Overlay<'_>, actor: PractitionerId, grants: usize) -> Asked {
    let (patient, record) = (PatientId(id("asked about", grants)), record_id(0));
    set(state, patient, PatientState::Active);
    Records::insert(state, &(patient, record), &filed(Subject::Patient(patient)));
    let mut left = grants;
    let own = grantees(actor, HOSPITAL);
    let others = (0..).map(|number| Grantee::Organisation(OrganisationId(id("not asking", number))));
    for (place, grantee) in own.into_iter().chain(others).enumerate() {
        let lines = left.min(PAGE);
        let rules: Vec<_> = (0..lines)
            .map(|line| {
                let permits = place == 0 && line + 1 == lines;
                let terms = if permits { permit(grantee) } else { deny(grantee) };
                rule(place * PAGE + line, terms)
            })
            .collect();
        page(state, patient, rules);
        left -= lines;
        if left == 0 {
            break;
        }
    }
    let question =
        Question { patient, actor, organisation: HOSPITAL, action: Action::View, purpose: Purpose::Treatment, at: NOW };
    Asked { grants, question, record }
}
