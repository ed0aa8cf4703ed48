//! `salus record`: what becomes of a record once it is filed.

use std::str::FromStr;

use clap::Subcommand;
use salus_client::{
    actions::{
        keeping::{self, Labels},
        records,
    },
    fhir::instant,
};
use salus_consent::{Tag, Tags};
use salus_primitives::{OrganisationId, PatientId, RecordId};
use salus_records::{Change, Erasure, RecordKey, RecordKeys, types::HAND_OVER_MAX};

use super::{
    agreement::HandOverTo,
    error::CliError,
    output::Output,
    parse,
    refs::{RecordRef, Ref},
    session::Session,
};

/// The part of `salus record` about records that are filed.
#[derive(Subcommand, Debug)]
pub enum KeepingCommand {
    /// Ask, as the patient, for a record to be erased. It stays readable until its custodian erases it.
    RequestErase {
        #[command(flatten)]
        record: OnRecord,
        /// Name of the patient's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Erase a record for good, as its patient asked: nobody is given it any more, and each custodian then has to
    /// destroy what it has and say so (`salus record attest`). Cannot be undone.
    Erase(Answer),
    /// Refuse to erase a record that its patient asked to have erased, because the law has it kept.
    RefuseErase(Answer),
    /// Say that your organisation destroyed an erased record: its content key, every wrap of that key, the ciphertext
    /// and copies of them. Destroy first, then attest: your signature stays on the chain.
    Attest {
        #[command(flatten)]
        record: OnRecord,
        /// Name of the custodian's Gateway key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// List what of erasure waits for an organisation: requests to answer, and records to destroy and attest.
    Duties {
        /// Id of the organisation.
        #[arg(value_name = "ORG")]
        organisation: Ref<OrganisationId>,
    },
    /// Set a record's sensitivity labels anew, as the patient: those given replace those there are.
    Relabel {
        #[command(flatten)]
        record: OnRecord,
        /// All its sensitivity tags, 16 hex digits each; none without this.
        #[arg(long, value_delimiter = ',', value_parser = parse::tag, value_name = "TAG,...")]
        tags: Vec<Tag>,
        /// The labels are not complete: it stays restricted, and rules by label do not open it.
        #[arg(long)]
        incomplete: bool,
        /// It is not sensitive: without this it counts as restricted.
        #[arg(long, conflicts_with = "incomplete")]
        unrestricted: bool,
        /// Name of the patient's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Have another organisation keep records from now on. Give it the ciphertexts and wraps first: by agreeing, its
    /// Gateway officer says that they are stored there. The successor of a removed organisation takes them over alone.
    HandOver {
        /// The records, 1 to 256, each as PATIENT/RECORD.
        #[arg(required = true, value_parser = record_key, value_name = "PATIENT/RECORD")]
        records: Vec<RecordKey>,
        /// Id of the organisation that takes them.
        #[arg(long, value_name = "ORG")]
        to: Ref<OrganisationId>,
        /// Key of a Gateway officer of the organisation that takes them, who agrees: its name, or its address where it
        /// is on another machine. Left out by a successor, which signs with that key itself.
        #[arg(long, value_name = "NAME")]
        gateway_key: Option<String>,
        #[command(flatten)]
        hand_over: HandOverTo,
        /// Name of the key that signs: a Privacy officer's of the present custodian, or the successor's Gateway key.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
}

/// A record.
#[derive(clap::Args, Debug, Clone)]
pub struct OnRecord {
    /// The patient's id.
    pub patient: Ref<PatientId>,
    /// The record's id.
    pub record: RecordRef,
}

/// The custodian's answer to a patient who asks for erasure.
#[derive(clap::Args, Debug)]
pub struct Answer {
    #[command(flatten)]
    pub on: OnRecord,
    /// Code of the legal basis, 1 to 255, from your deployment's list.
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u8).range(1..))]
    pub basis: u8,
    /// Name of the key that signs: a Privacy officer's of the first custodian.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// Run it.
pub async fn run(session: &Session, command: KeepingCommand) -> Result<Output, CliError> {
    match command {
        KeepingCommand::RequestErase { record, key } => {
            let title = "The custodian is asked to erase the record. Until it does, your rules decide who reads it.";
            set(session, record, Change::RequestErase, 0, &key, title).await
        }
        KeepingCommand::Erase(Answer { on, basis, key }) => {
            let title = "The record is erased: nobody is given it any more. Destroy what you have of it, then attest.";
            set(session, on, Change::Erase, basis, &key, title).await
        }
        KeepingCommand::RefuseErase(Answer { on, basis, key }) => {
            let title = "The patient is refused. They may ask again.";
            set(session, on, Change::RefuseErase, basis, &key, title).await
        }
        KeepingCommand::Attest { record: OnRecord { patient, record }, key } => {
            let gateway = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let record = session.record(&chain, patient, &record).await?;
            let done = keeping::attest(&chain, &gateway, patient, record);
            let (complete, receipt) = session.wait("attesting", done).await?;
            let title = match complete {
                true => "Attested. Every custodian has: the erasure is complete.",
                false => "Attested. Another custodian still has to.",
            };
            Ok(Output::new(title).with_text("record", record).with("complete", complete).with_receipt(&receipt))
        }
        KeepingCommand::Duties { organisation } => {
            let chain = session.chain().await?;
            let organisation = session.id(&chain, &organisation).await?;
            let rows = keeping::duties(&chain, organisation)
                .await?
                .into_iter()
                .map(|((patient, record), erasure)| {
                    let to_do = match erasure {
                        Erasure::Ordered { .. } => "destroy and attest",
                        Erasure::Requested { .. } | Erasure::Refused { .. } => "erase or refuse",
                    };
                    let since = instant(since(&erasure));
                    vec![patient.to_string().into(), record.to_string().into(), to_do.into(), since.into()]
                })
                .collect();
            let columns = &["patient", "record", "to_do", "since"];
            Ok(Output::new(format!("Erasures that wait for {organisation}")).with_list("duties", columns, rows))
        }
        KeepingCommand::Relabel { record: OnRecord { patient, record }, tags, incomplete, unrestricted, key } => {
            let tags = Tags::try_from(tags).map_err(|_| CliError::Usage("a record has at most 8 tags".to_owned()))?;
            let labels = Labels { tags, labelled: !incomplete, restricted: !unrestricted };
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let record = session.record(&chain, patient, &record).await?;
            let done = keeping::relabel(&chain, &key, patient, record, labels.clone());
            let receipt = session.wait("labelling", done).await?;
            Ok(Output::new("The record has the labels given, and no others.")
                .with_text("record", record)
                .with("labelled", labels.labelled)
                .with("restricted", labels.restricted)
                .with_receipt(&receipt))
        }
        KeepingCommand::HandOver { records, to, gateway_key, hand_over, key } => {
            let number = records.len();
            let records = RecordKeys::try_from(records)
                .map_err(|_| CliError::Usage(format!("one call hands over at most {HAND_OVER_MAX} records")))?;
            let agreeing: Vec<&str> = gateway_key.iter().map(String::as_str).collect();
            let signers = session.signers(hand_over, &key, &agreeing)?;
            let chain = session.chain().await?;
            let to = session.id(&chain, &to).await?;
            let call = keeping::hand_over_call(records, to);
            let done = signers.submit(session, &chain, "handing over", call).await?;
            let output = Output::new(done.title("The records are kept there from now on."))
                .with_text("organisation", to)
                .with("records", number);
            Ok(done.end(output))
        }
    }
}

async fn set(
    session: &Session,
    OnRecord { patient, record }: OnRecord,
    to: Change,
    basis: u8,
    key: &str,
    title: &str,
) -> Result<Output, CliError> {
    let key = session.key(key)?;
    let chain = session.chain().await?;
    let patient = session.id(&chain, &patient).await?;
    let record = session.record(&chain, patient, &record).await?;
    let receipt = session.wait("changing", records::set_status(&chain, &key, patient, record, to, basis)).await?;
    Ok(Output::new(title).with_text("record", record).with_receipt(&receipt))
}

fn since(erasure: &Erasure) -> salus_primitives::Moment {
    match erasure {
        Erasure::Requested { at } | Erasure::Refused { at, .. } | Erasure::Ordered { at, .. } => *at,
    }
}

/// How an erasure stands, in words.
pub fn erasure_text(erasure: &Erasure) -> String {
    let at = instant(since(erasure));
    match erasure {
        Erasure::Requested { .. } => format!("asked for at {at}"),
        Erasure::Refused { basis, .. } => format!("refused at {at} by legal basis {basis}"),
        Erasure::Ordered { open, .. } => {
            let open: Vec<String> = open.iter().map(ToString::to_string).collect();
            format!("ordered at {at}; to attest: {}", open.join(", "))
        }
    }
}

/// A record as PATIENT/RECORD.
fn record_key(text: &str) -> Result<RecordKey, String> {
    let (patient, record) = text.split_once('/').ok_or("expected PATIENT/RECORD, two ids with a slash between")?;
    let patient = PatientId::from_str(patient).map_err(|error| error.to_string())?;
    let record = RecordId::from_str(record).map_err(|error| error.to_string())?;
    Ok((patient, record))
}
