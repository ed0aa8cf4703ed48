//! Reports of equivocation: what strikes a validator, and what does not.

use super::*;
use crate::{
    check_report, peers,
    types::{EVIDENCE_AGE_MAX, REPORTS_MAX},
};

#[test]
fn two_votes_or_two_proposals_put_their_signer_out_at_the_next_height() {
    for evidence in [two_votes, two_proposals] {
        let mut chain = chain(4);
        chain.advance(1);
        let evidence = evidence(&chain, 2, 1);
        chain.ok(NOBODY, report(evidence)).emitted(Event::Equivocated {
            authority: key(2),
            height: Height(1),
            organisation: Some(OrganisationId([2; 16])),
        });
        assert_eq!((seeds(&chain), current(chain.state()).set_id), (vec![1, 3, 4], 1));
        assert!(!Entries::contains(chain.state(), &key(2)));
        let seat = Seats::get(chain.state(), &key(2)).unwrap();
        assert!(seat.struck && seat.sat_at(Height(2)) && !seat.sat_at(Height(3)));
        assert!(peers(chain.state()).iter().all(|peer| peer.authority != key(2)), "its node may not connect any more");
    }
}

#[test]
fn the_pool_and_the_call_say_the_same_of_every_report() {
    let mut chain = chain(3);
    chain.advance(1);
    for evidence in [two_votes(&chain, 2, 1), two_votes(&chain, 9, 1), two_votes(&chain, 2, 3)] {
        let asked = check_report(chain.state(), chain.height(), &chain.genesis(), &evidence);
        assert_eq!(chain.call(NOBODY, report(evidence)), asked.map_err(RuntimeError::from));
    }
}

#[test]
fn what_proves_nothing_strikes_nobody() {
    let mut chain = chain(4);
    let height = Height(1);
    let (one, nil) = (vote(&chain, 2, height, Some(Hash([1; 32]))), vote(&chain, 2, height, None));
    let mut forged = nil;
    forged.signature = one.signature;
    let another = vote(&chain, 3, height, None);
    for (evidence, why) in [
        (Evidence::Votes(one, one), "the same vote twice"),
        (Evidence::Votes(one, forged), "a signature that does not fit"),
        (Evidence::Votes(forged, one), "in either place"),
        (Evidence::Votes(one, another), "two validators"),
    ] {
        assert_eq!(chain.call(NOBODY, report(evidence)), Err(Error::NotProven.into()), "{why}");
    }
    chain.ok(NOBODY, report(Evidence::Votes(one, nil)));
}

#[test]
fn evidence_is_taken_for_ten_thousand_blocks_and_no_longer() {
    let mut chain = chain(4);
    for _ in 0..EVIDENCE_AGE_MAX {
        chain.advance(1);
    }
    assert_eq!(chain.height(), Height(EVIDENCE_AGE_MAX + 1));
    let evidence = two_votes(&chain, 2, 1);
    assert_eq!(check_report(chain.state(), chain.height(), &chain.genesis(), &evidence), Ok(()));
    chain.advance(1).refused(NOBODY, report(evidence), Error::TooOld);
}

#[test]
fn evidence_about_the_height_being_decided_is_taken_and_about_a_later_one_not() {
    let mut chain = chain(4);
    chain.advance(1);
    chain.refused(NOBODY, report(two_votes(&chain, 2, 3)), Error::NotYet);
    chain.ok(NOBODY, report(two_votes(&chain, 2, 2)));
}

#[test]
fn who_was_no_validator_at_that_height_is_not_struck() {
    let mut chain = chain(4);
    chain.refused(NOBODY, report(two_votes(&chain, 9, 1)), Error::NotValidator);
    chain.refused(NOBODY, report(two_votes(&chain, 2, 0)), Error::NotValidator);
    chain.advance(1);
    change(&mut chain, &[validator(5)], &[]).unwrap();
    // It decides from height 3 on.
    chain.refused(NOBODY, report(two_votes(&chain, 5, 2)), Error::NotValidator).advance(1);
    chain.refused(NOBODY, report(two_votes(&chain, 5, 2)), Error::NotValidator);
    chain.ok(NOBODY, report(two_votes(&chain, 5, 3)));
}

#[test]
fn a_key_is_struck_once_whatever_else_it_signed() {
    let mut chain = chain(4);
    chain.ok(NOBODY, report(two_votes(&chain, 2, 1)));
    for evidence in [two_votes(&chain, 2, 1), two_proposals(&chain, 2, 1)] {
        chain.refused(NOBODY, report(evidence), Error::AlreadyStruck);
    }
    let set_id = current(chain.state()).set_id;
    let evidence = two_proposals(&chain, 2, 1);
    chain.advance(1).refused(NOBODY, report(evidence), Error::AlreadyStruck);
    assert_eq!(current(chain.state()).set_id, set_id);
}

#[test]
fn one_that_left_before_is_struck_too_and_the_set_stays() {
    let mut chain = chain(4);
    change(&mut chain, &[], &[2]).unwrap();
    chain.advance(1);
    let before = current(chain.state());
    let evidence = two_votes(&chain, 2, 1);
    chain.ok(NOBODY, report(evidence)).emitted(Event::Equivocated {
        authority: key(2),
        height: Height(1),
        organisation: None,
    });
    assert_eq!(current(chain.state()), before);
    chain.advance(DELAY);
    assert_eq!(change(&mut chain, &[validator(2)], &[]), Err(ChangeError::Struck(key(2))));
}

#[test]
fn the_last_validator_stays_whatever_it_signed() {
    let mut chain = chain(3);
    for (seed, left) in [(3, vec![1, 2]), (1, vec![2])] {
        chain.ok(NOBODY, report(two_votes(&chain, seed, 1)));
        assert_eq!(seeds(&chain), left);
    }
    chain.refused(NOBODY, report(two_votes(&chain, 2, 1)), Error::LastValidator);
    chain.advance(1);
    change(&mut chain, &[validator(4)], &[]).unwrap();
    chain.ok(NOBODY, report(two_votes(&chain, 2, 1)));
    assert_eq!(seeds(&chain), [4], "with another one there it can be struck");
}

#[test]
fn a_block_takes_sixteen_reports_and_the_next_one_more() {
    let mut chain = chain(20);
    for seed in 1..=REPORTS_MAX {
        chain.ok(NOBODY, report(two_votes(&chain, seed, 1)));
    }
    chain.refused(NOBODY, report(two_votes(&chain, 17, 1)), Error::TooManyReports);
    assert_eq!(current(chain.state()).set_id, 1, "all of them are one change of the set");
    let evidence = two_votes(&chain, 17, 1);
    chain.advance(1).ok(NOBODY, report(evidence));
    assert_eq!((seeds(&chain), current(chain.state()).set_id), (vec![18, 19, 20], 2));
}

#[test]
fn a_struck_validators_peer_id_is_free_for_its_next_key() {
    let mut chain = chain(4);
    chain.ok(NOBODY, report(two_votes(&chain, 2, 1))).advance(1);
    let again = NewValidator { authority: key(50), ..validator(2) };
    change(&mut chain, &[again], &[]).unwrap();
    assert_eq!(seeds(&chain), [1, 3, 4, 50]);
}
