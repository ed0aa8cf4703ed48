//! What a finalised block does to the pool, and what building one taught.

use std::{collections::BTreeSet, ops::Range};

use salus_primitives::{
    AccountId, Hash, Header, Height, RawExtrinsic,
    dispatch::InvalidTransaction,
    extrinsic::Extrinsic,
    runtime_api::{RuntimeApi, StateReader, ValidTransaction},
};

use crate::{
    Changes, DropReason, Pool,
    account::{Entry, Standing},
};

impl Pool {
    /// A block is final: `extrinsics` are its body, `header` its header and `state` the state after it. Drops what
    /// it included, outdated or expired, puts some of the rest to the runtime again, and makes ready what no
    /// longer waits. Blocks come in order of height; one may be left out (after a restart or a catch-up).
    pub fn on_block(
        &mut self,
        extrinsics: &[RawExtrinsic],
        runtime: &dyn RuntimeApi,
        state: &dyn StateReader,
        header: &Header,
    ) -> Changes {
        self.height = header.number;
        let mut changes = Changes::default();
        let mut touched = BTreeSet::new();
        for raw in extrinsics {
            self.include(raw, &mut touched, &mut changes);
        }
        self.drop_outdated(&mut touched, &mut changes);
        self.revalidate(&Chain { runtime, state, header }, &mut touched, &mut changes);
        self.settle(touched, &mut changes);
        if let Some(height) = self.height.0.checked_sub(self.limits.verdict_blocks) {
            self.verified.forget(Height(height));
        }
        changes
    }

    /// One extrinsic of a finalised block, ours or not.
    fn include(&mut self, raw: &RawExtrinsic, touched: &mut BTreeSet<AccountId>, changes: &mut Changes) {
        let hash = raw.hash();
        self.seen.insert(hash, self.height);
        let ours = self.take(&hash);
        if ours.is_some() {
            changes.included.push(hash);
        }
        // Ours was taken apart when it came in; another's matters where its account has something pending.
        let signer_and_nonce = match ours {
            Some(entry) => entry.valid.signer.map(|signer| (signer, entry.valid.nonce)),
            None => claimed_signer(raw)
                .filter(|signer| self.accounts.contains_key(signer))
                .and_then(|signer| Some((signer, nonce_of(raw)?))),
        };
        let Some((signer, nonce)) = signer_and_nonce else { return };
        let Some(account) = self.accounts.get_mut(&signer) else { return };
        account.next_nonce = account.next_nonce.max(nonce.saturating_add(1));
        touched.insert(signer);
        if let Some(other) = account.entries.get(&nonce).map(|entry| entry.hash) {
            self.drop_entry(&other, DropReason::Usurped { by: hash }, touched, changes);
        }
    }

    /// Drop what no runtime need be asked about: eras that are over, gaps that stayed too long, nonces used up.
    fn drop_outdated(&mut self, touched: &mut BTreeSet<AccountId>, changes: &mut Changes) {
        let signed = self.accounts.values().flat_map(|account| {
            let in_turn = account.next_nonce..account.first_free_nonce();
            account.entries.values().map(move |entry| (in_turn.clone(), entry))
        });
        let bare = self.bare.values().map(|entry| (0..u32::MAX, entry));
        let outdated: Vec<_> = signed
            .chain(bare)
            .filter_map(|(in_turn, entry)| Some((entry.hash, self.outdated(entry, &in_turn)?)))
            .collect();
        for (hash, reason) in outdated {
            self.drop_entry(&hash, reason, touched, changes);
        }
    }

    /// Why an entry has no future, `in_turn` being the nonces of its account that can go now.
    fn outdated(&self, entry: &Entry, in_turn: &Range<u32>) -> Option<DropReason> {
        let height = self.height;
        if entry.valid.nonce < in_turn.start {
            return Some(DropReason::Invalid(InvalidTransaction::Stale));
        }
        if entry.valid.expires.is_some_and(|expires| expires.0 <= height.0.saturating_add(1)) {
            return Some(DropReason::Expired);
        }
        match entry.standing {
            Standing::Waiting(since) if !in_turn.contains(&entry.valid.nonce) => {
                let blocks = height.0.saturating_sub(since.0);
                (blocks >= self.limits.waiting_blocks).then_some(DropReason::Gap { blocks })
            }
            _ => None,
        }
    }

    /// Ask the runtime anew about the next few in turn. Where one's signer is not known any more, the rest of the
    /// account is asked at once.
    fn revalidate(&mut self, chain: &Chain<'_>, touched: &mut BTreeSet<AccountId>, changes: &mut Changes) {
        let in_turn = self.by_order.range(self.cursor..).chain(self.by_order.range(..self.cursor));
        let in_turn: Vec<_> =
            in_turn.take(self.limits.revalidations_per_block).map(|(order, hash)| (*order, *hash)).collect();
        self.cursor = in_turn.last().map_or(0, |(order, _)| order + 1);
        for (_, hash) in in_turn {
            let signer = self.entry(&hash).and_then(|entry| entry.valid.signer);
            if self.ask_again(&hash, chain, touched, changes) != Err(InvalidTransaction::UnknownSigner) {
                continue;
            }
            let rest = signer.and_then(|signer| self.accounts.get(&signer)).map(|account| account.entries.values());
            let rest: Vec<_> = rest.into_iter().flatten().map(|entry| entry.hash).collect();
            for hash in rest {
                // Each that fails is dropped with its own reason.
                let _ = self.ask_again(&hash, chain, touched, changes);
            }
        }
    }

    /// Put one entry to the runtime again: keep what it says now, or drop the entry.
    fn ask_again(
        &mut self,
        hash: &Hash,
        chain: &Chain<'_>,
        touched: &mut BTreeSet<AccountId>,
        changes: &mut Changes,
    ) -> Result<(), InvalidTransaction> {
        let Some(entry) = self.entry(hash) else { return Ok(()) };
        let answer = chain.runtime.validate(chain.state, chain.header, &entry.raw, &self.verified);
        match answer {
            Ok(valid) => {
                self.update(hash, valid, touched);
                Ok(())
            }
            Err(reason) => {
                self.drop_entry(hash, DropReason::Invalid(reason), touched, changes);
                Err(reason)
            }
        }
    }

    /// Keep what the runtime says now: priority and organisation may have changed, and nonces been used in a block
    /// that the pool was not told of.
    fn update(&mut self, hash: &Hash, valid: ValidTransaction, touched: &mut BTreeSet<AccountId>) {
        let (signer, next_nonce, organisation) = (valid.signer, valid.next_nonce, valid.organisation);
        let Some(entry) = self.entry_mut(hash) else { return };
        let (before, bytes) = (core::mem::replace(&mut entry.valid, valid).organisation, entry.bytes);
        if organisation != before {
            self.release_organisation(before, bytes);
            if let Some(organisation) = organisation {
                self.organisations.entry(organisation).or_default().add(bytes);
            }
        }
        if let Some((signer, account)) = signer.and_then(|id| Some((id, self.accounts.get_mut(&id)?)))
            && account.next_nonce < next_nonce
        {
            account.next_nonce = next_nonce;
            touched.insert(signer);
        }
    }

    /// Building a block showed that these can never go in as they are: drop them. One that merely came before its
    /// turn stays.
    pub fn remove_invalid(&mut self, invalid: &[(Hash, InvalidTransaction)]) -> Changes {
        let (mut changes, mut touched) = (Changes::default(), BTreeSet::new());
        for (hash, reason) in invalid.iter().filter(|(_, reason)| *reason != InvalidTransaction::Future) {
            self.drop_entry(hash, DropReason::Invalid(*reason), &mut touched, &mut changes);
        }
        self.settle(touched, &mut changes);
        changes
    }
}

/// The chain as of a finalised block.
struct Chain<'a> {
    runtime: &'a dyn RuntimeApi,
    state: &'a dyn StateReader,
    header: &'a Header,
}

/// The signer that a signed extrinsic names, without taking it apart: a block's extrinsics are mostly of accounts
/// that have nothing else pending.
fn claimed_signer(raw: &RawExtrinsic) -> Option<AccountId> {
    match &raw.0[..] {
        [0x84, 0x00, rest @ ..] => rest.first_chunk().map(|key| AccountId(*key)),
        _ => None,
    }
}

/// The nonce of a signed extrinsic.
fn nonce_of(raw: &RawExtrinsic) -> Option<u32> {
    match Extrinsic::parse(raw).ok()? {
        Extrinsic::Signed(signed) => Some(signed.nonce),
        Extrinsic::Bare { .. } => None,
    }
}
