//! Pages of rules as full as they may be, and the log that a fact is appended to.

use parity_scale_codec::Encode;
use salus_access::{
    Entry, Receipt,
    cases::Case,
    storage::{Cases, Logs, Receipts},
    types::{RECEIPT_KEPT, ServedBy},
};
use salus_consent::{
    Action, Actions, Attribute, Basis, Denial, Effect, Grantee, Kinds, Obligations, Origin, Purpose, Purposes, Reason,
    Rule, RuleRef, Scope, Terms, Verdict,
    storage::{Ledgers, Rules},
    types::{Ledger, PAGE_BYTES_MAX, PAGE_RULES_MAX, RECORDS_MAX, Uses},
};
use salus_primitives::{
    Hash, Height, Moment, OrganisationId, PatientId, PractitionerId, RecordId, Subject, Window,
    patient_log::LogHead,
    time::{DAY, YEAR},
};
use salus_support::Overlay;

use crate::{
    people::{HOSPITAL, ROLE, SPECIALITY, list, record_id, tags},
    scene::{HEIGHT, NOW},
};

/// Rules on a full page.
pub(crate) const PAGE: usize = PAGE_RULES_MAX as usize;
/// Records in the longest list.
pub(crate) const RECORDS: usize = RECORDS_MAX as usize;

/// A Permit for every kind and the whole year.
pub(crate) fn permit(grantee: Grantee) -> Terms {
    Terms {
        effect: Effect::Permit,
        grantee,
        scope: Scope::kinds(Kinds::ALL),
        purposes: Purposes::ALL,
        actions: Actions::of(&[Action::View]),
        window: Window { from: Moment(NOW.0 - DAY), until: NOW.plus(YEAR) },
        max_uses: None,
        obligations: Obligations::default(),
    }
}

/// A Deny that is looked at for everything and hits nothing: it speaks of tags that no record bears.
pub(crate) fn deny(grantee: Grantee) -> Terms {
    let scope = Scope { any_of: tags("denied", 6), ..Scope::kinds(Kinds::ALL) };
    Terms { effect: Effect::Deny, scope, actions: Actions::ALL, ..permit(grantee) }
}

/// A rule of the patient.
pub(crate) fn rule(id: usize, terms: Terms) -> Rule {
    Rule {
        id: u32::try_from(id).expect("a scene has few rules"),
        terms,
        uses: None,
        origin: Origin::Patient,
        labelled_only: false,
        children: list(Vec::new()),
    }
}

/// The attribute that the scene's practitioners have at `organisation`.
pub(crate) fn attribute(organisation: OrganisationId) -> Grantee {
    Grantee::Attribute(Attribute { organisation, speciality: Some(SPECIALITY), role: Some(ROLE) })
}

/// The four grantees whose pages speak about a practitioner.
pub(crate) fn grantees(practitioner: PractitionerId, organisation: OrganisationId) -> [Grantee; 4] {
    [
        Grantee::Practitioner(practitioner, organisation),
        Grantee::Organisation(organisation),
        attribute(organisation),
        Grantee::Everyone,
    ]
}

/// Write a page.
///
/// # Panics
/// When it is larger than a page may be.
pub(crate) fn page(state: &mut Overlay<'_>, patient: PatientId, rules: Vec<Rule>) {
    let key = rules[0].terms.grantee.key();
    let bytes = rules.encode().len();
    assert!(bytes <= PAGE_BYTES_MAX, "a page of {bytes} bytes where {PAGE_BYTES_MAX} may be");
    Rules::insert(state, &(patient, key), &list(rules));
    let ledger = Ledgers::get(state, &patient);
    Ledgers::insert(state, &patient, &Ledger { next_id: 100_000, pages: ledger.pages + 1 });
}

/// Four full pages: of Permits with a limit on three of them, each for one of the 64 records and the last of each page
/// for more, and of denials for everyone. Whoever opens all records uses every one of the 48 limited rules.
pub(crate) fn limited_pages(
    state: &mut Overlay<'_>,
    patient: PatientId,
    practitioner: PractitionerId,
    organisation: OrganisationId,
) {
    let all = grantees(practitioner, organisation);
    for (place, grantee) in all.into_iter().enumerate() {
        let rules = (0..PAGE).map(|line| match grantee {
            Grantee::Everyone => rule(place * PAGE + line, deny(grantee)),
            _ => {
                let mut records = vec![record_id(place * PAGE + line)];
                if line + 1 == PAGE {
                    records.extend((3 * PAGE..RECORDS).filter(|number| number % 3 == place).map(record_id));
                }
                let terms = Terms {
                    scope: Scope { records: Some(list(records)), ..Scope::kinds(Kinds::ALL) },
                    max_uses: Some(1_000),
                    ..permit(grantee)
                };
                Rule { uses: Some(Uses { count: 1, last: NOW }), ..rule(place * PAGE + line, terms) }
            }
        });
        let rules = rules.collect();
        page(state, patient, rules);
    }
}

/// Four full pages of denials that hit nothing.
pub(crate) fn denying_pages(
    state: &mut Overlay<'_>,
    patient: PatientId,
    practitioner: PractitionerId,
    organisation: OrganisationId,
) {
    for (place, grantee) in grantees(practitioner, organisation).into_iter().enumerate() {
        let rules = (0..PAGE).map(|line| rule(place * PAGE + line, deny(grantee))).collect();
        page(state, patient, rules);
    }
}

/// A receipt of all 64 records, opened at `at`.
pub(crate) fn receipt(
    opener: Subject,
    organisation: OrganisationId,
    at: Moment,
    verdict: impl Fn(usize) -> Verdict,
) -> Receipt {
    let entry = |number| Entry { record: record_id(number), verdict: verdict(number), served: ServedBy::default() };
    Receipt {
        opener,
        organisation,
        purpose: Purpose::Treatment,
        height: Height(HEIGHT.0 - 100),
        at,
        until: at.plus(salus_consent::types::RECEIPT_LIFE),
        entries: list((0..RECORDS).map(entry).collect()),
    }
}

/// The verdict that [`limited_pages`] lead to.
pub(crate) fn by_limited_rule(practitioner: PractitionerId, organisation: OrganisationId) -> impl Fn(usize) -> Verdict {
    move |number| {
        let (place, line) = if number < 3 * PAGE { (number / PAGE, number % PAGE) } else { (number % 3, PAGE - 1) };
        let grantee = grantees(practitioner, organisation)[place].key();
        let id = u32::try_from(place * PAGE + line).expect("a scene has few rules");
        Verdict::Permit(Basis::Rule(RuleRef { grantee, id }))
    }
}

/// Index of the receipt that cases speak of.
pub(crate) const RECEIPT: u32 = 20;

/// A long log whose two oldest receipts, of 64 entries each and with a case, are old enough to be cleared.
pub(crate) fn log(state: &mut Overlay<'_>, patient: PatientId, opener: Subject) {
    Logs::insert(state, &patient, &LogHead { first: 10, count: 50, head: Hash([0x1A; 32]) });
    let denied = |_| Verdict::Denied(Denial { reason: Reason::NoConsent, rule: None });
    for old in [10, 11] {
        let at = Moment(NOW.0 - RECEIPT_KEPT - DAY);
        Receipts::insert(state, &(patient, old), &receipt(opener, HOSPITAL, at, denied));
        Cases::insert(state, &(patient, old), &Case::default());
    }
}

/// The records of a list.
pub(crate) fn record_ids<const MAX: u32>() -> salus_primitives::BoundedVec<RecordId, MAX> {
    list((0..RECORDS).map(record_id).collect())
}
