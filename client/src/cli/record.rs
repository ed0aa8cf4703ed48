//! `salus record`: filing, reading and marking records.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use salus_client::{
    actions::{
        keeping::erasure,
        patients,
        records::{self, Filing},
        subject_text,
    },
    chain::Chain,
    fhir::{self, BundleInfo, Checker},
    remote,
    vitals::{Birth, BloodGroup, Gender, Height, PerMinute, Pressure, Saturation, Temperature, VitalsInput, Weight},
};
use salus_consent::{Kind, Tag, Tags};
use salus_primitives::{OrganisationId, PatientId};
use salus_records::{Change, Record};

use super::{
    error::CliError,
    keeping::{self, KeepingCommand},
    output::Output,
    parse,
    refs::{RecordRef, Ref},
    session::Session,
};

/// `salus record`
#[derive(Subcommand, Debug)]
pub enum RecordCommand {
    /// File a FHIR R4 bundle: it is checked and encrypted here; only digest and labels go on chain.
    Put {
        /// The bundle's file.
        file: PathBuf,
        /// How it is filed.
        #[command(flatten)]
        filing: FilingArgs,
        /// What sort of document; without it what the bundle seems to be.
        #[arg(long, value_parser = parse::kind)]
        kind: Option<Kind>,
    },
    /// Make the record of general information from what was measured, and file it. The BMI is computed.
    Vitals {
        /// What was measured.
        #[command(flatten)]
        measured: Box<MeasuredArgs>,
        /// How it is filed.
        #[command(flatten)]
        filing: FilingArgs,
    },
    /// List a patient's records.
    List {
        /// The patient's id.
        patient: Ref<PatientId>,
    },
    /// Show a record as the chain has it.
    Show {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// The record's id.
        record: RecordRef,
    },
    /// Fetch a record from its custodian and decrypt it: by an access receipt of yours, or your own as a patient.
    Get {
        /// The record's id.
        record: RecordRef,
        /// The patient's id.
        #[arg(long)]
        patient: Ref<PatientId>,
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
    /// Mark a record as an error, set a hold or lift it.
    Status {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// The record's id.
        record: RecordRef,
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
    #[command(flatten)]
    Keeping(KeepingCommand),
}

/// How a record is filed.
#[derive(Args, Debug)]
pub struct FilingArgs {
    /// The patient's id.
    #[arg(long)]
    pub patient: Ref<PatientId>,
    /// For which organisation; it keeps the record, too.
    #[arg(long, value_name = "ORG")]
    pub org: Ref<OrganisationId>,
    /// The record it amends.
    #[arg(long, value_name = "RECORD")]
    pub amends: Option<RecordRef>,
    /// Name of the patient's tag key, where you have it: then tags are set from the bundle's labels and encounter.
    #[arg(long, value_name = "NAME", conflicts_with = "tags")]
    pub tag_key: Option<String>,
    /// Sensitivity tags that the patient gave you, 16 hex digits each: then the record counts as labelled.
    #[arg(long, value_delimiter = ',', value_parser = parse::tag, value_name = "TAG,...")]
    pub tags: Vec<Tag>,
    /// Address of the custodian's gateway; without it where the chain says.
    #[arg(long, value_name = "URL", env = "SALUS_GATEWAY")]
    pub gateway: Option<String>,
    /// Another organisation that keeps a copy and releases it too, where the first one cannot be reached.
    #[arg(long, value_name = "ORG")]
    pub second: Option<Ref<OrganisationId>>,
    /// Name of the author's key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// What was measured. A value comes with its unit, as `50kg`, `5.6ft` or `98.6F`, or in the unit named here.
#[derive(Args, Debug)]
pub struct MeasuredArgs {
    /// male, female, other or unknown.
    #[arg(long)]
    pub gender: Gender,
    /// Birth date as YYYY-MM-DD, or age in years.
    #[arg(long, value_name = "DATE|AGE")]
    pub born: Birth,
    /// In kg.
    #[arg(long)]
    pub weight: Weight,
    /// In cm.
    #[arg(long)]
    pub height: Height,
    /// As AB-.
    #[arg(long, value_name = "GROUP")]
    pub blood_group: Option<BloodGroup>,
    /// Systolic and diastolic in mmHg, as 118/76.
    #[arg(long, value_parser = parse::pressures, value_name = "SYS/DIA")]
    pub pressure: Option<(Pressure, Pressure)>,
    /// Heartbeats a minute.
    #[arg(long, value_name = "RATE")]
    pub pulse: Option<PerMinute>,
    /// Breaths a minute.
    #[arg(long, value_name = "RATE")]
    pub breaths: Option<PerMinute>,
    /// In degrees Celsius.
    #[arg(long)]
    pub temperature: Option<Temperature>,
    /// Oxygen saturation in percent.
    #[arg(long, value_name = "PERCENT")]
    pub oxygen: Option<Saturation>,
}

impl From<MeasuredArgs> for VitalsInput {
    fn from(measured: MeasuredArgs) -> Self {
        Self {
            gender: measured.gender,
            birth: measured.born,
            weight: measured.weight,
            height: measured.height,
            blood_group: measured.blood_group,
            blood_pressure: measured.pressure,
            heart_rate: measured.pulse,
            respiration: measured.breaths,
            temperature: measured.temperature,
            saturation: measured.oxygen,
        }
    }
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
        RecordCommand::Put { file, filing, kind } => {
            let info = fhir::read_bundle(&file, Some(Checker::shared()?))?;
            let chain = session.chain().await?;
            put(session, &chain, filing, kind, &info).await
        }
        RecordCommand::Vitals { measured, filing } => {
            let input = VitalsInput::from(*measured);
            let bmi = input.bmi_tenths()?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &filing.patient).await?;
            let bytes = input.bundle(&fhir::Id(patient.0), chain.now().await?.0)?;
            let info = fhir::parse_bundle(bytes)?;
            let filed = put(session, &chain, filing, None, &info).await?;
            // What was understood: a unit that was converted shows here.
            Ok(filed
                .with_text("weight", input.weight)
                .with_text("height", input.height)
                .with("bmi", format!("{}.{} kg/m2", bmi / 10, bmi % 10)))
        }
        RecordCommand::List { patient } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
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
            let patient = session.id(&chain, &patient).await?;
            let record = session.record(&chain, patient, &record).await?;
            let found = records::show(&chain, patient, record).await?;
            let erasure = erasure(&chain, patient, record).await?;
            Ok(described(Output::new("").with_text("record", record), &found)
                .with("erasure", erasure.as_ref().map(keeping::erasure_text)))
        }
        RecordCommand::Get { record, patient, receipt, gateway, out, kem_key, key } => {
            let (key, secret) = (session.key(&key)?, session.kem(&kem_key)?);
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let record = session.record(&chain, patient, &record).await?;
            let which = (patient, record, receipt);
            let done = remote::get(&chain, gateway.as_deref(), &key, &secret, which, &out);
            let (found, fetched) = session.wait("fetching", done).await?;
            Ok(Output::new(format!("Decrypted to {}.", out.display()))
                .with_text("record", record)
                .with("bytes", fetched.plain_bytes)
                .with_text("digest", found.digest))
        }
        RecordCommand::Status { patient, record, to, basis, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let record = session.record(&chain, patient, &record).await?;
            let done = records::set_status(&chain, &key, patient, record, to.into(), basis);
            let receipt = session.wait("marking", done).await?;
            Ok(Output::new("The record's state changed.").with_text("record", record).with_receipt(&receipt))
        }
        RecordCommand::Keeping(command) => keeping::run(session, command).await,
    }
}

/// File a bundle that was checked.
async fn put(
    session: &Session,
    chain: &Chain,
    arguments: FilingArgs,
    kind: Option<Kind>,
    info: &BundleInfo,
) -> Result<Output, CliError> {
    let FilingArgs { patient, org, amends, tag_key, tags, gateway, second, key } = arguments;
    let tag_key = tag_key.map(|name| session.tag_key(&name)).transpose()?;
    let author = session.key(&key)?;
    let patient = session.id(chain, &patient).await?;
    let org = session.id(chain, &org).await?;
    let mut filing = Filing::unlabelled(patient, org, kind.unwrap_or_else(|| fhir::chain_kind(info.kind)));
    filing.prev = match &amends {
        Some(record) => Some(session.record(chain, patient, record).await?),
        None => None,
    };
    filing.second = session.maybe_id(chain, second.as_ref()).await?;
    let given = !tags.is_empty();
    let tags = match &tag_key {
        Some(key) => fhir::tags_of(info, key),
        None => tags,
    };
    filing.tags = Tags::try_from(tags).map_err(|_| CliError::Usage("a record has at most 8 tags".to_owned()))?;
    filing.labelled = (tag_key.is_some() || given) && !info.labels.unknown;
    filing.restricted = !filing.labelled || info.labels.restricted();
    let done = remote::put(chain, gateway.as_deref(), &author, filing.clone(), &info.bytes[..]);
    let filed = session.wait("filing", done).await?;
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
        .with("second_custodian", record.second.map(|second| second.to_string()))
        .with_text("digest", record.digest)
        .with("size", record.size)
}
