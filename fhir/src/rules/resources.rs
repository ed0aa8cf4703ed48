//! HL7's invariants of the resources that Salus knows, and what domain.md section 8 adds to them. A rule's name is
//! HL7's.

use serde_json::{Map, Value};

use super::{Step, Walk};
use crate::{date::Span, refusal::Fault};

/// Check a resource by its type.
pub(super) fn check<'a>(walk: &mut Walk<'a, '_>, resource: &'a Map<String, Value>) {
    match resource.get("resourceType").and_then(Value::as_str).unwrap_or_default() {
        "Bundle" => bundle(walk, resource),
        "Patient" => patient(walk, resource),
        "Organization" => organization(walk, resource),
        "Observation" => observation(walk, resource),
        "Consent" => consent(walk, resource),
        "AuditEvent" => audit_event(walk, resource),
        "Provenance" => provenance(walk, resource),
        "DocumentReference" => document(walk, resource),
        "Appointment" => appointment(walk, resource),
        "MedicationRequest" => medication_request(walk, resource),
        "Practitioner" => practitioner(walk, resource),
        _ => {}
    }
}

/// Broken, at `fields` of the present place.
fn breaks(walk: &mut Walk<'_, '_>, fields: &[&str], rule: &'static str, words: &'static str) {
    walk.refuse(fields, Fault::Invariant { rule, words });
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    object.get(field).and_then(Value::as_str)
}

/// The objects of a list, each with its place on the path while `check` sees it.
fn each<'a, 'r>(
    walk: &mut Walk<'a, 'r>,
    object: &'a Map<String, Value>,
    field: &'static str,
    mut check: impl FnMut(&mut Walk<'a, 'r>, &'a Map<String, Value>),
) {
    for (number, item) in object.get(field).and_then(Value::as_array).into_iter().flatten().enumerate() {
        walk.path.extend([Step::Field(field), Step::Item(number)]);
        if let Some(item) = item.as_object() {
            check(walk, item);
        }
        walk.path.truncate(walk.path.len() - 2);
    }
}

fn bundle<'a>(walk: &mut Walk<'a, '_>, bundle: &'a Map<String, Value>) {
    walk.check_names(bundle);
    let kind = text(bundle, "type").unwrap_or_default();
    let first = bundle.get("entry").and_then(|entries| entries.pointer("/0/resource/resourceType"));
    let first = first.and_then(Value::as_str);
    if kind == "document" {
        let identifier = bundle.get("identifier").and_then(Value::as_object);
        if !identifier.is_some_and(|identifier| identifier.contains_key("system") && identifier.contains_key("value")) {
            breaks(walk, &["identifier"], "bdl-9", "a document has an identifier with system and value");
        }
        if !bundle.contains_key("timestamp") {
            breaks(walk, &["timestamp"], "bdl-10", "a document has a date");
        }
        if first != Some("Composition") {
            breaks(walk, &["entry"], "bdl-11", "a document begins with a Composition");
        }
    }
    if kind == "message" && first != Some("MessageHeader") {
        breaks(walk, &["entry"], "bdl-12", "a message begins with a MessageHeader");
    }
    each(walk, bundle, "entry", |walk, entry| {
        let asks = matches!(kind, "batch" | "transaction" | "history");
        if asks != entry.contains_key("request") {
            breaks(walk, &["request"], "bdl-3", "entries of a batch, transaction or history have a request, no others");
        }
        let answers = matches!(kind, "batch-response" | "transaction-response" | "history");
        if answers != entry.contains_key("response") {
            breaks(walk, &["response"], "bdl-4", "entries of a response or history have a response, no others");
        }
        if entry.contains_key("search") && kind != "searchset" {
            breaks(walk, &["search"], "bdl-2", "entries of a search set alone say how they were found");
        }
    });
}

fn patient<'a>(walk: &mut Walk<'a, '_>, patient: &'a Map<String, Value>) {
    each(walk, patient, "contact", |walk, contact| {
        if !["name", "telecom", "address", "organization"].iter().any(|field| contact.contains_key(*field)) {
            breaks(walk, &[], "pat-1", "a contact has a name, telecom, address or organisation");
        }
    });
    let (born, died) = (text(patient, "birthDate"), text(patient, "deceasedDateTime"));
    if let (Some(born), Some(died)) = (born.and_then(Span::parse), died.and_then(Span::parse))
        && died.until <= born.from
    {
        walk.refuse(&["deceasedDateTime"], Fault::Order { other: "birthDate" });
    }
}

fn practitioner<'a>(walk: &mut Walk<'a, '_>, practitioner: &'a Map<String, Value>) {
    if !["identifier", "name"].iter().any(|field| practitioner.contains_key(*field)) {
        breaks(walk, &["identifier"], "practitioner", "a practitioner has an identifier or a name");
    }
}

fn organization<'a>(walk: &mut Walk<'a, '_>, organization: &'a Map<String, Value>) {
    if !["identifier", "name"].iter().any(|field| organization.contains_key(*field)) {
        breaks(walk, &["name"], "org-1", "an organisation has an identifier or a name");
    }
}

fn observation<'a>(walk: &mut Walk<'a, '_>, observation: &'a Map<String, Value>) {
    let valued = |object: &Map<String, Value>| {
        object.keys().any(|key| {
            let name = key.strip_prefix('_').unwrap_or(key);
            name.strip_prefix("value").is_some_and(|kind| kind.starts_with(|c: char| c.is_ascii_uppercase()))
        })
    };
    if observation.contains_key("dataAbsentReason") && valued(observation) {
        walk.refuse(&["dataAbsentReason"], Fault::ValueAndAbsent);
    }
    each(walk, observation, "component", |walk, component| {
        if component.contains_key("dataAbsentReason") && valued(component) {
            walk.refuse(&["dataAbsentReason"], Fault::ValueAndAbsent);
        }
    });
    let categories = observation.get("category").and_then(Value::as_array).into_iter().flatten();
    let codings = categories.filter_map(|category| category.get("coding")?.as_array()).flatten();
    let vital = codings.into_iter().any(|coding| coding.get("code").and_then(Value::as_str) == Some("vital-signs"));
    let says = ["dataAbsentReason", "component", "hasMember"].iter().any(|field| observation.contains_key(*field));
    if vital && !says && !valued(observation) {
        walk.refuse(&["value[x]"], Fault::Missing);
    }
    walk.check_measurements(observation);
}

fn consent<'a>(walk: &mut Walk<'a, '_>, consent: &'a Map<String, Value>) {
    if !consent.contains_key("policy") && !consent.contains_key("policyRule") {
        breaks(walk, &["policyRule"], "ppc-1", "a consent names a policy or a policy rule");
    }
    let scope = consent.get("scope").and_then(|scope| scope.pointer("/coding/0/code")).and_then(Value::as_str);
    if scope == Some("patient-privacy") && !consent.contains_key("patient") {
        breaks(walk, &["patient"], "ppc-2", "a consent about privacy names its patient");
    }
}

fn audit_event<'a>(walk: &mut Walk<'a, '_>, event: &'a Map<String, Value>) {
    let agents = event.get("agent").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let asked = agents.iter().filter(|agent| agent.get("requestor").and_then(Value::as_bool) == Some(true)).count();
    if asked > 1 {
        breaks(walk, &["agent"], "AuditEvent.agent.requestor", "one agent at most asked for what happened");
    }
    each(walk, event, "entity", |walk, entity| {
        if entity.contains_key("name") && entity.contains_key("query") {
            breaks(walk, &["query"], "sev-1", "an entity has a name or a query");
        }
    });
}

fn provenance<'a>(walk: &mut Walk<'a, '_>, provenance: &'a Map<String, Value>) {
    each(walk, provenance, "agent", |walk, agent| {
        let who = |field: &str| agent.get(field).and_then(|who| who.get("reference"));
        if who("who").is_some() && who("who") == who("onBehalfOf") {
            breaks(walk, &["onBehalfOf"], "prov-1", "nobody acts on their own behalf");
        }
    });
}

fn document<'a>(walk: &mut Walk<'a, '_>, document: &'a Map<String, Value>) {
    each(walk, document, "content", |walk, content| {
        let Some(attachment) = content.get("attachment").and_then(Value::as_object) else { return };
        walk.path.push(Step::Field("attachment"));
        if !["url", "data", "title", "extension"].iter().any(|field| attachment.contains_key(*field)) {
            breaks(walk, &["url"], "attachment", "a document's content is inside, or an address says where");
        }
        if attachment.contains_key("data") && !attachment.contains_key("contentType") {
            breaks(walk, &["contentType"], "att-1", "data has a content type");
        }
        // A SHA-1 in R4: twenty bytes, which are twenty-eight characters of base 64.
        if text(attachment, "hash").is_some_and(|hash| hash.trim().len() != 28) {
            breaks(walk, &["hash"], "attachment.hash", "the hash is a SHA-1 in R4; carry another as an identifier");
        }
        walk.path.pop();
    });
}

fn appointment<'a>(walk: &mut Walk<'a, '_>, appointment: &'a Map<String, Value>) {
    let (start, end) = (appointment.contains_key("start"), appointment.contains_key("end"));
    let status = text(appointment, "status").unwrap_or_default();
    if start != end {
        let lacks = if start { "end" } else { "start" };
        breaks(walk, &[lacks], "app-2", "start and end are both given, or neither");
    } else if !start && !matches!(status, "proposed" | "cancelled" | "waitlist") {
        breaks(walk, &["start"], "app-3", "only what is proposed, cancelled or waiting has no time");
    }
    if appointment.contains_key("cancelationReason") && !matches!(status, "cancelled" | "noshow") {
        breaks(walk, &["cancelationReason"], "app-4", "only what did not happen has a reason for it");
    }
    each(walk, appointment, "participant", |walk, participant| {
        if !participant.contains_key("type") && !participant.contains_key("actor") {
            breaks(walk, &[], "app-1", "a participant has a type or an actor");
        }
    });
}

fn medication_request<'a>(walk: &mut Walk<'a, '_>, request: &'a Map<String, Value>) {
    each(walk, request, "dosageInstruction", |walk, dosage| {
        each(walk, dosage, "doseAndRate", |walk, dose| {
            let Some(quantity) = dose.get("doseQuantity").and_then(Value::as_object) else { return };
            walk.path.push(Step::Field("doseQuantity"));
            match quantity.get("value").and_then(Value::as_f64) {
                Some(value) if value <= 0.0 => {
                    walk.refuse(&["value"], Fault::Implausible { bounds: "what can be taken, above 0" });
                }
                _ => {}
            }
            if quantity.contains_key("code") && !quantity.contains_key("system") {
                breaks(walk, &["system"], "qty-3", "a coded unit names its system");
            }
            walk.path.pop();
        });
    });
}
