//! Real bundles are read as what they are, and what is none is refused at its place.

use super::*;
use crate::{JsonError, NotAKind, Sensitivity, generated};
use serde_json::json;
use std::collections::BTreeSet;

fn bundle_of(resources: &[Value]) -> Vec<u8> {
    let entries: Vec<_> = resources.iter().map(|resource| json!({"resource": resource})).collect();
    serde_json::to_vec(&json!({"resourceType": "Bundle", "type": "collection", "entry": entries})).unwrap()
}

fn info(resources: &[Value]) -> BundleInfo {
    parse_bundle(bundle_of(resources)).unwrap()
}

fn refused(text: &str) -> BundleError {
    parse_bundle(text.as_bytes().to_vec()).unwrap_err()
}

fn labelled(system: &str, code: &str) -> Labels {
    let security = json!([{"system": system, "code": code}]);
    info(&[json!({"resourceType": "Condition", "meta": {"security": security}})]).labels
}

const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// The folder of realistic patients, or generated ones where there is none.
fn patients() -> Vec<NamedBundle> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/synthea-r4");
    match std::env::var_os("SALUS_FHIR_DIR").map(PathBuf::from) {
        Some(named) => {
            println!("reading the bundles of SALUS_FHIR_DIR");
            read_folder(&named, None).unwrap()
        }
        None if usual.is_dir() => {
            println!("reading the bundles of ../shared/data/synthea-r4");
            read_folder(&usual, None).unwrap()
        }
        None => {
            println!("no folder of bundles is here: using twelve generated ones");
            generated(12, 1)
        }
    }
}

#[test]
fn realistic_patients_are_read_and_keep_their_bytes() {
    let (real, made) = (patients(), generated(12, 1));
    assert!(!real.is_empty());
    for NamedBundle { name, info } in real.into_iter().chain(made) {
        assert_eq!(info.counts.get("Patient"), Some(&1), "{name}");
        assert!(info.patient.is_some(), "{name}");
        assert_eq!(info.kind, Kind::Encounter, "{name}");
        let root: Value = serde_json::from_slice(&info.bytes).unwrap();
        assert_eq!(info.resources(), root["entry"].as_array().unwrap().len(), "{name}");
    }
}

#[test]
fn generated_patients_are_plausible_and_the_same_from_the_same_seed() {
    let (one, again, other) = (generated(40, 7), generated(40, 7), generated(40, 8));
    assert_eq!(one, again);
    assert_ne!(one, other);
    for NamedBundle { info, .. } in &one {
        assert_eq!(info.kind, Kind::Encounter);
        assert!(info.resources() >= 15);
        let root: Value = serde_json::from_slice(&info.bytes).unwrap();
        let entries = root["entry"].as_array().unwrap();
        let urls: BTreeSet<_> = entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
        assert_eq!(urls.len(), entries.len());
        for entry in entries {
            for field in ["subject", "encounter"] {
                if let Some(reference) = entry["resource"][field]["reference"].as_str() {
                    assert!(urls.contains(reference), "a reference to nothing: {field}");
                }
            }
        }
    }
    let restricted = one.iter().filter(|bundle| bundle.info.labels.restricted()).count();
    assert!((1..40).contains(&restricted), "{restricted} of 40 are restricted");
    let contents: BTreeSet<_> = one.iter().map(|bundle| &bundle.info.bytes).collect();
    assert_eq!(contents.len(), 40);
}

#[test]
fn bytes_stay_as_they_were_received() {
    let spaced = "{ \"resourceType\":\"Bundle\",\n\"type\":\"collection\",\"entry\":[{\"resource\":{\"resourceType\":\"Basic\",\"x\":1.50}}]}";
    let info = parse_bundle(spaced.as_bytes().to_vec()).unwrap();
    assert_eq!(info.bytes, spaced.as_bytes());
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    assert_eq!(refused(""), BundleError::Json(JsonError::NotJson { line: 1, column: 0 }));
    assert!(matches!(
        refused("{\"resourceType\": \"Bundle\",\n oops}"),
        BundleError::Json(JsonError::NotJson { line: 2, .. })
    ));
    assert!(matches!(refused("{} x"), BundleError::Json(JsonError::NotJson { .. })));
    assert_eq!(refused("  <Bundle xmlns=\"http://hl7.org/fhir\"/>"), BundleError::Json(JsonError::Xml));
    let deep = "[".repeat(100_000);
    assert!(matches!(refused(&deep), BundleError::Json(JsonError::NotJson { .. })), "depth is limited");
    assert!(parse_bundle(vec![0xff, 0xfe]).is_err());
}

#[test]
fn a_key_given_twice_is_refused_wherever_it_stands() {
    let twice = r#"{"resourceType":"Bundle","type":"collection","type":"document","entry":[]}"#;
    let duplicate = |text: &str| match refused(text) {
        BundleError::Json(JsonError::DuplicateKey { at, line, .. }) => (at, line),
        other => panic!("{other}"),
    };
    assert_eq!(duplicate(twice), ("Bundle.type".to_owned(), 1));
    let deep = r#"{"resourceType":"Bundle","type":"collection",
        "entry":[{"resource":{"resourceType":"Condition","code":{"text":"a","text":"b"}}}]}"#;
    assert_eq!(duplicate(deep), ("Bundle.entry[0].resource.code.text".to_owned(), 2));
}

#[test]
fn what_is_no_bundle_is_refused_by_name() {
    assert!(matches!(refused("[]"), BundleError::Missing { at, .. } if at == "resourceType"));
    assert!(matches!(refused("{}"), BundleError::Missing { at, .. } if at == "resourceType"));
    assert_eq!(refused(r#"{"resourceType":"Patient"}"#), BundleError::NotABundle { found: "Patient".to_owned() });
    let personal = refused(r#"{"resourceType":"Jane Doe, born 1990"}"#);
    assert!(!personal.to_string().contains("Jane"), "{personal}");
    assert_eq!(refused(r#"{"resourceType":"Bundle"}"#), BundleError::BundleType);
    assert_eq!(refused(r#"{"resourceType":"Bundle","type":"whatever"}"#), BundleError::BundleType);
}

#[test]
fn an_entry_without_a_resource_of_r4_is_refused_at_its_place() {
    let with = |entry: &str| refused(&format!(r#"{{"resourceType":"Bundle","type":"batch","entry":{entry}}}"#));
    assert!(matches!(with("[]"), BundleError::Missing { at, .. } if at == "Bundle.entry"));
    assert!(matches!(with("{}"), BundleError::Missing { at, .. } if at == "Bundle.entry"));
    let good = r#"{"resource":{"resourceType":"Patient"}}"#;
    let second = |entry: &str| with(&format!("[{good},{entry}]"));
    assert!(matches!(second("{}"), BundleError::Missing { at, .. } if at == "Bundle.entry[1].resource"));
    assert!(
        matches!(second(r#"{"resource":[]}"#), BundleError::Missing { at, .. } if at == "Bundle.entry[1].resource")
    );
    let untyped = second(r#"{"resource":{"resourceType":3}}"#);
    assert!(matches!(untyped, BundleError::Missing { at, .. } if at == "Bundle.entry[1].resource.resourceType"));
    for name in ["Patinet", "DeviceUsage", "ProcedureRequest", "patient"] {
        let at = "Bundle.entry[1].resource.resourceType".to_owned();
        let expected = BundleError::ResourceType { at, found: name.to_owned() };
        assert_eq!(second(&format!(r#"{{"resource":{{"resourceType":"{name}"}}}}"#)), expected);
    }
}

#[test]
fn a_bundle_beyond_the_limit_is_refused_before_it_is_parsed() {
    let mut bytes = bundle_of(&[json!({"resourceType": "Basic"})]);
    bytes.resize(BUNDLE_BYTES_MAX, b' ');
    assert!(parse_bundle(bytes.clone()).is_ok());
    bytes.push(b' ');
    assert_eq!(parse_bundle(bytes), Err(BundleError::TooLarge));
}

#[test]
fn a_bundle_about_two_patients_is_refused() {
    let patient = json!({"resourceType": "Patient"});
    let two = parse_bundle(bundle_of(&[patient.clone(), patient]));
    assert_eq!(two, Err(BundleError::SeveralPatients { count: 2 }));
    assert_eq!(info(&[json!({"resourceType": "Condition"})]).patient, None);
}

#[test]
fn a_refusal_names_the_file() {
    let missing = Path::new("no such folder");
    assert!(read_folder(missing, None).unwrap_err().to_string().contains("no such folder"));
    assert!(read_bundle(&missing.join("a.json"), None).unwrap_err().to_string().contains("a.json"));
    let path = PathBuf::from("b.json");
    let reason = Box::new(CheckError::from(BundleError::from(JsonError::Xml)));
    let refused = FhirError::Refused { path, reason };
    assert_eq!(refused.to_string(), "b.json: this is XML: export it as FHIR JSON");
}

#[test]
fn a_folder_is_read_by_name_and_an_empty_one_is_refused() {
    let folder = std::env::temp_dir().join(format!("salus-fhir-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let empty = read_folder(&folder, None);
    fs::write(folder.join("README.md"), "not a bundle").unwrap();
    fs::write(folder.join("b.json"), bundle_of(&[json!({"resourceType": "Device"})])).unwrap();
    fs::write(folder.join("a.JSON"), bundle_of(&[json!({"resourceType": "Basic"})])).unwrap();
    let read = read_folder(&folder, None);
    fs::write(folder.join("c.json"), "{}").unwrap();
    let spoilt = read_folder(&folder, None);
    fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(empty, Err(FhirError::Empty { .. })));
    let names: Vec<_> = read.unwrap().into_iter().map(|bundle| (bundle.name, bundle.info.kind)).collect();
    assert_eq!(names, [("a.JSON".to_owned(), Kind::Other), ("b.json".to_owned(), Kind::Device)]);
    let spoilt = spoilt.unwrap_err();
    assert!(matches!(&spoilt, FhirError::Refused { path, .. } if path.ends_with("c.json")), "{spoilt}");
}

#[test]
fn the_kind_is_what_all_resources_agree_on() {
    let patient = || json!({"resourceType": "Patient"});
    let resource = |name: &str| json!({"resourceType": name});
    let in_category =
        |name: &str, category: &str| json!({"resourceType": name, "category": [{"coding": [{"code": category}]}]});
    let lab = || in_category("Observation", "laboratory");
    let vital = || in_category("Observation", "vital-signs");
    let blood = || json!({"resourceType": "Observation", "code": {"coding": [{"code": "883-9"}]}});
    for (resources, expected) in [
        (vec![patient(), vital(), vital()], Kind::General),
        (vec![patient(), vital(), blood()], Kind::General),
        (vec![blood()], Kind::General),
        (vec![lab(), blood(), resource("Specimen")], Kind::Lab),
        (vec![lab(), in_category("DiagnosticReport", "LAB")], Kind::Lab),
        (vec![lab(), vital()], Kind::Other),
        (
            vec![patient(), resource("Practitioner"), resource("MedicationRequest"), resource("Medication")],
            Kind::Medication,
        ),
        (vec![resource("ImagingStudy"), in_category("DiagnosticReport", "RAD"), resource("Binary")], Kind::Imaging),
        (vec![resource("DocumentReference"), resource("Binary")], Kind::Document),
        (vec![resource("Device"), resource("DeviceUseStatement")], Kind::Device),
        (vec![resource("Condition"), resource("Encounter"), lab()], Kind::Encounter),
        (vec![resource("Condition")], Kind::Other),
        (vec![in_category("Observation", "social-history")], Kind::Other),
        (vec![patient()], Kind::Other),
    ] {
        assert_eq!(info(&resources).kind, expected, "{resources:?}");
    }
}

#[test]
fn a_document_is_a_summary_when_it_says_so() {
    let document = |code: &str| {
        let composition = json!({"resourceType": "Composition", "type": {"coding": [{"code": code}]}});
        let encounter = json!({"resourceType": "Encounter"});
        let entries = json!([{"resource": composition}, {"resource": encounter}]);
        let bundle = json!({"resourceType": "Bundle", "type": "document", "entry": entries});
        parse_bundle(serde_json::to_vec(&bundle).unwrap()).unwrap().kind
    };
    assert_eq!(document("60591-5"), Kind::Summary);
    assert_eq!(document("18842-5"), Kind::Document);
}

#[test]
fn every_sensitive_or_unknown_label_makes_a_record_restricted() {
    for class in Sensitivity::ALL {
        let labels = labelled(ACT, class.code());
        assert_eq!(labels.sensitivity, BTreeSet::from([class]));
        assert!(labels.restricted() && !labels.unknown);
    }
    for (system, code, unknown) in [
        (CONFIDENTIALITY, "R", false),
        (CONFIDENTIALITY, "V", false),
        (ACT, "NORDSCLCD", false),
        (ACT, "GDIS", true),
        (CONFIDENTIALITY, "X", true),
        ("urn:example", "PSY", true),
        ("", "", true),
    ] {
        let labels = labelled(system, code);
        assert!(labels.restricted(), "{system} {code}");
        assert_eq!(labels.unknown, unknown, "{system} {code}");
    }
    for code in ["N", "L", "M", "U"] {
        assert!(!labelled(CONFIDENTIALITY, code).restricted(), "{code}");
    }
    assert!(!info(&[json!({"resourceType": "Condition"})]).labels.restricted());
}

#[test]
fn a_label_counts_wherever_it_stands() {
    let label = json!({"security": [{"system": ACT, "code": "HIV"}]});
    let contained = json!({"resourceType": "Condition", "contained": [{"resourceType": "Basic", "meta": label}]});
    assert!(info(&[contained]).labels.sensitivity.contains(&Sensitivity::Hiv));
    let whole = json!({"resourceType": "Bundle", "type": "collection", "meta": label,
        "entry": [{"resource": {"resourceType": "Basic"}}]});
    let whole = parse_bundle(serde_json::to_vec(&whole).unwrap()).unwrap();
    assert!(whole.labels.sensitivity.contains(&Sensitivity::Hiv));
    let odd = json!({"resourceType": "Basic", "meta": {"security": "secret"}});
    assert!(info(&[odd]).labels.unknown, "a label of another shape is an unknown one");
}

#[test]
fn debug_shows_nothing_of_the_patient() {
    let bundle = info(&[json!({"resourceType": "Patient", "id": "p-4711", "name": [{"family": "Exemplar"}]})]);
    assert_eq!(bundle.patient.as_deref(), Some("p-4711"));
    let printed = format!("{bundle:?}");
    assert!(!printed.contains("4711") && !printed.contains("Exemplar"), "{printed}");
}

#[test]
fn a_kind_reads_back_from_its_name() {
    for kind in Kind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    assert_eq!("Lab".parse(), Ok(Kind::Lab));
    assert_eq!("labs".parse::<Kind>(), Err(NotAKind));
}
