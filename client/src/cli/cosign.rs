//! `salus cosign`: agreeing to a call that somebody submits from another machine.

use std::path::PathBuf;

use clap::Subcommand;
use salus_client::{
    actions::{council::act_text, officers::roles_text},
    chain::HandOver,
    fhir::instant,
};
use salus_council::Act;
use salus_runtime::{RuntimeCall, RuntimeEvent};

use super::{agreement, error::CliError, output::Output, parse, session::Session};

/// `salus cosign`
#[derive(Subcommand, Debug)]
pub enum CosignCommand {
    /// Show what a file asks to agree to.
    Show {
        /// The file, as --cosign-out made it.
        file: PathBuf,
    },
    /// Agree to a call: your signature goes into its file. No node is needed.
    Sign {
        /// The file, as --cosign-out made it.
        file: PathBuf,
        /// Name of your key.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Submit a call that everybody agreed to, as who made its file.
    Submit {
        /// The file, as it came back.
        file: PathBuf,
        /// Name of the key that submits.
        #[arg(long, value_name = "NAME")]
        key: String,
    },
}

/// Run it.
pub async fn run(session: &Session, command: CosignCommand) -> Result<Output, CliError> {
    match command {
        CosignCommand::Show { file } => {
            let made = agreement::read(&file)?;
            Ok(described(Output::new("To agree to:"), &made))
        }
        CosignCommand::Sign { file, key } => {
            let mut made = agreement::read(&file)?;
            // Shown before the passphrase is asked for, so that nobody signs unseen.
            if !session.json() {
                eprint!("{}", described(Output::new("To agree to:"), &made).to_text());
            }
            made.agree(&session.key(&key)?).map_err(salus_client::chain::SubmitError::from)?;
            agreement::replace(&file, &made)?;
            let title = match made.missing()[..] {
                [] => format!("Signed. Send {} back to who submits it.", file.display()),
                _ => format!("Signed. {} has to be signed by others too.", file.display()),
            };
            Ok(described(Output::new(title), &made))
        }
        CosignCommand::Submit { file, key } => {
            let made = agreement::read(&file)?;
            let key = session.key(&key)?;
            let chain = session.chain().await?;
            let receipt = session.wait("submitting", made.submit(&chain, &key)).await?;
            let events = receipt.events.iter().map(event_name).collect::<Vec<_>>();
            Ok(described(Output::new("The call took effect."), &made).with("events", events).with_receipt(&receipt))
        }
    }
}

/// The names of an event's pallet and of the event: what came of it is told by the commands that show things.
fn event_name(event: &RuntimeEvent) -> String {
    let text = format!("{event:?}");
    let word = |text: &str| text.chars().take_while(|letter| letter.is_alphanumeric()).collect::<String>();
    let (pallet, rest) = text.split_once('(').unwrap_or((&text, ""));
    format!("{pallet}.{}", word(rest))
}

fn described(output: Output, made: &HandOver) -> Output {
    let missing: Vec<String> = made.missing().iter().map(ToString::to_string).collect();
    let output = match made.call() {
        RuntimeCall::Council(salus_council::Call::Propose { act, .. }) => proposal(output, act),
        RuntimeCall::Registry(call) => registry(output, call),
        RuntimeCall::Patients(salus_patients::Call::StatusSet { patient, to, .. }) => output
            .with("call", "change a patient's state")
            .with_text("patient", patient)
            .with_text("to", format!("{to:?}").to_lowercase()),
        RuntimeCall::Records(salus_records::Call::CustodySet { records, organisation, .. }) => output
            .with("call", "keep records from now on: your signature says that their ciphertexts are stored")
            .with_text("organisation", organisation)
            .with("number", records.len())
            .with("records", records.iter().map(|(patient, id)| format!("{patient}/{id}")).collect::<Vec<_>>()),
        // No other call can be handed over.
        other => output.with_text("call", format!("{other:?}")),
    };
    output
        .with_text("submitter", made.submitter())
        .with("nonce", made.nonce())
        .with_text("genesis", made.genesis())
        .with("needed", made.needed().iter().map(ToString::to_string).collect::<Vec<_>>())
        .with("missing", missing)
}

fn proposal(output: Output, act: &Act) -> Output {
    let output = output.with("call", "propose to the council").with_text("act", act_text(act));
    match act {
        Act::OrganisationSet { id, status, display_name, caps, admin } => output
            .with_text("organisation", id)
            .with_text("name", String::from_utf8_lossy(display_name))
            .with_text("status", format!("{status:?}").to_lowercase())
            .with("caps", parse::cap_names(*caps))
            .with("admin", admin.map(|admin| admin.to_string())),
        _ => output,
    }
}

fn registry(output: Output, call: &salus_registry::Call) -> Output {
    use salus_registry::Call;
    match call {
        Call::OfficerSet { account, roles, .. } => output
            .with("call", "make an officer of the submitter's organisation")
            .with_text("officer", account)
            .with("roles", roles.map(roles_text)),
        Call::PractitionerSet { id, account, licence, licence_until, speciality, status, .. } => output
            .with("call", "enrol a doctor")
            .with_text("doctor", id)
            .with("key", account.map(|account| account.to_string()))
            .with_text("licence", licence)
            .with_moment("licence_until", *licence_until)
            .with("speciality", *speciality)
            .with_text("status", format!("{status:?}").to_lowercase()),
        Call::AffiliationSet { practitioner, organisation, terms, .. } => output
            .with("call", "employ a doctor")
            .with_text("doctor", practitioner)
            .with_text("organisation", organisation)
            .with("until", terms.as_ref().map(|terms| instant(terms.until)))
            .with("roles", terms.as_ref().map(|terms| terms.roles.to_vec())),
        Call::KeysSet { add, drop, kem, .. } => output
            .with("call", "change the submitter's own keys")
            .with("added", add.iter().map(|key| key.account.to_string()).collect::<Vec<_>>())
            .with("session_until", add.iter().find_map(|key| key.until).map(instant))
            .with("ended", drop.iter().map(ToString::to_string).collect::<Vec<_>>())
            .with("encryption_key", kem.map(|kem| format!("0x{}", hex::encode(kem.key)))),
        Call::OrganisationUpdate { .. } => output.with("call", "set an organisation's entry"),
    }
}
