//! `salus-gateway`: parse, run, print one error, exit.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use salus_gateway::{
    commands::{Common, keys, upkeep},
    config::{Config, RunArgs},
    logs, service,
};

/// The gateway of a hospital: keeps encrypted records and releases them only against a finalised receipt
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT
    Run(RunArgs),
    /// The custodian's keys: make, show, back up in shares, restore, rotate
    Key {
        #[command(subcommand)]
        command: keys::KeyCommand,
        #[command(flatten)]
        common: Common,
    },
    #[command(flatten)]
    Upkeep(upkeep::Upkeep),
}

#[tokio::main]
async fn main() -> ExitCode {
    // Before anything connects: two providers may be in one program, and TLS takes neither by itself.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Cli::parse().command {
        Command::Run(args) => run(&args).await,
        Command::Key { command, common } => keys::run(&command, &common).await.map_err(Into::into),
        Command::Upkeep(command) => upkeep::run(&command).await.map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("salus-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &RunArgs) -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load(args)?;
    logs::start(config.log_format, config.log_filter.as_deref())?;
    service::run(&config).await?;
    Ok(())
}
