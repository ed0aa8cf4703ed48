//! Each rule of the pool, each limit at its edge, each refusal.

use salus_pool::{DropReason, Dropped, Limits, Refused};
use salus_primitives::{
    Hash, Height, RawExtrinsic,
    dispatch::InvalidTransaction,
    extrinsic::{Extrinsic, ExtrinsicError},
    runtime_api::{VerifiedSignatures, signature_key},
};

use crate::toy::{Chain, ONCE, account, bare, call, signed};

/// An ordinary extrinsic: priority 1.
fn tx(who: u8, nonce: u32) -> RawExtrinsic {
    signed(who, nonce, call(1, 0, 0, 0), true)
}

/// One of another priority.
fn urgent(who: u8, nonce: u32, priority: u8) -> RawExtrinsic {
    signed(who, nonce, call(priority, 0, 0, 0), true)
}

fn dropped(raw: &RawExtrinsic, reason: DropReason) -> Dropped {
    Dropped { hash: raw.hash(), reason }
}

fn hashes<'a>(all: impl IntoIterator<Item = &'a RawExtrinsic>) -> Vec<Hash> {
    all.into_iter().map(RawExtrinsic::hash).collect()
}

// Entering and leaving

#[test]
fn a_valid_extrinsic_enters_is_included_and_is_gone() {
    let mut chain = Chain::with(Limits::default(), [1]);
    let submitted = chain.ok(&tx(1, 0));
    assert!(submitted.ready);
    assert_eq!(submitted.changes.ready, [tx(1, 0).hash()]);
    assert_eq!(chain.ready(), hashes([&tx(1, 0)]));
    let changes = chain.block_of(9);
    assert_eq!(changes.included, [tx(1, 0).hash()]);
    assert_eq!(chain.pool.status().bytes, 0);
    assert!(!chain.pool.has_ready());
    assert!(chain.pool.get(&tx(1, 0).hash()).is_none());
}

#[test]
fn the_same_bytes_twice_are_refused_while_pending_and_once_final() {
    let mut chain = Chain::with(Limits::default(), [1]);
    chain.ok(&tx(1, 0));
    chain.refused(&tx(1, 0), Refused::AlreadyPending);
    chain.block_of(1);
    chain.refused(&tx(1, 0), Refused::AlreadyIncluded { height: Height(2) });
}

#[test]
fn beyond_the_memory_of_hashes_the_runtime_still_refuses_what_is_final() {
    let mut chain = Chain::with(Limits { seen_hashes: 1, ..Limits::default() }, [1, 2]);
    chain.block(&[tx(1, 0), tx(2, 0)]);
    chain.refused(&tx(1, 0), Refused::Invalid(InvalidTransaction::Stale));
    chain.refused(&tx(2, 0), Refused::AlreadyIncluded { height: Height(2) });
}

#[test]
fn what_the_runtime_refuses_is_refused_with_its_reason_and_not_remembered() {
    let mut chain = Chain::with(Limits::default(), [1]);
    chain.refused(&tx(2, 0), Refused::Invalid(InvalidTransaction::UnknownSigner));
    chain.refused(&signed(1, 0, vec![1], true), Refused::Invalid(InvalidTransaction::Call));
    chain.register(2);
    chain.ok(&tx(2, 0));
}

#[test]
fn a_bad_variant_does_not_keep_the_honest_one_out() {
    let mut chain = Chain::with(Limits::default(), [1]);
    let forged = signed(1, 0, call(1, 0, 0, 0), false);
    chain.refused(&forged, Refused::Invalid(InvalidTransaction::BadProof));
    chain.refused(&forged, Refused::Invalid(InvalidTransaction::BadProof));
    chain.ok(&tx(1, 0));
}

#[test]
fn bytes_that_are_no_extrinsic_are_refused_before_the_runtime_is_asked() {
    let mut chain = Chain::with(Limits::default(), [1]);
    let form = ExtrinsicError::Version { found: 0x85 };
    chain.refused(&RawExtrinsic(vec![0x85, 0]), Refused::Malformed(form));
    assert_eq!(chain.asked(), 0);
}

#[test]
fn size_has_its_limit_to_the_byte() {
    let size = tx(1, 0).wire_len();
    let mut chain = Chain::with(Limits { extrinsic_bytes: size, ..Limits::default() }, [1]);
    let larger = signed(1, 0, call(1, 0, 0, 1), true);
    chain.refused(&larger, Refused::TooLarge { bytes: size + 1, max: size });
    chain.ok(&tx(1, 0));
}

// Nonces

#[test]
fn a_nonce_ahead_waits_and_becomes_ready_when_the_gap_closes() {
    let mut chain = Chain::with(Limits::default(), [1]);
    for nonce in [2, 1] {
        let submitted = chain.ok(&tx(1, nonce));
        assert!(!submitted.ready);
        assert_eq!(submitted.changes.waiting, [tx(1, nonce).hash()]);
    }
    assert!(chain.ready().is_empty() && !chain.pool.has_ready());
    assert_eq!(chain.ok(&tx(1, 0)).changes.ready, hashes([&tx(1, 0), &tx(1, 1), &tx(1, 2)]));
    assert_eq!(chain.ready(), hashes([&tx(1, 0), &tx(1, 1), &tx(1, 2)]));
}

#[test]
fn a_gap_closed_by_a_block_of_others_makes_the_rest_ready() {
    let mut chain = Chain::with(Limits::default(), [1]);
    chain.ok(&tx(1, 1));
    assert_eq!(chain.block(&[tx(1, 0)]).ready, [tx(1, 1).hash()]);
}

#[test]
fn the_nonce_window_ends_at_31_ahead() {
    let mut chain = Chain::with(Limits::default(), [1]);
    chain.refused(&tx(1, 32), Refused::NonceGap { nonce: 32, next: 0, max: 31 });
    chain.ok(&tx(1, 31));
    let asked = chain.asked();
    chain.refused(&tx(1, 32), Refused::NonceGap { nonce: 32, next: 0, max: 31 });
    assert_eq!(chain.asked(), asked, "with something pending the window is known without the runtime");
    chain.block(&[tx(1, 0)]);
    chain.ok(&tx(1, 32));
}

#[test]
fn a_gap_does_not_hold_room_for_ever() {
    let mut chain = Chain::with(Limits { waiting_blocks: 3, ..Limits::default() }, [1]);
    chain.ok(&tx(1, 1));
    for _ in 0..2 {
        assert!(chain.block(&[]).dropped.is_empty());
    }
    assert_eq!(chain.block(&[]).dropped, [dropped(&tx(1, 1), DropReason::Gap { blocks: 3 })]);
    chain.ok(&tx(1, 1));
}

#[test]
fn a_gap_that_closes_in_the_last_block_costs_nothing() {
    let mut chain = Chain::with(Limits { waiting_blocks: 1, ..Limits::default() }, [1]);
    chain.ok(&tx(1, 1));
    let changes = chain.block(&[tx(1, 0)]);
    assert_eq!((changes.ready, changes.dropped), (vec![tx(1, 1).hash()], vec![]));
}

#[test]
fn the_next_nonce_counts_what_is_pending_up_to_the_gap() {
    let mut chain = Chain::with(Limits::default(), [1]);
    assert_eq!(chain.pool.next_nonce(&account(1)), None);
    for nonce in [0, 1, 3] {
        chain.ok(&tx(1, nonce));
    }
    assert_eq!(chain.pool.next_nonce(&account(1)), Some(2));
    chain.ok(&tx(1, 2));
    assert_eq!(chain.pool.next_nonce(&account(1)), Some(4));
}

#[test]
fn a_nonce_is_held_against_all_that_is_not_of_higher_priority() {
    let mut chain = Chain::with(Limits::default(), [1]);
    chain.ok(&urgent(1, 0, 5));
    let other = signed(1, 0, call(5, 0, 0, 1), true);
    chain.refused(&other, Refused::NonceTaken { nonce: 0, held: 5, offered: 5 });
    let higher = urgent(1, 0, 6);
    let changes = chain.ok(&higher).changes;
    assert_eq!(changes.dropped, [dropped(&urgent(1, 0, 5), DropReason::Usurped { by: higher.hash() })]);
    assert_eq!(chain.ready(), [higher.hash()]);
    assert_eq!(chain.pool.status().bytes, higher.wire_len());
}

#[test]
fn another_extrinsic_of_a_block_takes_the_nonce_of_ours() {
    let mut chain = Chain::with(Limits::default(), [1]);
    chain.ok(&tx(1, 0));
    let other = urgent(1, 0, 9);
    let usurped = dropped(&tx(1, 0), DropReason::Usurped { by: other.hash() });
    assert_eq!(chain.block(&[other]).dropped, [usurped]);
}

#[test]
fn nonces_used_in_blocks_the_pool_was_not_told_of_are_noticed() {
    let mut chain = Chain::with(Limits::default(), [1]);
    for nonce in [0, 1, 3] {
        chain.ok(&tx(1, nonce));
    }
    chain.state.insert([&b"n"[..], &[1; 32]].concat(), 3u32.to_le_bytes().to_vec());
    let changes = chain.block(&[]);
    let stale = DropReason::Invalid(InvalidTransaction::Stale);
    assert_eq!(changes.dropped, [dropped(&tx(1, 0), stale), dropped(&tx(1, 1), stale)]);
    assert_eq!(changes.ready, [tx(1, 3).hash()]);
}

#[test]
fn a_caller_behind_or_ahead_of_the_pool_by_a_block_does_no_harm() {
    let mut chain = Chain::with(Limits::default(), [1]);
    chain.ok(&tx(1, 0));
    chain.ok(&tx(1, 1));
    let old_state = chain.state.clone();
    chain.block(&[tx(1, 0)]);
    // Behind: the state says that nonce 0 is next, the pool knows better.
    let late = chain.pool.submit(urgent(1, 0, 9), 0, &chain.runtime, &old_state, &chain.header);
    assert_eq!(late, Err(Refused::Invalid(InvalidTransaction::Stale)));
    // Ahead: the state already says 2, the pool has yet to hear of the block with nonce 1.
    chain.state.insert([&b"n"[..], &[1; 32]].concat(), 2u32.to_le_bytes().to_vec());
    assert!(chain.ok(&tx(1, 2)).ready);
    assert_eq!(chain.block(&[tx(1, 1)]).included, [tx(1, 1).hash()]);
    assert_eq!(chain.ready(), [tx(1, 2).hash()]);
}

// Order

#[test]
fn higher_priority_goes_first_then_age() {
    let mut chain = Chain::with(Limits::default(), 1..=4);
    let order = [urgent(3, 0, 9), urgent(1, 0, 5), urgent(4, 0, 5), urgent(2, 0, 1)];
    for index in [3, 1, 0, 2] {
        chain.ok(&order[index]);
    }
    let evidence = bare(call(7, 0, 0, 0));
    assert!(chain.ok(&evidence).ready);
    assert_eq!(chain.ready(), hashes([&order[0], &evidence, &order[1], &order[2], &order[3]]));
}

#[test]
fn a_revocation_pulls_its_senders_earlier_extrinsics_forward() {
    let mut chain = Chain::with(Limits::default(), [1, 2]);
    let other = urgent(2, 0, 4);
    chain.ok(&other);
    chain.ok(&urgent(1, 0, 1));
    chain.ok(&urgent(1, 1, 9));
    chain.ok(&urgent(1, 2, 1));
    assert_eq!(chain.ready(), hashes([&urgent(1, 0, 1), &urgent(1, 1, 9), &other, &urgent(1, 2, 1)]));
}

// Quotas

#[test]
fn an_account_holds_32_extrinsics() {
    let mut chain = Chain::with(Limits { nonce_ahead: 99, ..Limits::default() }, [1, 2]);
    let pending: Vec<_> = (0..32).map(|nonce| tx(1, nonce)).collect();
    pending.iter().for_each(|raw| drop(chain.ok(raw)));
    let bytes = pending.iter().map(RawExtrinsic::wire_len).sum();
    let asked = chain.asked();
    chain.refused(&tx(1, 32), Refused::AccountFull { txs: 32, bytes });
    assert_eq!(chain.asked(), asked, "no signature is verified for an account that is full");
    chain.ok(&tx(2, 0));
    chain.block_of(1);
    chain.ok(&tx(1, 32));
}

#[test]
fn an_account_holds_so_many_bytes() {
    let size = tx(1, 0).wire_len();
    let mut chain = Chain::with(Limits { account_bytes: 2 * size, ..Limits::default() }, [1]);
    chain.ok(&tx(1, 0));
    let larger = signed(1, 1, call(1, 0, 0, 1), true);
    chain.refused(&larger, Refused::AccountFull { txs: 1, bytes: size });
    chain.ok(&tx(1, 1));
}

#[test]
fn an_account_full_behind_a_gap_still_closes_it() {
    let mut chain = Chain::with(Limits { account_txs: 3, ..Limits::default() }, [1]);
    for nonce in [1, 2, 3] {
        chain.ok(&tx(1, nonce));
    }
    chain.refused(&tx(1, 4), Refused::AccountFull { txs: 3, bytes: 3 * tx(1, 0).wire_len() });
    let submitted = chain.ok(&tx(1, 0));
    assert_eq!(submitted.changes.dropped, [dropped(&tx(1, 3), DropReason::Evicted)]);
    assert_eq!(chain.ready(), hashes([&tx(1, 0), &tx(1, 1), &tx(1, 2)]));
}

#[test]
fn an_organisation_holds_its_share_of_the_pool() {
    let mut chain = Chain::with(Limits { pool_txs: 8, ..Limits::default() }, 1..=4);
    (1..=3).for_each(|who| chain.join(who, 7));
    chain.ok(&tx(1, 0));
    chain.ok(&tx(2, 0));
    let full = Refused::OrganisationFull { txs: 2, bytes: 2 * tx(1, 0).wire_len() };
    chain.refused(&tx(3, 0), full);
    chain.ok(&tx(4, 0));
    // Its own lower extrinsic makes way for a higher one, not another's.
    let changes = chain.ok(&urgent(3, 0, 9)).changes;
    assert_eq!(changes.dropped, [dropped(&tx(2, 0), DropReason::Evicted)]);
    chain.block(&[tx(1, 0)]);
    chain.ok(&tx(2, 0));
}

#[test]
fn an_account_that_changes_organisation_frees_the_old_ones_share() {
    let mut chain = Chain::with(Limits { pool_txs: 4, ..Limits::default() }, 1..=3);
    chain.join(1, 7);
    chain.join(2, 7);
    chain.ok(&tx(1, 0));
    chain.refused(&tx(2, 0), Refused::OrganisationFull { txs: 1, bytes: tx(1, 0).wire_len() });
    chain.join(1, 8);
    chain.block(&[]);
    chain.ok(&tx(2, 0));
    chain.join(3, 8);
    chain.refused(&tx(3, 0), Refused::OrganisationFull { txs: 1, bytes: tx(1, 0).wire_len() });
}

#[test]
fn bare_extrinsics_have_a_bound_of_their_own() {
    let evidence = |n: u8| bare(call(9, n, 0, 0));
    let size = evidence(0).wire_len();
    let mut chain = Chain::new(Limits { bare_txs: 2, ..Limits::default() });
    chain.ok(&evidence(1));
    chain.ok(&evidence(2));
    chain.refused(&evidence(3), Refused::BareFull { txs: 2, bytes: 2 * size });
    chain.block_of(1);
    chain.ok(&evidence(3));
    let mut chain = Chain::new(Limits { bare_bytes: size, ..Limits::default() });
    chain.refused(&bare(call(9, 1, 0, 1)), Refused::BareFull { txs: 0, bytes: 0 });
    chain.ok(&evidence(1));
}

#[test]
fn of_bare_extrinsics_that_do_the_same_one_is_enough() {
    let report = |who: u8, filler: usize| bare(call(9, ONCE + who, 0, filler));
    let mut chain = Chain::new(Limits::default());
    chain.ok(&report(1, 0));
    chain.refused(&report(1, 1), Refused::AlreadyPending);
    chain.ok(&report(2, 1));
    // When the first one is gone another may come: the runtime says whether there is anything left to do.
    chain.block_of(1);
    chain.ok(&report(1, 1));
}

#[test]
fn a_full_pool_takes_only_what_ranks_above_something_in_it() {
    let mut chain = Chain::with(Limits { pool_txs: 3, ..Limits::default() }, 1..=6);
    chain.ok(&urgent(1, 0, 3));
    chain.ok(&urgent(2, 0, 2));
    chain.ok(&urgent(3, 0, 2));
    let bytes = 3 * tx(1, 0).wire_len();
    chain.refused(&urgent(4, 0, 2), Refused::PoolFull { txs: 3, bytes });
    // The lowest goes, the youngest of equals first.
    let changes = chain.ok(&urgent(4, 0, 3)).changes;
    assert_eq!(changes.dropped, [dropped(&urgent(3, 0, 2), DropReason::Evicted)]);
    let changes = chain.ok(&urgent(5, 0, 3)).changes;
    assert_eq!(changes.dropped, [dropped(&urgent(2, 0, 2), DropReason::Evicted)]);
    chain.refused(&urgent(6, 0, 3), Refused::PoolFull { txs: 3, bytes });
    // Having been evicted is held against nobody.
    chain.block_of(3);
    chain.ok(&urgent(3, 0, 2));
}

#[test]
fn a_pool_full_by_bytes_drops_as_many_as_it_takes_and_no_more() {
    let size = tx(1, 0).wire_len();
    let mut chain = Chain::with(Limits { pool_bytes: 4 * size, ..Limits::default() }, 1..=4);
    for who in 1..=4 {
        chain.ok(&tx(who, 0));
    }
    let large = signed(1, 1, call(9, 0, 0, size), true);
    let changes = chain.ok(&large).changes;
    assert_eq!(changes.dropped, [dropped(&tx(4, 0), DropReason::Evicted), dropped(&tx(3, 0), DropReason::Evicted)]);
    assert_eq!(chain.pool.status().bytes, 4 * size);
}

#[test]
fn eviction_never_opens_a_gap() {
    let mut chain = Chain::with(Limits { pool_txs: 3, ..Limits::default() }, [1, 2]);
    chain.ok(&urgent(1, 0, 1));
    chain.ok(&urgent(1, 1, 1));
    chain.ok(&urgent(1, 2, 5));
    // The account's last one outranks the newcomer, and shields those it stands on.
    chain.refused(&urgent(2, 0, 3), Refused::PoolFull { txs: 3, bytes: 3 * tx(1, 0).wire_len() });
    let changes = chain.ok(&urgent(2, 0, 6)).changes;
    assert_eq!(changes.dropped, [dropped(&urgent(1, 2, 5), DropReason::Evicted)]);
    assert_eq!(chain.pool.status().waiting, 0);
}

#[test]
fn what_waits_gives_way_to_what_is_ready() {
    let mut chain = Chain::with(Limits { pool_txs: 2, ..Limits::default() }, 1..=4);
    chain.ok(&tx(1, 5));
    chain.ok(&tx(2, 0));
    chain.refused(&tx(3, 5), Refused::PoolFull { txs: 2, bytes: tx(1, 5).wire_len() + tx(2, 0).wire_len() });
    assert_eq!(chain.ok(&tx(3, 0)).changes.dropped, [dropped(&tx(1, 5), DropReason::Evicted)]);
}

#[test]
fn an_account_never_evicts_what_its_own_extrinsic_stands_on() {
    let mut chain = Chain::with(Limits { pool_txs: 1, ..Limits::default() }, [1]);
    chain.ok(&tx(1, 0));
    chain.refused(&urgent(1, 1, 9), Refused::PoolFull { txs: 1, bytes: tx(1, 0).wire_len() });
}

#[test]
fn an_account_submits_100_a_second() {
    let mut chain = Chain::with(Limits::default(), [1, 2]);
    // Duplicates of one nonce cost the account its rate: each had to be verified.
    for filler in 0..100 {
        let _ = chain.submit(&signed(1, 0, call(1, 0, 0, filler), true));
    }
    let asked = chain.asked();
    chain.refused(&tx(1, 1), Refused::RateLimited { max: 100 });
    assert_eq!(chain.asked(), asked, "the runtime is not asked any more");
    chain.ok(&tx(2, 0));
    chain.now_ms = 1_000;
    chain.ok(&tx(1, 1));
}

#[test]
fn forgeries_do_not_use_up_the_rate_of_the_account_they_name() {
    let mut chain = Chain::with(Limits::default(), [1]);
    for filler in 0..200 {
        chain.refused(&signed(1, 0, call(1, 0, 0, filler), false), Refused::Invalid(InvalidTransaction::BadProof));
    }
    chain.ok(&tx(1, 0));
}

// After a block

#[test]
fn an_era_that_is_over_leaves_without_the_runtime_being_asked() {
    let mut chain = Chain::with(Limits { revalidations_per_block: 0, ..Limits::default() }, [1]);
    let mortal = signed(1, 0, call(1, 0, 4, 0), true);
    chain.ok(&mortal);
    assert!(chain.block(&[]).dropped.is_empty(), "block 3 may still hold it");
    assert_eq!(chain.block(&[]).dropped, [dropped(&mortal, DropReason::Expired)]);
}

#[test]
fn a_revoked_signer_loses_all_that_is_pending() {
    let mut chain = Chain::with(Limits { revalidations_per_block: 1, ..Limits::default() }, [1, 2]);
    for nonce in [0, 1, 2, 4] {
        chain.ok(&tx(1, nonce));
    }
    chain.ok(&tx(2, 0));
    chain.revoke(1);
    let unknown = DropReason::Invalid(InvalidTransaction::UnknownSigner);
    let changes = chain.block(&[]);
    assert_eq!(changes.dropped, [0, 1, 2, 4].map(|nonce| dropped(&tx(1, nonce), unknown)));
    assert_eq!(chain.ready(), [tx(2, 0).hash()]);
}

#[test]
fn what_follows_a_newly_invalid_one_waits_again() {
    let mut chain = Chain::with(Limits::default(), [1]);
    let barred = signed(1, 0, call(1, 66, 0, 0), true);
    chain.ok(&barred);
    chain.ok(&tx(1, 1));
    chain.bar(66);
    let changes = chain.block(&[]);
    let reason = DropReason::Invalid(InvalidTransaction::ExhaustsResources);
    assert_eq!((changes.dropped, changes.waiting), (vec![dropped(&barred, reason)], vec![tx(1, 1).hash()]));
    assert_eq!(chain.pool.next_nonce(&account(1)), Some(0));
}

#[test]
fn a_block_asks_the_runtime_a_bounded_number_of_times_and_all_in_turn() {
    let mut chain = Chain::with(Limits { revalidations_per_block: 4, ..Limits::default() }, 1..=10);
    for who in 1..=10 {
        chain.ok(&signed(who, 0, call(1, 66, 0, 0), true));
    }
    let mut asked = chain.asked();
    for _ in 0..5 {
        assert!(chain.block(&[]).dropped.is_empty());
        assert_eq!(chain.asked(), asked + 4);
        asked += 4;
    }
    chain.bar(66);
    let dropped: Vec<_> = (0..3).map(|_| chain.block(&[]).dropped.len()).collect();
    assert_eq!(dropped, [4, 4, 2], "three blocks reach all ten");
}

#[test]
fn what_building_found_invalid_leaves_and_what_came_early_stays() {
    let mut chain = Chain::with(Limits::default(), [1, 2]);
    chain.ok(&tx(1, 0));
    chain.ok(&tx(1, 1));
    chain.ok(&tx(2, 0));
    let changes = chain.pool.remove_invalid(&[
        (tx(1, 0).hash(), InvalidTransaction::Call),
        (tx(2, 0).hash(), InvalidTransaction::Future),
        (tx(9, 9).hash(), InvalidTransaction::Call),
    ]);
    assert_eq!(changes.dropped, [dropped(&tx(1, 0), DropReason::Invalid(InvalidTransaction::Call))]);
    assert_eq!(changes.waiting, [tx(1, 1).hash()]);
    assert_eq!(chain.ready(), [tx(2, 0).hash()]);
}

#[test]
fn a_signature_is_verified_once_however_many_blocks_pass() {
    let mut chain = Chain::with(Limits::default(), 1..=5);
    for who in 1..=5 {
        chain.ok(&tx(who, 0));
    }
    let asked = chain.asked();
    for _ in 0..10 {
        chain.block(&[]);
    }
    assert_eq!(chain.asked(), asked + 50, "all were asked about again");
    assert_eq!(chain.signatures_verified(), 5);
}

#[test]
fn a_verdict_outlives_its_extrinsic_by_some_blocks_only() {
    let limits = Limits { verdict_blocks: 2, ..Limits::default() };
    let mut chain = Chain::with(limits, [1]);
    let verified = chain.pool.verified();
    chain.ok(&tx(1, 0));
    let key = chain.pool.pending().next().unwrap().valid.signature_key.unwrap();
    assert!(verified.contains(&key));
    chain.block_of(1);
    chain.block(&[]);
    assert!(verified.contains(&key));
    chain.block(&[]);
    assert!(!verified.contains(&key));
    assert_eq!(chain.pool.status().verdicts, 0);
}

#[test]
fn a_signature_the_caller_verified_in_a_batch_is_not_verified_again() {
    let mut chain = Chain::with(Limits { verdict_blocks: 2, ..Limits::default() }, [1]);
    let parsed = Extrinsic::parse(&tx(1, 0));
    let Ok(Extrinsic::Signed(parsed)) = parsed else { panic!("it is signed") };
    let key = signature_key(&parsed.signer, &parsed.call, &parsed.signature);
    chain.pool.trust([key]);
    chain.ok(&tx(1, 0));
    assert_eq!(chain.signatures_verified(), 0);
    for _ in 0..5 {
        chain.block(&[]);
    }
    assert!(chain.pool.verified().contains(&key), "it lives as long as its extrinsic");
    chain.block_of(1);
    chain.pool.trust([key]);
    for _ in 0..2 {
        chain.block(&[]);
    }
    assert!(!chain.pool.verified().contains(&key));
}

#[test]
fn pending_shows_all_in_order_of_arrival() {
    let mut chain = Chain::with(Limits::default(), [1, 2]);
    let all = [tx(2, 3), tx(1, 0), bare(call(1, 1, 0, 0))];
    all.iter().for_each(|raw| drop(chain.ok(raw)));
    let pending: Vec<_> = chain.pool.pending().map(|pending| (pending.extrinsic.clone(), pending.ready)).collect();
    assert_eq!(pending, all.into_iter().zip([false, true, true]).collect::<Vec<_>>());
    let status = chain.pool.status();
    assert_eq!((status.ready, status.waiting, status.accounts), (2, 1, 2));
}

#[test]
fn fifty_hostile_accounts_of_one_organisation_delay_nobody_else() {
    let mut chain = Chain::with(Limits { submissions_per_second: 10_000, ..Limits::default() }, 0..=60);
    (0..50).for_each(|who| chain.join(who, 7));
    let mut accepted = 0;
    for who in 0..50 {
        for nonce in 0..40 {
            for filler in [0, 1, 2_000] {
                accepted += usize::from(chain.submit(&signed(who, nonce, call(1, 0, 0, filler), true)).is_ok());
            }
        }
    }
    assert_eq!(accepted, chain.pool.limits().organisation_txs());
    for who in 50..60 {
        chain.ok(&tx(who, 0));
    }
    let mut blocks = 0;
    while (50..60).any(|who| chain.pool.contains(&tx(who, 0).hash())) {
        chain.block_of(1_000);
        blocks += 1;
    }
    assert!(blocks <= 3, "{blocks} blocks");
    while chain.pool.has_ready() {
        chain.block_of(1_000);
    }
    assert_eq!(chain.pool.status().bytes, 0, "the pool empties when the load stops");
}
