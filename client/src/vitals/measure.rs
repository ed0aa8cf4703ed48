//! Measured values: a number in one unit, read from text and never guessed.

use core::{fmt, ops::RangeInclusive, str::FromStr};
use serde_json::{Value, json};

use super::{VitalsError, quantity};

/// What is known of a measured value.
struct Spec {
    what: &'static str,
    /// The record's unit, as UCUM writes it.
    unit: &'static str,
    /// Other spellings of it.
    spellings: &'static [&'static str],
    /// Other units: spellings, name, conversion.
    others: &'static [(&'static [&'static str], &'static str, &'static str)],
    /// The least and the most that is plausible, in hundredths.
    range: RangeInclusive<u32>,
    /// The same in words.
    bounds: &'static str,
    example: &'static str,
    hint: &'static str,
}

impl Spec {
    /// The value in hundredths.
    fn parse(&self, text: &str) -> Result<u32, VitalsError> {
        let Self { what, unit, example, .. } = *self;
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, found) = (&text[..end], text[end..].trim());
        if !found.is_empty() && found != unit && !self.spellings.contains(&found.to_ascii_lowercase().as_str()) {
            // What follows a foreign unit (as in 5 ft 9 in) is of no interest: the first word names it.
            let word = found.split(|c: char| c.is_ascii_digit() || c.is_whitespace()).next().unwrap_or(found);
            let word = word.to_ascii_lowercase();
            let known = self.others.iter().find(|(spellings, ..)| spellings.contains(&word.as_str()));
            return Err(match known {
                Some((_, found, rule)) if !number.is_empty() => VitalsError::WrongUnit { what, found, unit, rule },
                _ if number.is_empty() || word == "," => VitalsError::NotANumber { what, unit, example },
                _ => VitalsError::UnknownUnit { what, unit },
            });
        }
        let hundredths = hundredths(number).ok_or(VitalsError::NotANumber { what, unit, example })?;
        if !self.range.contains(&hundredths) {
            return Err(VitalsError::Implausible { what, bounds: self.bounds, hint: self.hint });
        }
        Ok(hundredths)
    }
}

/// "72.5" as 7250; none for anything but digits and at most two decimals.
fn hundredths(number: &str) -> Option<u32> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let good = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !good(whole) || !good(decimals) || decimals.len() > 2 || whole.len() > 4 {
        return None;
    }
    Some(whole.parse::<u32>().ok()? * 100 + format!("{decimals:0<2}").parse::<u32>().ok()?)
}

/// Hundredths as a JSON number without needless decimals.
pub(super) fn number(hundredths: u32) -> Value {
    if hundredths.is_multiple_of(100) { json!(hundredths / 100) } else { json!(f64::from(hundredths) / 100.0) }
}

macro_rules! measures {
    ($($(#[$doc:meta])+ $name:ident = $spec:expr;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $name {
            const SPEC: Spec = $spec;

            /// The value in hundredths of its unit.
            pub fn hundredths(self) -> u32 {
                self.0
            }

            /// The value as FHIR has it.
            pub(super) fn quantity(self) -> Value {
                quantity(self.0, Self::SPEC.unit)
            }
        }

        impl FromStr for $name {
            type Err = VitalsError;

            fn from_str(text: &str) -> Result<Self, VitalsError> {
                Self::SPEC.parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", number(self.0), Self::SPEC.unit)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(private)"))
            }
        }
    )+};
}

measures! {
    /// A weight in kilograms, 0.3 to 650.
    Weight = Spec {
        what: "weight",
        unit: "kg",
        spellings: &["kgs", "kilogram", "kilograms", "kilo"],
        others: &[
            (&["lb", "lbs", "pound", "pounds"], "pounds", "1 lb = 0.4536 kg"),
            (&["st", "stone", "stones"], "stone", "1 st = 6.350 kg"),
            (&["g", "gram", "grams"], "grams", "1000 g = 1 kg"),
        ],
        range: 30..=100 * 650,
        bounds: "0.3 to 650 kg",
        example: "72.5 kg",
        hint: "a weight in grams or pounds has to be converted",
    };
    /// A height in centimetres, 20 to 280.
    Height = Spec {
        what: "height",
        unit: "cm",
        spellings: &["centimetre", "centimetres", "centimeter", "centimeters"],
        others: &[
            (&["ft", "foot", "feet", "'", "ft.", "′"], "feet", "1 ft = 30.48 cm, 1 in = 2.54 cm: 5 ft 9 in are 175.26 cm"),
            (&["in", "inch", "inches", "\"", "in.", "″"], "inches", "1 in = 2.54 cm"),
            (&["m", "metre", "metres", "meter", "meters"], "metres", "1 m = 100 cm"),
            (&["mm", "millimetre", "millimetres", "millimeter", "millimeters"], "millimetres", "10 mm = 1 cm"),
        ],
        range: 2000..=100 * 280,
        bounds: "20 to 280 cm",
        example: "175.3 cm",
        hint: "a height in feet or metres has to be converted: 1 ft = 30.48 cm, 1 m = 100 cm",
    };
    /// A blood pressure in millimetres of mercury, 20 to 350.
    Pressure = Spec {
        what: "blood pressure",
        unit: "mm[Hg]",
        spellings: &["mmhg", "mm hg", "mm[hg]"],
        others: &[
            (&["kpa", "kilopascal"], "kilopascals", "1 kPa = 7.50 mm[Hg]"),
            (&["cmhg", "cm"], "centimetres of mercury", "1 cmHg = 10 mm[Hg]"),
        ],
        range: 2000..=100 * 350,
        bounds: "20 to 350 mm[Hg]",
        example: "120 mmHg",
        hint: "a pressure in kPa has to be converted: 1 kPa = 7.50 mm[Hg]",
    };
    /// Heartbeats or breaths per minute, 1 to 400.
    PerMinute = Spec {
        what: "rate",
        unit: "/min",
        spellings: &["bpm", "per minute", "1/min"],
        others: &[(&["hz", "hertz", "/s"], "hertz", "1 Hz = 60 /min")],
        range: 100..=100 * 400,
        bounds: "1 to 400 /min",
        example: "68 /min",
        hint: "count for a whole minute",
    };
    /// A body temperature in degrees Celsius, 20 to 46.
    Temperature = Spec {
        what: "temperature",
        unit: "Cel",
        spellings: &["c", "°c", "celsius"],
        others: &[
            (&["f", "°f", "fahrenheit"], "degrees Fahrenheit", "C = (F - 32) x 5 / 9: 98.6 F are 37.0 C"),
            (&["k", "kelvin"], "kelvin", "C = K - 273.15"),
        ],
        range: 2000..=100 * 46,
        bounds: "20 to 46 degrees Celsius",
        example: "36.8 C",
        hint: "a temperature in Fahrenheit has to be converted: C = (F - 32) x 5 / 9",
    };
    /// Oxygen saturation in percent, 30 to 100.
    Saturation = Spec {
        what: "oxygen saturation",
        unit: "%",
        spellings: &["percent"],
        others: &[],
        range: 3000..=100 * 100,
        bounds: "30 to 100 %",
        example: "97 %",
        hint: "a fraction has to be multiplied by 100",
    };
}
