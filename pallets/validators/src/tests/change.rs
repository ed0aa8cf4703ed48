//! What the council's act does to the set, and what it may not do.

use std::collections::BTreeSet;

use parity_scale_codec::{Encode, MaxEncodedLen};
use proptest::{prelude::*, test_runner::RngSeed};
use salus_primitives::{
    Subject,
    crypto::KeyError,
    peer::{PeerError, peer_key},
    subject::Roles,
    validator_set::SetError,
};

use super::*;
use crate::{
    peers,
    storage::Set,
    types::{PeerId, StoredSet, TERMS_MAX, Term, Validator},
};

#[test]
fn validators_enter_and_leave_with_the_next_height() {
    let mut chain = chain(4);
    let event = change(&mut chain, &[validator(5)], &[]).unwrap();
    let added = Authorities::try_from(vec![key(5)]).unwrap();
    assert_eq!(event, Event::ValidatorsSet { set_id: 1, added, dropped: Authorities::new() });
    assert_eq!(seeds(&chain), [1, 2, 3, 4, 5]);
    let NewValidator { peer_id, organisation, .. } = validator(5);
    assert_eq!(Entries::get(chain.state(), &key(5)), Some(Validator { peer_id, organisation }));
    chain.advance(DELAY);
    let event = change(&mut chain, &[], &[5]).unwrap();
    let dropped = Authorities::try_from(vec![key(5)]).unwrap();
    assert_eq!(event, Event::ValidatorsSet { set_id: 2, added: Authorities::new(), dropped });
    assert_eq!(seeds(&chain), [1, 2, 3, 4]);
    assert!(!Entries::contains(chain.state(), &key(5)));
    let seat = Seats::get(chain.state(), &key(5)).unwrap();
    assert_eq!([1, 2, 3].map(|height| seat.sat_at(Height(height))), [false, true, false]);
}

#[test]
fn to_replace_one_of_four_is_one_change() {
    let mut chain = chain(4);
    change(&mut chain, &[validator(5)], &[1]).unwrap();
    assert_eq!((seeds(&chain), current(chain.state()).set_id), (vec![2, 3, 4, 5], 1));
}

#[test]
fn a_change_names_somebody_and_nobody_twice() {
    let mut chain = chain(4);
    for (add, drop) in [
        (vec![], vec![]),
        (vec![validator(5), validator(5)], vec![]),
        (vec![], vec![1, 1]),
        (vec![validator(1)], vec![1]),
    ] {
        assert_eq!(change(&mut chain, &add, &drop), Err(ChangeError::Names));
    }
}

#[test]
fn who_is_no_validator_is_not_dropped() {
    let mut chain = chain(4);
    assert_eq!(change(&mut chain, &[], &[5]), Err(ChangeError::Unknown(key(5))));
}

#[test]
fn a_set_has_one_to_a_hundred_validators() {
    let mut one = chain(1);
    assert_eq!(change(&mut one, &[], &[1]), Err(ChangeError::Set(SetError::Empty)));
    let mut many = chain(100);
    let new = NewValidator { authority: key(201), ..validator(102) };
    let refused = change(&mut many, std::slice::from_ref(&new), &[]);
    assert_eq!(refused, Err(ChangeError::Set(SetError::TooMany { count: 101 })));
    change(&mut many, &[new], &[1]).unwrap();
}

#[test]
fn keys_that_serve_another_purpose_are_refused() {
    let mut chain = chain(3);
    let now = chain.now();
    chain.prepare(|state| {
        salus_system::keys::bind(state, now, key(60), Subject::Council, Roles::NONE, None).unwrap();
    });
    let new = |authority: u8, network: u8| NewValidator {
        authority: key(authority),
        peer_id: peer_of(&key(network)),
        ..validator(5)
    };
    for (bad, taken, why) in [
        (new(60, 105), 60, "an account's key as authority"),
        (new(5, 60), 60, "an account's key as network key"),
        (new(101, 105), 101, "another's network key as authority"),
        (new(5, 1), 1, "another's authority key as network key"),
        (new(5, 5), 5, "its own authority key as network key"),
        (new(5, 101), 101, "another's network key"),
    ] {
        assert_eq!(change(&mut chain, &[bad], &[]), Err(ChangeError::Taken(key(taken))), "{why}");
    }
    let both = change(&mut chain, &[new(5, 105), new(6, 5)], &[]);
    assert_eq!(both, Err(ChangeError::Taken(key(5))), "within one change too");
    change(&mut chain, &[new(5, 105)], &[]).unwrap();
    chain.prepare(|state| {
        for seed in [5, 105] {
            let bound = salus_system::keys::bind(state, now, key(seed), Subject::Council, Roles::NONE, None);
            assert_eq!(bound, Err(salus_system::BindError::Taken), "a validator's key becomes no account");
        }
    });
}

#[test]
fn weak_keys_and_other_peer_ids_are_refused() {
    let mut chain = chain(3);
    let mut weak = AccountId([0; 32]);
    weak.0[0] = 1;
    let authority = NewValidator { authority: weak, ..validator(5) };
    assert_eq!(change(&mut chain, &[authority], &[]), Err(ChangeError::Weak(KeyError::Weak)));
    let network = NewValidator { peer_id: peer_of(&weak), ..validator(5) };
    let refused = change(&mut chain, &[network], &[]);
    assert_eq!(refused, Err(ChangeError::Peer(PeerError::Key(KeyError::Weak))));
    let other = NewValidator { peer_id: PeerId::try_from(vec![0x12; 34]).unwrap(), ..validator(5) };
    assert_eq!(change(&mut chain, &[other], &[]), Err(ChangeError::Peer(PeerError::NotEd25519)));
}

#[test]
fn of_four_or_more_a_third_changes_within_one_delay() {
    let mut chain = chain(7);
    let too_fast = |found| Err(ChangeError::TooFast { found, max: 2, validators: 7 });
    assert_eq!(change(&mut chain, &[], &[1, 2, 3]), too_fast(3));
    change(&mut chain, &[validator(8)], &[1]).unwrap();
    chain.advance(DELAY - 1);
    change(&mut chain, &[validator(9)], &[2]).unwrap();
    assert_eq!(change(&mut chain, &[validator(10)], &[3]), too_fast(3));
    chain.advance(1);
    change(&mut chain, &[validator(10)], &[3]).unwrap();
    assert_eq!(change(&mut chain, &[validator(11)], &[4]), too_fast(3), "that of a millisecond ago still counts");
    assert_eq!(seeds(&chain), [4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn without_a_delay_a_third_changes_in_one_block() {
    let mut chain = chain_with(4, 0);
    change(&mut chain, &[validator(5)], &[]).unwrap();
    let refused = change(&mut chain, &[validator(6)], &[]);
    assert_eq!(refused, Err(ChangeError::TooFast { found: 2, max: 1, validators: 5 }));
    chain.advance(1);
    change(&mut chain, &[validator(6)], &[]).unwrap();
}

#[test]
fn fewer_than_four_grow_as_they_like() {
    let mut chain = chain(1);
    let new: Vec<NewValidator> = (2..=8).map(validator).collect();
    change(&mut chain, &new, &[]).unwrap();
    assert_eq!(seeds(&chain), (1..=8).collect::<Vec<_>>());
}

#[test]
fn a_network_of_three_changes_as_often_as_it_likes_and_its_list_stays_bounded() {
    let mut chain = chain(3);
    for turn in 0..40 {
        let (add, drop) = if turn % 2 == 0 { (4, 3) } else { (3, 4) };
        change(&mut chain, &[validator(add)], &[drop]).unwrap();
    }
    let recent = Recent::get(chain.state());
    assert!(recent.is_full());
    assert_eq!(recent.iter().map(|change| change.count).sum::<u32>(), 40);
    chain.advance(DELAY);
    change(&mut chain, &[validator(4)], &[]).unwrap();
    assert_eq!(Recent::get(chain.state()).len(), 1, "what is past is forgotten");
}

#[test]
fn however_often_a_block_changes_the_set_its_id_rises_once() {
    let mut chain = chain(3);
    change(&mut chain, &[], &[3]).unwrap();
    change(&mut chain, &[validator(4)], &[]).unwrap();
    chain.ok(NOBODY, report(two_votes(&chain, 2, 1)));
    assert_eq!((seeds(&chain), current(chain.state()).set_id), (vec![1, 4], 1));
    chain.advance(1);
    change(&mut chain, &[validator(5)], &[]).unwrap();
    assert_eq!(current(chain.state()).set_id, 2);
}

#[test]
fn one_that_stays_gets_another_peer_id_and_the_set_stays_too() {
    let mut chain = chain(4);
    let moved = NewValidator { peer_id: peer_of(&key(99)), ..validator(2) };
    let event = change(&mut chain, &[moved], &[]).unwrap();
    let added = Authorities::try_from(vec![key(2)]).unwrap();
    assert_eq!(event, Event::ValidatorsSet { set_id: 0, added, dropped: Authorities::new() });
    assert_eq!((seeds(&chain), current(chain.state()).set_id), (vec![1, 2, 3, 4], 0));
    let nodes: BTreeSet<AccountId> = peers(chain.state()).iter().map(|peer| peer.network).collect();
    assert_eq!(nodes, BTreeSet::from([key(101), key(99), key(103), key(104)]));
    assert_eq!([99, 102].map(|seed| purpose(chain.state(), key(seed))), [Some(Purpose::Network), None]);
}

#[test]
fn two_that_stay_may_swap_their_peer_ids() {
    let mut chain = chain(7);
    let swapped =
        [(1, 102), (2, 101)].map(|(seed, network)| NewValidator { peer_id: peer_of(&key(network)), ..validator(seed) });
    change(&mut chain, &swapped, &[]).unwrap();
    let network = |seed| peer_key(&Entries::get(chain.state(), &key(seed)).unwrap().peer_id);
    assert_eq!([network(1), network(2)], [Some(key(102)), Some(key(101))]);
    assert!([101, 102].iter().all(|seed| purpose(chain.state(), key(*seed)) == Some(Purpose::Network)));
}

#[test]
fn one_that_left_may_return_and_both_its_terms_are_known() {
    let mut chain = chain(4);
    change(&mut chain, &[], &[2]).unwrap();
    chain.advance(DELAY).advance(DELAY);
    change(&mut chain, &[validator(2)], &[]).unwrap();
    assert_eq!(seeds(&chain), [1, 2, 3, 4]);
    let seat = Seats::get(chain.state(), &key(2)).unwrap();
    assert_eq!([1, 2, 3, 4, 5].map(|height| seat.sat_at(Height(height))), [true, false, false, true, true]);
}

#[test]
fn peers_are_the_entries_in_the_order_of_the_set() {
    let chain = chain(5);
    let peers = peers(chain.state());
    let authorities: Vec<AccountId> = peers.iter().map(|peer| peer.authority).collect();
    assert_eq!(authorities, current(chain.state()).keys());
    for seed in 1..=5 {
        let peer = peers.iter().find(|peer| peer.authority == key(seed)).unwrap();
        assert_eq!((peer.network, peer.organisation), (key(seed + 100), OrganisationId([seed; 16])));
    }
}

#[test]
fn a_seat_remembers_its_last_terms() {
    let mut seat = Seat::default();
    for term in 0..TERMS_MAX + 2 {
        seat.begin(Height(10 * term));
        seat.end(Height(10 * term + 5));
    }
    assert_eq!(seat.terms.len(), TERMS_MAX as usize);
    assert_eq!(
        [4, 14, 20, 24, 25, 94].map(|height| seat.sat_at(Height(height))),
        [false, false, true, true, false, true]
    );
    seat.begin(Height(95));
    assert_eq!(seat.terms.last(), Some(&Term { from: Height(90), until: None }), "no gap, no new term");
    seat.end(Height(100));
    let last = seat.terms.last().copied();
    seat.begin(Height(200));
    seat.end(Height(200));
    assert_eq!(seat.terms.last().copied(), last, "a term that never began is none");
}

#[test]
fn every_value_is_bounded() {
    assert_eq!(StoredSet::max_encoded_len(), 8 + 2 + 100 * 32);
    assert!(Seat::max_encoded_len() <= 1 + 8 * 9 + 1);
    let mut chain = chain(100);
    change(&mut chain, &[], &[1]).unwrap();
    assert!(Set::get(chain.state()).encode().len() <= StoredSet::max_encoded_len());
}

/// One step of a history: a change by the council, a report, or time.
#[derive(Clone, Debug)]
enum Step {
    Change { add: Vec<u8>, drop: Vec<u8> },
    Report { seed: u8, ago: u32 },
    Wait { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let few = || prop::collection::vec(1u8..12, 0..3);
    prop_oneof![
        4 => (few(), few()).prop_map(|(add, drop)| Step::Change { add, drop }),
        2 => (1u8..12, 0u32..4).prop_map(|(seed, ago)| Step::Report { seed, ago }),
        3 => (1u64..DELAY * 2).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// What holds in every state, given the set as the last block left it and the keys struck so far.
fn holds(chain: &Chain, struck: &BTreeSet<u8>) {
    let set = current(chain.state());
    assert!(!set.is_empty() && set.keys().is_sorted());
    for seed in 1u8..12 {
        let (sits, state) = (set.index_of(&key(seed)).is_some(), chain.state());
        assert_eq!(Entries::contains(state, &key(seed)), sits, "an entry for each key of the set, and no other");
        assert!(!(sits && struck.contains(&seed)), "who was struck never returns");
        let seat = Seats::get(state, &key(seed)).unwrap_or_default();
        assert_eq!(seat.sat_at(chain.height().next()), sits, "the seat says who decides the next height");
        assert_eq!(
            purpose(state, key(seed + 100)) == Some(Purpose::Network),
            sits,
            "a peer id is free when its node left"
        );
    }
    assert_eq!(peers(chain.state()).len(), set.len());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48, rng_seed: RngSeed::Fixed(5), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_history_leaves_a_set_and_what_belongs_to_it(
        first in 1u8..8, steps in prop::collection::vec(step(), 10..40),
    ) {
        let (mut chain, mut struck) = (chain(first), BTreeSet::new());
        let mut set_id = 0;
        for step in steps {
            match step {
                Step::Change { add, drop } => {
                    let add: Vec<NewValidator> = add.into_iter().map(validator).collect();
                    let _ = change(&mut chain, &add, &drop);
                }
                Step::Report { seed, ago } => {
                    let height = chain.height().0.saturating_sub(ago);
                    let evidence = two_votes(&chain, seed, height);
                    if chain.call(NOBODY, report(evidence)).is_ok() {
                        prop_assert!(struck.insert(seed), "a key is struck once");
                    }
                }
                Step::Wait { ms } => {
                    let now = current(chain.state()).set_id;
                    prop_assert!(now == set_id || now == set_id + 1, "a block raises the id by one at most");
                    set_id = now;
                    chain.advance(ms);
                }
            }
            holds(&chain, &struck);
        }
    }
}
