//! How much each caller has under way at once, and how much they upload in a day.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use salus_client::door::Refusal;
use salus_primitives::{AccountId, Moment};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{limits::Limits, refused::Refused};

/// What a caller is doing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Doing {
    /// Moving a blob.
    Transfer,
    /// Anything else.
    Request,
}

/// Counts what callers have under way.
#[derive(Clone, Debug)]
pub struct Turns {
    counts: Arc<Mutex<HashMap<(AccountId, Doing), u32>>>,
    transfers: Arc<Semaphore>,
    limits: [(Doing, u32); 2],
}

/// A caller's turn, over when it is dropped.
#[derive(Debug)]
pub struct Turn {
    counts: Arc<Mutex<HashMap<(AccountId, Doing), u32>>>,
    who: (AccountId, Doing),
    _transfer: Option<OwnedSemaphorePermit>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turns {
    /// Nothing is under way.
    pub fn new(limits: &Limits) -> Self {
        Self {
            counts: Arc::default(),
            transfers: Arc::new(Semaphore::new(limits.transfers)),
            limits: [(Doing::Transfer, limits.transfers_per_caller), (Doing::Request, limits.requests_per_caller)],
        }
    }

    /// A turn for `account`.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when the caller, or all callers together, have too many.
    pub fn take(&self, account: AccountId, doing: Doing) -> Result<Turn, Refused> {
        let transfer =
            match doing {
                Doing::Request => None,
                Doing::Transfer => Some(self.transfers.clone().try_acquire_owned().map_err(|_| {
                    Refused::new(Refusal::Busy, "the gateway has as many transfers under way as it takes")
                })?),
            };
        let max = self.limits.iter().find(|(known, _)| *known == doing).map_or(0, |(_, max)| *max);
        let who = (account, doing);
        let mut counts = lock(&self.counts);
        let count = counts.entry(who).or_default();
        if *count >= max {
            return Err(Refused::new(Refusal::Busy, format!("the caller has {max} requests of this sort under way")));
        }
        *count += 1;
        Ok(Turn { counts: self.counts.clone(), who, _transfer: transfer })
    }

    /// Transfers under way.
    pub fn transfers(&self) -> u32 {
        lock(&self.counts).iter().filter(|((_, doing), _)| *doing == Doing::Transfer).map(|(_, count)| count).sum()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.who);
            }
        }
    }
}

/// Bytes that callers uploaded today, by the gateway's clock and since it started.
#[derive(Debug, Default)]
pub struct Uploads(Mutex<(u32, HashMap<AccountId, u64>)>);

impl Uploads {
    /// Count `bytes` more for `account`, unless that is more than `max` in a day.
    ///
    /// # Errors
    /// [`Refusal::QuotaFull`].
    pub fn add(&self, now: u64, account: AccountId, bytes: u64, max: u64) -> Result<(), Refused> {
        let mut uploads = lock(&self.0);
        let today = Moment(now).day();
        if uploads.0 != today {
            *uploads = (today, HashMap::new());
        }
        let used = uploads.1.entry(account).or_default();
        if used.saturating_add(bytes) > max {
            let message = format!("the caller uploaded {used} bytes today, {bytes} more exceed {max}");
            return Err(Refused::new(Refusal::QuotaFull, message));
        }
        *used += bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::time::DAY;

    const ME: AccountId = AccountId([1; 32]);
    const YOU: AccountId = AccountId([2; 32]);

    fn turns() -> Turns {
        Turns::new(&Limits { transfers: 3, transfers_per_caller: 2, requests_per_caller: 1, ..Limits::default() })
    }

    #[test]
    fn a_caller_has_so_many_turns_and_gets_them_back() {
        let turns = turns();
        let first = turns.take(ME, Doing::Transfer).unwrap();
        let _second = turns.take(ME, Doing::Transfer).unwrap();
        assert_eq!(turns.take(ME, Doing::Transfer).unwrap_err().refusal, Refusal::Busy);
        assert!(turns.take(ME, Doing::Request).is_ok(), "other sorts are counted apart");
        drop(first);
        assert!(turns.take(ME, Doing::Transfer).is_ok());
    }

    #[test]
    fn all_callers_together_have_so_many_transfers() {
        let turns = turns();
        let _mine = [turns.take(ME, Doing::Transfer).unwrap(), turns.take(ME, Doing::Transfer).unwrap()];
        let yours = turns.take(YOU, Doing::Transfer).unwrap();
        assert_eq!(turns.transfers(), 3);
        assert_eq!(turns.take(YOU, Doing::Transfer).unwrap_err().refusal, Refusal::Busy);
        drop(yours);
        assert!(turns.take(YOU, Doing::Transfer).is_ok());
    }

    #[test]
    fn the_days_uploads_are_bounded_and_forgotten_the_next_day() {
        let uploads = Uploads::default();
        uploads.add(0, ME, 60, 100).unwrap();
        assert_eq!(uploads.add(1, ME, 41, 100).unwrap_err().refusal, Refusal::QuotaFull);
        uploads.add(1, ME, 40, 100).unwrap();
        uploads.add(1, YOU, 100, 100).unwrap();
        uploads.add(DAY, ME, 100, 100).unwrap();
        assert!(uploads.add(DAY, ME, u64::MAX, 100).is_err());
    }
}
