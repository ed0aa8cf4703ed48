//! What genesis refuses.

use salus_primitives::crypto::KeyError;
use salus_system::BindError;

use super::*;
use crate::genesis::{GenesisError, build, check};

#[test]
fn a_council_has_members_each_once_and_a_threshold_they_can_reach() {
    let keys = |seeds: &[u8]| -> Vec<AccountId> { seeds.iter().map(|seed| account(*seed)).collect() };
    assert_eq!(check(&keys(&[1]), 1), Ok(()));
    assert_eq!(check(&[], 1), Err(GenesisError::Empty));
    assert_eq!(check(&keys(&[1, 2, 1]), 1), Err(GenesisError::Twice { first: 0, index: 2 }));
    for threshold in [0, 3] {
        assert_eq!(check(&keys(&[1, 2]), threshold), Err(GenesisError::Threshold { threshold, members: 2 }));
    }
    let many: Vec<u8> = (1..=33).collect();
    assert_eq!(check(&keys(&many), 1), Err(GenesisError::TooMany { count: 33 }));
    assert_eq!(check(&keys(&many[..32]), 32), Ok(()));
}

#[test]
fn a_weak_key_is_no_member() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let refused = check(&[account(1), AccountId(identity)], 1);
    assert_eq!(refused, Err(GenesisError::Key { index: 1, reason: KeyError::Weak }));
}

#[test]
fn genesis_is_written_once() {
    council(1, 1).prepare(|state| {
        let again = build(state, &[account(1)], 1, Moment(0));
        assert_eq!(again, Err(GenesisError::Bind { index: 0, reason: BindError::Taken }));
    });
}

#[test]
fn genesis_binds_the_members_and_sets_the_threshold() {
    let chain = council(3, 2);
    assert_eq!(crate::members(chain.state()), [1, 2, 3].map(account));
    assert_eq!(Threshold::get(chain.state()), 2);
    let speaker = system_keys::speaker(chain.state(), account(2), chain.now()).unwrap();
    assert_eq!((speaker.subject, speaker.session), (Subject::Council, false));
}
