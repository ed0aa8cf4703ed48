//! Whom to ask for which blocks, and when.

use super::*;

const fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn ask(peer: u8, from: u32) -> Option<Ask<u8>> {
    Some(Ask { peer, from: Height(from), max: RANGE_MAX })
}

#[test]
fn a_validator_one_block_behind_first_waits_for_its_own_consensus() {
    let mut sync = CatchUp::new(true);
    sync.heard(1u8, Height(6), Height(5), at(0));
    assert_eq!(sync.due(Height(5), at(499)), None);
    assert_eq!(sync.deadline(), Some(at(500)));
    assert_eq!(sync.due(Height(5), at(500)), ask(1, 6));
}

#[test]
fn a_node_two_blocks_behind_and_a_follower_ask_at_once() {
    let mut validator = CatchUp::new(true);
    validator.heard(1u8, Height(7), Height(5), at(0));
    assert_eq!(validator.due(Height(5), at(0)), ask(1, 6));
    let mut follower = CatchUp::new(false);
    follower.heard(1u8, Height(6), Height(5), at(0));
    assert_eq!(follower.due(Height(5), at(0)), ask(1, 6));
}

#[test]
fn who_decided_the_block_by_itself_asks_nobody() {
    let mut sync = CatchUp::new(true);
    sync.heard(1u8, Height(6), Height(5), at(0));
    assert_eq!(sync.due(Height(6), at(600)), None);
    assert_eq!(sync.deadline(), None);
    // The grace begins anew with each block.
    sync.heard(1, Height(7), Height(6), at(700));
    assert_eq!(sync.due(Height(6), at(1_199)), None);
    assert_eq!(sync.due(Height(6), at(1_200)), ask(1, 7));
}

#[test]
fn one_question_is_open_at_a_time_and_its_answer_leads_to_the_next() {
    let mut sync = CatchUp::new(true);
    sync.heard(1u8, Height(200), Height(0), at(0));
    assert_eq!(sync.due(Height(0), at(0)), ask(1, 1));
    assert_eq!(sync.due(Height(0), at(1)), None);
    assert!(!sync.answered(&2), "nobody asked peer 2");
    assert!(sync.answered(&1));
    assert!(!sync.answered(&1), "a second answer is unasked");
    assert_eq!(sync.due(Height(64), at(2)), ask(1, 65));
}

#[test]
fn a_peer_that_never_answers_is_left_for_another_and_its_claim_is_forgotten() {
    let mut sync = CatchUp::new(true);
    sync.heard(1u8, Height(1_000_000), Height(0), at(0));
    sync.heard(2u8, Height(50), Height(0), at(0));
    assert_eq!(sync.due(Height(0), at(0)), ask(1, 1));
    let late = ANSWER_WITHIN;
    assert_eq!(sync.deadline(), Some(late));
    assert_eq!(sync.due(Height(0), late), ask(2, 1));
    assert_eq!(sync.behind(Height(0)), 50);
}

#[test]
fn who_lacks_one_block_waits_three_seconds_for_it_and_who_lacks_many_ten() {
    for (claimed, seconds) in [(1, 3), (2, 4), (8, 10), (50, 10)] {
        let mut sync = CatchUp::new(false);
        sync.heard(1u8, Height(claimed), Height(0), at(0));
        assert_eq!(sync.due(Height(0), at(0)), ask(1, 1));
        assert_eq!(sync.deadline(), Some(Duration::from_secs(seconds)), "{claimed}");
    }
}

#[test]
fn each_failure_doubles_the_time_a_peer_is_not_asked_up_to_a_minute() {
    let mut sync = CatchUp::new(true);
    let mut now = at(0);
    for expected in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        sync.heard(1u8, Height(9), Height(0), now);
        assert_eq!(sync.due(Height(0), now), ask(1, 1));
        sync.failed(&1, now);
        sync.heard(1, Height(9), Height(0), now);
        assert_eq!(sync.due(Height(0), now + at(expected - 1)), None);
        assert_eq!(sync.deadline(), Some(now + at(expected)));
        now += at(expected);
    }
    assert_eq!(sync.due(Height(0), now), ask(1, 1));
    assert!(sync.answered(&1));
    sync.served(&1);
    sync.failed(&1, now);
    sync.heard(1, Height(9), Height(0), now);
    assert_eq!(sync.due(Height(0), now + BENCH_MIN), ask(1, 1));
}

#[test]
fn what_a_peer_works_on_renews_a_claim_that_was_forgotten_and_lowers_none() {
    let mut sync = CatchUp::new(true);
    sync.heard(1u8, Height(9), Height(5), at(0));
    sync.hinted(1, Height(7), Height(5), at(0));
    assert_eq!(sync.behind(Height(5)), 4);
    assert_eq!(sync.due(Height(5), at(0)), ask(1, 6));
    sync.failed(&1, at(0));
    assert_eq!(sync.due(Height(5), BENCH_MIN), None, "a claim that led to nothing is forgotten");
    sync.hinted(1, Height(7), Height(5), BENCH_MIN);
    assert_eq!(sync.due(Height(5), BENCH_MIN), ask(1, 6));
}

#[test]
fn a_peer_that_left_is_neither_asked_nor_waited_for() {
    let mut sync = CatchUp::new(true);
    sync.heard(1u8, Height(9), Height(0), at(0));
    sync.heard(2u8, Height(9), Height(0), at(0));
    assert_eq!(sync.due(Height(0), at(0)), ask(1, 1));
    sync.gone(&1);
    assert_eq!(sync.due(Height(0), at(1)), ask(2, 1));
    sync.gone(&2);
    assert_eq!(sync.due(Height(0), at(2)), None);
    assert_eq!(sync.behind(Height(0)), 0);
}
