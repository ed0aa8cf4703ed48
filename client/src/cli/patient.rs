//! `salus patient`: invitation, registration, confirmation and states.

use clap::{Subcommand, ValueEnum};
use salus_client::{
    actions::{
        FreshId as _, fresh_key,
        patients::{self, Overview},
    },
    fhir::instant,
    keystore::StoredKey,
};
use salus_patients::{
    Change, PatientState,
    types::{DECEASED_DELAY, FrozenBy},
};
use salus_primitives::{Moment, PatientId};

use super::{
    agreement::{Done, HandOverTo},
    error::CliError,
    guardian::waiting_text,
    org::public_kem,
    output::{Output, moment_value},
    parse,
    refs::Ref,
    session::Session,
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
    ///
    /// For someone who cannot act now (an invitation made with --provisional) a Privacy officer registers, with new
    /// keys that the hospital keeps for at most 30 days. When the person can act, `salus key rotate` puts a key of their
    /// own in the place of the one kept, `salus doctor set-kem` sets an encryption key of their own, and the hospital
    /// confirms.
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
    ///
    /// The person's screen and yours show the same six words. Whom Privacy registered is confirmed when the key that
    /// Privacy keeps is no longer theirs: `salus key rotate`.
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
    /// Freeze, thaw or close yourself, freeze whom you are guardian of, declare a death, or cancel one.
    ///
    /// A guardian freezes alone. What a guardian froze thaws when as many guardians as the threshold says have asked
    /// for it.
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
    /// No rule, key or guardian changes for 14 days; care goes on. By the patient, or by any one guardian.
    Freeze,
    /// End a freeze: your own, or together with the other guardians one that a guardian began.
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
            let title = match patients::is_provisional(&receipt) {
                true => {
                    "Registered for 30 days. Records are filed once this key grants it; then the person's own replaces it."
                }
                false => "Registered. Nothing is filed before the hospital confirms and you grant it.",
            };
            Ok(Output::new(title).with_text("patient", id).with_text("address", key.public()).with_receipt(&receipt))
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
            let title = match &done {
                Done::Final(receipt) if patients::is_approval_only(receipt) => {
                    "Noted. The freeze ends when as many guardians as the threshold says have asked for it."
                }
                _ => "The patient's state changed.",
            };
            let output = Output::new(done.title(title))
                .with_text("patient", patient)
                .with_text("to", format!("{to:?}").to_lowercase());
            Ok(done.end(output))
        }
        PatientCommand::Show { patient } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            Ok(shown(patient, &patients::overview(&chain, patient).await?))
        }
    }
}

fn shown(patient: PatientId, found: &Overview) -> Output {
    let (entry, guarded) = (&found.entry, &found.guarded);
    let (state, until) = state_text(&entry.state);
    let held = guarded.guardianship.as_ref().map(|held| &held.terms);
    let guardians = held.map(|terms| terms.guardians.iter().map(ToString::to_string).collect::<Vec<_>>());
    let waits = guarded.waiting.as_ref();
    let recovery = guarded.recovery.as_ref().map(|(recovery, lapses)| {
        format!("can be finished from {} until {}", instant(recovery.ripe), instant(*lapses))
    });
    let rows = found
        .keys
        .iter()
        .map(|key| {
            vec![
                key.account.to_string().into(),
                key.session_until.map(moment_value).into(),
                key.dropped_at.map(moment_value).into(),
            ]
        })
        .collect();
    Output::new("")
        .with_text("patient", patient)
        .with("state", state)
        .with("state_until", until.map(moment_value))
        .with("assurance", entry.assurance)
        .with_text("inviting", entry.inviting)
        .with("key_kept_by_privacy", entry.held_key.map(|key| key.to_string()))
        .with("encryption_key", found.kem.map(|kem| format!("0x{}", hex::encode(kem.key))))
        .with("guardians", guardians)
        .with("guardians_threshold", held.map(|terms| terms.threshold))
        .with("guardians_until", held.map(|terms| moment_value(terms.until)))
        .with("guardians_waiting", waits.map(waiting_text))
        .with("guardians_waiting_until", waits.map(|change| moment_value(change.from)))
        .with("recovery", recovery)
        .with("recovery_proposals", guarded.approvals.len())
        .with("records_on_hold", found.holds)
        .with("facts", found.log.count)
        .with_text("log_head", found.log.head)
        .with_list("keys", &["address", "session_until", "dropped_at"], rows)
}

/// The state by name, and when it ends by itself or can no longer be cancelled.
pub fn state_text(state: &PatientState) -> (&'static str, Option<Moment>) {
    match *state {
        PatientState::Provisional { until } => ("provisional", Some(until)),
        PatientState::Active => ("active", None),
        PatientState::Frozen { until, by: FrozenBy::Patient } => ("frozen", Some(until)),
        PatientState::Frozen { until, by: FrozenBy::Guardian } => ("frozen by a guardian", Some(until)),
        PatientState::Deceased { declared } => ("deceased", Some(declared.plus(DECEASED_DELAY))),
        PatientState::Closed => ("closed", None),
        PatientState::Recovering { until, .. } => ("recovering", Some(until)),
    }
}
