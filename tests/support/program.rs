//! Where the programs are that tests start.

use std::{
    env,
    path::{Path, PathBuf},
};

/// A program of ours: in `SALUS_BIN_DIR`, else beside the test's own folder.
pub fn program(name: &str) -> PathBuf {
    let beside = || {
        let test = env::current_exe().expect("a test knows its own path");
        let folder = test.parent().and_then(Path::parent).expect("a test lies in deps/ of its profile's folder");
        folder.to_owned()
    };
    let path = env::var_os("SALUS_BIN_DIR").map_or_else(beside, PathBuf::from).join(name);
    assert!(path.exists(), "{} is missing: build the programs first, as scripts/test does", path.display());
    path
}
