//! Committing a block: everything it means, in one synced batch.

use std::collections::BTreeSet;

use salus_primitives::{Block, Hash, Height, commit::CommitCertificate, runtime_api::Changes};

use crate::{
    CommitError, Database,
    columns::{
        Bodies, Certificates, Headers, Heights, Meta, PrefixIndex, State, StateHistory, Tree, TreeStale,
        meta::{Row, tip_bytes},
    },
    commitment::{Commitment, next_height},
    state_tree::TreeUpdate,
    store::Durability,
};

impl Database {
    /// Make `block` the tip: header, extrinsics, certificate, height index, state, history, tree, prefix
    /// index and tip in one batch that is on disk when this returns. What consensus noted for this and
    /// earlier heights goes in the same batch. Genesis is committed the same way, without a certificate.
    ///
    /// `changes` and `tree` are what executing the block gave; that they belong to the block is seen by
    /// the root. The certificate's signatures were verified by the caller.
    ///
    /// # Errors
    /// [`CommitError`]; nothing of the block is on disk then. [`CommitError::Storage`] is fatal: stop the
    /// node, and do not try again.
    pub fn commit(
        &self,
        block: &Block,
        certificate: Option<&CommitCertificate>,
        changes: &Changes,
        tree: TreeUpdate,
    ) -> Result<(), CommitError> {
        let mut pending = self.pending();
        let header = &block.header;
        let height = header.number;
        let hash = header.hash();
        self.check_next(block, &hash, certificate, &tree)?;

        let mut batch = self.store.batch();
        batch.put::<Headers>(&hash, header);
        batch.put::<Bodies>(height, &block.extrinsics);
        if let Some(certificate) = certificate {
            batch.put::<Certificates>(height, certificate);
        }
        batch.put::<Heights>(height, &hash);
        for (key, value) in changes {
            match value {
                Some(value) => batch.put::<State>(key, value),
                None => batch.delete::<State>(key),
            }
            batch.put::<StateHistory>((key, height), value.as_deref());
        }
        for prefix in changes.keys().map(|key| PrefixIndex::prefix_of(key)).collect::<BTreeSet<_>>() {
            batch.put::<PrefixIndex>((&prefix, height), ());
        }
        for (key, node) in tree.nodes() {
            batch.put::<Tree>(&key, &node);
        }
        batch.put::<TreeStale>(height, &tree.stale());
        pending.prune(&mut batch, height);
        batch.put::<Meta>(Row::Tip, &tip_bytes(height, &hash));
        self.store.write(batch, Durability::Synced)?;

        pending.pruned(height);
        self.tree.committed(tree);
        self.set_tip(Some((header.clone(), hash)));
        Ok(())
    }

    fn check_next(
        &self,
        block: &Block,
        hash: &Hash,
        certificate: Option<&CommitCertificate>,
        tree: &TreeUpdate,
    ) -> Result<(), CommitError> {
        let header = &block.header;
        let number = header.number;
        let tip = self.newest();
        let (next, parent) = match &*tip {
            Some((tip, hash)) => (tip.number.next(), *hash),
            None => (next_height(None), Hash::ZERO),
        };
        if number != next || header.parent_hash != parent {
            let tip = tip.as_ref().map_or("none: genesis comes first".to_owned(), |(tip, hash)| {
                format!("{} at height {}", hash, tip.number)
            });
            return Err(CommitError::NotNext { number, parent: header.parent_hash, tip });
        }
        if number == Height::GENESIS && *hash != self.identity.genesis {
            return Err(CommitError::Genesis { found: *hash, expected: self.identity.genesis });
        }
        let misplaced = match certificate {
            None if number != Height::GENESIS => Some("there is none"),
            Some(_) if number == Height::GENESIS => Some("genesis has none"),
            Some(certificate) if certificate.height != number => Some("it is for another height"),
            Some(certificate) if certificate.value != header.vote_value() => Some("it is for another header"),
            _ => None,
        };
        if let Some(what) = misplaced {
            return Err(CommitError::Certificate { number, what });
        }
        if tree.height() != number || tree.root() != header.state_root {
            return Err(CommitError::Tree {
                height: tree.height(),
                root: tree.root(),
                number,
                expected: header.state_root,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
