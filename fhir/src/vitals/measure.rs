//! Measured values: a number in one unit, read from text. Another unit that is named is converted, one that is not
//! known is refused, and none is ever guessed.

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
    /// Other units.
    others: &'static [Other],
    /// The least and the most that is plausible, in hundredths.
    range: RangeInclusive<u32>,
    /// The same in words.
    bounds: &'static str,
    example: &'static str,
    hint: &'static str,
}

/// Another unit of the same measure: `n` of it are `(n - zero) * times / per` of the record's.
struct Other {
    spellings: &'static [&'static str],
    times: u64,
    per: u64,
    /// Where its scale meets the record's zero, in hundredths.
    zero: u32,
    /// What may follow, as inches after feet: spellings, how many make one of these, and `times` and `per` as above.
    rest: Option<(&'static [&'static str], u32, u64, u64)>,
}

impl Other {
    const fn new(spellings: &'static [&'static str], times: u64, per: u64) -> Self {
        Self { spellings, times, per, zero: 0, rest: None }
    }

    /// Hundredths of the record's unit, rounded.
    fn convert(&self, hundredths: u32) -> Option<u32> {
        let above = u128::from(hundredths.checked_sub(self.zero)?);
        rounded(above * u128::from(self.times), self.per.into())
    }
}

fn rounded(dividend: u128, divisor: u128) -> Option<u32> {
    u32::try_from((dividend * 2 / divisor).div_ceil(2)).ok()
}

/// The number that a text begins with, and what follows.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

impl Spec {
    /// The value in hundredths.
    fn parse(&self, text: &str) -> Result<u32, VitalsError> {
        let Self { what, unit, example, .. } = *self;
        let (number, rest) = split(text);
        let no_number = VitalsError::NotANumber { what, unit, example };
        let Some(given) = hundredths(number) else { return Err(no_number) };
        let spelt = rest.to_ascii_lowercase();
        let value = if rest.is_empty() || rest == unit || self.spellings.contains(&spelt.as_str()) {
            Some(given)
        } else {
            self.convert(given, &spelt)?
        };
        match value.filter(|value| self.range.contains(value)) {
            Some(value) => Ok(value),
            None => Err(VitalsError::Implausible { what, bounds: self.bounds, hint: self.hint }),
        }
    }

    /// A number of another unit; what follows that unit may be a part of it, as in 5 ft 9 in.
    fn convert(&self, given: u32, rest: &str) -> Result<Option<u32>, VitalsError> {
        let unknown = VitalsError::UnknownUnit { what: self.what, unit: self.unit };
        let place = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (name, more) = (rest[..place].trim(), &rest[place..]);
        let Some(other) = self.others.iter().find(|other| other.spellings.contains(&name)) else { return Err(unknown) };
        if more.is_empty() {
            return Ok(other.convert(given));
        }
        let (number, name) = split(more);
        match (other.rest, hundredths(number)) {
            (Some((spellings, most, times, per)), Some(part))
                if given.is_multiple_of(100) && part < most * 100 && (name.is_empty() || spellings.contains(&name)) =>
            {
                let [given, part, per, times] = [given.into(), part.into(), per.into(), times.into()].map(|n: u128| n);
                let (own_times, own_per) = (u128::from(other.times), u128::from(other.per));
                Ok(rounded(given * own_times * per + part * times * own_per, own_per * per))
            }
            _ => Err(unknown),
        }
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
            Other::new(&["lb", "lbs", "pound", "pounds"], 45_359_237, 100_000_000),
            Other {
                rest: Some((&["lb", "lbs", "pound", "pounds"], 14, 45_359_237, 100_000_000)),
                ..Other::new(&["st", "stone", "stones"], 635_029_318, 100_000_000)
            },
            Other::new(&["g", "gram", "grams"], 1, 1000),
        ],
        range: 30..=100 * 650,
        bounds: "0.3 to 650 kg",
        example: "72.5 kg",
        hint: "name the unit, as in 3500 g or 160 lb",
    };
    /// A height in centimetres, 20 to 280.
    Height = Spec {
        what: "height",
        unit: "cm",
        spellings: &["centimetre", "centimetres", "centimeter", "centimeters"],
        others: &[
            Other {
                rest: Some((&["in", "inch", "inches", "\"", "in.", "″"], 12, 254, 100)),
                ..Other::new(&["ft", "foot", "feet", "'", "ft.", "′"], 3048, 100)
            },
            Other::new(&["in", "inch", "inches", "\"", "in.", "″"], 254, 100),
            Other::new(&["m", "metre", "metres", "meter", "meters"], 100, 1),
            Other::new(&["mm", "millimetre", "millimetres", "millimeter", "millimeters"], 1, 10),
        ],
        range: 2000..=100 * 280,
        bounds: "20 to 280 cm",
        example: "175.3 cm",
        hint: "name the unit, as in 5.6 ft, 5 ft 9 in or 1.8 m",
    };
    /// A blood pressure in millimetres of mercury, 20 to 350.
    Pressure = Spec {
        what: "blood pressure",
        unit: "mm[Hg]",
        spellings: &["mmhg", "mm hg", "mm[hg]"],
        others: &[
            Other::new(&["kpa", "kilopascal", "kilopascals"], 750_062, 100_000),
            Other::new(&["cmhg"], 10, 1),
        ],
        range: 2000..=100 * 350,
        bounds: "20 to 350 mm[Hg]",
        example: "120 mmHg",
        hint: "name the unit, as in 16 kPa",
    };
    /// Heartbeats or breaths per minute, 1 to 400.
    PerMinute = Spec {
        what: "rate",
        unit: "/min",
        spellings: &["bpm", "per minute", "1/min"],
        others: &[Other::new(&["hz", "hertz", "/s"], 60, 1)],
        range: 100..=100 * 400,
        bounds: "1 to 400 /min",
        example: "68 /min",
        hint: "count for a whole minute",
    };
    /// A body temperature in degrees Celsius, 20 to 46.
    Temperature = Spec {
        what: "temperature",
        unit: "Cel",
        spellings: &["c", "°c", "cel", "celsius"],
        others: &[
            Other { zero: 3200, ..Other::new(&["f", "°f", "fahrenheit"], 5, 9) },
            Other { zero: 27_315, ..Other::new(&["k", "kelvin"], 1, 1) },
        ],
        range: 2000..=100 * 46,
        bounds: "20 to 46 degrees Celsius",
        example: "36.8 C",
        hint: "name the unit, as in 98.6 F",
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
