//! `salus-node key`: the node's own keys.

use anyhow::{Context, bail};
use salus_chain_spec::peer_id_of;
use salus_consensus::SignedRecord;
use salus_primitives::Height;
use salus_runtime::SalusRuntime;

use crate::{
    cli::{ChainArgs, KeyCommand},
    config::locate,
    genesis, keys,
    layout::{NETWORK_KEY, VALIDATOR_KEY},
};

/// Fewest validators with one to spare: below it, a wiped one may resume (decision 24).
const SPARE_FROM: usize = 4;

/// Make, show, or resume.
///
/// # Errors
/// What stood in the way.
pub fn run(command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Generate(chain) => generate(&chain),
        KeyCommand::Show { chain, json } => show(&chain, json),
        KeyCommand::Resume { chain, last_height, i_have_lost_the_data } => {
            resume(&chain, Height(last_height), i_have_lost_the_data)
        }
    }
}

fn generate(chain: &ChainArgs) -> anyhow::Result<()> {
    let (_, layout) = locate(chain)?;
    for name in [VALIDATOR_KEY, NETWORK_KEY] {
        let (key, made) = keys::load_or_generate(&layout.key(name))?;
        println!("{name:9} {} ({})", key.public(), if made { "made" } else { "was there" });
    }
    Ok(())
}

fn show(chain: &ChainArgs, json: bool) -> anyhow::Result<()> {
    let (_, layout) = locate(chain)?;
    let authority = keys::load(&layout.key(VALIDATOR_KEY))?.public();
    let network = keys::load(&layout.key(NETWORK_KEY))?.public();
    let peer_id = peer_id_of(&network);
    if json {
        println!("{}", serde_json::json!({ "authority": authority.to_string(), "peer_id": peer_id }));
    } else {
        println!("authority {authority}\npeer id   {peer_id}");
    }
    Ok(())
}

fn resume(chain: &ChainArgs, last: Height, confirmed: bool) -> anyhow::Result<()> {
    let (spec, layout) = locate(chain)?;
    let validators = spec.genesis.validators.len();
    if validators >= SPARE_FROM {
        bail!("a network of {validators} validators goes on without this one: join again under a new key");
    }
    if !confirmed {
        bail!(
            "signing twice at one height forks the chain. If the old data is gone for good and no other process has \
             this key, say --i-have-lost-the-data; heights up to {last} will not be signed"
        );
    }
    let key = keys::load(&layout.key(VALIDATOR_KEY))?;
    let database = genesis::open(&spec, &layout, &SalusRuntime::new())?;
    if let Some(record) = database.signer_load()? {
        let signed = SignedRecord::from_bytes(&record).context("the signer's record")?.position.height;
        // Nobody else can hold a vote of the only validator; where there are others, they may.
        if signed > last && validators > 1 {
            bail!("the signer's record shows a signature at height {signed}: --last-height is at least that");
        }
    }
    let record = SignedRecord::resume_after(database.identity().genesis, key.public(), last);
    database.signer_save(&record.to_bytes())?;
    println!("{} signs again after height {last}", key.public());
    Ok(())
}
