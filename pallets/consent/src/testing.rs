//! Rules and records ready made, for tests here and of the pallets above.

use salus_primitives::{AccountId, Moment, OrganisationId, PatientId, RecordId, Window, time::YEAR};
use salus_support::{table::RuntimeTable, testing::TestChain};

use crate::{
    Call,
    codes::{Action, Actions, Kind, Kinds, Purpose, Purposes},
    types::{Effect, Grantee, Obligations, RecordView, Scope, Servable, Tags, Terms},
};

/// Everything of every kind, to view for treatment, from now for a year.
pub fn permit(now: Moment, grantee: Grantee) -> Terms {
    Terms {
        effect: Effect::Permit,
        grantee,
        scope: Scope::kinds(Kinds::ALL),
        purposes: Purposes::of(&[Purpose::Treatment]),
        actions: Actions::of(&[Action::View]),
        window: Window { from: now, until: now.plus(YEAR) },
        max_uses: None,
        obligations: Obligations::default(),
    }
}

/// Nothing of any kind, whatever the purpose and action, from now for a year.
pub fn deny(now: Moment, grantee: Grantee) -> Terms {
    Terms { effect: Effect::Deny, purposes: Purposes::ALL, actions: Actions::ALL, ..permit(now, grantee) }
}

/// A laboratory record that is labelled, bears no tag and is not restricted.
pub fn lab(id: RecordId, custodian: OrganisationId) -> RecordView {
    RecordView {
        id,
        kind: Kind::Lab,
        tags: Tags::new(),
        labelled: true,
        restricted: false,
        custodian,
        servable: Servable::Yes,
    }
}

/// The patient, whose account is `caller`, makes this rule.
///
/// # Panics
/// When the call is refused.
#[track_caller]
pub fn grant<R: RuntimeTable<Call: From<Call>>>(
    chain: &mut TestChain<R>,
    caller: AccountId,
    patient: PatientId,
    terms: Terms,
) {
    chain.ok(caller, Call::Grant { patient, terms, replaces: None });
}
