//! The background task: what is done when.

use core::{future::Future, pin::pin, time::Duration};

use futures::TryStreamExt as _;
use salus_primitives::Moment;

use super::{Keeper, RECEIPT_WRAP_KEPT_MS, scrub};
use crate::store::{Holder, StoreError, now};

/// How often what waits for the chain or for a copy is looked at, unless the configuration says otherwise.
pub const EVERY: Duration = Duration::from_secs(60);
/// In how many of those rounds damage is looked for and repaired.
const REPAIR_EVERY: u64 = 60;
/// In how many of those rounds everything is looked through.
const LOOK_EVERY: u64 = 24 * 60;

/// Keep a store in order until `stop` ends, with a round every `every`. Whatever it is at then is left as a crash would
/// leave it, which is safe.
pub async fn run(keeper: Keeper, every: Duration, stop: impl Future<Output = ()>) {
    let work = pin!(work(&keeper, every));
    let stop = pin!(stop);
    futures::future::select(work, stop).await;
}

async fn work(keeper: &Keeper, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut round: u64 = 0;
    loop {
        ticks.tick().await;
        keeper.settle_all(now()).await;
        if round.is_multiple_of(REPAIR_EVERY) {
            told("scrubbing", scrub(&keeper.store, keeper.us, false, now(), |_| {}).await);
            told("repairing", keeper.repair_all(false, now(), || {}).await);
        }
        if round.is_multiple_of(LOOK_EVERY) {
            told("looking through the store", keeper.look_through(now()).await);
            told("fetching what was lost", Ok(keeper.fetch_lost(now()).await));
        }
        round += 1;
    }
}

fn told<T: core::fmt::Debug>(doing: &str, done: Result<T, StoreError>) {
    match done {
        Ok(done) => tracing::info!(?done, "{doing}"),
        Err(error) => tracing::error!(%error, "{doing} failed, it is tried again"),
    }
}

impl Keeper {
    /// Settle every place, whether or not it is known to need it: a record may have been erased, another process may
    /// have left work. Wraps of receipts that are long over are destroyed. Gives how many places could not be settled.
    ///
    /// # Errors
    /// That the store failed.
    pub async fn look_through(&self, now: Moment) -> Result<usize, StoreError> {
        let (mut entries, mut failed) = (self.store.list(), 0);
        while let Some(entry) = entries.try_next().await? {
            for (index, written) in entry.receipts {
                if now.since(Moment(written)) >= RECEIPT_WRAP_KEPT_MS {
                    self.store.remove_wrap(entry.place, Holder::Receipt(index)).await?;
                }
            }
            if !entry.shredded
                && let Err(error) = self.settle(entry.place, now).await
            {
                failed += 1;
                tracing::warn!(place = %entry.place, %error, "could not look after a record, it is tried again");
            }
        }
        Ok(failed)
    }
}
