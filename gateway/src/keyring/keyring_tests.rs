//! The custodian's keys: shares that fit and those that do not, and a rotation that is cut short.

use std::fs;

use salus_client::{
    envelope::{HEADER_BYTES, Header, KemSecret, RecordRef, WrapContext, WrapError, unwrap_key},
    keystore::{KdfParams, KeystoreError, Passphrase},
};
use tempfile::TempDir;

use super::{Keyring, KeyringError, Share, ShareError, combine, fingerprint, split};
use crate::{
    store::{
        Holder, Place,
        testing::{Paper, T0, THEM, US},
    },
    upkeep::{SettleError, Settled, testing::Town},
};

fn passphrase() -> Passphrase {
    Passphrase::new("for tests".to_owned()).unwrap()
}

fn keyring(folder: &TempDir) -> Keyring {
    Keyring::create(folder.path(), passphrase(), KdfParams::for_development()).unwrap()
}

fn context(place: Place) -> WrapContext {
    let of = RecordRef { patient: place.patient, record: place.record, version: 1 };
    WrapContext::Standing { of, key_epoch: 1 }
}

#[test]
fn any_of_the_needed_number_of_shares_gives_the_key_back() {
    let secret = KemSecret::generate().unwrap();
    for (needed, count) in [(2, 2), (2, 3), (3, 5), (32, 32)] {
        let shares = split(&secret, needed, count).unwrap();
        assert_eq!(shares.len(), usize::from(count));
        // As text, from paper, with blanks where a hand puts them.
        let texts: Vec<String> = shares.iter().map(ToString::to_string).collect();
        let read: Vec<Share> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(read, shares);
        let digits = hex::encode(shares[0].key.0);
        let typed = texts[0].replace(&digits, &format!("{} {}", &digits[..8], &digits[8..])).replace('\n', " \n\n  ");
        assert_eq!(typed.parse::<Share>().unwrap(), shares[0]);
        for from in 0..=usize::from(count - needed) {
            let some = &read[from..from + usize::from(needed)];
            assert_eq!(combine(some).unwrap().public(), secret.public());
        }
        let few = combine(&read[..usize::from(needed) - 1]).unwrap_err();
        assert_eq!(few, ShareError::TooFew { found: needed - 1, needed });
    }
}

#[test]
fn every_way_in_which_shares_do_not_fit_is_named() {
    let [one, two] = [0, 1].map(|_| KemSecret::generate().unwrap());
    let (first, second, other) = (split(&one, 2, 3).unwrap(), split(&one, 2, 3).unwrap(), split(&two, 2, 3).unwrap());
    let mixed = combine(&[first[0].clone(), other[1].clone()]).unwrap_err();
    assert_eq!(mixed, ShareError::OtherKey { one: fingerprint(&one.public()), other: fingerprint(&two.public()) });
    let mixed = combine(&[first[0].clone(), second[1].clone()]).unwrap_err();
    assert!(matches!(mixed, ShareError::OtherSplit { .. }), "{mixed}");
    let twice = combine(&[first[1].clone(), first[1].clone()]).unwrap_err();
    assert_eq!(twice, ShareError::Twice { index: 2 });
    assert_eq!(combine(&[]).unwrap_err(), ShareError::TooFew { found: 0, needed: 2 });
    for (needed, count) in [(0, 0), (1, 3), (3, 2), (2, 33)] {
        assert_eq!(split(&one, needed, count).unwrap_err(), ShareError::Numbers { needed, count });
    }
    // A share that checks and was made up: the key does not come out.
    let forged = Share { part: second[1].part.clone(), ..first[1].clone() };
    assert_eq!(combine(&[first[0].clone(), forged]).unwrap_err(), ShareError::WrongKey);
}

#[test]
fn a_share_with_any_digit_changed_does_not_read_as_another() {
    let text = split(&KemSecret::generate().unwrap(), 2, 3).unwrap()[0].to_string();
    let share: Share = text.parse().unwrap();
    for (at, letter) in text.char_indices().filter(|(_, letter)| letter.is_ascii_hexdigit()) {
        let other = if letter == '1' { '2' } else { '1' };
        let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        let read = changed.parse::<Share>();
        assert!(read.is_err(), "digit {at}: {read:?}");
    }
    for (text, expected) in [
        (text.replace("salus-share 1", "salus-share 2"), ShareError::Version { found: "2".to_owned() }),
        (text.replace("any 2", "any 3"), ShareError::Damaged),
    ] {
        assert_eq!(text.parse::<Share>().unwrap_err(), expected);
    }
    for text in [text.replace("split", "splat"), format!("{text}more\n"), text.replace("1 of 3", "of 3"), String::new()]
    {
        let error = text.parse::<Share>().unwrap_err();
        assert!(matches!(error, ShareError::Text { .. }), "{error}");
    }
    let shown = format!("{share:?}");
    assert!(!shown.contains(&hex::encode(&share.part[..])), "{shown}");
}

#[test]
fn a_lost_keyring_comes_back_from_shares_and_never_over_another() {
    let [lost, fresh] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let public = keyring(&lost).newest().public;
    let shares = split(&keyring_secret(&lost), 2, 3).unwrap();
    let secret = combine(&shares[1..]).unwrap();
    let make =
        |folder: &TempDir| Keyring::create_with(folder.path(), passphrase(), KdfParams::for_development(), &secret);
    assert_eq!(make(&fresh).unwrap().newest().public, public);
    let refused = make(&fresh).unwrap_err();
    assert!(matches!(refused, KeyringError::Exists { epoch: 1, .. }), "{refused}");
    let empty = tempfile::tempdir().unwrap();
    let refused = Keyring::open(empty.path(), passphrase()).unwrap_err();
    assert!(matches!(refused, KeyringError::Empty { .. }), "{refused}");
    let wrong = Keyring::open(fresh.path(), Passphrase::new("other".to_owned()).unwrap()).unwrap_err();
    assert!(matches!(wrong, KeyringError::Keystore(KeystoreError::WrongPassphrase { .. })), "{wrong}");
}

fn keyring_secret(folder: &TempDir) -> KemSecret {
    Keyring::open(folder.path(), passphrase()).unwrap().newest().secret
}

#[tokio::test]
async fn a_rotation_renews_our_wraps_here_and_at_the_other_custodian_and_touches_no_blob() {
    let (town, folder) = (Town::new().await, tempfile::tempdir().unwrap());
    let keys = keyring(&folder);
    let old = keys.newest();
    let mut papers = Vec::new();
    for n in 1..5 {
        let paper = Paper::sealed_to(n, 1_000, &old.public);
        paper.upload(&town.us.store, T0).await.unwrap();
        town.ledger.file(&paper, Some(THEM));
        town.us.settle(paper.place(), T0).await.unwrap();
        papers.push(paper);
    }
    let blobs: Vec<_> =
        papers.iter().map(|paper| fs::metadata(town.file(paper, "blob")).unwrap().modified().unwrap()).collect();
    // The server goes on with the keys it read at its start.
    let server = Keyring::open(folder.path(), passphrase()).unwrap();
    let done = keys.rotate(&town.us.store, US, KdfParams::for_development(), || {}).await.unwrap();
    assert_eq!((done.epoch, done.renewed, done.current, done.failed.len()), (2, 4, 0, 0));
    assert_eq!(keys.rotation().unwrap(), None);
    assert_ne!(keys.newest().public, old.public);

    let holder = Holder::Custodian(US);
    for (paper, before) in papers.iter().zip(blobs) {
        let wrap = town.us.store.wrap(paper.place(), holder).await.unwrap();
        assert_ne!(wrap, paper.wraps[1].1);
        let key = server.unwrap(&wrap, &context(paper.place())).unwrap();
        let header = Header::parse(&paper.blob[..HEADER_BYTES]).unwrap();
        header.check(&header.of, &key).unwrap();
        assert_eq!(fs::metadata(town.file(paper, "blob")).unwrap().modified().unwrap(), before);
        // The copy has the old wrap until it is visited.
        assert_eq!(town.us.settle(paper.place(), T0).await.unwrap(), Settled::Copied(THEM));
        assert_eq!(town.them.store.wrap(paper.place(), holder).await.unwrap(), wrap);
    }
    assert_eq!(server.newest().epoch, 2);
    // An upload sealed to the old key meanwhile opens too, and is renewed when it is settled.
    let late = Paper::sealed_to(9, 100, &old.public);
    late.upload(&town.us.store, T0).await.unwrap();
    town.ledger.file(&late, None);
    let mut keeper = town.us.clone();
    keeper.keyring = Some(server);
    keeper.settle(late.place(), T0).await.unwrap();
    assert_ne!(town.us.store.wrap(late.place(), holder).await.unwrap(), late.wraps[1].1);
}

#[tokio::test]
async fn a_rotation_goes_on_where_it_was_cut_short_and_names_what_does_not_open() {
    let (town, folder) = (Town::new().await, tempfile::tempdir().unwrap());
    let keys = keyring(&folder);
    let public = keys.newest().public;
    for n in 1..4 {
        Paper::sealed_to(n, 100, &public).upload(&town.us.store, T0).await.unwrap();
    }
    let foreign = Paper::new(4, 100);
    foreign.upload(&town.us.store, T0).await.unwrap();
    let note = folder.path().join("rotation");
    // Cut short after the note, before the key.
    fs::write(&note, "2\n").unwrap();
    let done = keys.rotate(&town.us.store, US, KdfParams::for_development(), || {}).await.unwrap();
    assert_eq!((done.epoch, done.renewed, done.failed.len()), (2, 3, 1));
    assert!(done.failed[0].contains(&foreign.place().to_string()));
    assert_eq!(keys.rotation().unwrap(), Some(2), "it is not done while one is left");
    // Again: the same key, and nothing left to renew.
    let done = keys.rotate(&town.us.store, US, KdfParams::for_development(), || {}).await.unwrap();
    assert_eq!((done.epoch, done.renewed, done.current, done.failed.len()), (2, 0, 3, 1));
    town.us.store.shred(foreign.place()).await.unwrap();
    keys.rotate(&town.us.store, US, KdfParams::for_development(), || {}).await.unwrap();
    assert_eq!((keys.rotation().unwrap(), keys.keys().len()), (None, 2));
    let error = keys.unwrap(&foreign.wraps[1].1, &context(foreign.place())).unwrap_err();
    assert!(matches!(error, WrapError::NotYours), "{error}");
    fs::write(&note, "soon").unwrap();
    let error = keys.rotate(&town.us.store, US, KdfParams::for_development(), || {}).await.unwrap_err();
    assert!(matches!(error, KeyringError::Rotation { .. }), "{error}");
}

#[tokio::test]
async fn the_other_custodian_gets_a_wrap_of_its_own_where_the_author_made_none() {
    let (town, folder) = (Town::new().await, tempfile::tempdir().unwrap());
    let keys = keyring(&folder);
    let mut keeper = town.us.clone();
    keeper.keyring = Some(keys.clone());
    let mut paper = Paper::sealed_to(1, 1_000, &keys.newest().public);
    paper.wraps.truncate(2);
    paper.upload(&keeper.store, T0).await.unwrap();
    town.ledger.file(&paper, Some(THEM));
    let error = keeper.settle(paper.place(), T0).await.unwrap_err();
    assert!(matches!(error, SettleError::NoKey { organisation: THEM }), "{error}");

    let theirs = KemSecret::generate().unwrap();
    town.ledger.kem.lock().unwrap().insert(THEM, theirs.public());
    assert_eq!(keeper.settle(paper.place(), T0).await.unwrap(), Settled::Copied(THEM));
    let wrap = town.them.store.wrap(paper.place(), Holder::Custodian(THEM)).await.unwrap();
    let key = unwrap_key(&wrap, &theirs, &context(paper.place())).unwrap();
    let header = Header::parse(&paper.blob[..HEADER_BYTES]).unwrap();
    header.check(&header.of, &key).unwrap();
}
