//! Every call has its rows. A call, or a choice within one, that is new does not compile before it stands here, nor here
//! before it has a row.

use std::collections::BTreeSet;

use salus_access::Answer;
use salus_consent::Tier;
use salus_council::types::Act;
use salus_patients::types::{GuardianChange, RecoveryStep};
use scale_info::{PortableRegistry, Registry, TypeDef, form::PortableForm, meta_type};

use super::*;

/// The names of these rows of a table; a name without a row does not compile.
macro_rules! rows {
    ($table:expr; $($name:literal),+) => {
        (&$table, const { &[$(named(&$table, $name)),+] })
    };
}

/// The name of a row that is in the table.
const fn named(table: &Table, name: &'static str) -> &'static str {
    let mut place = 0;
    while place < table.rows.len() {
        if same(table.rows[place].name.as_bytes(), name.as_bytes()) {
            return name;
        }
        place += 1;
    }
    panic!("the table has no row of this name")
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut place = 0;
    while place < one.len() {
        if one[place] != other[place] {
            return false;
        }
        place += 1;
    }
    true
}

/// A table, and names of rows in it.
type Rows = (&'static Table, &'static [&'static str]);

/// The rows of a call: in which table, and under which names.
fn rows_of(call: &RuntimeCall) -> Rows {
    match call {
        RuntimeCall::System(call) => match call {
            salus_system::Call::Noop {} => rows!(chain::SYSTEM; "noop"),
        },
        RuntimeCall::Timestamp(call) => match *call {},
        RuntimeCall::Validators(call) => match call {
            salus_validators::Call::ReportEquivocation { .. } => rows!(chain::VALIDATORS; "report_equivocation"),
        },
        RuntimeCall::Council(call) => of_council(call),
        RuntimeCall::Registry(call) => of_registry(call),
        RuntimeCall::Patients(call) => of_patients(call),
        RuntimeCall::Records(call) => of_records(call),
        RuntimeCall::Consent(call) => of_consent(call),
        RuntimeCall::Access(call) => of_access(call),
        RuntimeCall::Appointments(call) => of_appointments(call),
        RuntimeCall::Credits(call) => match call {
            salus_credits::Call::Redeem { .. } => rows!(services::CREDITS; "redeem"),
        },
    }
}

fn of_council(call: &salus_council::Call) -> Rows {
    use salus_council::Call;
    match call {
        Call::Propose { act, .. } => match act {
            Act::OrganisationSet { .. } => rows!(chain::COUNCIL; "OrganisationSet"),
            Act::CouncilSet { .. } => rows!(chain::COUNCIL; "CouncilSet"),
            Act::ValidatorsSet { .. } => rows!(chain::COUNCIL; "ValidatorsSet"),
            Act::ParametersSet { .. } => rows!(chain::COUNCIL; "ParametersSet"),
            Act::UpgradeSchedule { .. } => rows!(chain::COUNCIL; "UpgradeSchedule"),
            Act::CancelMotion { .. } => rows!(chain::COUNCIL; "CancelMotion"),
            Act::PractitionerStatus { .. } => rows!(chain::COUNCIL; "PractitionerStatus"),
            Act::Successor { .. } => rows!(chain::COUNCIL; "Successor"),
        },
        Call::Vote { .. } => rows!(chain::COUNCIL; "vote"),
    }
}

fn of_registry(call: &salus_registry::Call) -> Rows {
    use salus_registry::Call;
    match call {
        Call::OrganisationUpdate { .. } => rows!(registry::TABLE; "organisation_update"),
        Call::OfficerSet { .. } => {
            rows!(registry::TABLE; "officer_set new", "officer_set roles", "officer_set along")
        }
        Call::PractitionerSet { .. } => {
            rows!(registry::TABLE; "practitioner_set new", "practitioner_set", "practitioner_set key")
        }
        Call::AffiliationSet { terms: Some(_), .. } => {
            rows!(registry::TABLE; "affiliation_set", "affiliation_set along")
        }
        Call::AffiliationSet { terms: None, .. } => rows!(registry::TABLE; "affiliation_set end"),
        Call::KeysSet { .. } => rows!(registry::TABLE; "keys_set", "keys_set object"),
    }
}

fn of_patients(call: &salus_patients::Call) -> Rows {
    use salus_patients::{Call, Change};
    match call {
        Call::Invite { .. } => rows!(patients::TABLE; "invite"),
        Call::Register { .. } => rows!(patients::TABLE; "register"),
        Call::Confirm { .. } => rows!(patients::TABLE; "confirm"),
        Call::GuardiansSet { change, .. } => match change {
            GuardianChange::Set(_) => rows!(
                patients::TABLE;
                "guardians own", "guardians minor", "guardians minor along", "guardians incapacity",
                "guardians two along"
            ),
            GuardianChange::End => rows!(patients::TABLE; "guardians end"),
            GuardianChange::Cancel => rows!(patients::TABLE; "guardians cancel"),
        },
        Call::Recover { step, .. } => match step {
            RecoveryStep::Propose(_) => {
                rows!(patients::TABLE; "recover guardian", "recover registrars", "recover along")
            }
            RecoveryStep::Finish => rows!(patients::TABLE; "finish guardian's", "finish registrars'"),
            RecoveryStep::Cancel => rows!(patients::TABLE; "veto"),
        },
        Call::StatusSet { to, .. } => match to {
            Change::Freeze => rows!(patients::TABLE; "freeze"),
            Change::Thaw => rows!(patients::TABLE; "thaw own", "thaw guardian's"),
            Change::Close => rows!(patients::TABLE; "close", "close dead"),
            Change::Deceased => rows!(patients::TABLE; "deceased", "deceased along"),
            Change::Living => rows!(patients::TABLE; "living"),
        },
    }
}

fn of_records(call: &salus_records::Call) -> Rows {
    use salus_records::{Call, Change};
    match call {
        Call::Put { prev: None, .. } => rows!(records::TABLE; "put", "put receipt along"),
        Call::Put { prev: Some(_), .. } => rows!(records::TABLE; "put amended"),
        Call::StatusSet { to, .. } => match to {
            Change::EnteredInError => rows!(records::TABLE; "error", "error of own"),
            Change::Hold => rows!(records::TABLE; "hold"),
            Change::LiftHold => rows!(records::TABLE; "lift hold"),
            Change::RequestErase => rows!(records::TABLE; "request erase"),
            Change::Erase => rows!(records::TABLE; "erase"),
            Change::RefuseErase => rows!(records::TABLE; "refuse erase"),
        },
        Call::Relabel { .. } => rows!(records::TABLE; "relabel"),
        Call::ShredAttest { .. } => rows!(records::TABLE; "shred_attest"),
        Call::CustodySet { .. } => {
            rows!(records::TABLE; "custody_set", "custody_set along", "custody_set successor")
        }
    }
}

fn of_consent(call: &salus_consent::Call) -> Rows {
    use salus_consent::Call;
    match call {
        Call::Grant { .. } => rows!(consent::TABLE; "grant", "grant deny", "grant replacing"),
        Call::Revoke { .. } => {
            rows!(consent::TABLE; "revoke", "revoke organisation's", "revoke guardian's")
        }
        Call::Delegate { .. } => rows!(consent::TABLE; "delegate", "delegate org.'s"),
    }
}

fn of_access(call: &salus_access::Call) -> Rows {
    use salus_access::Call;
    match call {
        Call::Request { .. } => rows!(access::TABLE; "request"),
        Call::Respond { answer, .. } => match answer {
            Answer::Approve(_) => rows!(access::TABLE; "approve"),
            Answer::Refuse(_) => rows!(access::TABLE; "refuse"),
            Answer::Withdraw => rows!(access::TABLE; "withdraw"),
        },
        Call::Open { .. } => {
            rows!(
                access::TABLE;
                "open", "open, rule revoked", "open, rule over", "open for another", "open for the family"
            )
        }
        Call::Serve { .. } => rows!(access::TABLE; "serve", "serve as second"),
        Call::EmergencyOpen { late: Some(_), .. } => rows!(access::TABLE; "emergency late"),
        Call::EmergencyOpen { tier, late: None, .. } => match tier {
            Tier::Summary => rows!(access::TABLE; "emergency summary", "emergency along"),
            Tier::Full => rows!(access::TABLE; "emergency full"),
        },
        Call::Review { .. } => rows!(access::TABLE; "review", "review, suspended", "review of dispute"),
        Call::Dispute { .. } => rows!(access::TABLE; "dispute"),
    }
}

fn of_appointments(call: &salus_appointments::Call) -> Rows {
    use salus_appointments::{Call, Change};
    match call {
        Call::Publish { .. } => rows!(services::APPOINTMENTS; "publish"),
        Call::Book { .. } => rows!(services::APPOINTMENTS; "book"),
        Call::Set { to, .. } => match to {
            Change::Confirm => rows!(services::APPOINTMENTS; "confirm"),
            Change::Decline => rows!(services::APPOINTMENTS; "decline"),
            Change::CheckIn => rows!(services::APPOINTMENTS; "check in"),
            Change::Complete => rows!(services::APPOINTMENTS; "complete"),
            Change::NoShow => rows!(services::APPOINTMENTS; "no show"),
            Change::Cancel => rows!(services::APPOINTMENTS; "cancel"),
            Change::GiveBack { .. } => rows!(services::APPOINTMENTS; "give back"),
        },
    }
}

/// The call of each row, as the doctor or council would send it, with the table and the row.
fn calls() -> Vec<(&'static Table, &'static Row, RuntimeCall)> {
    let worlds = Worlds::new();
    let mut calls = Vec::new();
    for table in TABLES {
        for row in table.rows {
            let world = worlds.before(row).all;
            calls.push((*table, row, (row.sent)(&world, Role::Doctor).call().clone()));
        }
    }
    calls
}

#[test]
fn each_row_is_of_the_call_it_stands_for() {
    for (table, row, call) in calls() {
        let (of, names) = rows_of(&call);
        assert_eq!(of.pallet, table.pallet);
        assert!(names.contains(&row.name), "{} {}: {call:?} has the rows {names:?}", table.pallet, row.name);
    }
}

/// The variants of an enum as metadata has it: index and name of each, and the types of its fields.
fn variants(registry: &PortableRegistry, id: u32) -> Vec<(u8, String, Vec<u32>)> {
    match &registry.resolve(id).unwrap().type_def {
        TypeDef::Variant(def) => def
            .variants
            .iter()
            .map(|variant: &scale_info::Variant<PortableForm>| {
                let fields = variant.fields.iter().map(|field| field.ty.id).collect();
                (variant.index, variant.name.clone(), fields)
            })
            .collect(),
        other => panic!("a call is an enum: {other:?}"),
    }
}

#[test]
fn every_call_that_metadata_shows_has_a_row() {
    let mut registry = Registry::new();
    let root = registry.register_type(&meta_type::<RuntimeCall>()).id;
    let registry = PortableRegistry::from(registry);
    let mut shown = BTreeSet::new();
    for (pallet, name, fields) in variants(&registry, root) {
        for (call, variant, _) in variants(&registry, fields[0]) {
            shown.insert((pallet, call, format!("{name}.{variant}")));
        }
    }
    let made: BTreeSet<(u8, u8)> = calls().iter().map(|(_, _, call)| (call.encode()[0], call.encode()[1])).collect();
    let without: Vec<_> = shown.iter().filter(|(pallet, call, _)| !made.contains(&(*pallet, *call))).collect();
    assert!(without.is_empty(), "these calls have no row: {without:?}");
    assert!(shown.len() >= 34, "the specification lists 34 calls, metadata shows {}", shown.len());
}
