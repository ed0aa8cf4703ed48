//! Making room: whether an extrinsic fits, and what has to go for it.
//!
//! Nothing is changed here. A plan names those to drop, or the quota that stays full; the pool carries it out.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use salus_primitives::{AccountId, Hash, runtime_api::ValidTransaction};

use crate::{
    Pool, Refused,
    account::{Account, Entry, Usage},
};

/// How an extrinsic stands against others when room is short: by priority, then ready before waiting.
type Rank = (u64, bool);

/// What has to go so that one more fits.
pub(crate) struct Plan<'a> {
    pool: &'a Pool,
    incoming: &'a ValidTransaction,
    bytes: usize,
    /// Those to drop, in order.
    pub(crate) evicted: Vec<Hash>,
    /// Of each account, the lowest nonce that goes; all above it go too.
    cut: BTreeMap<AccountId, u32>,
    bare_gone: BTreeSet<Hash>,
    freed: Usage,
    freed_of_account: Usage,
    freed_of_organisation: Usage,
}

impl<'a> Plan<'a> {
    /// Plan room for `incoming` of `bytes`. `replaced` goes anyway: it holds the same nonce. `next_nonce` is the
    /// account's.
    ///
    /// # Errors
    /// The [`Refused`] of the quota that what may be dropped cannot help.
    pub(crate) fn new(
        pool: &'a Pool,
        incoming: &'a ValidTransaction,
        bytes: usize,
        next_nonce: u32,
        replaced: Option<&'a Entry>,
    ) -> Result<Self, Refused> {
        let mut plan = Self {
            pool,
            incoming,
            bytes,
            evicted: Vec::new(),
            cut: BTreeMap::new(),
            bare_gone: BTreeSet::new(),
            freed: Usage::default(),
            freed_of_account: Usage::default(),
            freed_of_organisation: Usage::default(),
        };
        if let Some(entry) = replaced {
            plan.free(entry);
        }
        match incoming.signer {
            Some(signer) => plan.fit_account(&signer)?,
            None => plan.fit_bare()?,
        }
        let rank = plan.rank_of_incoming(next_nonce);
        plan.fit_organisation(rank)?;
        plan.fit_pool(rank)?;
        Ok(plan)
    }

    /// Its own priority or that of what it lets follow, and whether it is ready.
    fn rank_of_incoming(&self, next_nonce: u32) -> Rank {
        let valid = self.incoming;
        let Some(account) = valid.signer.and_then(|signer| self.pool.accounts.get(&signer)) else {
            return (valid.priority, valid.signer.is_none() || valid.nonce == next_nonce);
        };
        let missing = u64::from(valid.nonce - next_nonce);
        let ready = account.run(next_nonce).count() as u64 >= missing;
        let behind = valid.nonce.checked_add(1).map_or(0, |nonce| account.inherited_priority(nonce));
        (valid.priority.max(behind), ready)
    }

    /// The account's own later nonces give way to an earlier one: without it they could never go.
    fn fit_account(&mut self, signer: &AccountId) -> Result<(), Refused> {
        let Some(account) = self.pool.accounts.get(signer) else { return self.check_account(Usage::default()) };
        while let Err(refused) = self.check_account(account.usage) {
            let Some(entry) = self.tail(signer, account) else { return Err(refused) };
            self.evict(entry);
        }
        Ok(())
    }

    fn check_account(&self, usage: Usage) -> Result<(), Refused> {
        let usage = usage.without(self.freed_of_account);
        let full = Refused::AccountFull { txs: usage.txs, bytes: usage.bytes };
        if usage.has_room(self.bytes, self.pool.limits.of_account()) { Ok(()) } else { Err(full) }
    }

    fn fit_bare(&self) -> Result<(), Refused> {
        let usage = self.pool.bare_usage;
        let full = Refused::BareFull { txs: usage.txs, bytes: usage.bytes };
        if usage.has_room(self.bytes, self.pool.limits.of_bare()) { Ok(()) } else { Err(full) }
    }

    fn fit_organisation(&mut self, rank: Rank) -> Result<(), Refused> {
        let Some(organisation) = self.incoming.organisation else { return Ok(()) };
        let (usage, max) = (self.pool.organisations.get(&organisation), self.pool.limits.of_organisation());
        let usage = usage.copied().unwrap_or_default();
        let full = Refused::OrganisationFull { txs: usage.txs, bytes: usage.bytes };
        let fits = |plan: &Self| usage.without(plan.freed_of_organisation).has_room(plan.bytes, max);
        let made = self.evict_until(rank, fits, |entry| entry.valid.organisation == Some(organisation));
        if made { Ok(()) } else { Err(full) }
    }

    fn fit_pool(&mut self, rank: Rank) -> Result<(), Refused> {
        let (usage, max) = (self.pool.usage, self.pool.limits.of_pool());
        let full = Refused::PoolFull { txs: usage.txs, bytes: usage.bytes };
        let made = self.evict_until(rank, |plan| usage.without(plan.freed).has_room(plan.bytes, max), |_| true);
        if made { Ok(()) } else { Err(full) }
    }

    /// Evict the lowest of those `in_scope`, the youngest of equals first, until it `fits`; false when what is
    /// left does not rank below `rank`.
    fn evict_until(&mut self, rank: Rank, fits: impl Fn(&Self) -> bool, in_scope: impl Fn(&Entry) -> bool) -> bool {
        if fits(self) {
            return true;
        }
        let key = |entry: &Entry| Reverse((entry.valid.priority, entry.is_ready(), Reverse(entry.order), entry.hash));
        let tails = self.pool.accounts.iter().filter_map(|(id, account)| self.tail(id, account));
        let bare = self.pool.bare.values().filter(|entry| !self.bare_gone.contains(&entry.hash));
        let mut lowest: BinaryHeap<_> = tails.chain(bare).filter(|entry| in_scope(entry)).map(key).collect();
        while !fits(self) {
            let Some(Reverse((priority, ready, _, hash))) = lowest.pop() else { return false };
            if (priority, ready) >= rank {
                return false;
            }
            let pool = self.pool;
            let entry = pool.entry(&hash).expect("the pool is borrowed: nothing leaves it meanwhile");
            self.evict(entry);
            let before = entry.valid.signer.and_then(|id| self.tail(&id, pool.accounts.get(&id)?));
            lowest.extend(before.filter(|entry| in_scope(entry)).map(key));
        }
        true
    }

    /// The last entry of an account that is still there and may go: nothing the incoming one stands on.
    fn tail(&self, id: &AccountId, account: &'a Account) -> Option<&'a Entry> {
        let (nonce, entry) = match self.cut.get(id) {
            Some(cut) => account.entries.range(..cut).next_back()?,
            None => account.entries.last_key_value()?,
        };
        let needed = self.incoming.signer == Some(*id) && *nonce <= self.incoming.nonce;
        (!needed).then_some(entry)
    }

    fn evict(&mut self, entry: &Entry) {
        self.evicted.push(entry.hash);
        match entry.valid.signer {
            Some(signer) => {
                self.cut.insert(signer, entry.valid.nonce);
            }
            None => {
                self.bare_gone.insert(entry.hash);
            }
        }
        self.free(entry);
    }

    fn free(&mut self, entry: &Entry) {
        self.freed.add(entry.bytes);
        if entry.valid.signer == self.incoming.signer {
            self.freed_of_account.add(entry.bytes);
        }
        if entry.valid.organisation == self.incoming.organisation {
            self.freed_of_organisation.add(entry.bytes);
        }
    }
}
