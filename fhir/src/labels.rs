//! Security labels: how sensitive a bundle says it is (domain.md section 8, "sensitivity tag").

use core::{fmt, str::FromStr};
use serde_json::Value;
use std::collections::BTreeSet;

/// The code system of HL7 v3-ActCode, under its present and its former name.
pub(crate) const ACT_CODE: [&str; 2] =
    ["http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://hl7.org/fhir/v3/ActCode"];
const CONFIDENTIALITY: [&str; 2] =
    ["http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "http://hl7.org/fhir/v3/Confidentiality"];

/// Not a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sensitivity class: expected one of ETH, ETHUD, OPIOIDUD, PSY, HIV, SDV")]
pub struct NotAClass;

/// Classes of sensitive information: HL7 v3-ActCode, as domain.md section 8 lists them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sensitivity {
    /// ETH: substance abuse.
    SubstanceAbuse,
    /// ETHUD: alcohol use disorder.
    AlcoholUse,
    /// OPIOIDUD: opioid use disorder.
    OpioidUse,
    /// PSY: psychiatry.
    Psychiatry,
    /// HIV: HIV or AIDS.
    Hiv,
    /// SDV: sexual assault, abuse or domestic violence.
    Violence,
}

impl Sensitivity {
    /// Every class there is.
    pub const ALL: [Self; 6] =
        [Self::SubstanceAbuse, Self::AlcoholUse, Self::OpioidUse, Self::Psychiatry, Self::Hiv, Self::Violence];

    /// The HL7 v3-ActCode.
    pub fn code(self) -> &'static str {
        match self {
            Self::SubstanceAbuse => "ETH",
            Self::AlcoholUse => "ETHUD",
            Self::OpioidUse => "OPIOIDUD",
            Self::Psychiatry => "PSY",
            Self::Hiv => "HIV",
            Self::Violence => "SDV",
        }
    }
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Sensitivity {
    type Err = NotAClass;

    fn from_str(text: &str) -> Result<Self, NotAClass> {
        Self::ALL.into_iter().find(|class| class.code() == text).ok_or(NotAClass)
    }
}

/// What the security labels in a bundle's `meta.security` say, wherever in it they stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Labels {
    /// Classes of sensitive information, from which tags are made.
    pub sensitivity: BTreeSet<Sensitivity>,
    /// Is a label there that this program does not know? Then the record cannot be called labelled.
    pub unknown: bool,
    /// Is the confidentiality R (restricted) or V (very restricted)?
    pub confidential: bool,
    /// Is redisclosure forbidden (NORDSCLCD, 42 CFR Part 2)?
    pub no_redisclosure: bool,
}

impl Labels {
    /// Has the author to file it as restricted: is any label present that is sensitive or unknown?
    pub fn restricted(&self) -> bool {
        !self.sensitivity.is_empty() || self.unknown || self.confidential || self.no_redisclosure
    }

    /// Gather the labels of `value` and everything in it.
    pub(crate) fn gather(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(security) = object.get("meta").and_then(|meta| meta.get("security")) {
                    match security {
                        Value::Array(codings) => codings.iter().for_each(|coding| self.add(coding)),
                        _ => self.unknown = true,
                    }
                }
                object.values().for_each(|value| self.gather(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.gather(value)),
            _ => {}
        }
    }

    fn add(&mut self, coding: &Value) {
        let text = |key: &str| coding.get(key).and_then(Value::as_str).unwrap_or_default();
        let (system, code) = (text("system"), text("code"));
        if ACT_CODE.contains(&system) {
            match code.parse() {
                Ok(class) => drop(self.sensitivity.insert(class)),
                Err(_) if code == "NORDSCLCD" => self.no_redisclosure = true,
                Err(_) => self.unknown = true,
            }
        } else if CONFIDENTIALITY.contains(&system) {
            match code {
                "U" | "L" | "M" | "N" => {}
                "R" | "V" => self.confidential = true,
                _ => self.unknown = true,
            }
        } else {
            self.unknown = true;
        }
    }
}
