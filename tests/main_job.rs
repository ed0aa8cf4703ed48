//! The main job from outside: `salus demo` against a real node, with its own record and with a folder of patients.
//!
//! The folder is the one `SALUS_FHIR_DIR` names, else `../shared/data/synthea-r4`; where neither is there, twelve
//! bundles are generated. The test says which.

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    process::{Command, Output},
};

use support::{patients, program};

/// Receipts of each patient: two permissions and four denials.
const OF_EACH: u32 = 6;
/// Receipts of the patient whose story is rarer: three permissions, one of them by an emergency, and two denials.
const OF_THE_RARER: u32 = 5;

fn demo(arguments: &[&str]) -> Output {
    Command::new(program("salus"))
        .args(["demo", "--once", "--node-program"])
        .arg(program("salus-node"))
        .arg("--gateway-program")
        .arg(program("salus-gateway"))
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

#[test]
fn the_main_job_ends_well_with_four_hospitals_of_which_one_is_killed_half_way() {
    let output = demo(&[]);
    let (steps, receipts) = counts(&output);
    assert!(steps >= 80, "{steps} steps");
    assert_eq!(receipts, OF_EACH + OF_THE_RARER);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("is killed") && text.contains("catches up by itself"), "{text}");
    assert!(text.contains("4 nodes agree at height"), "{text}");
    // Refused, arriving, refused, arriving from the second custodian, erased.
    for told in [
        "not a byte leaves",
        "the second custodian, releases",
        "refused, Withdrawn",
        "It arrives",
        "the erasure is complete",
        // An appointment's grant, an attribute's, an emergency and its review, a recovery.
        "within these hours",
        "a cardiologist whom nobody had named, opens it: permitted",
        "permitted by emergency",
        "refused, Access.NotAuthorised",
        "Linden's Reviewer does: justified",
        "refused, Patients.TooEarly",
        "the new key speaks for the patient",
        "the patient reads it",
        "Dr Ben opens the chart again: permitted",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn the_main_job_ends_well_with_one_hospital_which_is_stopped_and_started_again() {
    let output = demo(&["--validators", "1"]);
    let (steps, receipts) = counts(&output);
    assert!(steps >= 80, "{steps} steps");
    assert_eq!(receipts, OF_EACH + OF_THE_RARER);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("stopped in the middle"), "{text}");
}

#[test]
fn the_main_job_ends_well_with_a_folder_of_patients() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let (folder, count) = patients(scratch.path());
    let (_, receipts) = counts(&demo(&["--data", &folder.display().to_string()]));
    assert_eq!(receipts, OF_EACH * count + OF_THE_RARER);
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
