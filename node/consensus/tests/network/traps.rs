//! One test for each way to go wrong that the host is there to prevent, on a single host.

use salus_consensus::{
    Act, Fatal, Host, Ignored, Input, Judgement, Peer, Signer, Timeouts, Timer, TimerKind, WalError, Why, WireMessage,
};
use salus_primitives::{Height, commit::VoteKind};

use crate::cast::{Cast, GENESIS, finalised, sound, timers, value, votes};

use VoteKind::{Precommit, Prevote};

const OTHERS: [usize; 3] = [1, 2, 3];

fn ignored(acts: &[Act]) -> Option<Ignored> {
    acts.iter().find_map(|act| match act {
        Act::Ignored { why, .. } => Some(*why),
        _ => None,
    })
}

/// Validator 0 of four has heard the proposal of height 1 and asked for its block.
fn proposed() -> Cast {
    let mut cast = Cast::running(4, 0);
    let proposal = cast.proposal(1, 0, None, value("block"));
    let acts = cast.hear(proposal);
    let why = Why::Proposed { round: 0, pol_round: None, proposer: cast.keys[1].public() };
    let wanted = Act::RequestBlock { height: Height(1), value: value("block"), why, from: Some(Peer(9)) };
    assert!(acts.contains(&wanted), "{acts:?}");
    assert_eq!(votes(&acts), [], "no vote before the block is here and judged");
    cast
}

/// The same, locked: it precommitted the block in round 0, alone, and the round ended.
fn locked() -> Cast {
    let mut cast = proposed();
    cast.block(value("block"), sound(0));
    for from in [1, 2] {
        let vote = cast.vote(from, 1, 0, Prevote, Some(value("block")));
        cast.hear(vote);
    }
    assert_eq!(votes(&cast.acts).last(), Some(&(0, Precommit, Some(value("block")))));
    for from in [1, 2] {
        let vote = cast.vote(from, 1, 0, Precommit, None);
        cast.hear(vote);
    }
    cast.feed(Input::Timeout(Timer { height: Height(1), round: 0, kind: TimerKind::Precommit }));
    assert_eq!(cast.host.running(), Some((Height(1), 1)));
    cast
}

#[test]
fn a_valid_block_is_voted_for_and_an_invalid_one_gets_nil_at_once() {
    let acts = proposed().block(value("block"), sound(0));
    assert_eq!(votes(&acts), [(0, Prevote, Some(value("block")))]);
    let acts = proposed().block(value("block"), Judgement::Invalid);
    assert_eq!(votes(&acts), [(0, Prevote, None)]);
}

#[test]
fn a_block_that_nobody_proposed_is_not_voted_for() {
    let mut cast = Cast::running(4, 0);
    assert_eq!(cast.block(value("unasked"), sound(0)), []);
}

#[test]
fn a_verdict_is_given_once() {
    let mut cast = proposed();
    cast.block(value("block"), Judgement::Invalid);
    assert_eq!(cast.block(value("block"), sound(0)), []);
}

#[test]
fn whatever_leads_to_a_message_is_synced_before_it_is_sent() {
    let mut cast = proposed();
    let acts = cast.block(value("block"), sound(0));
    let place = |wanted: fn(&Act) -> bool| acts.iter().position(wanted).unwrap();
    let saved = place(|act| matches!(act, Act::SaveSigned(_)));
    let logged = acts.iter().rposition(|act| matches!(act, Act::WalAppend { .. })).unwrap();
    let synced = place(|act| matches!(act, Act::WalSync));
    let sent = place(|act| matches!(act, Act::Broadcast(_)));
    assert!(saved < logged && logged < synced && synced < sent, "{acts:?}");
}

#[test]
fn the_decision_is_the_last_act_even_where_it_falls_inside_our_own_vote() {
    let mut cast = Cast::running(1, 0);
    let acts = cast.feed(Input::Built { height: Height(1), round: 0, value: value("block") });
    assert_eq!(votes(&acts).len(), 2, "both votes leave before the block is committed");
    assert!(matches!(acts.last(), Some(Act::Finalised { .. })), "{acts:?}");
    assert_eq!(acts.iter().filter(|act| matches!(act, Act::WalSync)).count(), 1);
    assert_eq!(cast.host.tip(), Height(1));
    assert_eq!(cast.host.running(), None);
}

#[test]
fn a_height_starts_only_after_the_one_before_is_decided_and_only_in_turn() {
    let start = |host: &mut Host, cast: &Cast, height| host.start_height(Height(height), cast.set.clone(), &[]);
    let mut cast = Cast::running(4, 0);
    let set = cast.set.clone();
    let error = cast.host.start_height(Height(2), set, &[]);
    assert_eq!(error, Err(Fatal::OutOfTurn { asked: Height(2), next: Height(1) }));
    let set = cast.set.clone();
    assert_eq!(cast.host.start_height(Height(1), set, &[]), Err(Fatal::Stopped));

    for wrong in [0, 2, 3] {
        let mut host = Host::new(GENESIS, Height(0), None, Timeouts::default());
        let expected = Fatal::OutOfTurn { asked: Height(wrong), next: Height(1) };
        assert_eq!(start(&mut host, &cast, wrong), Err(expected));
    }
}

#[test]
fn a_host_that_failed_answers_nothing_any_more() {
    let mut cast = Cast::running(4, 0);
    let set = cast.set.clone();
    cast.host.start_height(Height(9), set.clone(), &[]).unwrap_err();
    assert_eq!(cast.host.start_height(Height(1), set, &[]), Err(Fatal::Stopped));
    assert_eq!(cast.host.skip_to(Height(5)), Err(Fatal::Stopped));
    let message = cast.vote(1, 1, 0, Prevote, None);
    assert_eq!(cast.host.input(Input::Message { from: Peer(1), message }), Err(Fatal::Stopped));
    let timer = Timer { height: Height(1), round: 0, kind: TimerKind::Propose };
    assert_eq!(cast.host.input(Input::Timeout(timer)), Err(Fatal::Stopped));
}

#[test]
fn an_idle_host_ignores_the_rebroadcast_timer_and_stops_all_timers() {
    let mut cast = Cast::running(1, 0);
    let rebroadcast = Timer { height: Height(1), round: 0, kind: TimerKind::Rebroadcast };
    assert!(timers(&cast.acts).contains(&rebroadcast));
    let acts = cast.feed(Input::Built { height: Height(1), round: 0, value: value("block") });
    assert_eq!(acts[acts.len() - 2], Act::CancelTimers);
    assert_eq!(cast.feed(Input::Timeout(rebroadcast)), []);
    cast.start(2);
    assert_eq!(cast.feed(Input::Timeout(rebroadcast)), [], "it is of the height before");
}

#[test]
fn votes_are_sent_again_while_a_height_runs() {
    let mut cast = proposed();
    cast.block(value("block"), sound(0));
    let acts = cast.feed(Input::Timeout(Timer { height: Height(1), round: 0, kind: TimerKind::Rebroadcast }));
    assert_eq!(votes(&acts), [(0, Prevote, Some(value("block")))]);
    assert!(!acts.contains(&Act::WalSync), "nothing new is to be synced");
}

#[test]
fn a_cancelled_timer_that_fires_all_the_same_does_nothing() {
    let mut cast = proposed();
    cast.block(value("block"), sound(0));
    assert_eq!(cast.feed(Input::Timeout(Timer { height: Height(1), round: 0, kind: TimerKind::Propose })), []);
}

#[test]
fn messages_of_the_next_height_are_parked_and_looked_at_when_it_starts() {
    let mut cast = Cast::idle(4, 0);
    let proposal = cast.proposal(1, 0, None, value("block"));
    assert_eq!(cast.hear(proposal), [Act::WantHeight(Height(1))]);
    let acts = cast.start(1);
    assert!(acts.iter().any(|act| matches!(act, Act::RequestBlock { .. })), "{acts:?}");

    // While a height runs, those of the next one wait silently; those after that are refused.
    let vote = cast.vote(1, 2, 0, Prevote, None);
    assert_eq!(cast.hear(vote), []);
    let vote = cast.vote(1, 3, 0, Prevote, None);
    assert_eq!(ignored(&cast.hear(vote)), Some(Ignored::Far { height: Height(3) }));
}

#[test]
fn what_is_final_already_is_not_looked_at_again() {
    let mut cast = Cast::running(1, 0);
    cast.feed(Input::Built { height: Height(1), round: 0, value: value("block") });
    let vote = cast.vote(0, 1, 0, Prevote, None);
    assert_eq!(ignored(&cast.hear(vote)), Some(Ignored::Old { height: Height(1) }));
    let certificate = cast.certificate(&[0], 1, 0, value("block"));
    let acts = cast.feed(Input::Certified { from: Peer(1), certificate });
    assert_eq!(ignored(&acts), Some(Ignored::Old { height: Height(1) }));
}

#[test]
fn a_peer_cannot_park_without_end() {
    let mut cast = Cast::idle(4, 0);
    let vote = cast.vote(1, 1, 0, Prevote, None);
    let refused = (0..2_000).position(|_| ignored(&cast.hear(vote.clone())) == Some(Ignored::Full));
    assert!(refused.is_some_and(|count| count > 100), "{refused:?}");
    let acts = cast.feed(Input::Message { from: Peer(1), message: vote });
    assert_eq!(acts, [Act::WantHeight(Height(1))], "another peer has its own share");
}

#[test]
fn a_message_that_proves_nothing_is_laid_at_the_peers_door() {
    let mut cast = Cast::running(4, 0);
    let mut forged = cast.signed_vote(1, 1, 0, Prevote, None);
    forged.vote.value = Some(value("block"));
    let mut foreign = cast.signed_vote(2, 1, 0, Prevote, None);
    foreign.vote.authority = salus_primitives::AccountId([9; 32]);
    let WireMessage::Proposal(mut not_its_turn) = cast.proposal(1, 1, None, value("block")) else { unreachable!() };
    not_its_turn.proposal.round = 0;
    let messages = [
        WireMessage::Vote(forged),
        WireMessage::Vote(foreign),
        WireMessage::Proposal(not_its_turn),
        cast.polka(&[1, 2], 1, 0, value("block")),
        cast.polka(&[1, 2, 2], 1, 0, value("block")),
    ];
    for message in messages {
        let acts = cast.hear(message.clone());
        assert_eq!(ignored(&acts), Some(Ignored::Unproven), "{message:?}");
        assert_eq!(cast.log(), Vec::<Vec<u8>>::new(), "nothing of it is logged");
    }
    let wrong = [
        cast.certificate(&[1, 2], 1, 0, value("block")),
        cast.certificate(&[2, 1, 3], 1, 0, value("block")),
        cast.certificate(&[1, 2, 7], 1, 0, value("block")),
    ];
    for certificate in wrong {
        let acts = cast.feed(Input::Certified { from: Peer(9), certificate: certificate.clone() });
        assert_eq!(ignored(&acts), Some(Ignored::Unproven), "{certificate:?}");
    }
}

#[test]
fn a_certified_block_is_asked_for_judged_without_the_clock_and_final() {
    let mut cast = Cast::running(4, 0);
    let certificate = cast.certificate(&[1, 2, 3], 1, 4, value("block"));
    let acts = cast.feed(Input::Certified { from: Peer(9), certificate: certificate.clone() });
    let (height, from) = (Height(1), Some(Peer(9)));
    assert!(acts.contains(&Act::RequestBlock { height, value: value("block"), why: Why::Certified, from }));
    let acts = cast.block(value("block"), Judgement::Sound { build_round: 2, timely: false });
    assert_eq!(finalised(&acts), Some(&certificate));
}

#[test]
fn a_certificate_that_comes_again_only_names_another_peer_to_ask() {
    let mut cast = Cast::running(4, 0);
    let certificate = cast.certificate(&[1, 2, 3], 1, 0, value("block"));
    cast.feed(Input::Certified { from: Peer(1), certificate: certificate.clone() });
    let acts = cast.feed(Input::Certified { from: Peer(2), certificate: certificate.clone() });
    let (height, from) = (Height(1), Some(Peer(2)));
    assert_eq!(acts, [Act::RequestBlock { height, value: value("block"), why: Why::Certified, from }]);
    assert_eq!(finalised(&cast.block(value("block"), sound(0))), Some(&certificate));
}

#[test]
fn a_certificate_for_the_next_height_waits_until_that_is_started() {
    let mut cast = Cast::idle(4, 0);
    let certificate = cast.certificate(&[0, 1, 2], 1, 0, value("block"));
    let acts = cast.feed(Input::Certified { from: Peer(9), certificate });
    assert_eq!(acts, [Act::WantHeight(Height(1))]);
    let acts = cast.start(1);
    assert!(acts.iter().any(|act| matches!(act, Act::RequestBlock { why: Why::Certified, .. })));
}

#[test]
fn a_certified_block_that_is_invalid_here_stops_the_node() {
    let stopped = Err(Fatal::FinalInvalid { height: Height(1), value: value("block") });
    let judged = Input::Block { height: Height(1), value: value("block"), judgement: Judgement::Invalid };

    let mut cast = Cast::running(4, 0);
    let certificate = cast.certificate(&[1, 2, 3], 1, 0, value("block"));
    cast.feed(Input::Certified { from: Peer(9), certificate: certificate.clone() });
    assert_eq!(cast.host.input(judged.clone()), stopped);

    // Known to be invalid first, certified then.
    let mut cast = proposed();
    cast.feed(judged.clone());
    assert_eq!(cast.host.input(Input::Certified { from: Peer(9), certificate }), stopped);

    // And where the precommits come one by one.
    let mut cast = proposed();
    cast.feed(judged);
    let precommits = OTHERS.map(|from| cast.vote(from, 1, 0, Precommit, Some(value("block"))));
    let results = precommits.map(|message| cast.host.input(Input::Message { from: Peer(9), message }));
    assert!(results[1].is_ok());
    assert_eq!(results[2], stopped);
}

#[test]
fn an_untimely_block_gets_nil_and_is_precommitted_once_a_quorum_prevoted_it() {
    let mut cast = proposed();
    let acts = cast.block(value("block"), Judgement::Sound { build_round: 0, timely: false });
    assert_eq!(votes(&acts), [(0, Prevote, None)]);
    let prevotes = OTHERS.map(|from| cast.vote(from, 1, 0, Prevote, Some(value("block"))));
    let last = prevotes.map(|vote| cast.hear(vote)).pop_last();
    assert_eq!(votes(&last), [(0, Precommit, Some(value("block")))]);
}

#[test]
fn an_untimely_block_can_be_decided_by_the_precommits_of_others() {
    let mut cast = proposed();
    cast.block(value("block"), Judgement::Sound { build_round: 0, timely: false });
    let precommits = OTHERS.map(|from| cast.vote(from, 1, 0, Precommit, Some(value("block"))));
    let last = precommits.map(|vote| cast.hear(vote)).pop_last();
    assert!(finalised(&last).is_some(), "{last:?}");
}

#[test]
fn an_untimely_block_proposed_again_on_its_polka_is_prevoted() {
    for polka_first in [true, false] {
        let mut cast = proposed();
        cast.block(value("block"), Judgement::Sound { build_round: 0, timely: false });
        for from in OTHERS {
            let vote = cast.vote(from, 1, 0, Precommit, None);
            cast.hear(vote);
        }
        if cast.host.running() == Some((Height(1), 0)) {
            cast.feed(Input::Timeout(Timer { height: Height(1), round: 0, kind: TimerKind::Precommit }));
        }
        assert_eq!(cast.host.running(), Some((Height(1), 1)));
        let polka = cast.polka(&OTHERS, 1, 0, value("block"));
        let again = cast.proposal(1, 1, Some(0), value("block"));
        let (first, second) = if polka_first { (polka, again) } else { (again, polka) };
        assert_eq!(votes(&cast.hear(first)), []);
        assert_eq!(votes(&cast.hear(second)), [(1, Prevote, Some(value("block")))], "polka first: {polka_first}");
    }
}

#[test]
fn a_claimed_polka_that_nobody_has_seen_revives_nothing() {
    let mut cast = proposed();
    cast.block(value("block"), Judgement::Sound { build_round: 0, timely: false });
    for from in [1, 2] {
        // One third and one vote in round 1 take the node there.
        let vote = cast.vote(from, 1, 1, Prevote, None);
        cast.hear(vote);
    }
    assert_eq!(cast.host.running(), Some((Height(1), 1)));
    let again = cast.proposal(1, 1, Some(0), value("block"));
    assert_eq!(votes(&cast.hear(again)), []);
    let timeout = Input::Timeout(Timer { height: Height(1), round: 1, kind: TimerKind::Propose });
    assert!(votes(&cast.feed(timeout)).contains(&(1, Prevote, None)));
}

#[test]
fn a_block_built_for_another_round_is_no_fresh_proposal() {
    // Not known yet: it gets nil when it comes.
    let acts = proposed().block(value("block"), sound(3));
    assert_eq!(votes(&acts), [(0, Prevote, None)]);

    // Known: a later proposer passes the old block off as fresh.
    let mut cast = locked();
    let stale = cast.proposal(1, 1, None, value("block"));
    assert_eq!(ignored(&cast.hear(stale)), Some(Ignored::Unfit));
    let honest = cast.proposal(1, 1, Some(0), value("block"));
    assert_eq!(ignored(&cast.hear(honest)), None);
}

#[test]
fn a_locked_validator_is_still_locked_after_a_restart() {
    let cast = locked();
    let mut again = cast.restarted(0).unwrap();
    assert_eq!(again.host.running(), Some((Height(1), 1)));
    let other = again.proposal(1, 1, None, value("other"));
    again.hear(other);
    let acts = again.block(value("other"), sound(1));
    assert_eq!(votes(&acts), [(1, Prevote, None)], "locked on the first block, it may not vote for another");
}

#[test]
fn a_restart_repeats_the_same_messages_and_logs_nothing_twice() {
    let cast = locked();
    let again = cast.restarted(0).unwrap();
    let sent = |acts: &[Act]| -> Vec<_> {
        let sent = acts.iter().filter(|act| matches!(act, Act::Broadcast(WireMessage::Vote(_)))).cloned();
        sent.collect()
    };
    assert_eq!(sent(&again.acts), sent(&cast.acts));
    assert_eq!(again.log(), Vec::<Vec<u8>>::new());
    assert_eq!(again.record(), None, "nothing new was signed");
    // The timers of the round it is in run; those of the past do not.
    assert!(timers(&again.acts).iter().all(|timer| timer.round == 1), "{:?}", timers(&again.acts));
    assert!(timers(&again.acts).iter().any(|timer| timer.kind == TimerKind::Propose));
}

#[test]
fn the_entries_after_a_restart_go_on_where_the_log_ended() {
    let cast = locked();
    let count = cast.log().len();
    let mut again = cast.restarted(0).unwrap();
    let acts = again.feed(Input::Timeout(Timer { height: Height(1), round: 1, kind: TimerKind::Propose }));
    let first = acts.iter().find_map(|act| match act {
        Act::WalAppend { index, .. } => Some(*index as usize),
        _ => None,
    });
    assert_eq!(first, Some(count));
}

#[test]
fn an_untimely_verdict_is_remembered_over_a_restart_and_still_gives_way_to_a_quorum() {
    let mut cast = proposed();
    cast.block(value("block"), Judgement::Sound { build_round: 0, timely: false });
    let mut again = cast.restarted(0).unwrap();
    assert_eq!(votes(&again.acts), [(0, Prevote, None)]);
    assert!(!again.acts.iter().any(|act| matches!(act, Act::RequestBlock { .. })), "it was judged already");
    let prevotes = OTHERS.map(|from| again.vote(from, 1, 0, Prevote, Some(value("block"))));
    let last = prevotes.map(|vote| again.hear(vote)).pop_last();
    assert_eq!(votes(&last), [(0, Precommit, Some(value("block")))]);
}

#[test]
fn a_block_that_had_not_come_before_a_restart_is_asked_for_again() {
    let again = proposed().restarted(0).unwrap();
    let why = Why::Proposed { round: 0, pol_round: None, proposer: again.keys[1].public() };
    let wanted = Act::RequestBlock { height: Height(1), value: value("block"), why, from: None };
    assert!(again.acts.contains(&wanted), "{:?}", again.acts);
}

#[test]
fn a_damaged_misplaced_or_missing_log_entry_stops_the_node_and_is_named() {
    let cast = locked();
    let log = cast.log();
    assert!(log.len() >= 8);
    let start = |log: &[Vec<u8>], height: u32, genesis| {
        let mut host = Host::new(genesis, Height(height - 1), None, Timeouts::default());
        host.start_height(Height(height), cast.set.clone(), log)
    };
    let damaged = |index| Err(Fatal::Wal { height: Height(1), index, error: WalError::Damaged });
    assert!(start(&log, 1, GENESIS).is_ok());
    for index in 0..log.len() {
        for byte in 0..log[index].len() {
            let mut flipped = log.clone();
            flipped[index][byte] ^= 1 << (byte % 8);
            assert_eq!(start(&flipped, 1, GENESIS), damaged(index), "byte {byte} of entry {index}");
        }
    }
    let mut short = log.clone();
    short[3].truncate(5);
    assert_eq!(start(&short, 1, GENESIS), damaged(3));
    let mut swapped = log.clone();
    swapped.swap(4, 5);
    assert_eq!(start(&swapped, 1, GENESIS), damaged(4));
    let mut gap = log.clone();
    gap.remove(2);
    assert_eq!(start(&gap, 1, GENESIS), damaged(2));
    let other_height = Err(Fatal::Wal { height: Height(2), index: 0, error: WalError::Damaged });
    assert_eq!(start(&log, 2, GENESIS), other_height);
    assert_eq!(start(&log, 1, value("another chain")), damaged(0));
}

#[test]
fn a_height_with_a_log_or_a_signature_must_be_started_and_no_other() {
    let cast = locked();
    let host = |tip, bytes: Option<&[u8]>| {
        let key = cast.keys[0].clone();
        let signer = match bytes {
            Some(bytes) => Signer::with_record(GENESIS, key, bytes).unwrap(),
            None => Signer::new(GENESIS, key),
        };
        Host::new(GENESIS, Height(tip), Some(signer), Timeouts::default())
    };
    let record = cast.record().unwrap().to_bytes();
    assert!(!host(0, None).must_start(0));
    assert!(host(0, None).must_start(1));
    assert!(host(0, Some(&record)).must_start(0));
    assert!(!host(1, Some(&record)).must_start(0));
}

#[test]
fn a_height_committed_by_other_means_is_left() {
    let mut cast = locked();
    let acts = cast.host.skip_to(Height(4)).unwrap();
    assert_eq!(acts, [Act::CancelTimers]);
    assert_eq!((cast.host.tip(), cast.host.running()), (Height(4), None));
    assert_eq!(cast.feed(Input::Timeout(Timer { height: Height(1), round: 1, kind: TimerKind::Propose })), []);
    let acts = cast.start(5);
    assert!(!acts.iter().any(|act| matches!(act, Act::Observing { .. })), "it signs from here on");
    let error = cast.host.skip_to(Height(4));
    assert_eq!(error, Err(Fatal::OutOfTurn { asked: Height(4), next: Height(5) }));
}

#[test]
fn a_node_without_a_key_follows_and_decides_without_a_word() {
    let cast = Cast::idle(4, 0);
    let mut follower = Cast { host: Host::new(GENESIS, Height(0), None, Timeouts::default()), ..cast };
    follower.start(1);
    let proposal = follower.proposal(1, 0, None, value("block"));
    follower.hear(proposal);
    follower.block(value("block"), sound(0));
    for from in [0, 1, 2] {
        let vote = follower.vote(from, 1, 0, Precommit, Some(value("block")));
        follower.hear(vote);
    }
    assert!(finalised(&follower.acts).is_some());
    let silent = |act: &Act| !matches!(act, Act::Broadcast(_) | Act::SaveSigned(_) | Act::BuildBlock { .. });
    assert!(follower.acts.iter().all(silent), "{:?}", follower.acts);
}

#[test]
fn a_built_block_is_used_once_and_only_for_the_round_it_was_asked_for() {
    let mut cast = Cast::running(4, 1);
    assert!(cast.acts.iter().any(|act| matches!(act, Act::BuildBlock { round: 0, .. })), "{:?}", cast.acts);
    let built = |round, name| Input::Built { height: Height(1), round, value: value(name) };
    assert_eq!(cast.feed(built(1, "for another round")), []);
    let acts = cast.feed(built(0, "block"));
    assert_eq!(votes(&acts), [(0, Prevote, Some(value("block")))]);
    let body = acts.iter().position(|act| matches!(act, Act::SendBlock { .. })).unwrap();
    assert!(matches!(acts[body + 1], Act::Broadcast(WireMessage::Proposal(_))), "the body goes before the proposal");
    assert_eq!(cast.feed(built(0, "a second one")), []);

    let mut late = Cast::running(4, 1);
    late.feed(Input::Timeout(Timer { height: Height(1), round: 0, kind: TimerKind::Propose }));
    assert_eq!(late.feed(built(0, "late")), []);
}

trait PopLast<T> {
    fn pop_last(self) -> T;
}

impl<T, const N: usize> PopLast<T> for [T; N] {
    fn pop_last(self) -> T {
        self.into_iter().next_back().unwrap()
    }
}
