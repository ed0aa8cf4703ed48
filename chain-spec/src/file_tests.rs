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
    assert!(
        error.contains("genesis.validators[1].authority: the same key as genesis.validators[0].authority"),
        "{error}"
    );
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
fn a_key_for_two_purposes_is_refused_with_both_its_places() {
    let network = presets::local(2, 1).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&network.spec.to_json()).unwrap();
        change(&mut value);
        ChainSpec::parse(&value.to_string()).unwrap_err().to_string()
    };
    let same = |field: &str, other: &str| {
        format!("chain spec, field {field}: the same key as {other}: each purpose has its own")
    };
    let council = network.council.public();
    let [first, second] = &network.validators[..] else { panic!("two validators") };
    let (authority, network) = (first.authority.public(), first.network.public());
    for (place, name, key, field, other) in [
        (0, "authority", council, "genesis.validators[0].authority", "genesis.council.members[0]"),
        (0, "peer_id", council, "genesis.validators[0].peer_id", "genesis.council.members[0]"),
        (0, "peer_id", authority, "genesis.validators[0].peer_id", "genesis.validators[0].authority"),
        (1, "authority", authority, "genesis.validators[1].authority", "genesis.validators[0].authority"),
        (1, "authority", network, "genesis.validators[1].authority", "genesis.validators[0].peer_id"),
        (1, "peer_id", network, "genesis.validators[1].peer_id", "genesis.validators[0].peer_id"),
        (1, "peer_id", authority, "genesis.validators[1].peer_id", "genesis.validators[0].authority"),
        (0, "authority", second.network.public(), "genesis.validators[1].peer_id", "genesis.validators[0].authority"),
    ] {
        let text = if name == "authority" { key.to_string() } else { crate::peer_id_of(&key) };
        let error = with(&|spec| spec["genesis"]["validators"][place][name] = json!(text));
        assert_eq!(error, same(field, other));
    }
}

#[test]
fn weak_keys_are_named_by_their_field() {
    let mut weak = AccountId([0; 32]);
    weak.0[0] = 1;
    let error = refused(|spec| spec["genesis"]["validators"][0]["authority"] = json!(weak.to_string()));
    assert!(error.starts_with("chain spec, field genesis.validators[0].authority: a weak key"), "{error}");
    let error = refused(|spec| spec["genesis"]["validators"][0]["peer_id"] = json!(crate::peer_id_of(&weak)));
    assert!(error.starts_with("chain spec, field genesis.validators[0].peer_id: a weak key"), "{error}");
}

#[test]
fn more_validators_than_a_set_takes_are_refused() {
    let network = presets::local(101, 1).unwrap();
    let error = ChainSpec::parse(&network.spec.to_json()).unwrap_err().to_string();
    assert_eq!(error, "chain spec, field genesis.validators: 101 validators, the limit is 100");
}

#[test]
fn an_address_that_cannot_be_dialled_is_named_by_its_place() {
    let peer_id = crate::peer_id_of(&presets::development_key("network").public());
    let good = format!("/dns/node.example/tcp/30333/p2p/{peer_id}");
    let mut value: Value = serde_json::from_str(&presets::development().to_json()).unwrap();
    value["bootnodes"] = json!([good]);
    assert_eq!(ChainSpec::parse(&value.to_string()).unwrap().bootnodes, std::slice::from_ref(&good));
    let error = refused(|spec| spec["bootnodes"] = json!([good, "node.example:30333"]));
    assert!(error.starts_with("chain spec, field bootnodes[1]: expected /ip4"), "{error}");
    let error = refused(|spec| spec["bootnodes"] = json!(vec![good.clone(); 101]));
    assert_eq!(error, "chain spec, field bootnodes: 101 addresses, the limit is 100");
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
    assert!(error.contains("genesis.validators[0].authority: this is a published development key"), "{error}");
    let fresh = presets::local(1, 1).unwrap().spec.to_json();
    for (name, field) in [("network", "genesis.validators[0].peer_id"), ("council", "genesis.council.members[0]")] {
        let mut value: Value = serde_json::from_str(&fresh).unwrap();
        let key = presets::development_key(name).public();
        match name {
            "network" => value["genesis"]["validators"][0]["peer_id"] = json!(crate::peer_id_of(&key)),
            _ => value["genesis"]["council"]["members"][0] = json!(key.to_string()),
        }
        let error = ChainSpec::parse(&value.to_string()).unwrap_err().to_string();
        assert!(error.contains(&format!("field {field}: this is a published development key")), "{error}");
    }
}
