//! A small chain on a real database, for this crate's tests.

use std::path::Path;

use salus_primitives::{
    Block, BoundedVec, Hash, Header, Height, Moment, RawExtrinsic,
    commit::CommitCertificate,
    crypto::Signature,
    header::{Digest, Slot, extrinsics_root},
    runtime_api::Changes,
};
use tempfile::TempDir;

use crate::{Database, Identity, MemoryTree, OpenError, Options, TreeUpdate};

/// Changes as a list of keys with a new value, or none where the key goes.
pub(crate) fn changes(list: &[(&[u8], Option<&[u8]>)]) -> Changes {
    list.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect()
}

/// What genesis puts in state.
pub(crate) fn genesis_changes() -> Changes {
    changes(&[(b":code", Some(b"native")), (b"council", Some(b"one of one"))])
}

/// The genesis block and its tree.
pub(crate) fn genesis() -> (Block, TreeUpdate) {
    genesis_of(&genesis_changes())
}

/// The genesis block of a state, and its tree.
pub(crate) fn genesis_of(changes: &Changes) -> (Block, TreeUpdate) {
    let (state_root, tree) = MemoryTree::new().root_after(changes);
    let header = Header {
        parent_hash: Hash::ZERO,
        number: Height::GENESIS,
        state_root,
        extrinsics_root: extrinsics_root(&[]),
        digest: Digest::default(),
    };
    (Block { header, extrinsics: Vec::new() }, tree)
}

/// The chain of these tests.
pub(crate) fn identity() -> Identity {
    identity_of(&genesis_changes())
}

/// The chain with this genesis state.
pub(crate) fn identity_of(changes: &Changes) -> Identity {
    Identity { chain_id: "salus-test".to_owned(), genesis: genesis_of(changes).0.header.hash() }
}

/// Small buffers: tests open many databases.
pub(crate) fn options() -> Options {
    Options { block_cache_bytes: 4 << 20, write_buffer_bytes: 16 << 20 }
}

pub(crate) fn open(path: &Path) -> Result<Database, OpenError> {
    Database::open(path, &identity(), options())
}

/// A new database with its genesis.
pub(crate) fn start() -> (TempDir, Database) {
    start_with(&genesis_changes())
}

/// A new database with this genesis state.
pub(crate) fn start_with(changes: &Changes) -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path(), &identity_of(changes), options()).unwrap();
    let (block, tree) = genesis_of(changes);
    db.commit(&block, None, changes, tree).unwrap();
    (folder, db)
}

/// The block that follows the tip with these changes, its certificate and its tree.
pub(crate) fn next(db: &Database, changes: &Changes) -> (Block, CommitCertificate, TreeUpdate) {
    let (parent, parent_hash) = db.tip();
    let number = parent.number.next();
    let extrinsics = vec![RawExtrinsic(format!("extrinsic of block {number}").into_bytes())];
    let (state_root, tree) = db.root_after(changes).unwrap();
    let slot = Slot { time: Moment(1_000 + u64::from(number.0)), build_round: 0, proposer_index: 0, set_id: 0 };
    let header = Header {
        parent_hash,
        number,
        state_root,
        extrinsics_root: extrinsics_root(&extrinsics),
        digest: Digest { logs: vec![slot.item()] },
    };
    let certificate = CommitCertificate {
        height: number,
        round: 0,
        value: header.vote_value(),
        signatures: BoundedVec::try_from(vec![(0, Signature([number.0 as u8; 64]))]).unwrap(),
    };
    (Block { header, extrinsics }, certificate, tree)
}

/// Commit the next block.
pub(crate) fn commit(db: &Database, changes: &Changes) -> Height {
    let (block, certificate, tree) = next(db, changes);
    db.commit(&block, Some(&certificate), changes, tree).unwrap();
    block.header.number
}
