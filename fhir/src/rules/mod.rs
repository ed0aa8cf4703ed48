//! What a schema cannot say: references resolve, periods run forward, measurements are in their units, codes have
//! their check digits, and HL7's invariants of the resources that Salus knows (domain.md section 8).

mod codes;
mod references;
mod resources;
mod vitals;

use serde_json::{Map, Value};

use crate::{
    date::Span,
    refusal::{Fault, Refusal, push_field},
    schema::Schema,
};
use references::Index;
use vitals::Measured;

/// Add to `refusals`, at most `max` in all, what is wrong with a bundle that the schema has nothing against.
pub(crate) fn check(bundle: &Value, schema: &Schema, refusals: &mut Vec<Refusal>, max: usize) {
    let mut walk = Walk {
        schema,
        index: Index::of(bundle),
        path: vec![Step::Field("Bundle")],
        resources: Vec::new(),
        measured: Measured::default(),
        refusals,
        max,
    };
    walk.resource(bundle);
    let measured = core::mem::take(&mut walk.measured);
    measured.check(&mut walk);
}

/// One step into a resource.
#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

/// A resource that the walk is in.
struct Within<'a> {
    resource: &'a Map<String, Value>,
    /// How many steps lead to it.
    depth: usize,
}

/// A walk through a bundle that sees every value once, with its path.
struct Walk<'a, 'r> {
    schema: &'a Schema,
    index: Index<'a>,
    path: Vec<Step<'a>>,
    /// From the bundle in to where the walk is.
    resources: Vec<Within<'a>>,
    measured: Measured<'a>,
    refusals: &'r mut Vec<Refusal>,
    max: usize,
}

impl<'a> Walk<'a, '_> {
    fn resource(&mut self, value: &'a Value) {
        let Some(resource) = value.as_object() else { return };
        self.resources.push(Within { resource, depth: self.path.len() });
        resources::check(self, resource);
        self.object(resource);
        self.resources.pop();
    }

    fn object(&mut self, object: &'a Map<String, Value>) {
        self.check_reference(object);
        self.check_period(object);
        self.check_code(object);
        for (name, value) in object {
            self.path.push(Step::Field(name));
            self.value(value, object.get(&format!("_{name}")), name.strip_prefix('_').map(|name| object.get(name)));
            self.path.pop();
        }
    }

    /// A field's value, with its extensions if it is a primitive's, or with the primitives if it is extensions.
    fn value(&mut self, value: &'a Value, extensions: Option<&Value>, of: Option<Option<&Value>>) {
        match value {
            Value::Object(object) if object.contains_key("resourceType") => self.resource(value),
            Value::Object(object) => self.object(object),
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.path.push(Step::Item(number));
                    // Where both lists have a null, the one of the values is to blame.
                    let paired = match of {
                        Some(values) => values.and_then(|values| values.get(number)).is_some(),
                        None => extensions.and_then(|others| others.get(number)).is_some_and(|other| !other.is_null()),
                    };
                    if item.is_null() && !paired {
                        self.refuse(&[], Fault::Null);
                    }
                    self.value(item, None, None);
                    self.path.pop();
                }
            }
            _ => {}
        }
    }

    /// Refuse what stands at the present path and `more`.
    fn refuse(&mut self, more: &[&str], fault: Fault) {
        if self.refusals.len() < self.max {
            let mut path = self.shown_path();
            for field in more {
                // Choices are called by their stem: value[x].
                if field.ends_with("[x]") {
                    path = format!("{path}.{field}");
                } else {
                    push_field(&mut path, field);
                }
            }
            self.refusals.push(Refusal { path, fault });
        }
    }

    /// Refuse what stands at a path taken down before.
    fn refuse_at(&mut self, path: String, fault: Fault) {
        if self.refusals.len() < self.max {
            self.refusals.push(Refusal { path, fault });
        }
    }

    fn shown_path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) => push_field(&mut path, name),
                Step::Item(number) => path += &format!("[{number}]"),
            }
        }
        path.split_off(1)
    }

    /// The path within the innermost resource as HL7's definitions name it: `Observation.component.code`.
    fn definition_path(&self) -> Option<String> {
        let within = self.resources.last()?;
        let mut path = within.resource.get("resourceType")?.as_str()?.to_owned();
        for step in &self.path[within.depth..] {
            if let Step::Field(name) = step {
                path.push('.');
                path += name;
            }
        }
        Some(path)
    }

    /// Anything with a start and an end that are dates: Period, Appointment, Slot.
    fn check_period(&mut self, object: &Map<String, Value>) {
        let text = |field: &str| object.get(field).and_then(Value::as_str).and_then(Span::parse);
        if let (Some(start), Some(end)) = (text("start"), text("end"))
            && end.until <= start.from
        {
            self.refuse(&["end"], Fault::Order { other: "start" });
        }
    }

    /// Anything with a system and a code: Coding, Quantity.
    fn check_code(&mut self, object: &Map<String, Value>) {
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        if let (Some(system), Some(code)) = (text("system"), text("code"))
            && let Some(fault) = codes::check(system, code)
        {
            self.refuse(&["code"], fault);
        }
    }
}
