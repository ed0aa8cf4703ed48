//! The pool itself: what enters, what it holds, how it is looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use salus_primitives::{
    AccountId, Hash, Header, Height, OrganisationId, RawExtrinsic,
    dispatch::InvalidTransaction,
    extrinsic::Extrinsic,
    runtime_api::{RuntimeApi, StateReader, ValidTransaction, VerifiedSignatures},
};

use crate::{
    Changes, DropReason, Dropped, Limits, Ready, Refused, Submitted, Verified,
    account::{Account, Entry, Standing, Usage},
    recent::{Rates, Seen},
    room::Plan,
};

/// Extrinsics that were submitted and are not yet final. See the crate's documentation for its rules.
///
/// `state` and `parent` in the methods below are those of the newest finalised block, the one last given to
/// [`Pool::on_block`].
pub struct Pool {
    pub(crate) limits: Limits,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) bare: BTreeMap<Hash, Entry>,
    pub(crate) organisations: HashMap<OrganisationId, Usage>,
    pub(crate) usage: Usage,
    pub(crate) bare_usage: Usage,
    by_hash: HashMap<Hash, Place>,
    pub(crate) by_order: BTreeMap<u64, Hash>,
    next_order: u64,
    /// From which place in the order of arrival the next block asks the runtime anew.
    pub(crate) cursor: u64,
    pub(crate) height: Height,
    rates: Rates,
    pub(crate) seen: Seen,
    pub(crate) verified: Verified,
}

/// Where an entry stands.
#[derive(Clone, Copy)]
enum Place {
    Signed(AccountId, u32),
    Bare,
}

/// A pending extrinsic, as [`Pool::pending`] shows it.
#[derive(Clone, Copy, Debug)]
pub struct Pending<'a> {
    /// Its hash.
    pub hash: Hash,
    /// Its bytes.
    pub extrinsic: &'a RawExtrinsic,
    /// What the runtime last said of it.
    pub valid: &'a ValidTransaction,
    /// Can it stand in the next block? Otherwise it waits for an earlier nonce.
    pub ready: bool,
}

/// How full the pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Extrinsics that can stand in the next block.
    pub ready: usize,
    /// Extrinsics that wait for an earlier nonce.
    pub waiting: usize,
    /// Bytes of all of them.
    pub bytes: usize,
    /// Accounts that have any.
    pub accounts: usize,
    /// Verdicts on signatures kept.
    pub verdicts: usize,
    /// Hashes of finalised extrinsics remembered.
    pub seen: usize,
}

impl Pool {
    /// An empty pool with these bounds.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            accounts: BTreeMap::new(),
            bare: BTreeMap::new(),
            organisations: HashMap::new(),
            usage: Usage::default(),
            bare_usage: Usage::default(),
            by_hash: HashMap::new(),
            by_order: BTreeMap::new(),
            next_order: 0,
            cursor: 0,
            height: Height::GENESIS,
            rates: Rates::default(),
            seen: Seen::new(limits.seen_hashes),
            verified: Verified::default(),
        }
    }

    /// Refuse what can be refused for little, before anybody verifies a signature: size, duplicates, the account's
    /// rate, and for an account that has something pending its nonce window and its quota. What is malformed passes:
    /// the runtime says how.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub fn look_over(&mut self, raw: &RawExtrinsic, now_ms: u64) -> Result<(), Refused> {
        let bytes = raw.wire_len();
        if bytes > self.limits.extrinsic_bytes {
            return Err(Refused::TooLarge { bytes, max: self.limits.extrinsic_bytes });
        }
        let hash = raw.hash();
        if self.contains(&hash) {
            return Err(Refused::AlreadyPending);
        }
        if let Some(height) = self.seen.get(&hash) {
            return Err(Refused::AlreadyIncluded { height });
        }
        let Ok(Extrinsic::Signed(signed)) = Extrinsic::parse(raw) else { return Ok(()) };
        let max = self.limits.submissions_per_second;
        if self.rates.count(&signed.signer, now_ms) >= max {
            return Err(Refused::RateLimited { max });
        }
        if let Some(account) = self.accounts.get(&signed.signer) {
            self.check_nonce(signed.nonce, account.next_nonce)?;
            let full = !account.usage.has_room(bytes, self.limits.of_account());
            if full && account.entries.range(signed.nonce..).next().is_none() {
                return Err(Refused::AccountFull { txs: account.usage.txs, bytes: account.usage.bytes });
            }
        }
        Ok(())
    }

    /// Take an extrinsic in, [looked over](Self::look_over). `now_ms` is the caller's clock in milliseconds, for the
    /// account's rate alone.
    ///
    /// # Errors
    /// [`Refused`] with the reason; then the pool is as it was.
    pub fn submit(
        &mut self,
        raw: RawExtrinsic,
        now_ms: u64,
        runtime: &dyn RuntimeApi,
        state: &dyn StateReader,
        parent: &Header,
    ) -> Result<Submitted, Refused> {
        self.look_over(&raw, now_ms)?;
        Extrinsic::parse(&raw)?;
        let valid = runtime.validate(state, parent, &raw, &self.verified).map_err(Refused::Invalid)?;
        self.enter(raw, now_ms, valid, parent.number)
    }

    /// Take an extrinsic in that the caller found valid on the state of `parent`, the newest block.
    ///
    /// # Errors
    /// As [`Pool::submit`].
    pub fn submit_valid(
        &mut self,
        raw: RawExtrinsic,
        now_ms: u64,
        valid: ValidTransaction,
        parent: &Header,
    ) -> Result<Submitted, Refused> {
        self.look_over(&raw, now_ms)?;
        self.enter(raw, now_ms, valid, parent.number)
    }

    fn enter(
        &mut self,
        raw: RawExtrinsic,
        now_ms: u64,
        valid: ValidTransaction,
        parent: Height,
    ) -> Result<Submitted, Refused> {
        let (hash, bytes) = (raw.hash(), raw.wire_len());
        self.height = self.height.max(parent);
        if let Some(signer) = valid.signer {
            self.rates.add(signer, now_ms);
        }
        self.admit(raw, hash, bytes, valid)
    }

    fn check_nonce(&self, nonce: u32, next: u32) -> Result<(), Refused> {
        let max = next.saturating_add(self.limits.nonce_ahead);
        if nonce < next {
            return Err(Refused::Invalid(InvalidTransaction::Stale));
        }
        if nonce > max {
            return Err(Refused::NonceGap { nonce, next, max });
        }
        Ok(())
    }

    /// Find room for a valid extrinsic and put it in.
    fn admit(
        &mut self,
        raw: RawExtrinsic,
        hash: Hash,
        bytes: usize,
        valid: ValidTransaction,
    ) -> Result<Submitted, Refused> {
        // Of several bare ones that do the same, one is enough. There are few of them.
        if valid.tag.is_some() && self.bare.values().any(|entry| entry.valid.tag == valid.tag) {
            return Err(Refused::AlreadyPending);
        }
        let account = valid.signer.and_then(|signer| self.accounts.get(&signer));
        // A caller may be a block ahead of the pool or behind it.
        let next_nonce = account.map_or(valid.next_nonce, |account| account.next_nonce.max(valid.next_nonce));
        if valid.signer.is_some() {
            self.check_nonce(valid.nonce, next_nonce)?;
        }
        let replaced = account.and_then(|account| account.entries.get(&valid.nonce));
        if let Some(held) = replaced.map(|entry| entry.valid.priority).filter(|held| *held >= valid.priority) {
            return Err(Refused::NonceTaken { nonce: valid.nonce, held, offered: valid.priority });
        }
        let evicted = Plan::new(self, &valid, bytes, next_nonce, replaced)?.evicted;

        let mut changes = Changes::default();
        let mut touched = BTreeSet::from_iter(valid.signer);
        if let Some(replaced) = replaced.map(|entry| entry.hash) {
            self.drop_entry(&replaced, DropReason::Usurped { by: hash }, &mut touched, &mut changes);
        }
        for hash in evicted {
            self.drop_entry(&hash, DropReason::Evicted, &mut touched, &mut changes);
        }
        self.insert(raw, hash, bytes, valid, next_nonce, &mut changes);
        self.settle(touched, &mut changes);
        Ok(Submitted { hash, ready: changes.ready.contains(&hash), changes })
    }

    fn insert(
        &mut self,
        raw: RawExtrinsic,
        hash: Hash,
        bytes: usize,
        valid: ValidTransaction,
        next_nonce: u32,
        changes: &mut Changes,
    ) {
        self.usage.add(bytes);
        if let Some(organisation) = valid.organisation {
            self.organisations.entry(organisation).or_default().add(bytes);
        }
        if let Some(key) = valid.signature_key {
            self.verified.insert(key);
        }
        let order = self.next_order;
        self.next_order += 1;
        self.by_order.insert(order, hash);
        let mut entry = Entry { hash, raw, bytes, valid, order, standing: Standing::New };
        let place = match entry.valid.signer {
            Some(signer) => {
                let nonce = entry.valid.nonce;
                let account = self.accounts.entry(signer).or_insert_with(|| Account::new(next_nonce));
                account.next_nonce = next_nonce;
                account.usage.add(bytes);
                account.entries.insert(nonce, entry);
                Place::Signed(signer, nonce)
            }
            None => {
                entry.standing = Standing::Ready;
                changes.ready.push(hash);
                self.bare_usage.add(bytes);
                self.bare.insert(hash, entry);
                Place::Bare
            }
        };
        self.by_hash.insert(hash, place);
    }

    /// Take an entry out of everything but the account itself, which [`Pool::settle`] removes when it is empty.
    pub(crate) fn take(&mut self, hash: &Hash) -> Option<Entry> {
        let entry = match self.by_hash.remove(hash)? {
            Place::Signed(signer, nonce) => {
                let account = self.accounts.get_mut(&signer)?;
                let entry = account.entries.remove(&nonce)?;
                account.usage.remove(entry.bytes);
                entry
            }
            Place::Bare => {
                let entry = self.bare.remove(hash)?;
                self.bare_usage.remove(entry.bytes);
                entry
            }
        };
        self.by_order.remove(&entry.order);
        self.usage.remove(entry.bytes);
        self.release_organisation(entry.valid.organisation, entry.bytes);
        if let Some(key) = entry.valid.signature_key {
            self.verified.retire(key, self.height, self.limits.verdicts_retired);
        }
        Some(entry)
    }

    pub(crate) fn release_organisation(&mut self, organisation: Option<OrganisationId>, bytes: usize) {
        let Some(organisation) = organisation else { return };
        if let Some(usage) = self.organisations.get_mut(&organisation) {
            usage.remove(bytes);
            if usage.txs == 0 {
                self.organisations.remove(&organisation);
            }
        }
    }

    pub(crate) fn drop_entry(
        &mut self,
        hash: &Hash,
        reason: DropReason,
        touched: &mut BTreeSet<AccountId>,
        changes: &mut Changes,
    ) {
        if let Some(entry) = self.take(hash) {
            touched.extend(entry.valid.signer);
            changes.dropped.push(Dropped { hash: *hash, reason });
        }
    }

    /// Judge anew what is ready in the accounts that changed.
    pub(crate) fn settle(&mut self, touched: BTreeSet<AccountId>, changes: &mut Changes) {
        for id in touched {
            if let Some(account) = self.accounts.get_mut(&id) {
                account.settle(self.height, changes);
                if account.entries.is_empty() {
                    self.accounts.remove(&id);
                }
            }
        }
    }

    /// The extrinsics that can stand in the next block, in the order in which they should.
    pub fn ready(&self) -> Ready<'_> {
        Ready::new(self)
    }

    /// Everything in the pool, in order of arrival.
    pub fn pending(&self) -> impl Iterator<Item = Pending<'_>> {
        self.by_order.values().filter_map(|hash| self.get(hash))
    }

    /// One extrinsic in the pool.
    pub fn get(&self, hash: &Hash) -> Option<Pending<'_>> {
        self.entry(hash).map(|entry| Pending {
            hash: entry.hash,
            extrinsic: &entry.raw,
            valid: &entry.valid,
            ready: entry.is_ready(),
        })
    }

    /// Is it in the pool?
    pub fn contains(&self, hash: &Hash) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// The nonce an account should use next, what is pending counted in; none when nothing of it is pending, then
    /// the state's own holds.
    pub fn next_nonce(&self, account: &AccountId) -> Option<u32> {
        self.accounts.get(account).map(Account::first_free_nonce)
    }

    /// Can anything stand in the next block? Cheaper than [`Pool::ready`]: it decides whether to make one.
    pub fn has_ready(&self) -> bool {
        !self.bare.is_empty() || self.accounts.values().any(|account| account.entries.contains_key(&account.next_nonce))
    }

    /// Signatures that need not be verified again: a handle that may outlive the borrow and go to another thread.
    pub fn verified(&self) -> Verified {
        self.verified.clone()
    }

    /// The caller verified these signatures itself, in a batch: submitting or executing what bears them need not
    /// verify them again. They are kept as long as those of extrinsics that left.
    pub fn trust(&mut self, signature_keys: impl IntoIterator<Item = Hash>) {
        for key in signature_keys {
            if !self.verified.contains(&key) {
                self.verified.retire(key, self.height, self.limits.verdicts_retired);
            }
        }
    }

    /// How full it is.
    pub fn status(&self) -> Status {
        let signed = self.accounts.values().flat_map(|account| account.entries.values());
        let ready = signed.filter(|entry| entry.is_ready()).count() + self.bare.len();
        Status {
            ready,
            waiting: self.usage.txs - ready,
            bytes: self.usage.bytes,
            accounts: self.accounts.len(),
            verdicts: self.verified.len(),
            seen: self.seen.len(),
        }
    }

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn entry(&self, hash: &Hash) -> Option<&Entry> {
        match self.by_hash.get(hash)? {
            Place::Signed(signer, nonce) => self.accounts.get(signer)?.entries.get(nonce),
            Place::Bare => self.bare.get(hash),
        }
    }

    pub(crate) fn entry_mut(&mut self, hash: &Hash) -> Option<&mut Entry> {
        match self.by_hash.get(hash)? {
            Place::Signed(signer, nonce) => self.accounts.get_mut(signer)?.entries.get_mut(nonce),
            Place::Bare => self.bare.get_mut(hash),
        }
    }
}
