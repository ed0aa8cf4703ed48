//! `salus cosign`: agreeing to a call that somebody submits from another machine.

use std::path::PathBuf;

use clap::Subcommand;
use salus_client::chain::HandOver;
use salus_runtime::RuntimeEvent;

use super::{agreed, agreement, error::CliError, output::Output, session::Session};

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
    agreed::call_in(output, made.call())
        .with_text("submitter", made.submitter())
        .with("nonce", made.nonce())
        .with_text("genesis", made.genesis())
        .with("needed", made.needed().iter().map(ToString::to_string).collect::<Vec<_>>())
        .with("missing", missing)
}
