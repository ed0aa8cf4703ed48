//! Made-up patients, for where no folder of bundles is at hand: plausible, of no real person, and the same from
//! the same seed.

use serde_json::{Value, json};

use crate::{
    bundle::{NamedBundle, parse_bundle},
    date::{Date, instant},
    vitals::{Birth, Gender, VitalsInput, concept, observation, quantity, to_bytes, url},
};

const DAY: u64 = 86_400_000;

const GIVEN: [(&str, Gender); 8] = [
    ("Amara", Gender::Female),
    ("Bruno", Gender::Male),
    ("Chiara", Gender::Female),
    ("Dario", Gender::Male),
    ("Edda", Gender::Female),
    ("Farid", Gender::Male),
    ("Greta", Gender::Female),
    ("Hugo", Gender::Male),
];
const FAMILY: [&str; 8] =
    ["Mockridge", "Samplewood", "Fictiva", "Testarossi", "Beispiel", "Placeholt", "Exemplar", "Dummont"];
const CONDITIONS: [(&str, &str); 4] = [
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"),
    ("35489007", "Depressive disorder"),
];
const MEDICATIONS: [(&str, &str); 4] = [
    ("314076", "lisinopril 10 MG Oral Tablet"),
    ("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"),
    ("745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
    ("312940", "sertraline 25 MG Oral Tablet"),
];
/// 1 March 2026: the newest encounter of all lies before it.
const NEWEST: u64 = 20_513 * DAY;

/// `count` bundles, each a patient with some encounters, vital signs, laboratory results, a condition and a
/// medication. A depressive disorder is labelled PSY, so that some bundles are restricted.
pub fn generated(count: usize, seed: u64) -> Vec<NamedBundle> {
    (0..count)
        .map(|index| {
            let info = parse_bundle(bundle(index, seed)).expect("what is made here is a bundle of R4");
            NamedBundle { name: format!("generated-{seed}-{index:03}.json"), info }
        })
        .collect()
}

/// SplitMix64: numbers that look random and are the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) % u64::from(below)).expect("below a u32")
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(u32::try_from(all.len()).expect("the tables are short")) as usize]
    }
}

/// The text of a value with one decimal, `from` and some more tenths.
fn decimal(dice: &mut Dice, from: u32, tenths: u32) -> String {
    let value = from * 10 + dice.roll(tenths);
    format!("{}.{}", value / 10, value % 10)
}

fn bundle(index: usize, seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed ^ (index as u64).wrapping_mul(0xd134_2543_de82_ef95));
    let url = |number: usize| url(&[b"generated", &seed.to_le_bytes(), &index.to_le_bytes(), &number.to_le_bytes()]);
    let subject = url(0);
    let born = u64::from(dice.roll(16_000)) * DAY;
    let (given, gender) = dice.of(&GIVEN);
    let family = dice.of(&FAMILY);
    let mut resources = vec![json!({
        "resourceType": "Patient",
        "name": [{"use": "official", "family": family, "given": [given]}],
        "gender": gender.code(),
        "birthDate": Date::of(born).to_string(),
        "telecom": [{"system": "phone", "value": format!("555-01{:02}", dice.roll(100))}],
        "address": [{"line": [format!("{} Sample Street", 1 + dice.roll(200))], "city": "Exampleton"}],
    })];
    let height = decimal(&mut dice, 150, 400);
    let mut weight = 55 + dice.roll(45);
    let blood_group = dice.of(&["A+", "A-", "B+", "AB-", "O+", "O-"]);
    let (condition, medication) = {
        let which = dice.roll(4) as usize;
        (CONDITIONS[which], MEDICATIONS[which])
    };
    let encounters = 1 + dice.roll(4);
    for visit in 0..encounters {
        let days_ago = u64::from(30 + 180 * (encounters - 1 - visit) + dice.roll(150));
        let at = NEWEST - days_ago * DAY + u64::from(8 * 3600 + dice.roll(9 * 3600)) * 1000;
        let encounter = url(resources.len());
        resources.push(json!({
            "resourceType": "Encounter", "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [concept("http://snomed.info/sct", &[("185349003", "Encounter for check up")])],
            "subject": {"reference": subject}, "period": {"start": instant(at)},
        }));
        weight += dice.roll(5);
        let vitals = vitals(&mut dice, born, gender, &height, weight, blood_group);
        let mut observations = vitals.observations(&subject, at).expect("what is made here is plausible");
        observations.extend(laboratory(&mut dice, &subject, at));
        for mut observation in observations {
            observation["encounter"] = json!({"reference": encounter});
            resources.push(observation);
        }
        if visit == 0 {
            resources.extend(illness(condition, medication, &subject, &encounter, at));
        }
    }
    let entries: Vec<Value> = resources
        .into_iter()
        .enumerate()
        .map(|(number, mut resource)| {
            let full_url = url(number);
            resource["id"] = full_url.trim_start_matches("urn:uuid:").into();
            json!({"fullUrl": full_url, "resource": resource})
        })
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    to_bytes(&bundle)
}

fn vitals(dice: &mut Dice, born: u64, gender: Gender, height: &str, weight: u32, blood_group: &str) -> VitalsInput {
    let why = "made within its bounds";
    VitalsInput {
        gender,
        birth: Birth::On(Date::of(born)),
        weight: decimal(dice, weight, 10).parse().expect(why),
        height: height.parse().expect(why),
        blood_group: Some(blood_group.parse().expect(why)),
        blood_pressure: Some((
            (105 + dice.roll(45)).to_string().parse().expect(why),
            (62 + dice.roll(30)).to_string().parse().expect(why),
        )),
        heart_rate: Some((55 + dice.roll(40)).to_string().parse().expect(why)),
        respiration: Some((12 + dice.roll(7)).to_string().parse().expect(why)),
        temperature: Some(decimal(dice, 36, 15).parse().expect(why)),
        saturation: Some((95 + dice.roll(5)).to_string().parse().expect(why)),
    }
}

fn laboratory(dice: &mut Dice, subject: &str, at: u64) -> Vec<Value> {
    let mut result = |code, display, unit, from: u32, spread: u32| {
        let mut observation = observation("laboratory", &[(code, display)], subject, at);
        observation["valueQuantity"] = quantity((from + dice.roll(spread)) * 10, unit);
        observation
    };
    vec![
        result("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 700, 600),
        result("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 48, 35),
        result("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 1500, 900),
    ]
}

fn illness(condition: (&str, &str), medication: (&str, &str), subject: &str, encounter: &str, at: u64) -> [Value; 2] {
    let mut illness = json!({
        "resourceType": "Condition",
        "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", &[("active", "Active")]),
        "code": concept("http://snomed.info/sct", &[condition]),
        "subject": {"reference": subject}, "encounter": {"reference": encounter}, "onsetDateTime": instant(at),
    });
    let mut order = json!({
        "resourceType": "MedicationRequest", "status": "active", "intent": "order",
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", &[medication]),
        "subject": {"reference": subject}, "encounter": {"reference": encounter}, "authoredOn": instant(at),
    });
    if condition == CONDITIONS[3] {
        let label = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]);
        illness["meta"]["security"] = label.clone();
        order["meta"]["security"] = label;
    }
    [illness, order]
}
