//! `salus recovery`: new keys for a patient who lost theirs.

use clap::Subcommand;
use salus_client::{
    actions::guardians::{self, Guarded},
    fhir::instant,
};
use salus_patients::types::{APPROVAL_MAX, RecoveredBy, RecoveryNews, RecoveryStep};
use salus_primitives::{AccountId, PatientId};

use super::{
    agreement::{Done, HandOverTo},
    error::CliError,
    output::{Output, moment_value},
    refs::Ref,
    session::Session,
};

/// `salus recovery`
#[derive(Subcommand, Debug)]
pub enum RecoveryCommand {
    /// Propose new keys for a patient, which replace all old ones.
    ///
    /// Each guardian with the power to recover proposes the same keys; when as many did as the threshold says, 72 hours
    /// begin, or what the council has set. Or a Registrar does, with the agreement of a Registrar of another hospital
    /// (--second-key): then it is 14 days, and one key. Meanwhile whoever has one of the old keys can cancel it. The
    /// new key agrees each time: the patient makes it (`salus key generate`) and keeps it.
    #[command(after_long_help = PROPOSE_HELP)]
    Propose {
        /// Whose keys: an id, or the name of a key in your folder.
        patient: Ref<PatientId>,
        /// The patient's new key, which agrees: its name, or its address where it is on another machine. Guardians
        /// may give two.
        #[arg(long = "new-key", required = true, value_name = "NAME")]
        new_keys: Vec<String>,
        /// As a Registrar: key of a Registrar of another hospital, who agrees: its name, or its address where it is on
        /// another machine.
        #[arg(long, value_name = "NAME")]
        second_key: Option<String>,
        #[command(flatten)]
        hand_over: HandOverTo,
        /// Name of the guardian's or Registrar's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Put the new keys in the place of the old ones, when the time to cancel is over and within 14 days of that: as
    /// one of the guardians, or as a Registrar of either hospital.
    Finish(OnPatient),
    /// Stop a recovery of your keys, as the patient, with any key that you still have.
    Cancel(OnPatient),
    /// Show the recovery that runs, and the guardians who proposed one.
    Show {
        /// The patient: an id, or the name of a key in your folder.
        patient: Ref<PatientId>,
    },
}

const PROPOSE_HELP: &str = "Two guardians at a threshold of 2, the patient's new key being on the patient's machine:
  salus recovery propose PATIENT --new-key ADDRESS --cosign-out a.json --key ann
  salus cosign sign a.json --key new        # the patient, who sends the file back to Ann
  salus cosign submit a.json --key ann      # and likewise with Ben: that begins it
  salus recovery finish PATIENT --key ben   # when the time to cancel is over";

/// Whose recovery, and who signs.
#[derive(clap::Args, Debug)]
pub struct OnPatient {
    /// Whose keys: an id, or the name of a key in your folder.
    pub patient: Ref<PatientId>,
    /// Name of the key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// Run it.
pub async fn run(session: &Session, command: RecoveryCommand) -> Result<Output, CliError> {
    match command {
        RecoveryCommand::Propose { patient, new_keys, second_key, hand_over, key } => {
            if second_key.is_some() && new_keys.len() > 1 {
                let one = "Registrars give one new key: their call carries the other Registrar's agreement besides";
                return Err(CliError::Usage(one.to_owned()));
            }
            let accounts = new_keys.iter().map(|text| session.account(text)).collect::<Result<Vec<_>, _>>()?;
            let keys = guardians::recovery_keys(accounts)
                .map_err(|_| CliError::Usage("a recovery gives one key or two".to_owned()))?;
            let agreeing: Vec<&str> = new_keys.iter().chain(&second_key).map(String::as_str).collect();
            let signers = session.signers(hand_over, &key, &agreeing)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let call = guardians::recover_call(patient, RecoveryStep::Propose(keys.clone()));
            let done = signers.submit(session, &chain, "proposing", call).await?;
            let title = match &done {
                Done::Final(receipt) => news_text(&guardians::recovery_news(receipt)?),
                Done::HandedOver(..) => String::new(),
            };
            let output = Output::new(done.title(&title)).with_text("patient", patient);
            Ok(done.end(output.with("new_keys", texts(&keys))))
        }
        RecoveryCommand::Finish(on) => step(session, on, RecoveryStep::Finish, "finishing").await,
        RecoveryCommand::Cancel(on) => step(session, on, RecoveryStep::Cancel, "cancelling").await,
        RecoveryCommand::Show { patient } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            Ok(shown(patient, &guardians::show(&chain, patient).await?))
        }
    }
}

async fn step(session: &Session, on: OnPatient, step: RecoveryStep, doing: &str) -> Result<Output, CliError> {
    let key = session.key(&on.key)?;
    let chain = session.chain().await?;
    let patient = session.id(&chain, &on.patient).await?;
    let receipt = session.wait(doing, chain.submit(&key, guardians::recover_call(patient, step))).await?;
    Ok(Output::new(news_text(&guardians::recovery_news(&receipt)?))
        .with_text("patient", patient)
        .with_receipt(&receipt))
}

/// What became of a recovery, in words.
pub fn news_text(news: &RecoveryNews) -> String {
    match news {
        RecoveryNews::Approved { .. } => {
            "Noted. It begins when as many guardians as the threshold says have proposed these keys.".to_owned()
        }
        RecoveryNews::Begun { ripe, vetoable, .. } => {
            let veto = if *vetoable { "until then any key of the patient cancels it" } else { "nobody cancels it" };
            format!("The recovery runs. Finish it from {} on: salus recovery finish; {veto}.", instant(*ripe))
        }
        RecoveryNews::Recovered { .. } => {
            "The new keys speak for the patient, the old ones never again. The patient sets an encryption key next: \
             salus doctor set-kem."
                .to_owned()
        }
        RecoveryNews::Vetoed => "Cancelled: the keys stay as they are.".to_owned(),
    }
}

fn texts(keys: &[AccountId]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn shown(patient: PatientId, guarded: &Guarded) -> Output {
    let output = match &guarded.recovery {
        Some((recovery, lapses)) => Output::new("A recovery runs.")
            .with_text("patient", patient)
            .with("new_keys", texts(&recovery.keys))
            .with_text("by", by_text(recovery.by))
            .with_moment("finish_from", recovery.ripe)
            .with_moment("finish_until", *lapses)
            .with("can_be_cancelled", recovery.vetoable),
        None => Output::new("No recovery runs.").with_text("patient", patient),
    };
    let rows = guarded
        .approvals
        .iter()
        .map(|approval| {
            vec![
                approval.guardian.to_string().into(),
                texts(&approval.keys).into(),
                moment_value(approval.at),
                moment_value(approval.at.plus(APPROVAL_MAX)),
            ]
        })
        .collect();
    output.with_list("proposals", &["guardian", "new_keys", "at", "counts_until"], rows)
}

fn by_text(by: RecoveredBy) -> String {
    match by {
        RecoveredBy::Guardians => "guardians".to_owned(),
        RecoveredBy::Registrars(one, other) => format!("Registrars of {one} and {other}"),
    }
}
