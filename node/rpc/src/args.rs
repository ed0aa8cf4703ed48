//! The parameters of a call: by place or by name, trailing optional ones left out or `null`.

use salus_primitives::{Hash, RawExtrinsic};
use serde_json::Value;

use crate::{error::RpcError, hexes, table::Param};

/// A call's parameters, one value per row of the method's table; `null` where none was given.
#[derive(Clone, Debug)]
pub struct Args {
    values: Vec<Value>,
    names: &'static [Param],
}

impl Args {
    /// Read the `params` member of a request; none when it was absent or `null`.
    ///
    /// # Errors
    /// [`RpcError::Params`] when it is not a list or an object, has too many entries, an unknown name, or lacks a
    /// parameter that must be there.
    pub fn parse(raw: Option<&str>, names: &'static [Param]) -> Result<Self, RpcError> {
        let value = match raw {
            None => Value::Null,
            Some(text) => serde_json::from_str(text).map_err(|_| RpcError::Params("params is no JSON".into()))?,
        };
        let mut values = match value {
            Value::Null => Vec::new(),
            Value::Array(values) => values,
            Value::Object(mut map) => {
                let values = names.iter().map(|param| map.remove(param.name).unwrap_or(Value::Null)).collect();
                if !map.is_empty() {
                    let known: Vec<_> = names.iter().map(|param| param.name).collect();
                    return Err(RpcError::Params(format!("unknown parameter name; known are {}", known.join(", "))));
                }
                values
            }
            _ => return Err(RpcError::Params("params must be a list or an object".into())),
        };
        if values.len() > names.len() {
            let text = format!("{} parameters given, at most {} are taken", values.len(), names.len());
            return Err(RpcError::Params(text));
        }
        values.resize(names.len(), Value::Null);
        if let Some(missing) = names.iter().zip(&values).find(|(param, value)| param.required && value.is_null()) {
            return Err(RpcError::Params(format!("parameter `{}` is missing", missing.0.name)));
        }
        Ok(Self { values, names })
    }

    /// The raw value at a place; `null` when absent.
    pub fn value(&self, place: usize) -> &Value {
        self.values.get(place).unwrap_or(&Value::Null)
    }

    /// A refusal that names the parameter.
    pub fn wrong(&self, place: usize, expected: &str) -> RpcError {
        let name = self.names.get(place).map_or("?", |param| param.name);
        RpcError::Params(format!("parameter `{name}` must be {expected}"))
    }

    /// A text.
    ///
    /// # Errors
    /// [`RpcError::Params`] when it is something else, as all below.
    pub fn text(&self, place: usize) -> Result<&str, RpcError> {
        self.value(place).as_str().ok_or_else(|| self.wrong(place, "a string"))
    }

    /// Bytes in hex.
    ///
    /// # Errors
    /// [`RpcError::Params`].
    pub fn bytes(&self, place: usize) -> Result<Vec<u8>, RpcError> {
        self.value(place).as_str().and_then(hexes::decode).ok_or_else(|| self.wrong(place, "bytes in hex"))
    }

    /// Bytes in hex, or none.
    ///
    /// # Errors
    /// [`RpcError::Params`].
    pub fn optional_bytes(&self, place: usize) -> Result<Option<Vec<u8>>, RpcError> {
        if self.value(place).is_null() { Ok(None) } else { self.bytes(place).map(Some) }
    }

    /// A list of bytes in hex, at most `max` of them.
    ///
    /// # Errors
    /// [`RpcError::Params`], or [`RpcError::TooMuch`] for a longer list.
    pub fn bytes_list(&self, place: usize, max: usize) -> Result<Vec<Vec<u8>>, RpcError> {
        let list = self.value(place).as_array().ok_or_else(|| self.wrong(place, "a list of bytes in hex"))?;
        if list.len() > max {
            return Err(RpcError::TooMuch { what: "keys", found: list.len(), max });
        }
        list.iter()
            .map(|item| item.as_str().and_then(hexes::decode))
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(place, "a list of bytes in hex"))
    }

    /// A block hash.
    ///
    /// # Errors
    /// [`RpcError::Params`].
    pub fn hash(&self, place: usize) -> Result<Hash, RpcError> {
        self.value(place).as_str().and_then(hexes::decode_hash).ok_or_else(|| self.wrong(place, "32 bytes in hex"))
    }

    /// A block hash, or none.
    ///
    /// # Errors
    /// [`RpcError::Params`].
    pub fn optional_hash(&self, place: usize) -> Result<Option<Hash>, RpcError> {
        if self.value(place).is_null() { Ok(None) } else { self.hash(place).map(Some) }
    }

    /// A whole number as JSON number or as hex text.
    ///
    /// # Errors
    /// [`RpcError::Params`].
    pub fn number(&self, place: usize) -> Result<u64, RpcError> {
        self.optional_number(place)?.ok_or_else(|| self.wrong(place, "a whole number, or one in hex"))
    }

    /// A whole number as JSON number or as hex text, or none.
    ///
    /// # Errors
    /// [`RpcError::Params`].
    pub fn optional_number(&self, place: usize) -> Result<Option<u64>, RpcError> {
        let number = match self.value(place) {
            Value::Null => return Ok(None),
            Value::Number(number) => number.as_u64(),
            // `from_str_radix` takes a sign; a number on the wire has none.
            Value::String(text) => text
                .strip_prefix("0x")
                .filter(|digits| !digits.starts_with('+'))
                .and_then(|digits| u64::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.wrong(place, "a whole number, or one in hex"))
    }

    /// A yes or no.
    ///
    /// # Errors
    /// [`RpcError::Params`].
    pub fn flag(&self, place: usize) -> Result<bool, RpcError> {
        self.value(place).as_bool().ok_or_else(|| self.wrong(place, "true or false"))
    }

    /// An extrinsic in hex, its length prefix included.
    ///
    /// # Errors
    /// [`RpcError::Params`] when it is no hex, [`RpcError::BadFormat`] or [`RpcError::ExtrinsicTooLarge`] when it is
    /// no extrinsic.
    pub fn extrinsic(&self, place: usize) -> Result<RawExtrinsic, RpcError> {
        Ok(RawExtrinsic::from_wire(&self.bytes(place)?)?)
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
