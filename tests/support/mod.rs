//! What tests of whole programs share: where the programs are, and whose records they work on.

mod program;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

pub use program::program;

/// The folder of patients, and how many there are.
pub fn patients(scratch: &Path) -> (PathBuf, u32) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/synthea-r4");
    let folder = match env::var_os("SALUS_FHIR_DIR").map(PathBuf::from) {
        Some(folder) => folder,
        None if shared.is_dir() => shared,
        None => {
            for bundle in salus_client::fhir::generated(12, 7) {
                fs::write(scratch.join(&bundle.name), &bundle.info.bytes).expect("a temporary folder is writable");
            }
            println!("neither SALUS_FHIR_DIR nor the shared patients are there: twelve bundles are generated");
            scratch.to_owned()
        }
    };
    let files = fs::read_dir(&folder).expect("the folder is readable").flatten();
    let count = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "json")).count();
    println!("running with {count} patients from {}", folder.display());
    (folder, u32::try_from(count).expect("a folder of few files"))
}
