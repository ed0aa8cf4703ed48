//! The two keywords of the patched schema that JSON Schema does not have: a required field that may be given by its
//! extensions alone, and a choice of types.

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value};
use std::collections::HashMap;

use crate::refusal::{Fault, push_field};

type Made<'a> = Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>>;

/// `"fhirRequired": ["status"]`: `status` or `_status` has to be there.
pub(super) fn required<'a>(_: &'a Map<String, Value>, value: &'a Value, _: Location) -> Made<'a> {
    let names = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let names = names.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), format!("_{name}"))).collect();
    Ok(Box::new(Required(names)))
}

/// `"fhirChoice": [{"of": "value[x]", "required": false, "fields": ["valueString", …]}]`: at most one of the fields,
/// and one where it is required.
pub(super) fn choice<'a>(_: &'a Map<String, Value>, value: &'a Value, _: Location) -> Made<'a> {
    let mut choices = Choices::default();
    for (number, choice) in value.as_array().into_iter().flatten().enumerate() {
        let fields = choice.get("fields").and_then(Value::as_array).into_iter().flatten();
        choices.group.extend(fields.filter_map(Value::as_str).map(|field| (field.to_owned(), number)));
        let required = choice.get("required").and_then(Value::as_bool).unwrap_or_default();
        choices.names.push((choice.get("of").and_then(Value::as_str).unwrap_or_default().to_owned(), required));
    }
    Ok(Box::new(choices))
}

/// What a message of these keywords says, with the field added to the path.
pub(super) fn fault(message: &str, path: &mut String) -> Fault {
    let words: Vec<&str> = message.split(' ').collect();
    match words[..] {
        ["missing", name] => {
            let stem = name.trim_end_matches("[x]");
            push_field(path, stem);
            path.push_str(&name[stem.len()..]);
            Fault::Missing
        }
        ["two", name, first, second] => {
            path.push('.');
            path.push_str(name);
            Fault::TwoValues { first: first.to_owned(), second: second.to_owned() }
        }
        _ => Fault::Form,
    }
}

struct Required(Vec<(String, String)>);

impl Required {
    fn missing(&self, instance: &Value) -> Option<&str> {
        let object = instance.as_object()?;
        let lacks = |(name, extended): &&(String, String)| !object.contains_key(name) && !object.contains_key(extended);
        self.0.iter().find(lacks).map(|(name, _)| name.as_str())
    }
}

impl<'i> Keyword<'i> for Required {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.missing(instance).map_or(Ok(()), |name| Err(ValidationError::custom(format!("missing {name}"))))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.missing(instance).is_none()
    }
}

#[derive(Default)]
struct Choices {
    /// Name of each choice, and whether it has to be made.
    names: Vec<(String, bool)>,
    /// Which choice a field belongs to.
    group: HashMap<String, usize>,
}

impl Choices {
    /// What is wrong.
    fn broken(&self, instance: &Value) -> Option<String> {
        let object = instance.as_object()?;
        let mut made: Vec<Option<&str>> = vec![None; self.names.len()];
        for key in object.keys() {
            let field = key.strip_prefix('_').unwrap_or(key);
            let Some(number) = self.group.get(field) else { continue };
            match made[*number] {
                Some(other) if other != field => {
                    return Some(format!("two {} {other} {field}", self.names[*number].0));
                }
                _ => made[*number] = Some(field),
            }
        }
        let lacks = |((_, required), made): &(&(String, bool), &Option<&str>)| *required && made.is_none();
        self.names.iter().zip(&made).find(lacks).map(|((name, _), _)| format!("missing {name}"))
    }
}

impl<'i> Keyword<'i> for Choices {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.broken(instance).map_or(Ok(()), |message| Err(ValidationError::custom(message)))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.broken(instance).is_none()
    }
}
