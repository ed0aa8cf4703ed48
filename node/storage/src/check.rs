//! Do the parts of the database fit each other? A little of it at every start, all of it by command.

use salus_primitives::{
    Hash, Header, Height,
    header::extrinsics_root,
    state_proof::{leaf_hash, root_of, tree_key},
};

use crate::{
    Database, StorageError,
    columns::{self, Bodies, Certificates, Headers, Heights, StateHistory},
    commitment::Commitment,
    database::view_tip,
    store::View,
};

/// What a full check looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Blocks, genesis counted in.
    pub blocks: u64,
    /// Extrinsics in them.
    pub extrinsics: u64,
    /// Keys of the newest state.
    pub keys: u64,
}

impl Database {
    /// Compare everything that can be compared without executing a block: every header with its hash,
    /// its parent, its height, its extrinsics and its certificate; the tree at the tip with the tip's
    /// state root, and that root with one computed anew from the newest values, which are compared with
    /// history too. Reads the whole database and needs 64 bytes of memory per key of the state.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] with the first thing that does not fit, or another when a read fails.
    pub fn check(&self) -> Result<Checked, StorageError> {
        let mut checked = Checked::default();
        let Some((tip, _)) = self.check_ends()? else { return Ok(checked) };
        let mut parent = Hash::ZERO;
        for height in (0..=tip.number.0).map(Height) {
            let hash = self.check_block(height, &parent, &mut checked)?;
            parent = hash;
        }
        self.check_state(&tip, &mut checked)?;
        Ok(checked)
    }

    /// Compare the tip in `meta` with headers, heights and tree. The tip, none in an empty database.
    pub(crate) fn check_ends(&self) -> Result<Option<(Header, Hash)>, StorageError> {
        let view = self.store.view();
        let last = last_height(&view)?;
        let Some((height, hash)) = view_tip(&view)? else {
            return match last {
                None => Ok(None),
                Some(height) => Err(StorageError::damaged(format!("there is a block {height}, but no tip"))),
            };
        };
        let header = view
            .get::<Headers>(&hash)?
            .ok_or_else(|| StorageError::damaged(format!("the tip {hash} at height {height} has no header")))?;
        if header.hash() != hash || header.number != height {
            return Err(StorageError::damaged(format!("the header of the tip {hash} is another block's")));
        }
        if last != Some(height) || view.get::<Heights>(height)? != Some(hash) {
            return Err(StorageError::damaged(format!("`heights` does not end in the tip {hash} at height {height}")));
        }
        let genesis = view.get::<Heights>(Height::GENESIS)?;
        if genesis != Some(self.identity.genesis) {
            return Err(StorageError::damaged(format!("block 0 is not the genesis {}", self.identity.genesis)));
        }
        let root = self.tree.root_at(self, height)?;
        if root != Some(header.state_root) {
            let found = root.map_or("none".to_owned(), |root| root.to_string());
            let expected = header.state_root;
            return Err(StorageError::damaged(format!("the tree's root at {height} is {found}, not {expected}")));
        }
        Ok(Some((header, hash)))
    }

    fn check_block(&self, height: Height, parent: &Hash, checked: &mut Checked) -> Result<Hash, StorageError> {
        let broken = |what: &str| StorageError::damaged(format!("block {height}: {what}"));
        let hash = self.hash_at(height)?.ok_or_else(|| broken("no hash at its height"))?;
        let header = self.header(&hash)?.ok_or_else(|| broken("no header"))?;
        if header.hash() != hash || header.number != height {
            return Err(broken("the header is another block's"));
        }
        if header.parent_hash != *parent {
            return Err(broken("its parent is not the block below it"));
        }
        let body = self.store.get::<Bodies>(height)?.ok_or_else(|| broken("no extrinsics"))?;
        if extrinsics_root(&body) != header.extrinsics_root {
            return Err(broken("its extrinsics are not those its header names"));
        }
        let certificate = self.store.get::<Certificates>(height)?;
        match certificate {
            None if height == Height::GENESIS => {}
            None => return Err(broken("no certificate")),
            Some(certificate) if certificate.height != height || certificate.value != header.vote_value() => {
                return Err(broken("its certificate is another block's"));
            }
            Some(_) => {}
        }
        checked.blocks += 1;
        checked.extrinsics += body.len() as u64;
        Ok(hash)
    }

    fn check_state(&self, tip: &Header, checked: &mut Checked) -> Result<(), StorageError> {
        let view = self.store.view();
        let mut leaves = Vec::new();
        let mut cursor = view.cursor::<columns::State>();
        let mut history = view.cursor::<StateHistory>();
        cursor.seek(&[]);
        while let Some((key, value)) = cursor.entry()? {
            history.seek(&StateHistory::start_of(key));
            let newest = history
                .entry()?
                .filter(|(entry, _)| StateHistory::read_key(entry).is_some_and(|(entry, _)| entry == key));
            if newest.map(|(_, value)| value) != Some(&<StateHistory as columns::Column>::value(Some(value))) {
                return Err(StorageError::damaged("a value of `state` is not the newest of `state_history`"));
            }
            let tree_key = tree_key(key);
            leaves.push((tree_key, leaf_hash(&tree_key, &salus_primitives::crypto::sha256(value))));
            cursor.advance();
        }
        checked.keys = leaves.len() as u64;
        leaves.sort_unstable();
        let root = root_of(&leaves, 0);
        if root != tip.state_root {
            let expected = tip.state_root;
            return Err(StorageError::damaged(format!("the values of `state` give root {root}, not {expected}")));
        }
        Ok(())
    }
}

fn last_height(view: &View<'_>) -> Result<Option<Height>, StorageError> {
    let mut cursor = view.cursor::<Heights>();
    cursor.seek_to_last();
    let Some((key, _)) = cursor.entry()? else { return Ok(None) };
    match columns::split_u32(key) {
        Some((height, [])) => Ok(Some(Height(height))),
        _ => Err(StorageError::undecodable("heights", key)),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
