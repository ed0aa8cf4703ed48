//! Opening records, reporting a release, and who looked or tried.

use salus_access::{Call, Event, Receipt as AccessReceipt, RecordIds, storage::Logs, storage::Receipts};
use salus_consent::Purpose;
use salus_primitives::{Hash, Height, OrganisationId, PatientId, crypto::KeyPair, patient_log::LogHead};
use salus_runtime::{RuntimeCall, RuntimeEvent};

use super::ActionError;
use crate::chain::{Chain, Receipt};

/// Records were opened, or their opening was denied: what stands on chain of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Opened {
    /// Index in the patient's log: with the patient's id it names the access receipt.
    pub index: u32,
    /// The access receipt: what was decided for each record, and by which rule.
    pub access: AccessReceipt,
    /// Where that stands.
    pub receipt: Receipt,
}

impl Opened {
    /// Was at least one record permitted?
    pub fn is_permitted(&self) -> bool {
        self.access.permitted() != 0
    }
}

/// Open records of a patient. By a practitioner. A denial is no error: it is a fact on chain like a permission.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn open(
    chain: &Chain,
    practitioner: &KeyPair,
    patient: PatientId,
    organisation: OrganisationId,
    purpose: Purpose,
    records: RecordIds,
) -> Result<Opened, ActionError> {
    let call = Call::Open { patient, organisation, purpose, records };
    let receipt = chain.submit(practitioner, RuntimeCall::Access(call)).await?;
    let index = receipt.find(|event| match event {
        RuntimeEvent::Access(Event::Opened { receipt, .. }) => Some(*receipt),
        _ => None,
    })?;
    let access = chain.view(receipt.block, |state| Receipts::get(state, &(patient, index))).await?;
    let access = access.ok_or_else(|| unknown(index))?;
    Ok(Opened { index, access, receipt })
}

/// Report that entries of a receipt were released. By a Gateway officer of their custodian.
///
/// # Errors
/// [`ActionError::Submit`].
pub async fn serve(
    chain: &Chain,
    gateway: &KeyPair,
    patient: PatientId,
    receipt: u32,
    entries: u64,
    digest: Hash,
) -> Result<Receipt, ActionError> {
    let call = Call::Serve { patient, receipt, entries, digest };
    Ok(chain.submit(gateway, RuntimeCall::Access(call)).await?)
}

/// Who looked or tried, as one state has it.
#[derive(Clone, PartialEq, Debug)]
pub struct History {
    /// The height it is complete at.
    pub height: Height,
    /// Hash of that block.
    pub block: Hash,
    /// The log's head: how many facts there ever were, and the hash over them.
    pub log: LogHead,
    /// Receipts of the last 90 days, oldest first, with their index.
    pub receipts: Vec<(u32, AccessReceipt)>,
}

/// Who looked or tried to, when, why and under which rule.
///
/// # Errors
/// What asking failed with.
pub async fn history(chain: &Chain, patient: PatientId) -> Result<History, ActionError> {
    let block = chain.finalised().await?;
    let height = chain.header(block).await?.number;
    let (log, receipts) = chain
        .view(block, |state| (Logs::get(state, &patient), salus_access::history(state, patient).collect::<Vec<_>>()))
        .await?;
    Ok(History { height, block, log, receipts })
}

/// One access receipt.
///
/// # Errors
/// [`ActionError::Unknown`], or what asking failed with.
pub async fn show(chain: &Chain, patient: PatientId, index: u32) -> Result<AccessReceipt, ActionError> {
    let found = chain.view_now(|state| Receipts::get(state, &(patient, index))).await?;
    found.ok_or_else(|| unknown(index))
}

fn unknown(index: u32) -> ActionError {
    ActionError::Unknown { what: "access receipt", id: index.to_string() }
}
