//! Measures Salus beside the limits of the machine, in one run, and prints a page of Markdown.
//!
//! `./scripts/bench > page.md`; `--quick` for a tenth of the work. Figures are for docs/benchmarks.md, as ratios to what
//! the machine itself can do. Only those of the domain pass or fail: a weight is an upper bound, a decision takes no
//! longer than its mark, and a suspension costs the same however many granted. The page is printed either way.

mod calls;
mod gateway;
mod http;
mod in_process;
mod limits;
mod load;
mod network;
mod records;
mod report;
mod rpc;
mod sizes;
mod world;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Measure Salus on this machine.
#[derive(Parser)]
struct Args {
    /// The node's program; without it the figures through RPC are left out.
    #[arg(long, env = "SALUS_NODE_BIN")]
    node: Option<PathBuf>,
    /// The gateway's program; without it the figures of a gateway are left out.
    #[arg(long, env = "SALUS_GATEWAY_BIN")]
    gateway: Option<PathBuf>,
    /// A tenth of the work.
    #[arg(long)]
    quick: bool,
    /// The machine's limits and the figures of four validators alone.
    #[arg(long)]
    only_network: bool,
    /// The figures of records alone: their encryption, and a gateway's.
    #[arg(long, conflicts_with = "only_network")]
    only_records: bool,
    /// The figures of the domain alone: each call at its worst beside its weight, decisions, suspensions and sizes.
    #[arg(long, conflicts_with_all = ["only_network", "only_records"])]
    only_calls: bool,
    /// Folder for databases; it should lie on the disk that is to be measured.
    #[arg(long)]
    data: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let mut report = report::Report::default();
    let measured = measure(args, &mut report);
    print!("{}", report.markdown());
    measured
}

fn measure(args: &Args, report: &mut report::Report) -> anyhow::Result<()> {
    let folder = match &args.data {
        Some(path) => tempfile::tempdir_in(path)?,
        None => tempfile::tempdir()?,
    };
    let scale = if args.quick { 1 } else { 10 };
    report.machine();
    if args.only_calls {
        return calls::measure(folder.path(), scale, report);
    }
    if args.only_records {
        records::measure(folder.path(), scale, report)?;
        return by_gateway(args, folder.path(), scale, report);
    }
    let limits = limits::measure(folder.path(), scale, report)?;
    if !args.only_network {
        in_process::measure(folder.path(), scale, &limits, report)?;
        records::measure(folder.path(), scale, report)?;
    }
    if let Some(node) = &args.node {
        if !args.only_network {
            rpc::measure(node, folder.path(), scale, &limits, report)?;
        }
        network::measure(node, folder.path(), scale, &limits, report)?;
    }
    if !args.only_network {
        by_gateway(args, folder.path(), scale, report)?;
        // Last, since a weight that is none fails the run.
        calls::measure(folder.path(), scale, report)?;
    }
    Ok(())
}

/// The figures of a gateway, where both programs are named.
fn by_gateway(args: &Args, folder: &std::path::Path, scale: usize, report: &mut report::Report) -> anyhow::Result<()> {
    if let (Some(node), Some(gateway)) = (&args.node, &args.gateway) {
        network::records(node, gateway, folder, scale, report)?;
    }
    Ok(())
}
