//! Calls that both the world and the rows make.

use salus_consent::{Action, Actions, Effect, Grantee, Kinds, Obligations, Purpose, Purposes, Scope, Terms};
use salus_council::types::Act;
use salus_patients::types::{GuardianChange, GuardianTerms, Powers};
use salus_primitives::{
    BoundedVec, PatientId, PractitionerId, RecordId, Window,
    signed::CoSigns,
    time::{DAY, YEAR},
};
use salus_registry::{
    KemKey,
    types::{Caps, DisplayName, NewKey, OrganisationStatus, PractitionerStatus, SUITE_X25519},
};

use super::*;

pub(super) fn organisation(id: OrganisationId, status: OrganisationStatus, admin: Option<AccountId>) -> Act {
    let display_name = DisplayName::try_from(b"Hospital".to_vec()).unwrap();
    Act::OrganisationSet { id, status, display_name, caps: Caps::ALL, admin }
}

pub(super) fn enrolment(id: PractitionerId, account: Option<AccountId>, now: Moment) -> salus_registry::Call {
    salus_registry::Call::PractitionerSet {
        id,
        account,
        licence: Hash([9; 32]),
        licence_until: now.plus(4 * YEAR),
        speciality: 394_814_009,
        status: PractitionerStatus::Active,
        cosign: CoSigns::new(),
    }
}

pub(super) fn employment(
    practitioner: PractitionerId,
    organisation: OrganisationId,
    now: Moment,
) -> salus_registry::Call {
    let terms = salus_registry::types::Terms { roles: BoundedVec::new(), until: now.plus(4 * YEAR) };
    salus_registry::Call::AffiliationSet { practitioner, organisation, terms: Some(terms), cosign: CoSigns::new() }
}

pub(super) fn kem() -> KemKey {
    KemKey { suite: SUITE_X25519, key: [0x11; 32] }
}

pub(super) fn new_key(seed: u8) -> NewKey {
    NewKey { account: key(seed).public(), until: None }
}

pub(super) fn invite(invitation: u8, now: Moment) -> salus_patients::Call {
    let (key, until) = (key(invitation).public(), now.plus(20 * DAY));
    salus_patients::Call::Invite { key, until, provisional: false }
}

/// One guardian is enough.
pub(super) fn guardians(now: Moment, powers: Powers) -> GuardianTerms {
    GuardianTerms {
        guardians: BoundedVec::try_from(vec![GUARDIAN]).unwrap(),
        threshold: 1,
        powers,
        excluded: BoundedVec::try_from(vec![EXCLUDED]).unwrap(),
        until: now.plus(YEAR),
    }
}

pub(super) fn guardians_set(patient: PatientId, change: GuardianChange) -> salus_patients::Call {
    salus_patients::Call::GuardiansSet { patient, change, cosign: CoSigns::new() }
}

/// Everything of every kind that is not excluded from the guardians, for half a year.
pub(super) fn permit(grantee: Grantee, purpose: Purpose, actions: &[Action], now: Moment) -> Terms {
    let none_of = BoundedVec::try_from(vec![EXCLUDED]).unwrap();
    Terms {
        effect: Effect::Permit,
        grantee,
        scope: Scope { none_of, ..Scope::kinds(Kinds::ALL) },
        purposes: Purposes::of(&[purpose]),
        actions: Actions::of(actions),
        window: Window { from: now, until: now.plus(YEAR / 2) },
        max_uses: None,
        obligations: Obligations::default(),
    }
}

/// What a guardian may grant: nobody's own.
pub(super) fn guardians_terms(now: Moment) -> Terms {
    permit(Grantee::Attribute(CARDIOLOGISTS), Purpose::Research, &[Action::View], now)
}

pub(super) fn grant(terms: Terms) -> salus_consent::Call {
    salus_consent::Call::Grant { patient: PATIENT, terms, replaces: None }
}

pub(super) fn publishing(role: Role, hours: Window) -> salus_appointments::Call {
    salus_appointments::Call::Publish {
        practitioner: practitioner(role),
        organisation: place(role),
        hours: BoundedVec::try_from(vec![hours]).unwrap(),
    }
}

pub(super) fn request(role: Role, now: Moment) -> salus_access::Call {
    salus_access::Call::Request {
        patient: PATIENT,
        organisation: place(role),
        scope: Scope::kinds(Kinds::ALL),
        purposes: Purposes::of(&[Purpose::Treatment]),
        actions: Actions::of(&[Action::View]),
        window: Window { from: now, until: now.plus(YEAR) },
        note: Hash([8; 32]),
    }
}

pub(super) fn opening(organisation: OrganisationId, purpose: Purpose, records: &[RecordId]) -> salus_access::Call {
    let records = BoundedVec::try_from(records.to_vec()).unwrap();
    salus_access::Call::Open { patient: PATIENT, organisation, purpose, records }
}
