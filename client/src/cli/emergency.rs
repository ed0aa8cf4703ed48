//! `salus emergency`: opening when there is no time to ask, and who answers for it.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Args, Subcommand, ValueEnum};
use salus_access::Finding as Found;
use salus_client::actions::{
    ActionError,
    access::Opened,
    emergency::{self, Asked},
    evidence::{LateEvidence, Part},
    records,
};
use salus_consent::Tier as Opens;
use salus_primitives::{Hash, Moment, OrganisationId, PatientId, PractitionerId, RecordId, signed::EmergencyRelease};

use super::{
    access::{ENTRY_COLUMNS, entries},
    agreement::{Done, HandOverTo},
    cases::{self, finding_name},
    error::CliError,
    files,
    note::{NoteArgs, commitment_with},
    output::Output,
    parse,
    refs::{RecordRef, Ref},
    session::Session,
};

/// How much is opened.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tier {
    /// The patient's emergency summary.
    #[default]
    Summary,
    /// Records that you name.
    Full,
}

/// What a review found.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It was right.
    Justified,
    /// It was wrong: the doctor's full tier is closed for 30 days.
    Unjustified,
    /// It cannot be told.
    Inconclusive,
}

/// `salus emergency`
#[derive(Subcommand, Debug)]
pub enum EmergencyCommand {
    /// Open records in an emergency, as a doctor. The patient sees it, and a Reviewer looks at it within 72 hours.
    ///
    /// Tier summary opens the patient's emergency summary, whatever the patient's rules say. Tier full opens the
    /// records you name unless the patient denied emergencies, at most ten times a day, and not while a review of yours
    /// is overdue. The hospital's gateway releases what was opened for four hours (`salus record get`).
    ///
    /// Where a review is overdue an officer of the organisation signs along for a summary: name their key with
    /// --officer, or their address with --cosign-out FILE where it is on another machine (`salus cosign`).
    Open(Box<OpenArgs>),
    /// Write down, while the chain stands still, that a summary was given out: doctor and officer sign a file.
    ///
    /// No node is needed where --genesis and --record say what it would be asked for: `salus chain status` and
    /// `salus emergency summary` print both in quiet times. Once blocks are made again either of the two hands the file
    /// in: `salus emergency open --late FILE`, within 72 hours.
    Evidence(Box<EvidenceArgs>),
    /// Sign evidence that was made elsewhere, as the officer. No node is needed.
    Sign {
        /// The file, as `salus emergency evidence` made it.
        file: PathBuf,
        /// Sign as the doctor instead: to renew the signature.
        #[arg(long)]
        as_doctor: bool,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Review an emergency of your organisation, or a patient's objection at another, as a Reviewer.
    ///
    /// Who enrolled or employed the doctor, or signed along, does not review. `salus emergency cases` lists what waits.
    Review {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// Index of the receipt.
        receipt: u32,
        /// What you found.
        #[arg(long, value_enum)]
        finding: Finding,
        #[command(flatten)]
        note: NoteArgs,
        /// Name of the Reviewer's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Object to an opening of your records, as the patient or a guardian: another organisation reviews it.
    ///
    /// Any opening of the last 90 days, an emergency or not: `salus access history` lists them with their receipts.
    Dispute {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// Index of the receipt.
        receipt: u32,
        #[command(flatten)]
        note: NoteArgs,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Show which emergencies of a doctor wait for a review, until when, and whether the full tier is open to them.
    Caseload {
        /// The doctor's id.
        doctor: Ref<PractitionerId>,
    },
    /// List what the Reviewers of an organisation may review, the longest waiting first.
    Cases {
        /// The organisation's id.
        #[arg(long, value_name = "ORG")]
        org: Ref<OrganisationId>,
    },
    /// Show an emergency or an objection, and how it was reviewed.
    Show {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// Index of the receipt.
        receipt: u32,
        /// File with a note that you were given: is it the one whose digest is on chain?
        #[arg(long, value_name = "FILE", requires = "salt")]
        note_file: Option<PathBuf>,
        /// The note's salt, as it was printed when the note was made.
        #[arg(long, value_name = "HEX", requires = "note_file")]
        salt: Option<String>,
    },
    /// Show which record is a patient's emergency summary.
    Summary {
        /// The patient's id.
        patient: Ref<PatientId>,
    },
}

/// What is opened.
#[derive(Args, Debug)]
pub struct OpenArgs {
    /// Hand in evidence of an emergency of the time when the chain stood still: as the doctor or an officer.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "patient", "org", "tier", "records", "reason", "note", "note_file", "officer", "cosign_out",
    ])]
    pub late: Option<PathBuf>,
    /// The patient's id.
    #[arg(long, required_unless_present = "late")]
    pub patient: Option<Ref<PatientId>>,
    /// For which organisation you act: it has the capability for emergencies.
    #[arg(long, value_name = "ORG", required_unless_present = "late")]
    pub org: Option<Ref<OrganisationId>>,
    /// How much.
    #[arg(long, value_enum, default_value_t)]
    pub tier: Tier,
    /// Ids of the records, at most 64; none for the summary.
    #[arg(required_if_eq("tier", "full"))]
    pub records: Vec<RecordRef>,
    /// Code of the reason, from your organisation's list.
    #[arg(long, value_name = "CODE", required_unless_present = "late")]
    pub reason: Option<u8>,
    #[command(flatten)]
    pub note: NoteArgs,
    /// Name of the key of an officer who signs along, or its address where it is on another machine.
    #[arg(long, value_name = "NAME")]
    pub officer: Option<String>,
    #[command(flatten)]
    pub to: HandOverTo,
    /// Name of the doctor's key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// What happened while the chain stood still. Ids as they are: no node may be there to look names up.
#[derive(Args, Debug)]
pub struct EvidenceArgs {
    /// The patient's id.
    #[arg(long)]
    pub patient: PatientId,
    /// The id of the organisation for which you act.
    #[arg(long, value_name = "ORG")]
    pub org: OrganisationId,
    /// Your id.
    #[arg(long)]
    pub doctor: PractitionerId,
    /// The id of the patient's emergency summary; without it a node is asked.
    #[arg(long)]
    pub record: Option<RecordId>,
    /// Hash of the chain's genesis; without it a node is asked.
    #[arg(long, value_name = "HASH")]
    pub genesis: Option<Hash>,
    /// Code of the reason, from your organisation's list.
    #[arg(long, value_name = "CODE")]
    pub reason: u8,
    #[command(flatten)]
    pub note: NoteArgs,
    /// When it was given out; without it now, by this machine's clock.
    #[arg(long, value_parser = parse::moment, value_name = "TIME")]
    pub happened: Option<Moment>,
    /// The new file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Name of the officer's key, where it is here: else the officer signs with `salus emergency sign`.
    #[arg(long, value_name = "NAME")]
    pub officer_key: Option<String>,
    /// Name of the doctor's key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// Run it.
pub async fn run(session: &Session, command: EmergencyCommand) -> Result<Output, CliError> {
    match command {
        EmergencyCommand::Open(arguments) => match &arguments.late {
            Some(file) => hand_in(session, file, &arguments.key).await,
            None => open(session, *arguments).await,
        },
        EmergencyCommand::Evidence(arguments) => evidence(session, *arguments).await,
        EmergencyCommand::Sign { file, as_doctor, key } => {
            let mut evidence = LateEvidence::from_json(&files::read(&file)?).map_err(ActionError::from)?;
            // Shown before the passphrase is asked for, so that nobody signs unseen.
            if !session.json() {
                eprint!("{}", described(Output::new("To sign:"), &evidence).to_text());
            }
            let part = if as_doctor { Part::Opener } else { Part::Officer };
            evidence.sign(part, &session.key(&key)?).map_err(ActionError::from)?;
            files::replace(&file, &evidence.to_json())?;
            Ok(described(Output::new(next_for(&evidence, &file.display().to_string())), &evidence))
        }
        EmergencyCommand::Review { patient, receipt, finding, note, key } => {
            let (note, salt) = note.commitment()?;
            let reviewer = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let done = emergency::review(&chain, &reviewer, patient, receipt, finding.into(), note);
            let reviewed = session.wait("reviewing", done).await?;
            let what = if reviewed.of_dispute { "objection" } else { "emergency" };
            Ok(Output::new(format!("The {what} is reviewed, for good."))
                .with_text("patient", patient)
                .with("receipt", receipt)
                .with("reviewed", what)
                .with("finding", finding_name(finding.into()))
                .with("note_salt", salt)
                .with_receipt(&reviewed.receipt))
        }
        EmergencyCommand::Dispute { patient, receipt, note, key } => {
            let (note, salt) = note.commitment()?;
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let done = emergency::dispute(&chain, &key, patient, receipt, note);
            let submitted = session.wait("objecting", done).await?;
            Ok(Output::new("Objected: a Reviewer of another organisation looks at it.")
                .with_text("patient", patient)
                .with("receipt", receipt)
                .with("note_salt", salt)
                .with_receipt(&submitted))
        }
        EmergencyCommand::Caseload { doctor } => cases::caseload(session, &doctor).await,
        EmergencyCommand::Cases { org } => cases::to_review(session, &org).await,
        EmergencyCommand::Show { patient, receipt, note_file, salt } => {
            let given = match (note_file, salt) {
                (Some(file), Some(salt)) => Some(commitment_with(&file, &salt)?),
                _ => None,
            };
            cases::show(session, &patient, receipt, given).await
        }
        EmergencyCommand::Summary { patient } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let record = emergency::summary(&chain, patient).await?;
            Ok(Output::new("").with_text("patient", patient).with_text("record", record))
        }
    }
}

async fn open(session: &Session, arguments: OpenArgs) -> Result<Output, CliError> {
    let OpenArgs { patient, org, tier, records: named, reason, note, officer, to, key, .. } = arguments;
    let (Some(patient), Some(org), Some(reason)) = (patient, org, reason) else {
        return Err(CliError::Usage("give --patient, --org and --reason".to_owned()));
    };
    let (note, salt) = note.commitment()?;
    let officer: Vec<&str> = officer.iter().map(String::as_str).collect();
    let signers = session.signers(to, &key, &officer)?;
    let chain = session.chain().await?;
    let patient = session.id(&chain, &patient).await?;
    let organisation = session.id(&chain, &org).await?;
    let ids = match named.is_empty() {
        true => vec![emergency::summary(&chain, patient).await?],
        false => session.records(&chain, patient, &named).await?,
    };
    let records =
        records::record_ids(ids).map_err(|_| CliError::Usage("at most 64 records are opened at once".to_owned()))?;
    let asked = Asked { organisation, tier: tier.into(), records, reason, note };
    let done = signers.submit(session, &chain, "opening", emergency::open_call(patient, asked)).await?;
    let output = Output::new(done.title("")).with_text("patient", patient);
    match done {
        Done::Final(receipt) => Ok(told(emergency::opened(&chain, *receipt).await?, patient, salt)),
        handed @ Done::HandedOver(..) => Ok(handed.end(output.with("note_salt", salt))),
    }
}

/// Hand in what two people signed while the chain stood still.
async fn hand_in(session: &Session, file: &std::path::Path, key: &str) -> Result<Output, CliError> {
    let evidence = LateEvidence::from_json(&files::read(file)?).map_err(ActionError::from)?;
    let key = session.key(key)?;
    let chain = session.chain().await?;
    let call = evidence.call(chain.genesis()).map_err(ActionError::from)?;
    let receipt = session.wait("handing in", chain.submit(&key, call)).await?;
    let opened = emergency::opened(&chain, receipt).await?;
    Ok(Output::new("Written down: a Reviewer looks at it. Nothing more is released on it.")
        .with_text("patient", evidence.release().patient)
        .with("receipt", opened.index)
        .with("permitted", opened.is_permitted())
        .with_moment("happened", evidence.release().happened)
        .with_receipt(&opened.receipt)
        .with_list("entries", ENTRY_COLUMNS, entries(&opened.access)))
}

fn told(opened: Opened, patient: PatientId, salt: Option<String>) -> Output {
    let title = match opened.is_permitted() {
        true => {
            "Opened. The custodian's gateway releases what is permitted until the receipt ends; somebody reviews it."
        }
        false => "Nothing is permitted. It is recorded, and somebody reviews it.",
    };
    Output::new(title)
        .with_text("patient", patient)
        .with("receipt", opened.index)
        .with("permitted", opened.is_permitted())
        .with_moment("until", opened.access.until)
        .with("note_salt", salt)
        .with_receipt(&opened.receipt)
        .with_list("entries", ENTRY_COLUMNS, entries(&opened.access))
}

async fn evidence(session: &Session, arguments: EvidenceArgs) -> Result<Output, CliError> {
    let EvidenceArgs { patient, org, doctor, record, genesis, reason, note, happened, out, officer_key, key } =
        arguments;
    let (note, salt) = note.commitment()?;
    let (genesis, record) = match (genesis, record) {
        (Some(genesis), Some(record)) => (genesis, record),
        (genesis, record) => {
            let chain = session.chain().await?;
            let record = match record {
                Some(record) => record,
                None => emergency::summary(&chain, patient).await?,
            };
            (genesis.unwrap_or(chain.genesis()), record)
        }
    };
    let happened = happened.map_or_else(clock, Ok)?;
    let release = EmergencyRelease { patient, organisation: org, practitioner: doctor, record, reason, note, happened };
    let mut evidence = LateEvidence::new(genesis, release);
    evidence.sign(Part::Opener, &session.key(&key)?).map_err(ActionError::from)?;
    if let Some(officer) = officer_key {
        evidence.sign(Part::Officer, &session.key(&officer)?).map_err(ActionError::from)?;
    }
    files::create(&out, &evidence.to_json())?;
    let output = Output::new(next_for(&evidence, &out.display().to_string())).with_text("file", out.display());
    Ok(described(output, &evidence).with("note_salt", salt))
}

/// This machine's time: the chain stands still, so its own does not tell.
fn clock() -> Result<Moment, CliError> {
    let wrong = || CliError::Usage("this machine's clock is wrong: say when it was with --happened TIME".to_owned());
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
    Ok(Moment(u64::try_from(since.as_millis()).map_err(|_| wrong())?))
}

/// What is to be done with evidence in `file`.
fn next_for(evidence: &LateEvidence, file: &str) -> String {
    match evidence.missing()[..] {
        [] => format!("Signed by both. Once blocks are made again: salus emergency open --late {file} --key NAME"),
        [Part::Officer] => {
            format!("Signed by the doctor. An officer signs it too: salus emergency sign {file} --key NAME")
        }
        _ => format!(
            "Signed by the officer. The doctor signs it too: salus emergency sign {file} --as-doctor --key NAME"
        ),
    }
}

fn described(output: Output, evidence: &LateEvidence) -> Output {
    let release = evidence.release();
    let signer = |part| evidence.signer(part).map(|account| account.to_string());
    output
        .with_text("patient", release.patient)
        .with_text("organisation", release.organisation)
        .with_text("doctor", release.practitioner)
        .with_text("record", release.record)
        .with("reason", release.reason)
        .with_text("note", release.note)
        .with_moment("happened", release.happened)
        .with_text("genesis", evidence.genesis())
        .with("signed_by_doctor", signer(Part::Opener))
        .with("signed_by_officer", signer(Part::Officer))
        .with("missing", evidence.missing().iter().map(ToString::to_string).collect::<Vec<_>>())
}

impl From<Tier> for Opens {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Summary => Self::Summary,
            Tier::Full => Self::Full,
        }
    }
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Justified => Self::Justified,
            Finding::Unjustified => Self::Unjustified,
            Finding::Inconclusive => Self::Inconclusive,
        }
    }
}

#[cfg(test)]
#[path = "emergency_tests.rs"]
mod tests;
