//! Who and what there is in the world of the matrix, by id, key and rule.

use salus_consent::{Attribute, Grantee, RuleRef, Tag};
use salus_primitives::{
    Moment, OrganisationId, PatientId, PractitionerId, RecordId, Window,
    time::{DAY, HOUR},
};

use super::{GENESIS_TIME, Role};

/// The organisation concerned.
pub(super) const HERE: OrganisationId = OrganisationId([1; 16]);
/// Another organisation.
pub(super) const THERE: OrganisationId = OrganisationId([2; 16]);
/// A suspended organisation.
pub(super) const CLOSED: OrganisationId = OrganisationId([3; 16]);
/// A removed organisation, whose record is left behind.
pub(super) const GONE: OrganisationId = OrganisationId([5; 16]);

pub(super) const DOCTOR: PractitionerId = PractitionerId([11; 16]);
pub(super) const OTHER_DOCTOR: PractitionerId = PractitionerId([12; 16]);
pub(super) const SUSPENDED_DOCTOR: PractitionerId = PractitionerId([13; 16]);
pub(super) const STRUCK_DOCTOR: PractitionerId = PractitionerId([14; 16]);

pub(super) const PATIENT: PatientId = PatientId([21; 16]);
pub(super) const OTHER_PATIENT: PatientId = PatientId([22; 16]);
pub(super) const GUARDIAN: PatientId = PatientId([23; 16]);
/// Registered here, and not confirmed yet.
pub(super) const CHILD: PatientId = PatientId([24; 16]);

/// Filed and kept here.
pub(super) const LAB: RecordId = RecordId([31; 16]);
/// The patient's emergency summary.
pub(super) const SUMMARY: RecordId = RecordId([32; 16]);
/// Filed and kept here, kept there too.
pub(super) const SHARED: RecordId = RecordId([33; 16]);
/// Filed by the suspended organisation's doctor and kept there.
pub(super) const SUSPENDED_LAB: RecordId = RecordId([34; 16]);
/// Filed by the doctor who was struck off since.
pub(super) const STRUCK_LAB: RecordId = RecordId([35; 16]);
/// The patient's own contribution.
pub(super) const OWN: RecordId = RecordId([36; 16]);
/// Kept by the removed organisation.
pub(super) const LEFT: RecordId = RecordId([37; 16]);

/// Excluded from the guardians.
pub(super) const EXCLUDED: Tag = Tag([0xEC; 8]);

/// Another member of the council.
pub(super) const OTHER_MEMBER: u8 = 3;
/// The removed organisation's officer.
pub(super) const GONE_OFFICER: u8 = 4;
/// The patient's second key, where there is one.
pub(super) const SECOND: u8 = 90;
/// The child's key.
pub(super) const CHILD_KEY: u8 = 91;
/// A key that is nobody's and enters the register in the call of a row.
pub(super) const FRESH: u8 = 92;
/// An invitation that nobody used.
pub(super) const INVITATION: u8 = 93;
/// The one-time key of a booking.
pub(super) const BOOKING: u8 = 94;

/// When the doctors' hours begin: a day after genesis, for an hour.
pub(super) const HOURS: Window =
    Window { from: Moment(GENESIS_TIME.0 + DAY), until: Moment(GENESIS_TIME.0 + DAY + HOUR) };

/// The patient's rule for the doctor.
pub(super) const RULE: RuleRef = rule(Grantee::Practitioner(DOCTOR, HERE), 0);
pub(super) const SUSPENDED_RULE: RuleRef = rule(Grantee::Practitioner(SUSPENDED_DOCTOR, CLOSED), 1);
pub(super) const STRUCK_RULE: RuleRef = rule(Grantee::Practitioner(STRUCK_DOCTOR, HERE), 2);
/// Those for organisations.
pub(super) const HERE_RULE: RuleRef = rule(Grantee::Organisation(HERE), 3);
pub(super) const CLOSED_RULE: RuleRef = rule(Grantee::Organisation(CLOSED), 4);
/// The guardian's.
pub(super) const GUARDIANS_RULE: RuleRef = rule(Grantee::Attribute(CARDIOLOGISTS), 5);

/// Whom the guardian may grant something to: nobody of the cast.
pub(super) const CARDIOLOGISTS: Attribute = Attribute { organisation: HERE, speciality: Some(394_579_002), role: None };

const fn rule(grantee: Grantee, id: u32) -> RuleRef {
    RuleRef { grantee: grantee.key(), id }
}

/// To whom a rule of the cast speaks.
pub(super) fn grantee(rule: RuleRef) -> Grantee {
    match rule.grantee {
        salus_consent::GranteeKey::Practitioner(practitioner, organisation) => {
            Grantee::Practitioner(practitioner, organisation)
        }
        salus_consent::GranteeKey::Organisation(organisation) => Grantee::Organisation(organisation),
        _ => Grantee::Attribute(CARDIOLOGISTS),
    }
}

/// Where this role's practitioner works.
pub(super) const fn place(role: Role) -> OrganisationId {
    match role {
        Role::OtherDoctor => THERE,
        Role::SuspendedDoctor => CLOSED,
        _ => HERE,
    }
}

/// This role's practitioner, or the one concerned.
pub(super) const fn practitioner(role: Role) -> PractitionerId {
    match role {
        Role::SuspendedDoctor => SUSPENDED_DOCTOR,
        Role::StruckDoctor => STRUCK_DOCTOR,
        _ => DOCTOR,
    }
}
