//! `salus guardian`: who stands in for a patient.

use clap::{Args, Subcommand, ValueEnum};
use salus_client::{
    actions::guardians::{self, Guarded},
    chain::Receipt,
    fhir::instant,
};
use salus_consent::Tag;
use salus_patients::types::{
    EXCLUDED_MAX, ExcludedTags, GUARDIANS_MAX, GuardianChange, GuardianTerms, PendingGuardians, Powers,
};
use salus_primitives::{BoundedVec, PatientId};
use serde_json::Value;

use super::{
    agreement::{Done, HandOverTo},
    error::CliError,
    output::{Output, moment_value},
    parse,
    refs::Ref,
    session::Session,
};

/// `salus guardian`
#[derive(Subcommand, Debug)]
pub enum GuardianCommand {
    /// Name who stands in for a patient, in place of all named before.
    ///
    /// A patient does so alone. For a child, before the hospital confirmed it: a Registrar and a Privacy officer of the
    /// hospital that invited it. For someone who cannot act: Registrars of two hospitals; then it takes effect after 14
    /// days, and any key of the patient cancels it meanwhile. Where there are guardians already, a change takes effect
    /// after 72 hours. Each guardian is a confirmed patient, and may also freeze the patient: `salus patient status`.
    #[command(after_long_help = SET_HELP)]
    Set(SetArgs),
    /// Have no guardians any more, as the patient: it takes effect after 72 hours.
    End(OnPatient),
    /// Stop a change of guardians before it takes effect, as the patient, with any of your keys.
    Cancel(OnPatient),
    /// Show who stands in for a patient, for what, until when, and what waits.
    Show {
        /// The patient: an id, or the name of a key in your folder.
        patient: Ref<PatientId>,
    },
}

const SET_HELP: &str = "Two of three friends give you new keys when you lost yours, for two years:
  salus guardian set me --guardians ann,ben,cem --threshold 2 --key me

A mother grants and opens for her child:
  salus guardian set child --guardians mother --threshold 1 --powers act --key registrar --second-key privacy";

/// Who stands in for whom.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// The patient: an id, or the name of a key in your folder.
    pub patient: Ref<PatientId>,
    /// Who stands in: confirmed patients, at most 8, each once.
    #[arg(long, value_delimiter = ',', required = true, value_name = "PATIENT,...")]
    pub guardians: Vec<Ref<PatientId>>,
    /// How many of them together give the patient new keys, or end a freeze.
    #[arg(long, value_name = "N")]
    pub threshold: u8,
    /// What they may do, besides freezing.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "recover", value_name = "POWER,...")]
    pub powers: Vec<Power>,
    /// Records with any of these tags are not theirs to see, nor any record without labels. At most 8.
    #[arg(long, value_delimiter = ',', value_parser = parse::tag, value_name = "TAG,...")]
    pub excluded: Vec<Tag>,
    /// For how long from now, at most 2y.
    #[arg(long, value_parser = parse::duration, default_value = "2y", value_name = "TIME")]
    pub valid_for: u64,
    /// Key of the second officer, where officers do this: its name, or its address where it is on another machine.
    #[arg(long, value_name = "NAME")]
    pub second_key: Option<String>,
    #[command(flatten)]
    pub hand_over: HandOverTo,
    /// Name of the key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// What guardians may do.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Give the patient new keys, as many together as the threshold says.
    Recover,
    /// Grant, answer requests, open and dispute for the patient, each of them alone.
    Act,
}

impl From<Power> for Powers {
    fn from(power: Power) -> Self {
        match power {
            Power::Recover => Self::RECOVER,
            Power::Act => Self::ACT,
        }
    }
}

/// A patient and who signs.
#[derive(Args, Debug)]
pub struct OnPatient {
    /// Your id, or the name of your key.
    pub patient: Ref<PatientId>,
    /// Name of the key that signs.
    #[arg(long, value_name = "NAME")]
    pub key: String,
}

/// Run it.
pub async fn run(session: &Session, command: GuardianCommand) -> Result<Output, CliError> {
    match command {
        GuardianCommand::Set(arguments) => set(session, arguments).await,
        GuardianCommand::End(on) => {
            let key = session.key(&on.key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &on.patient).await?;
            let call = guardians::change_call(patient, GuardianChange::End);
            let receipt = session.wait("ending", chain.submit(&key, call)).await?;
            let from = guardians::takes_effect(&receipt)?;
            Ok(Output::new(format!("There are no guardians from {} on. Until then `cancel` stops it.", instant(from)))
                .with_text("patient", patient)
                .with_moment("from", from)
                .with_receipt(&receipt))
        }
        GuardianCommand::Cancel(on) => {
            let key = session.key(&on.key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &on.patient).await?;
            let call = guardians::change_call(patient, GuardianChange::Cancel);
            let receipt = session.wait("cancelling", chain.submit(&key, call)).await?;
            Ok(Output::new("Cancelled: the guardians stay as they are.")
                .with_text("patient", patient)
                .with_receipt(&receipt))
        }
        GuardianCommand::Show { patient } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            Ok(shown(patient, &guardians::show(&chain, patient).await?))
        }
    }
}

async fn set(session: &Session, arguments: SetArgs) -> Result<Output, CliError> {
    let excluded = ExcludedTags::try_from(arguments.excluded)
        .map_err(|_| CliError::Usage(format!("guardians are excluded from at most {EXCLUDED_MAX} tags")))?;
    let second: Vec<&str> = arguments.second_key.iter().map(String::as_str).collect();
    let signers = session.signers(arguments.hand_over, &arguments.key, &second)?;
    let chain = session.chain().await?;
    let patient = session.id(&chain, &arguments.patient).await?;
    let mut named = Vec::new();
    for guardian in &arguments.guardians {
        named.push(session.id(&chain, guardian).await?);
    }
    let named = BoundedVec::try_from(named)
        .map_err(|_| CliError::Usage(format!("a patient has at most {GUARDIANS_MAX} guardians")))?;
    let until = chain.now().await?.plus(arguments.valid_for);
    let terms = GuardianTerms {
        guardians: named,
        threshold: arguments.threshold,
        powers: arguments.powers.into_iter().map(Powers::from).fold(Powers::default(), Powers::with),
        excluded,
        until,
    };
    let call = guardians::change_call(patient, GuardianChange::Set(terms.clone()));
    let done = signers.submit(session, &chain, "setting", call).await?;
    let title = match &done {
        Done::Final(receipt) => effect(receipt)?,
        Done::HandedOver(..) => String::new(),
    };
    let output = Output::new(done.title(&title)).with_text("patient", patient);
    Ok(done.end(terms_in(output, &terms)))
}

/// From when on new guardians stand, in words.
fn effect(receipt: &Receipt) -> Result<String, CliError> {
    let from = guardians::takes_effect(receipt)?;
    Ok(if from <= receipt.at {
        "They stand in from now on.".to_owned()
    } else {
        format!(
            "They stand in from {} on. Until then any key of the patient stops it: salus guardian cancel.",
            instant(from)
        )
    })
}

/// What guardians may do, by name.
pub fn power_names(powers: Powers) -> Vec<&'static str> {
    let known = [(Powers::RECOVER, "recover"), (Powers::ACT, "act")];
    known.into_iter().filter(|(power, _)| powers.contains(*power)).map(|(_, name)| name).collect()
}

/// With who stands in, and for what.
pub fn terms_in(output: Output, terms: &GuardianTerms) -> Output {
    output
        .with("guardians", texts(&terms.guardians))
        .with("threshold", terms.threshold)
        .with("powers", power_names(terms.powers))
        .with("excluded", parse::tag_texts(&terms.excluded))
        .with_moment("until", terms.until)
}

fn texts(patients: &[PatientId]) -> Vec<String> {
    patients.iter().map(ToString::to_string).collect()
}

fn shown(patient: PatientId, guarded: &Guarded) -> Output {
    let title = if guarded.guardianship.is_some() { "" } else { "Nobody stands in for this patient." };
    let mut output = Output::new(title).with_text("patient", patient);
    if let Some(held) = &guarded.guardianship {
        output = terms_in(output, &held.terms)
            .with("recovery_vetoed", held.vetoed.map(moment_value))
            .with("would_end_freeze", texts(&guarded.thawing));
    }
    let Some(change) = &guarded.waiting else { return output.with("waits", Value::Null) };
    output = output.with("waits", waiting_text(change)).with_moment("next_from", change.from);
    match &change.terms {
        Some(terms) => output
            .with("next_guardians", texts(&terms.guardians))
            .with("next_threshold", terms.threshold)
            .with("next_powers", power_names(terms.powers))
            .with("next_excluded", parse::tag_texts(&terms.excluded))
            .with_moment("next_until", terms.until),
        None => output,
    }
}

/// The change of guardians that waits, in words. A freeze or a recovery puts it off.
pub fn waiting_text(change: &PendingGuardians) -> &'static str {
    match change.terms {
        Some(_) => "other guardians",
        None => "no guardians any more",
    }
}
