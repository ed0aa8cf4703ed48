//! A rule as a Consent.

use serde_json::{Map, Value, json};

use super::{
    ACT_REASON, ACTION, ERASE_BY, LOCAL_ONLY, MAX_USES, NO_REDISCLOSURE, OBLIGATION, PARTICIPATION, Release, SCOPE,
};
use crate::{
    date::instant_ms,
    grant::{Effect, Grant, Grantee, Label},
    identifier::{identifier, logical, system},
    kind::Kind,
    labels::ACT_CODE,
};

impl Grant {
    /// The rule as a Consent of this release, made at `made` (ms since 1970) under the policy that `policy` is the
    /// address of.
    pub fn to_consent(&self, release: Release, made: u64, policy: &str) -> Value {
        let patient = logical("Patient", "patient", &self.patient);
        let status = if self.active { "active" } else { "inactive" };
        let category =
            json!([{"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]}]);
        let effect = code(self.effect);
        let mut provision = self.provision(release);
        let mut consent = json!({"resourceType": "Consent", "status": status, "category": category});
        match release {
            Release::R4 => {
                provision.insert("type".to_owned(), json!(effect));
                consent["scope"] = json!({"coding": [{"system": SCOPE, "code": "patient-privacy"}]});
                consent["patient"] = patient.clone();
                consent["performer"] = json!([patient]);
                consent["dateTime"] = json!(instant_ms(made));
                consent["policy"] = json!([{"uri": policy}]);
                consent["provision"] = Value::Object(provision);
            }
            Release::R5 => {
                consent["subject"] = patient.clone();
                consent["grantor"] = json!([patient]);
                // A date in R5: the moment's day.
                consent["date"] = json!(instant_ms(made)[..10]);
                consent["policyBasis"] = json!({"url": policy});
                consent["decision"] = json!(effect);
                consent["provision"] = json!([provision]);
            }
        }
        if let Some(role) = contained_role(&self.grantee) {
            consent["contained"] = json!([role]);
        }
        consent
    }

    fn provision(&self, release: Release) -> Map<String, Value> {
        let mut provision = Map::new();
        let mut put = |field: &str, value: Vec<Value>| {
            // FHIR has no empty lists.
            if !value.is_empty() {
                provision.insert(field.to_owned(), value.into());
            }
        };
        put("modifierExtension", self.narrowing());
        let reference = match &self.grantee {
            Grantee::Everyone => None,
            Grantee::Organisation(id) => Some(logical("Organization", "organisation", id)),
            Grantee::Practitioner { .. } | Grantee::Attribute { .. } => Some(json!({"reference": "#grantee"})),
        };
        let role = json!({"coding": [{"system": PARTICIPATION, "code": "IRCP"}]});
        put("actor", reference.into_iter().map(|reference| json!({"role": role, "reference": reference})).collect());
        let action = |code: &str| json!({"coding": [{"system": ACTION, "code": code}]});
        put("action", self.actions.iter().map(|one| action(one.code())).collect());
        put("purpose", self.purposes.iter().map(|one| json!({"system": ACT_REASON, "code": one.code()})).collect());
        put("securityLabel", self.any_of.iter().map(label).collect());
        let all = Kind::ALL.iter().all(|kind| self.kinds.contains(kind));
        let kinds = self.kinds.iter().filter(|_| !all);
        let field = if release == Release::R4 { "class" } else { "documentType" };
        put(field, kinds.map(|kind| json!({"system": system("kind"), "code": kind.name()})).collect());
        let data = |id| json!({"meaning": "instance", "reference": {"identifier": identifier("record", id)}});
        put("data", self.records.iter().flatten().map(data).collect());
        let exception = |one: &Label| match release {
            Release::R4 => json!({"type": code(opposite(self.effect)), "securityLabel": [label(one)]}),
            Release::R5 => json!({"securityLabel": [label(one)]}),
        };
        put("provision", self.none_of.iter().map(exception).collect());
        // The end of a Period is inside it.
        let period = json!({"start": instant_ms(self.from), "end": instant_ms(self.until.saturating_sub(1))});
        provision.insert("period".to_owned(), period);
        provision
    }

    /// What makes the rule narrower than FHIR's own fields can say.
    fn narrowing(&self) -> Vec<Value> {
        let obligation =
            |system: &str, code: &str| json!({"url": OBLIGATION, "valueCoding": {"system": system, "code": code}});
        let mut all = Vec::new();
        all.extend(self.max_uses.map(|uses| json!({"url": MAX_USES, "valueUnsignedInt": uses})));
        all.extend(self.no_redisclose.then(|| obligation(ACT_CODE[0], NO_REDISCLOSURE)));
        all.extend(self.local_only.then(|| obligation(&system("obligation"), LOCAL_ONLY)));
        all.extend(self.erase_by.map(|by| json!({"url": ERASE_BY, "valueDateTime": instant_ms(by)})));
        all
    }
}

fn code(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permit",
        Effect::Deny => "deny",
    }
}

fn opposite(effect: Effect) -> Effect {
    match effect {
        Effect::Permit => Effect::Deny,
        Effect::Deny => Effect::Permit,
    }
}

fn label(label: &Label) -> Value {
    match label {
        Label::Class(class) => json!({"system": ACT_CODE[0], "code": class.code()}),
        Label::Tag(tag) => {
            let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"system": system("tag"), "code": hex})
        }
    }
}

/// Who acts where, for a grantee that is not an organisation as a whole.
fn contained_role(grantee: &Grantee) -> Option<Value> {
    let coded = |what: &str, code: &u64| json!([{"coding": [{"system": system(what), "code": code.to_string()}]}]);
    let mut role = json!({"resourceType": "PractitionerRole", "id": "grantee"});
    match grantee {
        Grantee::Organisation(_) | Grantee::Everyone => return None,
        Grantee::Practitioner { practitioner, organisation } => {
            role["practitioner"] = logical("Practitioner", "practitioner", practitioner);
            role["organization"] = logical("Organization", "organisation", organisation);
        }
        Grantee::Attribute { organisation, speciality, role: code } => {
            role["organization"] = logical("Organization", "organisation", organisation);
            if let Some(speciality) = speciality {
                role["specialty"] = coded("speciality", speciality);
            }
            if let Some(code) = code {
                role["code"] = coded("role", code);
            }
        }
    }
    Some(role)
}
