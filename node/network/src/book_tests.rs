//! The addresses of peers: what is believed, kept and dialled.

use super::*;
use crate::limits::{REDIAL_MAX, REDIAL_VALIDATOR_MAX};

const OWN: PeerKey = PeerKey([5; 32]);
const SMALL: PeerKey = PeerKey([1; 32]);
const LARGE: PeerKey = PeerKey([9; 32]);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn address(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

fn record(peer: PeerKey, number: u64, port: u16) -> Record {
    let addresses = vec![address(&format!("/ip4/10.0.0.1/tcp/{port}"))];
    Record { peer, number, addresses, bytes: number.to_le_bytes().to_vec() }
}

fn due(book: &mut Book, now: Instant) -> Vec<PeerKey> {
    book.due(now, |_| true).into_iter().map(|(peer, _)| peer).collect()
}

#[test]
fn a_bootnode_is_dialled_at_once_and_then_ever_more_slowly() {
    let mut now = Instant::now();
    let mut book = Book::new(OWN);
    book.boot(SMALL, address("/ip4/10.0.0.1/tcp/1"), now);
    for wait in [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000] {
        assert_eq!(due(&mut book, now), [SMALL]);
        assert_eq!(due(&mut book, now), [], "it is being dialled");
        book.failed(SMALL, now, REDIAL_MAX, 0);
        assert_eq!(due(&mut book, now + ms(wait - 1)), []);
        now += ms(wait);
    }
}

#[test]
fn the_wait_is_between_half_and_one_and_a_half_of_its_step_and_never_above_half_a_minute() {
    let wait = |failures, jitter| wait(failures, REDIAL_MAX, jitter);
    assert_eq!((wait(0, 0), wait(0, 0xffff)), (ms(250), ms(750)));
    assert_eq!((wait(3, 0), wait(3, 0xffff)), (ms(2_000), ms(6_000)));
    assert_eq!((wait(u32::MAX, 0), wait(u32::MAX, u32::MAX)), (ms(15_000), REDIAL_MAX));
}

#[test]
fn two_validators_wait_for_each_other_between_two_and_four_seconds_however_often_it_failed() {
    let wait = |failures, jitter| wait(failures, REDIAL_VALIDATOR_MAX, jitter);
    assert_eq!((wait(0, 0), wait(0, 0xffff)), (ms(250), ms(750)));
    assert_eq!((wait(u32::MAX, 0), wait(u32::MAX, u32::MAX)), (ms(2_000), ms(4_000)));
}

#[test]
fn a_good_connection_makes_the_wait_short_again_and_one_that_broke_at_once_does_not() {
    let mut now = Instant::now();
    let mut book = Book::new(OWN);
    book.boot(SMALL, address("/ip4/10.0.0.1/tcp/1"), now);
    for _ in 0..6 {
        book.failed(SMALL, now, REDIAL_MAX, 0);
    }
    now += REDIAL_MAX;
    assert_eq!(due(&mut book, now), [SMALL]);
    book.connected(SMALL, now);
    assert_eq!(due(&mut book, now + REDIAL_MAX), []);
    book.gone(SMALL, GOOD_AFTER - ms(1), now, REDIAL_MAX, 0);
    assert_eq!(due(&mut book, now + ms(14_999)), []);
    assert_eq!(due(&mut book, now + ms(15_000)), [SMALL]);
    book.gone(SMALL, GOOD_AFTER, now, REDIAL_MAX, 0);
    assert_eq!(due(&mut book, now + ms(250)), [SMALL]);
}

#[test]
fn of_two_peers_that_hear_of_each_other_the_smaller_key_dials_first() {
    let now = Instant::now();
    let mut book = Book::new(OWN);
    assert!(book.learn(record(SMALL, 1, 1), false, true, now));
    assert!(book.learn(record(LARGE, 1, 1), false, true, now));
    assert_eq!(due(&mut book, now), [LARGE]);
    assert_eq!(due(&mut book, now + REDIAL_MIN), [SMALL]);
}

#[test]
fn an_older_record_is_not_news_unless_the_peer_itself_brings_it() {
    let now = Instant::now();
    let mut book = Book::new(OWN);
    assert!(book.learn(record(SMALL, 5, 5), false, true, now));
    assert!(!book.learn(record(SMALL, 5, 5), false, true, now));
    assert!(!book.learn(record(SMALL, 4, 4), false, true, now));
    assert!(book.learn(record(SMALL, 4, 4), true, true, now));
    assert!(!book.learn(record(SMALL, 4, 4), true, true, now), "the same again");
    assert!(book.learn(record(SMALL, 6, 6), false, true, now));
    let found = book.due(now + REDIAL_MIN, |_| true);
    assert_eq!(found, [(SMALL, vec![address("/ip4/10.0.0.1/tcp/6")])]);
}

#[test]
fn a_peer_at_a_new_address_is_not_waited_for_as_long_as_at_the_old_one() {
    let now = Instant::now();
    let mut book = Book::new(OWN);
    book.learn(record(LARGE, 1, 1), false, true, now);
    for _ in 0..9 {
        book.failed(LARGE, now, REDIAL_MAX, 0);
    }
    assert_eq!(due(&mut book, now + ms(1)), []);
    book.learn(record(LARGE, 2, 2), false, true, now);
    assert_eq!(due(&mut book, now + ms(1)), [LARGE]);
}

#[test]
fn nobody_dials_itself_or_whom_the_list_does_not_name() {
    let now = Instant::now();
    let mut book = Book::new(OWN);
    book.boot(OWN, address("/ip4/10.0.0.1/tcp/1"), now);
    assert!(!book.learn(record(OWN, 1, 1), true, true, now));
    book.learn(record(LARGE, 1, 1), false, false, now);
    assert_eq!(book.due(now, |_| false), []);
    assert_eq!(due(&mut book, now), [LARGE]);
}

#[test]
fn records_of_peers_off_the_list_are_few() {
    let now = Instant::now();
    let mut book = Book::new(OWN);
    let peer = |n: u8| PeerKey([n; 32]);
    let learnt = (100..200).filter(|n| book.learn(record(peer(*n), 1, 1), false, false, now)).count();
    assert_eq!(learnt, UNLISTED_RECORDS_MAX);
    assert!(book.learn(record(SMALL, 1, 1), false, true, now), "a listed one always has room");
    book.retain(|peer| *peer == SMALL);
    assert_eq!(book.records(None, |_| true).len(), UNLISTED_RECORDS_MAX + 1);
    assert_eq!(book.records(Some(&SMALL), |peer| *peer == SMALL).len(), 0);
    assert_eq!(book.records(None, |peer| *peer == SMALL).len(), 1);
}

#[test]
fn only_addresses_that_others_can_dial_are_shown() {
    let all = [
        "/ip4/0.0.0.0/tcp/1",
        "/ip4/127.0.0.1/tcp/1",
        "/ip4/10.0.0.1/tcp/0",
        "/ip4/10.0.0.1/tcp/1",
        "/ip4/10.0.0.1/tcp/1",
        "/dns4/node.example/tcp/1",
        "/ip6/ff02::1/tcp/1",
        "/memory/5",
    ];
    let found = shown(all.map(address));
    assert_eq!(found, [address("/ip4/10.0.0.1/tcp/1"), address("/dns4/node.example/tcp/1")]);
    assert_eq!(shown(all[..2].iter().map(|text| address(text))), [address("/ip4/127.0.0.1/tcp/1")]);
    let many = (1..=20).map(|port| address(&format!("/ip4/10.0.0.1/tcp/{port}")));
    assert_eq!(shown(many).len(), ADDRESSES_MAX);
}

#[test]
fn an_ipv4_address_inside_ipv6_is_the_same_host() {
    assert_eq!(host(&address("/ip6/::ffff:10.0.0.1/tcp/1")), host(&address("/ip4/10.0.0.1/tcp/9")));
    assert_eq!(host(&address("/dns4/node.example/tcp/1")), None);
}
