//! `salus doctor`: practitioners, their licence, employment and encryption key.

use std::path::PathBuf;

use clap::Subcommand;
use salus_client::actions::{
    FreshId as _,
    practitioners::{self, Enrolment},
};
use salus_primitives::{Hash, OrganisationId, PractitionerId};
use salus_registry::types::{PractitionerStatus, RoleCodes, Terms};

use super::{
    agreement::HandOverTo,
    error::CliError,
    note::committed,
    org::public_kem,
    output::{Output, moment_value},
    parse,
    refs::Ref,
    session::Session,
};

/// `salus doctor`
#[derive(Subcommand, Debug)]
pub enum DoctorCommand {
    /// Enrol a doctor, whose key agrees.
    Register {
        /// Name of the doctor's key, or its address where it is on another machine.
        doctor_key: String,
        /// File with the licence: only a salted digest of it goes on chain. The salt is printed: keep it.
        #[arg(long, value_name = "FILE", required_unless_present = "licence")]
        licence_file: Option<PathBuf>,
        /// Commitment to the licence, made elsewhere: 64 hex digits.
        #[arg(long, value_name = "HASH", conflicts_with = "licence_file")]
        licence: Option<Hash>,
        /// How long the licence lasts from now, at most 5y.
        #[arg(long, value_parser = parse::duration, default_value = "2y", value_name = "TIME")]
        valid_for: u64,
        /// Speciality, a SNOMED CT concept id.
        #[arg(long, value_name = "CODE")]
        speciality: u64,
        /// The doctor's id; a new random one when none is given.
        #[arg(long)]
        id: Option<PractitionerId>,
        #[command(flatten)]
        to: HandOverTo,
        /// Name of the Registrar's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Employ a doctor: the Registrar signs, the doctor's key agrees.
    Affiliate {
        /// The doctor's id.
        doctor: Ref<PractitionerId>,
        /// Where.
        #[arg(long, value_name = "ORG")]
        at: Ref<OrganisationId>,
        /// Name of the doctor's key, or its address where it is on another machine.
        #[arg(long, value_name = "NAME")]
        doctor_key: String,
        /// For how long from now, at most 5y.
        #[arg(long, value_parser = parse::duration, default_value = "1y", value_name = "TIME")]
        valid_for: u64,
        /// As what: SNOMED CT concept ids.
        #[arg(long, value_delimiter = ',', value_name = "CODE,...")]
        roles: Vec<u64>,
        #[command(flatten)]
        to: HandOverTo,
        /// Name of the Registrar's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// End an affiliation: the Registrar or the doctor alone.
    Leave {
        /// The doctor's id.
        doctor: Ref<PractitionerId>,
        /// Where.
        #[arg(long, value_name = "ORG")]
        at: Ref<OrganisationId>,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Suspend a doctor, as the licensing organisation's Registrar.
    Suspend(OnDoctor),
    /// Lift a doctor's suspension.
    Restore(OnDoctor),
    /// Strike a suspended doctor off the register for good.
    Strike(OnDoctor),
    /// Set your own encryption key, as a doctor or patient: records are sealed to it from now on.
    SetKem {
        /// Name of the encryption key.
        kem_key: String,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Show a doctor.
    Show {
        /// The doctor's id.
        doctor: Ref<PractitionerId>,
    },
}

/// A doctor and who acts.
#[derive(clap::Args, Debug)]
pub struct OnDoctor {
    /// The doctor's id.
    pub doctor: Ref<PractitionerId>,
    /// Name of the Registrar's key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// Run it.
pub async fn run(session: &Session, command: DoctorCommand) -> Result<Output, CliError> {
    match command {
        DoctorCommand::Register { doctor_key, licence_file, licence, valid_for, speciality, id, to, key } => {
            let (licence, salt) = commitment(licence_file, licence)?;
            let id = id.map_or_else(PractitionerId::fresh, Ok)?;
            let signers = session.signers(to, &key, &[&doctor_key])?;
            let doctor = signers.other();
            let chain = session.chain().await?;
            let licence_until = chain.now().await?.plus(valid_for);
            let entry = Enrolment { id, licence, licence_until, speciality };
            let done =
                signers.submit(session, &chain, "enrolling", practitioners::register_call(doctor, entry)).await?;
            let output = Output::new(done.title("The doctor is enrolled."))
                .with_text("doctor", id)
                .with_text("address", doctor)
                .with_text("licence", licence)
                .with("licence_salt", salt)
                .with_moment("licence_until", licence_until);
            Ok(done.end(output))
        }
        DoctorCommand::Affiliate { doctor, at, doctor_key, valid_for, roles, to, key } => {
            let roles = RoleCodes::try_from(roles)
                .map_err(|_| CliError::Usage("an affiliation has at most 8 roles".to_owned()))?;
            let signers = session.signers(to, &key, &[&doctor_key])?;
            let chain = session.chain().await?;
            let doctor = session.id(&chain, &doctor).await?;
            let at = session.id(&chain, &at).await?;
            let until = chain.now().await?.plus(valid_for);
            let call = practitioners::affiliate_call(doctor, at, Terms { roles, until });
            let done = signers.submit(session, &chain, "affiliating", call).await?;
            let output = Output::new(done.title("The doctor is affiliated."))
                .with_text("doctor", doctor)
                .with_text("organisation", at)
                .with_moment("until", until);
            Ok(done.end(output))
        }
        DoctorCommand::Leave { doctor, at, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let doctor = session.id(&chain, &doctor).await?;
            let at = session.id(&chain, &at).await?;
            let receipt = session.wait("ending", practitioners::end_affiliation(&chain, &key, doctor, at)).await?;
            Ok(Output::new("The affiliation is ended.")
                .with_text("doctor", doctor)
                .with_text("organisation", at)
                .with_receipt(&receipt))
        }
        DoctorCommand::Suspend(on) => set(session, on, PractitionerStatus::Suspended).await,
        DoctorCommand::Restore(on) => set(session, on, PractitionerStatus::Active).await,
        DoctorCommand::Strike(on) => set(session, on, PractitionerStatus::Struck).await,
        DoctorCommand::SetKem { kem_key, key } => {
            let kem = public_kem(session, &kem_key)?;
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let receipt = session.wait("setting", practitioners::set_kem(&chain, &key, kem)).await?;
            Ok(Output::new("Records are sealed to this key from now on.")
                .with_text("encryption_key", kem)
                .with_receipt(&receipt))
        }
        DoctorCommand::Show { doctor } => show(session, doctor).await,
    }
}

/// The commitment to a licence, with its salt where it is made here.
fn commitment(file: Option<PathBuf>, made: Option<Hash>) -> Result<(Hash, Option<String>), CliError> {
    match (file, made) {
        (_, Some(made)) => Ok((made, None)),
        (Some(path), None) => committed(&path).map(|(licence, salt)| (licence, Some(salt))),
        (None, None) => Err(CliError::Usage("give --licence-file FILE or --licence HASH".to_owned())),
    }
}

async fn set(session: &Session, on: OnDoctor, status: PractitionerStatus) -> Result<Output, CliError> {
    let registrar = session.key(&on.key)?;
    let chain = session.chain().await?;
    let doctor = session.id(&chain, &on.doctor).await?;
    let done = practitioners::set_status(&chain, &registrar, doctor, status);
    let receipt = session.wait("changing", done).await?;
    let status = format!("{status:?}").to_lowercase();
    Ok(Output::new(format!("The doctor is {status} now."))
        .with_text("doctor", doctor)
        .with("status", status)
        .with_receipt(&receipt))
}

async fn show(session: &Session, doctor: Ref<PractitionerId>) -> Result<Output, CliError> {
    let chain = session.chain().await?;
    let id = session.id(&chain, &doctor).await?;
    let (entry, places, kem) = practitioners::show(&chain, id).await?;
    let rows = places
        .into_iter()
        .map(|(place, affiliation)| {
            vec![place.to_string().into(), affiliation.roles.to_vec().into(), moment_value(affiliation.until)]
        })
        .collect();
    Ok(Output::new("")
        .with_text("doctor", id)
        .with_text("status", format!("{:?}", entry.status).to_lowercase())
        .with("speciality", entry.speciality)
        .with_text("licensing", entry.licensing)
        .with_text("licence", entry.licence)
        .with_moment("licence_until", entry.licence_until)
        .with("encryption_key", kem.map(|kem| format!("0x{}", hex::encode(kem.key))))
        .with_list("affiliations", &["organisation", "roles", "until"], rows))
}
