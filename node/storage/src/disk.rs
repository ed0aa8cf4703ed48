//! Room on the disk.

use std::{io, path::Path};

/// Bytes that this user may still write to the disk of `path`.
///
/// # Errors
/// The system's, when there is no such path or the file system does not say.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(folder.path()).unwrap() > 0);
        assert_eq!(free_bytes(&folder.path().join("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
