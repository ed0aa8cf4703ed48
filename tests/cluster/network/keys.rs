//! Keys and clocks that are not as they should be: one key for two purposes, two processes with one key, a wrong clock.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    cluster::{BACK_WITHIN, Cluster, PATIENCE, until},
    member::{Member, tail},
    node::salus_node,
};

/// Exit code for configuration, as service managers know it.
const BAD_CONFIGURATION: Option<i32> = Some(78);

#[track_caller]
fn refused_with(cluster: &mut Cluster, words: &str) {
    cluster.spawn(0);
    let status = cluster.nodes[0].wait_for_end();
    let log = cluster.nodes[0].log();
    assert_eq!(status.code(), BAD_CONFIGURATION, "{log}");
    assert!(log.contains(words), "{words:?} is missing in {log}");
}

#[test]
fn a_node_does_not_start_with_one_key_for_two_purposes() {
    let mut cluster = Cluster::prepared(4);
    let keys = |name: &str| cluster.nodes[0].file("keys").join(name);
    let (validator, network, council) = (keys("validator"), keys("network"), cluster.path("council"));
    let others = cluster.nodes[1].file("keys").join("validator");
    let (own_validator, own_network) = (fs::read(&validator).expect("a key"), fs::read(&network).expect("a key"));

    fs::write(&network, &own_validator).expect("a key can be replaced");
    refused_with(&mut cluster, "the validator's and the network's key are the same");
    fs::copy(&council, &network).expect("a key can be replaced");
    refused_with(&mut cluster, "the network's key");
    fs::copy(&others, &network).expect("a key can be replaced");
    refused_with(&mut cluster, "serves this chain as Authority");
    fs::write(&network, &own_network).expect("a key can be replaced");
    fs::copy(&council, &validator).expect("a key can be replaced");
    refused_with(&mut cluster, "is an account of this chain");
    fs::write(&validator, &own_validator).expect("a key can be replaced");
    cluster.start(0);
}

#[test]
fn blocks_of_a_clock_that_is_eight_seconds_off_are_refused_and_the_others_go_on() {
    let mut cluster = Cluster::prepared(4);
    let late = cluster.nodes.pop().expect("there are four");
    cluster.nodes.push(late.argument("--clock-offset-ms=8000"));
    for number in 0..4 {
        cluster.start(number);
    }
    cluster.wait_until_in_touch();
    // Every validator's turn comes, also that of the wrong clock.
    for number in 0..8 {
        cluster.goes_on(number % 3, PATIENCE);
    }
    for node in &cluster.nodes[..3] {
        assert!(node.metric("blocks_untimely") > 0, "{} has not refused a block", node.name);
        assert_eq!(node.metric("evidence"), 0, "{}: a wrong clock is no crime", node.name);
    }
    assert!(cluster.nodes[3].log().contains("this node's clock is wrong on purpose"));
    cluster.agree();
}

#[test]
fn two_processes_with_the_same_keys_do_not_fork_the_chain() {
    let mut cluster = Cluster::of(4);
    cluster.goes_on(0, PATIENCE);
    // The same keys in a folder without the first one's history, as after a careless move to another machine.
    let base = cluster.path("twin");
    fs::create_dir_all(base.join("local/keys")).expect("a folder can be made");
    for key in ["validator", "network"] {
        let from = cluster.nodes[3].file("keys").join(key);
        fs::copy(from, base.join("local/keys").join(key)).expect("a key can be copied");
    }
    let mut twin = Member::new("twin", &cluster.path("chain.json"), &base).argument("--validator");
    let bootnodes = cluster.addresses_for(3);
    // The two take each other's connections away, so either may lag behind: the other three are looked at.
    let first = cluster.nodes.pop().expect("there are four");
    twin.spawn(&bootnodes);
    twin.wait_until_ready();
    for number in 0..9 {
        cluster.goes_on(number % 3, PATIENCE);
    }
    // Whatever the two said, each height has one block, for them too as far as they came.
    let tip = cluster.agree();
    let mut chain = cluster.nodes[0].chain();
    for one in [&first, &twin] {
        let mut other = one.chain();
        for height in 1..=one.height().min(tip) {
            let (here, there) = (chain.block(height).expect("it serves"), other.block(height).expect("it serves"));
            assert_eq!(here.map(|block| block.hash), there.map(|block| block.hash), "a fork at height {height}");
        }
    }
    let evidence: u64 = cluster.running().map(|node| node.metric("evidence")).sum();
    let validators = cluster.nodes[0].metric("validators");
    println!(
        "two processes with one key: {evidence} pairs of contradicting messages noted, {validators} validators are \
         left, the two are at {} and {} of {tip}",
        first.height(),
        twin.height(),
    );
    assert!(validators == 4 || evidence > 0, "nobody is struck without evidence");
}

#[test]
fn a_second_process_with_the_validators_key_and_another_network_key_reaches_nobody() {
    let cluster = Cluster::of(4);
    cluster.goes_on(0, PATIENCE);
    let base = cluster.path("double");
    fs::create_dir_all(base.join("local/keys")).expect("a folder can be made");
    let from = cluster.nodes[3].file("keys").join("validator");
    fs::copy(from, base.join("local/keys/validator")).expect("a key can be copied");
    let mut double = Member::new("double", &cluster.path("chain.json"), &base).argument("--validator");
    double.spawn(&cluster.addresses_for(usize::MAX));
    double.wait_until_ready();
    assert_ne!(double.key("network").public(), cluster.nodes[3].key("network").public());
    until(PATIENCE, || (double.metric("network_refused_by_peer") >= 4).then_some(())).expect("each refuses it");
    // It may sign what it likes: nobody hears it, and the one that is listed goes on.
    for number in 0..8 {
        cluster.goes_on(number % 4, PATIENCE);
    }
    assert_eq!(double.height(), 0, "it follows, or decides alone");
    for node in cluster.running() {
        assert_eq!((node.metric("evidence"), node.metric("validators")), (0, 4), "{}", node.name);
    }
    cluster.agree();
}

/// What `salus-node status` says of a node, in one word and in a sentence.
fn status(cluster: &Cluster, node: &Member) -> (String, String) {
    let (spec, base) = (cluster.path("chain.json").display().to_string(), node.base.display().to_string());
    let output = salus_node(["status", "--chain", &spec, "--base-path", &base, "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let part = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    (part("state"), part("advice"))
}

#[test]
fn a_validator_restored_from_an_old_copy_catches_up_signs_nothing_until_that_is_safe_and_says_why() {
    let mut cluster = Cluster::of(4);
    cluster.goes_on(3, PATIENCE);
    cluster.stop(&[3]);
    let (base, copy) = (cluster.nodes[3].base.clone(), cluster.path("copy"));
    copy_folder(&base, &copy);
    cluster.start(3);
    cluster.wait_until_in_touch();
    for number in 0..16 {
        cluster.goes_on(number % 4, PATIENCE);
    }
    // The disk is lost, and somebody restores what was copied long ago, the signer's record in it.
    cluster.kill(&[3]);
    fs::remove_dir_all(&base).expect("a folder can be removed");
    copy_folder(&copy, &base);
    cluster.goes_on(0, PATIENCE);
    let tip = cluster.tip();
    cluster.start(3);
    cluster.wait_for(tip, BACK_WITHIN);
    let told =
        until(PATIENCE, || Some(status(&cluster, &cluster.nodes[3])).filter(|(state, _)| state == "not-signing"));
    let (_, advice) = told.unwrap_or_else(|| panic!("it does not say so:\n{}", tail(&cluster.nodes[3].log())));
    assert!(advice.contains("no other process uses this key"), "{advice}");
    assert_eq!(cluster.nodes[3].metric("signer_records_old"), 1);
    let log = cluster.nodes[3].log();
    assert!(log.contains("the folder is an old copy, or another process uses the key"), "{log}");

    // The others decide without it. Then it signs again by itself, so that another may go.
    cluster.wait_until_in_touch();
    for number in 0..8 {
        cluster.goes_on(number % 4, PATIENCE);
    }
    let (state, advice) = status(&cluster, &cluster.nodes[3]);
    assert_eq!(state, "in-sync", "{advice}");
    assert!(cluster.nodes[3].metric("heights_observed") >= 2);
    cluster.stop(&[2]);
    for number in [3, 0, 1, 3] {
        cluster.goes_on(number, PATIENCE);
    }
    for node in cluster.running() {
        assert_eq!(node.metric("evidence"), 0, "{} saw a validator sign two things", node.name);
        assert_eq!(node.metric("validators"), 4);
    }
    cluster.agree();
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("there is a cp");
    assert!(copied.success(), "{} could not be copied", from.display());
}
