//! The paper's mistake, a height in feet taken for metres, can no longer be made; and the record says what
//! domain.md section 8 says it does.

use super::*;
use crate::{Kind, parse_bundle};

const PATIENT: Id = Id([0xab; 16]);
/// 22 November 2026, 14:00 UTC.
const MEASURED: u64 = 1_795_356_000_000;

fn input() -> VitalsInput {
    VitalsInput {
        gender: Gender::Female,
        birth: Birth::On("1990-05-17".parse().unwrap()),
        weight: "72.5 kg".parse().unwrap(),
        height: "175.3cm".parse().unwrap(),
        blood_group: Some("AB-".parse().unwrap()),
        blood_pressure: Some(("118 mmHg".parse().unwrap(), "76".parse().unwrap())),
        heart_rate: Some("64 bpm".parse().unwrap()),
        respiration: Some("14".parse().unwrap()),
        temperature: Some("36.8 C".parse().unwrap()),
        saturation: Some("98 %".parse().unwrap()),
    }
}

fn bundle(input: &VitalsInput) -> Value {
    serde_json::from_slice(&input.bundle(&PATIENT, MEASURED).unwrap()).unwrap()
}

/// The Observation with this LOINC code.
fn observed<'a>(bundle: &'a Value, code: &str) -> &'a Value {
    let entries = bundle["entry"].as_array().unwrap();
    let mut found = entries.iter().map(|entry| &entry["resource"]).filter(|resource| {
        resource["code"]["coding"].as_array().is_some_and(|all| all.iter().any(|coding| coding["code"] == code))
    });
    let one = found.next().unwrap_or_else(|| panic!("no Observation {code}"));
    assert!(found.next().is_none(), "{code} twice");
    one
}

#[test]
fn every_value_stands_under_its_loinc_code_in_its_unit() {
    let bundle = bundle(&input());
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("collection")));
    for (code, value, unit) in [
        ("29463-7", json!(72.5), "kg"),
        ("8302-2", json!(175.3), "cm"),
        ("39156-5", json!(23.6), "kg/m2"),
        ("8867-4", json!(64), "/min"),
        ("9279-1", json!(14), "/min"),
        ("8310-5", json!(36.8), "Cel"),
        ("2708-6", json!(98), "%"),
        ("59408-5", json!(98), "%"),
    ] {
        let observation = observed(&bundle, code);
        let quantity = &observation["valueQuantity"];
        assert_eq!((&quantity["value"], &quantity["code"]), (&value, &json!(unit)), "{code}");
        assert_eq!(quantity["system"], UCUM);
        assert_eq!(observation["category"][0]["coding"][0]["code"], "vital-signs");
        assert_eq!(observation["status"], "final");
        assert_eq!(observation["effectiveDateTime"], "2026-11-22T14:00:00Z");
        assert_eq!(observation["subject"]["reference"], bundle["entry"][0]["fullUrl"]);
    }
}

#[test]
fn blood_pressure_is_a_panel_of_two() {
    let bundle = bundle(&input());
    let panel = observed(&bundle, "85354-9");
    assert_eq!(panel.get("valueQuantity"), None);
    for (index, code, value) in [(0, "8480-6", 118), (1, "8462-4", 76)] {
        let component = &panel["component"][index];
        assert_eq!(component["code"]["coding"][0]["code"], code);
        assert_eq!(component["valueQuantity"]["value"], value);
        assert_eq!(component["valueQuantity"]["code"], "mm[Hg]");
    }
}

#[test]
fn blood_group_is_two_laboratory_results() {
    for (text, abo, rh) in [
        ("AB-", "165743006", "165746003"),
        ("o+", "58460004", "165747007"),
        ("A +", "112144000", "165747007"),
        ("B−", "112149005", "165746003"),
    ] {
        let bundle = bundle(&VitalsInput { blood_group: Some(text.parse().unwrap()), ..input() });
        for (code, value) in [("883-9", abo), ("10331-7", rh)] {
            let observation = observed(&bundle, code);
            assert_eq!(observation["valueCodeableConcept"]["coding"][0]["code"], value, "{text}");
            assert_eq!(observation["category"][0]["coding"][0]["code"], "laboratory");
        }
    }
}

#[test]
fn gender_and_birth_go_to_the_patient_and_not_to_an_observation() {
    let patient = bundle(&input())["entry"][0]["resource"].clone();
    assert_eq!(patient["resourceType"], "Patient");
    assert_eq!((&patient["gender"], &patient["birthDate"]), (&json!("female"), &json!("1990-05-17")));
    assert_eq!(patient["identifier"][0], json!({"system": "urn:salus:patient", "value": PATIENT.to_string()}));
    let aged = bundle(&VitalsInput { birth: Birth::AgedYears(36), ..input() });
    assert_eq!(aged["entry"][0]["resource"]["birthDate"], "1990");
}

#[test]
fn the_record_is_a_bundle_of_kind_general_and_always_the_same_bytes() {
    let bytes = input().bundle(&PATIENT, MEASURED).unwrap();
    assert_eq!(bytes, input().bundle(&PATIENT, MEASURED).unwrap());
    let info = parse_bundle(bytes).unwrap();
    assert_eq!((info.kind, info.resources()), (Kind::General, 11));
    assert!(!info.labels.restricted());
    let urls = |bundle: &Value| -> Vec<String> {
        bundle["entry"].as_array().unwrap().iter().map(|entry| entry["fullUrl"].to_string()).collect()
    };
    let mut all = urls(&bundle(&input()));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 11);
}

#[test]
fn what_was_not_measured_is_left_out() {
    let bundle = bundle(&VitalsInput {
        blood_group: None,
        blood_pressure: None,
        heart_rate: None,
        respiration: None,
        temperature: None,
        saturation: None,
        ..input()
    });
    assert_eq!(bundle["entry"].as_array().unwrap().len(), 4, "the patient, weight, height and BMI");
}

#[test]
fn the_bmi_is_recomputed_and_rounded_to_a_tenth() {
    for (weight, height, tenths) in
        [("70", "175", 229), ("80", "200", 200), ("50", "160", 195), ("81", "180", 250), ("3.5", "50", 140)]
    {
        let input = VitalsInput { weight: weight.parse().unwrap(), height: height.parse().unwrap(), ..input() };
        assert_eq!(input.bmi_tenths(), Ok(tenths), "{weight} kg, {height} cm");
    }
}

#[test]
fn the_papers_example_gives_its_true_bmi() {
    // 50 kg and 5.6 ft, for which the paper's program computed 15,943.87.
    let input = VitalsInput { weight: "50kg".parse().unwrap(), height: "5.6ft".parse().unwrap(), ..input() };
    assert_eq!((input.height.hundredths(), input.bmi_tenths()), (17_069, Ok(172)));
    let bundle = bundle(&input);
    assert_eq!(observed(&bundle, "8302-2")["valueQuantity"]["value"], 170.69);
    assert_eq!(observed(&bundle, "39156-5")["valueQuantity"]["value"], 17.2);
}

#[test]
fn a_height_in_another_unit_is_converted_by_its_name() {
    for (text, hundredths) in [
        ("5.9 ft", 17_983),
        ("5.9ft", 17_983),
        ("5 feet", 15_240),
        ("5'9\"", 17_526),
        ("5 ft 9 in", 17_526),
        ("5 ft 9.5 in", 17_653),
        ("5′9", 17_526),
        ("5.9 Feet", 17_983),
        ("69 in", 17_526),
        ("1.75 m", 17_500),
        ("1753 mm", 17_530),
    ] {
        assert_eq!(text.parse::<Height>().map(Height::hundredths), Ok(hundredths), "{text}");
    }
    let unknown = Err(VitalsError::UnknownUnit { what: "height", unit: "cm" });
    for text in ["5.5 ft 9 in", "5 ft 12 in", "5 ft 9 cm", "5 m 9", "5 ft x", "1.75 cubits", "175 kg"] {
        assert_eq!(text.parse::<Height>(), unknown, "{text}");
    }
}

#[test]
fn a_height_in_feet_without_its_unit_is_out_of_bounds_and_says_what_may_be_the_matter() {
    for text in ["5.9", "1.75", "19.99", "280.01", "1753"] {
        let error = text.parse::<Height>().unwrap_err();
        assert!(matches!(error, VitalsError::Implausible { what: "height", .. }), "{text}: {error}");
        assert!(error.to_string().contains("name the unit, as in 5.6 ft"), "{error}");
        assert!(!error.to_string().contains(text), "the value is not repeated: {error}");
    }
    assert!("20".parse::<Height>().is_ok() && "280".parse::<Height>().is_ok());
}

#[test]
fn other_units_are_converted_and_unknown_ones_are_refused() {
    let weight = |text: &str| text.parse::<Weight>().map(Weight::hundredths);
    assert_eq!(weight("160 lbs"), Ok(7257));
    assert_eq!((weight("11 st 6"), weight("11 st 6 lb"), weight("11 stone")), (Ok(7257), Ok(7257), Ok(6985)));
    assert_eq!(weight("3500 g"), Ok(350));
    let temperature = |text: &str| text.parse::<Temperature>().map(Temperature::hundredths);
    assert_eq!((temperature("98.6 F"), temperature("310.15 K"), temperature("37 Cel")), (Ok(3700), Ok(3700), Ok(3700)));
    assert!(matches!(temperature("10 F"), Err(VitalsError::Implausible { .. })), "below the scale");
    assert_eq!("16 kPa".parse::<Pressure>().map(Pressure::hundredths), Ok(12_001));
    assert_eq!("1.1 Hz".parse::<PerMinute>().map(PerMinute::hundredths), Ok(6600));
    let unknown = Err(VitalsError::UnknownUnit { what: "weight", unit: "kg" });
    for text in ["70 furlongs", "70 cm", "70 kg 5", "7e1"] {
        assert_eq!(text.parse::<Weight>(), unknown, "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in ["", "kg", "-70", "7e1", "70,5", "72.555", "1.2.3", ".5", "70.", "99999", "NaN", "７0"] {
        let error = text.parse::<Weight>().unwrap_err();
        let refused = matches!(error, VitalsError::NotANumber { what: "weight", .. } | VitalsError::UnknownUnit { .. });
        assert!(refused, "{text}: {error}");
    }
    assert_eq!("72.05 kg".parse::<Weight>().unwrap().hundredths(), 7205);
    assert_eq!("72.5".parse::<Weight>().unwrap().to_string(), "72.5 kg");
}

#[test]
fn bounds_hold_for_each_value() {
    assert!("0.29".parse::<Weight>().is_err() && "0.3".parse::<Weight>().is_ok());
    assert!("650".parse::<Weight>().is_ok() && "650.01".parse::<Weight>().is_err());
    assert!("19".parse::<Pressure>().is_err() && "351".parse::<Pressure>().is_err());
    assert!("98.6".parse::<Temperature>().is_err(), "Fahrenheit without its unit");
    assert!("0.98".parse::<Saturation>().is_err() && "101".parse::<Saturation>().is_err());
    assert!("0".parse::<PerMinute>().is_err() && "401".parse::<PerMinute>().is_err());
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    let refused = |input: VitalsInput| input.bundle(&PATIENT, MEASURED).unwrap_err();
    let heavy = VitalsInput { weight: "600".parse().unwrap(), height: "50".parse().unwrap(), ..input() };
    assert_eq!(refused(heavy), VitalsError::Bmi);
    let light = VitalsInput { weight: "0.5".parse().unwrap(), height: "170".parse().unwrap(), ..input() };
    assert_eq!(refused(light), VitalsError::Bmi);
    let exchanged = Some(("76".parse().unwrap(), "118".parse().unwrap()));
    assert_eq!(refused(VitalsInput { blood_pressure: exchanged, ..input() }), VitalsError::PressureOrder);
    let equal = Some(("76".parse().unwrap(), "76".parse().unwrap()));
    assert_eq!(refused(VitalsInput { blood_pressure: equal, ..input() }), VitalsError::PressureOrder);
    for date in ["2026-11-23", "1895-11-22"] {
        let birth = Birth::On(date.parse().unwrap());
        assert_eq!(refused(VitalsInput { birth, ..input() }), VitalsError::BirthDate, "{date}");
    }
    let today = Birth::On("2026-11-22".parse().unwrap());
    assert!(VitalsInput { birth: today, ..input() }.bundle(&PATIENT, MEASURED).is_ok());
}

#[test]
fn words_that_are_not_fhirs_are_refused() {
    assert_eq!("F".parse::<Gender>(), Err(VitalsError::Gender));
    assert_eq!("female".parse::<Gender>(), Ok(Gender::Female));
    for text in ["C+", "AB", "0+", "+", "", "A++"] {
        assert_eq!(text.parse::<BloodGroup>(), Err(VitalsError::BloodGroup), "{text}");
    }
    assert_eq!("131".parse::<Birth>(), Err(VitalsError::Age));
    assert_eq!("28.02.1990".parse::<Birth>(), Err(VitalsError::Age));
    assert_eq!("36".parse::<Birth>(), Ok(Birth::AgedYears(36)));
}

#[test]
fn no_value_is_printed_by_debug() {
    let printed = format!("{:?}", input());
    for value in ["72", "175", "1990", "118", "AB", "98"] {
        assert!(!printed.contains(value), "{value} is in {printed}");
    }
}
