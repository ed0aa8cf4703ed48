//! Which sockets belong together, and how many of them there are.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The address that limits count by; none for this machine, where a proxy speaks for many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer(pub Option<IpAddr>);

impl Peer {
    /// An IPv4 address written as IPv6 is the IPv4 one, and an IPv6 network of 64 bits, which one household gets, is
    /// one.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            address if address.is_loopback() => None,
            IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64)))),
            v4 => Some(v4),
        })
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
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more socket, none when the address has `max`.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, max: usize) -> Option<Place> {
        let mut places = self.lock();
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
        let mut places = self.places.lock();
        if let Some(taken) = places.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                places.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        Peer::of(text.parse().unwrap())
    }

    #[test]
    fn addresses_are_counted_as_one_where_one_household_has_them() {
        assert_eq!(peer("::ffff:10.0.0.7"), peer("10.0.0.7"));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:2"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
    }

    #[test]
    fn this_machine_counts_for_nobody() {
        for text in ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(peer(text), Peer(None), "{text}");
        }
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
}
