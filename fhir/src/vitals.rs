//! The general-information record: gender, age, weight, height, BMI, blood group, blood pressure and what goes
//! with them, checked for units and plausibility, as a FHIR R4 bundle of LOINC-coded Observations
//! (domain.md section 8).
//!
//! The BMI is never taken from anyone: it is computed from weight and height. A value comes with its unit, which is
//! converted, or without one, in the unit named here; a unit that is not known is refused, never guessed.

use core::{fmt, str::FromStr};
use serde_json::{Value, json};

use crate::{
    date::{Date, instant},
    identifier::{Id, identifier, uuid_text},
};

mod measure;

use measure::number;
pub use measure::{Height, PerMinute, Pressure, Saturation, Temperature, Weight};

const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const UCUM: &str = "http://unitsofmeasure.org";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// Why a value was not accepted. The value itself is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VitalsError {
    /// No number.
    #[error("{what}: expected a number in {unit} with at most two decimals, as \"{example}\"")]
    NotANumber {
        /// Which value.
        what: &'static str,
        /// Its unit.
        unit: &'static str,
        /// What it may look like.
        example: &'static str,
    },
    /// No unit that is known for this value.
    #[error("{what}: the unit is none that is known for it, give it in {unit}")]
    UnknownUnit {
        /// Which value.
        what: &'static str,
        /// The record's unit.
        unit: &'static str,
    },
    /// Out of bounds.
    #[error("{what} is outside {bounds}: check the value and its unit ({hint})")]
    Implausible {
        /// Which value.
        what: &'static str,
        /// What is plausible.
        bounds: &'static str,
        /// What is often the matter.
        hint: &'static str,
    },
    /// Weight and height do not go together.
    #[error("weight and height give a BMI outside 3 to 150 kg/m2: check both, and their units")]
    Bmi,
    /// Diastolic above systolic.
    #[error("the systolic pressure has to be above the diastolic one: they may be exchanged")]
    PressureOrder,
    /// Not a blood group.
    #[error("not a blood group: expected A, B, AB or O followed by + or -, as \"AB-\"")]
    BloodGroup,
    /// Not an administrative gender.
    #[error("not a gender: expected male, female, other or unknown")]
    Gender,
    /// Not an age.
    #[error("not an age: expected whole years from 0 to 130")]
    Age,
    /// Born after the measurement, or more than 130 years before.
    #[error("the birth date has to lie within the 130 years before the measurement")]
    BirthDate,
}

/// Administrative gender, as FHIR has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gender {
    /// `male`.
    Male,
    /// `female`.
    Female,
    /// `other`.
    Other,
    /// `unknown`.
    Unknown,
}

impl Gender {
    /// FHIR's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Gender {
    type Err = VitalsError;

    fn from_str(text: &str) -> Result<Self, VitalsError> {
        let all = [Self::Male, Self::Female, Self::Other, Self::Unknown];
        all.into_iter().find(|gender| gender.code() == text).ok_or(VitalsError::Gender)
    }
}

/// When a patient was born, as well as it is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    /// The day.
    On(Date),
    /// The age in whole years at the measurement, 0 to 130: the birth date is then the year alone, which may be
    /// one too late.
    AgedYears(u8),
}

impl fmt::Debug for Birth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Birth(private)")
    }
}

impl FromStr for Birth {
    type Err = VitalsError;

    /// A date as YYYY-MM-DD, or an age in years.
    fn from_str(text: &str) -> Result<Self, VitalsError> {
        if let Ok(date) = text.parse() {
            return Ok(Self::On(date));
        }
        text.parse().ok().filter(|years| *years <= 130).map(Self::AgedYears).ok_or(VitalsError::Age)
    }
}

/// ABO group and rhesus factor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BloodGroup {
    abo: Abo,
    rh_positive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Abo {
    A,
    B,
    Ab,
    O,
}

impl BloodGroup {
    /// SNOMED CT code and words of the ABO group.
    fn abo_coding(self) -> (&'static str, &'static str) {
        match self.abo {
            Abo::A => ("112144000", "Blood group A"),
            Abo::B => ("112149005", "Blood group B"),
            Abo::Ab => ("165743006", "Blood group AB"),
            Abo::O => ("58460004", "Blood group O"),
        }
    }

    /// SNOMED CT code and words of the rhesus factor.
    fn rh_coding(self) -> (&'static str, &'static str) {
        if self.rh_positive { ("165747007", "RhD positive") } else { ("165746003", "RhD negative") }
    }
}

impl FromStr for BloodGroup {
    type Err = VitalsError;

    fn from_str(text: &str) -> Result<Self, VitalsError> {
        let rest = text.trim();
        let (group, rh_positive) = match (rest.strip_suffix('+'), rest.strip_suffix(['-', '−'])) {
            (Some(group), _) => (group, true),
            (_, Some(group)) => (group, false),
            _ => return Err(VitalsError::BloodGroup),
        };
        let abo = match group.trim_end().to_ascii_uppercase().as_str() {
            "A" => Abo::A,
            "B" => Abo::B,
            "AB" => Abo::Ab,
            "O" => Abo::O,
            _ => return Err(VitalsError::BloodGroup),
        };
        Ok(Self { abo, rh_positive })
    }
}

impl fmt::Debug for BloodGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BloodGroup(private)")
    }
}

/// What a general-information record says. Its parts are plausible each; [`VitalsInput::bundle`] checks them
/// together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VitalsInput {
    /// Administrative gender.
    pub gender: Gender,
    /// Birth date or age.
    pub birth: Birth,
    /// Weight.
    pub weight: Weight,
    /// Height.
    pub height: Height,
    /// Blood group, where it is known.
    pub blood_group: Option<BloodGroup>,
    /// Systolic and diastolic blood pressure, where it was measured.
    pub blood_pressure: Option<(Pressure, Pressure)>,
    /// Pulse.
    pub heart_rate: Option<PerMinute>,
    /// Breaths.
    pub respiration: Option<PerMinute>,
    /// Body temperature.
    pub temperature: Option<Temperature>,
    /// Oxygen saturation by pulse oximetry.
    pub saturation: Option<Saturation>,
}

impl VitalsInput {
    /// The body mass index in tenths of kg/m2, rounded.
    ///
    /// # Errors
    /// [`VitalsError::Bmi`] outside 3 to 150.
    pub fn bmi_tenths(&self) -> Result<u32, VitalsError> {
        // kg / m2 = (w / 100) / (h / 10,000)^2 for w and h in hundredths of kg and cm; tenths are ten times that.
        let (w, h) = (u64::from(self.weight.hundredths()), u64::from(self.height.hundredths()));
        let tenths = (w * 20_000_000 / (h * h)).div_ceil(2);
        u32::try_from(tenths).ok().filter(|tenths| (30..=1500).contains(tenths)).ok_or(VitalsError::Bmi)
    }

    /// The record: the bytes of a FHIR R4 bundle (type collection) about `patient`, measured at `measured`, in ms
    /// since 1970. The same input gives the same bytes.
    ///
    /// # Errors
    /// What does not go together: [`VitalsError::Bmi`], [`VitalsError::PressureOrder`],
    /// [`VitalsError::BirthDate`].
    pub fn bundle(&self, patient: &Id, measured: u64) -> Result<Vec<u8>, VitalsError> {
        let birth_date = match self.birth {
            Birth::On(date) => {
                let (at, born) = (Date::of(measured), date);
                if born > at || at.year() - born.year() > 130 {
                    return Err(VitalsError::BirthDate);
                }
                date.to_string()
            }
            Birth::AgedYears(years) => (Date::of(measured).year() - u16::from(years)).to_string(),
        };
        let url = |index: usize| url(&[&patient.0, &measured.to_le_bytes(), &index.to_le_bytes()]);
        let subject = json!({
            "resourceType": "Patient",
            "identifier": [identifier("patient", patient)],
            "gender": self.gender.code(),
            "birthDate": birth_date,
        });
        let resources = core::iter::once(subject).chain(self.observations(&url(0), measured)?);
        let entries: Vec<Value> = resources
            .enumerate()
            .map(|(index, resource)| json!({"fullUrl": url(index), "resource": resource}))
            .collect();
        let bundle = json!({
            "resourceType": "Bundle", "type": "collection", "timestamp": instant(measured), "entry": entries,
        });
        Ok(to_bytes(&bundle))
    }

    /// The Observations about the patient at `subject`.
    pub(crate) fn observations(&self, subject: &str, measured: u64) -> Result<Vec<Value>, VitalsError> {
        let vital = |codes: &[(&str, &str)], quantity: Value| {
            let mut observation = observation("vital-signs", codes, subject, measured);
            observation["valueQuantity"] = quantity;
            observation
        };
        let bmi = quantity(self.bmi_tenths()? * 10, "kg/m2");
        let mut all = vec![
            vital(&[("29463-7", "Body weight")], self.weight.quantity()),
            vital(&[("8302-2", "Body height")], self.height.quantity()),
            vital(&[("39156-5", "Body mass index (BMI) [Ratio]")], bmi),
        ];
        if let Some((systolic, diastolic)) = self.blood_pressure {
            if systolic <= diastolic {
                return Err(VitalsError::PressureOrder);
            }
            let component = |code, display, pressure: Pressure| json!({"code": concept(LOINC, &[(code, display)]), "valueQuantity": pressure.quantity()});
            let panel = [("85354-9", "Blood pressure panel with all children optional")];
            let mut observation = observation("vital-signs", &panel, subject, measured);
            observation["component"] = json!([
                component("8480-6", "Systolic blood pressure", systolic),
                component("8462-4", "Diastolic blood pressure", diastolic),
            ]);
            all.push(observation);
        }
        all.extend(self.heart_rate.map(|rate| vital(&[("8867-4", "Heart rate")], rate.quantity())));
        all.extend(self.respiration.map(|rate| vital(&[("9279-1", "Respiratory rate")], rate.quantity())));
        all.extend(self.temperature.map(|degrees| vital(&[("8310-5", "Body temperature")], degrees.quantity())));
        let oximetry = [
            ("2708-6", "Oxygen saturation in Arterial blood"),
            ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
        ];
        all.extend(self.saturation.map(|percent| vital(&oximetry, percent.quantity())));
        if let Some(group) = self.blood_group {
            let typed = |code, display, value| {
                let mut observation = observation("laboratory", &[(code, display)], subject, measured);
                observation["valueCodeableConcept"] = concept(SNOMED, &[value]);
                observation
            };
            all.push(typed("883-9", "ABO group [Type] in Blood", group.abo_coding()));
            all.push(typed("10331-7", "Rh [Type] in Blood", group.rh_coding()));
        }
        Ok(all)
    }
}

pub(crate) fn to_bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("a JSON value is always written")
}

/// A random-looking `urn:uuid:` that the same parts always give. Names need not be secret here, only unlike each
/// other: FNV-1a of 128 bits, each part with its length, stirred once more.
pub(crate) fn url(parts: &[&[u8]]) -> String {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut state: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for part in parts {
        for byte in part.len().to_le_bytes().iter().chain(*part) {
            state = (state ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }
    state = (state ^ (state >> 67)).wrapping_mul(PRIME | 1 << 120);
    let mut bytes = (state ^ (state >> 61)).to_be_bytes();
    // Version 8 (made in our own way), variant 1 (RFC 9562).
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    format!("urn:uuid:{}", uuid_text(&bytes))
}

/// A CodeableConcept of one system.
pub(crate) fn concept(system: &str, codes: &[(&str, &str)]) -> Value {
    let coding: Vec<Value> =
        codes.iter().map(|(code, display)| json!({"system": system, "code": code, "display": display})).collect();
    json!({"coding": coding, "text": codes[0].1})
}

/// An Observation without its value.
pub(crate) fn observation(category: &str, codes: &[(&str, &str)], subject: &str, measured: u64) -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": concept(LOINC, codes),
        "subject": {"reference": subject},
        "effectiveDateTime": instant(measured),
    })
}

/// A Quantity in a UCUM unit.
pub(crate) fn quantity(hundredths: u32, unit: &str) -> Value {
    json!({"value": number(hundredths), "unit": unit, "system": UCUM, "code": unit})
}

#[cfg(test)]
#[path = "vitals_tests.rs"]
mod tests;
