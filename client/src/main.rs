//! `salus`: what officers, doctors, patients and auditors do with the chain, from the command line.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    // Before anything connects: two providers may be in one program, and TLS takes neither by itself.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = cli::Cli::parse();
    cli::run(arguments).await
}
