//! Reading parameters: by place, by name, and what is refused.

use super::*;
use crate::table::{Shape, optional, required};

const NAMES: &[Param] = &[required("key", Shape::Bytes), optional("hash", Shape::Hash)];

#[test]
fn absent_null_and_empty_params_are_the_same() {
    const ONE: &[Param] = &[optional("hash", Shape::Hash)];
    for raw in [None, Some("null"), Some("[]"), Some("[null]"), Some("{}"), Some(" [ ] ")] {
        assert_eq!(Args::parse(raw, ONE).unwrap().optional_hash(0), Ok(None), "{raw:?}");
    }
}

#[test]
fn params_by_name_stand_in_their_places() {
    let args = Args::parse(Some(r#"{"key":"0x01"}"#), NAMES).unwrap();
    assert_eq!(args.bytes(0), Ok(vec![1]));
    assert_eq!(args.optional_hash(1), Ok(None));
}

#[test]
fn too_many_unknown_and_missing_params_are_refused() {
    for raw in [Some(r#"["0x",null,null]"#), Some(r#"{"key":"0x","nonsense":1}"#), Some("[]"), None, Some("7")] {
        assert!(matches!(Args::parse(raw, NAMES), Err(RpcError::Params(_))), "{raw:?}");
    }
}

#[test]
fn a_number_comes_as_json_or_as_hex_and_never_with_a_sign() {
    const ONE: &[Param] = &[optional("height", Shape::NumberOrHex)];
    let number = |raw| Args::parse(Some(raw), ONE).unwrap().optional_number(0);
    assert_eq!(number("[26]"), Ok(Some(26)));
    assert_eq!(number(r#"["0x1a"]"#), Ok(Some(26)));
    for raw in ["[-1]", "[1.5]", r#"["26"]"#, r#"["0x+1"]"#, r#"["0x"]"#, "[true]"] {
        assert!(number(raw).is_err(), "{raw}");
    }
}

#[test]
fn a_refusal_names_the_parameter_and_does_not_repeat_the_value() {
    let error = Args::parse(Some(r#"["secret"]"#), NAMES).unwrap().bytes(0).unwrap_err();
    assert_eq!(error, RpcError::Params("parameter `key` must be bytes in hex".into()));
}
