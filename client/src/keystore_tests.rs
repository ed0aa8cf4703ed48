//! A key comes back for its passphrase, and each way of losing one has its own error.

use super::*;
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    sync::atomic::{AtomicU32, Ordering},
};

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("salus-keystore-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn right() -> Passphrase {
    passphrase("correct horse")
}

fn account() -> StoredKey {
    StoredKey::Account(KeyPair::from_seed(&[1; 32]))
}

fn stored(path: &Path) -> KeyFile {
    KeyFile::create(path, &account(), &right(), KdfParams::for_development()).unwrap()
}

/// Replace `from` by `to` in the file, which has to be in it.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn each_kind_of_key_comes_back_for_its_passphrase() {
    let folder = Folder::new();
    for (name, key) in [
        ("a.json", account()),
        ("k.json", StoredKey::Kem(KemSecret::from_bytes([2; 32]))),
        ("t.json", StoredKey::Tag(TagKey::from_bytes([3; 32]))),
    ] {
        let path = folder.at(name);
        KeyFile::create(&path, &key, &right(), KdfParams::for_development()).unwrap();
        let file = KeyFile::open(&path).unwrap();
        assert_eq!((file.kind(), file.public()), (key.kind(), &key.public()[..]));
        let again = file.unlock(&right()).unwrap();
        assert_eq!((again.kind(), again.secret()), (key.kind(), key.secret()));
    }
    assert_eq!(KeyFile::open(&folder.at("a.json")).unwrap().unlock_account(&right()).unwrap().seed(), &[1; 32]);
    assert_eq!(KeyFile::open(&folder.at("k.json")).unwrap().unlock_kem(&right()).unwrap().expose(), &[2; 32]);
    assert_eq!(KeyFile::open(&folder.at("t.json")).unwrap().unlock_tag(&right()).unwrap().expose(), &[3; 32]);
}

#[test]
fn the_strong_default_works_and_is_not_marked_for_development() {
    let folder = Folder::new();
    let path = folder.at("strong.json");
    let kdf = KdfParams::default();
    assert!(kdf.memory_kib >= 64 * 1024 && kdf.passes >= 3);
    KeyFile::create(&path, &account(), &right(), kdf).unwrap();
    let file = KeyFile::open(&path).unwrap();
    assert!(!file.is_for_development());
    assert_eq!(file.unlock_account(&right()).unwrap().seed(), &[1; 32]);
}

#[test]
fn a_development_key_says_so_in_its_file() {
    let folder = Folder::new();
    let path = folder.at("dev.json");
    assert!(stored(&path).is_for_development());
    assert!(KeyFile::open(&path).unwrap().is_for_development());
    assert!(fs::read_to_string(&path).unwrap().contains("\"for_development\": true"));
}

#[test]
fn weak_parameters_that_are_not_marked_are_refused() {
    let folder = Folder::new();
    let weak = KdfParams { for_development: false, ..KdfParams::for_development() };
    let made = KeyFile::create(&folder.at("weak.json"), &account(), &right(), weak);
    assert!(matches!(made, Err(KeystoreError::Kdf { what: "memory in KiB", found: 64, .. })), "{made:?}");
    assert!(!folder.at("weak.json").exists());
}

#[test]
fn a_file_that_asks_for_all_the_memory_is_refused_before_it_gets_it() {
    let path = Path::new("hostile.json");
    let hostile = KdfParams { memory_kib: u32::MAX, ..KdfParams::default() };
    assert!(matches!(hostile.check(path), Err(KeystoreError::Kdf { what: "memory in KiB", .. })));
    let hostile = KdfParams { passes: 1_000_000, ..KdfParams::default() };
    assert!(matches!(hostile.check(path), Err(KeystoreError::Kdf { what: "passes", .. })));
    let hostile = KdfParams { lanes: 0, ..KdfParams::default() };
    assert!(matches!(hostile.check(path), Err(KeystoreError::Kdf { what: "lanes", .. })));
}

#[test]
fn a_hostile_files_parameters_are_refused_when_it_is_read() {
    let folder = Folder::new();
    let path = folder.at("hostile.json");
    let mut file = stored(&path);
    file.kdf.memory_kib = 1 << 30;
    fs::write(&path, file.to_json()).unwrap();
    assert!(matches!(KeyFile::open(&path), Err(KeystoreError::Kdf { found: 0x4000_0000, .. })));
}

#[test]
fn a_wrong_passphrase_is_told_from_a_damaged_file() {
    let folder = Folder::new();
    let path = folder.at("key.json");
    let file = stored(&path);
    let wrong = file.unlock(&passphrase("correct house"));
    assert!(matches!(wrong, Err(KeystoreError::WrongPassphrase { .. })), "{wrong:?}");

    let ciphertext = hex::encode(file.ciphertext);
    let other = format!("{}{}", if ciphertext.starts_with('0') { "1" } else { "0" }, &ciphertext[1..]);
    edit(&path, &ciphertext, &other);
    let damaged = KeyFile::open(&path);
    assert!(matches!(damaged, Err(KeystoreError::Damaged { reason: "its checksum does not fit", .. })), "{damaged:?}");
}

#[test]
fn every_field_is_covered_by_the_checksum() {
    let folder = Folder::new();
    let path = folder.at("key.json");
    let file = stored(&path);
    let hex_of = |bytes: &[u8]| hex::encode(bytes);
    let flipped = |bytes: &[u8]| {
        let mut other = bytes.to_vec();
        other[0] ^= 1;
        hex::encode(other)
    };
    let whole = fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("\"kind\": \"account\"".to_owned(), "\"kind\": \"kem\"".to_owned()),
        (hex_of(&file.public), flipped(&file.public)),
        (hex_of(&file.salt), flipped(&file.salt)),
        (hex_of(&file.nonce), flipped(&file.nonce)),
        (hex_of(&file.check), flipped(&file.check)),
        (hex_of(&file.checksum()), flipped(&file.checksum())),
        ("\"memory_kib\": 64".to_owned(), "\"memory_kib\": 65".to_owned()),
        ("\"passes\": 1".to_owned(), "\"passes\": 2".to_owned()),
        ("\"for_development\": true".to_owned(), "\"for_development\": false".to_owned()),
        (format!("\"created_ms\": {}", file.created_ms), format!("\"created_ms\": {}", file.created_ms + 1)),
    ] {
        edit(&path, &from, &to);
        assert!(matches!(KeyFile::open(&path), Err(KeystoreError::Damaged { .. })), "{from}");
        fs::write(&path, &whole).unwrap();
    }
    assert!(KeyFile::open(&path).unwrap().unlock(&right()).is_ok());
}

#[test]
fn a_file_altered_with_a_fitting_checksum_still_does_not_unlock() {
    let folder = Folder::new();
    let file = stored(&folder.at("key.json"));

    let mut altered = file.clone();
    altered.ciphertext[3] ^= 1;
    assert!(matches!(altered.unlock(&right()), Err(KeystoreError::Damaged { .. })));

    // Whoever says that the key belongs to another account, or is of another kind, cannot know the passphrase.
    let mut altered = file.clone();
    altered.public = KeyPair::from_seed(&[9; 32]).public().0.to_vec();
    assert!(matches!(altered.unlock(&right()), Err(KeystoreError::WrongPassphrase { .. })));
    let mut altered = file;
    altered.kind = KeyKind::Tag;
    assert!(matches!(altered.unlock(&right()), Err(KeystoreError::WrongPassphrase { .. })));
}

#[test]
fn what_is_no_key_file_is_called_that() {
    let folder = Folder::new();
    let path = folder.at("key.json");
    let put = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        KeyFile::open(&path).unwrap_err()
    };
    assert!(matches!(put("hello"), KeystoreError::NotAKeyFile { .. }));
    assert!(matches!(put("{}"), KeystoreError::NotAKeyFile { .. }));
    assert!(matches!(put(r#"{"format": "other", "version": 1}"#), KeystoreError::NotAKeyFile { .. }));
    assert!(matches!(put(r#"{"format": "salus-key", "version": 2}"#), KeystoreError::TooNew { found: 2, .. }));
    assert!(matches!(put(r#"{"format": "salus-key", "version": 1}"#), KeystoreError::Damaged { .. }));
    assert!(matches!(put(&"x".repeat(17_000)), KeystoreError::TooLong { .. }));
}

#[test]
fn a_key_file_is_never_overwritten() {
    let folder = Folder::new();
    let path = folder.at("key.json");
    stored(&path);
    let before = fs::read(&path).unwrap();
    let again = KeyFile::create(&path, &account(), &right(), KdfParams::for_development());
    assert!(matches!(again, Err(KeystoreError::Exists { .. })), "{again:?}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let link = folder.at("dangling.json");
    symlink(folder.at("nowhere.json"), &link).unwrap();
    let through = KeyFile::create(&link, &account(), &right(), KdfParams::for_development());
    assert!(matches!(through, Err(KeystoreError::Exists { .. })), "{through:?}");
    assert!(!folder.at("nowhere.json").exists());
}

#[test]
fn nothing_but_the_key_is_left_in_the_folder() {
    let folder = Folder::new();
    stored(&folder.at("key.json"));
    let again = KeyFile::create(&folder.at("key.json"), &account(), &right(), KdfParams::for_development());
    assert!(again.is_err());
    let names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["key.json"]);
}

#[test]
fn a_key_file_is_made_for_its_owner_alone_and_refused_once_others_may_read_it() {
    let folder = Folder::new();
    let path = folder.at("key.json");
    stored(&path);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(&path).unwrap().nlink(), 1);
    for bad in [0o644, 0o640, 0o660, 0o604, 0o700, 0o4600] {
        fs::set_permissions(&path, fs::Permissions::from_mode(bad)).unwrap();
        let read = KeyFile::open(&path);
        assert!(matches!(read, Err(KeystoreError::Mode { mode, .. }) if mode == bad), "{bad:o}: {read:?}");
    }
    for good in [0o600, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(good)).unwrap();
        assert!(KeyFile::open(&path).is_ok(), "{good:o}");
    }
}

#[test]
fn a_link_a_folder_and_nothing_are_refused_each_by_its_name() {
    let folder = Folder::new();
    stored(&folder.at("key.json"));
    let link = folder.at("link.json");
    symlink(folder.at("key.json"), &link).unwrap();
    assert!(matches!(KeyFile::open(&link), Err(KeystoreError::NotAFile { found: "a symbolic link", .. })));
    assert!(matches!(KeyFile::open(&folder.0), Err(KeystoreError::NotAFile { found: "a folder", .. })));
    assert!(matches!(KeyFile::open(&folder.at("none.json")), Err(KeystoreError::NotFound { .. })));
    let no_folder = folder.at("none").join("key.json");
    let made = KeyFile::create(&no_folder, &account(), &right(), KdfParams::for_development());
    assert!(matches!(made, Err(KeystoreError::Io { doing: "creating", .. })), "{made:?}");
}

#[test]
fn a_key_of_another_kind_is_refused_without_trying_the_passphrase() {
    let folder = Folder::new();
    let file = stored(&folder.at("key.json"));
    let wrong = passphrase("not even right");
    let asked = file.unlock_kem(&wrong);
    let (expected, found) = (KeyKind::Kem, KeyKind::Account);
    assert!(matches!(asked, Err(KeystoreError::Kind { expected: e, found: f, .. }) if e == expected && f == found));
    assert!(matches!(file.unlock_tag(&wrong), Err(KeystoreError::Kind { .. })));
    assert!(matches!(file.unlock_account(&wrong), Err(KeystoreError::WrongPassphrase { .. })));
}

#[test]
fn a_folder_lists_its_keys_by_name_and_tells_of_bad_ones() {
    let folder = Folder::new();
    stored(&folder.at("b.json"));
    stored(&folder.at("a.json"));
    fs::write(folder.at("c.json"), "hello").unwrap();
    fs::set_permissions(folder.at("c.json"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.at("notes.txt"), "hello").unwrap();
    fs::write(folder.at(".salus-key-00.json"), "left by a crash").unwrap();
    let listed = KeyFile::list(&folder.0).unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0].as_ref().unwrap().path(), folder.at("a.json"));
    assert_eq!(listed[1].as_ref().unwrap().path(), folder.at("b.json"));
    assert!(matches!(listed[2], Err(KeystoreError::NotAKeyFile { .. })));
}

#[test]
fn an_empty_passphrase_is_refused_and_the_end_of_a_line_is_not_part_of_one() {
    assert!(matches!(Passphrase::new(String::new()), Err(KeystoreError::EmptyPassphrase)));
    assert!(matches!(Passphrase::new("\r\n".to_owned()), Err(KeystoreError::EmptyPassphrase)));
    let folder = Folder::new();
    let file = stored(&folder.at("key.json"));
    assert!(file.unlock(&passphrase("correct horse\n")).is_ok());
    assert!(file.unlock(&passphrase(" correct horse")).is_err());
}

#[test]
fn no_secret_is_printed_by_debug_or_by_an_error() {
    let folder = Folder::new();
    let file = stored(&folder.at("key.json"));
    let error = file.unlock(&passphrase("a guess")).unwrap_err();
    let all = format!("{:?} {:?} {:?} {error} {error:?}", account(), right(), file);
    for secret in ["correct horse", "a guess", &hex::encode([1; 32]), "[1, 1"] {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
}

#[test]
fn the_file_format_is_that_of_the_vectors() {
    let created = 1_790_000_000_000;
    let strong = KdfParams { memory_kib: 19 * 1024, passes: 2, lanes: 1, for_development: false };
    let cases: Vec<serde_json::Value> = [
        (account(), KdfParams::for_development()),
        (StoredKey::Kem(KemSecret::from_bytes([2; 32])), strong),
        (StoredKey::Tag(TagKey::from_bytes([3; 32])), KdfParams::for_development()),
    ]
    .into_iter()
    .map(|(key, kdf)| {
        let path = Path::new("vector.json");
        let file = KeyFile::encrypt(path, &key, &right(), kdf, [0x11; 16], [0x22; 12], created).unwrap();
        let again = KeyFile::parse(path, file.to_json().as_bytes()).unwrap().unlock(&right()).unwrap();
        assert_eq!(again.secret(), key.secret());
        let content: serde_json::Value = serde_json::from_str(&file.to_json()).unwrap();
        serde_json::json!({"secret": hex::encode(key.secret()), "file": content})
    })
    .collect();
    crate::envelope::vectors_tests::check(
        "keystore.json",
        &serde_json::json!({"passphrase": "correct horse", "cases": cases}),
    );
}
