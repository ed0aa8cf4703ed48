//! What is offered again, and in which portions.

use salus_pool::Limits;
use salus_primitives::{
    Header, Height,
    crypto::KeyPair,
    extrinsic::{ChainContext, Era, sign},
    header::Digest,
    runtime_api::ValidTransaction,
};

use super::*;

fn header() -> Header {
    Header {
        parent_hash: Hash::ZERO,
        number: Height(1),
        state_root: Hash::ZERO,
        extrinsics_root: Hash::ZERO,
        digest: Digest::default(),
    }
}

/// A pool with one extrinsic of each of so many accounts, and these extrinsics.
fn pool_of(accounts: u8) -> (Pool, Vec<RawExtrinsic>) {
    let context = ChainContext { spec_version: 1, transaction_version: 1, genesis: Hash::ZERO };
    let mut pool = Pool::new(Limits::default());
    let pending = (1..=accounts).map(|seed| {
        let key = KeyPair::from_seed(&[seed; 32]);
        let raw = sign(&key, vec![seed; 100], Era::Immortal, 0, &context, &Hash::ZERO);
        let valid = ValidTransaction {
            signer: Some(key.public()),
            organisation: None,
            nonce: 0,
            next_nonce: 0,
            priority: 1,
            weight: 1,
            expires: None,
            signature_key: None,
            tag: None,
        };
        pool.submit_valid(raw.clone(), 0, valid, &header()).unwrap();
        raw
    });
    let pending = pending.collect();
    (pool, pending)
}

#[test]
fn everything_pending_comes_once_in_portions_of_so_many_bytes() {
    let (pool, pending) = pool_of(7);
    let length = pending[0].wire_len();
    let mut rest = Rest::default();
    assert_eq!(rest.portion(&pool, 1 << 20), [], "nobody came");
    rest.begin(&pool);
    let portions: Vec<_> = std::iter::repeat_with(|| rest.portion(&pool, 3 * length)).take(4).collect();
    assert_eq!(portions.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1, 0]);
    let mut all: Vec<_> = portions.into_iter().flatten().map(|raw| raw.hash()).collect();
    let mut expected: Vec<_> = pending.iter().map(RawExtrinsic::hash).collect();
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
fn one_larger_than_a_portion_goes_alone() {
    let (pool, _) = pool_of(2);
    let mut rest = Rest::default();
    rest.begin(&pool);
    assert_eq!([1, 1, 0].map(|_| rest.portion(&pool, 1).len()), [1, 1, 0]);
}

#[test]
fn what_left_the_pool_meanwhile_is_passed_over() {
    let (pool, _) = pool_of(3);
    let mut rest = Rest::default();
    rest.begin(&pool);
    assert_eq!(rest.portion(&pool_of(1).0, 1 << 20).len(), 1);
    assert!(rest.0.is_empty());
}
