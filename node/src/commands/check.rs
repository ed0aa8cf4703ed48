//! `salus-node check`: look everything over without starting.

use salus_runtime::SalusRuntime;

use crate::{cli::RunArgs, config::Config, genesis, keys, service};

/// Look over configuration, keys, disk and database.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let config = Config::load(args)?;
    println!(
        "chain      {} ({:?}), {} validators",
        config.spec.id,
        config.spec.kind,
        config.spec.genesis.validators.len()
    );
    let key = service::validator_key(&config)?;
    match &key {
        Some(key) => println!("key        {}", key.public()),
        None => println!("key        none: the node follows without voting"),
    }
    let database = genesis::open(&config.spec, &config.layout, &SalusRuntime::new())?;
    keys::keep_apart(key.as_ref(), service::network_key(&config)?.as_ref(), &database.state())?;
    let free = database.free_bytes()?;
    println!("disk       {} MiB free, the node stops below {} MiB", free >> 20, config.free_bytes_min >> 20);
    if free < config.free_bytes_min {
        return Err(salus_engine::EngineError::DiskLow { free, min: config.free_bytes_min }.into());
    }
    let checked = database.check()?;
    println!(
        "database   {} blocks, {} extrinsics, {} keys of state: all fit each other",
        checked.blocks, checked.extrinsics, checked.keys
    );
    println!("rpc        {}", config.rpc_listen);
    println!("all good");
    Ok(())
}
