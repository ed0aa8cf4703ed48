//! What a call says, in words, to whom is asked to agree to it. A new call does not compile before it has its words here,
//! or is said to need nobody's agreement.

use salus_client::{
    actions::{council::act_text, officers::roles_text},
    fhir::instant,
};
use salus_consent::Tier;
use salus_council::Act;
use salus_patients::types::{GuardianChange, RecoveryStep};
use salus_runtime::RuntimeCall;

use super::{guardian, output::Output, parse};

/// With what the call asks for.
pub fn call_in(output: Output, call: &RuntimeCall) -> Output {
    match call {
        RuntimeCall::Council(call) => council(output, call),
        RuntimeCall::Registry(call) => registry(output, call),
        RuntimeCall::Patients(call) => patients(output, call),
        RuntimeCall::Records(call) => records(output, call),
        RuntimeCall::Access(call) => access(output, call),
        RuntimeCall::Timestamp(never) => match *never {},
        RuntimeCall::System(salus_system::Call::Noop {})
        | RuntimeCall::Validators(salus_validators::Call::ReportEquivocation { .. })
        | RuntimeCall::Consent(
            salus_consent::Call::Grant { .. }
            | salus_consent::Call::Revoke { .. }
            | salus_consent::Call::Delegate { .. },
        )
        | RuntimeCall::Appointments(
            salus_appointments::Call::Publish { .. }
            | salus_appointments::Call::Book { .. }
            | salus_appointments::Call::Set { .. },
        )
        | RuntimeCall::Credits(salus_credits::Call::Redeem { .. }) => alone(output),
    }
}

/// A call that one key signs is never handed over.
fn alone(output: Output) -> Output {
    output.with("call", "a call that needs nobody's agreement")
}

fn council(output: Output, call: &salus_council::Call) -> Output {
    use salus_council::Call;
    let act = match call {
        Call::Propose { act, .. } => act,
        Call::Vote { .. } => return alone(output),
    };
    let output = output.with("call", "propose to the council").with_text("act", act_text(act));
    match act {
        Act::OrganisationSet { id, status, display_name, caps, admin } => output
            .with_text("organisation", id)
            .with_text("name", String::from_utf8_lossy(display_name))
            .with_text("status", format!("{status:?}").to_lowercase())
            .with("caps", parse::cap_names(*caps))
            .with("admin", admin.map(|admin| admin.to_string())),
        // No other act binds a key, and so nobody agrees to one.
        Act::CouncilSet { .. }
        | Act::ValidatorsSet { .. }
        | Act::ParametersSet { .. }
        | Act::UpgradeSchedule { .. }
        | Act::CancelMotion { .. }
        | Act::PractitionerStatus { .. }
        | Act::Successor { .. } => output,
    }
}

fn registry(output: Output, call: &salus_registry::Call) -> Output {
    use salus_registry::Call;
    match call {
        Call::OfficerSet { account, roles, .. } => output
            .with("call", "make an officer of the submitter's organisation")
            .with_text("officer", account)
            .with("roles", roles.map(roles_text)),
        Call::PractitionerSet { id, account, licence, licence_until, speciality, status, .. } => output
            .with("call", "enrol a doctor")
            .with_text("doctor", id)
            .with("key", account.map(|account| account.to_string()))
            .with_text("licence", licence)
            .with_moment("licence_until", *licence_until)
            .with("speciality", *speciality)
            .with_text("status", format!("{status:?}").to_lowercase()),
        Call::AffiliationSet { practitioner, organisation, terms, .. } => output
            .with("call", "employ a doctor")
            .with_text("doctor", practitioner)
            .with_text("organisation", organisation)
            .with("until", terms.as_ref().map(|terms| instant(terms.until)))
            .with("roles", terms.as_ref().map(|terms| terms.roles.to_vec())),
        Call::KeysSet { add, drop, kem, .. } => output
            .with("call", "change the submitter's own keys")
            .with("added", add.iter().map(|key| key.account.to_string()).collect::<Vec<_>>())
            .with("session_until", add.iter().find_map(|key| key.until).map(instant))
            .with("ended", drop.iter().map(ToString::to_string).collect::<Vec<_>>())
            .with("encryption_key", kem.map(|kem| format!("0x{}", hex::encode(kem.key)))),
        Call::OrganisationUpdate { .. } => alone(output),
    }
}

fn patients(output: Output, call: &salus_patients::Call) -> Output {
    use salus_patients::Call;
    match call {
        Call::GuardiansSet { patient, change, .. } => {
            let on = |words| output.with("call", words).with_text("patient", patient);
            match change {
                GuardianChange::Set(terms) => guardian::terms_in(on("name who stands in for a patient"), terms),
                GuardianChange::End => on("have nobody stand in for a patient any more"),
                GuardianChange::Cancel => on("stop a change of guardians"),
            }
        }
        Call::Recover { patient, step, .. } => {
            let on = |words| output.with("call", words).with_text("patient", patient);
            match step {
                RecoveryStep::Propose(keys) => on("propose new keys for a patient, which replace all old ones")
                    .with("new_keys", keys.iter().map(ToString::to_string).collect::<Vec<_>>()),
                RecoveryStep::Finish => on("put the new keys of a recovery in the place of the old ones"),
                RecoveryStep::Cancel => on("stop a recovery"),
            }
        }
        Call::StatusSet { patient, to, .. } => output
            .with("call", "change a patient's state")
            .with_text("patient", patient)
            .with_text("to", format!("{to:?}").to_lowercase()),
        Call::Invite { .. } | Call::Register { .. } | Call::Confirm { .. } => alone(output),
    }
}

fn records(output: Output, call: &salus_records::Call) -> Output {
    use salus_records::Call;
    match call {
        Call::CustodySet { records, organisation, .. } => output
            .with("call", "keep records from now on: your signature says that their ciphertexts are stored")
            .with_text("organisation", organisation)
            .with("number", records.len())
            .with("records", records.iter().map(|(patient, id)| format!("{patient}/{id}")).collect::<Vec<_>>()),
        Call::Put { .. } | Call::StatusSet { .. } | Call::Relabel { .. } | Call::ShredAttest { .. } => alone(output),
    }
}

fn access(output: Output, call: &salus_access::Call) -> Output {
    use salus_access::Call;
    match call {
        Call::EmergencyOpen { patient, organisation, tier, records, reason, note, late, .. } => output
            .with("call", "open a patient's records in an emergency, which is reviewed: you say that it is one")
            .with_text("patient", patient)
            .with_text("organisation", organisation)
            .with(
                "tier",
                match tier {
                    Tier::Summary => "summary",
                    Tier::Full => "full",
                },
            )
            .with("records", records.iter().map(ToString::to_string).collect::<Vec<_>>())
            .with("reason", *reason)
            .with_text("note", note)
            .with("happened", late.as_ref().map(|late| instant(late.happened))),
        Call::Request { .. }
        | Call::Respond { .. }
        | Call::Open { .. }
        | Call::Serve { .. }
        | Call::Review { .. }
        | Call::Dispute { .. } => alone(output),
    }
}
