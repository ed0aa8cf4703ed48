//! `salus access`: opening records, reporting releases, and who looked.

use clap::Subcommand;
use salus_access::Receipt as AccessReceipt;
use salus_client::{
    actions::{access, records, subject_text},
    fhir::{access_of, audit_bundle, instant},
};
use salus_consent::{Basis, Purpose, Verdict};
use salus_primitives::{Hash, OrganisationId, PatientId};
use serde_json::Value;

use super::{
    error::CliError,
    output::Output,
    parse,
    refs::{RecordRef, Ref},
    session::Session,
};

/// `salus access`
#[derive(Subcommand, Debug)]
pub enum AccessCommand {
    /// Open records of a patient, as a doctor. A denial is recorded too.
    Open {
        /// The patient's id.
        #[arg(long)]
        patient: Ref<PatientId>,
        /// For which organisation you act.
        #[arg(long, value_name = "ORG")]
        org: Ref<OrganisationId>,
        /// For what: an HL7 code.
        #[arg(long, value_parser = parse::purpose, default_value = "TREAT", value_name = "CODE")]
        purpose: Purpose,
        /// Ids of the records, at most 64.
        #[arg(required = true)]
        records: Vec<RecordRef>,
        /// Name of the doctor's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Report only that entries of a receipt were released, as the custodian's gateway.
    Serve {
        /// The patient's id.
        #[arg(long)]
        patient: Ref<PatientId>,
        /// Index of the receipt.
        #[arg(long)]
        receipt: u32,
        /// Which of its entries, from 0 on.
        #[arg(long, value_delimiter = ',', required = true, value_parser = clap::value_parser!(u8).range(..64), value_name = "N,...")]
        entries: Vec<u8>,
        /// Digest over what you keep of the release.
        #[arg(long, value_name = "HASH")]
        digest: Hash,
        /// Name of the Gateway key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Who looked or tried to, when, why and under which rule.
    History {
        /// The patient's id.
        patient: Ref<PatientId>,
    },
    /// Write receipts as FHIR R4 AuditEvents: one, or all of the last 90 days.
    Export {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// Index of the receipt; without it all that are kept.
        #[arg(long, value_name = "INDEX")]
        receipt: Option<u32>,
    },
    /// Show one receipt.
    Show {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// Index of the receipt.
        receipt: u32,
    },
}

/// Run it.
pub async fn run(session: &Session, command: AccessCommand) -> Result<Output, CliError> {
    match command {
        AccessCommand::Open { patient, org, purpose, records: ids, key } => {
            let doctor = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let org = session.id(&chain, &org).await?;
            let ids = records::record_ids(session.records(&chain, patient, &ids).await?)
                .map_err(|_| CliError::Usage("at most 64 records are opened at once".to_owned()))?;
            let done = access::open(&chain, &doctor, patient, org, purpose, ids);
            let opened = session.wait("opening", done).await?;
            let title = if opened.is_permitted() {
                "Opened. The custodian's gateway releases what is permitted until the receipt ends."
            } else {
                "Denied, and recorded."
            };
            Ok(Output::new(title)
                .with_text("patient", patient)
                .with("receipt", opened.index)
                .with("permitted", opened.is_permitted())
                .with_moment("until", opened.access.until)
                .with_receipt(&opened.receipt)
                .with_list("entries", ENTRY_COLUMNS, entries(&opened.access)))
        }
        AccessCommand::Serve { patient, receipt, entries, digest, key } => {
            let gateway = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let bits = entries.iter().fold(0u64, |bits, entry| bits | (1 << entry));
            let done = access::serve(&chain, &gateway, patient, receipt, bits, digest);
            let submitted = session.wait("reporting", done).await?;
            Ok(Output::new("Reported.").with("receipt", receipt).with_receipt(&submitted))
        }
        AccessCommand::History { patient } => history(session, patient).await,
        AccessCommand::Export { patient, receipt } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let receipts = match receipt {
                Some(index) => vec![(index, access::show(&chain, patient, index).await?)],
                None => access::history(&chain, patient).await?.receipts,
            };
            let kept = records::list(&chain, patient).await?;
            let custodian = |id| kept.iter().find(|(other, _)| *other == id).map(|(_, record)| record.custodian);
            let told = |(index, receipt)| access_of(chain.genesis(), patient, index, &receipt, custodian);
            Ok(Output::document(audit_bundle(&receipts.into_iter().map(told).collect::<Vec<_>>())))
        }
        AccessCommand::Show { patient, receipt } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let found = access::show(&chain, patient, receipt).await?;
            Ok(Output::new("")
                .with("receipt", receipt)
                .with_text("who", subject_text(&found.opener))
                .with_text("organisation", found.organisation)
                .with("purpose", found.purpose.code())
                .with_moment("at", found.at)
                .with("height", found.height.0)
                .with_moment("until", found.until)
                .with_list("entries", ENTRY_COLUMNS, entries(&found)))
        }
    }
}

/// What is said of each entry of a receipt.
pub const ENTRY_COLUMNS: &[&str] = &["record", "permitted", "basis", "served"];

/// The entries of a receipt.
pub fn entries(receipt: &AccessReceipt) -> Vec<Vec<Value>> {
    receipt
        .entries
        .iter()
        .map(|entry| {
            vec![
                entry.record.to_string().into(),
                entry.verdict.is_permit().into(),
                verdict_text(&entry.verdict).into(),
                (entry.served.0 != 0).into(),
            ]
        })
        .collect()
}

/// What a verdict rests on, in words.
fn verdict_text(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Permit(Basis::Rule(rule)) => format!("rule {}", rule.id),
        Verdict::Permit(Basis::Default) => "the chain's default policy".to_owned(),
        Verdict::Permit(Basis::Guardianship) => "guardianship".to_owned(),
        Verdict::Permit(Basis::Emergency(_)) => "emergency".to_owned(),
        Verdict::Denied(denial) => match denial.rule {
            Some(rule) => format!("{} (rule {})", denial.reason, rule.id),
            None => denial.reason.to_string(),
        },
    }
}

async fn history(session: &Session, patient: Ref<PatientId>) -> Result<Output, CliError> {
    let chain = session.chain().await?;
    let patient = session.id(&chain, &patient).await?;
    let history = access::history(&chain, patient).await?;
    let rows = history
        .receipts
        .iter()
        .flat_map(|(index, receipt)| {
            receipt.entries.iter().map(move |entry| {
                vec![
                    (*index).into(),
                    instant(receipt.at).into(),
                    receipt.height.0.into(),
                    subject_text(&receipt.opener).into(),
                    receipt.organisation.to_string().into(),
                    receipt.purpose.code().into(),
                    entry.record.to_string().into(),
                    entry.verdict.is_permit().into(),
                    verdict_text(&entry.verdict).into(),
                    (entry.served.0 != 0).into(),
                ]
            })
        })
        .collect();
    Ok(Output::new(format!("Who looked or tried to look at records of patient {patient}"))
        .with("complete_at_height", history.height.0)
        .with("facts", history.log.count)
        .with_text("log_head", history.log.head)
        .with_list(
            "entries",
            &["receipt", "at", "height", "who", "organisation", "purpose", "record", "permitted", "basis", "served"],
            rows,
        ))
}
