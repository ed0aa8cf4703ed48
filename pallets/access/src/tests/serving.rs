//! Reports of releases.

use parity_scale_codec::Encode;
use salus_primitives::{
    Window,
    time::{DAY, MINUTE},
};
use salus_records::{
    storage::FormerCustodians,
    types::{Former, Place},
};
use salus_registry::{Standing, types::OrganisationStatus};
use salus_support::{Class, Pallet};

use super::*;
use crate::Error;

/// A world in which the surgeon opened records 1 and 3.
fn opened() -> (World, RuleRef) {
    let mut world = World::new();
    let rule = world.grant(world.permit());
    world.open(&[1, 3]);
    (world, rule)
}

impl World {
    /// The flags of the last report.
    #[track_caller]
    fn flags(&self) -> (bool, u64) {
        match self.chain.events() {
            [RuntimeEvent::Access(Event::Served { late, after_revocation, .. }), ..] => (*late, *after_revocation),
            events => panic!("one report was expected: {events:?}"),
        }
    }
}

#[test]
fn a_custodian_reports_what_it_released() {
    let (mut world, _) = opened();
    let call = world.serving(0, 0b01);
    world.chain.ok(account(GATEWAY_KEY), call);
    world.chain.emitted(Event::Served {
        patient: world.patient,
        fact: 1,
        receipt: 0,
        custodian: HOSPITAL,
        entries: 0b01,
        late: false,
        after_revocation: 0,
    });
    let served: Vec<ServedBy> = world.receipt(0).entries.iter().map(|entry| entry.served).collect();
    assert_eq!(served, [ServedBy::FIRST, ServedBy::default()]);
    assert_eq!(world.log().count, 2);
}

#[test]
fn both_custodians_report_an_entry_each_once() {
    let (mut world, _) = opened();
    for caller in [account(GATEWAY_KEY), account(ARCHIVE_KEY)] {
        let call = world.serving(0, 0b10);
        world.chain.ok(caller, call.clone()).refused(caller, call, Error::AlreadyServed);
    }
    assert_eq!(world.receipt(0).entries[1].served, ServedBy::FIRST.with(ServedBy::SECOND));
    // What is new does not carry what was reported.
    let call = world.serving(0, 0b11);
    world.chain.refused(account(GATEWAY_KEY), call, Error::AlreadyServed);
    let call = world.serving(0, 0b01);
    world.chain.ok(account(GATEWAY_KEY), call);
}

#[test]
fn only_a_gateway_of_a_custodian_of_each_entry_reports() {
    let (mut world, _) = opened();
    let call = world.serving(0, 0b10);
    world.chain.refused(account(UNBOUND_KEY), call.clone(), Error::NotRegistered);
    for caller in [account(REGISTRAR_KEY), account(1), account(DOCTOR_KEY), world.me] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    world.chain.refused(account(CLINIC_GATEWAY_KEY), call.clone(), Error::NotCustodian);
    let both = world.serving(0, 0b11);
    world.chain.refused(account(ARCHIVE_KEY), both, Error::NotCustodian);
    world.chain.ok(account(ARCHIVE_KEY), call);
}

#[test]
fn who_kept_a_record_when_it_was_opened_and_who_took_it_over_report_each_once() {
    let (mut world, _) = opened();
    let until = world.chain.advance(MINUTE).now();
    let former = Former { organisation: HOSPITAL, place: Place::First, until };
    let key = (world.patient, record_id(1));
    world.chain.prepare(|state| {
        FormerCustodians::insert(state, &key, &BoundedVec::try_from(vec![former]).unwrap());
    });
    world.file(1, |record| record.custodian = CLINIC);
    for caller in [account(GATEWAY_KEY), account(CLINIC_GATEWAY_KEY)] {
        let call = world.serving(0, 0b01);
        world.chain.ok(caller, call.clone()).refused(caller, call, Error::AlreadyServed);
    }
    assert_eq!(world.receipt(0).entries[0].served, ServedBy::FIRST.with(ServedBy::LATER_FIRST));
    let call = world.serving(0, 0b01);
    world.chain.refused(account(ARCHIVE_KEY), call, Error::NotCustodian);

    world.chain.advance(MINUTE);
    let (later, _) = world.open(&[1]);
    let call = world.serving(later, 1);
    world.chain.refused(account(GATEWAY_KEY), call.clone(), Error::NotCustodian).ok(account(CLINIC_GATEWAY_KEY), call);
    assert_eq!(world.receipt(later).entries[0].served, ServedBy::FIRST);
}

#[test]
fn a_report_names_a_receipt_and_entries_there_are() {
    let (mut world, _) = opened();
    let call = world.serving(1, 1);
    world.chain.refused(account(GATEWAY_KEY), call, Error::NoSuchReceipt);
    for entries in [0, 0b100, 0b101, u64::MAX] {
        let call = world.serving(0, entries);
        world.chain.refused(account(GATEWAY_KEY), call, Error::BadEntries);
    }
    // A report is a fact, not a receipt.
    let call = world.serving(0, 1);
    world.chain.ok(account(GATEWAY_KEY), call);
    let call = world.serving(1, 1);
    world.chain.refused(account(GATEWAY_KEY), call, Error::NoSuchReceipt);
}

#[test]
fn an_entry_of_an_unknown_record_has_no_custodian() {
    let mut world = World::new();
    world.open(&[77]);
    let call = world.serving(0, 1);
    world.chain.refused(account(GATEWAY_KEY), call, Error::NotCustodian);
}

#[test]
fn a_late_report_is_taken_and_flagged() {
    let (mut world, _) = opened();
    world.chain.advance(15 * MINUTE - 1);
    let call = world.serving(0, 0b01);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags(), (false, 0));
    world.chain.advance(1);
    let call = world.serving(0, 0b10);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags(), (true, 0), "being late alone is no revocation");
    let (mut world, _) = opened();
    world.chain.advance(80 * DAY);
    let call = world.serving(0, 0b11);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags(), (true, 0));
}

#[test]
fn a_late_report_is_judged_by_the_receipts_last_moment() {
    let flags = |lasts: u64| {
        let mut world = World::new();
        let now = world.chain.now();
        world.grant(Terms { window: Window { from: now, until: now.plus(lasts) }, ..world.permit() });
        world.open(&[1]);
        world.chain.advance(DAY);
        let call = world.serving(0, 1);
        world.chain.ok(account(GATEWAY_KEY), call);
        world.flags()
    };
    assert_eq!(flags(15 * MINUTE), (true, 0), "the rule outlasted the receipt");
    assert_eq!(flags(15 * MINUTE - 1), (true, 1), "the rule ran out before the receipt did");
}

#[test]
fn a_report_after_a_revocation_an_erasure_or_a_suspension_carries_the_flag() {
    let flags = |change: &dyn Fn(&mut World, RuleRef)| {
        let (mut world, rule) = opened();
        change(&mut world, rule);
        let call = world.serving(0, 0b11);
        world.chain.ok(account(GATEWAY_KEY), call);
        world.flags()
    };
    assert_eq!(flags(&|_, _| {}), (false, 0));
    assert_eq!(flags(&|world, rule| world.revoke(rule)), (false, 0b11));
    assert_eq!(flags(&|world, _| world.file(3, |record| record.status = RecordStatus::Erased)), (false, 0b10));
    let suspended = flags(&|world, _| registry::set_status(&mut world.chain, CLINIC, OrganisationStatus::Suspended));
    assert_eq!(suspended, (false, 0b11));
    let both = flags(&|world, rule| {
        world.revoke(rule);
        world.chain.advance(DAY);
    });
    assert_eq!(both, (true, 0b11));
}

#[test]
fn a_report_on_a_rule_used_up_by_the_receipt_itself_carries_no_flag() {
    let mut world = World::new();
    world.grant(Terms { max_uses: Some(1), ..world.permit() });
    world.open(&[1]);
    let call = world.serving(0, 1);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags(), (false, 0));
}

#[test]
fn a_release_of_what_was_denied_is_written_down_with_its_flag() {
    let mut world = World::new();
    world.open(&[1]);
    // Even where it would be permitted by now.
    world.grant(world.permit());
    let call = world.serving(0, 1);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags(), (false, 1));
}

#[test]
fn a_suspended_organisation_reports_and_a_removed_one_does_not() {
    let (mut world, _) = opened();
    registry::set_status(&mut world.chain, HOSPITAL, OrganisationStatus::Suspended);
    let call = world.serving(0, 0b01);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags(), (false, 0), "it is the opener's organisation that must be active");
    registry::set_status(&mut world.chain, HOSPITAL, OrganisationStatus::Removed);
    let call = world.serving(0, 0b10);
    world.chain.refused(account(GATEWAY_KEY), call, Error::NotActive(Standing::OrganisationRemoved));
}

#[test]
fn a_report_is_protected() {
    let cost =
        |entries| crate::Access::cost(&Call::Serve { patient: STRANGER, receipt: 0, entries, digest: Hash::ZERO });
    assert_eq!(cost(1).class, Class::Protected);
    assert!(cost(u64::MAX).weight > cost(1).weight);
}

#[test]
fn every_error_encodes_to_at_most_four_bytes() {
    let longest = [
        Error::Rule(salus_consent::Error::Patient(salus_patients::Problem::Frozen)).encode(),
        Error::Rule(salus_consent::Error::BadTerms(salus_consent::Fault::Kinds)).encode(),
        Error::NotActive(Standing::NotAffiliated).encode(),
    ];
    assert!(longest.iter().all(|bytes| bytes.len() <= 4));
}

#[test]
fn a_report_earns_its_custodian_a_credit_for_each_record_that_was_permitted() {
    let (mut world, rule) = opened();
    let call = world.serving(0, 0b01);
    let earned = salus_credits::Event::Earned { organisation: HOSPITAL, user: CLINIC, credits: 1 };
    world.chain.ok(account(GATEWAY_KEY), call).emitted(earned);
    let call = world.serving(0, 0b10);
    world.chain.ok(account(ARCHIVE_KEY), call);
    world.revoke(rule);
    let call = world.serving(0, 0b10);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags(), (false, 0b10));
    let balances = [HOSPITAL, ARCHIVE, CLINIC].map(|of| salus_credits::balance(world.chain.state(), of));
    assert_eq!(balances, [1, 1, 0], "what is revoked earns nothing");
}

#[test]
fn a_hospitals_own_doctor_earns_it_nothing() {
    let mut world = World::new();
    let terms = permit(world.chain.now(), Grantee::Practitioner(DOCTOR, HOSPITAL));
    world.grant(terms);
    let open =
        Call::Open { patient: world.patient, organisation: HOSPITAL, purpose: Purpose::Treatment, records: ids(&[1]) };
    world.chain.ok(account(DOCTOR_KEY), open);
    let call = world.serving(0, 1);
    world.chain.ok(account(GATEWAY_KEY), call);
    assert_eq!(world.flags(), (false, 0));
    assert_eq!(salus_credits::balance(world.chain.state(), HOSPITAL), 0);
}
