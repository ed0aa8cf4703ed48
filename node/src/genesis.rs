//! The genesis block of a specification, and a database that begins with it.

use salus_chain_spec::{ChainSpec, SpecError};
use salus_primitives::{Block, Hash, runtime_api::Changes, state_proof::state_root};
use salus_runtime::{SalusRuntime, genesis::block};
use salus_storage::{CommitError, Database, Identity, OpenError, Options, StorageError};

use crate::layout::Layout;

/// Genesis: its block, and the state it begins with.
pub struct Genesis {
    /// The block.
    pub block: Block,
    /// Its hash: the chain's identity.
    pub hash: Hash,
    /// The state.
    pub changes: Changes,
}

/// Why there is no database to run on.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The specification.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The database does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Genesis was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// The genesis of a specification.
///
/// # Errors
/// [`SpecError`] naming the field at fault.
pub fn of(spec: &ChainSpec, runtime: &SalusRuntime) -> Result<Genesis, SpecError> {
    let changes = spec.genesis_config()?.build(runtime)?;
    let entries = changes.iter().filter_map(|(key, value)| Some((&key[..], value.as_deref()?)));
    let block = block(state_root(entries));
    Ok(Genesis { hash: block.header.hash(), block, changes })
}

/// Open the database of a chain, and make its genesis when it is new.
///
/// # Errors
/// [`DataError`].
pub fn open(spec: &ChainSpec, layout: &Layout, runtime: &SalusRuntime) -> Result<Database, DataError> {
    let genesis = of(spec, runtime)?;
    let identity = Identity { chain_id: spec.id.clone(), genesis: genesis.hash };
    let database = Database::open(layout.database(), &identity, Options::default())?;
    if !database.has_genesis() {
        let (_, tree) = database.root_after(&genesis.changes)?;
        database.commit(&genesis.block, None, &genesis.changes, tree)?;
    }
    Ok(database)
}
