//! `state`: the latest value of every storage key. A key that went is not there.
//!
//! ```text
//! key    storage key, as metadata declares it
//! value  storage value
//! ```

use super::Column;

pub(crate) struct State;

impl Column for State {
    const NAME: &'static str = "state";
    type Key<'a> = &'a [u8];
    type Value<'a> = &'a [u8];
    type Owned = Vec<u8>;

    fn key(key: &[u8]) -> Vec<u8> {
        key.to_vec()
    }

    fn value(value: &[u8]) -> Vec<u8> {
        value.to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}
