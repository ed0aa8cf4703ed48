//! The patient's log: what it hashes, what the patient lists, and what is cleared away.

use parity_scale_codec::Encode;
use salus_primitives::{
    patient_log::LogHead,
    time::{DAY, MINUTE},
};

use super::*;
use crate::history;

#[test]
fn the_head_is_over_every_fact_in_order() {
    let mut world = World::new();
    let (_, denied) = world.open(&[1]);
    world.grant(world.permit());
    let (_, opened) = world.open(&[1, 3]);
    world.chain.advance(MINUTE);
    let call = world.serving(1, 0b10);
    world.chain.ok(account(ARCHIVE_KEY), call);
    let release = Release {
        height: world.chain.height(),
        at: world.chain.now(),
        receipt: 1,
        custodian: ARCHIVE,
        entries: 0b10,
        digest: Hash([5; 32]),
        late: false,
        after_revocation: 0,
    };
    let mut expected = LogHead::default();
    for fact in [Fact::Denied(denied), Fact::Opened(opened), Fact::Served(release)] {
        expected.push(&world.chain.genesis(), &world.patient, &fact.encode());
    }
    assert_eq!(world.log(), expected);
    assert_eq!(world.log().count, 3);
}

#[test]
fn a_patient_lists_who_looked_or_tried_when_why_and_under_which_rule() {
    let mut world = World::new();
    world.open(&[1]);
    let rule = world.grant(world.permit());
    world.chain.advance(MINUTE);
    world.open(&[1, 3]);
    let call = world.serving(1, 0b11);
    world.chain.ok(account(GATEWAY_KEY), call);
    world.open(&[2]);
    let listed: Vec<_> = history(world.chain.state(), world.patient)
        .map(|(index, receipt)| (index, receipt.opener, receipt.purpose, receipt.entries[0].verdict))
        .collect();
    let surgeon = Subject::Practitioner(SURGEON);
    assert_eq!(
        listed,
        [
            (0, surgeon, Purpose::Treatment, no(Reason::NoConsent)),
            (1, surgeon, Purpose::Treatment, by(rule)),
            (3, surgeon, Purpose::Treatment, by(rule)),
        ]
    );
    assert!(history(world.chain.state(), STRANGER).next().is_none());
}

#[test]
fn receipts_stay_ninety_days_and_then_two_go_with_each_fact_oldest_first() {
    let mut world = World::new();
    world.grant(world.permit());
    for _ in 0..5 {
        world.open(&[1]);
    }
    world.chain.advance(DAY);
    world.open(&[1]);
    let indexes =
        |world: &World| history(world.chain.state(), world.patient).map(|(index, _)| index).collect::<Vec<_>>();
    world.chain.advance(89 * DAY - 1);
    world.open(&[1]);
    assert_eq!((world.log().first, indexes(&world)), (0, (0..7).collect()));
    world.chain.advance(1);
    world.open(&[1]);
    assert_eq!((world.log().first, indexes(&world)), (2, (2..8).collect()));
    world.open(&[1]);
    world.open(&[1]);
    assert_eq!((world.log().first, indexes(&world)), (5, (5..10).collect()), "the sixth is younger");
    assert_eq!(world.log().count, 10);
}

#[test]
fn the_places_of_reports_are_cleared_away_too() {
    let mut world = World::new();
    world.grant(world.permit());
    for index in [0, 2, 4] {
        world.open(&[1]);
        let call = world.serving(index, 1);
        world.chain.ok(account(GATEWAY_KEY), call);
    }
    world.chain.advance(90 * DAY);
    for (first, kept) in [(2, vec![2, 4, 6]), (4, vec![4, 6, 7]), (6, vec![6, 7, 8]), (6, vec![6, 7, 8, 9])] {
        world.open(&[1]);
        let listed: Vec<u32> = history(world.chain.state(), world.patient).map(|(index, _)| index).collect();
        assert_eq!((world.log().first, listed), (first, kept));
    }
}
