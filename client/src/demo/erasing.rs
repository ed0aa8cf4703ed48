//! The end of a record: asked for by the patient, ordered by the custodian, done and attested by the gateways.

use salus_primitives::RecordId;
use salus_records::Change;

use super::{
    DemoError,
    people::{Patient, doing},
    stage::{Stage, eventually, expect, withheld},
    story::Cast,
    teller::Teller,
};
use crate::{
    actions::{keeping, records},
    door::Refusal,
};

/// The legal basis that the demo names: consent withdrawn, GDPR 17(1)(b), by the deployment's list.
const CONSENT_WITHDRAWN: u8 = 1;

/// Erase a record that both hospitals keep.
pub async fn erase(
    stage: &mut Stage,
    cast: &Cast,
    patient: &Patient,
    record: RecordId,
    teller: &mut Teller,
) -> Result<(), DemoError> {
    let chain = &stage.turn().await?;
    let name = record.to_string();
    let before = stage.aster.stored(&name)?.min(stage.linden.stored(&name)?);
    expect("looking into the stores", before > 0, "a ciphertext in each", "none")?;
    let asked = records::set_status(chain, &patient.key, patient.id, record, Change::RequestErase, 0);
    teller.step(&doing("asking for erasure", asked.await)?, "The patient asks to have the General record erased");
    let ordered = records::set_status(chain, &cast.aster.privacy, patient.id, record, Change::Erase, CONSENT_WITHDRAWN);
    teller.step(&doing("erasing", ordered.await)?, "Aster's Privacy officer erases it: each custodian owes a proof");
    eventually("the attestation of both custodians", async || {
        let left = keeping::erasure(chain, patient.id, record).await;
        Ok(doing("reading the erasure", left)?.is_none())
    })
    .await?;
    teller.aside("Both gateways destroy ciphertext and keys, and attest it on chain: the erasure is complete");
    let after = stage.aster.stored(&name)? + stage.linden.stored(&name)?;
    // A tombstone of some bytes may stay, so that no late copy brings the record back.
    expect("looking into the stores", after < before, "no ciphertext", &format!("{after} bytes"))?;
    let fetched = stage.fetch(chain, patient.keys(), (patient.id, record, None)).await;
    withheld("fetching an erased record", fetched, Refusal::NotServable)?;
    teller.aside("Nobody gets it any more, the patient neither: refused, NotServable");
    Ok(())
}
