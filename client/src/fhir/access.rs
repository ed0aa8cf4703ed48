//! A receipt of the chain as `salus-fhir` has it.

use salus_access::Receipt;
use salus_consent::Verdict;
use salus_fhir::{Access, AccessEntry, Decision, Id, Opener};
use salus_primitives::{Hash, OrganisationId, PatientId, RecordId, Subject};

use super::grant::purpose_of;

/// What the receipt under `index` of the patient's log says, on the chain of this `genesis`. `custodian` tells who
/// keeps a record now: who released it is not in the receipt.
pub fn access_of(
    genesis: Hash,
    patient: PatientId,
    index: u32,
    receipt: &Receipt,
    custodian: impl Fn(RecordId) -> Option<OrganisationId>,
) -> Access {
    let entries = receipt.entries.iter().map(|entry| {
        let (decision, rule) = match &entry.verdict {
            Verdict::Permit(_) => (Decision::Permitted, entry.verdict.rule()),
            Verdict::Denied(denial) => (Decision::Denied(denial.reason.to_string()), denial.rule),
        };
        let released = (entry.served.0 != 0).then(|| custodian(entry.record)).flatten();
        AccessEntry {
            record: Id(entry.record.0),
            decision,
            rule: rule.map(|rule| rule.id),
            released_by: released.map(|organisation| Id(organisation.0)),
        }
    });
    Access {
        chain: genesis.to_string(),
        patient: Id(patient.0),
        receipt: index,
        opener: match receipt.opener {
            Subject::Practitioner(id) => Opener::Practitioner(Id(id.0)),
            Subject::Patient(id) => Opener::Patient(Id(id.0)),
            Subject::Organisation(id) => Opener::Organisation(Id(id.0)),
            // No member of the council opens records; if one did, the organisation acted for is who it was.
            Subject::Council => Opener::Organisation(Id(receipt.organisation.0)),
        },
        organisation: Id(receipt.organisation.0),
        purpose: purpose_of(receipt.purpose),
        height: receipt.height.0.into(),
        at: receipt.at.0,
        entries: entries.collect(),
    }
}
