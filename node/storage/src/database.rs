//! The database of one node: opening it, and reading blocks and state.

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard},
};

use salus_primitives::{
    Block, Hash, Header, Height, RawExtrinsic, commit::CommitCertificate, runtime_api::Changes, state_proof::Proof,
};

use crate::{
    OpenError, QueryError, State, StorageError, TimingFigures,
    columns::{
        Bodies, Certificates, Column, Headers, Heights, Meta, Tree,
        meta::{Row, read_tip},
    },
    commitment::{Commitment, Nodes},
    consensus::Pending,
    state_tree::{StateTree, TreeUpdate},
    store::{Durability, Store, View},
};

/// Version of the layout on disk. Raised with every change of a column's bytes.
pub const FORMAT_VERSION: u32 = 1;

/// Which chain a database holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The chain's id, from its specification.
    pub chain_id: String,
    /// Hash of its genesis block.
    pub genesis: Hash,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain \"{}\" with genesis {}", self.chain_id, self.genesis)
    }
}

/// How much memory the database may use. Everything is kept: history and old tree nodes are not pruned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Memory for blocks read from tables, in bytes.
    pub block_cache_bytes: usize,
    /// Memory for writes that are in no table yet, in bytes.
    pub write_buffer_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { block_cache_bytes: 128 << 20, write_buffer_bytes: 128 << 20 }
    }
}

/// Everything a node keeps on disk. One process has it open; its threads share it.
///
/// Writes are few and in order: one [`commit`](Self::commit) per block, and what consensus must not
/// forget between two of them. An error of a write is final: every later write answers
/// [`StorageError::Stopped`], and the caller stops the node.
pub struct Database {
    pub(crate) store: Store,
    pub(crate) identity: Identity,
    pub(crate) tree: StateTree,
    tip: RwLock<Option<(Header, Hash)>>,
    pending: Mutex<Pending>,
}

/// Why taking a lock cannot fail.
const LOCK: &str = "a panic ends the process, so no lock is poisoned";

impl Database {
    /// Open the database in the folder `path`, or make an empty one there for `identity`.
    ///
    /// The tip, its header, its place among the heights and the root of its tree are compared before it
    /// returns.
    ///
    /// # Errors
    /// [`OpenError`], one kind per thing an operator would do next.
    pub fn open(path: impl AsRef<Path>, identity: &Identity, options: Options) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let failed = |source| OpenError::Storage { path: path.to_owned(), source };
        let store = Store::open(path, &options)?;
        check_identity(&store, identity)?;
        let pending = Pending::load(&store.view()).map_err(failed)?;
        let database = Self {
            store,
            identity: identity.clone(),
            tree: StateTree::default(),
            tip: RwLock::new(None),
            pending: Mutex::new(pending),
        };
        let tip = database.check_ends().map_err(failed)?;
        database.set_tip(tip);
        Ok(database)
    }

    /// The newest block, none before genesis.
    pub(crate) fn newest(&self) -> RwLockReadGuard<'_, Option<(Header, Hash)>> {
        self.tip.read().expect(LOCK)
    }

    pub(crate) fn set_tip(&self, tip: Option<(Header, Hash)>) {
        *self.tip.write().expect(LOCK) = tip;
    }

    /// What consensus noted; whoever writes a block or a note holds it meanwhile.
    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().expect(LOCK)
    }

    /// Its folder.
    pub fn path(&self) -> PathBuf {
        self.store.path().to_owned()
    }

    /// Which chain it holds.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Is there a genesis block? A new database has none until it is committed.
    pub fn has_genesis(&self) -> bool {
        self.newest().is_some()
    }

    /// The newest block's header and hash.
    ///
    /// # Panics
    /// Before genesis is committed; see [`Self::has_genesis`].
    pub fn tip(&self) -> (Header, Hash) {
        self.newest().clone().expect("genesis is committed before anything is asked")
    }

    /// The header of a committed block.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn header(&self, hash: &Hash) -> Result<Option<Header>, StorageError> {
        self.store.get::<Headers>(hash)
    }

    /// The extrinsics of a committed block, as they were submitted.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn body(&self, hash: &Hash) -> Result<Option<Vec<RawExtrinsic>>, StorageError> {
        self.of_block::<Bodies>(hash)
    }

    /// Header and extrinsics of a committed block.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn block(&self, hash: &Hash) -> Result<Option<Block>, StorageError> {
        let Some(header) = self.header(hash)? else { return Ok(None) };
        let extrinsics = self
            .store
            .get::<Bodies>(header.number)?
            .ok_or_else(|| StorageError::damaged(format!("block {} has no body", header.number)))?;
        Ok(Some(Block { header, extrinsics }))
    }

    /// What made a block final; none for an unknown block and for genesis.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn certificate(&self, hash: &Hash) -> Result<Option<CommitCertificate>, StorageError> {
        self.of_block::<Certificates>(hash)
    }

    /// What a column that goes by height has for the block of `hash`.
    fn of_block<C>(&self, hash: &Hash) -> Result<Option<C::Owned>, StorageError>
    where
        C: for<'a> Column<Key<'a> = Height>,
    {
        match self.header(hash)? {
            Some(header) => self.store.get::<C>(header.number),
            None => Ok(None),
        }
    }

    /// Hash of the block at a height, none above the tip.
    ///
    /// # Errors
    /// [`StorageError`] when the read fails.
    pub fn hash_at(&self, height: Height) -> Result<Option<Hash>, StorageError> {
        self.store.get::<Heights>(height)
    }

    /// The newest state, as it is now: blocks committed later do not show in it.
    ///
    /// # Panics
    /// Before genesis is committed. When the disk fails it stops the process, as its reads do.
    pub fn state(&self) -> State<'_> {
        let view = self.store.view();
        let height = match view_tip(&view) {
            Ok(tip) => tip.expect("genesis is committed before anything is asked").0,
            Err(error) => crate::reader::stop(&error),
        };
        State::new(view, height, true)
    }

    /// The state after the block of `height`.
    ///
    /// # Errors
    /// [`QueryError::Unknown`] above the tip, [`QueryError::Storage`] when the read fails.
    pub fn state_at(&self, height: Height) -> Result<State<'_>, QueryError> {
        let view = self.store.view();
        let tip = view_tip(&view)?.expect("genesis is committed before anything is asked").0;
        if height > tip {
            return Err(QueryError::Unknown { height, tip });
        }
        Ok(State::new(view, height, height == tip))
    }

    /// The state root after `changes` on the tip's state, and the update of the tree to commit with the
    /// block. Writes nothing: several blocks on one tip may be tried.
    ///
    /// # Errors
    /// [`StorageError`] when a node of the tree cannot be read.
    pub fn root_after(&self, changes: &Changes) -> Result<(Hash, TreeUpdate), StorageError> {
        let tip = self.newest().as_ref().map(|(header, _)| header.number);
        self.tree.root_after(self, tip, changes)
    }

    /// Proofs of the values or absences of `keys` after the block of `height`, whose header has the
    /// root they lead to.
    ///
    /// # Errors
    /// [`QueryError::Unknown`] above the tip, [`QueryError::Storage`] when a read fails.
    pub fn prove(&self, keys: &[impl AsRef<[u8]>], height: Height) -> Result<Proof, QueryError> {
        let tip = self.tip().0.number;
        if height > tip {
            return Err(QueryError::Unknown { height, tip });
        }
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        Ok(self.tree.prove(self, &keys, height)?)
    }

    /// Bytes this user may still write to the disk the database is on.
    ///
    /// # Errors
    /// [`StorageError::Io`] when the system does not say.
    pub fn free_bytes(&self) -> Result<u64, StorageError> {
        crate::disk::free_bytes(self.store.path()).map_err(|error| StorageError::Io { detail: error.to_string() })
    }

    /// How long the synced writes took that succeeded since it was opened: those of blocks, of the consensus log and of
    /// the signer's record.
    pub fn sync_times(&self) -> TimingFigures {
        self.store.syncs.figures()
    }
}

impl Nodes for Database {
    fn node(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        Ok(self.store.get::<Tree>(key)?.map(Cow::Owned))
    }
}

/// The tip as a view has it.
pub(crate) fn view_tip(view: &View<'_>) -> Result<Option<(Height, Hash)>, StorageError> {
    let Some(bytes) = view.get::<Meta>(Row::Tip)? else { return Ok(None) };
    read_tip(&bytes).map(Some).ok_or_else(|| StorageError::damaged("the tip in `meta` does not decode"))
}

/// Is it ours, of a format we know, and of this chain? A database nobody has named yet gets its name.
fn check_identity(store: &Store, identity: &Identity) -> Result<(), OpenError> {
    let path = store.path();
    let failed = |source| OpenError::Storage { path: path.to_owned(), source };
    let row = |row| store.get::<Meta>(row).map_err(failed);
    let Some(format) = row(Row::Format)? else {
        return name(store, identity);
    };
    let found = format
        .as_slice()
        .try_into()
        .map(u32::from_be_bytes)
        .map_err(|_| failed(StorageError::damaged("the format version in `meta` does not decode")))?;
    if found > FORMAT_VERSION {
        return Err(OpenError::NewerFormat { path: path.to_owned(), found, known: FORMAT_VERSION });
    }
    let missing = |row| failed(StorageError::damaged(format!("the {row} in `meta` is missing or does not decode")));
    let found = Identity {
        chain_id: row(Row::Chain)?.and_then(|id| String::from_utf8(id).ok()).ok_or_else(|| missing("chain id"))?,
        genesis: row(Row::Genesis)?
            .and_then(|hash| hash.try_into().ok())
            .map(Hash)
            .ok_or_else(|| missing("genesis hash"))?,
    };
    if found != *identity {
        return Err(OpenError::OtherChain {
            path: path.to_owned(),
            found: Box::new(found),
            expected: Box::new(identity.clone()),
        });
    }
    Ok(())
}

/// Write what the database is. The columns are made one by one, so a process killed among them leaves a
/// database without a name: it must then be empty.
fn name(store: &Store, identity: &Identity) -> Result<(), OpenError> {
    let failed = |source| OpenError::Storage { path: store.path().to_owned(), source };
    let used = store.used_columns().map_err(failed)?;
    if !used.is_empty() {
        let what = format!("it has no format version, but entries in {}", used.join(", "));
        return Err(failed(StorageError::damaged(what)));
    }
    let mut batch = store.batch();
    batch.put::<Meta>(Row::Format, &FORMAT_VERSION.to_be_bytes());
    batch.put::<Meta>(Row::Chain, identity.chain_id.as_bytes());
    batch.put::<Meta>(Row::Genesis, &identity.genesis.0);
    store.write(batch, Durability::Synced).map_err(failed)
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
