//! The first set, how it changes, and what strikes a validator.

mod change;
mod genesis;
mod reports;

use std::sync::LazyLock;

use salus_primitives::{
    AccountId, Hash, Height, OrganisationId,
    commit::VoteKind,
    crypto::KeyPair,
    evidence::{Evidence, Proposal, SignedProposal, SignedVote, Vote},
};
use salus_support::testing::TestChain;
use salus_system::{Parameters, Purpose, keys::purpose};

use crate::{
    Call, ChangeError, Error, Event, current,
    storage::{Entries, Recent, Seats},
    types::{Added, Authorities, NewValidator, Seat, peer_of},
};

salus_support::runtime! { 0 => System: salus_system, 2 => Validators: crate }

type Chain = TestChain<Runtime>;

/// How long the council's acts wait, ms.
const DELAY: u64 = 1_000;

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

fn key(seed: u8) -> AccountId {
    static KEYS: LazyLock<Vec<AccountId>> = LazyLock::new(|| (0..=u8::MAX).map(|seed| pair(seed).public()).collect());
    KEYS[usize::from(seed)]
}

/// The validator of the authority key `seed`, whose network key is that of `seed + 100`.
fn validator(seed: u8) -> NewValidator {
    NewValidator { authority: key(seed), peer_id: peer_of(&key(seed + 100)), organisation: OrganisationId([seed; 16]) }
}

/// A chain at height 1 that the authorities 1 to `count` decide.
fn chain(count: u8) -> Chain {
    chain_with(count, DELAY)
}

fn chain_with(count: u8, root_delay: u64) -> Chain {
    let mut chain = Chain::new();
    let validators: Vec<NewValidator> = (1..=count).map(validator).collect();
    let now = chain.now();
    chain.prepare(|state| {
        salus_system::genesis::build(state, &Parameters { root_delay, ..Parameters::default() }, now);
        crate::genesis::build(state, &validators, &[]).unwrap();
    });
    chain
}

/// Who the validators are now, by the seeds of their keys.
fn seeds(chain: &Chain) -> Vec<u8> {
    let set = current(chain.state());
    (0..=u8::MAX).filter(|seed| set.index_of(&key(*seed)).is_some()).collect()
}

/// What the council's act does: all of it or nothing.
fn change(chain: &mut Chain, add: &[NewValidator], drop: &[u8]) -> Result<Event, ChangeError> {
    let add = Added::try_from(add.to_vec()).unwrap();
    let drop = Authorities::try_from(drop.iter().map(|seed| key(*seed)).collect::<Vec<_>>()).unwrap();
    let (now, height) = (chain.now(), chain.height());
    let mut outcome = Err(ChangeError::Names);
    chain.prepare(|state| {
        state.begin();
        outcome = crate::change(state, now, height, &add, &drop);
        if outcome.is_ok() { state.commit() } else { state.rollback() }
    });
    outcome
}

fn vote(chain: &Chain, seed: u8, height: Height, value: Option<Hash>) -> SignedVote {
    let vote = Vote { height, round: 0, kind: VoteKind::Precommit, value, authority: key(seed) };
    SignedVote { vote, signature: pair(seed).sign(&vote.bytes(&chain.genesis())) }
}

/// Two votes of `seed` at `height`.
fn two_votes(chain: &Chain, seed: u8, height: u32) -> Evidence {
    let height = Height(height);
    Evidence::Votes(vote(chain, seed, height, Some(Hash([1; 32]))), vote(chain, seed, height, None))
}

/// Two proposals of `seed` at `height`.
fn two_proposals(chain: &Chain, seed: u8, height: u32) -> Evidence {
    let [first, second] = [1, 2].map(|value| {
        let value = Hash([value; 32]);
        let proposal = Proposal { height: Height(height), round: 0, pol_round: None, value, authority: key(seed) };
        SignedProposal { proposal, signature: pair(seed).sign(&proposal.bytes(&chain.genesis())) }
    });
    Evidence::Proposals(first, second)
}

fn report(evidence: Evidence) -> Call {
    Call::ReportEquivocation { evidence }
}

/// Who submits a bare extrinsic: nobody.
const NOBODY: AccountId = AccountId([0; 32]);
