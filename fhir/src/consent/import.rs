//! A Consent as a rule. Whatever a rule cannot say is refused at its path.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

use super::{
    ACT_REASON, ACTION, ERASE_BY, LOCAL_ONLY, MAX_USES, NO_REDISCLOSURE, OBLIGATION, PARTICIPATION, Release, SCOPE,
};
use crate::{
    date::Span,
    grant::{Action, Effect, Grant, Grantee, Label, Purpose},
    identifier::{Id, system},
    json::{self, JsonError},
    kind::Kind,
    labels::ACT_CODE,
    refusal::{Fault, Refusal, push_field, shown_code},
};

/// Why a Consent is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// Not JSON that every reader reads alike.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Something in it.
    #[error("{0}")]
    Refused(Refusal),
}

/// An object with its path.
struct Node<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

type Read<T> = Result<T, Refusal>;

impl<'a> Node<'a> {
    fn of(value: &'a Value, path: String) -> Read<Self> {
        match value.as_object() {
            Some(object) => Ok(Self { object, path }),
            None => Err(Refusal::new(path, Fault::WrongType { expected: "object".to_owned() })),
        }
    }

    fn refuse<T>(&self, field: &str, fault: Fault) -> Read<T> {
        let mut path = self.path.clone();
        push_field(&mut path, field);
        Err(Refusal { path, fault })
    }

    /// Nothing but these fields, and what may be left aside anywhere.
    fn only(&self, fields: &[&str]) -> Read<()> {
        let aside = |key: &str| matches!(key, "id" | "extension");
        match self.object.keys().find(|key| !aside(key) && !fields.contains(&key.as_str())) {
            Some(key) => {
                let words = "a rule has no such condition, and without it would say something else";
                self.refuse(key, Fault::Inexpressible { words })
            }
            None => Ok(()),
        }
    }

    fn text(&self, field: &str) -> Read<&'a str> {
        match self.object.get(field) {
            None => self.refuse(field, Fault::Missing),
            Some(Value::String(text)) => Ok(text),
            Some(_) => self.refuse(field, Fault::WrongType { expected: "string".to_owned() }),
        }
    }

    fn node(&self, field: &str) -> Read<Node<'a>> {
        match self.object.get(field) {
            None => self.refuse(field, Fault::Missing),
            Some(value) => Node::of(value, format!("{}.{field}", self.path)),
        }
    }

    /// The objects of a list; none where it is not there.
    fn list(&self, field: &str) -> Read<Vec<Node<'a>>> {
        match self.object.get(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.is_empty() => self.refuse(field, Fault::Empty),
            Some(Value::Array(items)) => {
                let item = |(number, item)| Node::of(item, format!("{}.{field}[{number}]", self.path));
                items.iter().enumerate().map(item).collect()
            }
            Some(_) => self.refuse(field, Fault::WrongType { expected: "array".to_owned() }),
        }
    }

    /// The code of the one coding of this system in a CodeableConcept.
    fn concept(&self, of: &str) -> Read<&'a str> {
        for coding in self.list("coding")? {
            if coding.object.get("system").and_then(Value::as_str) == Some(of) {
                return coding.text("code");
            }
        }
        let expected = format!("a code of {of}");
        self.refuse("coding", Fault::NotInList { found: "of another system".to_owned(), expected })
    }

    /// The code of a Coding of this system.
    fn coding(&self, of: &str) -> Read<&'a str> {
        if self.text("system")? != of {
            let expected = of.to_owned();
            return self.refuse("system", Fault::NotInList { found: "another system".to_owned(), expected });
        }
        self.text("code")
    }

    /// The id that a logical reference names.
    fn logical(&self, what: &str) -> Read<Id> {
        let identifier = self.node("identifier")?;
        let expected = system(what);
        if identifier.text("system")? != expected {
            return identifier.refuse("system", Fault::NotInList { found: "another system".to_owned(), expected });
        }
        identifier.text("value")?.parse().or_else(|_| identifier.refuse("value", Fault::Form))
    }

    fn span(&self, field: &str) -> Read<Span> {
        Span::parse(self.text(field)?).map_or_else(|| self.refuse(field, Fault::NotADate), Ok)
    }
}

/// A list of codes as a set.
fn set<'a, T: Ord>(nodes: Vec<Node<'a>>, read: impl Fn(&Node<'a>) -> Read<T>) -> Read<BTreeSet<T>> {
    nodes.iter().map(read).collect()
}

impl Grant {
    /// Read the bytes of a Consent, of R4 or of R5.
    ///
    /// # Errors
    /// [`ConsentError`]: what a rule cannot say, with its path.
    pub fn from_consent_bytes(bytes: &[u8]) -> Result<Self, ConsentError> {
        Self::from_consent(&json::parse(bytes, "Consent")?).map_err(ConsentError::Refused)
    }

    /// Read a Consent, of R4 or of R5: its own fields say of which it is.
    ///
    /// # Errors
    /// What a rule cannot say, with its path.
    pub fn from_consent(consent: &Value) -> Result<Self, Refusal> {
        let consent = Node::of(consent, "Consent".to_owned())?;
        let kind = consent.text("resourceType")?;
        if kind != "Consent" {
            let found = "another type of resource".to_owned();
            return consent.refuse("resourceType", Fault::NotInList { found, expected: "Consent".to_owned() });
        }
        let is_r5 = ["decision", "subject", "policyBasis"].iter().any(|field| consent.object.contains_key(*field));
        let release = if is_r5 { Release::R5 } else { Release::R4 };
        let active = match consent.text("status")? {
            "active" => true,
            "inactive" => false,
            other => {
                let expected = "active or inactive".to_owned();
                return consent.refuse("status", Fault::NotInList { found: shown_code(other), expected });
            }
        };
        let aside = [
            "resourceType",
            "meta",
            "language",
            "text",
            "contained",
            "identifier",
            "status",
            "category",
            "verification",
            "sourceAttachment",
            "sourceReference",
        ];
        let (patient, effect, provision) = match release {
            Release::R4 => {
                let own =
                    ["scope", "patient", "dateTime", "performer", "organization", "policy", "policyRule", "provision"];
                consent.only(&[&aside[..], &own].concat())?;
                let scope = consent.node("scope")?;
                let found = scope.concept(SCOPE)?;
                if found != "patient-privacy" {
                    let fault = Fault::NotInList { found: shown_code(found), expected: "patient-privacy".to_owned() };
                    return scope.refuse("coding", fault);
                }
                let provision = consent.node("provision")?;
                (consent.node("patient")?, effect(&provision, "type")?, provision)
            }
            Release::R5 => {
                let own = [
                    "subject",
                    "date",
                    "grantor",
                    "manager",
                    "controller",
                    "policyBasis",
                    "policyText",
                    "regulatoryBasis",
                    "decision",
                    "provision",
                ];
                consent.only(&[&aside[..], &own].concat())?;
                let mut provisions = consent.list("provision")?;
                let provision = match (provisions.pop(), provisions.is_empty()) {
                    (None, _) => return consent.refuse("provision", Fault::Missing),
                    (Some(one), true) => one,
                    (Some(_), false) => {
                        let words = "each provision is a rule of its own: write a consent for each";
                        return consent.refuse("provision", Fault::Inexpressible { words });
                    }
                };
                (consent.node("subject")?, effect(&consent, "decision")?, provision)
            }
        };
        let mut grant = provision_of(&consent, &provision, release, effect)?;
        grant.patient = patient.logical("patient")?;
        grant.active = active;
        Ok(grant)
    }
}

fn effect(node: &Node<'_>, field: &str) -> Read<Effect> {
    match node.text(field)? {
        "permit" => Ok(Effect::Permit),
        "deny" => Ok(Effect::Deny),
        other => {
            let expected = "permit or deny".to_owned();
            node.refuse(field, Fault::NotInList { found: shown_code(other), expected })
        }
    }
}

fn provision_of(consent: &Node<'_>, provision: &Node<'_>, release: Release, effect: Effect) -> Read<Grant> {
    let (own, kinds) = match release {
        Release::R4 => ("type", "class"),
        Release::R5 => ("documentType", "documentType"),
    };
    provision.only(&[
        own,
        kinds,
        "modifierExtension",
        "period",
        "actor",
        "action",
        "purpose",
        "securityLabel",
        "data",
        "provision",
    ])?;
    let period = provision.node("period")?;
    let (start, end) = (period.span("start")?, period.span("end")?);
    let moment = |span: i64, field: &str| u64::try_from(span).or_else(|_| period.refuse(field, Fault::NotADate));
    let (from, until) = (moment(start.from, "start")?, moment(end.until, "end")?);
    if until <= from {
        return period.refuse("end", Fault::Order { other: "start" });
    }
    let purposes = set(provision.list("purpose")?, |purpose| {
        let code = purpose.coding(ACT_REASON)?;
        code.parse::<Purpose>().or_else(|error| listed(purpose, "code", &error))
    })?;
    if purposes.is_empty() {
        return provision.refuse("purpose", Fault::Missing);
    }
    let mut actions = set(provision.list("action")?, |action| {
        let code = action.concept(ACTION)?;
        code.parse::<Action>().or_else(|error| listed(action, "coding", &error))
    })?;
    if actions.is_empty() {
        // IHE PCF forbids actions: its consents are about reading.
        actions.insert(Action::View);
    }
    let mut named = set(provision.list(kinds)?, |kind| {
        let code = kind.coding(&system("kind"))?;
        code.parse::<Kind>().or_else(|error| listed(kind, "code", &error))
    })?;
    if named.is_empty() {
        named.extend(Kind::ALL);
    }
    let records = set(provision.list("data")?, |data| {
        data.only(&["meaning", "reference"])?;
        match data.text("meaning")? {
            "instance" => data.node("reference")?.logical("record"),
            _ => {
                let words = "a rule names records themselves, not what belongs to them";
                data.refuse("meaning", Fault::Inexpressible { words })
            }
        }
    })?;
    let any_of = set(provision.list("securityLabel")?, label)?;
    let mut grant = Grant {
        patient: Id([0; 16]),
        effect,
        grantee: grantee(consent, provision, effect)?,
        kinds: named,
        records: (!records.is_empty()).then_some(records),
        any_of,
        none_of: exceptions(provision, release, effect)?,
        purposes,
        actions,
        from,
        until,
        max_uses: None,
        no_redisclose: false,
        local_only: false,
        erase_by: None,
        active: false,
    };
    narrow(provision, &mut grant)?;
    Ok(grant)
}

/// A code that is none of a list which `error` names.
fn listed<T>(node: &Node<'_>, field: &str, error: &dyn core::fmt::Display) -> Read<T> {
    node.refuse(field, Fault::NotInList { found: "no such code".to_owned(), expected: error.to_string() })
}

fn label(coding: &Node<'_>) -> Read<Label> {
    let code = coding.text("code")?;
    let tag = system("tag");
    let found = match coding.text("system")? {
        of if ACT_CODE.contains(&of) => code.parse().ok().map(Label::Class),
        of if of == tag => Label::tag(code),
        _ => None,
    };
    let expected = "a sensitivity class of v3-ActCode, or a tag".to_owned();
    found.map_or_else(|| coding.refuse("code", Fault::NotInList { found: "no such label".to_owned(), expected }), Ok)
}

/// The nested provisions: labels that the rule is not about.
fn exceptions(provision: &Node<'_>, release: Release, root: Effect) -> Read<BTreeSet<Label>> {
    let mut labels = BTreeSet::new();
    for nested in provision.list("provision")? {
        if nested.object.contains_key("provision") {
            let words = "provisions within provisions within provisions: write a consent for each case";
            return nested.refuse("provision", Fault::Inexpressible { words });
        }
        if root == Effect::Deny {
            let words = "a denial has no exceptions: deny by the labels it is about";
            return provision.refuse("provision", Fault::Inexpressible { words });
        }
        match release {
            Release::R4 => {
                nested.only(&["type", "securityLabel"])?;
                if effect(&nested, "type")? == root {
                    let words = "a permission within a permission is a rule of its own";
                    return nested.refuse("type", Fault::Inexpressible { words });
                }
            }
            Release::R5 => nested.only(&["securityLabel"])?,
        }
        let found = set(nested.list("securityLabel")?, label)?;
        if found.is_empty() {
            return nested.refuse("securityLabel", Fault::Missing);
        }
        // Several in one: none of them, the strictest reading there is.
        labels.extend(found);
    }
    Ok(labels)
}

/// To whom.
fn grantee(consent: &Node<'_>, provision: &Node<'_>, effect: Effect) -> Read<Grantee> {
    let mut actors = provision.list("actor")?;
    let actor = match (actors.pop(), actors.is_empty()) {
        (None, _) if effect == Effect::Deny => return Ok(Grantee::Everyone),
        (None, _) => return provision.refuse("actor", Fault::Missing),
        (Some(actor), true) => actor,
        (Some(_), false) => {
            let words = "a rule speaks to one: write a consent for each";
            return provision.refuse("actor", Fault::Inexpressible { words });
        }
    };
    let role = actor.node("role")?;
    if role.concept(PARTICIPATION)? != "IRCP" {
        let (found, expected) = ("another role".to_owned(), "IRCP, who receives information".to_owned());
        return role.refuse("coding", Fault::NotInList { found, expected });
    }
    let reference = actor.node("reference")?;
    let Some(local) = reference.object.get("reference") else {
        return reference.logical("organisation").map(Grantee::Organisation);
    };
    let id = local.as_str().and_then(|local| local.strip_prefix('#'));
    let contained = consent.list("contained")?;
    let found = contained.iter().find(|one| one.object.get("id").and_then(Value::as_str) == id && id.is_some());
    let Some(contained) = found else { return reference.refuse("reference", Fault::Dangling) };
    if contained.text("resourceType")? != "PractitionerRole" {
        let words = "a person is a grantee at an organisation: contain a PractitionerRole that names both";
        return contained.refuse("resourceType", Fault::Inexpressible { words });
    }
    contained.only(&["resourceType", "practitioner", "organization", "code", "specialty"])?;
    let organisation = contained.node("organization")?.logical("organisation")?;
    let code = |field: &str, what: &str| -> Read<Option<u64>> {
        let mut all = contained.list(field)?;
        let Some(concept) = all.pop() else { return Ok(None) };
        if !all.is_empty() {
            let words = "a rule names one speciality and one role at most";
            return contained.refuse(field, Fault::Inexpressible { words });
        }
        concept.concept(&system(what))?.parse().map(Some).or_else(|_| concept.refuse("coding", Fault::Form))
    };
    let (speciality, role) = (code("specialty", "speciality")?, code("code", "role")?);
    if contained.object.contains_key("practitioner") {
        if speciality.is_some() || role.is_some() {
            let words = "a rule speaks to one practitioner or to an attribute";
            return contained.refuse("practitioner", Fault::Inexpressible { words });
        }
        let practitioner = contained.node("practitioner")?.logical("practitioner")?;
        return Ok(Grantee::Practitioner { practitioner, organisation });
    }
    if speciality.is_none() && role.is_none() {
        return contained.refuse("practitioner", Fault::Missing);
    }
    Ok(Grantee::Attribute { organisation, speciality, role })
}

/// Uses and obligations. A modifier that is not known may mean anything, so that it is refused.
fn narrow(provision: &Node<'_>, grant: &mut Grant) -> Read<()> {
    for extension in provision.list("modifierExtension")? {
        match extension.text("url")? {
            MAX_USES => {
                let uses = extension.object.get("valueUnsignedInt").and_then(Value::as_u64);
                let uses = uses.and_then(|uses| u32::try_from(uses).ok()).filter(|uses| *uses > 0);
                grant.max_uses = Some(uses.map_or_else(|| extension.refuse("valueUnsignedInt", Fault::Form), Ok)?);
            }
            ERASE_BY => {
                let by = extension.span("valueDateTime")?.from;
                grant.erase_by =
                    Some(u64::try_from(by).or_else(|_| extension.refuse("valueDateTime", Fault::NotADate))?);
            }
            OBLIGATION => {
                let coding = extension.node("valueCoding")?;
                match (coding.text("system")?, coding.text("code")?) {
                    (of, NO_REDISCLOSURE) if ACT_CODE.contains(&of) => grant.no_redisclose = true,
                    (of, LOCAL_ONLY) if of == system("obligation") => grant.local_only = true,
                    _ => {
                        let expected = format!("{NO_REDISCLOSURE} or {LOCAL_ONLY}");
                        return coding.refuse("code", Fault::NotInList { found: "another".to_owned(), expected });
                    }
                }
            }
            _ => {
                let words = "a modifier that is not known here may turn the rule into its opposite";
                return extension.refuse("url", Fault::Inexpressible { words });
            }
        }
    }
    Ok(())
}
