//! What a node refuses to start on: a bad specification, another chain's database, a folder in use.

use std::path::Path;

use serde_json::Value;

use crate::{
    chain::{Chain, specification},
    node::{BAD_DISK, End, Node, salus_node, words},
};

/// Exit code for configuration, as service managers know it.
const BAD_CONFIGURATION: Option<i32> = Some(78);

fn refused(plan: crate::node::Plan) -> End {
    match plan.try_start() {
        Ok(_) => panic!("the node started"),
        Err(end) => end,
    }
}

/// What is wrong, how to make it so, and what the refusal says.
type Case = (&'static str, fn(&mut Value), &'static str);

#[test]
fn a_specification_at_fault_is_refused_by_the_name_of_its_field() {
    let cases: [Case; 7] = [
        (
            "the same validator twice",
            |spec| {
                let first = spec["genesis"]["validators"][0].clone();
                spec["genesis"]["validators"].as_array_mut().expect("a list").push(first);
            },
            "field genesis.validators[1].authority: the same key as genesis.validators[0].authority",
        ),
        (
            "no validator",
            |spec| spec["genesis"]["validators"] = Value::Array(vec![]),
            "field genesis.validators: a chain needs at least one validator",
        ),
        ("no council", |spec| spec["genesis"]["council"]["members"] = Value::Array(vec![]), "field genesis"),
        (
            "a mistyped key",
            |spec| spec["genesis"]["validators"][0]["authority"] = "5Grwva".into(),
            "field genesis.validators[0].authority",
        ),
        ("an unknown field", |spec| spec["genesis"]["colour"] = "red".into(), "field genesis"),
        ("a later format", |spec| spec["format"] = 2.into(), "field format: 2"),
        ("published keys on a live chain", |spec| spec["kind"] = "live".into(), "published development key"),
    ];
    for (case, change, expected) in cases {
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let file = specification(folder.path(), change);
        let end = refused(Node::dev().chain(&file));
        assert_eq!(end.code, BAD_CONFIGURATION, "{case}: {}", end.log);
        assert!(end.log.contains(expected), "{case}: {}", end.log);
        let checked = salus_node(["chain-spec", "check", &file.display().to_string()]);
        assert!(!checked.status.success() && words(&checked).contains(expected), "{case}: {}", words(&checked));
    }
    let missing = refused(Node::dev().chain(Path::new("no-such-file.json")));
    assert_eq!(missing.code, BAD_CONFIGURATION, "{}", missing.log);
    assert!(missing.log.contains("no-such-file.json"), "{}", missing.log);
}

#[test]
fn a_database_of_another_chain_is_refused_and_left_as_it_is() {
    let mut node = Node::dev().start();
    let height = Chain::of(&node).grow(2);
    node.stop();

    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let file = specification(folder.path(), |spec| spec["genesis"]["time"] = 1_700_000_000_000u64.into());
    let end = refused(Node::dev().chain(&file).folder(node.folder()));
    assert_eq!(end.code, BAD_DISK, "{}", end.log);
    for words in ["chain \"dev\" with genesis", "this node is started for", "name another folder"] {
        assert!(end.log.contains(words), "{words:?}: {}", end.log);
    }
    node.restart();
    assert!(Chain::of(&node).height().expect("it serves") >= height);
}

#[test]
fn a_second_node_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let mut node = Node::dev().start();
    let mut chain = Chain::of(&node);
    chain.grow(1);
    // Plain processes: the address file must stay the first node's.
    let base = node.folder().display().to_string();
    let out = node.folder().join("blocks").display().to_string();
    for arguments in [
        &["run", "--dev", "--base-path", &base, "--rpc-port", "0"][..],
        &["check", "--dev", "--base-path", &base],
        &["export", "--chain", "dev", "--base-path", &base, "--out", &out],
    ] {
        let second = salus_node(arguments);
        assert_eq!(second.status.code(), BAD_DISK, "{arguments:?}: {}", words(&second));
        assert!(words(&second).contains("is open in another process"), "{arguments:?}: {}", words(&second));
    }
    assert!(node.is_running());
    chain.grow(1);
    assert_eq!(node.address(), node.address());
    node.stop();
}

#[test]
fn a_port_in_use_is_refused_by_name() {
    let node = Node::dev().start();
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let base = folder.path().display().to_string();
    let port = node.address().port().to_string();
    let second = salus_node(["run", "--dev", "--base-path", &base, "--rpc-port", &port]);
    assert!(!second.status.success());
    assert!(words(&second).contains(&port), "the address is missing: {}", words(&second));
}
