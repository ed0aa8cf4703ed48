//! `salus chain`: how the chain stands, what becomes final, and its blocks as a file.

use std::{
    fs::{self, OpenOptions},
    io::BufWriter,
    path::PathBuf,
};

use clap::Subcommand;
use salus_client::{
    actions::inspect,
    chain::{BlockData, Chain, ChainError, ExportError},
};
use salus_primitives::Height;
use salus_runtime::RuntimeEvent;
use salus_support::metadata::types::Phase;
use serde_json::Value;

use super::{
    error::CliError,
    output::Output,
    session::Session,
    watch::{WatchArgs, watch},
};

/// `salus chain`
#[derive(Subcommand, Debug)]
pub enum ChainCommand {
    /// Show how the chain stands.
    Status,
    /// Show each block as it becomes final, with its proposer and round, until Ctrl-C. With --json one object per line.
    Watch(WatchArgs),
    /// Show a block and its events.
    Block {
        /// Its height.
        height: u32,
    },
    /// Write the blocks to a new file that `salus-node replay` reads.
    Export {
        /// The file.
        file: PathBuf,
        /// The last height; without it the newest final one.
        #[arg(long, value_name = "HEIGHT")]
        to: Option<u32>,
    },
}

/// Run it.
pub async fn run(session: &Session, command: ChainCommand) -> Result<Output, CliError> {
    let chain = session.chain().await?;
    match command {
        ChainCommand::Status => {
            let status = inspect::status(&chain).await?;
            Ok(Output::new(status.name.clone())
                .with("name", status.name)
                .with("node", chain.url())
                .with_text("genesis", status.genesis)
                .with("height", status.height.0)
                .with_text("block", status.block)
                .with_moment("time", status.time)
                .with_text("state_root", status.state_root)
                .with("spec_version", status.spec_version)
                .with_text("policy", format!("{:?}", status.parameters.policy)))
        }
        ChainCommand::Watch(args) => watch(session, &chain, args).await,
        ChainCommand::Block { height } => {
            let block = chain.block_at(Height(height)).await?;
            let records = chain.events(block.hash).await?;
            let rows = records
                .iter()
                .map(|record| {
                    let place = match record.phase {
                        Phase::ApplyExtrinsic(index) => Value::from(index),
                        _ => Value::Null,
                    };
                    vec![place, event_name(&record.event).into()]
                })
                .collect();
            Ok(described(Output::new(""), &block).with_list("events", &["extrinsic", "event"], rows))
        }
        ChainCommand::Export { file, to } => export(session, &chain, file, to).await,
    }
}

fn described(output: Output, block: &BlockData) -> Output {
    output
        .with("height", block.header.number.0)
        .with_text("block", block.hash)
        .with_moment("time", block.time())
        .with_text("parent", block.header.parent_hash)
        .with_text("state_root", block.header.state_root)
        .with("extrinsics", block.extrinsics.len())
        .with("signatures", block.certificate.as_ref().map(|certificate| certificate.signatures.len()))
}

/// `Pallet.Event`, from the two outermost names of its debug form.
pub(super) fn event_name(event: &RuntimeEvent) -> String {
    let text = format!("{event:?}");
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        (Some(pallet), Some(name)) => format!("{pallet}.{name}"),
        _ => text,
    }
}

async fn export(session: &Session, chain: &Chain, file: PathBuf, to: Option<u32>) -> Result<Output, CliError> {
    let failed = |doing| {
        let path = file.clone();
        move |source| CliError::Io { doing, path, source }
    };
    let target = OpenOptions::new().write(true).create_new(true).open(&file).map_err(failed("making"))?;
    let spinner = session.spinner("exporting");
    let mut out = BufWriter::new(target);
    let progress = |height: Height| spinner.set_message(format!("exporting, height {height}"));
    let written = chain.export(to.map(Height), &mut out, progress).await;
    spinner.finish_and_clear();
    let written = written.and_then(|summary| {
        out.get_ref().sync_all().map_err(ExportError::Write)?;
        Ok(summary)
    });
    let summary = match written {
        Ok(summary) => summary,
        Err(error) => {
            // Half a file would be refused by its reader anyway.
            let _ = fs::remove_file(&file);
            return Err(match error {
                ExportError::Chain(error @ ChainError::UnknownBlock(_)) => error.into(),
                other => other.into(),
            });
        }
    };
    Ok(Output::new(format!("Wrote {}.", file.display()))
        .with("blocks", summary.to.0)
        .with_text("last_block", summary.hash)
        .with("extrinsics", summary.extrinsics)
        .with("bytes", summary.bytes))
}
