//! HL7's JSON schema of FHIR R4 made strict, with what HL7's own StructureDefinitions say and the schema leaves out.
//!
//! | HL7's schema | Patched |
//! |---|---|
//! | accepts text where an object has to be | every definition is of type object, and not empty |
//! | accepts a missing required primitive | `fhirRequired`: the field, or its extensions under `_field` |
//! | accepts `valueString` beside `valueQuantity` | `fhirChoice`: at most one of a choice, exactly one where required |
//! | accepts 30 February | format `fhir-calendar` |
//! | accepts an empty list | `minItems` 1 |
//! | accepts 1.5 as an integer, -1 as a count | type integer, with a minimum |
//! | accepts a narrative that is no text | type string |
//! | refuses `null` in a list whose extensions stand beside it | accepts it; whether an extension goes with it is checked in `rules` |
//! | refuses a no-break space in text | refuses control characters only |
//! | refuses `fhirVersion` 4.0.1 and `valueMeta` | accepts them |
//! | tries all 146 resource types, and then says that none fits | takes the one that `resourceType` names |
//! | does not say to what a reference may point | `targets`, by path |

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a schema made by this patch says of itself. A change of the patch counts it up, here and in `scripts/fhir-schema`.
pub const MARKER: &str = "salus-fhir patch 1";

/// What every date begins with in HL7's patterns.
const YEAR_PATTERN: &str = "^([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)";
/// HL7's pattern of text.
const TEXT_PATTERN: &str = "^[ \\r\\n\\t\\S]+$";
/// Any character but the control characters that FHIR forbids.
const ANY_TEXT_PATTERN: &str = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]+$";

/// Why files are not what is patched here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// Not HL7's schema of R4.
    #[error("not HL7's JSON schema of FHIR R4: {0}")]
    NotTheSchema(&'static str),
    /// Too few StructureDefinitions.
    #[error("{found} StructureDefinitions of FHIR 4.0.1, expected at least {expected}")]
    Definitions {
        /// How many were found.
        found: usize,
        /// How many there are.
        expected: usize,
    },
}

/// How many types and resources R4 has a StructureDefinition of.
const DEFINITIONS_MIN: usize = 180;

/// Make the schema strict. `definitions` are Bundles of HL7's StructureDefinitions.
///
/// # Errors
/// [`PatchError`] where these are other files.
pub fn patch(schema: Value, definitions: &[Value]) -> Result<Value, PatchError> {
    let Value::Object(mut schema) = schema else { return Err(PatchError::NotTheSchema("it is no object")) };
    if schema.get("id").and_then(Value::as_str) != Some("http://hl7.org/fhir/json-schema/4.0") {
        return Err(PatchError::NotTheSchema("its id is another"));
    }
    let Some(Value::Object(mut types)) = schema.remove("definitions") else {
        return Err(PatchError::NotTheSchema("it has no definitions"));
    };
    types.values_mut().for_each(tighten_definition);
    let resources: Vec<String> = types
        .iter()
        .filter(|(_, definition)| definition.pointer("/properties/resourceType").is_some())
        .map(|(name, _)| name.clone())
        .collect();
    let structures: Vec<&Value> = definitions.iter().flat_map(structures).collect();
    if structures.len() < DEFINITIONS_MIN {
        return Err(PatchError::Definitions { found: structures.len(), expected: DEFINITIONS_MIN });
    }
    let mut targets = BTreeMap::new();
    for structure in structures {
        add_structure(&mut types, structure, &mut targets);
    }
    types.insert("ResourceList".to_owned(), by_resource_type(&resources));
    Ok(json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": MARKER,
        "$ref": "#/definitions/ResourceList",
        "definitions": types,
        "targets": targets,
    }))
}

/// The StructureDefinitions of resources and of types made of parts.
fn structures(bundle: &Value) -> impl Iterator<Item = &Value> {
    let entries = bundle.get("entry").and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| entry.get("resource")).filter(|resource| {
        let is = |field: &str, value: &str| resource.get(field).and_then(Value::as_str) == Some(value);
        is("resourceType", "StructureDefinition")
            && is("fhirVersion", "4.0.1")
            && is("derivation", "specialization")
            && (is("kind", "resource") || is("kind", "complex-type"))
    })
}

fn tighten_definition(definition: &mut Value) {
    let Some(Value::Object(fields)) = definition.get_mut("properties") else { return tighten(definition) };
    let with_extensions: BTreeSet<String> =
        fields.keys().filter_map(|name| name.strip_prefix('_')).map(str::to_owned).collect();
    for (name, field) in fields.iter_mut() {
        tighten(field);
        if let Some(items) = field.get_mut("items") {
            tighten(items);
            // FHIR keeps values and their extensions in step with nulls.
            if name.starts_with('_') || with_extensions.contains(name) {
                *items = json!({"anyOf": [{"type": "null"}, items.take()]});
            }
            field["minItems"] = json!(1);
        }
    }
    if let Value::Object(definition) = definition {
        definition.remove("description");
        definition.insert("type".to_owned(), json!("object"));
        definition.insert("minProperties".to_owned(), json!(1));
    }
}

/// Make what is said of one value strict.
fn tighten(value: &mut Value) {
    let Value::Object(value) = value else { return };
    value.remove("description");
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, pattern) = (text("type"), text("pattern"));
    match kind.as_str() {
        "number" => {
            value.remove("pattern");
            let minimum = match pattern.as_str() {
                "^[1-9][0-9]*$" => Some(1),
                "^[0]|([1-9][0-9]*)$" => Some(0),
                "^-?([0]|([1-9][0-9]*))$" => None,
                _ => return,
            };
            value.insert("type".to_owned(), json!("integer"));
            value.extend(minimum.map(|minimum| ("minimum".to_owned(), json!(minimum))));
        }
        "boolean" => drop(value.remove("pattern")),
        "string" if pattern == TEXT_PATTERN => drop(value.insert("pattern".to_owned(), json!(ANY_TEXT_PATTERN))),
        "string" if pattern.starts_with(YEAR_PATTERN) => {
            value.insert("format".to_owned(), json!("fhir-calendar"));
        }
        "" if value.is_empty() => drop(value.insert("type".to_owned(), json!("string"))),
        _ => {}
    }
    if let Some(Value::Array(versions)) = value.get_mut("enum")
        && versions.iter().any(|version| version == "4.0.0")
        && !versions.iter().any(|version| version == "4.0.1")
    {
        versions.push(json!("4.0.1"));
    }
}

/// Add what a StructureDefinition demands of the definitions it is about.
fn add_structure(types: &mut Map<String, Value>, structure: &Value, targets: &mut BTreeMap<String, BTreeSet<String>>) {
    let name = structure.get("type").and_then(Value::as_str).unwrap_or_default();
    // Where the elements of a path are defined: parts of a resource have definitions of their own.
    let mut places = BTreeMap::from([(name.to_owned(), name.to_owned())]);
    let elements = structure.pointer("/snapshot/element").and_then(Value::as_array).into_iter().flatten();
    for element in elements {
        let path = element.get("path").and_then(Value::as_str).unwrap_or_default();
        let Some((parent, field)) = path.rsplit_once('.') else { continue };
        let Some(place) = places.get(parent).cloned() else { continue };
        let Some(Value::Object(definition)) = types.get(&place).cloned() else { continue };
        let Some(Value::Object(mut fields)) = definition.get("properties").cloned() else { continue };
        let required = element.get("min").and_then(Value::as_u64).is_some_and(|min| min > 0);
        let kinds = element.get("type").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let code = |kind: &Value| kind.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut definition = definition;
        if let Some(stem) = field.strip_suffix("[x]") {
            let mut choice = Vec::new();
            for kind in kinds {
                let alternative = format!("{stem}{}", capital(&code(kind)));
                if !fields.contains_key(&alternative) && code(kind) == "Meta" {
                    fields.insert(alternative.clone(), json!({"$ref": "#/definitions/Meta"}));
                }
                if fields.contains_key(&alternative) {
                    let path = format!("{parent}.{alternative}");
                    add_targets(targets, path, kind);
                    choice.push(alternative);
                }
            }
            // Where this schema and the StructureDefinition do not speak of the same thing, it is left as it is.
            if !choice.is_empty() {
                push(&mut definition, "fhirChoice", json!({"of": field, "required": required, "fields": choice}));
            }
        } else if let Some(schema) = fields.get(field) {
            let refers = schema.get("$ref").or_else(|| schema.pointer("/items/$ref")).and_then(Value::as_str);
            if let Some(part) = refers.and_then(|refers| refers.strip_prefix("#/definitions/"))
                && kinds.iter().any(|kind| matches!(code(kind).as_str(), "BackboneElement" | "Element"))
            {
                places.insert(path.to_owned(), part.to_owned());
            }
            kinds.iter().for_each(|kind| add_targets(targets, path.to_owned(), kind));
            let known = definition.get("required").and_then(Value::as_array);
            if required && !known.is_some_and(|known| known.iter().any(|known| known == field)) {
                push(&mut definition, "fhirRequired", json!(field));
            }
        }
        definition.insert("properties".to_owned(), Value::Object(fields));
        types.insert(place, Value::Object(definition));
    }
}

/// Add to the list under `keyword`, once.
fn push(definition: &mut Map<String, Value>, keyword: &str, value: Value) {
    if let Value::Array(list) = definition.entry(keyword).or_insert_with(|| json!([]))
        && !list.contains(&value)
    {
        list.push(value);
    }
}

/// To which resource types a Reference may point; nothing where it may point to any.
fn add_targets(targets: &mut BTreeMap<String, BTreeSet<String>>, path: String, kind: &Value) {
    let profiles = kind.get("targetProfile").and_then(Value::as_array).into_iter().flatten();
    let names: BTreeSet<String> = profiles
        .filter_map(|profile| profile.as_str()?.strip_prefix("http://hl7.org/fhir/StructureDefinition/"))
        .map(str::to_owned)
        .collect();
    if kind.get("code").and_then(Value::as_str) == Some("Reference") && !names.is_empty() && !names.contains("Resource")
    {
        targets.insert(path, names);
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// A resource is checked as what its `resourceType` says it is.
fn by_resource_type(names: &[String]) -> Value {
    let each: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({
                "if": {"properties": {"resourceType": {"const": name}}},
                "then": {"$ref": format!("#/definitions/{name}")},
            })
        })
        .collect();
    json!({
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"enum": names}},
        "allOf": each,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_refused() {
        let hl7 = |rest: Value| {
            let mut schema = json!({"id": "http://hl7.org/fhir/json-schema/4.0"});
            schema.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            schema
        };
        for (schema, error) in [
            (json!([]), PatchError::NotTheSchema("it is no object")),
            (json!({"id": "http://hl7.org/fhir/json-schema/4.3"}), PatchError::NotTheSchema("its id is another")),
            (hl7(json!({})), PatchError::NotTheSchema("it has no definitions")),
            (hl7(json!({"definitions": {}})), PatchError::Definitions { found: 0, expected: DEFINITIONS_MIN }),
        ] {
            assert_eq!(patch(schema, &[json!({"entry": [{"resource": {"resourceType": "ValueSet"}}]})]), Err(error));
        }
    }

    #[test]
    fn values_become_strict() {
        let strict = |mut value: Value| {
            tighten(&mut value);
            value
        };
        let number = |pattern: &str| json!({"type": "number", "pattern": pattern, "description": "x"});
        assert_eq!(strict(number("^[1-9][0-9]*$")), json!({"type": "integer", "minimum": 1}));
        assert_eq!(strict(number("^[0]|([1-9][0-9]*)$")), json!({"type": "integer", "minimum": 0}));
        assert_eq!(strict(number("^-?([0]|([1-9][0-9]*))$")), json!({"type": "integer"}));
        assert_eq!(strict(number("^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$")), json!({"type": "number"}));
        assert_eq!(strict(json!({})), json!({"type": "string"}));
        assert_eq!(strict(json!({"enum": ["4.0.0"]})), json!({"enum": ["4.0.0", "4.0.1"]}));
        let date = format!("{YEAR_PATTERN}(-(0[1-9]|1[0-2]))?$");
        assert_eq!(strict(json!({"type": "string", "pattern": date}))["format"], "fhir-calendar");
        assert_eq!(strict(json!({"type": "string", "pattern": TEXT_PATTERN}))["pattern"], ANY_TEXT_PATTERN);
    }

    #[test]
    fn set_up_asks_for_the_schema_that_this_makes() {
        let script = include_str!("../../../scripts/fhir-schema");
        assert!(script.contains(MARKER), "scripts/fhir-schema looks for another marker than \"{MARKER}\"");
    }
}
