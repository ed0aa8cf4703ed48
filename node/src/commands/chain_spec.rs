//! `salus-node chain-spec`: making and checking specifications.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use salus_chain_spec::{ChainSpec, presets};
use salus_runtime::SalusRuntime;

use crate::{
    cli::ChainSpecCommand,
    genesis, keys,
    layout::{Layout, NETWORK_KEY, VALIDATOR_KEY},
};

/// Print, make or check.
///
/// # Errors
/// What stood in the way.
pub fn run(command: ChainSpecCommand) -> anyhow::Result<()> {
    match command {
        ChainSpecCommand::Dev => {
            print!("{}", presets::development().to_json());
            Ok(())
        }
        ChainSpecCommand::Local { validators, out } => local(validators, &out),
        ChainSpecCommand::Check { file } => {
            let spec = ChainSpec::load(&file)?;
            let genesis = genesis::of(&spec, &SalusRuntime::new())?;
            println!("{}: {} validators, genesis {}", spec.id, spec.genesis.validators.len(), genesis.hash);
            Ok(())
        }
    }
}

fn local(validators: usize, out: &std::path::Path) -> anyhow::Result<()> {
    if out.exists() {
        bail!("{} is there already: name a folder to make", out.display());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    let network = presets::local(validators, u64::try_from(now.as_millis())?)?;
    network.spec.genesis_config()?;
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let file = out.join("chain.json");
    fs::write(&file, network.spec.to_json()).with_context(|| file.display().to_string())?;
    keys::save(&out.join("council"), &network.council)?;
    for (keys_of, number) in network.validators.iter().zip(1..) {
        let layout = Layout::new(&out.join(format!("node-{number}")), &network.spec.id);
        keys::save(&layout.key(VALIDATOR_KEY), &keys_of.authority)?;
        keys::save(&layout.key(NETWORK_KEY), &keys_of.network)?;
    }
    println!("{}", file.display());
    println!("{}: the council's key, in hex", out.join("council").display());
    for number in 1..=validators {
        println!("{}: data folder of validator {number}", out.join(format!("node-{number}")).display());
    }
    Ok(())
}
