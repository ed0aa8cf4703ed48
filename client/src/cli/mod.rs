//! The command line: one file per group of commands.

mod access;
mod agreed;
mod agreement;
mod appointment;
mod cases;
mod chain;
mod consent;
mod cosign;
mod council;
mod credits;
mod doctor;
mod emergency;
mod error;
mod files;
mod guardian;
mod keeping;
mod key;
mod note;
mod officer;
mod org;
mod output;
mod parse;
mod patient;
mod record;
mod recovery;
mod refs;
mod request;
mod rule;
mod session;
mod watch;
mod whoami;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use error::CliError;
use output::{Colour, Output};
use session::Session;

/// Consent and access of medical records: council, hospitals, doctors and patients on the Salus chain.
#[derive(Parser, Debug)]
#[command(
    name = "salus",
    version,
    propagate_version = true,
    after_help = "Where an id is asked for, the name of a key in the folder that speaks for it will do, as --patient ada;\n\
                  a record is named by as many digits as it alone begins with, at least four.\n\n\
                  Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no node to talk to.\n\
                  A command that writes returns when its call is final: it cannot be undone by anybody then."
)]
pub struct Cli {
    /// Where the node is, which keys, how to print.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Debug, Clone)]
pub struct Common {
    /// Address of a node.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "SALUS_NODE",
        default_value = salus_client::chain::DEFAULT_URL,
        help_heading = "Common options"
    )]
    pub node: String,
    /// File with the bearer token of a node that asks for one, readable by you alone.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common options")]
    pub token_file: Option<PathBuf>,
    /// Folder of encrypted key files. Without it: ~/.local/share/salus/keys.
    #[arg(long, global = true, value_name = "DIR", env = "SALUS_KEYS", help_heading = "Common options")]
    pub keys: Option<PathBuf>,
    /// File with the passphrase of the keys used; without it the terminal asks.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common options")]
    pub passphrase_file: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long, global = true, help_heading = "Common options")]
    pub json: bool,
    /// Print one field of the result and nothing else, by its name in the JSON object: for scripts, as
    /// RECORD=$(salus record put ... --only record).
    #[arg(long, global = true, value_name = "FIELD", conflicts_with = "json", help_heading = "Common options")]
    pub only: Option<String>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make, import and show keys, and change those that speak for you.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Agree to a call that somebody submits from another machine, and submit what others agreed to.
    #[command(subcommand)]
    Cosign(cosign::CosignCommand),
    /// Act as a member of the council: organisations, members, parameters.
    #[command(subcommand)]
    Council(council::CouncilCommand),
    /// Show an organisation, or keep its own entry as its Admin.
    #[command(subcommand)]
    Org(org::OrgCommand),
    /// Appoint an organisation's officers as its Admin.
    #[command(subcommand)]
    Officer(officer::OfficerCommand),
    /// Enrol doctors and employ them as a Registrar.
    #[command(subcommand)]
    Doctor(doctor::DoctorCommand),
    /// Invite, register and confirm patients.
    #[command(subcommand)]
    Patient(patient::PatientCommand),
    /// Name who stands in for a patient: a child, someone who cannot act, or yourself for the day you lose your keys.
    #[command(subcommand)]
    Guardian(guardian::GuardianCommand),
    /// Give a patient who lost their keys new ones, as guardians or as Registrars of two hospitals.
    #[command(subcommand)]
    Recovery(recovery::RecoveryCommand),
    /// File records, encrypted here, and read them.
    #[command(subcommand)]
    Record(record::RecordCommand),
    /// Grant, deny and revoke, as a patient or a guardian; pass a permission on, as who has it.
    #[command(subcommand)]
    Consent(consent::ConsentCommand),
    /// Ask a patient for access, and answer.
    #[command(subcommand)]
    Request(request::RequestCommand),
    /// Open records, report releases, and see who looked.
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Open in an emergency, review it, object to it.
    #[command(subcommand)]
    Emergency(emergency::EmergencyCommand),
    /// Offer hours, book them without a name on the chain, and say what became of them.
    #[command(subcommand)]
    Appointment(appointment::AppointmentCommand),
    /// What an organisation earned by sharing records, and more weight for a busy day.
    #[command(subcommand)]
    Credits(credits::CreditsCommand),
    /// Show whom your keys speak for, how those stand, and what you can do next.
    Whoami(whoami::WhoamiArgs),
    /// See how the chain stands, follow it, write its blocks to a file.
    #[command(subcommand)]
    Chain(chain::ChainCommand),
    /// Start a node and see two hospitals, their doctors and a patient at work.
    Demo(salus_client::demo::DemoArgs),
    /// Print completions for a shell: `salus completions bash > /etc/bash_completion.d/salus`.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// Run a command and print what came of it.
pub async fn run(cli: Cli) -> ExitCode {
    let json = cli.common.json;
    let only = cli.common.only.clone();
    let result = dispatch(cli).await.and_then(|output| match only {
        Some(field) => output.only(&field),
        None => Ok(output),
    });
    let mut out = std::io::stdout().lock();
    // A reader that went away is no failure of what was done.
    let (written, code) = match result {
        Ok(output) if json => (writeln!(out, "{}", output.to_json()), ExitCode::SUCCESS),
        Ok(output) => (write!(out, "{}", output.to_coloured(Colour::of(&console::Term::stdout()))), ExitCode::SUCCESS),
        Err(error) => {
            if json {
                let _ = writeln!(out, "{}", error.to_json());
            } else {
                let coloured = Colour::of(&console::Term::stderr()) == Colour::Always;
                eprintln!("{}: {error}", console::style("error").red().force_styling(coloured));
            }
            (Ok(()), error.exit_code())
        }
    };
    drop(written);
    code
}

async fn dispatch(cli: Cli) -> Result<Output, CliError> {
    let session = Session::new(cli.common)?;
    match cli.command {
        Command::Key(command) => key::run(&session, command).await,
        Command::Cosign(command) => cosign::run(&session, command).await,
        Command::Council(command) => council::run(&session, command).await,
        Command::Org(command) => org::run(&session, command).await,
        Command::Officer(command) => officer::run(&session, command).await,
        Command::Doctor(command) => doctor::run(&session, command).await,
        Command::Patient(command) => patient::run(&session, command).await,
        Command::Guardian(command) => guardian::run(&session, command).await,
        Command::Recovery(command) => recovery::run(&session, command).await,
        Command::Record(command) => record::run(&session, command).await,
        Command::Consent(command) => consent::run(&session, command).await,
        Command::Request(command) => request::run(&session, command).await,
        Command::Access(command) => access::run(&session, command).await,
        Command::Emergency(command) => emergency::run(&session, command).await,
        Command::Appointment(command) => appointment::run(&session, command).await,
        Command::Credits(command) => credits::run(&session, command).await,
        Command::Whoami(arguments) => whoami::run(&session, arguments).await,
        Command::Chain(command) => chain::run(&session, command).await,
        Command::Demo(args) => {
            salus_client::demo::run(args).await?;
            Ok(Output::plain(String::new()))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "salus", &mut script);
            Ok(Output::plain(String::from_utf8_lossy(&script).into_owned()))
        }
    }
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;

#[cfg(test)]
mod help_tests;
#[cfg(test)]
mod standing_in_tests;
