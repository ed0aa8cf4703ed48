//! The first set, and what genesis refuses.

use std::collections::BTreeMap;

use parity_scale_codec::Encode;
use proptest::{prelude::*, test_runner::RngSeed};
use salus_primitives::{crypto::KeyError, validator_set::SetError};
use salus_support::Overlay;
use salus_system::BindError;

use super::*;
use crate::{
    genesis::{GenesisError, GenesisValidator, build, check},
    types::{PeerId, Validator, peer_key},
};

#[test]
fn genesis_writes_the_set_in_order_and_an_entry_for_each_key() {
    let base = BTreeMap::new();
    let mut state = Overlay::new(&base);
    build(&mut state, &[validator(1), validator(2), validator(3)], &[]).unwrap();
    let set = current(&state);
    assert_eq!((set.set_id, set.len()), (0, 3));
    assert!(set.keys().is_sorted());
    for seed in 1..=3 {
        let GenesisValidator { authority, peer_id, organisation } = validator(seed);
        assert!(set.index_of(&authority).is_some());
        assert_eq!(Entries::get(&state, &authority), Some(Validator { peer_id, organisation }));
        let seat = Seats::get(&state, &authority).unwrap();
        assert_eq!([0, 1, 9].map(|height| seat.sat_at(Height(height))), [false, true, true]);
    }
}

#[test]
fn the_keys_of_genesis_are_kept_apart_from_accounts() {
    let base = BTreeMap::new();
    let mut state = Overlay::new(&base);
    build(&mut state, &[validator(1)], &[]).unwrap();
    assert_eq!(purpose(&state, key(1)), Some(Purpose::Authority));
    assert_eq!(purpose(&state, key(101)), Some(Purpose::Network));
    let again = build(&mut state, &[validator(1)], &[]);
    assert_eq!(again, Err(GenesisError::Bind { index: 0, key: key(1), reason: BindError::Taken }));
}

#[test]
fn the_stored_set_is_the_set_byte_for_byte() {
    let base = BTreeMap::new();
    let mut state = Overlay::new(&base);
    build(&mut state, &[validator(2), validator(1)], &[]).unwrap();
    assert_eq!(crate::storage::Set::get(&state).encode(), current(&state).encode());
}

#[test]
fn no_validator_and_a_key_twice_make_no_set() {
    assert_eq!(check(&[], &[]), Err(GenesisError::Set(SetError::Empty)));
    let twice = [validator(1), GenesisValidator { authority: key(1), ..validator(2) }];
    assert_eq!(check(&twice, &[]), Err(GenesisError::Set(SetError::Duplicate(key(1)))));
}

#[test]
fn weak_keys_are_refused_by_their_place() {
    let mut weak = AccountId([0; 32]);
    weak.0[0] = 1;
    let authority = GenesisValidator { authority: weak, ..validator(1) };
    let refused = check(&[validator(2), authority], &[]);
    assert_eq!(refused, Err(GenesisError::Authority { index: 1, reason: KeyError::Weak }));
    let peer = GenesisValidator { peer_id: peer_of(&weak), ..validator(1) };
    assert_eq!(check(&[peer], &[]), Err(GenesisError::PeerKey { index: 0, reason: KeyError::Weak }));
}

#[test]
fn a_peer_id_is_that_of_an_ed25519_key() {
    assert_eq!(peer_key(&peer_of(&key(1))), Some(key(1)));
    let long = [&peer_of(&key(1))[..], &[0]].concat();
    for bad in [vec![], key(1).0.to_vec(), vec![0x12; 34], long] {
        let peer_id = PeerId::try_from(bad).unwrap();
        let refused = check(&[GenesisValidator { peer_id, ..validator(1) }], &[]);
        assert_eq!(refused, Err(GenesisError::PeerId { index: 0 }));
    }
}

#[test]
fn two_validators_do_not_share_a_peer_id() {
    let second = GenesisValidator { peer_id: validator(1).peer_id, ..validator(2) };
    assert_eq!(check(&[validator(1), second], &[]), Err(GenesisError::PeerTwice { first: 0, index: 1 }));
}

#[test]
fn authority_peer_and_account_keys_are_distinct() {
    let shared = |index, key| Err(GenesisError::Shared { index, key });
    assert_eq!(check(&[validator(1)], &[key(1)]), shared(0, key(1)));
    assert_eq!(check(&[validator(1)], &[key(101)]), shared(0, key(101)));
    let own = GenesisValidator { peer_id: peer_of(&key(1)), ..validator(1) };
    assert_eq!(check(&[own], &[]), shared(0, key(1)));
    let other = GenesisValidator { peer_id: peer_of(&key(1)), ..validator(2) };
    assert_eq!(check(&[validator(1), other], &[]), shared(1, key(1)));
}

#[test]
fn what_is_refused_writes_nothing() {
    let base = BTreeMap::new();
    let mut state = Overlay::new(&base);
    assert!(build(&mut state, &[validator(1)], &[key(1)]).is_err());
    assert!(state.into_changes().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_in_the_chain_spec_does_not_matter(seeds in Just((1..20u8).collect::<Vec<_>>()).prop_shuffle()) {
        let sorted = check(&(1..20).map(validator).collect::<Vec<_>>(), &[]).unwrap();
        let shuffled = check(&seeds.into_iter().map(validator).collect::<Vec<_>>(), &[]).unwrap();
        prop_assert_eq!(sorted, shuffled);
    }
}
