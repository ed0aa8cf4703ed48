//! Doctors open records, and what comes of it is what it should be.

use salus_access::Receipt as AccessReceipt;
use salus_consent::{Basis, Purpose, Reason, Verdict};
use salus_primitives::{BoundedVec, RecordId, Subject};

use super::{
    DemoError,
    people::{Doctor, Patient, doing},
    stage::{eventually, expect},
    teller::Teller,
};
use crate::{actions::access, chain::Chain};

/// A doctor opens one record for treatment.
pub async fn open(
    chain: &Chain,
    doctor: &Doctor,
    patient: &Patient,
    record: RecordId,
) -> Result<access::Opened, DemoError> {
    let ids = BoundedVec::try_from(vec![record]).unwrap_or_default();
    let opened = access::open(chain, &doctor.key, patient.id, doctor.hospital, Purpose::Treatment, ids).await;
    doing("opening a record", opened)
}

/// A doctor opens one record for treatment, and may: the index of the receipt.
pub async fn open_permitted(
    chain: &Chain,
    doctor: &Doctor,
    patient: &Patient,
    record: RecordId,
    text: &str,
    teller: &mut Teller,
) -> Result<u32, DemoError> {
    let opened = open(chain, doctor, patient, record).await?;
    let (verdict, by) = verdict_of(&opened.access);
    expect(text, opened.is_permitted(), "a permission", &verdict)?;
    teller.access(&opened.receipt, &format!("{text}: permitted by {by}, receipt {}", opened.index));
    Ok(opened.index)
}

/// A doctor opens one record for treatment, and may not, for this reason: the index of the receipt.
pub async fn open_denied(
    chain: &Chain,
    doctor: &Doctor,
    (patient, record): (&Patient, RecordId),
    expected: Reason,
    text: &str,
    teller: &mut Teller,
) -> Result<u32, DemoError> {
    let opened = open(chain, doctor, patient, record).await?;
    let found = opened.access.entries.first().map(|entry| entry.verdict);
    let denied = matches!(found, Some(Verdict::Denied(denial)) if denial.reason == expected);
    expect(text, denied, &format!("a denial: {expected}"), &format!("the verdict is {found:?}"))?;
    teller.access(&opened.receipt, &format!("{text}: denied ({expected}), receipt {}", opened.index));
    Ok(opened.index)
}

/// Wait until the release under a receipt is reported on chain.
pub async fn reported(chain: &Chain, patient: &Patient, index: u32) -> Result<(), DemoError> {
    eventually("reporting a release", async || {
        let receipt = doing("reading a receipt", access::show(chain, patient.id, index).await)?;
        Ok(receipt.entries.iter().any(|entry| entry.served != Default::default()))
    })
    .await
}

/// The patient's own list of who looked or tried.
pub async fn history(
    chain: &Chain,
    doctors: &[&Doctor],
    patient: &Patient,
    teller: &mut Teller,
) -> Result<(), DemoError> {
    let history = doing("reading the history", access::history(chain, patient.id).await)?;
    teller.aside(&format!("Complete at height {}: {} facts in the log", history.height, history.log.count));
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["receipt", "block", "who", "purpose", "verdict", "by"]);
    for (index, receipt) in &history.receipts {
        let (verdict, by) = verdict_of(receipt);
        let who = doctors.iter().find(|doctor| receipt.opener == Subject::Practitioner(doctor.id));
        let row = [
            index.to_string(),
            receipt.height.to_string(),
            who.map_or("?", |doctor| doctor.name).to_owned(),
            receipt.purpose.code().to_owned(),
            verdict,
            by,
        ];
        table.add_row(row);
    }
    for line in table.to_string().lines() {
        teller.detail(line);
    }
    Ok(())
}

/// The verdict on a receipt's first record, and what it rests on.
fn verdict_of(receipt: &AccessReceipt) -> (String, String) {
    match receipt.entries.first().map(|entry| entry.verdict) {
        Some(Verdict::Permit(basis)) => {
            let by = match basis {
                Basis::Rule(rule) => format!("rule {}", rule.id),
                Basis::Default => "default policy".into(),
                Basis::Guardianship => "guardianship".into(),
                Basis::Emergency(_) => "emergency".into(),
            };
            ("permitted".into(), by)
        }
        Some(Verdict::Denied(denial)) => (format!("denied: {}", denial.reason), String::new()),
        None => ("empty".into(), String::new()),
    }
}
