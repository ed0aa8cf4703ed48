//! A call handed from one machine to another: what survives the way, and what does not.

use salus_primitives::{OrganisationId, signed::cosigners, subject::Roles};
use salus_registry::Call;

use super::*;

const GENESIS: Hash = Hash([9; 32]);

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

fn appointment() -> RuntimeCall {
    let account = key(2).public();
    RuntimeCall::Registry(Call::OfficerSet { account, roles: Some(Roles::GATEWAY), cosign: Default::default() })
}

/// Key 1 appoints key 2, under nonce 7.
fn made() -> HandOver {
    HandOver::new(GENESIS, key(1).public(), 7, &appointment(), vec![key(2).public()]).unwrap()
}

fn agreed() -> HandOver {
    let mut made = HandOver::from_json(&made().to_json()).unwrap();
    made.agree(&key(2)).unwrap();
    made
}

/// The file of `made` with one text in place of another.
fn altered(made: &HandOver, from: &str, to: &str) -> Result<HandOver, HandOverError> {
    let text = made.to_json();
    assert!(text.contains(from), "{text}");
    HandOver::from_json(&text.replace(from, to))
}

#[test]
fn a_call_agreed_to_elsewhere_is_one_the_chain_takes() {
    let back = HandOver::from_json(&agreed().to_json()).unwrap();
    assert_eq!(back.missing(), []);
    let call = back.ready(GENESIS, key(1).public(), 7).unwrap();
    let RuntimeCall::Registry(Call::OfficerSet { ref cosign, .. }) = call else { panic!("the same call") };
    let signers = cosigners(&GENESIS, &key(1).public(), 7, &call.encode(), cosign);
    assert_eq!(signers, Some(vec![key(2).public()]));
}

#[test]
fn two_who_agree_stand_in_the_order_they_were_asked() {
    let needed = vec![key(2).public(), key(3).public()];
    let mut made = HandOver::new(GENESIS, key(1).public(), 7, &appointment(), needed.clone()).unwrap();
    made.agree(&key(3)).unwrap();
    assert_eq!(made.missing(), [key(2).public()]);
    assert!(matches!(made.ready(GENESIS, key(1).public(), 7), Err(HandOverError::Missing(who)) if who == needed[0]));
    made.agree(&key(2)).unwrap();
    made.agree(&key(2)).unwrap();
    let RuntimeCall::Registry(Call::OfficerSet { cosign, .. }) = made.ready(GENESIS, key(1).public(), 7).unwrap()
    else {
        panic!("the same call")
    };
    assert_eq!(cosign.iter().map(|one| one.account).collect::<Vec<_>>(), needed);
}

#[test]
fn it_serves_one_submitter_one_nonce_and_one_chain() {
    let agreed = agreed();
    let ready = |genesis, seed, next| agreed.ready(genesis, key(seed).public(), next);
    assert!(ready(GENESIS, 1, 7).is_ok());
    assert!(matches!(ready(Hash::ZERO, 1, 7), Err(HandOverError::OtherChain { found: GENESIS, .. })));
    assert!(matches!(ready(GENESIS, 2, 7), Err(HandOverError::NotTheSubmitter { .. })));
    assert!(matches!(ready(GENESIS, 1, 8), Err(HandOverError::NonceUsed { signed: 7, next: 8 })));
    assert!(matches!(made().ready(GENESIS, key(1).public(), 7), Err(HandOverError::Missing(_))));
}

#[test]
fn nobody_agrees_who_is_not_asked() {
    assert!(matches!(made().agree(&key(3)), Err(HandOverError::NotNeeded(_))));
    let new = |needed| HandOver::new(GENESIS, key(1).public(), 7, &appointment(), needed);
    assert!(matches!(new(vec![]), Err(HandOverError::Malformed(_))));
    assert!(matches!(new(vec![key(1).public()]), Err(HandOverError::Malformed(_))));
    assert!(matches!(new(vec![key(2).public(); 2]), Err(HandOverError::Malformed(_))));
    let three = [2, 3, 4].map(|seed| key(seed).public()).to_vec();
    assert!(matches!(new(three), Err(HandOverError::CoSign(CoSignError::TooMany))));
}

#[test]
fn a_call_of_one_person_is_not_handed_over() {
    let noop = RuntimeCall::System(salus_system::Call::Noop {});
    let refused = HandOver::new(GENESIS, key(1).public(), 7, &noop, vec![key(2).public()]);
    assert!(matches!(refused, Err(HandOverError::CoSign(CoSignError::OneSigner))));
}

#[test]
fn what_was_changed_after_it_was_signed_is_found() {
    let agreed = agreed();
    let other = RuntimeCall::Registry(Call::OfficerSet {
        account: key(2).public(),
        roles: Some(Roles::ADMIN),
        cosign: Default::default(),
    });
    let hex_of = |call: &RuntimeCall| hex::encode(call.encode());
    for (from, to) in [
        (hex_of(agreed.call()), hex_of(&other)),
        ("\"nonce\": 7".to_owned(), "\"nonce\": 8".to_owned()),
        (GENESIS.to_string(), Hash::ZERO.to_string()),
        (key(1).public().to_string(), key(4).public().to_string()),
    ] {
        assert!(matches!(altered(&agreed, &from, &to), Err(HandOverError::BadSignature(_))), "{from}");
    }
}

#[test]
fn a_file_that_is_none_is_refused_with_what_is_wrong() {
    let agreed = agreed();
    for (from, to) in [
        ("salus-cosign", "salus-key"),
        ("\"needed\"", "\"wanted\""),
        ("\"call\": \"0x", "\"call\": \"0xz"),
        ("\"call\": \"0x", "\"call\": \"0x00"),
        ("\"signature\": \"0x", "\"signature\": \"0x00"),
        ("\"submitter\": \"", "\"submitter\": \"1"),
        ("\"genesis\": \"0x", "\"genesis\": \"0x00"),
    ] {
        assert!(matches!(altered(&agreed, from, to), Err(HandOverError::Malformed(_))), "{from}");
    }
    assert!(matches!(HandOver::from_json("hello"), Err(HandOverError::Malformed(_))));
    assert!(matches!(altered(&agreed, "\"version\": 1", "\"version\": 2"), Err(HandOverError::TooNew { found: 2 })));
    // A call that brings signatures of its own would be shown without them.
    let call = with_cosigns(agreed.call(), agreed.given.clone()).unwrap();
    let inside = altered(&agreed, &hex::encode(agreed.call().encode()), &hex::encode(call.encode()));
    assert!(matches!(inside, Err(HandOverError::Malformed("the call has signatures in itself"))));
}

#[test]
fn every_call_that_two_people_sign_can_be_handed_over() {
    use salus_council::Act;
    let calls = [
        RuntimeCall::Council(salus_council::Call::Propose {
            act: Act::CancelMotion { motion: 1 },
            cosign: Default::default(),
        }),
        appointment(),
        RuntimeCall::Registry(Call::AffiliationSet {
            practitioner: salus_primitives::PractitionerId([1; 16]),
            organisation: OrganisationId([2; 16]),
            terms: None,
            cosign: Default::default(),
        }),
        RuntimeCall::Patients(salus_patients::Call::StatusSet {
            patient: salus_primitives::PatientId([1; 16]),
            to: salus_patients::Change::Deceased,
            cosign: Default::default(),
        }),
        crate::actions::keeping::hand_over_call(Default::default(), OrganisationId([2; 16])),
    ];
    for call in calls {
        let made = HandOver::new(GENESIS, key(1).public(), 0, &call, vec![key(2).public()]).unwrap();
        assert_eq!(HandOver::from_json(&made.to_json()).unwrap(), made);
        assert_eq!(made.call(), &call);
    }
}
