//! `salus-node replay`: execute a chain again from genesis, out of a file of its blocks.

use std::{fs::File, io::BufReader, time::Instant};

use anyhow::Context;
use salus_engine::archive::{self, Blocks};
use salus_runtime::SalusRuntime;

use super::progress;
use crate::{cli::ReplayArgs, config::load_spec, genesis};

/// Execute every block again and compare every state root.
///
/// # Errors
/// The first height that differs, and how.
pub fn run(args: &ReplayArgs) -> anyhow::Result<()> {
    let spec = load_spec(&args.chain)?;
    let runtime = SalusRuntime::new();
    let genesis = genesis::of(&spec, &runtime)?;
    let file = File::open(&args.file).with_context(|| args.file.display().to_string())?;
    let blocks = Blocks::new(BufReader::new(file), &genesis.hash)?;
    let bar = if args.roots || args.json { indicatif::ProgressBar::hidden() } else { progress(0, "replay") };
    let begun = Instant::now();
    let replayed = archive::replay(&runtime, &genesis.block, genesis.changes, blocks, |header| {
        bar.set_position(u64::from(header.number.0));
        if args.roots {
            println!("{} {}", header.number, header.state_root);
        }
    })?;
    bar.finish_and_clear();
    let (height, root) = (replayed.tip.number, replayed.tip.state_root);
    let seconds = begun.elapsed().as_secs_f64();
    if args.json {
        let report = serde_json::json!({
            "height": height.0, "hash": replayed.hash.to_string(), "state_root": root.to_string(),
            "extrinsics": replayed.extrinsics, "seconds": seconds,
        });
        println!("{report}");
    } else {
        println!(
            "replay: {height} heights, {} extrinsics, every certificate good and every state root the same ({seconds:.1} s)",
            replayed.extrinsics
        );
        println!("height {height}, block {}, state root {root}", replayed.hash);
    }
    Ok(())
}
