//! The pool against a model that keeps one list and recomputes everything from it.

use proptest::{prelude::*, test_runner::RngSeed};
use salus_pool::{DropReason, Limits, Refused};
use salus_primitives::{Hash, RawExtrinsic};

use crate::toy::{Chain, account, bare, call, signed};

const LIMITS: Limits = Limits {
    extrinsic_bytes: 400,
    pool_txs: 12,
    pool_bytes: 1_700,
    account_txs: 4,
    account_bytes: 600,
    nonce_ahead: 5,
    organisation_percent: 50,
    bare_txs: 2,
    bare_bytes: 100,
    submissions_per_second: u32::MAX,
    waiting_blocks: 4,
    revalidations_per_block: usize::MAX,
    seen_hashes: 1_000,
    verdict_blocks: 3,
    verdicts_retired: 8,
};

#[derive(Clone, Debug)]
enum Op {
    Submit { who: u8, ahead: i8, priority: u8, filler: usize, life: u8, good: bool },
    Bare { tag: u8, priority: u8 },
    Block { of: usize, foreign: u8 },
    Revoke { who: u8 },
    Register { who: u8 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0u8..6, -1i8..7, 0u8..4, 0usize..150, 0u8..8, prop::bool::weighted(0.95))
            .prop_map(|(who, ahead, priority, filler, life, good)| Op::Submit { who, ahead, priority, filler, life, good }),
        2 => (0u8..9, 0u8..4).prop_map(|(tag, priority)| Op::Bare { tag, priority }),
        3 => (0usize..6, 0u8..12).prop_map(|(of, foreign)| Op::Block { of, foreign }),
        1 => (0u8..6).prop_map(|who| Op::Revoke { who }),
        2 => (0u8..6).prop_map(|who| Op::Register { who }),
    ]
}

#[derive(Clone, Debug)]
struct Tx {
    raw: RawExtrinsic,
    who: Option<u8>,
    nonce: u32,
    priority: u8,
    expires: u32,
    order: u64,
    /// Height since which it waits, none when it is ready.
    waits: Option<u32>,
}

impl Tx {
    fn bytes(&self) -> usize {
        self.raw.wire_len()
    }

    fn organisation(&self) -> Option<u8> {
        // Accounts 0 to 3 are of organisations 0 and 1, the others of none.
        self.who.filter(|who| *who < 4).map(|who| who % 2)
    }
}

#[derive(Default)]
struct Model {
    txs: Vec<Tx>,
    nonces: [Option<u32>; 6],
    included: Vec<Hash>,
    height: u32,
    orders: u64,
}

impl Model {
    fn has(&self, who: Option<u8>, nonce: u32) -> bool {
        self.txs.iter().any(|tx| tx.who == who && tx.nonce == nonce)
    }

    fn is_ready(&self, tx: &Tx) -> bool {
        let Some(who) = tx.who else { return true };
        (self.nonces[usize::from(who)].unwrap_or(0)..=tx.nonce).all(|nonce| self.has(tx.who, nonce))
    }

    /// The highest priority of those that follow it without a gap, itself included.
    fn inherited(&self, tx: &Tx) -> u8 {
        let next = self.txs.iter().find(|other| tx.who.is_some() && other.who == tx.who && other.nonce == tx.nonce + 1);
        tx.priority.max(next.map_or(0, |next| self.inherited(next)))
    }

    fn judge(&mut self) {
        for index in 0..self.txs.len() {
            let ready = self.is_ready(&self.txs[index]);
            let waits = &mut self.txs[index].waits;
            *waits = if ready { None } else { Some(waits.unwrap_or(self.height)) };
        }
    }

    fn ready(&self) -> Vec<Hash> {
        let mut left: Vec<_> = self.txs.iter().filter(|tx| tx.waits.is_none()).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let heads = left.iter().filter(|tx| {
                tx.who.is_none() || !left.iter().any(|other| other.who == tx.who && other.nonce < tx.nonce)
            });
            let first = heads.max_by_key(|tx| (self.inherited(tx), std::cmp::Reverse(tx.order))).unwrap().order;
            order.push(left.iter().find(|tx| tx.order == first).unwrap().raw.hash());
            left.retain(|tx| tx.order != first);
        }
        order
    }

    /// What a submission does: none when it is refused, else what it drops.
    fn submit(&mut self, mut tx: Tx, good: bool) -> Option<Vec<Hash>> {
        let hash = tx.raw.hash();
        if self.txs.iter().any(|other| other.raw == tx.raw) || self.included.contains(&hash) {
            return None;
        }
        if tx.expires != 0 && tx.expires <= self.height + 1 {
            return None;
        }
        if let Some(who) = tx.who {
            let next = self.nonces[usize::from(who)]?;
            if !good || tx.nonce < next || tx.nonce > next + LIMITS.nonce_ahead {
                return None;
            }
        }
        let mut kept = self.txs.clone();
        if tx.who.is_some() && kept.iter().any(|o| o.who == tx.who && o.nonce == tx.nonce && o.priority >= tx.priority)
        {
            return None;
        }
        kept.retain(|other| tx.who.is_none() || other.who != tx.who || other.nonce != tx.nonce);
        let fits = |kept: &[Tx], of: &dyn Fn(&Tx) -> bool, txs: usize, bytes: usize| {
            let held: Vec<_> = kept.iter().filter(|tx| of(tx)).collect();
            held.len() < txs && held.iter().map(|tx| tx.bytes()).sum::<usize>() + tx.bytes() <= bytes
        };
        let is_tail = |kept: &[Tx], o: &Tx| {
            let last = o.who.is_none() || !kept.iter().any(|x| x.who == o.who && x.nonce > o.nonce);
            last && !(tx.who.is_some() && o.who == tx.who && o.nonce < tx.nonce)
        };
        let same = |o: &Tx| o.who == tx.who;
        let (own_txs, own_bytes) = match tx.who {
            Some(_) => (LIMITS.account_txs, LIMITS.account_bytes),
            None => (LIMITS.bare_txs, LIMITS.bare_bytes),
        };
        while !fits(&kept, &same, own_txs, own_bytes) {
            let tail = kept.iter().find(|o| tx.who.is_some() && same(o) && is_tail(&kept, o))?.order;
            kept.retain(|o| o.order != tail);
        }
        let rank = {
            let with = Self { txs: [&self.txs[..], &[tx.clone()]].concat(), nonces: self.nonces, ..Self::default() };
            (with.inherited(&tx), with.is_ready(&tx))
        };
        let in_organisation = |o: &Tx| tx.organisation().is_some() && o.organisation() == tx.organisation();
        for whole_pool in [false, true] {
            let scope = |o: &Tx| whole_pool || in_organisation(o);
            let (txs, bytes) = if whole_pool {
                (LIMITS.pool_txs, LIMITS.pool_bytes)
            } else {
                (LIMITS.organisation_txs(), LIMITS.organisation_bytes())
            };
            while !fits(&kept, &scope, txs, bytes) {
                let tails = kept.iter().filter(|o| scope(o) && is_tail(&kept, o));
                let lowest = tails.min_by_key(|o| (o.priority, o.waits.is_none(), std::cmp::Reverse(o.order)))?;
                if (lowest.priority, lowest.waits.is_none()) >= rank {
                    return None;
                }
                let lowest = lowest.order;
                kept.retain(|o| o.order != lowest);
            }
        }
        let gone = |o: &&Tx| !kept.iter().any(|k| k.order == o.order);
        let mut dropped: Vec<_> = self.txs.iter().filter(gone).map(|o| o.raw.hash()).collect();
        dropped.sort();
        tx.order = self.orders;
        self.orders += 1;
        self.txs = kept;
        self.txs.push(tx);
        self.judge();
        Some(dropped)
    }

    fn block(&mut self, extrinsics: &[RawExtrinsic], nonces: [Option<u32>; 6]) {
        self.height += 1;
        self.nonces = nonces;
        self.included.extend(extrinsics.iter().map(RawExtrinsic::hash));
        self.txs.retain(|tx| !extrinsics.contains(&tx.raw));
        let late = |tx: &Tx, model: &Self| {
            let waits = tx.waits.filter(|_| !model.is_ready(tx));
            tx.expires != 0 && tx.expires <= model.height + 1
                || waits.is_some_and(|since| model.height - since >= LIMITS.waiting_blocks)
                || tx.who.is_some_and(|who| nonces[usize::from(who)].is_none_or(|next| tx.nonce < next))
        };
        let late: Vec<_> = self.txs.iter().filter(|tx| late(tx, self)).map(|tx| tx.order).collect();
        self.txs.retain(|tx| !late.contains(&tx.order));
        self.judge();
    }
}

fn run(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut chain = Chain::with(LIMITS, 0..6);
    (0..4).for_each(|who| chain.join(who, who % 2));
    // A revoked account keeps its nonce for the day it is registered again.
    let mut last_nonce = [0u32; 6];
    let mut model = Model { nonces: [Some(0); 6], height: 1, ..Model::default() };
    for op in ops {
        match op {
            Op::Submit { .. } | Op::Bare { .. } => {
                let (tx, good) = match op {
                    Op::Submit { who, ahead, priority, filler, life, good } => {
                        let nonce = last_nonce[usize::from(who)].saturating_add_signed(i32::from(ahead));
                        let expires = if life == 0 { 0 } else { (model.height + u32::from(life)).min(255) };
                        let raw = signed(who, nonce, call(priority, 0, expires as u8, filler), good);
                        (Tx { raw, who: Some(who), nonce, priority, expires, order: 0, waits: None }, good)
                    }
                    Op::Bare { tag, priority } => {
                        let raw = bare(call(priority, tag, 0, 30));
                        (Tx { raw, who: None, nonce: 0, priority, expires: 0, order: 0, waits: None }, true)
                    }
                    _ => unreachable!(),
                };
                let answer = chain.submit(&tx.raw);
                let outcome = answer.as_ref().ok().map(|submitted| {
                    let mut dropped: Vec<_> = submitted.changes.dropped.iter().map(|dropped| dropped.hash).collect();
                    dropped.sort();
                    dropped
                });
                let unexpected = matches!(answer, Err(Refused::RateLimited { .. } | Refused::Malformed(_)));
                prop_assert!(!unexpected);
                prop_assert_eq!(outcome, model.submit(tx, good), "{:?}", answer);
            }
            Op::Block { of, foreign } => {
                let mut extrinsics: Vec<_> = chain.pool.ready().take(of).cloned().collect();
                if let Some(nonce) = chain.nonce(foreign).filter(|_| foreign < 6) {
                    let own = signed(foreign, nonce, call(9, 0, 0, 0), true);
                    if !extrinsics.iter().any(|raw| raw.0[2] == foreign && raw.0[0] == 0x84) {
                        extrinsics.push(own);
                    }
                }
                let before: Vec<_> = chain.pool.pending().map(|pending| pending.hash).collect();
                let changes = chain.block(&extrinsics);
                let nonces = [0, 1, 2, 3, 4, 5].map(|who| chain.nonce(who));
                (0..6).for_each(|who| last_nonce[who] = nonces[who].unwrap_or(last_nonce[who]));
                model.block(&extrinsics, nonces);
                let left = changes.included.len() + changes.dropped.len();
                prop_assert_eq!(before.len() - left, model.txs.len(), "each that left is reported once: {:?}", changes);
                prop_assert!(changes.dropped.iter().all(|dropped| dropped.reason != DropReason::Evicted));
            }
            Op::Revoke { who } => {
                chain.revoke(who);
                chain.block(&[]);
                model.block(&[], [0, 1, 2, 3, 4, 5].map(|who| chain.nonce(who)));
            }
            Op::Register { who } => {
                chain.register_at(who, last_nonce[usize::from(who)]);
                model.nonces[usize::from(who)] = chain.nonce(who);
            }
        }
        let mut pending: Vec<_> = chain.pool.pending().map(|pending| pending.hash).collect();
        let mut expected: Vec<_> = model.txs.iter().map(|tx| tx.raw.hash()).collect();
        pending.sort();
        expected.sort();
        prop_assert_eq!(pending, expected);
        prop_assert_eq!(chain.ready(), model.ready());
        let status = chain.pool.status();
        prop_assert_eq!(status.bytes, model.txs.iter().map(Tx::bytes).sum::<usize>());
        prop_assert_eq!(status.waiting, model.txs.iter().filter(|tx| tx.waits.is_some()).count());
        prop_assert!(status.bytes <= LIMITS.pool_bytes && model.txs.len() <= LIMITS.pool_txs);
        prop_assert!(status.verdicts <= LIMITS.pool_txs + LIMITS.verdicts_retired);
        prop_assert_eq!(chain.pool.has_ready(), !chain.ready().is_empty());
        for who in 0..6u8 {
            let pending = model.txs.iter().any(|tx| tx.who == Some(who));
            let next = pending.then(|| (model.nonces[usize::from(who)].unwrap()..).find(|n| !model.has(Some(who), *n)));
            prop_assert_eq!(chain.pool.next_nonce(&account(who)), next.flatten());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

    #[test]
    fn the_pool_does_what_the_model_does(ops in prop::collection::vec(op(), 100)) {
        run(ops)?;
    }
}
