//! What the demo files: per patient a general-information record that it makes, and a chart.

use std::path::Path;

use salus_primitives::{Moment, PatientId};

use super::DemoError;
use crate::{
    fhir::{self, BundleInfo, NamedBundle},
    vitals::VitalsInput,
};

/// The charts of the patients, and where they are from.
pub struct Charts {
    /// One per patient.
    pub bundles: Vec<NamedBundle>,
    /// For people.
    pub source: String,
}

impl Charts {
    /// The bundles of a folder, or one that is generated.
    pub fn load(folder: Option<&Path>) -> Result<Self, DemoError> {
        match folder {
            Some(folder) => {
                let bundles = fhir::read_folder(folder, None)?;
                Ok(Self { source: format!("{} FHIR bundles from {}", bundles.len(), folder.display()), bundles })
            }
            None => Ok(Self { bundles: fhir::generated(1, 1), source: "a chart made for the demo".into() }),
        }
    }
}

/// The paper's general-information record: what is measured of everybody.
pub fn general_information(patient: &PatientId, number: usize, now: Moment) -> Result<(BundleInfo, String), DemoError> {
    let vary = |base: usize, step: usize, span: usize| (base + number * step % span).to_string();
    let parse = |what: &str, text: String| -> DemoError { DemoError::Node(format!("{what} {text} does not parse")) };
    macro_rules! value {
        ($what:literal, $text:expr) => {{
            let text: String = $text;
            text.parse().map_err(|_| parse($what, text))?
        }};
    }
    let input = VitalsInput {
        gender: value!("gender", if number.is_multiple_of(2) { "female".into() } else { "male".into() }),
        birth: value!("age", vary(36, 7, 40)),
        weight: value!("weight", format!("{} kg", vary(61, 3, 30))),
        height: value!("height", format!("{} cm", vary(164, 2, 25))),
        blood_group: Some(value!("blood group", "O+".into())),
        blood_pressure: Some((value!("pressure", "121".into()), value!("pressure", "79".into()))),
        heart_rate: Some(value!("pulse", vary(64, 3, 20))),
        respiration: None,
        temperature: None,
        saturation: None,
    };
    let bmi = input.bmi_tenths()?;
    let text = format!("{} cm, {} kg, BMI {}.{} kg/m2", vary(164, 2, 25), vary(61, 3, 30), bmi / 10, bmi % 10);
    Ok((fhir::parse_bundle(input.bundle(&fhir::Id(patient.0), now.0)?)?, text))
}
