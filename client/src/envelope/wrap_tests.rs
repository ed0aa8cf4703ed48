//! A wrap opens for whom and what it was made, and for nothing else.

use super::*;

const OF: RecordRef = RecordRef { patient: PatientId([1; 16]), record: RecordId([2; 16]), version: 1 };
const STANDING: WrapContext = WrapContext::Standing { of: OF, key_epoch: 5 };
const RECEIPT: WrapContext = WrapContext::Receipt { patient: OF.patient, index: 9, record: OF.record, key_epoch: 5 };

fn reader() -> KemSecret {
    KemSecret::from_bytes([3; 32])
}

fn key() -> ContentKey {
    ContentKey::from_bytes([4; 32])
}

fn bytes(hex: &str) -> [u8; 32] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

#[test]
fn a_wrap_opens_for_its_recipient_and_its_context() {
    for context in [STANDING, RECEIPT] {
        let wrap = wrap_key(&key(), &reader().public(), &context).unwrap();
        let again = Wrap::from_bytes(&wrap.to_bytes()).unwrap();
        assert_eq!(unwrap_key(&again, &reader(), &context).unwrap().expose(), key().expose());
    }
}

#[test]
fn a_wrap_opens_for_nobody_else() {
    let wrap = wrap_key(&key(), &reader().public(), &RECEIPT).unwrap();
    let other = KemSecret::from_bytes([5; 32]);
    assert!(matches!(unwrap_key(&wrap, &other, &RECEIPT), Err(WrapError::NotYours)));
}

#[test]
fn a_wrap_opens_for_no_other_receipt_record_version_or_epoch() {
    let receipt = |patient, index, record, key_epoch| WrapContext::Receipt { patient, index, record, key_epoch };
    let standing = |of, key_epoch| WrapContext::Standing { of, key_epoch };
    let other_patient = PatientId([9; 16]);
    let other_record = RecordId([9; 16]);
    for (made_for, others) in [
        (
            RECEIPT,
            vec![
                STANDING,
                receipt(other_patient, 9, OF.record, 5),
                receipt(OF.patient, 10, OF.record, 5),
                receipt(OF.patient, 9, other_record, 5),
                receipt(OF.patient, 9, OF.record, 6),
            ],
        ),
        (
            STANDING,
            vec![
                RECEIPT,
                standing(RecordRef { patient: other_patient, ..OF }, 5),
                standing(RecordRef { record: other_record, ..OF }, 5),
                standing(RecordRef { version: 2, ..OF }, 5),
                standing(OF, 6),
            ],
        ),
    ] {
        let wrap = wrap_key(&key(), &reader().public(), &made_for).unwrap();
        for other in others {
            assert!(matches!(unwrap_key(&wrap, &reader(), &other), Err(WrapError::NotYours)), "{other:?}");
        }
    }
}

#[test]
fn an_altered_wrap_does_not_open() {
    let wrap = wrap_key(&key(), &reader().public(), &RECEIPT).unwrap().to_bytes();
    for at in 1..WRAP_BYTES {
        let mut bad = wrap;
        bad[at] ^= 1;
        let bad = Wrap::from_bytes(&bad).unwrap();
        // The top bit of an X25519 key is ignored by the curve, yet HPKE binds the encapsulated bytes.
        assert!(matches!(unwrap_key(&bad, &reader(), &RECEIPT), Err(WrapError::NotYours)), "byte {at}");
    }
    let mut bad = wrap;
    bad[32] ^= 0x80;
    assert!(unwrap_key(&Wrap::from_bytes(&bad).unwrap(), &reader(), &RECEIPT).is_err());
}

#[test]
fn a_wrap_of_another_length_or_suite_is_refused() {
    let wrap = wrap_key(&key(), &reader().public(), &RECEIPT).unwrap().to_bytes();
    for length in 0..WRAP_BYTES {
        assert!(matches!(Wrap::from_bytes(&wrap[..length]), Err(WrapError::Length { found }) if found == length));
    }
    let longer = [&wrap[..], &[0]].concat();
    assert!(matches!(Wrap::from_bytes(&longer), Err(WrapError::Length { found: 82 })));
    let mut suite = wrap;
    suite[0] = 2;
    assert!(matches!(Wrap::from_bytes(&suite), Err(WrapError::Suite { found: 2 })));
}

#[test]
fn nothing_is_wrapped_for_a_weak_key() {
    for weak in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        assert!(matches!(wrap_key(&key(), &KemPublic(weak), &RECEIPT), Err(WrapError::WeakKey)));
    }
}

#[test]
fn two_wraps_of_one_key_do_not_look_alike() {
    let one = wrap_key(&key(), &reader().public(), &RECEIPT).unwrap();
    let two = wrap_key(&key(), &reader().public(), &RECEIPT).unwrap();
    assert_ne!(one.to_bytes(), two.to_bytes());
}

#[test]
fn keys_are_those_of_rfc_9180_appendix_a_1() {
    // The KEM of suite 1 is that of A.1; only the AEAD differs, which takes no part in the encapsulated key.
    let ephemeral = bytes("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234");
    let encapsulated = bytes("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
    let recipient = KemSecret::from_bytes(bytes("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"));
    let public = bytes("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d");
    assert_eq!(recipient.public(), KemPublic(public));
    let wrap = wrap_with(Zeroizing::new(ephemeral), &key(), &recipient.public(), &RECEIPT).unwrap();
    assert_eq!(wrap.to_bytes()[1..33], encapsulated);
    assert_eq!(unwrap_key(&wrap, &recipient, &RECEIPT).unwrap().expose(), key().expose());
}

#[test]
fn secrets_are_never_printed() {
    assert_eq!(format!("{:?}", key()), "ContentKey(secret)");
    assert_eq!(format!("{:?}", reader()), "KemSecret(secret)");
}

#[test]
fn a_public_key_reads_back_from_its_text() {
    let public = reader().public();
    assert_eq!(public.to_string().parse(), Ok(public));
    assert!("0x12".parse::<KemPublic>().is_err());
}
