//! `salus-node`: parse, run, print one error, exit.

use std::process::ExitCode;

use clap::Parser;
use salus_node::{
    cli::{Cli, Command},
    commands, service,
};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => commands::run::run(&args),
        Command::Key(args) => commands::key::run(args),
        Command::ChainSpec(args) => commands::chain_spec::run(args),
        Command::Export(args) => commands::blocks::export(&args),
        Command::Import(args) => commands::blocks::import(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Status(args) => return ended(commands::status::run(&args)),
    };
    ended(outcome.map(|()| ExitCode::SUCCESS))
}

fn ended(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("salus-node: {error:#}");
            ExitCode::from(service::exit_code(&error))
        }
    }
}
