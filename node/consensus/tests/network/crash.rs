//! Power cuts at every act, lost logs, lost records: a validator never says two things.

use salus_consensus::{Fatal, SignedRecord};
use salus_primitives::{Height, commit::CommitCertificate};

use crate::{chance::Links, disk::Disk, harness::Net};

/// A network of `count` whose node 0 dies after `acts` acts, with `kept` of its unsynced writes surviving.
fn dying(count: u8, acts: usize, kept: usize, mishap: Option<fn(&mut Disk)>) -> Net {
    let mut net = Net::new(count, 11);
    net.pause = 20;
    net.nodes[0].dies_after = Some(acts);
    net.nodes[0].dies_keeping = Some(kept);
    net.nodes[0].mishap = mishap;
    net
}

#[test]
fn a_lone_validator_goes_on_after_a_power_cut_at_any_act_whatever_part_of_its_writes_survived() {
    for acts in 0..45 {
        for kept in 0..16 {
            let mut net = dying(1, acts, kept / 2, None);
            net.record_at_sync = kept % 2 == 1;
            net.run_to(4, 60_000);
            net.expect_peace();
            assert_eq!(net.nodes[0].observed, []);
        }
    }
}

#[test]
fn one_of_four_says_nothing_twice_after_a_power_cut_at_any_act() {
    for acts in (0..60).step_by(3) {
        for kept in [0, 1, 2, 3, 9] {
            let mut net = dying(4, acts, kept, None);
            net.run_to(4, 60_000);
            net.expect_peace();
        }
    }
}

#[test]
fn four_validators_that_keep_crashing_on_bad_links_never_fork_and_never_sign_twice() {
    for seed in 0..4 {
        let mut net = Net::new(4, seed);
        net.record_at_sync = seed % 2 == 1;
        net.links = Links { delay: (2, 80), lost: 30, doubled: 20 };
        let mut crashes = 0;
        while net.common_height() < 25 {
            let wait = 100 + net.random(1_200);
            net.run_for(wait);
            let (node, rest) = (net.random(4) as usize, 50 + net.random(1_000));
            if net.nodes[node].host.is_some() {
                net.crash(node, rest);
                crashes += 1;
            }
            assert!(net.now < 3_600_000, "an hour without 25 heights: {:?}", net.heights());
        }
        assert!(crashes >= 10, "{crashes} crashes");
        net.expect_peace();
    }
}

#[test]
fn a_power_cut_of_all_validators_at_once_loses_no_final_block() {
    for seed in 0..8 {
        let mut net = Net::new(4, seed);
        let moment = 40 + net.random(300);
        net.run_for(moment);
        let before = net.heights();
        for node in 0..4 {
            net.crash(node, 100);
        }
        net.run_for(101);
        let after = net.heights();
        assert!(before.iter().zip(&after).all(|(before, after)| after >= before), "{before:?} {after:?}");
        net.run_to(10, 120_000);
        net.expect_peace();
    }
}

/// The first act after which the lone validator has spoken but not committed.
fn spoken() -> impl Iterator<Item = usize> {
    20..45
}

#[test]
fn a_lone_validator_whose_log_is_lost_stops_rather_than_sign_twice() {
    let mut stopped = 0;
    for acts in spoken() {
        let mut net = dying(1, acts, 99, Some(Disk::lose_log));
        net.run_for(10_000);
        assert_eq!(net.violations, Vec::<String>::new());
        match &net.nodes[0].fatal {
            None => assert!(net.height_of(0) > 4),
            Some(Fatal::Muted { height, last }) => {
                assert_eq!(last.height, *height);
                stopped += 1;
            }
            Some(other) => panic!("{other}"),
        }
    }
    assert!(stopped >= 5, "{stopped} runs lost what they had signed");
}

#[test]
fn the_operator_of_a_stopped_lone_validator_can_resume_after_a_height() {
    let mut net = dying(1, 38, 99, Some(Disk::lose_log));
    net.run_for(10_000);
    let Some(Fatal::Muted { height, .. }) = net.nodes[0].fatal else { panic!("{:?}", net.nodes[0].fatal) };
    let tip = height.previous().unwrap();
    assert_eq!(net.height_of(0), tip.0);
    let record = SignedRecord::resume_after(net.genesis.hash(), net.nodes[0].key.public(), tip);
    net.nodes[0].disk.write(crate::disk::Write::Signed(record));
    net.restart(0);
    net.run_to(tip.0 + 5, 10_000);
    assert_eq!(net.nodes[0].fatal, None);
}

#[test]
fn a_lost_record_alone_is_made_good_by_the_log() {
    for acts in spoken() {
        let mut net = dying(1, acts, 99, Some(Disk::lose_record));
        net.run_to(5, 10_000);
        net.expect_peace();
    }
}

#[test]
fn without_log_and_record_the_oracle_sees_a_double_signature() {
    fn lose_both(disk: &mut Disk) {
        disk.lose_log();
        disk.lose_record();
    }
    let seen = spoken().any(|acts| {
        let mut net = dying(1, acts, 99, Some(lose_both));
        net.run_for(10_000);
        net.violations.iter().any(|violation| violation.starts_with("DOUBLE SIGN"))
    });
    assert!(seen, "the oracle is blind, or nothing was at stake in any run");
}

fn signed_by_first(certificate: &CommitCertificate) -> bool {
    certificate.signatures.iter().any(|(index, _)| *index == 0)
}

#[test]
fn one_of_four_whose_log_is_lost_observes_that_height_and_signs_again_after_it() {
    let mut observed = 0;
    for acts in (8..70).step_by(2) {
        let mut net = dying(4, acts, 99, Some(Disk::lose_log));
        net.run_to(20, 60_000);
        net.expect_peace();
        observed += net.nodes[0].observed.len();
        let signs =
            net.nodes.iter().any(|node| (10..=20).any(|height| signed_by_first(&node.chain[&Height(height)].1)));
        assert!(signs, "validator 0 is silent for good");
    }
    assert!(observed >= 5, "{observed} heights were observed");
}

#[test]
fn a_log_that_lost_its_end_is_noticed_and_never_leads_to_a_second_signature() {
    fn lose_four(disk: &mut Disk) {
        disk.shorten_log(4);
    }
    fn lose_one(disk: &mut Disk) {
        disk.shorten_log(1);
    }
    for mishap in [lose_one as fn(&mut Disk), lose_four] {
        for acts in (8..70).step_by(3) {
            let mut net = dying(4, acts, 99, Some(mishap));
            net.run_to(6, 60_000);
            net.expect_peace();
        }
    }
}

#[test]
fn a_record_ahead_of_the_chain_keeps_a_validator_silent_until_the_chain_has_passed_it() {
    let mut net = Net::new(4, 12);
    net.last_height = 2;
    net.run_to(2, 10_000);
    let record = SignedRecord::resume_after(net.genesis.hash(), net.nodes[0].key.public(), Height(6));
    net.nodes[0].disk.write(crate::disk::Write::Signed(record));
    net.crash(0, 10);
    net.run_for(20);
    net.last_height = 12;
    for node in 0..4 {
        if node > 0 {
            net.crash(node, 10);
        }
    }
    net.run_to(12, 60_000);
    net.expect_peace();
    assert_eq!(net.nodes[0].observed, [3, 4, 5, 6].map(Height));
    let by_first = |height| signed_by_first(&net.nodes[1].chain[&Height(height)].1);
    assert!((3..=6).all(|height| !by_first(height)));
    assert!((7..=12).any(by_first));
}
