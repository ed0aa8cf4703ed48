//! Measurements: what has a unit in the record of general information is in that unit, can be, and a body mass index
//! follows from the weight and the height measured with it.

use serde_json::{Map, Value};

use super::{
    Step, Walk,
    codes::{LOINC, UCUM},
};
use crate::refusal::{Fault, shown_unit};

/// What is known of one measurement.
struct Spec {
    loinc: &'static str,
    /// Its unit, as UCUM writes it.
    unit: &'static str,
    /// The least and the most that is believed.
    range: (f64, f64),
    bounds: &'static str,
}

const WEIGHT: &str = "29463-7";
const HEIGHT: &str = "8302-2";
const BMI: &str = "39156-5";

/// Wider than what a form of ours accepts: these come from devices and intensive care, too.
const SPECS: [Spec; 10] = [
    Spec { loinc: WEIGHT, unit: "kg", range: (0.2, 700.0), bounds: "0.2 to 700 kg" },
    Spec { loinc: HEIGHT, unit: "cm", range: (15.0, 280.0), bounds: "15 to 280 cm" },
    Spec { loinc: BMI, unit: "kg/m2", range: (3.0, 150.0), bounds: "3 to 150 kg/m2" },
    Spec { loinc: "8480-6", unit: "mm[Hg]", range: (0.0, 400.0), bounds: "0 to 400 mm[Hg]" },
    Spec { loinc: "8462-4", unit: "mm[Hg]", range: (0.0, 400.0), bounds: "0 to 400 mm[Hg]" },
    Spec { loinc: "8867-4", unit: "/min", range: (0.0, 600.0), bounds: "0 to 600 /min" },
    Spec { loinc: "9279-1", unit: "/min", range: (0.0, 250.0), bounds: "0 to 250 /min" },
    Spec { loinc: "8310-5", unit: "Cel", range: (10.0, 48.0), bounds: "10 to 48 degrees Celsius" },
    Spec { loinc: "2708-6", unit: "%", range: (0.0, 100.0), bounds: "0 to 100 %" },
    Spec { loinc: "59408-5", unit: "%", range: (0.0, 100.0), bounds: "0 to 100 %" },
];

/// Units of other measures that people write beside such values: where `unit` says one of these, a reader will take
/// the value for one in it, whatever `code` says.
const FOREIGN: [&str; 28] = [
    "ft",
    "[ft_i]",
    "[ft_us]",
    "feet",
    "foot",
    "'",
    "in",
    "[in_i]",
    "[in_us]",
    "inch",
    "inches",
    "\"",
    "m",
    "mm",
    "lb",
    "lbs",
    "[lb_av]",
    "pound",
    "pounds",
    "st",
    "[stone_av]",
    "g",
    "kPa",
    "[degF]",
    "F",
    "°F",
    "K",
    "/s",
];

/// The measurement that an Observation or a component of one says it is.
fn spec(object: &Map<String, Value>) -> Option<&'static Spec> {
    let codings = object.get("code")?.get("coding")?.as_array()?;
    codings.iter().find_map(|coding| {
        let text = |field: &str| coding.get(field).and_then(Value::as_str);
        let code = text("code").filter(|_| text("system") == Some(LOINC))?;
        SPECS.iter().find(|spec| spec.loinc == code)
    })
}

/// A number as it is written: its value, and half of its last digit.
#[derive(Clone, Copy)]
struct Written {
    value: f64,
    half: f64,
}

impl Written {
    fn of(number: &Value) -> Option<Self> {
        let value = number.as_f64()?;
        let text = number.to_string();
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len().min(6));
        Some(Self { value, half: 0.5 * 10f64.powi(-i32::try_from(decimals).unwrap_or_default()) })
    }

    fn least(self) -> f64 {
        self.value - self.half
    }

    fn most(self) -> f64 {
        self.value + self.half
    }
}

/// A weight, a height or a body mass index of the bundle.
struct Measurement<'a> {
    loinc: &'static str,
    /// When it was measured, as it is written.
    at: &'a str,
    number: Written,
    path: String,
}

/// What a body mass index may follow from.
#[derive(Default)]
pub(super) struct Measured<'a>(Vec<Measurement<'a>>);

impl<'a> Walk<'a, '_> {
    /// The value of an Observation and those of its components.
    pub(super) fn check_measurements(&mut self, observation: &'a Map<String, Value>) {
        let text = |field: &str| observation.get(field).and_then(Value::as_str);
        if matches!(text("status"), Some("entered-in-error" | "cancelled")) {
            return;
        }
        let at = text("effectiveDateTime").or(text("effectiveInstant")).unwrap_or_default();
        self.check_measurement(observation, at);
        let components = observation.get("component").and_then(Value::as_array).into_iter().flatten();
        for (number, component) in components.enumerate() {
            self.path.extend([Step::Field("component"), Step::Item(number)]);
            if let Some(component) = component.as_object() {
                self.check_measurement(component, at);
            }
            self.path.truncate(self.path.len() - 2);
        }
    }

    fn check_measurement(&mut self, object: &'a Map<String, Value>, at: &'a str) {
        let Some(spec) = spec(object) else { return };
        let Some(quantity) = object.get("valueQuantity").and_then(Value::as_object) else {
            if let Some(other) = object.keys().find(|key| key.starts_with("value")) {
                let words = "a measurement is a quantity with its unit";
                self.refuse(&[other], Fault::Invariant { rule: "vital signs", words });
            }
            return;
        };
        self.path.push(Step::Field("valueQuantity"));
        if let Some((field, fault)) = unit_fault(quantity, spec) {
            self.refuse(&[field], fault);
        } else if let Some(number) = quantity.get("value").and_then(Written::of) {
            if (spec.range.0..=spec.range.1).contains(&number.value) {
                if [WEIGHT, HEIGHT, BMI].contains(&spec.loinc) {
                    let path = format!("{}.value", self.shown_path());
                    self.measured.0.push(Measurement { loinc: spec.loinc, at, number, path });
                }
            } else {
                self.refuse(&["value"], Fault::Implausible { bounds: spec.bounds });
            }
        } else {
            self.refuse(&["value"], Fault::Missing);
        }
        self.path.pop();
    }
}

/// What is wrong with a quantity's unit, and in which of its fields.
fn unit_fault(quantity: &Map<String, Value>, spec: &Spec) -> Option<(&'static str, Fault)> {
    let text = |field: &str| quantity.get(field).and_then(Value::as_str);
    let wrong = |found: &str| Fault::Unit { found: shown_unit(found), expected: spec.unit };
    if let Some(unit) = text("unit")
        && unit != spec.unit
        && (FOREIGN.contains(&unit) || text("code").is_none())
    {
        return Some(("unit", wrong(unit)));
    }
    match (text("code"), text("system")) {
        (None, _) => Some(("code", Fault::Missing)),
        (Some(code), _) if code != spec.unit => Some(("code", wrong(code))),
        (_, None) => Some(("system", Fault::Missing)),
        (_, Some(UCUM)) => None,
        (_, Some(_)) => Some((
            "system",
            Fault::NotInList { found: "another system".to_owned(), expected: format!("UCUM's, {UCUM}") },
        )),
    }
}

impl Measured<'_> {
    /// Refuse a body mass index that follows from no weight and height measured at the same time. Where one of the
    /// two is not there, nothing is said.
    pub(super) fn check(self, walk: &mut Walk<'_, '_>) {
        let of = |loinc: &'static str, at: &str| -> Vec<Written> {
            let fits = |one: &&Measurement<'_>| one.loinc == loinc && one.at == at;
            self.0.iter().filter(fits).map(|one| one.number).collect()
        };
        for bmi in self.0.iter().filter(|one| one.loinc == BMI) {
            let (weights, heights) = (of(WEIGHT, bmi.at), of(HEIGHT, bmi.at));
            let follows = |weight: &Written, height: &Written| {
                // Between what the least and what the most of both would give, as far as digits are written.
                let index = |kilograms: f64, centimetres: f64| kilograms / (centimetres / 100.0).powi(2);
                let (least, most) = (index(weight.least(), height.most()), index(weight.most(), height.least()));
                let slack = 0.01 + bmi.number.half;
                (least - slack..=most + slack).contains(&bmi.number.value)
            };
            let any = weights.iter().any(|weight| heights.iter().any(|height| follows(weight, height)));
            if !weights.is_empty() && !heights.is_empty() && !any {
                walk.refuse_at(bmi.path.clone(), Fault::Bmi);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_is_as_exact_as_it_is_written() {
        let half = |value: Value| Written::of(&value).unwrap().half;
        assert_eq!((half(json!(70)), half(json!(72.5)), half(json!(1.25))), (0.5, 0.05, 0.005));
        assert!(Written::of(&json!("70")).is_none());
    }

    #[test]
    fn no_unit_of_a_measurement_is_foreign_to_it() {
        for spec in &SPECS {
            assert!(!FOREIGN.contains(&spec.unit), "{}", spec.unit);
            assert!(spec.range.0 < spec.range.1);
        }
    }
}
