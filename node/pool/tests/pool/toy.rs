//! A toy runtime and a chain of one pool over it.
//!
//! State: key `n` ++ account holds the account's next nonce and thereby registers it; `o` ++ account its
//! organisation; `x` ++ tag bars calls with that tag. A call is [priority, tag, expires, filler…]; a bare one with a tag
//! from [`ONCE`] on does something that is done once.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use salus_pool::{Changes, Limits, Pool, Refused, Submitted};
use salus_primitives::{
    AccountId, Hash, Header, Height, Moment, OrganisationId, RawExtrinsic,
    crypto::{Claim, Signature},
    dispatch::InvalidTransaction,
    evidence::Evidence,
    extrinsic::{Era, Extrinsic, SignedExtrinsic},
    header::Digest,
    peer::Peers,
    runtime_api::{
        BlockContext, Built, CallError, Executed, InvalidBlock, RuntimeApi, StateReader, ValidTransaction,
        VerifiedSignatures, signature_key,
    },
    validator_set::ValidatorSet,
    version::RuntimeVersion,
};

/// The first tag of bare calls of which a pool needs one only.
pub const ONCE: u8 = 200;

#[derive(Default)]
pub struct Toy {
    pub signatures_verified: AtomicUsize,
    pub asked: AtomicUsize,
}

pub fn account(who: u8) -> AccountId {
    AccountId([who; 32])
}

fn key(kind: u8, id: &[u8]) -> Vec<u8> {
    [&[kind], id].concat()
}

/// A call of `filler` bytes more than its three fields.
pub fn call(priority: u8, tag: u8, expires: u8, filler: usize) -> Vec<u8> {
    [vec![priority, tag, expires], vec![0; filler]].concat()
}

/// An extrinsic whose signature the toy takes as good or bad.
pub fn signed(who: u8, nonce: u32, call: Vec<u8>, good: bool) -> RawExtrinsic {
    let signature = Signature([u8::from(good); 64]);
    SignedExtrinsic { signer: account(who), signature, era: Era::Immortal, nonce, call }.to_raw()
}

pub fn bare(call: Vec<u8>) -> RawExtrinsic {
    RawExtrinsic([vec![0x04], call].concat())
}

impl RuntimeApi for Toy {
    fn validate(
        &self,
        state: &dyn StateReader,
        parent: &Header,
        extrinsic: &RawExtrinsic,
        verified: &dyn VerifiedSignatures,
    ) -> Result<ValidTransaction, InvalidTransaction> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let parsed = Extrinsic::parse(extrinsic).map_err(|_| InvalidTransaction::Call)?;
        let (Extrinsic::Signed(SignedExtrinsic { call, .. }) | Extrinsic::Bare { call }) = &parsed;
        let &[priority, tag, expires, ..] = &call[..] else { return Err(InvalidTransaction::Call) };
        if state.get(&key(b'x', &[tag])).is_some() {
            return Err(InvalidTransaction::ExhaustsResources);
        }
        let expires = (expires > 0).then_some(Height(u32::from(expires)));
        if expires.is_some_and(|expires| expires <= parent.number.next()) {
            return Err(InvalidTransaction::AncientBirthBlock);
        }
        let mut valid = ValidTransaction {
            signer: None,
            organisation: None,
            nonce: 0,
            next_nonce: 0,
            priority: u64::from(priority),
            weight: 1,
            expires,
            signature_key: None,
            tag: (tag >= ONCE).then_some(Hash([tag; 32])),
        };
        if let Extrinsic::Signed(signed) = parsed {
            let nonce = state.get(&key(b'n', &signed.signer.0)).ok_or(InvalidTransaction::UnknownSigner)?;
            valid.next_nonce = u32::from_le_bytes(nonce.try_into().unwrap());
            if signed.nonce < valid.next_nonce {
                return Err(InvalidTransaction::Stale);
            }
            let key_of_signature = signature_key(&signed.signer, &signed.call, &signed.signature);
            if !verified.contains(&key_of_signature) {
                self.signatures_verified.fetch_add(1, Ordering::Relaxed);
                if signed.signature.0[0] != 1 {
                    return Err(InvalidTransaction::BadProof);
                }
            }
            valid.signature_key = Some(key_of_signature);
            valid.signer = Some(signed.signer);
            valid.tag = None;
            valid.nonce = signed.nonce;
            valid.organisation =
                state.get(&key(b'o', &signed.signer.0)).map(|id| OrganisationId(id.try_into().unwrap()));
        }
        Ok(valid)
    }

    fn version(&self, _: &dyn StateReader) -> RuntimeVersion {
        unreachable!("the pool asks for validity only")
    }

    fn metadata(&self, _: u32) -> Option<Vec<u8>> {
        unreachable!("the pool asks for validity only")
    }

    fn validators(&self, _: &dyn StateReader) -> ValidatorSet {
        unreachable!("the pool asks for validity only")
    }

    fn peers(&self, _: &dyn StateReader) -> Peers {
        unreachable!("the pool asks for validity only")
    }

    fn report(&self, _: &Evidence) -> RawExtrinsic {
        unreachable!("the pool asks for validity only")
    }

    fn block_interval_min(&self, _: &dyn StateReader) -> u64 {
        unreachable!("the pool asks for validity only")
    }

    fn block_time(&self, _: &dyn StateReader) -> Moment {
        unreachable!("the pool asks for validity only")
    }

    fn claims(&self, _: &dyn StateReader, _: &BlockContext, _: &[RawExtrinsic]) -> Vec<Claim> {
        unreachable!("the pool asks for validity only")
    }

    fn execute(
        &self,
        _: &dyn StateReader,
        _: &BlockContext,
        _: &[RawExtrinsic],
        _: &dyn VerifiedSignatures,
    ) -> Result<Executed, InvalidBlock> {
        unreachable!("the pool asks for validity only")
    }

    fn build(
        &self,
        _: &dyn StateReader,
        _: &BlockContext,
        _: &mut dyn Iterator<Item = RawExtrinsic>,
        _: &dyn VerifiedSignatures,
    ) -> Result<Built, InvalidBlock> {
        unreachable!("the pool asks for validity only")
    }

    fn call(&self, _: &dyn StateReader, _: &Header, _: &str, _: &[u8]) -> Result<Vec<u8>, CallError> {
        unreachable!("the pool asks for validity only")
    }
}

/// One pool and the chain it serves.
pub struct Chain {
    pub runtime: Toy,
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub header: Header,
    pub now_ms: u64,
    pub pool: Pool,
}

impl Chain {
    pub fn new(limits: Limits) -> Self {
        let header = Header {
            parent_hash: Hash::ZERO,
            number: Height(1),
            state_root: Hash::ZERO,
            extrinsics_root: Hash::ZERO,
            digest: Digest::default(),
        };
        let (runtime, state) = (Toy::default(), BTreeMap::new());
        Self { runtime, state, header, now_ms: 0, pool: Pool::new(limits) }
    }

    /// A chain on which `accounts` are registered at nonce 0, without organisation.
    pub fn with(limits: Limits, accounts: impl IntoIterator<Item = u8>) -> Self {
        let mut chain = Self::new(limits);
        accounts.into_iter().for_each(|who| chain.register(who));
        chain
    }

    pub fn register(&mut self, who: u8) {
        self.register_at(who, 0);
    }

    /// Register an account that has used nonces before. One that is registered stays as it is.
    pub fn register_at(&mut self, who: u8, nonce: u32) {
        self.state.entry(key(b'n', &[who; 32])).or_insert(nonce.to_le_bytes().to_vec());
    }

    pub fn revoke(&mut self, who: u8) {
        self.state.remove(&key(b'n', &[who; 32]));
    }

    pub fn join(&mut self, who: u8, organisation: u8) {
        self.state.insert(key(b'o', &[who; 32]), vec![organisation; 16]);
    }

    pub fn bar(&mut self, tag: u8) {
        self.state.insert(key(b'x', &[tag]), vec![]);
    }

    pub fn nonce(&self, who: u8) -> Option<u32> {
        let bytes = self.state.get(&key(b'n', &[who; 32]))?;
        Some(u32::from_le_bytes(bytes[..].try_into().unwrap()))
    }

    pub fn submit(&mut self, raw: &RawExtrinsic) -> Result<Submitted, Refused> {
        self.pool.submit(raw.clone(), self.now_ms, &self.runtime, &self.state, &self.header)
    }

    /// Submit what must be taken.
    pub fn ok(&mut self, raw: &RawExtrinsic) -> Submitted {
        self.submit(raw).unwrap()
    }

    /// Submit what must be refused.
    pub fn refused(&mut self, raw: &RawExtrinsic, reason: Refused) {
        let before = self.pool.pending().map(|pending| pending.hash).collect::<Vec<_>>();
        assert_eq!(self.submit(raw), Err(reason));
        assert_eq!(self.pool.pending().map(|pending| pending.hash).collect::<Vec<_>>(), before, "nothing moved");
    }

    /// Finalise a block of these.
    pub fn block(&mut self, extrinsics: &[RawExtrinsic]) -> Changes {
        for raw in extrinsics {
            if let Ok(Extrinsic::Signed(signed)) = Extrinsic::parse(raw) {
                self.state.insert(key(b'n', &signed.signer.0), (signed.nonce + 1).to_le_bytes().to_vec());
            }
        }
        self.header.number = self.header.number.next();
        self.pool.on_block(extrinsics, &self.runtime, &self.state, &self.header)
    }

    /// Finalise a block of the first `count` of the pool's own.
    pub fn block_of(&mut self, count: usize) -> Changes {
        let extrinsics: Vec<_> = self.pool.ready().take(count).cloned().collect();
        self.block(&extrinsics)
    }

    pub fn ready(&self) -> Vec<Hash> {
        self.pool.ready().map(RawExtrinsic::hash).collect()
    }

    pub fn signatures_verified(&self) -> usize {
        self.runtime.signatures_verified.load(Ordering::Relaxed)
    }

    pub fn asked(&self) -> usize {
        self.runtime.asked.load(Ordering::Relaxed)
    }
}
