//! Which sockets belong together, how many of them there are, and how fast they may ask.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::connection::lock;

/// The address a limit counts by: an IPv4 address written as IPv6 is the IPv4 one, and an IPv6 network of 64 bits,
/// which one household gets, is one.
pub(super) fn who(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let network = u128::from(v6) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        canonical => canonical,
    }
}

/// How many sockets each address has.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<IpAddr, usize>>);

/// A socket's place among those of its address; given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// A place for one more socket, none when the address has `max`.
    pub fn take(self: &Arc<Self>, address: IpAddr, max: usize) -> Option<Place> {
        let mut places = lock(&self.0);
        let taken = places.entry(address).or_default();
        if *taken >= max {
            return None;
        }
        *taken += 1;
        Some(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = lock(&self.places.0);
        if let Some(taken) = places.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                places.remove(&self.address);
            }
        }
    }
}

/// Addresses whose rate is remembered; beyond that, the idle ones are forgotten, which only favours them.
const REMEMBERED: usize = 4_096;

/// So many a second for each address, with a second's worth at once.
#[derive(Debug)]
pub(super) struct Rate {
    interval: Duration,
    /// When each address will have earned back all it used.
    earned: Mutex<HashMap<IpAddr, Instant>>,
}

impl Rate {
    /// `per_second` for each address.
    pub fn new(per_second: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), earned: Mutex::default() }
    }

    /// May this address do one more now?
    pub fn allows(&self, address: IpAddr, now: Instant) -> bool {
        let mut earned = lock(&self.earned);
        if earned.len() >= REMEMBERED && !earned.contains_key(&address) {
            earned.retain(|_, at| *at > now);
            if earned.len() >= REMEMBERED {
                return false;
            }
        }
        let at = earned.entry(address).or_insert(now);
        let next = (*at).max(now) + self.interval;
        if next > now + Duration::from_secs(1) {
            return false;
        }
        *at = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_in_ipv6_dress_is_the_same_address() {
        assert_eq!(who("::ffff:10.0.0.7".parse().unwrap()), "10.0.0.7".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_its_neighbour_as_another() {
        let who = |text: &str| super::who(text.parse().unwrap());
        assert_eq!(who("2001:db8::1"), who("2001:db8::ffff:2"));
        assert_ne!(who("2001:db8::1"), who("2001:db8:0:1::1"));
        assert_eq!(who("::1"), "::1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_place_is_free_again_when_its_socket_is_gone() {
        let (places, address) = (Arc::<Places>::default(), IpAddr::from([10, 0, 0, 1]));
        let first = places.take(address, 1);
        assert!(first.is_some());
        assert!(places.take(address, 1).is_none());
        assert!(places.take(IpAddr::from([10, 0, 0, 2]), 1).is_some());
        drop(first);
        assert!(places.take(address, 1).is_some());
    }

    #[test]
    fn a_rate_allows_a_second_at_once_and_then_as_time_passes() {
        let (rate, address, start) = (Rate::new(10), IpAddr::from([10, 0, 0, 1]), Instant::now());
        let allowed = |at| (0..100).filter(|_| rate.allows(address, at)).count();
        assert_eq!(allowed(start), 10);
        assert_eq!(allowed(start + Duration::from_millis(300)), 3);
        assert_eq!(allowed(start + Duration::from_secs(60)), 10);
    }
}
