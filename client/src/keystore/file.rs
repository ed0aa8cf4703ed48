//! A key file as JSON and on disk: made whole or not at all, read only while nobody else may.

use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::{CIPHER, FORMAT, KDF, KdfParams, KeyFile, KeyKind, KeystoreError, VERSION};
use crate::{envelope::random_bytes, preamble};

/// Longest file that is read at all, in bytes; a key file has about 700.
const BYTES_MAX: u64 = 16 * 1024;

/// How the names of key files end.
const EXTENSION: &str = "json";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    format: String,
    version: u32,
    kind: KeyKind,
    public: String,
    kdf: KdfJson,
    cipher: String,
    nonce: String,
    ciphertext: String,
    check: String,
    created_ms: u64,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KdfJson {
    name: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    for_development: bool,
}

impl KeyFile {
    pub(super) fn to_json(&self) -> String {
        let KdfParams { memory_kib, passes, lanes, for_development } = self.kdf;
        let (name, salt) = (KDF.to_owned(), hex::encode(self.salt));
        let json = Json {
            format: FORMAT.to_owned(),
            version: VERSION,
            kind: self.kind,
            public: hex::encode(&self.public),
            kdf: KdfJson { name, memory_kib, passes, lanes, salt, for_development },
            cipher: CIPHER.to_owned(),
            nonce: hex::encode(self.nonce),
            ciphertext: hex::encode(self.ciphertext),
            check: hex::encode(self.check),
            created_ms: self.created_ms,
            checksum: hex::encode(self.checksum()),
        };
        serde_json::to_string_pretty(&json).expect("strings and numbers are always JSON") + "\n"
    }

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, KeystoreError> {
        let no_key_file = |reason| KeystoreError::NotAKeyFile { path: path.to_owned(), reason };
        let damaged = |reason| KeystoreError::Damaged { path: path.to_owned(), reason };
        let too_new = |found| KeystoreError::TooNew { path: path.to_owned(), found };
        preamble::check(bytes, FORMAT, VERSION).map_err(|fault| fault.told(no_key_file, too_new))?;
        let json: Json =
            serde_json::from_slice(bytes).map_err(|_| damaged("a field is missing, unknown or of another type"))?;
        if json.kdf.name != KDF || json.cipher != CIPHER {
            return Err(damaged("another algorithm than version 1 has"));
        }
        let KdfJson { memory_kib, passes, lanes, for_development, .. } = json.kdf;
        let hex_error = || damaged("a field is not hex of its length");
        let file = Self {
            path: path.to_owned(),
            kind: json.kind,
            public: hex::decode(&json.public).map_err(|_| hex_error())?,
            kdf: KdfParams { memory_kib, passes, lanes, for_development },
            salt: bytes_of(&json.kdf.salt).ok_or_else(hex_error)?,
            nonce: bytes_of(&json.nonce).ok_or_else(hex_error)?,
            ciphertext: bytes_of(&json.ciphertext).ok_or_else(hex_error)?,
            check: bytes_of(&json.check).ok_or_else(hex_error)?,
            created_ms: json.created_ms,
        };
        if bytes_of(&json.checksum) != Some(file.checksum()) {
            return Err(damaged("its checksum does not fit"));
        }
        file.kdf.check(path)?;
        Ok(file)
    }
}

fn bytes_of<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(hex, &mut bytes).ok()?;
    Some(bytes)
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> KeystoreError + use<'a> {
    move |source| KeystoreError::Io { doing, path: path.to_owned(), source }
}

/// Put `bytes` at `path` with mode 0600, synced, unless something is there.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = folder.join(format!(".salus-key-{}.tmp", hex::encode(*random_bytes::<8>()?)));
    let result = write_new(&temporary, bytes).and_then(|()| {
        // A hard link, unlike a rename, fails when the name is taken. File systems without hard links have no
        // modes either, and are no place for a key.
        fs::hard_link(&temporary, path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeystoreError::Exists { path: path.to_owned() },
            _ => failed("creating", path)(source),
        })
    });
    match fs::remove_file(&temporary) {
        Err(error) if result.is_ok() => return Err(failed("removing", &temporary)(error)),
        _ => {}
    }
    result?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("syncing", folder))
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed("creating", path))?;
    // Whatever the umask made of it.
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed("setting the mode of", path))?;
    file.write_all(bytes).map_err(failed("writing", path))?;
    file.sync_all().map_err(failed("syncing", path))
}

/// The bytes of a plain file of mode 0600 or less that belongs to whoever runs this program.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, KeystoreError> {
    let named = fs::symlink_metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => KeystoreError::NotFound { path: path.to_owned() },
        _ => failed("reading", path)(source),
    })?;
    let kind = named.file_type();
    if !kind.is_file() {
        let found = match kind {
            _ if kind.is_symlink() => "a symbolic link",
            _ if kind.is_dir() => "a folder",
            _ => "a device or pipe",
        };
        return Err(KeystoreError::NotAFile { path: path.to_owned(), found });
    }
    let file = File::open(path).map_err(failed("opening", path))?;
    let opened = file.metadata().map_err(failed("reading", path))?;
    if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return Err(KeystoreError::Exchanged { path: path.to_owned() });
    }
    check_owner(path, opened.uid(), rustix::process::geteuid().as_raw())?;
    let mode = opened.mode() & 0o7777;
    if mode & !0o600 != 0 {
        return Err(KeystoreError::Mode { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed("reading", path))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(KeystoreError::TooLong { path: path.to_owned() });
    }
    Ok(bytes)
}

/// A file of somebody else can be read and exchanged by them at any time, whatever its mode is.
fn check_owner(path: &Path, owner: u32, user: u32) -> Result<(), KeystoreError> {
    if owner == user { Ok(()) } else { Err(KeystoreError::Owner { path: path.to_owned(), owner, user }) }
}

/// Paths in `folder` that end in `.json`, sorted. Hidden ones are left out: a crash may leave a temporary one.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, KeystoreError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed("reading", folder))? {
        let path = entry.map_err(failed("reading", folder))?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_user_is_refused_whoever_asks() {
        let path = Path::new("doctor.json");
        assert!(check_owner(path, 1000, 1000).is_ok());
        for (owner, user) in [(1001, 1000), (1000, 0), (0, 1000)] {
            let error = check_owner(path, owner, user).unwrap_err();
            assert!(matches!(error, KeystoreError::Owner { .. }), "{error}");
            assert!(error.to_string().contains(&format!("user {owner}")), "{error}");
        }
    }

    #[test]
    fn reading_looks_at_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write_new(&path, b"secret").unwrap();
        assert_eq!(read(&path).unwrap(), b"secret");
        // Only root may give files away; others have seen the rule above.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
            assert!(matches!(read(&path), Err(KeystoreError::Owner { owner: 65_534, user: 0, .. })));
        }
    }
}
