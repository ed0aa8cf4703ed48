//! A receipt of the chain as FHIR R4 AuditEvents, after IHE's Basic Audit Log Patterns (BALP): who looked or tried
//! to, when, why, and what the decision rested on.
//!
//! A receipt is about one patient, so that each event is, too. What was permitted and what was denied are two
//! decisions (pattern AuthZ-Consent), with outcome 0 and 8; each record that a custodian released is a reading of
//! its own (pattern PatientRead). The patterns want network addresses of programs, which the chain does not know:
//! the events therefore follow the patterns' codes and claim no profile.

use serde_json::{Value, json};

use crate::{
    consent::{ACT_REASON, PARTICIPATION},
    date::instant,
    grant::Purpose,
    identifier::{Id, identifier, logical, system},
    vitals::url,
};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// Who opened records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opener {
    /// A practitioner.
    Practitioner(Id),
    /// A patient: a guardian of the one whose records these are.
    Patient(Id),
    /// An officer of an organisation.
    Organisation(Id),
}

/// What was decided of one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It may be read.
    Permitted,
    /// It may not, and why: words of the chain, not of a person.
    Denied(String),
}

/// One record of an opening.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessEntry {
    /// Which record.
    pub record: Id,
    /// What was decided.
    pub decision: Decision,
    /// Number of the patient's rule that this rests on; none for the chain's default policy.
    pub rule: Option<u32>,
    /// The organisation that released it, if one did.
    pub released_by: Option<Id>,
}

/// A receipt: what one opening of records of one patient was decided to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// The chain, by its genesis hash in hex.
    pub chain: String,
    /// Whose records.
    pub patient: Id,
    /// Number of the receipt in the patient's log.
    pub receipt: u32,
    /// Who opened.
    pub opener: Opener,
    /// For whom they acted.
    pub organisation: Id,
    /// Why.
    pub purpose: Purpose,
    /// Height of the block that decided.
    pub height: u64,
    /// Its time, ms since 1970.
    pub at: u64,
    /// The records.
    pub entries: Vec<AccessEntry>,
}

/// The events of receipts as a Bundle of type collection: always the same for the same receipts.
pub fn audit_bundle(receipts: &[Access]) -> Value {
    let events = receipts.iter().flat_map(|access| {
        let parts = |number: usize| {
            let number = u64::try_from(number).expect("fewer than two for each of 64 records");
            url(&[access.chain.as_bytes(), &access.patient.0, &access.receipt.to_le_bytes(), &number.to_le_bytes()])
        };
        let events = access.audit_events().into_iter().enumerate();
        events.map(move |(number, event)| json!({"fullUrl": parts(number), "resource": event}))
    });
    let entries: Vec<Value> = events.collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": "collection"});
    // FHIR has no empty lists.
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    bundle
}

impl Access {
    /// The events: at most one decision of each outcome, then one reading for each record released.
    pub fn audit_events(&self) -> Vec<Value> {
        let permitted = |entry: &&AccessEntry| entry.decision == Decision::Permitted;
        let (yes, no): (Vec<_>, Vec<_>) = self.entries.iter().partition(permitted);
        let decisions = [yes, no].into_iter().filter(|entries| !entries.is_empty());
        let readings = self.entries.iter().filter_map(|entry| Some((entry, entry.released_by.as_ref()?)));
        decisions
            .map(|entries| self.decision(&entries))
            .chain(readings.map(|(entry, custodian)| self.reading(entry, custodian)))
            .collect()
    }

    fn decision(&self, entries: &[&AccessEntry]) -> Value {
        let reasons: Vec<&str> = entries
            .iter()
            .filter_map(|entry| match &entry.decision {
                Decision::Permitted => None,
                Decision::Denied(reason) => Some(reason.as_str()),
            })
            .collect();
        let mut rules: Vec<u32> = entries.iter().filter_map(|entry| entry.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        let rule = |number: u32| {
            let value = format!("{}/{number}", self.patient);
            json!({
                "type": {"system": "http://hl7.org/fhir/resource-types", "code": "Consent"},
                "what": {"type": "Consent", "identifier": {"system": system("rule"), "value": value}},
            })
        };
        let mut entities = vec![self.whose()];
        entities.extend(rules.into_iter().map(rule));
        entities.extend(entries.iter().map(|entry| record(&entry.record)));
        let mut event = json!({
            "resourceType": "AuditEvent",
            "type": {"system": DICOM, "code": "110113", "display": "Security Alert"},
            "subtype": [{"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType", "code": "AuthZ-Consent"}],
            "action": "E",
            "recorded": instant(self.at),
            "outcome": if reasons.is_empty() { "0" } else { "8" },
            "purposeOfEvent": [self.why()],
            "agent": [
                self.program("110150", "Application"),
                self.user(),
                self.organisation(),
                {
                    "type": {"coding": [{
                        "system": "http://terminology.hl7.org/CodeSystem/extra-security-role-type", "code": "authserver",
                    }]},
                    "who": self.observer(),
                    "requestor": false,
                },
            ],
            "source": self.source(),
            "entity": entities,
        });
        if !reasons.is_empty() {
            let mut told = reasons;
            told.dedup();
            event["outcomeDesc"] = json!(told.join("; "));
        }
        event
    }

    fn reading(&self, entry: &AccessEntry, custodian: &Id) -> Value {
        json!({
            "resourceType": "AuditEvent",
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
            "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "read"}],
            "action": "R",
            "recorded": instant(self.at),
            "outcome": "0",
            "purposeOfEvent": [self.why()],
            "agent": [
                self.program("110152", "Destination Role ID"),
                {
                    "type": {"coding": [{"system": DICOM, "code": "110153", "display": "Source Role ID"}]},
                    "who": logical("Organization", "organisation", custodian),
                    "requestor": false,
                },
                self.user(),
                self.organisation(),
            ],
            "source": self.source(),
            "entity": [self.whose(), record(&entry.record)],
        })
    }

    fn why(&self) -> Value {
        json!({"coding": [{"system": ACT_REASON, "code": self.purpose.code()}]})
    }

    /// The reader's program: the chain knows no more of it.
    fn program(&self, code: &str, display: &str) -> Value {
        json!({
            "type": {"coding": [{"system": DICOM, "code": code, "display": display}]},
            "who": {"display": "a program that speaks for the reader"},
            "requestor": false,
        })
    }

    fn user(&self) -> Value {
        let who = match &self.opener {
            Opener::Practitioner(id) => logical("Practitioner", "practitioner", id),
            Opener::Patient(id) => logical("Patient", "patient", id),
            Opener::Organisation(id) => logical("Organization", "organisation", id),
        };
        json!({
            "type": {"coding": [{"system": PARTICIPATION, "code": "IRCP", "display": "information recipient"}]},
            "who": who,
            "requestor": true,
            "purposeOfUse": [self.why()],
        })
    }

    fn organisation(&self) -> Value {
        let kind = "http://terminology.hl7.org/CodeSystem/v3-RoleClass";
        json!({
            "type": {"coding": [{"system": kind, "code": "PROV", "display": "healthcare provider"}]},
            "who": logical("Organization", "organisation", &self.organisation),
            "requestor": false,
        })
    }

    /// The chain, and which fact of it this is.
    fn observer(&self) -> Value {
        let value = format!("{}/{}/{}/{}", self.chain, self.height, self.patient, self.receipt);
        json!({"type": "Device", "identifier": {"system": system("receipt"), "value": value}})
    }

    fn source(&self) -> Value {
        let kind = "http://terminology.hl7.org/CodeSystem/security-source-type";
        json!({"observer": self.observer(), "type": [{"system": kind, "code": "6", "display": "Security Server"}]})
    }

    fn whose(&self) -> Value {
        json!({
            "type": {"system": ENTITY_TYPE, "code": "1", "display": "Person"},
            "role": {"system": OBJECT_ROLE, "code": "1", "display": "Patient"},
            "what": logical("Patient", "patient", &self.patient),
        })
    }
}

fn record(id: &Id) -> Value {
    json!({
        "type": {"system": ENTITY_TYPE, "code": "2", "display": "System Object"},
        "role": {"system": OBJECT_ROLE, "code": "4", "display": "Domain Resource"},
        "what": {"type": "DocumentReference", "identifier": identifier("record", id)},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Checker;

    fn access() -> Access {
        let entry = |number: u8, decision: Decision, rule, released_by| AccessEntry {
            record: Id([number; 16]),
            decision,
            rule,
            released_by,
        };
        let denied = || Decision::Denied("a rule of the patient denies it".to_owned());
        Access {
            chain: "ab".repeat(32),
            patient: Id([1; 16]),
            receipt: 7,
            opener: Opener::Practitioner(Id([2; 16])),
            organisation: Id([3; 16]),
            purpose: Purpose::Treatment,
            height: 42,
            at: 1_795_356_000_000,
            entries: vec![
                entry(4, Decision::Permitted, Some(5), Some(Id([6; 16]))),
                entry(5, Decision::Permitted, None, None),
                entry(6, denied(), Some(9), None),
                entry(7, denied(), Some(9), None),
            ],
        }
    }

    #[test]
    fn a_receipt_is_one_event_for_each_outcome_and_one_for_each_reading() {
        let events = access().audit_events();
        let told: Vec<_> = events
            .iter()
            .map(|event| (event["action"].as_str(), event["outcome"].as_str(), event["outcomeDesc"].as_str()))
            .collect();
        let reason = Some("a rule of the patient denies it");
        assert_eq!(told, [(Some("E"), Some("0"), None), (Some("E"), Some("8"), reason), (Some("R"), Some("0"), None)]);
        for event in &events {
            let patients = event["entity"].as_array().unwrap().iter().filter(|entity| entity["type"]["code"] == "1");
            assert_eq!(patients.count(), 1, "one patient each");
            assert_eq!(event["purposeOfEvent"][0]["coding"][0]["code"], "TREAT");
            assert_eq!(event["recorded"], "2026-11-22T14:00:00Z");
            let asked = event["agent"].as_array().unwrap().iter().filter(|agent| agent["requestor"] == true);
            let asked: Vec<_> = asked.map(|agent| &agent["type"]["coding"][0]["code"]).collect();
            assert_eq!(asked, ["IRCP"]);
        }
        let entities = |event: &Value| event["entity"].as_array().unwrap().len();
        // The patient, the rule and the records; of the reading the patient and the record.
        assert_eq!(events.iter().map(entities).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(events[1]["entity"][1]["what"]["identifier"]["value"], format!("{}/9", Id([1; 16])));
        assert_eq!(events[2]["agent"][1]["who"]["identifier"]["value"], Id([6; 16]).to_string());
    }

    #[test]
    fn no_receipts_are_a_bundle_without_entries() {
        assert_eq!(audit_bundle(&[]), json!({"resourceType": "Bundle", "type": "collection"}));
    }

    #[test]
    fn receipts_are_a_bundle_of_r4_in_which_no_two_events_share_a_name() {
        let checker = Checker::shared().unwrap_or_else(|error| panic!("{error}"));
        let openers =
            [Opener::Practitioner(Id([2; 16])), Opener::Patient(Id([2; 16])), Opener::Organisation(Id([2; 16]))];
        for opener in openers {
            let access = Access { opener, ..access() };
            let again = Access { receipt: 8, ..access.clone() };
            let bundle = audit_bundle(&[access, again]);
            let checked = checker.check(serde_json::to_vec(&bundle).unwrap());
            assert_eq!(checked.map(|info| info.resources()), Ok(6));
        }
    }
}
