//! Bundles as hospitals send them pass unchanged, and each thing that can be wrong is refused at its path.
//!
//! Needs the schema that `scripts/setup` makes. The patients are those of the folder that `SALUS_FHIR_DIR` names, else
//! of `../shared/data/synthea-r4`, else generated ones alone; the test says which.

use salus_fhir::{
    BundleError, CheckError, Checker, Fault, Id, JsonError, Kind, NamedBundle, REFUSALS_MAX, Refusal, SchemaError,
    generated, read_folder, vitals::VitalsInput,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, env, fs, path::PathBuf, time::Instant};

fn checker() -> &'static Checker {
    Checker::shared().unwrap_or_else(|error| panic!("{error}"))
}

/// The folder of realistic patients, where there is one.
fn patients() -> Vec<NamedBundle> {
    let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/synthea-r4");
    let folder = env::var_os("SALUS_FHIR_DIR").map(PathBuf::from).or_else(|| usual.is_dir().then_some(usual));
    match folder {
        Some(folder) => {
            println!("reading the bundles of {}", folder.display());
            read_folder(&folder, None).expect("a folder of bundles")
        }
        None => {
            println!("no folder of bundles is here: using generated ones alone");
            Vec::new()
        }
    }
}

#[test]
fn realistic_and_generated_patients_pass_and_keep_their_bytes() {
    let started = Instant::now();
    let checker = checker();
    println!("the schema was there after {} ms", started.elapsed().as_millis());
    let (real, made) = (patients(), generated(40, 1));
    let (started, mut bytes) = (Instant::now(), 0);
    for NamedBundle { name, info } in real.into_iter().chain(made) {
        let checked = checker.check(info.bytes.clone());
        assert_eq!(checked.as_ref().map(|checked| &checked.bytes), Ok(&info.bytes), "{name}");
        assert_eq!(checked, Ok(info), "{name}");
        bytes += checked.map_or(0, |checked| checked.bytes.len());
    }
    println!("{} KB were checked in {} ms", bytes / 1000, started.elapsed().as_millis());
}

#[test]
fn the_papers_example_is_a_bundle_of_r4_with_its_true_bmi() {
    let input = VitalsInput {
        gender: "female".parse().unwrap(),
        birth: "36".parse().unwrap(),
        weight: "50kg".parse().unwrap(),
        height: "5.6ft".parse().unwrap(),
        blood_group: Some("AB-".parse().unwrap()),
        blood_pressure: Some(("118".parse().unwrap(), "76".parse().unwrap())),
        heart_rate: Some("64".parse().unwrap()),
        respiration: Some("14".parse().unwrap()),
        temperature: Some("98.6 F".parse().unwrap()),
        saturation: Some("98".parse().unwrap()),
    };
    let bytes = input.bundle(&Id([7; 16]), 1_795_356_000_000).unwrap();
    let mut bundle: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(checker().check(bytes).map(|info| (info.kind, info.resources())), Ok((Kind::General, 11)));
    // The paper's own figure, computed from feet as if they were centimetres.
    set(&mut bundle, "entry[3].resource.valueQuantity.value", json!(15_943.87));
    let path = "Bundle.entry[3].resource.valueQuantity.value";
    assert_eq!(refusals(&bundle), [Refusal::new(path, Fault::Implausible { bounds: "3 to 150 kg/m2" })]);
}

/// A transaction with one of each resource that Salus knows, in which nothing is wrong.
fn bundle() -> Value {
    let url = |number: u32| format!("urn:uuid:00000000-0000-4000-8000-00000000000{number:x}");
    let coded = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let loinc = |code: &str| coded("http://loinc.org", code);
    let subject = json!({"reference": url(0)});
    let quantity = |value: Value, unit: &str| json!({"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit});
    let vital = |code: &str, value: Value, unit: &str| {
        json!({
            "resourceType": "Observation", "status": "final", "code": loinc(code), "subject": subject,
            "category": [coded("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")],
            "effectiveDateTime": "2026-11-22T14:00:00Z", "valueQuantity": quantity(value, unit),
        })
    };
    let identified = |system: &str| json!([{"system": system, "value": "4711"}]);
    let resources = [
        json!({
            "resourceType": "Patient", "id": "p-4711", "name": [{"family": "Exemplar", "given": ["Jane", null],
                "_given": [null, {"extension": [{"url": "urn:example:unknown", "valueCode": "masked"}]}]}],
            "gender": "female", "birthDate": "1990-05-17", "contact": [{"name": {"text": "John\u{a0}Exemplar"}}],
            "generalPractitioner": [{"reference": url(1)}],
        }),
        json!({"resourceType": "Practitioner", "identifier": identified("urn:example:licence"),
            "qualification": [{"code": {"text": "cardiology"}, "period": {"start": "2015", "end": "2030-01"}}]}),
        json!({"resourceType": "Organization", "name": "Aster"}),
        vital("29463-7", json!(72.5), "kg"),
        vital("8302-2", json!(175.3), "cm"),
        vital("39156-5", json!(23.6), "kg/m2"),
        json!({
            "resourceType": "Consent", "status": "active", "patient": subject, "dateTime": "2026-11-22",
            "scope": coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
            "category": [loinc("59284-0")], "policy": [{"uri": "urn:example:policy"}],
            "provision": {"type": "permit", "provision": [{"type": "deny"}]},
        }),
        json!({
            "resourceType": "AuditEvent", "recorded": "2026-11-22T14:00:00Z", "outcome": "0", "action": "R",
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
            "agent": [{"who": {"reference": url(1)}, "requestor": true}, {"who": {"display": "a server"}, "requestor": false}],
            "source": {"observer": {"display": "a server"}}, "entity": [{"what": subject, "name": "chart"}],
        }),
        json!({
            "resourceType": "Provenance", "target": [{"reference": url(3)}], "recorded": "2026-11-22T14:00:00Z",
            "agent": [{"who": {"reference": url(1)}, "onBehalfOf": {"reference": url(2)}}],
        }),
        json!({
            "resourceType": "DocumentReference", "status": "current", "subject": subject,
            "content": [{"attachment": {"contentType": "text/plain", "data": "aGVsbG8=",
                "hash": "qvTGHdzF6KLavt4PO0gs2a6pQ00="}}],
        }),
        json!({
            "resourceType": "Appointment", "status": "booked", "start": "2026-12-01T10:00:00Z",
            "end": "2026-12-01T10:20:00+00:00", "participant": [{"actor": subject, "status": "accepted"}],
        }),
        json!({
            "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": subject,
            "contained": [{"resourceType": "Medication", "id": "pill", "code": {"text": "lisinopril 10 mg"}}],
            "medicationReference": {"reference": "#pill"}, "requester": {"reference": "Practitioner?identifier=urn:x|1"},
            "dispenseRequest": {"numberOfRepeatsAllowed": 2, "performer": {"reference": "Organization/o-1"}},
            "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}],
        }),
    ];
    let entries: Vec<Value> = (0..)
        .zip(resources)
        .map(|(number, resource)| {
            let request = json!({"method": "POST", "url": resource["resourceType"]});
            json!({"fullUrl": url(number), "resource": resource, "request": request})
        })
        .collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

/// Where in [`bundle`] what stands.
const PATIENT: &str = "entry[0].resource";
const PRACTITIONER: &str = "entry[1].resource";
const ORGANIZATION: &str = "entry[2].resource";
const WEIGHT: &str = "entry[3].resource";
const HEIGHT: &str = "entry[4].resource";
const BMI: &str = "entry[5].resource";
const CONSENT: &str = "entry[6].resource";
const AUDIT: &str = "entry[7].resource";
const PROVENANCE: &str = "entry[8].resource";
const DOCUMENT: &str = "entry[9].resource";
const APPOINTMENT: &str = "entry[10].resource";
const REQUEST: &str = "entry[11].resource";

/// Put `value` at a path such as `entry[0].resource.gender`; null takes away what is there.
fn set(bundle: &mut Value, path: &str, value: Value) {
    let mut place = bundle;
    let steps: Vec<&str> = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect();
    let (last, steps) = steps.split_last().expect("a path has steps");
    for step in steps {
        place = match step.parse::<usize>() {
            Ok(number) => &mut place[number],
            Err(_) => &mut place[*step],
        };
    }
    match (last.parse::<usize>(), value) {
        (Ok(number), value) => place[number] = value,
        (Err(_), Value::Null) => drop(place.as_object_mut().expect("a field lies in an object").remove(*last)),
        (Err(_), value) => place[*last] = value,
    }
}

fn refusals(bundle: &Value) -> Vec<Refusal> {
    match checker().check(serde_json::to_vec(bundle).expect("JSON can be written")) {
        Err(CheckError::Refused(refusals)) => refusals,
        other => panic!("{other:?}"),
    }
}

/// A bundle with one thing changed is refused for that alone.
#[track_caller]
fn refused(changes: &[(&str, Value)], path: &str, fault: Fault) {
    let mut bundle = bundle();
    for (path, value) in changes {
        set(&mut bundle, path, value.clone());
    }
    assert_eq!(refusals(&bundle), [Refusal::new(format!("Bundle.{path}"), fault)]);
}

#[test]
fn a_bundle_of_every_resource_that_salus_knows_passes() {
    let bytes = serde_json::to_vec(&bundle()).unwrap();
    assert_eq!(checker().check(bytes.clone()).map(|info| info.bytes), Ok(bytes));
}

#[test]
fn what_is_missing_is_refused_at_its_path() {
    for path in [
        format!("{WEIGHT}.status"),
        format!("{WEIGHT}.code"),
        format!("{CONSENT}.scope"),
        format!("{AUDIT}.source"),
        format!("{AUDIT}.agent[0].requestor"),
        format!("{PROVENANCE}.recorded"),
        format!("{DOCUMENT}.content"),
        format!("{APPOINTMENT}.participant[0].status"),
        format!("{REQUEST}.intent"),
        format!("{PRACTITIONER}.qualification[0].code"),
    ] {
        refused(&[(&path, Value::Null)], &path, Fault::Missing);
    }
    let medication = (&*format!("{REQUEST}.medicationReference"), Value::Null);
    refused(&[medication], &format!("{REQUEST}.medication[x]"), Fault::Missing);
    let value = (&*format!("{WEIGHT}.valueQuantity"), Value::Null);
    refused(&[value], &format!("{WEIGHT}.value[x]"), Fault::Missing);
    let extended = (&*format!("{WEIGHT}._status"), json!({"extension": [{"url": "urn:x", "valueCode": "masked"}]}));
    let mut bundle = bundle();
    set(&mut bundle, &format!("{WEIGHT}.status"), Value::Null);
    set(&mut bundle, extended.0, extended.1);
    assert!(checker().check(serde_json::to_vec(&bundle).unwrap()).is_ok(), "extensions may stand for the value");
}

#[test]
fn what_r4_does_not_have_is_refused_at_its_path() {
    for path in [
        format!("{PATIENT}.favouriteColour"),
        format!("{PATIENT}.name[0].nickname"),
        format!("{CONSENT}.decision"),
        format!("{WEIGHT}.valueQuantity.precision"),
        "signatures".to_owned(),
    ] {
        refused(&[(&path, json!("x"))], &path, Fault::UnknownField);
    }
    let secret = (&*format!("{PATIENT}.Jane Exemplar"), json!(1));
    refused(&[secret], &format!("{PATIENT}.(not a field's name)"), Fault::UnknownField);
}

#[test]
fn codes_that_are_none_of_the_required_are_refused_with_both_sides() {
    let not_in = |found: &str, expected: &str| Fault::NotInList { found: found.into(), expected: expected.into() };
    let genders = "one of male, female, other, unknown";
    refused(
        &[(&format!("{PATIENT}.gender"), json!("woman"))],
        &format!("{PATIENT}.gender"),
        not_in("\"woman\"", genders),
    );
    refused(
        &[(&format!("{PATIENT}.gender"), json!("Jane E."))],
        &format!("{PATIENT}.gender"),
        not_in("no such code", genders),
    );
    let statuses = "one of registered, preliminary, final, amended, corrected, cancelled, entered-in-error, unknown";
    refused(&[(&format!("{BMI}.status"), json!("done"))], &format!("{BMI}.status"), not_in("\"done\"", statuses));
}

#[test]
fn values_of_another_type_or_form_are_refused() {
    let kind = |expected: &str| Fault::WrongType { expected: expected.to_owned() };
    for (path, value, fault) in [
        (format!("{WEIGHT}.code"), json!("weight"), kind("object")),
        (format!("{PATIENT}.name"), json!({"family": "Exemplar"}), kind("array")),
        (format!("{PATIENT}.active"), json!("yes"), kind("boolean")),
        (format!("{REQUEST}.dispenseRequest.numberOfRepeatsAllowed"), json!(1.5), kind("integer")),
        (format!("{REQUEST}.dispenseRequest.numberOfRepeatsAllowed"), json!(-1), Fault::Form),
        (format!("{PATIENT}.id"), json!("not ok!!"), Fault::Form),
        (format!("{PATIENT}.language"), json!(" en"), Fault::Form),
        (format!("{PATIENT}.contact[0].name.text"), json!("a\u{0}b"), Fault::Form),
        (format!("{PATIENT}.name[0].given"), json!([]), Fault::Empty),
        (format!("{PATIENT}.name"), json!([{}]), Fault::Empty),
        (format!("{PATIENT}.name[0].given[0]"), json!(3), kind("string")),
        (format!("{PATIENT}.name[0].given[0]"), Value::Null, Fault::Null),
    ] {
        let at = if value == json!([{}]) { format!("{path}[0]") } else { path.clone() };
        refused(&[(&path, value)], &at, fault);
    }
}

#[test]
fn dates_that_no_calendar_has_are_refused() {
    for (path, date) in [
        (format!("{PATIENT}.birthDate"), "1990-02-30"),
        (format!("{PATIENT}.birthDate"), "1900-02-29"),
        (format!("{WEIGHT}.effectiveDateTime"), "2026-11-31T14:00:00Z"),
        (format!("{PROVENANCE}.recorded"), "2026-06-31T14:00:00Z"),
    ] {
        refused(&[(&path, json!(date))], &path, Fault::NotADate);
    }
    let errors = {
        let mut bundle = bundle();
        set(&mut bundle, &format!("{PATIENT}.birthDate"), json!("17.05.1990"));
        refusals(&bundle)
    };
    assert!(errors.contains(&Refusal::new(format!("Bundle.{PATIENT}.birthDate"), Fault::Form)), "{errors:?}");
}

#[test]
fn a_choice_is_made_once() {
    let two = Fault::TwoValues { first: "valueQuantity".into(), second: "valueString".into() };
    refused(&[(&format!("{WEIGHT}.valueString"), json!("heavy"))], &format!("{WEIGHT}.value[x]"), two);
    let two = Fault::TwoValues { first: "deceasedBoolean".into(), second: "deceasedDateTime".into() };
    let both = [
        (&*format!("{PATIENT}.deceasedBoolean"), json!(true)),
        (&*format!("{PATIENT}.deceasedDateTime"), json!("2026")),
    ];
    refused(&both, &format!("{PATIENT}.deceased[x]"), two);
}

#[test]
fn references_that_lead_nowhere_are_refused() {
    let at = format!("{WEIGHT}.subject.reference");
    let wrong = |found: &str, expected: &str| Fault::WrongTarget { found: found.into(), expected: expected.into() };
    let subjects = "Device or Group or Location or Patient";
    for (reference, fault) in [
        ("urn:uuid:00000000-0000-4000-8000-0000000000ff", Fault::Dangling),
        ("urn:oid:1.2.3", Fault::Dangling),
        ("#somebody", Fault::Dangling),
        ("Patinet/1", Fault::BadReference),
        ("Jane Exemplar", Fault::BadReference),
        ("http://", Fault::BadReference),
        ("Patient/", Fault::BadReference),
        ("urn:uuid:00000000-0000-4000-8000-000000000001", wrong("Practitioner", subjects)),
        ("Medication/1", wrong("Medication", subjects)),
        ("Patient/p-4712", Fault::OtherPatient),
        ("https://a.example/fhir/Patient/p-4712/_history/1", Fault::OtherPatient),
    ] {
        refused(&[(&at, json!(reference))], &at, fault);
    }
    for good in ["Patient/p-4711", "https://a.example/fhir/Patient/p-4711", "Group/family", "Patient?identifier=x"] {
        let mut bundle = bundle();
        set(&mut bundle, &at, json!(good));
        assert!(checker().check(serde_json::to_vec(&bundle).unwrap()).is_ok(), "{good}");
    }
    let pill = format!("{REQUEST}.medicationReference.reference");
    refused(&[(&pill, json!("#other"))], &pill, Fault::Dangling);
    let search = "Practitioner?identifier=urn:x|1";
    let requester = format!("{REQUEST}.requester.reference");
    let mut collection = bundle();
    set(&mut collection, "type", json!("collection"));
    for number in 0..12 {
        set(&mut collection, &format!("entry[{number}].request"), Value::Null);
    }
    set(&mut collection, &requester, json!(search));
    assert_eq!(refusals(&collection), [Refusal::new(format!("Bundle.{requester}"), Fault::BadReference)]);
    let twice = ("entry[3].fullUrl", json!("urn:uuid:00000000-0000-4000-8000-000000000004"));
    let errors = {
        let mut bundle = bundle();
        set(&mut bundle, twice.0, twice.1);
        refusals(&bundle)
    };
    assert!(errors.contains(&Refusal::new("Bundle.entry[4].fullUrl", Fault::Twice)), "{errors:?}");
}

#[test]
fn measurements_in_other_units_are_refused_and_so_is_what_cannot_be() {
    let quantity = |field: &str| format!("{HEIGHT}.valueQuantity.{field}");
    let unit = |found: &str, expected| Fault::Unit { found: found.to_owned(), expected };
    for (field, value, fault) in [
        ("unit", json!("ft"), unit("ft", "cm")),
        ("unit", json!("[ft_i]"), unit("[ft_i]", "cm")),
        ("code", json!("m"), unit("m", "cm")),
        ("code", json!("cms of Jane"), unit("no such unit", "a unit of UCUM")),
        ("code", Value::Null, Fault::Missing),
        ("system", Value::Null, Fault::Missing),
        ("value", Value::Null, Fault::Missing),
        ("value", json!(5.6), Fault::Implausible { bounds: "15 to 280 cm" }),
        ("value", json!(1753), Fault::Implausible { bounds: "15 to 280 cm" }),
    ] {
        let path = quantity(field);
        if value == json!("cms of Jane") {
            // The schema has no say in units, both rules have.
            let mut bundle = bundle();
            set(&mut bundle, &path, value);
            assert!(refusals(&bundle).contains(&Refusal::new(format!("Bundle.{path}"), fault)));
        } else {
            refused(&[(&path, value)], &path, fault);
        }
    }
    let feet = json!({"value": 5.6, "unit": "ft"});
    refused(&[(&format!("{HEIGHT}.valueQuantity"), feet)], &quantity("unit"), unit("ft", "cm"));
    let other = Fault::NotInList {
        found: "another system".to_owned(),
        expected: "UCUM's, http://unitsofmeasure.org".to_owned(),
    };
    refused(&[(&quantity("system"), json!("urn:example:units"))], &quantity("system"), other);
    let words = "a measurement is a quantity with its unit";
    let text = [(&*format!("{HEIGHT}.valueQuantity"), Value::Null), (&*format!("{HEIGHT}.valueString"), json!("tall"))];
    refused(&text, &format!("{HEIGHT}.valueString"), Fault::Invariant { rule: "vital signs", words });
    let words = "beats a minute";
    let mut bundle = bundle();
    set(&mut bundle, &quantity("unit"), json!(words));
    assert!(checker().check(serde_json::to_vec(&bundle).unwrap()).is_ok(), "words of people beside the code");
}

#[test]
fn a_body_mass_index_follows_from_weight_and_height() {
    let value = format!("{BMI}.valueQuantity.value");
    for wrong in [json!(23.8), json!(23.3), json!(30)] {
        refused(&[(&value, wrong)], &value, Fault::Bmi);
    }
    for right in [json!(23.59), json!(23.6), json!(23.63), json!(24)] {
        let mut bundle = bundle();
        set(&mut bundle, &value, right);
        assert!(checker().check(serde_json::to_vec(&bundle).unwrap()).is_ok());
    }
    let mut other_day = bundle();
    set(&mut other_day, &value, json!(30));
    set(&mut other_day, &format!("{BMI}.effectiveDateTime"), json!("2026-11-23T14:00:00Z"));
    assert!(checker().check(serde_json::to_vec(&other_day).unwrap()).is_ok(), "nothing to compare it with");
    refused(&[(&value, json!(15_943.87))], &value, Fault::Implausible { bounds: "3 to 150 kg/m2" });
}

#[test]
fn codes_are_refused_by_their_check_digits() {
    let code = format!("{CONSENT}.category[0].coding[0].code");
    refused(&[(&code, json!("59284-1"))], &code, Fault::CheckDigit { system: "LOINC" });
    let snomed = json!({"coding": [{"system": "http://snomed.info/sct", "code": "38341004"}]});
    let at = format!("{PRACTITIONER}.qualification[0].code.coding[0].code");
    let change = (&*format!("{PRACTITIONER}.qualification[0].code"), snomed);
    refused(&[change], &at, Fault::CheckDigit { system: "SNOMED CT" });
}

#[test]
fn what_contradicts_itself_is_refused() {
    let absent = json!({"coding": [{"code": "unknown"}]});
    let at = format!("{WEIGHT}.dataAbsentReason");
    refused(&[(&at, absent.clone())], &at, Fault::ValueAndAbsent);
    let component = json!([{"code": {"text": "part"}, "valueBoolean": true, "dataAbsentReason": absent}]);
    let at = format!("{WEIGHT}.component[0].dataAbsentReason");
    refused(&[(&format!("{WEIGHT}.component"), component)], &at, Fault::ValueAndAbsent);
    for (path, value, other) in [
        (format!("{APPOINTMENT}.end"), "2026-12-01T09:00:00Z", "start"),
        (format!("{APPOINTMENT}.end"), "2026-12-01T11:00:00+02:00", "start"),
        (format!("{PRACTITIONER}.qualification[0].period.end"), "2014-12-31", "start"),
        (format!("{PATIENT}.deceasedDateTime"), "1990-05-16", "birthDate"),
    ] {
        refused(&[(&path, json!(value))], &path, Fault::Order { other });
    }
}

#[test]
fn hl7s_invariants_hold() {
    let words = |rule: &'static str, words: &'static str| Fault::Invariant { rule, words };
    let none = Value::Null;
    for (changes, path, fault) in [
        (
            vec![(format!("{PATIENT}.contact[0]"), json!({"gender": "male"}))],
            format!("{PATIENT}.contact[0]"),
            words("pat-1", "a contact has a name, telecom, address or organisation"),
        ),
        (
            vec![(format!("{PRACTITIONER}.identifier"), none.clone())],
            format!("{PRACTITIONER}.identifier"),
            words("practitioner", "a practitioner has an identifier or a name"),
        ),
        (
            vec![(format!("{ORGANIZATION}.name"), none.clone()), (format!("{ORGANIZATION}.active"), json!(true))],
            format!("{ORGANIZATION}.name"),
            words("org-1", "an organisation has an identifier or a name"),
        ),
        (
            vec![(format!("{CONSENT}.policy"), none.clone())],
            format!("{CONSENT}.policyRule"),
            words("ppc-1", "a consent names a policy or a policy rule"),
        ),
        (
            vec![(format!("{CONSENT}.patient"), none.clone())],
            format!("{CONSENT}.patient"),
            words("ppc-2", "a consent about privacy names its patient"),
        ),
        (
            vec![(format!("{AUDIT}.agent[1].requestor"), json!(true))],
            format!("{AUDIT}.agent"),
            words("AuditEvent.agent.requestor", "one agent at most asked for what happened"),
        ),
        (
            vec![(format!("{AUDIT}.entity[0].query"), json!("aGVsbG8="))],
            format!("{AUDIT}.entity[0].query"),
            words("sev-1", "an entity has a name or a query"),
        ),
        (
            vec![(
                format!("{PROVENANCE}.agent[0].onBehalfOf.reference"),
                json!("urn:uuid:00000000-0000-4000-8000-000000000001"),
            )],
            format!("{PROVENANCE}.agent[0].onBehalfOf"),
            words("prov-1", "nobody acts on their own behalf"),
        ),
        (
            vec![(format!("{DOCUMENT}.content[0].attachment"), json!({"contentType": "text/plain"}))],
            format!("{DOCUMENT}.content[0].attachment.url"),
            words("attachment", "a document's content is inside, or an address says where"),
        ),
        (
            vec![(format!("{DOCUMENT}.content[0].attachment.contentType"), none.clone())],
            format!("{DOCUMENT}.content[0].attachment.contentType"),
            words("att-1", "data has a content type"),
        ),
        (
            vec![(
                format!("{DOCUMENT}.content[0].attachment.hash"),
                json!("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
            )],
            format!("{DOCUMENT}.content[0].attachment.hash"),
            words("attachment.hash", "the hash is a SHA-1 in R4; carry another as an identifier"),
        ),
        (
            vec![(format!("{APPOINTMENT}.end"), none.clone())],
            format!("{APPOINTMENT}.end"),
            words("app-2", "start and end are both given, or neither"),
        ),
        (
            vec![(format!("{APPOINTMENT}.start"), none.clone()), (format!("{APPOINTMENT}.end"), none.clone())],
            format!("{APPOINTMENT}.start"),
            words("app-3", "only what is proposed, cancelled or waiting has no time"),
        ),
        (
            vec![(format!("{APPOINTMENT}.cancelationReason"), json!({"text": "rain"}))],
            format!("{APPOINTMENT}.cancelationReason"),
            words("app-4", "only what did not happen has a reason for it"),
        ),
        (
            vec![(format!("{APPOINTMENT}.participant[0].actor"), none.clone())],
            format!("{APPOINTMENT}.participant[0]"),
            words("app-1", "a participant has a type or an actor"),
        ),
        (
            vec![(format!("{REQUEST}.dosageInstruction[0].doseAndRate[0].doseQuantity.value"), json!(0))],
            format!("{REQUEST}.dosageInstruction[0].doseAndRate[0].doseQuantity.value"),
            Fault::Implausible { bounds: "what can be taken, above 0" },
        ),
        (
            vec![(format!("{REQUEST}.dosageInstruction[0].doseAndRate[0].doseQuantity.code"), json!("{tbl}"))],
            format!("{REQUEST}.dosageInstruction[0].doseAndRate[0].doseQuantity.system"),
            words("qty-3", "a coded unit names its system"),
        ),
        (
            vec![("entry[2].request".to_owned(), none.clone())],
            "entry[2].request".to_owned(),
            words("bdl-3", "entries of a batch, transaction or history have a request, no others"),
        ),
        (
            vec![("entry[2].response".to_owned(), json!({"status": "200"}))],
            "entry[2].response".to_owned(),
            words("bdl-4", "entries of a response or history have a response, no others"),
        ),
        (
            vec![("entry[2].search".to_owned(), json!({"mode": "match"}))],
            "entry[2].search".to_owned(),
            words("bdl-2", "entries of a search set alone say how they were found"),
        ),
        (
            vec![("entry[11].fullUrl".to_owned(), json!("https://a.example/MedicationRequest/1/_history/2"))],
            "entry[11].fullUrl".to_owned(),
            words("bdl-8", "the address of an entry names no version"),
        ),
        (
            vec![
                ("entry[11].fullUrl".to_owned(), json!("https://a.example/MedicationRequest/1")),
                (format!("{REQUEST}.id"), json!("2")),
            ],
            "entry[11].fullUrl".to_owned(),
            words("Bundle.entry.fullUrl", "an address that ends in Type/id ends in its resource's own id"),
        ),
    ] {
        let changes: Vec<(&str, Value)> = changes.iter().map(|(path, value)| (&**path, value.clone())).collect();
        refused(&changes, &path, fault);
    }
}

#[test]
fn documents_and_messages_begin_as_they_should() {
    let rules = |kind: &str| -> BTreeSet<String> {
        let resource = json!({"resourceType": "Basic", "code": {"text": "x"}});
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [{"resource": resource}]});
        let rule = |refusal: Refusal| match refusal.fault {
            Fault::Invariant { rule, .. } => format!("{} {rule}", refusal.path),
            other => panic!("{other}"),
        };
        refusals(&bundle).into_iter().map(rule).collect()
    };
    let document = ["Bundle.entry bdl-11", "Bundle.identifier bdl-9", "Bundle.timestamp bdl-10"];
    assert_eq!(rules("document"), document.map(str::to_owned).into());
    assert_eq!(rules("message"), ["Bundle.entry bdl-12".to_owned()].into());
}

#[test]
fn every_fault_is_told_up_to_a_limit_and_none_repeats_what_is_about_a_person() {
    let mut bundle = bundle();
    set(&mut bundle, &format!("{PATIENT}.gender"), json!("Exemplar"));
    set(&mut bundle, &format!("{PATIENT}.birthDate"), json!("1990-05-37"));
    set(&mut bundle, &format!("{PATIENT}.name[0].Jane Exemplar"), json!(4711));
    set(&mut bundle, &format!("{WEIGHT}.subject.reference"), json!(4711));
    let error = checker().check(serde_json::to_vec(&bundle).unwrap()).unwrap_err();
    let CheckError::Refused(refusals) = &error else { panic!("{error}") };
    assert!(refusals.len() >= 4, "{refusals:?}");
    let printed = format!("{error} {error:?} {}", refusals.iter().map(ToString::to_string).collect::<String>());
    for personal in ["Exemplar", "Jane", "1990", "4711", "John"] {
        assert!(!printed.contains(personal), "{personal} is in {printed}");
    }
    let bad = json!({"resourceType": "Observation"});
    let entries: Vec<Value> = (0..50).map(|_| json!({"resource": bad})).collect();
    let many = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    assert_eq!(self::refusals(&many).len(), REFUSALS_MAX);
}

#[test]
fn what_is_no_bundle_is_refused_before_its_fields() {
    let refused = |text: &str| checker().check(text.as_bytes().to_vec()).unwrap_err();
    let twice = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic","id":"1","id":"2"}}]}"#;
    let CheckError::Bundle(BundleError::Json(JsonError::DuplicateKey { at, .. })) = refused(twice) else { panic!() };
    assert_eq!(at, "Bundle.entry[0].resource.id");
    assert!(matches!(refused("{}"), CheckError::Bundle(BundleError::Missing { .. })));
}

#[test]
fn a_schema_that_is_not_there_or_not_ours_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r4.schema.json");
    let error = Checker::load(&path).unwrap_err();
    assert!(matches!(&error, SchemaError::NotFound { path: found } if *found == path));
    assert!(error.to_string().contains("run scripts/setup"), "{error}");
    for text in ["{}", "no JSON", r#"{"$comment": "salus-fhir patch 0"}"#] {
        fs::write(&path, text).unwrap();
        let error = Checker::load(&path).unwrap_err();
        assert!(matches!(error, SchemaError::NotOurs { .. }), "{text}: {error}");
    }
    assert!(matches!(Checker::load(folder.path()), Err(SchemaError::Io { .. })));
}
