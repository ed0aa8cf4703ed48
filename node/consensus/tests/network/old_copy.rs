//! A key whose record is an old copy: certificates show what the key signed since.

use salus_consensus::{Act, Fatal, Host, Position, SignedRecord, Signer, Step, Timeouts};
use salus_primitives::{Height, commit::VoteKind};

use crate::cast::{Cast, GENESIS, finalised, sound, value, votes};

use VoteKind::{Precommit, Prevote};

/// Validator 0 of four takes over a block of this height that these validators signed, as an engine does.
fn taken_over(cast: &mut Cast, height: u32, signers: &[u16]) -> Vec<Act> {
    let certificate = cast.certificate(signers, height, 0, value("theirs"));
    let mut acts = cast.host.skip_to(Height(height)).expect("it is ahead");
    acts.extend(cast.host.witness(&certificate, &cast.set));
    cast.acts.extend(acts.clone());
    acts
}

/// The other three decide this height by their votes.
fn decided_by_others(cast: &mut Cast, height: u32) -> Vec<Act> {
    let block = value(&format!("block {height}"));
    let proposal = cast.proposal(height, 0, None, block);
    let mut acts = cast.hear(proposal);
    acts.extend(cast.block(block, sound(0)));
    for kind in [Prevote, Precommit] {
        for from in 1..=3 {
            let vote = cast.vote(from, height, 0, kind, Some(block));
            acts.extend(cast.hear(vote));
        }
    }
    assert!(finalised(&acts).is_some(), "{acts:?}");
    acts
}

fn observes(acts: &[Act]) -> bool {
    acts.iter().any(|act| matches!(act, Act::Observing { .. }))
}

fn up_to(record: Option<SignedRecord>) -> Option<Height> {
    record.map(|record| record.position.height)
}

#[test]
fn a_signature_that_the_record_does_not_know_of_silences_until_the_others_decided_a_height_and_one_more() {
    let mut cast = Cast::idle(4, 0);
    let acts = taken_over(&mut cast, 8, &[0, 1, 2]);
    let seen = Position { height: Height(8), round: 0, step: Step::Precommit };
    assert!(acts.contains(&Act::RecordIsOld { seen, last: None }), "{acts:?}");
    assert_eq!((up_to(cast.record()), cast.host.silent_until()), (Some(Height(9)), Some(Height(9))));
    let saved = acts.iter().position(|act| matches!(act, Act::SaveSigned(_))).expect("it is saved");
    assert_eq!(acts[saved + 1], Act::WalSync, "no restart forgets it");

    for height in [9, 10] {
        assert!(observes(&cast.start(height)));
        assert_eq!(cast.host.silent_until(), Some(Height(10)));
        let acts = decided_by_others(&mut cast, height);
        assert_eq!(votes(&acts), [], "it votes at height {height}");
    }
    assert!(!observes(&cast.start(11)));
    assert_eq!(cast.host.silent_until(), None);
    let acts = decided_by_others(&mut cast, 11);
    let block = Some(value("block 11"));
    assert_eq!(votes(&acts), [(0, Prevote, block), (0, Precommit, block)]);
}

#[test]
fn a_height_that_was_taken_over_is_none_that_was_seen_decided() {
    let mut cast = Cast::idle(4, 0);
    taken_over(&mut cast, 5, &[0, 1, 2]);
    for height in 6..21 {
        assert!(observes(&cast.start(height)), "height {height}");
        let acts = taken_over(&mut cast, height, &[1, 2, 3]);
        assert!(!acts.iter().any(|act| matches!(act, Act::RecordIsOld { .. })), "it is said once");
    }
    assert_eq!(up_to(cast.record()), Some(Height(21)));
    for height in [21, 22] {
        assert!(observes(&cast.start(height)), "height {height}");
        decided_by_others(&mut cast, height);
    }
    assert!(!observes(&cast.start(23)));
}

#[test]
fn a_restart_does_not_end_the_silence() {
    let mut cast = Cast::idle(4, 0);
    taken_over(&mut cast, 5, &[0, 1, 2]);
    cast.start(6);
    let record = cast.record().expect("it is saved");
    let signer = Signer::with_record(GENESIS, cast.keys[0].clone(), &record.to_bytes()).expect("it is ours");
    cast.host = Host::new(GENESIS, Height(6), Some(signer), Timeouts::default());
    assert!(cast.host.must_start(0));
    assert!(observes(&cast.start(7)));
    assert_eq!(cast.host.silent_until(), Some(Height(7)));
}

#[test]
fn what_the_record_knows_of_and_what_others_signed_changes_nothing() {
    let mut cast = Cast::idle(4, 0);
    assert_eq!(taken_over(&mut cast, 3, &[1, 2, 3]), [Act::CancelTimers]);
    assert_eq!(taken_over(&mut cast, 4, &[1, 2, 3]), [Act::CancelTimers]);
    cast.start(5);
    decided_by_others(&mut cast, 5);
    let own = cast.certificate(&[0, 1, 2], 5, 0, value("block 5"));
    assert_eq!(cast.host.witness(&own, &cast.set), []);
    // A key that is no longer in the set signs nothing that could be witnessed.
    let others = cast.certificate(&[0, 1, 2], 9, 0, value("block 9"));
    let without = crate::harness::set_of(&cast.keys[1..]);
    assert_eq!(cast.host.witness(&others, &without), []);
    assert_eq!(cast.host.silent_until(), None);
    // Nor does one that follows without a key.
    let mut follower = Cast::idle(4, 0);
    follower.host = Host::new(GENESIS, Height(0), None, Timeouts::default());
    assert_eq!(taken_over(&mut follower, 5, &[0, 1, 2]), [Act::CancelTimers]);
}

#[test]
fn a_signature_that_the_log_alone_gave_back_is_in_the_record_again() {
    // A power cut left the log entry of the precommit and took the record of it.
    let mut before = Cast::running(4, 0);
    let acts = decided_by_others(&mut before, 1);
    let records = acts.iter().filter_map(|act| match act {
        Act::SaveSigned(record) => Some(*record),
        _ => None,
    });
    let records: Vec<SignedRecord> = records.collect();
    assert_eq!(records.iter().map(|record| record.position.step).collect::<Vec<_>>(), [Step::Prevote, Step::Precommit]);
    let key = before.keys[0].clone();
    let signer = Signer::with_record(GENESIS, key, &records[0].to_bytes()).expect("it is ours");
    let host = Host::new(GENESIS, Height(0), Some(signer), Timeouts::default());
    let mut cast = Cast { keys: before.keys.clone(), set: before.set.clone(), host, acts: Vec::new() };
    // All but the last votes, so that nothing is decided yet.
    let log = before.log();
    let own = log.len() - 2;
    cast.acts = cast.host.start_height(Height(1), cast.set.clone(), &log[..own]).expect("the log is good");
    assert_eq!(votes(&cast.acts).last().map(|vote| vote.1), Some(Precommit), "{:?}", cast.acts);
    assert_eq!(cast.record(), Some(records[1]));
    let certificate = cast.certificate(&[0, 1, 2], 1, 0, value("block 1"));
    cast.host.skip_to(Height(1)).expect("it is ahead");
    assert_eq!(cast.host.witness(&certificate, &cast.set), [], "the record knows of it");
}

#[test]
fn a_lone_validator_with_an_old_record_stops_since_nobody_else_can_decide() {
    let mut cast = Cast::idle(1, 0);
    taken_over(&mut cast, 5, &[0]);
    let error = cast.host.start_height(Height(6), cast.set.clone(), &[]).expect_err("it may not sign");
    assert!(matches!(error, Fatal::Muted { height: Height(6), .. }), "{error}");
    assert!(error.to_string().contains("key resume"), "{error}");
}
