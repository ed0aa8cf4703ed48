//! The main job from outside: `salus demo` against a real node, with its own record and with a folder of patients.
//!
//! The folder is the one `SALUS_FHIR_DIR` names, else `../shared/data/synthea-r4`; where neither is there, twelve
//! bundles are generated. The test says which.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A program of ours: in `SALUS_BIN_DIR`, else beside the test's own folder.
fn program(name: &str) -> PathBuf {
    let beside = || {
        let test = env::current_exe().expect("a test knows its own path");
        let folder = test.parent().and_then(Path::parent).expect("a test lies in deps/ of its profile's folder");
        folder.to_owned()
    };
    let path = env::var_os("SALUS_BIN_DIR").map_or_else(beside, PathBuf::from).join(name);
    assert!(path.exists(), "{} is missing: build the programs first, as scripts/test does", path.display());
    path
}

fn demo(arguments: &[&str]) -> Output {
    Command::new(program("salus"))
        .args(["demo", "--once", "--node-program"])
        .arg(program("salus-node"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// Steps and receipts of the last line, `demo: ok, N steps, N receipts, N nodes agree at height H`.
#[track_caller]
fn counts(output: &Output) -> (u32, u32) {
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{errors}");
    let last = text.lines().last().expect("the demo prints");
    let words: Vec<&str> = last.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let ["demo:", "ok", steps, "steps", receipts, "receipts", _, "nodes", "agree", "at", "height", _] = words[..]
    else {
        panic!("the last line is: {last}")
    };
    (steps.parse().expect("a number of steps"), receipts.parse().expect("a number of receipts"))
}

/// The folder of patients, and how many there are.
fn patients(scratch: &Path) -> (PathBuf, u32) {
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
    println!("the main job runs with {count} patients from {}", folder.display());
    (folder, u32::try_from(count).expect("a folder of few files"))
}

#[test]
fn the_main_job_ends_well_with_four_hospitals_of_which_one_is_killed_half_way() {
    let output = demo(&[]);
    let (steps, receipts) = counts(&output);
    assert!(steps >= 40, "{steps} steps");
    assert_eq!(receipts, 5, "one permission and four denials");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("is killed") && text.contains("catches up by itself"), "{text}");
    assert!(text.contains("4 nodes agree at height"), "{text}");
}

#[test]
fn the_main_job_ends_well_with_one_hospital_which_is_stopped_and_started_again() {
    let output = demo(&["--validators", "1"]);
    let (steps, receipts) = counts(&output);
    assert!(steps >= 40, "{steps} steps");
    assert_eq!(receipts, 5, "one permission and four denials");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("stopped in the middle"), "{text}");
}

#[test]
fn the_main_job_ends_well_with_a_folder_of_patients() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let (folder, count) = patients(scratch.path());
    let (_, receipts) = counts(&demo(&["--data", &folder.display().to_string()]));
    assert_eq!(receipts, 5 * count, "one permission and four denials per patient");
}

#[test]
fn a_folder_that_holds_no_bundle_is_refused_by_name() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    fs::write(scratch.path().join("note.json"), "{\"resourceType\": \"Patient\"}").expect("a writable folder");
    let output = demo(&["--data", &scratch.path().display().to_string()]);
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("note.json"), "{errors}");
}
