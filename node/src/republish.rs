//! Offers the pool to peers that come. Whoever was not connected when an extrinsic was published has not heard of it,
//! and nobody says it twice: one that a node took while it was alone would wait for that node's turn to propose, and
//! for ever where the node has no turn.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use salus_engine::{Chain, Ledger};
use salus_pool::Pool;
use salus_primitives::{Hash, RawExtrinsic};
use tracing::info;

use crate::network::Link;

/// How often to look for new peers, and how long between two portions.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Bytes of one portion: an eighth of what a node publishes in a second, so that new extrinsics hardly wait.
const PORTION: usize = 256 * 1024;

/// What is still to be published again.
#[derive(Default)]
struct Rest(VecDeque<Hash>);

impl Rest {
    /// Begin with everything that is pending.
    fn begin(&mut self, pool: &Pool) {
        self.0 = pool.pending().map(|pending| pending.hash).collect();
    }

    /// The next extrinsics of at most `bytes`, one at least. What left the pool meanwhile is passed over.
    fn portion(&mut self, pool: &Pool, bytes: usize) -> Vec<RawExtrinsic> {
        let (mut portion, mut room) = (Vec::new(), bytes);
        while let Some(hash) = self.0.pop_front() {
            let Some(pending) = pool.get(&hash) else { continue };
            let length = pending.extrinsic.wire_len();
            if length > room && !portion.is_empty() {
                self.0.push_front(hash);
                break;
            }
            room = room.saturating_sub(length);
            portion.push(pending.extrinsic.clone());
        }
        portion
    }
}

/// Publish what is pending again, portion by portion, whenever somebody came who listens. Those who come meanwhile wait
/// for the next run, so that peers that come and go cannot keep the end of the pool from its turn.
pub async fn to_those_who_come<L: Ledger>(chain: Arc<Chain<L>>, link: Link) {
    let mut rest = Rest::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if rest.0.is_empty() && link.somebody_came() {
            rest.begin(&chain.pool());
            if !rest.0.is_empty() {
                info!(extrinsics = rest.0.len(), "a peer came: what is pending is published again");
            }
        }
        let portion = rest.portion(&chain.pool(), PORTION);
        for extrinsic in portion {
            link.handle().publish(extrinsic);
        }
    }
}

#[cfg(test)]
#[path = "republish_tests.rs"]
mod tests;
