//! A specification reads back, and each mistake is named by its field.

use serde_json::{Value, json};

use super::*;
use crate::presets;

fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(&presets::development().to_json()).unwrap();
    change(&mut value);
    ChainSpec::parse(&value.to_string()).unwrap_err().to_string()
}

#[test]
fn the_presets_read_back_from_their_own_text() {
    let dev = presets::development();
    assert_eq!(ChainSpec::parse(&dev.to_json()).unwrap(), dev);
    let local = presets::local(4, 1_800_000_000_000).unwrap();
    assert_eq!(ChainSpec::parse(&local.spec.to_json()).unwrap(), local.spec);
    assert_eq!(local.validators.len(), 4);
}

#[test]
fn two_local_networks_share_no_key_and_none_is_published() {
    let (one, two) = (presets::local(1, 1).unwrap(), presets::local(1, 1).unwrap());
    assert_ne!(one.spec.genesis.council, two.spec.genesis.council);
    assert_ne!(one.spec.genesis.validators, two.spec.genesis.validators);
    assert!(!presets::is_published(&one.council.public()));
    assert!(presets::is_published(&presets::development_key("validator").public()));
}

#[test]
fn a_misspelt_field_is_named() {
    let error = refused(|spec| spec["genesis"]["parameters"]["root_dely"] = json!(1));
    assert!(error.contains("genesis.parameters") && error.contains("root_dely"), "{error}");
}

#[test]
fn a_field_of_the_wrong_kind_is_named() {
    let error = refused(|spec| spec["genesis"]["validators"][0]["authority"] = json!(7));
    assert!(error.contains("genesis.validators[0].authority"), "{error}");
}

#[test]
fn a_chain_without_validators_is_refused() {
    let error = refused(|spec| spec["genesis"]["validators"] = json!([]));
    assert_eq!(error, "chain spec, field genesis.validators: a chain needs at least one validator");
}

#[test]
fn a_validator_that_stands_twice_is_refused() {
    let error = refused(|spec| {
        let first = spec["genesis"]["validators"][0].clone();
        spec["genesis"]["validators"].as_array_mut().unwrap().push(first);
    });
    assert!(error.contains("genesis.validators[1].authority: the same key as genesis.validators[0]"), "{error}");
}

#[test]
fn a_mistyped_address_is_named() {
    let error = refused(|spec| spec["genesis"]["council"]["members"][0] = json!("5Grwva"));
    assert!(error.starts_with("chain spec, field genesis.council.members[0]:"), "{error}");
}

#[test]
fn a_council_that_can_never_agree_is_refused() {
    let error = refused(|spec| spec["genesis"]["council"]["threshold"] = json!(2));
    assert!(error.starts_with("chain spec, field genesis: council:"), "{error}");
}

#[test]
fn one_key_for_two_purposes_is_refused() {
    let error = refused(|spec| {
        spec["genesis"]["validators"][0]["authority"] = spec["genesis"]["council"]["members"][0].clone();
    });
    assert!(error.contains("genesis.validators[0].authority: this key is a council member's too"), "{error}");
    let error = refused(|spec| {
        let authority = presets::development_key("validator").public();
        spec["genesis"]["validators"][0]["peer_id"] = json!(crate::peer_id_of(&authority));
    });
    assert!(error.contains("genesis.validators[0].peer_id: the network key is the authority key"), "{error}");
}

#[test]
fn a_parameter_out_of_bounds_is_named() {
    let error = refused(|spec| spec["genesis"]["parameters"]["block_interval_min"] = json!(0));
    assert!(error.contains("parameter block_interval_min is 0"), "{error}");
}

#[test]
fn another_format_and_trailing_text_are_refused() {
    assert_eq!(refused(|spec| spec["format"] = json!(2)), "chain spec, field format: 2, this release reads format 1");
    let text = presets::development().to_json() + "x";
    assert!(ChainSpec::parse(&text).unwrap_err().to_string().contains("end of file"));
}

#[test]
fn published_keys_are_refused_outside_development() {
    let error = refused(|spec| spec["kind"] = json!("live"));
    assert!(error.contains("is a published development key"), "{error}");
}
