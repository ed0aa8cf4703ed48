//! Nonces of requests: given out, taken back once, forgotten after a minute.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use salus_client::door::{NONCE_LIFE, Refusal, RequestNonce};

use crate::refused::Refused;

/// The nonces that wait for their request.
#[derive(Debug)]
pub struct Nonces {
    table: Mutex<Table>,
    max: usize,
    max_per_address: usize,
}

#[derive(Debug, Default)]
struct Table {
    waiting: HashSet<RequestNonce>,
    /// Those of the last minute, used or not, oldest first: until when, and who has it.
    given: VecDeque<(u64, RequestNonce, Option<IpAddr>)>,
    /// How many of these each address has.
    counts: HashMap<IpAddr, usize>,
}

impl Table {
    fn forget(&mut self, now: u64) {
        while let Some((until, nonce, address)) = self.given.front().copied()
            && until <= now
        {
            self.given.pop_front();
            self.waiting.remove(&nonce);
            if let Some(address) = address
                && let Some(count) = self.counts.get_mut(&address)
            {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&address);
                }
            }
        }
    }
}

impl Nonces {
    /// None given out yet; at most `max` a minute, and `max_per_address` to one address.
    pub fn new(max: usize, max_per_address: usize) -> Self {
        Self { table: Mutex::default(), max, max_per_address }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A nonce for `address`; none for this machine, whose proxy speaks for many.
    ///
    /// # Errors
    /// [`Refusal::TooManyNonces`].
    pub fn give(&self, now: u64, address: Option<IpAddr>) -> Result<RequestNonce, Refused> {
        let nonce = RequestNonce::fresh().map_err(|error| Refused::internal("making a nonce", &error))?;
        let mut table = self.table();
        table.forget(now);
        if table.given.len() >= self.max {
            let message = format!("{} nonces were given out within a minute", self.max);
            return Err(Refused::new(Refusal::TooManyNonces, message));
        }
        if let Some(address) = address {
            let count = table.counts.entry(address).or_default();
            if *count >= self.max_per_address {
                let message = format!("{} nonces were given to this address within a minute", self.max_per_address);
                return Err(Refused::new(Refusal::TooManyNonces, message));
            }
            *count += 1;
        }
        table.given.push_back((now.saturating_add(NONCE_LIFE), nonce, address));
        table.waiting.insert(nonce);
        Ok(nonce)
    }

    /// Does this nonce wait for its request?
    pub fn waits(&self, now: u64, nonce: RequestNonce) -> bool {
        let mut table = self.table();
        table.forget(now);
        table.waiting.contains(&nonce)
    }

    /// Use the nonce up. Was it there? Only the first who asks hears yes.
    pub fn take(&self, now: u64, nonce: RequestNonce) -> bool {
        let mut table = self.table();
        table.forget(now);
        table.waiting.remove(&nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const THERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));

    #[test]
    fn a_nonce_serves_once() {
        let nonces = Nonces::new(8, 8);
        let nonce = nonces.give(0, HERE).unwrap();
        assert!(nonces.waits(1, nonce));
        assert!(nonces.take(1, nonce));
        assert!(!nonces.waits(1, nonce));
        assert!(!nonces.take(1, nonce));
    }

    #[test]
    fn a_nonce_waits_a_minute_and_no_longer() {
        let nonces = Nonces::new(8, 8);
        let (first, second) = (nonces.give(0, None).unwrap(), nonces.give(0, None).unwrap());
        assert!(nonces.take(NONCE_LIFE - 1, first));
        assert!(!nonces.take(NONCE_LIFE, second));
    }

    #[test]
    fn a_nonce_nobody_gave_out_is_not_taken() {
        assert!(!Nonces::new(8, 8).take(0, RequestNonce([1; 16])));
    }

    #[test]
    fn the_table_is_bounded_and_used_nonces_count_until_their_minute_is_over() {
        let nonces = Nonces::new(3, 3);
        for _ in 0..3 {
            let nonce = nonces.give(0, None).unwrap();
            assert!(nonces.take(0, nonce));
        }
        assert_eq!(nonces.give(NONCE_LIFE - 1, None).unwrap_err().refusal, Refusal::TooManyNonces);
        assert!(nonces.give(NONCE_LIFE, None).is_ok());
    }

    #[test]
    fn one_address_does_not_use_up_the_nonces_of_others() {
        let nonces = Nonces::new(8, 2);
        nonces.give(0, HERE).unwrap();
        nonces.give(0, HERE).unwrap();
        assert_eq!(nonces.give(0, HERE).unwrap_err().refusal, Refusal::TooManyNonces);
        assert!(nonces.give(0, THERE).is_ok());
        assert!(nonces.give(NONCE_LIFE, HERE).is_ok());
    }
}
