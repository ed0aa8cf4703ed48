//! Nodes that have no place in a network: unlisted ones, those of another chain.

use std::{fs, time::Instant};

use serde_json::Value;

use crate::{
    cluster::{BACK_WITHIN, Cluster, PATIENCE, until},
    member::Member,
    node::{salus_node, words},
};

/// A node with fresh keys in a folder of the network's.
pub fn fresh(cluster: &Cluster, name: &str) -> Member {
    let (spec, base) = (cluster.path("chain.json"), cluster.path(name));
    let (chain, folder) = (spec.display().to_string(), base.display().to_string());
    let made = salus_node(["key", "generate", "--chain", &chain, "--base-path", &folder]);
    assert!(made.status.success(), "{}", words(&made));
    Member::new(name, &spec, &base)
}

#[test]
fn an_unlisted_node_is_refused_and_the_others_go_on() {
    let cluster = Cluster::of(4);
    cluster.goes_on(0, PATIENCE);
    let mut stranger = fresh(&cluster, "stranger");
    stranger.spawn(&cluster.addresses_for(usize::MAX));
    stranger.wait_until_ready();
    for node in cluster.running() {
        until(PATIENCE, || (node.metric("network_refused_unlisted") > 0).then_some(()))
            .unwrap_or_else(|| panic!("{} has refused nobody", node.name));
    }
    for number in 0..4 {
        cluster.goes_on(number, PATIENCE);
    }
    assert_eq!(stranger.height(), 0, "a stranger follows");
    assert!(stranger.metric("network_refused_by_peer") > 0, "it does not know why it is alone");
    cluster.wait_until_in_touch();
    cluster.agree();
}

#[test]
fn a_node_of_another_genesis_is_refused_even_with_a_listed_key_and_is_in_soon_after_it_was_mended() {
    let mut cluster = Cluster::of(4);
    cluster.goes_on(0, PATIENCE);
    let bootnodes = cluster.addresses_for(3);
    cluster.stop(&[3]);

    // The same keys, and a chain that differs in one field.
    let mut spec: Value =
        serde_json::from_slice(&fs::read(cluster.path("chain.json")).expect("it is there")).expect("JSON");
    spec["genesis"]["time"] = 1_700_000_000_000u64.into();
    let (file, base) = (cluster.path("other.json"), cluster.path("other"));
    fs::write(&file, spec.to_string()).expect("a file can be written");
    fs::create_dir_all(base.join("local")).expect("a folder can be made");
    for key in ["validator", "network"] {
        let to = base.join("local/keys").join(key);
        fs::create_dir_all(base.join("local/keys")).expect("a folder can be made");
        fs::copy(cluster.nodes[3].file("keys").join(key), to).expect("a key can be copied");
    }
    let mut other = Member::new("other", &file, &base).argument("--validator");
    other.spawn(&bootnodes);
    other.wait_until_ready();
    until(PATIENCE, || (other.metric("network_wrong_genesis") > 0).then_some(())).expect("it hears that it is wrong");
    let refused = || cluster.running().map(|node| node.metric("network_wrong_genesis")).sum::<u64>();
    until(PATIENCE, || (refused() > 0).then_some(())).expect("somebody refused it");
    for number in 0..3 {
        cluster.goes_on(number, PATIENCE);
    }
    assert_eq!(other.height(), 0, "one of four finalises alone");

    // Its operator finds the right specification.
    other.stop();
    let mended = Instant::now();
    cluster.start(3);
    cluster.wait_for(cluster.tip(), BACK_WITHIN);
    cluster.goes_on(3, BACK_WITHIN.saturating_sub(mended.elapsed()));
    cluster.agree();
}
