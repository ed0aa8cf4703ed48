//! Two connections with one peer become one.

use super::*;

fn connections(of: &[(usize, bool, Instant)]) -> Vec<Connection> {
    of.iter()
        .map(|(id, dialled, since)| Connection {
            id: ConnectionId::new_unchecked(*id),
            dialled: *dialled,
            since: *since,
        })
        .collect()
}

#[test]
fn of_two_connections_made_at_once_both_sides_keep_the_one_that_the_smaller_key_dialled() {
    let start = Instant::now();
    let later = start + Duration::from_millis(30);
    // Connection 1 was dialled by the smaller key, connection 2 by the other, and they see them in another order.
    let here = connections(&[(1, true, start), (2, false, later)]);
    let there = connections(&[(2, true, start), (1, false, later)]);
    assert_eq!(choose(&here, true), Some(ConnectionId::new_unchecked(1)));
    assert_eq!(choose(&there, false), Some(ConnectionId::new_unchecked(1)));
}

#[test]
fn a_much_newer_connection_replaces_one_that_must_be_dead() {
    let start = Instant::now();
    let later = start + SIMULTANEOUS_WITHIN;
    for own_is_smaller in [true, false] {
        for dialled in [true, false] {
            let both = connections(&[(1, !dialled, start), (2, dialled, later)]);
            assert_eq!(choose(&both, own_is_smaller), Some(ConnectionId::new_unchecked(2)));
        }
    }
}

#[test]
fn without_connections_there_is_nothing_to_choose() {
    assert_eq!(choose(&[], true), None);
}
