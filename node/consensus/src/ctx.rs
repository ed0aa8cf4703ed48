//! The types the Malachite core works with: thin wrappers around our own, since its traits and our
//! types both live in other crates.
//!
//! The genesis hash lies in [`Ctx`] and [`Checker`], not in each vote: the signed bytes are a pure
//! function of it and a message's fields, so certificates rebuild the votes they are made of.

use core::{cmp::Ordering, fmt};
use std::sync::Arc;

use arc_malachitebft_core_types::{
    Context, LinearTimeouts, NilOrVal, Round, SignedExtension, ValidatorProof, VoteExtensionScope, VoteType,
};
use arc_malachitebft_signing::{Error as VerifierError, VerificationResult, Verifier};
use async_trait::async_trait;
use salus_primitives::{
    AccountId, Hash, Height,
    commit::{proposal_bytes, vote_bytes},
    crypto::{Signature, verify},
    validator_set::ValidatorSet,
};

use crate::convert::{kind_to_plain, value_to_plain};

/// One chain, as the core sees it.
#[derive(Clone, Debug)]
pub(crate) struct Ctx;

/// A validator's name: its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Address(pub AccountId);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl arc_malachitebft_core_types::Address for Address {}

/// A height.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct CoreHeight(pub Height);

impl fmt::Display for CoreHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl arc_malachitebft_core_types::Height for CoreHeight {
    const ZERO: Self = Self(Height(0));
    const INITIAL: Self = Self(Height(1));

    fn increment_by(&self, n: u64) -> Self {
        let sum = u64::from(self.0.0).checked_add(n).and_then(|sum| u32::try_from(sum).ok());
        Self(Height(sum.expect("the chain is shorter than 2^32 blocks")))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        let difference = u64::from(self.0.0).checked_sub(n)?;
        u32::try_from(difference).ok().map(|height| Self(Height(height)))
    }

    fn as_u64(&self) -> u64 {
        u64::from(self.0.0)
    }
}

/// What is decided: the header's SHA-256, which is its own id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Value(pub Hash);

impl arc_malachitebft_core_types::Value for Value {
    type Id = Hash;

    fn id(&self) -> Hash {
        self.0
    }
}

/// A signature with an order, which the core's certificates ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sig(pub Signature);

impl PartialOrd for Sig {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sig {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.0.cmp(&other.0.0)
    }
}

/// A vote in the core's hands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CoreVote {
    pub height: CoreHeight,
    pub round: Round,
    pub kind: VoteType,
    pub value: NilOrVal<Hash>,
    pub address: Address,
}

impl arc_malachitebft_core_types::Vote<Ctx> for CoreVote {
    fn height(&self) -> CoreHeight {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<Hash> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<Hash> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }

    fn extension(&self) -> Option<&SignedExtension<Ctx>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Ctx>> {
        None
    }

    fn extend(self, _: SignedExtension<Ctx>) -> Self {
        self
    }
}

/// A proposal in the core's hands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CoreProposal {
    pub height: CoreHeight,
    pub round: Round,
    pub pol_round: Round,
    pub value: Value,
    pub address: Address,
}

impl arc_malachitebft_core_types::Proposal<Ctx> for CoreProposal {
    fn height(&self) -> CoreHeight {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }
}

/// Blocks travel outside the core, so it never sees a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NoPart {}

impl arc_malachitebft_core_types::ProposalPart<Ctx> for NoPart {
    fn is_first(&self) -> bool {
        match *self {}
    }

    fn is_last(&self) -> bool {
        match *self {}
    }
}

/// One validator; every one weighs the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Validator(Address);

impl arc_malachitebft_core_types::Validator<Ctx> for Validator {
    fn address(&self) -> &Address {
        &self.0
    }

    fn public_key(&self) -> &AccountId {
        &self.0.0
    }

    fn voting_power(&self) -> u64 {
        1
    }
}

/// A validator set. The core copies it with every certificate, hence the shared pointer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Set(Arc<Members>);

#[derive(PartialEq, Eq, Debug)]
struct Members {
    plain: ValidatorSet,
    validators: Vec<Validator>,
}

impl Set {
    pub fn new(plain: ValidatorSet) -> Self {
        let validators = plain.keys().iter().map(|key| Validator(Address(*key))).collect();
        Self(Arc::new(Members { plain, validators }))
    }

    pub fn plain(&self) -> &ValidatorSet {
        &self.0.plain
    }
}

impl arc_malachitebft_core_types::ValidatorSet<Ctx> for Set {
    fn count(&self) -> usize {
        self.0.validators.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.0.validators.len() as u64
    }

    fn get_by_address(&self, address: &Address) -> Option<&Validator> {
        self.0.plain.index_of(&address.0).and_then(|index| self.0.validators.get(index))
    }

    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.0.validators.get(index)
    }
}

/// Bytes are not those of a key or a signature.
#[derive(Debug, thiserror::Error)]
#[error("{found} bytes, {expected} are needed")]
pub(crate) struct WrongLength {
    found: usize,
    expected: usize,
}

/// Ed25519 by the rule of primitives/src/crypto.rs. The core never sees a private key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ed25519;

impl arc_malachitebft_core_types::SigningScheme for Ed25519 {
    type DecodingError = WrongLength;
    type Signature = Sig;
    type PublicKey = AccountId;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Sig, WrongLength> {
        let bytes = bytes.try_into().map_err(|_| WrongLength { found: bytes.len(), expected: 64 })?;
        Ok(Sig(Signature(bytes)))
    }

    fn encode_signature(signature: &Sig) -> Vec<u8> {
        signature.0.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<AccountId, WrongLength> {
        let bytes = bytes.try_into().map_err(|_| WrongLength { found: bytes.len(), expected: 32 })?;
        Ok(AccountId(bytes))
    }

    fn encode_public_key(key: &AccountId) -> Vec<u8> {
        key.0.to_vec()
    }
}

impl Context for Ctx {
    type Address = Address;
    type Height = CoreHeight;
    type ProposalPart = NoPart;
    type Proposal = CoreProposal;
    type Validator = Validator;
    type ValidatorSet = Set;
    type Timeouts = LinearTimeouts;
    type Value = Value;
    type Vote = CoreVote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, set: &'a Set, height: CoreHeight, round: Round) -> &'a Validator {
        let index = set.plain().proposer_index(height.0, round.as_u32().unwrap_or(0));
        &set.0.validators[usize::from(index)]
    }

    fn new_proposal(
        &self,
        height: CoreHeight,
        round: Round,
        value: Value,
        pol_round: Round,
        address: Address,
    ) -> CoreProposal {
        CoreProposal { height, round, pol_round, value, address }
    }

    fn new_prevote(&self, height: CoreHeight, round: Round, value: NilOrVal<Hash>, address: Address) -> CoreVote {
        CoreVote { height, round, kind: VoteType::Prevote, value, address }
    }

    fn new_precommit(&self, height: CoreHeight, round: Round, value: NilOrVal<Hash>, address: Address) -> CoreVote {
        CoreVote { height, round, kind: VoteType::Precommit, value, address }
    }
}

/// Checks signatures for the chain of one genesis block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checker {
    pub genesis: Hash,
}

impl Checker {
    pub fn vote(&self, vote: &CoreVote, signature: &Sig, key: &AccountId) -> bool {
        // The nil round is none of a vote: such a message is of no chain.
        let Some(round) = vote.round.as_u32() else { return false };
        let value = value_to_plain(&vote.value);
        let kind = kind_to_plain(vote.kind);
        verify(key, &vote_bytes(&self.genesis, vote.height.0, round, kind, value, &vote.address.0), &signature.0)
    }

    pub fn proposal(&self, proposal: &CoreProposal, signature: &Sig, key: &AccountId) -> bool {
        let Some(round) = proposal.round.as_u32() else { return false };
        let pol_round = proposal.pol_round.as_u32();
        let (height, value) = (proposal.height.0, proposal.value.0);
        verify(key, &proposal_bytes(&self.genesis, height, round, pol_round, value, &proposal.address.0), &signature.0)
    }
}

#[async_trait]
impl Verifier<Ctx> for Checker {
    async fn verify_signed_vote(
        &self,
        vote: &CoreVote,
        signature: &Sig,
        key: &AccountId,
    ) -> Result<VerificationResult, VerifierError> {
        Ok(VerificationResult::from_bool(self.vote(vote, signature, key)))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &CoreProposal,
        signature: &Sig,
        key: &AccountId,
    ) -> Result<VerificationResult, VerifierError> {
        Ok(VerificationResult::from_bool(self.proposal(proposal, signature, key)))
    }

    async fn verify_signed_vote_extension(
        &self,
        _: &VoteExtensionScope<Ctx>,
        _: &(),
        _: &Sig,
        _: &AccountId,
    ) -> Result<VerificationResult, VerifierError> {
        // This chain has no vote extensions: one that turns up is not good.
        Ok(VerificationResult::Invalid)
    }

    async fn verify_validator_proof(&self, _: &ValidatorProof<Ctx>) -> Result<VerificationResult, VerifierError> {
        // Who may connect is state (decision 21), not a proof of this kind.
        Ok(VerificationResult::Invalid)
    }
}

#[cfg(test)]
#[path = "ctx_tests.rs"]
mod tests;
