//! JSON in which no object has a key twice: where one has, two readers may see two records.

use core::{cell::RefCell, fmt};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::refusal::push_field;

/// Why bytes are not JSON that every reader reads alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It looks like XML.
    #[error("this is XML: export it as FHIR JSON")]
    Xml,
    /// Not JSON.
    #[error("not JSON (line {line}, column {column}): export it again")]
    NotJson {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A key twice in one object.
    #[error("{at} stands twice (line {line}, column {column}): no two readers need see the same record")]
    DuplicateKey {
        /// The path of the second.
        at: String,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
}

/// Parse JSON, refusing an object that has a key twice. `root` is what paths begin with.
pub(crate) fn parse(bytes: &[u8], root: &str) -> Result<Value, JsonError> {
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Err(JsonError::Xml);
    }
    let path = RefCell::new(root.to_owned());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = Unique(&path).deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    parsed.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.is_data() {
            JsonError::DuplicateKey { at: path.take(), line, column }
        } else {
            JsonError::NotJson { line, column }
        }
    })
}

/// Reads any JSON value; the one thing it refuses is a key given twice. Holds the path of where it is.
#[derive(Clone, Copy)]
struct Unique<'a>(&'a RefCell<String>);

impl Unique<'_> {
    /// Read one part with its path, and go back.
    fn within<T, E>(self, enter: impl FnOnce(&mut String), read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let length = self.0.borrow().len();
        enter(&mut self.0.borrow_mut());
        // On an error the path stays, to be shown.
        let value = read()?;
        self.0.borrow_mut().truncate(length);
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        loop {
            let enter = |path: &mut String| *path += &format!("[{}]", all.len());
            match self.within(enter, || items.next_element_seed(self))? {
                Some(item) => all.push(item),
                None => return Ok(Value::Array(all)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let value = self.within(
                |path| push_field(path, &key),
                || {
                    if all.contains_key(&key) {
                        return Err(A::Error::custom("a key twice"));
                    }
                    fields.next_value_seed(self)
                },
            )?;
            all.insert(key, value);
        }
        Ok(Value::Object(all))
    }
}
