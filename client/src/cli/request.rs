//! `salus request`: asking a patient for access, and the answers.

use clap::Subcommand;
use salus_access::{RequestRef, RequestStatus};
use salus_client::actions::requests::{self, Asked};
use salus_consent::{Action, Actions, Obligations, Purpose, Purposes};
use salus_primitives::{Hash, OrganisationId, PatientId, PractitionerId, Window};

use super::{
    error::CliError,
    output::{Output, moment_value},
    parse,
    refs::Ref,
    rule::{DutyArgs, ScopeArgs, kinds_value},
    session::Session,
};

/// `salus request`
#[derive(Subcommand, Debug)]
pub enum RequestCommand {
    /// Ask a patient for access, as a doctor.
    Make {
        /// The patient's id.
        #[arg(long)]
        patient: Ref<PatientId>,
        /// For which organisation you act.
        #[arg(long, value_name = "ORG")]
        org: Ref<OrganisationId>,
        /// To do what: view, add, amend, share.
        #[arg(long, value_delimiter = ',', value_parser = parse::action, default_value = "view", value_name = "ACTION,...")]
        actions: Vec<Action>,
        /// For what: HL7 codes as TREAT.
        #[arg(long, value_delimiter = ',', value_parser = parse::purpose, default_value = "TREAT", value_name = "CODE,...")]
        purposes: Vec<Purpose>,
        /// Which.
        #[command(flatten)]
        scope: ScopeArgs,
        /// For how long from now, at most 5y.
        #[arg(long, value_parser = parse::duration, default_value = "30d", value_name = "TIME")]
        valid_for: u64,
        /// Commitment to a note that the patient gets off chain.
        #[arg(long, value_name = "HASH")]
        note: Option<Hash>,
        /// Name of the doctor's key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Approve a request, all of it or less, as the patient or a guardian with the power to act.
    Approve {
        /// The patient: an id, or the name of a key in your folder.
        #[arg(long)]
        patient: Ref<PatientId>,
        /// Who asked.
        #[arg(long, value_name = "DOCTOR")]
        doctor: Ref<PractitionerId>,
        /// These actions only; without it those asked for.
        #[arg(long, value_delimiter = ',', value_parser = parse::action, value_name = "ACTION,...")]
        actions: Vec<Action>,
        /// These purposes only; without it those asked for.
        #[arg(long, value_delimiter = ',', value_parser = parse::purpose, value_name = "CODE,...")]
        purposes: Vec<Purpose>,
        /// Which.
        #[command(flatten)]
        scope: ScopeArgs,
        /// For how long from now; without it as long as asked for.
        #[arg(long, value_parser = parse::duration, value_name = "TIME")]
        valid_for: Option<u64>,
        /// How many openings.
        #[arg(long, value_name = "N")]
        max_uses: Option<u32>,
        /// What the reader has to keep to.
        #[command(flatten)]
        duties: DutyArgs,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Refuse a request, as the patient or a guardian with the power to act.
    Refuse {
        /// The patient: an id, or the name of a key in your folder.
        #[arg(long)]
        patient: Ref<PatientId>,
        /// Who asked.
        #[arg(long, value_name = "DOCTOR")]
        doctor: Ref<PractitionerId>,
        /// Code of the reason, for the reader's program.
        #[arg(long, default_value_t = 0)]
        code: u8,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Take your request back, as the doctor.
    Withdraw {
        /// The patient's id.
        #[arg(long)]
        patient: Ref<PatientId>,
        /// Your id.
        #[arg(long, value_name = "DOCTOR")]
        doctor: Ref<PractitionerId>,
        /// Name of the key that signs.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// List the requests to a patient: the latest of each doctor.
    List {
        /// The patient's id.
        patient: Ref<PatientId>,
    },
}

/// Run it.
pub async fn run(session: &Session, command: RequestCommand) -> Result<Output, CliError> {
    match command {
        RequestCommand::Make { patient, org, actions, purposes, scope, valid_for, note, key } => {
            let doctor = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let org = session.id(&chain, &org).await?;
            let scope = scope.scope(session, &chain, patient).await?;
            let window = parse::window(chain.now().await?, valid_for);
            let asked = Asked {
                organisation: org,
                scope,
                purposes: Purposes::of(&purposes),
                actions: Actions::of(&actions),
                window,
                note: note.unwrap_or_default(),
            };
            let made = session.wait("asking", requests::make(&chain, &doctor, patient, asked)).await?;
            Ok(Output::new("Asked. The patient has 14 days to answer.")
                .with_text("patient", patient)
                .with_text("doctor", made.request.requester)
                .with("number", made.request.number)
                .with_receipt(&made.receipt))
        }
        RequestCommand::Approve { patient, doctor, actions, purposes, scope, valid_for, max_uses, duties, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let doctor = session.id(&chain, &doctor).await?;
            let request = requests::show(&chain, patient, doctor).await?;
            let mut terms = requests::terms_of(doctor, &request);
            // What is not said stays as it was asked for.
            terms.scope = scope.within(session, &chain, patient, terms.scope).await?;
            if !actions.is_empty() {
                terms.actions = Actions::of(&actions);
            }
            if !purposes.is_empty() {
                terms.purposes = Purposes::of(&purposes);
            }
            let now = chain.now().await?;
            if let Some(length) = valid_for {
                let until = now.plus(length).min(terms.window.until);
                terms.window = Window { until, ..terms.window };
            }
            terms.max_uses = max_uses;
            terms.obligations = duties.besides(Obligations::default(), now);
            let reference = RequestRef { requester: doctor, number: request.number };
            let kinds = terms.scope.kinds;
            let done = requests::approve(&chain, &key, patient, reference, terms);
            let approved = session.wait("approving", done).await?;
            Ok(Output::new("Approved.")
                .with_text("patient", patient)
                .with_text("doctor", doctor)
                .with("rule", approved.rule.id)
                .with("kinds", kinds_value(kinds))
                .with_receipt(&approved.receipt))
        }
        RequestCommand::Refuse { patient, doctor, code, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let doctor = session.id(&chain, &doctor).await?;
            let reference = latest(&chain, patient, doctor).await?;
            let done = requests::refuse(&chain, &key, patient, reference, code);
            let receipt = session.wait("refusing", done).await?;
            Ok(Output::new("Refused.").with_text("doctor", doctor).with_receipt(&receipt))
        }
        RequestCommand::Withdraw { patient, doctor, key } => {
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let doctor = session.id(&chain, &doctor).await?;
            let reference = latest(&chain, patient, doctor).await?;
            let done = requests::withdraw(&chain, &key, patient, reference);
            let receipt = session.wait("withdrawing", done).await?;
            Ok(Output::new("Withdrawn.").with_text("patient", patient).with_receipt(&receipt))
        }
        RequestCommand::List { patient } => {
            let chain = session.chain().await?;
            let patient = session.id(&chain, &patient).await?;
            let now = chain.now().await?;
            let rows = requests::list(&chain, patient)
                .await?
                .into_iter()
                .map(|(doctor, request)| {
                    let status = match request.status {
                        RequestStatus::Open if request.is_open(now) => "open".to_owned(),
                        RequestStatus::Open => "run out".to_owned(),
                        RequestStatus::Approved(rule) => format!("approved by rule {}", rule.id),
                        RequestStatus::Refused(code) => format!("refused, code {code}"),
                        RequestStatus::Withdrawn => "withdrawn".to_owned(),
                    };
                    vec![
                        doctor.to_string().into(),
                        request.number.into(),
                        request.organisation.to_string().into(),
                        kinds_value(request.scope.kinds),
                        parse::action_names(request.actions).into(),
                        parse::purpose_codes(request.purposes).into(),
                        moment_value(request.window.until),
                        status.into(),
                    ]
                })
                .collect();
            Ok(Output::new(format!("Requests to patient {patient}")).with_list(
                "requests",
                &["doctor", "number", "organisation", "kinds", "actions", "purposes", "until", "status"],
                rows,
            ))
        }
    }
}

/// The latest request of a doctor to a patient.
async fn latest(
    chain: &salus_client::chain::Chain,
    patient: PatientId,
    requester: PractitionerId,
) -> Result<RequestRef, CliError> {
    let request = requests::show(chain, patient, requester).await?;
    Ok(RequestRef { requester, number: request.number })
}
