//! Grant and revoke: what they write, and each refusal.

use parity_scale_codec::Encode;
use salus_patients::Problem;
use salus_primitives::{
    Moment, Window,
    time::{DAY, YEAR},
};
use salus_registry::{Standing, storage::Organisations, types::OrganisationStatus};
use salus_support::Pallet;

use super::*;
use crate::{Call, Consent, Error, Event, Fault, record_uses};

#[test]
fn a_patient_grants_and_the_rule_lies_in_the_grantees_page() {
    let mut world = World::new();
    let terms = world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL));
    let rule = world.grant(terms.clone());
    world.chain.emitted(Event::Granted { patient: world.patient, rule, replaced: None });
    let page = world.page(GranteeKey::Practitioner(DOCTOR, HOSPITAL)).unwrap();
    let children = BoundedVec::new();
    let made = Rule { id: 0, terms, uses: None, origin: Origin::Patient, labelled_only: false, children };
    assert_eq!(page.to_vec(), [made]);
    assert_eq!(world.ledger(), Ledger { next_id: 1, pages: 1 });
}

#[test]
fn a_patient_denies_and_numbers_count_up_over_all_pages() {
    let mut world = World::new();
    world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    let rule = world.grant(world.deny(Grantee::Everyone));
    assert_eq!(rule.id, 1);
    world.chain.emitted(Event::DenySet { patient: world.patient, rule, replaced: None });
    assert_eq!(world.ledger(), Ledger { next_id: 2, pages: 2 });
}

#[test]
fn nobody_grants_for_a_patient() {
    let mut world = World::new();
    let other = world.other();
    let session = world.session(Subject::Patient(world.patient));
    let call = world.call(world.permit(Grantee::Organisation(HOSPITAL)));
    let stranger = account(99);
    world.chain.refused(stranger, call.clone(), Error::NotRegistered);
    for caller in [account(DOCTOR_KEY), account(REGISTRAR_KEY), account(1), other.account(), session] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
}

#[test]
fn a_frozen_patient_revokes_but_does_not_grant() {
    let mut world = World::new();
    let rule = world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    let freeze = salus_patients::Call::StatusSet {
        patient: world.patient,
        to: salus_patients::types::Change::Freeze,
        cosign: Default::default(),
    };
    world.chain.ok(world.me, freeze);
    let call = world.call(world.permit(Grantee::Organisation(CLINIC)));
    world.chain.refused(world.me, call, Error::Patient(Problem::Frozen));
    world.chain.ok(world.me, world.revoke(single(&[rule])));
}

#[test]
fn a_rule_that_is_not_well_formed_is_refused_with_its_fault() {
    let mut world = World::new();
    let organisation = Grantee::Organisation(HOSPITAL);
    let nurse = Grantee::Attribute(Attribute { organisation: HOSPITAL, speciality: None, role: Some(7) });
    let nothing = Grantee::Attribute(Attribute { organisation: HOSPITAL, speciality: None, role: None });
    let permit = world.permit(organisation);
    let deny = world.deny(organisation);
    let scope = |change: &dyn Fn(&mut Scope), terms: &Terms| {
        let mut terms = terms.clone();
        change(&mut terms.scope);
        terms
    };
    let add = Actions::of(&[Action::Add]);
    let amend = Actions::of(&[Action::View, Action::Amend]);
    let no_redisclose = Obligations { no_redisclose: true, ..Obligations::default() };
    let erase_by = |at| Obligations { erase_by: Some(Moment(at)), ..Obligations::default() };
    let cases = [
        (scope(&|s| s.kinds = Kinds::NONE, &permit), Fault::Kinds),
        (scope(&|s| s.kinds = Kinds(1 << 9), &permit), Fault::Kinds),
        (scope(&|s| s.records = records(&[]), &permit), Fault::Records),
        (scope(&|s| s.records = records(&[1, 1]), &permit), Fault::Records),
        (scope(&|s| s.any_of = tags(&[1, 1]), &permit), Fault::Tags),
        (scope(&|s| s.none_of = tags(&[1, 1]), &permit), Fault::Tags),
        (scope(&|s| (s.any_of, s.none_of) = (tags(&[1]), tags(&[1])), &permit), Fault::Tags),
        (scope(&|s| s.none_of = tags(&[1]), &deny), Fault::NoneOf),
        (Terms { purposes: Purposes::NONE, ..permit.clone() }, Fault::Purposes),
        (Terms { purposes: Purposes(1 << 9), ..permit.clone() }, Fault::Purposes),
        (Terms { actions: Actions::NONE, ..permit.clone() }, Fault::Actions),
        (Terms { actions: Actions(1 << 4), ..permit.clone() }, Fault::Actions),
        (Terms { max_uses: Some(0), ..permit.clone() }, Fault::Uses),
        (Terms { grantee: Grantee::Everyone, ..permit.clone() }, Fault::Everyone),
        (Terms { grantee: nurse, actions: add, ..permit.clone() }, Fault::AddByAttribute),
        (Terms { grantee: nurse, actions: amend, ..permit.clone() }, Fault::AddByAttribute),
        (Terms { grantee: nothing, ..permit.clone() }, Fault::Attribute),
        (Terms { max_uses: Some(1), ..deny.clone() }, Fault::DenyLimited),
        (Terms { obligations: no_redisclose, ..deny.clone() }, Fault::DenyLimited),
        (Terms { obligations: erase_by(permit.window.until.0 - 1), ..permit.clone() }, Fault::EraseBy),
        (Terms { obligations: erase_by(0), ..permit.clone() }, Fault::EraseBy),
    ];
    for (terms, fault) in cases {
        let call = world.call(terms);
        world.chain.refused(world.me, call, Error::BadTerms(fault));
    }
    // What those cases border on is allowed.
    for terms in [
        Terms { grantee: nurse, ..permit.clone() },
        Terms { actions: Actions::ALL, purposes: Purposes::ALL, max_uses: Some(1), ..permit.clone() },
        Terms { grantee: nurse, ..deny.clone() },
        Terms { obligations: erase_by(permit.window.until.0), ..permit.clone() },
        scope(&|s| s.any_of = tags(&[1, 2]), &Terms { grantee: Grantee::Everyone, ..deny }),
    ] {
        world.grant(terms);
    }
}

#[test]
fn a_window_ends_within_five_years_and_is_not_over_yet() {
    let mut world = World::new();
    let now = world.chain.now();
    let five_years = now.plus(5 * YEAR);
    let with = |world: &World, from: Moment, until: Moment| {
        world.call(Terms { window: Window { from, until }, ..world.permit(Grantee::Organisation(HOSPITAL)) })
    };
    let earlier = Moment(now.0 - DAY);
    for (from, until) in [
        (now, now),
        (now.plus(2), now.plus(1)),
        (earlier, now),
        (now, Moment(u64::MAX)),
        (now, five_years.plus(1)),
        (earlier, five_years),
        (five_years, five_years.plus(1)),
    ] {
        let call = with(&world, from, until);
        world.chain.refused(world.me, call, Error::BadWindow);
    }
    for (from, until) in [(now, five_years), (earlier, now.plus(1)), (now.plus(DAY), five_years)] {
        let call = with(&world, from, until);
        world.chain.ok(world.me, call);
    }
}

#[test]
fn a_rule_speaks_only_to_whom_the_register_knows() {
    let mut world = World::new();
    for grantee in [
        Grantee::Organisation(NOWHERE),
        Grantee::Practitioner(DOCTOR, NOWHERE),
        Grantee::Practitioner(NOBODY, HOSPITAL),
        Grantee::Attribute(Attribute { organisation: NOWHERE, speciality: Some(1), role: None }),
    ] {
        let call = world.call(world.permit(grantee));
        world.chain.refused(world.me, call, Error::UnknownGrantee);
    }
}

#[test]
fn a_grant_takes_the_place_of_another_rule_in_the_same_page_or_elsewhere() {
    let mut world = World::new();
    let (hospital, clinic) = (Grantee::Organisation(HOSPITAL), Grantee::Organisation(CLINIC));
    let first = world.grant(world.permit(hospital));
    let replace =
        |world: &World, terms: Terms, old: RuleRef| Call::Grant { patient: world.patient, terms, replaces: Some(old) };
    let call = replace(&world, world.deny(hospital), first);
    world.chain.ok(world.me, call);
    let second = RuleRef { grantee: hospital.key(), id: 1 };
    world.chain.emitted(Event::DenySet { patient: world.patient, rule: second, replaced: Some(first) });
    assert_eq!(world.ids(hospital.key()), [1]);

    let call = replace(&world, world.permit(clinic), second);
    world.chain.ok(world.me, call);
    let third = RuleRef { grantee: clinic.key(), id: 2 };
    world.chain.emitted(Event::Granted { patient: world.patient, rule: third, replaced: Some(second) });
    assert_eq!((world.page(hospital.key()), world.ids(clinic.key())), (None, vec![2]));
    assert_eq!(world.ledger(), Ledger { next_id: 3, pages: 1 });

    for absent in [first, second, RuleRef { grantee: clinic.key(), id: 1 }] {
        let call = replace(&world, world.permit(clinic), absent);
        world.chain.refused(world.me, call, Error::NoSuchRule);
    }
}

#[test]
fn a_page_holds_sixteen_rules_and_those_that_are_over_make_room() {
    let mut world = World::new();
    let now = world.chain.now();
    let hospital = Grantee::Organisation(HOSPITAL);
    let short = Terms { window: Window { from: now, until: now.plus(DAY) }, ..world.permit(hospital) };
    world.grant(short);
    for _ in 1..16 {
        world.grant(world.permit(hospital));
    }
    let call = world.call(world.permit(hospital));
    world.chain.refused(world.me, call.clone(), Error::PageFull);
    let replacing = Call::Grant {
        patient: world.patient,
        terms: world.permit(hospital),
        replaces: Some(RuleRef { grantee: hospital.key(), id: 15 }),
    };
    world.chain.ok(world.me, replacing);
    world.chain.advance(DAY).ok(world.me, call);
    assert_eq!(world.ids(hospital.key()), (1..15).chain(16..18).collect::<Vec<_>>());
}

#[test]
fn a_rule_that_is_used_up_makes_room_only_when_no_receipt_can_rest_on_it() {
    let mut world = World::new();
    let hospital = Grantee::Organisation(HOSPITAL);
    let rule = world.grant(Terms { max_uses: Some(1), ..world.permit(hospital) });
    let (patient, now) = (world.patient, world.chain.now());
    world.chain.prepare(|state| record_uses(state, now, patient, &[rule]));
    world.chain.advance(RECEIPT_LIFE - 1);
    world.grant(world.permit(hospital));
    assert_eq!(world.ids(hospital.key()), [0, 1]);
    world.chain.advance(1);
    world.grant(world.permit(hospital));
    assert_eq!(world.ids(hospital.key()), [1, 2]);
}

#[test]
fn a_page_never_takes_more_than_two_kibibytes_however_its_rules_are_used() {
    let mut world = World::new();
    let hospital = Grantee::Organisation(HOSPITAL);
    let many: Vec<u8> = (0..50).collect();
    let mut large = Terms { max_uses: Some(9), ..world.permit(hospital) };
    large.scope.records = records(&many);
    let mut rules = vec![world.grant(large.clone()), world.grant(large.clone())];
    let call = world.call(large);
    world.chain.refused(world.me, call, Error::PageFull);
    // Small rules with a limit fill the rest: the room that their uses will take is kept free.
    let small = Terms { max_uses: Some(2), ..world.permit(hospital) };
    while world.chain.call(world.me, world.call(small.clone())).is_ok() {
        rules.push(RuleRef { grantee: hospital.key(), id: world.ledger().next_id - 1 });
    }
    let (patient, now) = (world.patient, world.chain.now());
    world.chain.prepare(|state| record_uses(state, now, patient, &rules));
    let page = world.page(hospital.key()).unwrap();
    assert!(page.iter().all(|rule| rule.uses.is_some()));
    assert!((PAGE_BYTES_MAX - 100..=PAGE_BYTES_MAX).contains(&page.encoded_size()), "{}", page.encoded_size());
}

#[test]
fn a_patient_has_rules_about_256_grantees_at_most() {
    let mut world = World::new();
    let hospital = Organisations::get(world.chain.state(), &HOSPITAL).unwrap();
    let id = |number: u16| {
        OrganisationId([number.to_be_bytes()[0], number.to_be_bytes()[1], 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7])
    };
    world.chain.prepare(|state| {
        for number in 0..=256 {
            Organisations::insert(state, &id(number), &hospital);
        }
    });
    for number in 0..256 {
        world.grant(world.permit(Grantee::Organisation(id(number))));
    }
    let terms = world.permit(Grantee::Organisation(id(256)));
    let call = world.call(terms.clone());
    world.chain.refused(world.me, call.clone(), Error::TooMany);
    // One more about a grantee who has a page is no new page; nor is one in place of another page's last rule.
    let more = world.grant(world.permit(Grantee::Organisation(id(0))));
    let last = RuleRef { grantee: GranteeKey::Organisation(id(1)), id: 1 };
    world.chain.refused(
        world.me,
        Call::Grant { patient: world.patient, terms: terms.clone(), replaces: Some(more) },
        Error::TooMany,
    );
    world.chain.ok(world.me, Call::Grant { patient: world.patient, terms, replaces: Some(last) });
    assert_eq!(world.ledger().pages, 256);
    let page = world.revoke(whole(&[GranteeKey::Organisation(id(5))]));
    world.chain.ok(world.me, page);
    assert_eq!(world.ledger().pages, 255);
}

#[test]
fn a_patient_revokes_single_rules_and_whole_pages() {
    let mut world = World::new();
    let (hospital, clinic) = (Grantee::Organisation(HOSPITAL), Grantee::Organisation(CLINIC));
    let rules: Vec<RuleRef> =
        [hospital, hospital, clinic, hospital].map(|grantee| world.grant(world.permit(grantee))).to_vec();
    let denied = world.grant(world.deny(hospital));
    let by = Subject::Patient(world.patient);
    let revoked = |world: &World, grantee: Grantee, ids: &[u32]| Event::Revoked {
        patient: world.patient,
        grantee: grantee.key(),
        rules: BoundedVec::try_from(ids.to_vec()).unwrap(),
        by,
    };

    world.chain.ok(world.me, world.revoke(single(&[rules[0], rules[2], rules[3], rules[0]])));
    let (one, two) = (revoked(&world, hospital, &[0, 3]), revoked(&world, clinic, &[2]));
    world.chain.emitted(one).emitted(two);
    assert_eq!((world.ids(hospital.key()), world.page(clinic.key())), (vec![1, denied.id], None));
    assert_eq!(world.ledger(), Ledger { next_id: 5, pages: 1 });

    world.chain.ok(world.me, world.revoke(whole(&[clinic.key(), hospital.key()])));
    let all = revoked(&world, hospital, &[1, 4]);
    world.chain.emitted(all);
    assert_eq!(world.ledger(), Ledger { next_id: 5, pages: 0 });
}

#[test]
fn what_is_gone_already_does_not_stop_the_rest_of_a_revocation() {
    let mut world = World::new();
    let rule = world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    let gone = RuleRef { id: 77, ..rule };
    world.chain.ok(world.me, world.revoke(single(&[gone, rule])));
    for nothing in [single(&[rule]), single(&[]), whole(&[rule.grantee]), whole(&[])] {
        let call = world.revoke(nothing);
        world.chain.refused(world.me, call, Error::NoSuchRule);
    }
}

#[test]
fn nobody_else_revokes_a_patients_rules() {
    let mut world = World::new();
    let other = world.other();
    let session = world.session(Subject::Patient(world.patient));
    let own = world.grant(world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)));
    let organisations = world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    let everyones = world.grant(world.deny(Grantee::Everyone));
    let stranger = account(99);
    let call = world.revoke(single(&[own]));
    world.chain.refused(stranger, call.clone(), Error::NotRegistered);
    for caller in [other.account(), session, account(SURGEON_KEY), account(PRIVACY_KEY), account(REGISTRAR_KEY)] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    // Not the organisation's by its doctor, nor by an officer of another role or another organisation.
    let call = world.revoke(single(&[organisations]));
    for caller in [account(DOCTOR_KEY), account(REGISTRAR_KEY), account(2)] {
        world.chain.refused(caller, call.clone(), Error::NotAuthorised);
    }
    // One rule of one's own does not carry another's.
    let call = world.revoke(single(&[own, everyones]));
    world.chain.refused(account(DOCTOR_KEY), call, Error::NotAuthorised);
}

#[test]
fn a_grantee_gives_up_its_own_permits_and_lifts_no_denial() {
    let mut world = World::new();
    for (grantee, caller, by) in [
        (Grantee::Practitioner(DOCTOR, HOSPITAL), account(DOCTOR_KEY), Subject::Practitioner(DOCTOR)),
        (Grantee::Organisation(HOSPITAL), account(PRIVACY_KEY), Subject::Organisation(HOSPITAL)),
    ] {
        let permit = world.grant(world.permit(grantee));
        let deny = world.grant(world.deny(grantee));
        let call = world.revoke(single(&[deny]));
        world.chain.refused(caller, call, Error::NoSuchRule);
        world.chain.ok(caller, world.revoke(whole(&[grantee.key()])));
        let rules = BoundedVec::try_from(vec![permit.id]).unwrap();
        world.chain.emitted(Event::Revoked { patient: world.patient, grantee: grantee.key(), rules, by });
        assert_eq!(world.ids(grantee.key()), [deny.id]);
    }
}

#[test]
fn a_session_key_gives_nothing_up() {
    let mut world = World::new();
    let own = world.grant(world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)));
    let session = world.session(Subject::Practitioner(DOCTOR));
    let call = world.revoke(single(&[own]));
    world.chain.refused(session, call.clone(), Error::NotAuthorised);
    world.chain.ok(account(DOCTOR_KEY), call);
}

#[test]
fn the_people_of_a_suspended_organisation_give_nothing_up() {
    let mut world = World::new();
    let own = world.grant(world.permit(Grantee::Practitioner(DOCTOR, HOSPITAL)));
    let organisations = world.grant(world.permit(Grantee::Organisation(HOSPITAL)));
    salus_registry::testing::set_status(&mut world.chain, HOSPITAL, OrganisationStatus::Suspended);
    for (caller, rule) in [(account(DOCTOR_KEY), own), (account(PRIVACY_KEY), organisations)] {
        let call = world.revoke(single(&[rule]));
        world.chain.refused(caller, call, Error::NotActive(Standing::OrganisationSuspended));
    }
    world.chain.ok(world.me, world.revoke(single(&[own, organisations])));
}

#[test]
fn a_revocation_is_protected_and_costs_by_its_length() {
    let rule = RuleRef { grantee: GranteeKey::Everyone, id: 0 };
    let cost = |rules: &[RuleRef]| Consent::cost(&Call::Revoke { patient: PatientId([0; 16]), what: single(rules) });
    assert_eq!(cost(&[rule]).class, salus_support::Class::Protected);
    assert!(cost(&[rule; 32]).weight > cost(&[rule]).weight);
}

#[test]
fn every_error_encodes_to_at_most_four_bytes() {
    let longest = [
        Error::NotActive(Standing::OrganisationSuspended).encode(),
        Error::Patient(Problem::Frozen).encode(),
        Error::BadTerms(Fault::Kinds).encode(),
    ];
    assert!(longest.iter().all(|bytes| bytes.len() <= 4));
}
