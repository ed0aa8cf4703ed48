//! `salus patient`: invitation, registration, confirmation and states.

use clap::{Subcommand, ValueEnum};
use salus_client::{
    actions::{FreshId as _, fresh_key, patients},
    keystore::StoredKey,
};
use salus_patients::{Change, PatientState};
use salus_primitives::PatientId;

use super::{
    agreement::HandOverTo, error::CliError, org::public_kem, output::Output, parse, refs::Ref, session::Session,
};

/// `salus patient`
#[derive(Subcommand, Debug)]
pub enum PatientCommand {
    /// Make an invitation, as a Registrar: its key is kept in the folder, to be handed to the person invited.
    Invite {
        /// Name to keep the invitation's new key under.
        #[arg(value_parser = parse::key_name)]
        invite_key: String,
        /// For how long from now, at most 30d.
        #[arg(long, value_parser = parse::duration, default_value = "14d", value_name = "TIME")]
        valid_for: u64,
        /// For someone who cannot act now: Privacy registers and keeps the key for at most 30 days.
        #[arg(long)]
        provisional: bool,
        /// Name of the Registrar's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Register as a patient against an invitation.
    Register {
        /// Name of the invitation's key.
        #[arg(long, value_name = "NAME")]
        invite_key: String,
        /// Name of your encryption key: `salus key generate --kind kem NAME`.
        #[arg(long, value_name = "NAME")]
        kem_key: String,
        /// Your id; a new random one when none is given.
        #[arg(long)]
        id: Option<PatientId>,
        /// Name of your own new key, which speaks for you from now on.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Confirm that the person was seen, as a Registrar of the organisation that invited.
    Confirm {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// How surely the person was identified.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
        assurance: u8,
        /// Name of the Registrar's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Freeze, thaw or close yourself, declare a death, or cancel one.
    Status {
        /// The patient's id.
        patient: Ref<PatientId>,
        /// What.
        #[arg(value_enum)]
        to: To,
        /// Key of a Registrar of another organisation who agrees, where two are needed: its name, or its address
        /// where it is on another machine.
        #[arg(long, value_name = "NAME")]
        second_key: Option<String>,
        #[command(flatten)]
        hand_over: HandOverTo,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Show what the chain keeps of a patient.
    Show {
        /// The patient's id.
        patient: Ref<PatientId>,
    },
}

/// A change of a patient's state.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// No rule or key changes for 14 days.
    Freeze,
    /// End your own freeze.
    Thaw,
    /// End everything, for ever.
    Close,
    /// Declare a death, as Registrars of two organisations.
    Deceased,
    /// Cancel a declaration of your death within 72 hours.
    Living,
}

impl From<To> for Change {
    fn from(to: To) -> Self {
        match to {
            To::Freeze => Self::Freeze,
            To::Thaw => Self::Thaw,
            To::Close => Self::Close,
            To::Deceased => Self::Deceased,
            To::Living => Self::Living,
        }
    }
}

/// Run it.
pub async fn run(session: &Session, command: PatientCommand) -> Result<Output, CliError> {
    match command {
        PatientCommand::Invite { invite_key, valid_for, provisional, key } => {
            let registrar = session.key(&key)?;
            let invite = fresh_key()?;
            let chain = session.chain().await?;
            let until = chain.now().await?.plus(valid_for);
            // Kept before it is on chain: an invitation whose key is lost would be of no use.
            session.store(&invite_key, &StoredKey::Account(invite.clone()), false)?;
            let done = patients::invite(&chain, &registrar, invite.public(), until, provisional);
            let receipt = session.wait("inviting", done).await?;
            Ok(Output::new(format!("Hand key {invite_key} to the person invited, and to nobody else."))
                .with_text("invitation", invite.public())
                .with_moment("until", until)
                .with("provisional", provisional)
                .with_receipt(&receipt))
        }
        PatientCommand::Register { invite_key, kem_key, id, key } => {
            let kem = public_kem(session, &kem_key)?;
            let id = id.map_or_else(PatientId::fresh, Ok)?;
            let (key, invite) = (session.key(&key)?, session.key(&invite_key)?);
            let chain = session.chain().await?;
            let receipt = session.wait("registering", patients::register(&chain, &key, id, &invite, kem)).await?;
            Ok(Output::new("Registered. Nothing is filed before the hospital confirms and you grant it.")
                .with_text("patient", id)
                .with_text("address", key.public())
                .with_receipt(&receipt))
        }
        PatientCommand::Confirm { patient, assurance, key } => {
            let registrar = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let done = patients::confirm(&chain, &registrar, patient, assurance);
            let receipt = session.wait("confirming", done).await?;
            Ok(Output::new("The patient is confirmed.")
                .with_text("patient", patient)
                .with("assurance", assurance)
                .with_receipt(&receipt))
        }
        PatientCommand::Status { patient, to, second_key, hand_over, key } => {
            let second: Vec<&str> = second_key.iter().map(String::as_str).collect();
            let signers = session.signers(hand_over, &key, &second)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let call = patients::status_call(patient, to.into());
            let done = signers.submit(session, &chain, "changing", call).await?;
            let output = Output::new(done.title("The patient's state changed."))
                .with_text("patient", patient)
                .with_text("to", format!("{to:?}").to_lowercase());
            Ok(done.end(output))
        }
        PatientCommand::Show { patient } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let now = chain.now().await?;
            let (entry, kem) = patients::show(&chain, patient).await?;
            Ok(Output::new("")
                .with_text("patient", patient)
                .with_text("state", state_name(&entry.state_at(now)))
                .with("assurance", entry.assurance)
                .with_text("inviting", entry.inviting)
                .with("encryption_key", kem.map(|kem| format!("0x{}", hex::encode(kem.key)))))
        }
    }
}

/// A patient's state in a word.
pub fn state_name(state: &PatientState) -> &'static str {
    match state {
        PatientState::Provisional { .. } => "provisional",
        PatientState::Active => "active",
        PatientState::Frozen { .. } => "frozen",
        PatientState::Deceased { .. } => "deceased",
        PatientState::Closed => "closed",
        PatientState::Recovering { .. } => "recovering",
    }
}
