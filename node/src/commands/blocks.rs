//! `salus-node export` and `import`: blocks out of and into a stopped node's database.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
};

use anyhow::Context;
use salus_engine::archive::{self, Blocks};
use salus_runtime::SalusRuntime;

use super::progress;
use crate::{
    cli::{ExportArgs, ImportArgs},
    config::locate,
    genesis,
};

/// Write the blocks of a database to a file.
///
/// # Errors
/// What stood in the way.
pub fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let (spec, layout) = locate(&args.chain)?;
    let database = genesis::open(&spec, &layout, &SalusRuntime::new())?;
    let path = || args.out.display().to_string();
    let mut file = BufWriter::new(File::create_new(&args.out).with_context(path)?);
    let bar = progress(u64::from(database.tip().0.number.0), "export");
    let count = archive::export(&database, &mut file, |height, _| bar.set_position(u64::from(height.0)))?;
    file.flush().with_context(path)?;
    file.get_ref().sync_all().with_context(path)?;
    bar.finish_and_clear();
    println!("{count} blocks written to {}", path());
    Ok(())
}

/// Take the blocks of a file into a database.
///
/// # Errors
/// What stood in the way; the blocks before stay.
pub fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let (spec, layout) = locate(&args.chain)?;
    let runtime = SalusRuntime::new();
    let database = genesis::open(&spec, &layout, &runtime)?;
    let file = File::open(&args.file).with_context(|| args.file.display().to_string())?;
    let blocks = Blocks::new(BufReader::new(file), &database.identity().genesis)?;
    let bar = progress(0, "import").with_message("import");
    let taken = archive::import(&database, &runtime, blocks, |header| bar.set_position(u64::from(header.number.0)))?;
    bar.finish_and_clear();
    println!("{taken} blocks taken, the newest is {}", database.tip().0.number);
    Ok(())
}
