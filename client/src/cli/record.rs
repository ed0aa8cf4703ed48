//! `salus record`: filing, reading and marking records.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use clap::{Subcommand, ValueEnum};
use salus_client::{
    actions::{
        patients,
        records::{self, Filing},
        store::{Holder, Store},
        subject_text,
    },
    fhir::{self, Labels},
    remote,
    tags::TagCode,
};
use salus_consent::{Kind, Tag, Tags};
use salus_primitives::{OrganisationId, PatientId, RecordId};
use salus_records::{Change, Record};

use super::{error::CliError, output::Output, parse, session::Session};

/// `salus record`
#[derive(Subcommand, Debug)]
pub enum RecordCommand {
    /// File a FHIR R4 bundle: it is encrypted here; only digest and labels go on chain.
    Put {
        /// The bundle's file.
        file: PathBuf,
        /// The patient's id.
        #[arg(long)]
        patient: PatientId,
        /// For which organisation; it keeps the record, too.
        #[arg(long, value_name = "ORG")]
        org: OrganisationId,
        /// What sort of document; without it what the bundle seems to be.
        #[arg(long, value_parser = parse::kind)]
        kind: Option<Kind>,
        /// The record it amends.
        #[arg(long, value_name = "RECORD")]
        amends: Option<RecordId>,
        /// Name of the patient's tag key, where you have it: then sensitivity labels are set from the bundle.
        #[arg(long, value_name = "NAME", conflicts_with = "tags")]
        tag_key: Option<String>,
        /// Sensitivity tags that the patient gave you, 16 hex digits each: then the record counts as labelled.
        #[arg(long, value_delimiter = ',', value_parser = parse::tag, value_name = "TAG,...")]
        tags: Vec<Tag>,
        /// Address of the custodian's gateway; without it where the chain says.
        #[arg(long, value_name = "URL", env = "SALUS_GATEWAY")]
        gateway: Option<String>,
        /// Folder of encrypted records, instead of a gateway.
        #[arg(long, value_name = "DIR", requires = "gateway_key")]
        store: Option<PathBuf>,
        /// Name of the custodian's Gateway key, which confirms that the record is stored in the folder.
        #[arg(long, value_name = "NAME", requires = "store")]
        gateway_key: Option<String>,
        /// Name of the author's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// List a patient's records.
    List {
        /// The patient's id.
        patient: PatientId,
    },
    /// Show a record as the chain has it.
    Show {
        /// The patient's id.
        patient: PatientId,
        /// The record's id.
        record: RecordId,
    },
    /// Fetch a record from its custodian and decrypt it: by an access receipt of yours, or your own as a patient.
    Get {
        /// The record's id.
        record: RecordId,
        /// The patient's id.
        #[arg(long)]
        patient: PatientId,
        /// Index of the access receipt; without it you are the patient.
        #[arg(long, value_name = "INDEX")]
        receipt: Option<u32>,
        /// Address of a custodian's gateway; without it where the chain says.
        #[arg(long, value_name = "URL", env = "SALUS_GATEWAY")]
        gateway: Option<String>,
        /// New file to write it to, readable by you alone.
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
        /// Name of your encryption key.
        #[arg(long, value_name = "NAME")]
        kem_key: String,
        /// Name of your key that signs the request.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Decrypt a record from a folder: your own as a patient, or by an access receipt that was released to you.
    Read {
        /// The patient's id.
        patient: PatientId,
        /// The record's id.
        record: RecordId,
        /// Index of the access receipt; without it you are the patient.
        #[arg(long, value_name = "INDEX")]
        receipt: Option<u32>,
        /// Folder of encrypted records.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
        /// New file to write it to.
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
        /// Name of your encryption key.
        #[arg(long, value_name = "NAME")]
        kem_key: String,
    },
    /// Mark a record as an error, set a hold or lift it.
    Status {
        /// The patient's id.
        patient: PatientId,
        /// The record's id.
        record: RecordId,
        /// What.
        #[arg(value_enum)]
        to: To,
        /// Code of the reason, from your deployment's list.
        #[arg(long, default_value_t = 0)]
        basis: u8,
        /// Name of the key that signs: the author's or a Privacy officer's of the custodian.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
}

/// A change of a record's state.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// It was filed in error: nobody is given it any more.
    Error,
    /// Keep it for a legal claim.
    Hold,
    /// The claim is settled.
    LiftHold,
}

impl From<To> for Change {
    fn from(to: To) -> Self {
        match to {
            To::Error => Self::EnteredInError,
            To::Hold => Self::Hold,
            To::LiftHold => Self::LiftHold,
        }
    }
}

/// Run it.
pub async fn run(session: &Session, command: RecordCommand) -> Result<Output, CliError> {
    match command {
        RecordCommand::Put { file, patient, org, kind, amends, tag_key, tags, gateway, store, gateway_key, key } => {
            let info = fhir::read_bundle(&file)?;
            let tag_key = tag_key.map(|name| session.tag_key(&name)).transpose()?;
            let author = session.key(&key)?;
            let folder = match store.zip(gateway_key) {
                Some((store, gateway_key)) => Some((Store::open(&store)?, session.key(&gateway_key)?)),
                None => None,
            };
            let mut filing = Filing::unlabelled(patient, org, kind.unwrap_or_else(|| parse::kind_of(info.kind)));
            filing.prev = amends;
            let given = !tags.is_empty();
            let tags = match &tag_key {
                Some(key) => labels(&info.labels, key),
                None => tags,
            };
            filing.tags =
                Tags::try_from(tags).map_err(|_| CliError::Usage("a record has at most 8 tags".to_owned()))?;
            filing.labelled = (tag_key.is_some() || given) && !info.labels.unknown;
            filing.restricted = !filing.labelled || info.labels.restricted();
            let chain = session.chain().await?;
            let plain = &info.bytes[..];
            let filed = match &folder {
                Some((store, gateway_key)) => {
                    let done = records::put(&chain, store, &author, gateway_key, filing.clone(), plain);
                    session.wait("filing", done).await?
                }
                None => {
                    let done = remote::put(&chain, gateway.as_deref(), &author, filing.clone(), plain);
                    session.wait("filing", done).await?
                }
            };
            Ok(Output::new("The record is filed.")
                .with_text("patient", patient)
                .with_text("record", filed.record)
                .with("version", filed.version)
                .with("kind", parse::kind_name(filing.kind))
                .with("labelled", filing.labelled)
                .with("restricted", filing.restricted)
                .with_text("digest", filed.anchor.digest)
                .with("bytes", filed.plain_bytes)
                .with("encrypted_bytes", filed.anchor.size)
                .with_receipt(&filed.receipt))
        }
        RecordCommand::List { patient } => {
            let chain = session.chain().await?;
            patients::show(&chain, patient).await?;
            let rows = records::list(&chain, patient)
                .await?
                .into_iter()
                .map(|(id, record)| {
                    vec![
                        id.to_string().into(),
                        parse::kind_name(record.kind).into(),
                        record.version.into(),
                        status(&record).into(),
                        record.restricted.into(),
                        record.organisation.to_string().into(),
                    ]
                })
                .collect();
            Ok(Output::new(format!("Records of patient {patient}")).with_list(
                "records",
                &["record", "kind", "version", "status", "restricted", "organisation"],
                rows,
            ))
        }
        RecordCommand::Show { patient, record } => {
            let chain = session.chain().await?;
            let found = records::show(&chain, patient, record).await?;
            Ok(described(Output::new("").with_text("record", record), &found))
        }
        RecordCommand::Get { record, patient, receipt, gateway, out, kem_key, key } => {
            let (key, secret) = (session.key(&key)?, session.kem(&kem_key)?);
            let chain = session.chain().await?;
            let which = (patient, record, receipt);
            let done = remote::get(&chain, gateway.as_deref(), &key, &secret, which, &out);
            let (found, fetched) = session.wait("fetching", done).await?;
            Ok(Output::new(format!("Decrypted to {}.", out.display()))
                .with_text("record", record)
                .with("bytes", fetched.plain_bytes)
                .with_text("digest", found.digest))
        }
        RecordCommand::Read { patient, record, receipt, store, out, kem_key } => {
            let secret = session.kem(&kem_key)?;
            let holder = receipt.map_or(Holder::Patient, Holder::Receipt);
            let store = Store::open(&store)?;
            let chain = session.chain().await?;
            let mut plain = zeroize::Zeroizing::new(Vec::new());
            let found = records::read(&chain, &store, patient, record, holder, &secret, &mut *plain).await?;
            let failed = |doing| {
                let path = out.clone();
                move |source| CliError::Io { doing, path, source }
            };
            // Readable by its owner alone, and never in another file's place.
            let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&out);
            let mut file = options.map_err(failed("making"))?;
            if let Err(source) = file.write_all(&plain).and_then(|()| file.sync_all()) {
                let _ = fs::remove_file(&out);
                return Err(failed("writing")(source));
            }
            Ok(Output::new(format!("Decrypted to {}.", out.display()))
                .with_text("record", record)
                .with("bytes", plain.len())
                .with_text("digest", found.digest))
        }
        RecordCommand::Status { patient, record, to, basis, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let done = records::set_status(&chain, &key, patient, record, to.into(), basis);
            let receipt = session.wait("marking", done).await?;
            Ok(Output::new("The record's state changed.").with_text("record", record).with_receipt(&receipt))
        }
    }
}

fn labels(labels: &Labels, key: &salus_client::tags::TagKey) -> Vec<Tag> {
    labels.sensitivity.iter().map(|class| Tag(key.tag(TagCode::Sensitivity(*class)).0)).collect()
}

fn status(record: &Record) -> String {
    let status = format!("{:?}", record.status).to_lowercase();
    if record.hold { format!("{status}, on hold") } else { status }
}

fn described(output: Output, record: &Record) -> Output {
    output
        .with("kind", parse::kind_name(record.kind))
        .with("version", record.version)
        .with("amends", record.prev.map(|prev| prev.to_string()))
        .with_text("status", status(record))
        .with("labelled", record.labelled)
        .with("restricted", record.restricted)
        .with("tags", record.tags.iter().map(|tag| hex::encode(tag.0)).collect::<Vec<_>>())
        .with_text("author", subject_text(&record.author))
        .with_text("organisation", record.organisation)
        .with_text("custodian", record.custodian)
        .with_text("digest", record.digest)
        .with("size", record.size)
}
